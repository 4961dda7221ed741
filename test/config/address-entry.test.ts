import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { loadUpstreams, type Upstreams } from '../../src/config/mcp-json.ts'
import { problemText } from '../../src/model/document.ts'

const folder = mkdtempSync(join(tmpdir(), 'chaperone-address-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const file = join(folder, 'mcp.json')

function one(entry: unknown, env: Record<string, string> = {}): Upstreams {
  writeFileSync(file, JSON.stringify({ mcpServers: { far: entry } }))
  return loadUpstreams(file, env, () => undefined)
}
const ids = (read: Upstreams): readonly string[] =>
  read.problems.map(({ level, id }) => `${level} ${id}`)
const texts = (read: Upstreams): string => read.problems.map(problemText).join('\n')

describe('an address', () => {
  test.each(['url', 'serverUrl', 'httpUrl'])('stands under `%s`', (member) => {
    const read = one(
      {
        [member]: 'https://${HOST:-api.example}/mcp?v=1',
        headers: { Authorization: 'Bearer ${TOKEN}', 'X-Team': '${env:TEAM}' },
        timeout: '90s',
      },
      { TOKEN: 't', TEAM: 'blue' },
    )
    expect(read.problems).toEqual([])
    expect(read.upstreams).toEqual([
      {
        server: 'far',
        kind: 'http',
        url: 'https://api.example/mcp?v=1',
        headers: { Authorization: 'Bearer t', 'X-Team': 'blue' },
        transport: 'auto',
        timeoutMs: 90_000,
        place: { file, line: 1, column: 16 },
      },
    ])
  })

  test.each([
    [undefined, 'auto'],
    ['http', 'auto'],
    ['streamable-http', 'streamable'],
    ['streamableHttp', 'streamable'],
    ['sse', 'sse'],
  ])('of the type %s is spoken to by %s', (type, transport) => {
    const read = one({ ...(type && { type }), url: 'https://a.example' })
    expect(read.problems).toEqual([])
    expect(read.upstreams).toMatchObject([{ transport, url: 'https://a.example/', headers: {} }])
  })

  test.each([
    'http://127.0.0.1:3000/mcp',
    'http://127.9.9.9/',
    'http://localhost:8080/mcp',
    'http://tools.localhost/',
    'http://[::1]:3000/mcp',
    'https://10.0.0.1/mcp',
    'https://xn--bcher-kva.example/mcp',
    'https://a_b.example/mcp',
    'https://bücher.example/mcp',
  ])('may be %s', (url) => {
    expect(ids(one({ url }))).toEqual([])
  })

  test('over plain HTTP to another machine has to be meant', () => {
    for (const url of [
      'http://a.example/mcp',
      'http://10.0.0.1/mcp',
      'http://localhost.evil.example/',
      'http://127.0.0.1.evil.example/',
      'http://[::2]/',
      'http://0.0.0.0/',
    ]) {
      expect(ids(one({ url }))).toEqual(['error insecure_url'])
      expect(ids(one({ url, insecure: false }))).toEqual(['error insecure_url'])
      expect(ids(one({ url, insecure: true }))).toEqual([])
    }
    expect(ids(one({ url: 'http://a.example', insecure: 'yes' }))).toContain('error wrong_type')
  })

  // G21 has the attack classes; these are the shapes that people write by mistake.
  test.each([
    ['ftp://a.example/', 'url_scheme'],
    ['file:///etc/passwd', 'url_scheme'],
    ['ws://a.example/', 'url_scheme'],
    ['a.example/mcp', 'url_syntax'],
    ['//a.example/mcp', 'url_syntax'],
    ['https://', 'url_syntax'],
    ['', 'url_syntax'],
    ['https://a.example/mcp#top', 'url_fragment'],
    ['https://a.example/mcp#', 'url_fragment'],
    ['https://user@a.example/', 'url_credentials'],
    ['https://user:sesame@a.example/', 'url_credentials'],
    ['https://:sesame@a.example/', 'url_credentials'],
  ])('is not %s', (url, id) => {
    const read = one({ url })
    expect(ids(read)).toEqual([`error ${id}`])
    expect(read.upstreams).toEqual([])
    expect(texts(read)).not.toContain('sesame')
    expect(read.problems.every(({ remedy, place }) => remedy && place?.line === 1)).toBe(true)
  })

  test('is refused for what a variable holds as for what is written', () => {
    for (const HOST of ['a.example\r\nHost: b', 'a.example/#', 'u:p@a.example', 'a b'])
      expect(one({ url: 'https://${HOST}/' }, { HOST }).upstreams).toEqual([])
  })

  test('is one, and one way to reach a server is enough', () => {
    const url = 'https://a.example'
    expect(ids(one({ url, serverUrl: url }))).toEqual(['error two_addresses'])
    expect(ids(one({ url, command: 'x' }))).toEqual(['error two_transports'])
    expect(ids(one({ url, type: 'stdio' }))).toEqual(['error two_transports'])
    expect(ids(one({ type: 'http' }))).toEqual(['error missing_url'])
    expect(ids(one({ type: 'http', command: 'x' }))).toContain('error missing_url')
    expect(ids(one({ url, type: 'ws' }))).toEqual(['error unknown_type'])
    expect(ids(one({ url, type: {} }))).toEqual(['error unknown_type'])
    expect(ids(one({ url: 7 }))).toEqual(['error wrong_type'])
  })

  test('leaves alone what only a command has, and a command what only an address has', () => {
    const url = 'https://a.example'
    const read = one({ url, args: ['x'], env: {}, cwd: '/', headersHelper: 'rm -rf /' })
    expect(ids(read)).toEqual([
      'warning unused_member',
      'warning unused_member',
      'warning unused_member',
      'warning unknown_member',
    ])
    expect(Object.keys(read.upstreams[0] ?? {}).toSorted()).toEqual(
      ['server', 'kind', 'url', 'headers', 'transport', 'place'].toSorted(),
    )
    expect(ids(one({ command: 'x', headers: {}, insecure: true }))).toEqual([
      'warning unused_member',
      'warning unused_member',
    ])
  })
})

describe('headers', () => {
  const url = 'https://a.example'

  test.each([
    [[], 'wrong_type'],
    ['Authorization: x', 'wrong_type'],
    [{ 'X-A': 1 }, 'wrong_type'],
    [{ 'X A': 'b' }, 'header_name'],
    [{ 'X:A': 'b' }, 'header_name'],
    [{ 'X\r\nEvil': 'b' }, 'header_name'],
    [{ '': 'b' }, 'header_name'],
    [{ Ünicode: 'b' }, 'header_name'],
    [{ 'X-A': 'b', 'x-a': 'c' }, 'header_name'],
    [{ 'X-A': 'b\r\nX-Evil: c' }, 'header_value'],
    [{ 'X-A': 'b\n' }, 'header_value'],
    [{ 'X-A': 'b\u007f' }, 'hidden_character'],
    [{ 'X-A': '世界' }, 'header_value'],
    [{ 'X-A': 'b\0' }, 'hidden_character'],
    [{ 'X-A': '${UNSET}' }, 'unset_variable'],
  ])('%j are refused', (headers, id) => {
    const read = one({ url, headers })
    expect(ids(read)).toEqual([`error ${id}`])
    expect(read.upstreams).toEqual([])
  })

  test.each(
    'Host Content-Length Connection Keep-Alive Mcp-Session-Id MCP-Protocol-Version Mcp-Param-X Accept Accept-Encoding Content-Type Transfer-Encoding TE Trailer Upgrade Expect Last-Event-ID'.split(
      ' ',
    ),
  )('%s is not for mcp.json to say', (name) => {
    expect(ids(one({ url, headers: { [name]: 'x' } }))).toEqual(['error header_name'])
  })

  test('may hold a line break in no variable either', () => {
    const read = one({ url, headers: { 'X-A': 'Bearer ${T}' } }, { T: 'a\nX-Evil: b' })
    expect(ids(read)).toEqual(['error header_value'])
    expect(texts(read)).not.toContain('Evil')
  })

  test('that are secrets are references; one in clear is told of, and never shown', () => {
    const secret = 'swordfish-swordfish'
    for (const headers of [
      { Authorization: `Bearer ${secret}` },
      { 'X-API-Key': secret },
      { Cookie: `sid=${secret}` },
      { 'X-Whatever': 'ghp_0123456789abcdefghijABCDEFGHIJ012345' },
    ]) {
      const read = one({ url, headers })
      expect(ids(read)).toEqual(['warning secret_in_clear'])
      expect(texts(read)).not.toMatch(/swordfish|ghp_/)
      expect(read.upstreams).toHaveLength(1)
    }
    expect(ids(one({ url, headers: { Authorization: 'Bearer ${T}' } }, { T: secret }))).toEqual([])
    expect(ids(one({ url: `${url}/mcp?api_key=${secret}` }))).toEqual(['warning secret_in_clear'])
    expect(ids(one({ url: `${url}/mcp?api_key=\${T}` }, { T: secret }))).toEqual([])
  })

  test('named like a prototype are headers like any other', () => {
    writeFileSync(file, `{"mcpServers":{"far":{"url":"${url}","headers":{"__proto__":"x"}}}}`)
    const read = loadUpstreams(file, {}, () => undefined)
    for (const upstream of read.upstreams)
      expect(upstream.kind === 'http' && Object.getPrototypeOf(upstream.headers)).toBe(
        Object.prototype,
      )
  })
})
