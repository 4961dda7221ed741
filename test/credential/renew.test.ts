/** A token that is renewed at an authorization server of flesh and blood, as the SDK asks for it. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { renew } from '../../src/credential/oauth/token.ts'
import type { Client, Login } from '../../src/credential/kept.ts'
import { fetchFor } from '../../src/credential/where.ts'
import { fetchWith } from '../../src/proxy/upstream/http/fetch.ts'
import {
  authorizationServer,
  type Answer,
  type AuthorizationServer,
} from '../fakes/authorization-server.ts'
import { fakeClock } from '../fakes/clock.ts'

const AT = 'http://127.0.0.1:9/mcp'
const fetch = fetchFor(AT, fetchWith(fakeClock('2026-11-24T10:00:00Z')))
let auth: AuthorizationServer
beforeEach(async () => {
  auth = await authorizationServer()
})
afterEach(() => auth.close())

function login(over: Partial<Login> = {}): Login {
  return {
    id: 'one',
    issuer: auth.issuer,
    clientId: 'c',
    resource: AT,
    scopes: ['read'],
    accessToken: 'access-of-old',
    refreshToken: 'refresh-of-old',
    obtainedAt: 0,
    tokenEndpoint: `${auth.issuer}/token`,
    ...over,
  }
}
const client = (over: Partial<Client> = {}): Client => ({
  issuer: auth.issuer,
  by: 'registered',
  clientId: 'c',
  ...over,
})

function answers(answer: Answer): void {
  auth.instead = ({ path }) => (path === '/token' ? answer : undefined)
}
const GIVEN = { access_token: 'next', token_type: 'bearer', expires_in: 60, scope: 'read write' }

describe('renewing', () => {
  test('sends the refresh token and the resource to the token endpoint, and to nobody else', async () => {
    answers({ body: { ...GIVEN, refresh_token: 'refresh-next' } })
    expect(await renew(login(), client(), fetch)).toEqual({
      accessToken: 'next',
      refreshToken: 'refresh-next',
      scopes: ['read', 'write'],
      lifetimeMs: 60_000,
    })
    expect(auth.visits).toHaveLength(1)
    const [visit] = auth.visits
    expect(Object.fromEntries(visit?.form ?? [])).toEqual({
      grant_type: 'refresh_token',
      refresh_token: 'refresh-of-old',
      resource: AT,
      client_id: 'c',
    })
    expect(visit?.headers.authorization).toBeUndefined()
  })

  test.each([
    ['client_secret_basic', undefined, `Basic ${btoa('c:hush')}`, null],
    ['client_secret_post', undefined, undefined, 'hush'],
    [undefined, ['client_secret_post'], undefined, 'hush'],
    [undefined, undefined, `Basic ${btoa('c:hush')}`, null],
  ])(
    'shows who asks by %s, or by what the server takes (%j)',
    async (method, methods, header, form) => {
      answers({ body: GIVEN })
      await renew(
        login(methods && { tokenMethods: methods }),
        client({ clientSecret: 'hush', ...(method !== undefined && { method }) }),
        fetch,
      )
      expect(auth.visits[0]?.headers.authorization).toBe(header)
      expect(auth.visits[0]?.form.get('client_secret')).toBe(form)
    },
  )

  test.each([
    ['ERR_LOGIN_REFUSED', { status: 400, body: { error: 'invalid_grant' } }, ': invalid_grant'],
    ['ERR_LOGIN_REFUSED', { status: 401, body: { error: 'invalid_client' } }, ': invalid_client'],
    ['ERR_LOGIN_REFUSED', { body: { ...GIVEN, token_type: 'DPoP' } }, 'is no bearer token'],
    [
      'ERR_LOGIN_REFUSED',
      { body: { ...GIVEN, access_token: 'a\r\nX-Evil: 1' } },
      'no bearer token',
    ],
    ['ERR_LOGIN_FAILED', { status: 503, body: 'down' }, 'renewing the token failed'],
    ['ERR_LOGIN_FAILED', { status: 500, body: { error: 'server_error' } }, ': server_error'],
    ['ERR_LOGIN_FAILED', { status: 500, body: { error: 'odd_failure' } }, ': odd_failure'],
    ['ERR_LOGIN_FAILED', { body: 'a page for people' }, 'not what the standard says'],
    ['ERR_LOGIN_FAILED', { body: {} }, 'not what the standard says'],
    [
      'ERR_LOGIN_FAILED',
      { status: 307, headers: { location: '/other' } },
      'renewing the token failed',
    ],
  ])('fails with %s where %j is the answer', async (code, answer, words) => {
    answers(answer)
    const failed = renew(login(), client({ clientSecret: 'hush' }), fetch)
    await expect(failed).rejects.toMatchObject({ code })
    await expect(failed).rejects.toThrow(words)
    expect(auth.visits).toHaveLength(1)
  })

  test('repeats nothing that was sent, and not all that was said', async () => {
    const words = `refresh-of-old of hush is no good ${'x'.repeat(5000)} \u001B[2J`
    answers({ status: 400, body: { error: 'invalid_grant', error_description: words } })
    const failed = renew(login(), client({ clientSecret: 'hush' }), fetch)
    await expect(failed).rejects.toThrow('invalid_grant, "*** of *** is no good')
    await expect(failed).rejects.not.toThrow(/refresh-of-old|hush|x{500}/)
    answers({ status: 400, body: 'access_token=ey-secret-in-a-page' })
    await expect(renew(login(), client(), fetch)).rejects.not.toThrow(/secret/)
  })

  test('goes nowhere where a login may not lead', async () => {
    const elsewhere = login({ tokenEndpoint: 'http://auth.example/token' })
    await expect(renew(elsewhere, client(), fetch)).rejects.toMatchObject({
      code: 'ERR_LOGIN_REFUSED',
    })
    const local = fetchFor('https://far.example/mcp', fetchWith(fakeClock('2026-11-24T10:00:00Z')))
    await expect(renew(login(), client(), local)).rejects.toMatchObject({
      code: 'ERR_LOGIN_REFUSED',
    })
    expect(auth.visits).toEqual([])
  })
})
