import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { notCanonical } from '../../src/mandate/uri.ts'
import { call, compiled } from './written.ts'

test.each([
  'file:///srv/catalog/a.txt',
  'file:///srv/catalog/a%20b.txt',
  'file:///',
  'https://example.com',
  'https://example.com/',
  'https://example.com/a/b?x=1&y=..z',
  'https://example.com/?next=https://other.example',
  'demo://resource/static/1',
  'memo:shopping',
  'urn:isbn:0451450523',
  'note://Täglich/ü',
  'file:///srv/..hidden/a..b',
])('%s is canonical', (uri) => {
  expect(notCanonical(uri)).toBeUndefined()
})

test.each([
  '',
  '/srv/a',
  'a.txt',
  'FILE:///srv/a',
  'file:///srv/../etc/passwd',
  'file:///srv/./a',
  'file:///srv/a/..',
  'file:///srv/%2e%2e/etc',
  'file:///srv/%2E%2E/etc',
  'file:///srv/..%2Fetc',
  'file:///srv/a%2fb',
  'file:///srv/a%5Cb',
  'file:///srv/%252e%252e/etc',
  'file:///srv/%00',
  'file:///srv/%0A',
  'file:///srv/%61',
  'file:///srv/a%2',
  'file:///srv/%c3%a4',
  'file:///srv/%C3',
  'file:///srv/%C0%AE%C0%AE/etc',
  'file:///srv/\uFF0E\uFF0E/etc',
  'x:///srv/%EF%BC%8E%EF%BC%8E/etc',
  'file:///srv//a',
  'file:////srv/a',
  'file://localhost/srv/a',
  'file:/srv/a',
  'file:///srv/a?b',
  'file:///srv/a#b',
  'file:///srv/a b',
  'file:///srv/a\\b',
  'file:///srv/a\u0000',
  'file:///srv/a\n',
  'file:///srv/a\u202Eb',
  'file:///srv/u\u0308',
  'note://x/u\u0308',
  'https://user@example.com/',
  'https://user:secret@example.com/',
  'https://EXAMPLE.com/',
  'https://example.com:443/',
  'https://0x7f.1/',
  'https://example.com/a/..;/b',
  'x://host/a;..;/b',
  'x://a@b/c',
  'x:a//b',
  'data:text/plain,<b>',
  'x:{id}',
  `x:${'a'.repeat(4096)}`,
])('%j is not', (uri) => {
  expect(notCanonical(uri)).toBeDefined()
})

const mandate = compiled(`resources:
  "files/file:///srv/catalog/**": { effect: read }
  "files/memo:*": {}
never: ["files/file:///srv/catalog/private/**", "files/file:///srv/catalog/**/hidden"]
`)

describe('a resource', () => {
  const read = (uri: string): string =>
    mandate
      .resource('files', uri)
      .decide(
        call(
          {},
          { action: 'resources/read', resource: { kind: 'resource', server: 'files', uri } },
        ),
      ).reason

  test.each([
    ['file:///srv/catalog/a/b.txt', 'permitted'],
    ['memo:today', 'permitted'],
    ['memo:today/x', 'outside_mandate'],
    ['file:///srv/catalogue/a', 'outside_mandate'],
    ['file:///srv/catalog/../../etc/passwd', 'outside_mandate'],
    ['file:///srv/catalog/%2e%2e/x', 'outside_mandate'],
    ['file:///srv/catalog/private/key', 'forbidden'],
    ['file:///srv/catalog/private/a/key', 'forbidden'],
    ['file:///srv/catalog/a/hidden', 'forbidden'],
    ['file:///srv/catalog/hidden', 'forbidden'],
    ['file:///srv/catalog/{name}', 'outside_mandate'],
  ])('%s is %s', (uri, reason) => {
    expect(read(uri)).toBe(reason)
    expect(mandate.resourceListed('files', uri)).toBe(reason === 'permitted' || uri.includes('{'))
  })

  test('is listed exactly when it can be read, and another server has none of it', () => {
    const part = fc.constantFrom('srv', 'catalog', 'private', 'a', '..', '.', '', '%2e', 'b.txt')
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
        const uri = `file:///${parts.join('/')}`
        expect(mandate.resourceListed('files', uri)).toBe(read(uri) === 'permitted')
        expect(mandate.resourceListed('other', uri)).toBe(false)
      }),
    )
  })
})

test.each([
  ['file:///srv/catalog/{name}', true],
  ['file:///srv/{+path}', true],
  ['file:///{a}/{b}.md', true],
  ['file:///etc/{name}', false],
  ['{+uri}', true],
  ['https://example.com/{id}', false],
  ['memo:{id}', true],
  ['memo:x{id}y', true],
  ['file:///srv/catalog/[x]{id}', false],
])('the template %s is listed: %s', (template, listed) => {
  expect(mandate.templateListed('files', template)).toBe(listed)
  expect(mandate.templateListed('other', template)).toBe(false)
})

test('a template is completed where an expansion could be read, and never read itself', () => {
  const uri = 'file:///srv/catalog/{name}'
  const resource = { kind: 'resource', server: 'files', uri } as const
  const authority = mandate.resource('files', uri)
  expect(authority.decide(call({}, { action: 'completion/complete', resource })).effect).toBe(
    'permit',
  )
  expect(authority.decide(call({}, { action: 'resources/read', resource })).effect).toBe('deny')
})
