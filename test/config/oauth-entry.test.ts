import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { loadUpstreams, type Upstreams } from '../../src/config/mcp-json.ts'
import { problemText } from '../../src/model/document.ts'

const folder = mkdtempSync(join(tmpdir(), 'chaperone-oauth-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const file = join(folder, 'mcp.json')

function one(oauth: unknown, beside: object = {}, env: Record<string, string> = {}): Upstreams {
  const far = { url: 'https://far.example/mcp', oauth, ...beside }
  writeFileSync(file, JSON.stringify({ mcpServers: { far } }))
  return loadUpstreams(file, env, () => undefined)
}
const ids = (read: Upstreams): readonly string[] =>
  read.problems.map(({ level, id }) => `${level} ${id}`)
const texts = (read: Upstreams): string => read.problems.map(problemText).join('\n')

describe('what an entry says of logins', () => {
  test('is read whole, with its variables', () => {
    const oauth = {
      clientId: 'chaperone-${TEAM}',
      clientSecret: '${SECRET}',
      scopes: ['read', 'files:write', 'read'],
      callbackPort: 8090,
      issuer: 'https://auth.example/tenant',
    }
    const read = one(oauth, {}, { TEAM: 'blue', SECRET: 'hush' })
    expect(read.problems).toEqual([])
    expect(read.upstreams).toMatchObject([
      {
        oauth: {
          clientId: 'chaperone-blue',
          clientSecret: 'hush',
          scopes: ['read', 'files:write'],
          callbackPort: 8090,
          issuer: 'https://auth.example/tenant',
        },
      },
    ])
  })

  test('may be nothing, or a document that describes the client', () => {
    expect(one(undefined).upstreams[0]).not.toHaveProperty('oauth')
    expect(one({}).upstreams).toMatchObject([{ oauth: {} }])
    const clientMetadataUrl = 'https://acme.example/chaperone.json'
    const read = one({ clientMetadataUrl })
    expect(read.problems).toEqual([])
    expect(read.upstreams).toMatchObject([{ oauth: { clientMetadataUrl } }])
  })

  test.each([
    ['no map', true],
    ['an id that is no text', { clientId: 7 }],
    ['an empty id', { clientId: '' }],
    ['an id with a line break', { clientId: 'a\nb' }],
    ['a secret without an id', { clientSecret: '${SECRET}' }],
    ['a document over plain HTTP', { clientMetadataUrl: 'http://acme.example/c.json' }],
    ['a document without a path', { clientMetadataUrl: 'https://acme.example' }],
    ['a document of somebody', { clientMetadataUrl: 'https://me:too@acme.example/c.json' }],
    ['an issuer over plain HTTP', { issuer: 'http://auth.example' }],
    ['an issuer with a query', { issuer: 'https://auth.example/?a=1' }],
    ['an issuer that is no URL', { issuer: 'auth.example' }],
    ['a scope of two words', { scopes: ['read write'] }],
    ['a scope with a quote', { scopes: ['a"b'] }],
    ['scopes in one text', { scopes: 'read write' }],
    ['more scopes than anybody means', { scopes: Array.from({ length: 65 }, (_, n) => `s${n}`) }],
    ['a port that is none', { callbackPort: 0 }],
    ['a port too high', { callbackPort: 65_536 }],
    ['a port in quotes', { callbackPort: '8090' }],
  ])('is refused where it is %s', (_what, oauth) => {
    const read = one(oauth, {}, { SECRET: 'hush-hush' })
    expect(ids(read).some((id) => id.startsWith('error'))).toBe(true)
    expect(read.upstreams).toEqual([])
    expect(texts(read)).toMatch(/mcp\.json:1:\d+: .*`far`.* \(.+\)/)
    expect(texts(read)).not.toContain('hush')
  })

  test('a misspelt member is told of, with the nearest', () => {
    const read = one({ clientID: 'x' })
    expect(ids(read)).toEqual(['warning unknown_member'])
    expect(texts(read)).toContain('did you mean `clientId`?')
  })

  test('a secret in clear is told of, and not shown', () => {
    const read = one({ clientId: 'a', clientSecret: 'hush-hush' })
    expect(ids(read)).toEqual(['warning secret_in_clear'])
    expect(texts(read)).not.toContain('hush')
    expect(ids(one({ clientId: 'a', clientSecret: '${S}' }, {}, { S: 'x' }))).toEqual([])
  })

  test('two ways to name the client are one too many', () => {
    const both = { clientId: 'a', clientMetadataUrl: 'https://acme.example/c.json' }
    expect(ids(one(both))).toEqual(['warning two_clients'])
  })

  test.each(['Authorization', 'authorization'])(
    'beside a header `%s` no login is sent, and that is told',
    (name) => {
      const read = one({}, { headers: { [name]: 'Bearer ${T}' } }, { T: 't' })
      expect(ids(read)).toEqual(['warning header_wins'])
      expect(ids(one(undefined, { headers: { [name]: 'Bearer ${T}' } }, { T: 't' }))).toEqual([])
    },
  )

  test('means nothing for a program', () => {
    writeFileSync(file, JSON.stringify({ mcpServers: { near: { command: 'x', oauth: {} } } }))
    expect(ids(loadUpstreams(file, {}, () => undefined))).toEqual(['warning unused_member'])
  })
})
