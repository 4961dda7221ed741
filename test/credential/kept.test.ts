import { describe, expect, test } from 'vitest'
import {
  keptText,
  readKept,
  withClient,
  type Client,
  type Kept,
} from '../../src/credential/kept.ts'

const CLIENT: Client = {
  issuer: 'https://auth.example',
  by: 'registered',
  clientId: 'c',
  clientSecret: 's',
  method: 'client_secret_post',
  redirectUri: 'http://127.0.0.1:8090/callback',
  secretEndsAt: 5,
}
const KEPT: Kept = {
  server: 'far',
  url: 'https://far.example/mcp',
  clients: [
    CLIENT,
    { issuer: 'https://other.example', by: 'document', clientId: 'https://d/c.json' },
  ],
  login: {
    id: 'one',
    issuer: 'https://auth.example',
    clientId: 'c',
    resource: 'https://far.example/mcp',
    scopes: ['read'],
    accessToken: 'a|b.c',
    refreshToken: 'r',
    obtainedAt: 1,
    endsAt: 2,
    tokenEndpoint: 'https://auth.example/token',
    tokenMethods: ['none'],
    revocationEndpoint: 'https://auth.example/revoke',
  },
}

describe('what is kept', () => {
  test('is read as it was written, with and without a login', () => {
    expect(readKept(keptText(KEPT))).toEqual(KEPT)
    const { login: _login, ...rest } = KEPT
    expect(readKept(keptText(rest))).toEqual(rest)
  })

  test.each([
    ['no JSON', '{'],
    ['no object', '[]'],
    ['another form', keptText(KEPT).replace('"v": 1', '"v": 2')],
    ['a token that would be two headers', keptText(KEPT).replace('a|b.c', 'a\\r\\nX-Evil: 1')],
    ['a token with a space', keptText(KEPT).replace('a|b.c', 'a b')],
    ['no token', keptText(KEPT).replace('accessToken', 'token')],
    ['a refresh token that is none', keptText(KEPT).replace('"r"', '"\\u0000"')],
    ['a scope that is none', keptText(KEPT).replace('"read"', '"re ad"')],
    ['a client of no kind', keptText(KEPT).replace('"registered"', '"imagined"')],
    ['a client of nobody', keptText(KEPT).replace('"issuer"', '"whose"')],
    ['a moment that is none', keptText(KEPT).replace('"obtainedAt": 1', '"obtainedAt": 1.5')],
  ])('%s is nothing that was kept', (_what, text) => {
    expect(readKept(text)).toBeUndefined()
  })

  test('has one client for each issuer, the newest, and not without end', () => {
    const newer = { ...CLIENT, clientId: 'newer' }
    expect(withClient(KEPT.clients, newer).map(({ clientId }) => clientId)).toEqual([
      'newer',
      'https://d/c.json',
    ])
    const many = Array.from({ length: 20 }, (_, n) => ({
      ...CLIENT,
      issuer: `https://${n}.example`,
    }))
    expect(many.reduce<readonly Client[]>(withClient, [])).toHaveLength(8)
  })
})
