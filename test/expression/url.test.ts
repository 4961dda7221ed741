/** URLs: only what every parser takes apart alike, against the host, port and path that are permitted. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readUrl } from '../../src/expression/url.ts'
import { anyText, constraint } from './document.ts'

const API = '{ url: { scheme: [https], host: [api.example.com] } }'

describe('url', () => {
  it.each([
    'https://api.example.com',
    'https://api.example.com/',
    'HTTPS://API.example.COM/x',
    'https://api.example.com:443/x?q=a@b:c/d#frag',
    'https://api.example.com?x=1',
    'https://api.example.com#x',
    'https://api.example.com/a%20b/c;d=e,f@g:h',
    'https://api.example.com/?filter[x]={1}|2',
  ])('%s holds', (url) => {
    expect(constraint(API).judge(url)).toBe('holds')
  })

  it.each([
    'http://api.example.com/',
    'https://api.example.com:444/',
    'https://api.example.com:0443/',
    'https://api.example.com:/',
    'https://api.example.com:443443/',
    'https://api.example.com./',
    'https://x.api.example.com/',
    'https://xapi.example.com/',
    'https://api.example.com.evil.net/',
    'https://@api.example.com/',
    'https://u@api.example.com/',
    'https://u:p@api.example.com/',
    'https://api.example.com@evil.net/',
    'https://api.example.com%40evil.net/',
    'https://api.example.com%2f@evil.net/',
    'https://api.example.com%00.evil.net/',
    'https://api%2Eexample%2Ecom/',
    'https://evil.net\\@api.example.com/',
    'https://api.example.com\\.evil.net/',
    'https:\\\\api.example.com/',
    'https:/\\api.example.com/',
    'https:api.example.com/',
    'https:/api.example.com/',
    'https:///api.example.com/',
    '//api.example.com/',
    'api.example.com/',
    ' https://api.example.com/',
    'https://api.example.com/ ',
    'https://api.example.com/a b',
    'https://api.exa\tmple.com/',
    'https://api.example.com/\n',
    'ht\ntps://api.example.com/',
    'https://api.example.com/\u0000',
    'https://api.example.com/\u200b',
    'https://api.example.com/é',
    'https://\u0430pi.example.com/',
    'https://api\u3002example\u3002com/',
    'https://api.example\uff0ecom/',
    'https://ａｐｉ.example.com/',
    'https://api.example.com\u2044x/',
    'https://api.example.\u212aom/',
    'https://api_.example.com/',
    'https://api..example.com/',
    'https://-api.example.com/',
    'https://xn--pi-7ka.example.com/',
    'https://[::1]/',
    'https://127.0.0.1/',
    'https://api.example.com/"',
    'https://api.example.com/<x>',
    'view-source:https://api.example.com/',
    'blob:https://api.example.com/x',
    'javascript://api.example.com/%0aalert(1)',
    'data:text/html,https://api.example.com/',
    `https://api.example.com/${'x'.repeat(4096)}`,
    '',
    'https://',
  ])('%j fails', (url) => {
    expect(constraint(API).judge(url)).toBe('fails')
  })

  it('reaches an IP address only in the one spelling that is listed', () => {
    const local = constraint(
      '{ url: { scheme: [http], host: [127.0.0.1, "[::1]"], port: [80, 8080] } }',
    )
    for (const host of ['127.0.0.1', '127.0.0.1:8080', '[::1]', '[::1]:8080'])
      expect(local.judge(`http://${host}/`)).toBe('holds')
    for (const host of [
      '127.1',
      '127.0.1',
      '2130706433',
      '0x7f000001',
      '0x7f.0.0.1',
      '0177.0.0.1',
      '127.0.0.01',
      '127.0.0.1.',
      '①②⑦.0.0.1',
      '[::ffff:127.0.0.1]',
      '[::ffff:7f00:1]',
      '[0:0:0:0:0:0:0:1]',
      '[::0001]',
      '[::1%25lo]',
      '[::1%lo]',
      '[::127.0.0.1]',
      '[64:ff9b::7f00:1]',
      'localhost',
      '127.0.0.1:443',
    ])
      expect(local.judge(`http://${host}/`)).toBe('fails')
  })

  it('limits the path in its canonical form only', () => {
    const v1 = constraint(
      '{ url: { scheme: [https], host: ["*.example.com"], path: ["/v1/**", /health] } }',
    )
    const at = (path: string): string => v1.judge(`https://api.example.com${path}`)
    for (const path of ['/v1/x', '/v1/x/y?z', '/health', '/v1/caf%C3%A9', '/v1/a%20b', '/v1/'])
      expect(at(path)).toBe('holds')
    for (const path of [
      '',
      '/',
      '/v1',
      '/v2/x',
      '/healthz',
      '/V1/x',
      '/v1/../admin',
      '/v1/./x',
      '/v1//x',
      '//v1/x',
      '/v1/%2e%2e/admin',
      '/v1/%252e%252e/admin',
      '/v1/..%2fadmin',
      '/v1/x%2fy',
      '/v1/%5cx',
      '/v1/%00',
      '/v1/..;/admin',
      '/v1/%41',
      '/v1/%zz',
      '/v1/%',
      '/v1/%c0%ae',
      '/%76%31/x',
      '/v1/..',
      '/v1/%2E.',
    ])
      expect(at(path)).toBe('fails')
    expect(v1.judge('https://example.com/v1/x')).toBe('fails')
  })

  it('what is read is what the WHATWG parser reads', () => {
    const piece = fc.constantFrom(
      'https',
      'http',
      'HTTPS',
      ':',
      '//',
      '/',
      '\\',
      '@',
      '.',
      '..',
      'api',
      'example',
      'com',
      'evil.net',
      '?',
      '#',
      '%2e',
      '%40',
      ':443',
      ':80',
      ':8443',
      '[',
      ']',
      '::1',
      '127.0.0.1',
      '0x7f',
      '\t',
      ' ',
      'é',
      '。',
    )
    const start = fc.constantFrom('', 'https://', 'https://api.example.com', 'http://api.')
    const urls = fc
      .tuple(start, fc.array(piece, { maxLength: 8 }))
      .map(([head, pieces]) => head + pieces.join(''))
    fc.assert(
      fc.property(urls, (text) => {
        const read = readUrl(text)
        fc.pre(read !== undefined)
        const url = new URL(text)
        expect(url.protocol).toBe(`${read.scheme}:`)
        expect(url.hostname).toBe(read.host)
        expect(url.username + url.password).toBe('')
        const port = url.port === '' ? { http: 80, https: 443 }[read.scheme] : Number(url.port)
        expect(port).toBe(read.port)
      }),
      { numRuns: 3000 },
    )
  })

  it('never throws, whatever the text', () => {
    fc.assert(
      fc.property(anyText, fc.webUrl(), (text, url) => {
        expect(['holds', 'fails']).toContain(constraint(API).judge(text))
        expect(constraint(API).judge(url + text)).toBe('fails')
      }),
    )
  })
})
