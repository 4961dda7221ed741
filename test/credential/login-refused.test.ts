/** Logins that come to nothing, and how far each of them went: what is a doubt ends it before anything is asked for on it. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { logIn } from '../../src/credential/login.ts'
import { LoginFile } from '../../src/credential/login-file.ts'
import type { LoginSettings } from '../../src/model/login.ts'
import type { Fetch } from '../../src/model/port.ts'
import { loginRoom, type Room } from './login-room.ts'

let room: Room
beforeEach(async () => {
  room = await loginRoom()
})
afterEach(() => room.close())

/** Whatever the refusal, these hold: no token was asked for or kept, and what was wanted is still wanted. */
function nothingCame(): void {
  const { auth, file } = room
  expect(auth.at('/token')).toEqual([])
  expect(file.read()?.login).toBeUndefined()
  expect(file.challenge()).toEqual(room.challenge)
}

function nobodyWasSent(): void {
  nothingCame()
  expect(room.shown).toEqual([])
  expect(room.auth.at('/register')).toEqual([])
  expect(room.file.read()).toBeUndefined()
}

describe('before anybody is sent anywhere', () => {
  test.each<readonly [string, string, (room: Room) => void]>([
    [
      'metadata of another issuer',
      'its issuer is another than the one that was asked',
      ({ auth }) => {
        auth.metadata = { issuer: 'https://elsewhere.example' }
      },
    ],
    [
      'an issuer that differs by a slash',
      'is that of another one',
      ({ auth, server }) => {
        const issuers = [`${auth.issuer}/`]
        server.metadata = { resource: server.url, authorization_servers: issuers }
      },
    ],
    [
      'a resource of another origin',
      'is another resource than its address',
      ({ server }) => {
        server.metadata = { ...server.metadata, resource: 'https://elsewhere.example/mcp' }
      },
    ],
    [
      'a resource of another path',
      'is another resource than its address',
      ({ server }) => {
        server.metadata = { ...server.metadata, resource: `${server.origin}/mc` }
      },
    ],
    [
      'a resource with a fragment',
      'is another resource than its address',
      ({ server }) => {
        server.metadata = { ...server.metadata, resource: `${server.url}#x` }
      },
    ],
    [
      'no PKCE',
      'does not say that it supports PKCE',
      ({ auth }) => {
        auth.metadata = { code_challenge_methods_supported: undefined }
      },
    ],
    [
      'PKCE that hides nothing',
      'does not say that it supports PKCE',
      ({ auth }) => {
        auth.metadata = { code_challenge_methods_supported: ['plain'] }
      },
    ],
    [
      'no codes',
      'gives no codes',
      ({ auth }) => {
        auth.metadata = { response_types_supported: ['token'] }
      },
    ],
    [
      'a page to log in at that is no page',
      'is no address',
      ({ auth }) => {
        auth.metadata = { authorization_endpoint: 'ftp://auth.example/authorize' }
      },
    ],
    [
      'a token endpoint in clear',
      'auth.example, which is not reached over https',
      ({ auth }) => {
        auth.metadata = { token_endpoint: 'http://auth.example/token' }
      },
    ],
    [
      'a place to register at in clear',
      'auth.example, which is not reached over https',
      ({ auth }) => {
        auth.metadata = { registration_endpoint: 'http://auth.example/register' }
      },
    ],
    [
      'nobody to register at',
      'registers no clients by itself (register one there by hand',
      ({ auth }) => {
        auth.metadata = { registration_endpoint: undefined }
      },
    ],
    [
      'no way to prove who one is',
      'in no way known here',
      ({ auth }) => {
        auth.metadata = { token_endpoint_auth_methods_supported: ['private_key_jwt'] }
      },
    ],
    [
      'more scopes than anybody means',
      'suggests more than 64 scopes (write those',
      ({ server }) => {
        const scopes = Array.from({ length: 65 }, (_, n) => `s${n}`)
        server.metadata = { ...server.metadata, scopes_supported: scopes }
      },
    ],
    [
      'an issuer with what draws on a terminal',
      'names an issuer that is no address',
      ({ server }) => {
        const issuers = ['https://auth.example/\u202E']
        server.metadata = { resource: server.url, authorization_servers: issuers }
      },
    ],
  ])('%s', async (_what, why, given) => {
    given(room)
    const problem = await room.problem()
    expect(problem.message).toContain(why)
    expect(problem.code).toBe('ERR_LOGIN_REFUSED')
    nobodyWasSent()
  })

  test.each<readonly [string, string, (room: Room) => void]>([
    [
      'metadata that is not there',
      'finding out where to log in at `far` failed',
      ({ server }) => {
        server.metadata = undefined
      },
    ],
    [
      'an issuer without metadata',
      'names an issuer without metadata',
      ({ auth }) => {
        auth.instead = () => ({ status: 404 })
      },
    ],
    [
      'metadata that is none',
      'finding out where to log in at `far` failed',
      ({ auth }) => {
        auth.instead = () => ({ body: 'x' })
      },
    ],
    [
      'metadata that is too large',
      'answered with more than',
      ({ auth }) => {
        auth.instead = () => ({ body: `"${'x'.repeat(1024 * 1024)}"` })
      },
    ],
    [
      'metadata that is elsewhere: no redirect is followed',
      'names an issuer without metadata',
      ({ auth, server }) => {
        auth.instead = () => ({ status: 302, headers: { location: `${server.origin}/elsewhere` } })
      },
    ],
    [
      'an upstream that says nowhere how',
      'says nowhere how to log in',
      (given) => {
        given.server.metadata = undefined
        given.challenge = {}
      },
    ],
  ])('%s, which may be otherwise another time', async (_what, why, given) => {
    given(room)
    const problem = await room.problem()
    expect(problem.message).toContain(why)
    expect(problem.code).toBe('ERR_LOGIN_FAILED')
    expect(room.server.arrived.some(({ path }) => path === '/elsewhere')).toBe(false)
    nobodyWasSent()
  })

  test('an upstream that does not name the issuer that is trusted', async () => {
    const problem = await room.problem({ issuer: 'https://trusted.example' })
    expect(problem.message).toContain('does not name the issuer that mcp.json trusts')
    expect(room.auth.visits).toEqual([])
    nobodyWasSent()
  })

  test('a client of mcp.json, at another authorization server than before', async () => {
    const before = {
      issuer: 'https://first.example',
      by: 'configured',
      clientId: 'mine',
    } as const
    room.keep(undefined, before)
    const settings: LoginSettings = { clientId: 'mine', clientSecret: 'hush-hush' }
    const problem = await room.problem(settings)
    expect(problem.message).toContain('is one of https://first.example')
    expect(problem.message).toContain('`oauth.issuer`')
    nothingCame()
    expect(room.shown).toEqual([])
    const sent = JSON.stringify(room.auth.visits)
    for (const secret of ['mine', 'hush-hush']) expect(sent).not.toContain(secret)
    const { issuer } = room.auth
    expect(await room.made({ ...settings, issuer })).toMatchObject({ issuer, clientId: 'mine' })
  })

  test('a registration that is refused', async () => {
    room.auth.instead = ({ path }) =>
      path === '/register'
        ? {
            status: 400,
            body: { error: 'invalid_client_metadata', error_description: 'no \u001B[2Jloopback' },
          }
        : undefined
    const { message, code } = await room.problem()
    expect(code).toBe('ERR_LOGIN_REFUSED')
    expect(message).toContain(
      'registering at the authorization server failed (HTTP 400): invalid_client_metadata, "no ?[2Jloopback"',
    )
    nothingCame()
    expect(room.shown).toEqual([])
  })

  test.each([
    ['an id that nobody can keep', { client_id: 'x'.repeat(3000) }],
    ['no id', { client_id: '' }],
    ['a way that is not known', { client_id: 'c', token_endpoint_auth_method: 'tls_client_auth' }],
  ])('a registration with %s', async (_what, body) => {
    room.auth.instead = ({ path, text }) =>
      path === '/register'
        ? { status: 201, body: { ...(JSON.parse(text) as object), ...body } }
        : undefined
    expect(await room.problem()).toMatchObject({ code: 'ERR_LOGIN_REFUSED' })
    nothingCame()
    expect(room.shown).toEqual([])
  })
})

describe('once the browser is back, and before its code is redeemed', () => {
  test.each<readonly [string, string, Readonly<Record<string, string | undefined>>]>([
    ['from another issuer', 'from another authorization server', { iss: 'https://x.example' }],
    ['from no issuer, where there always is one', 'without saying from whom', { iss: undefined }],
    [
      'with a no',
      'said no: access_denied, "not ??"',
      { error: 'access_denied', error_description: 'not ü\n' },
    ],
    [
      'with a no of another issuer',
      'from another authorization server',
      { error: 'access_denied', iss: 'https://x.example' },
    ],
    [
      'with a no that is no code',
      'the authorization server said no',
      { error: '<b>', code: undefined },
    ],
    ['without a code', 'without a code', { code: undefined }],
    ['with an empty code', 'without a code', { code: '' }],
  ])('%s', async (_what, why, callback) => {
    room.auth.callback = callback
    const problem = await room.problem()
    expect(problem.message).toContain(why)
    expect(problem.code).toBe('ERR_LOGIN_REFUSED')
    nothingCame()
    expect(room.pages[0]).toContain('Not logged in')
  })

  test('from an issuer that differs by a slash', async () => {
    room.auth.callback = { iss: `${room.auth.issuer}/` }
    expect((await room.problem()).message).toContain('from another authorization server')
    nothingCame()
  })

  test('with two codes', async () => {
    const over = {
      show: (url: string) => {
        const { searchParams: asked } = new URL(url)
        const back = `${asked.get('redirect_uri')}?code=a&code=b&state=${asked.get('state')}`
        void fetch(`${back}&iss=${encodeURIComponent(room.auth.issuer)}`)
      },
    }
    expect((await room.problem(undefined, over)).message).toContain('two answers at once')
    nothingCame()
  })

  test('with another state: it is not the answer, and nobody else comes', async () => {
    room.auth.callback = { state: 'another' }
    const stop = new AbortController()
    const over = {
      signal: stop.signal,
      show: (url: string) => {
        void fetch(url).then(() => stop.abort())
      },
    }
    const problem = await room.problem(undefined, over)
    expect(problem).toMatchObject({ code: 'ERR_LOGIN_FAILED' })
    expect(problem.message).toContain('stopped before the browser came back')
    nothingCame()
  })
})

describe('at the token endpoint', () => {
  test.each([
    ['a no', { status: 400, body: { error: 'invalid_grant' } }, 'ERR_LOGIN_REFUSED'],
    [
      'a token of another kind',
      { body: { access_token: 'a', token_type: 'DPoP' } },
      'ERR_LOGIN_REFUSED',
    ],
    [
      'a token that is no header',
      { body: { access_token: 'a\r\nb', token_type: 'Bearer' } },
      'ERR_LOGIN_REFUSED',
    ],
    ['a fault', { status: 503, body: 'down' }, 'ERR_LOGIN_FAILED'],
    [
      'a redirect',
      { status: 307, headers: { location: 'https://x.example/' } },
      'ERR_LOGIN_FAILED',
    ],
  ])('%s', async (_what, answer, code) => {
    room.keep({})
    room.auth.instead = ({ path }) => (path === '/token' ? answer : undefined)
    expect((await room.problem()).code).toBe(code)
    expect(room.auth.at('/token')).toHaveLength(1)
    expect(room.file.read()?.login).toMatchObject({ id: 'before' })
    expect(room.file.challenge()).toEqual(room.challenge)
    expect(room.pages[0]).toContain('Not logged in')
  })

  test('says nothing of what was sent, though the answer does', async () => {
    room.auth.instead = ({ path, form }) =>
      path === '/token'
        ? {
            status: 400,
            body: { error: 'invalid_grant', error_description: [...form.values()].join(' ') },
          }
        : undefined
    const { message } = await room.problem()
    const [visit] = room.auth.at('/token')
    for (const name of ['code', 'code_verifier']) {
      expect(visit?.form.get(name)).toBeTruthy()
      expect(message).not.toContain(visit?.form.get(name))
    }
  })
})

describe('from an upstream elsewhere', () => {
  const FAR = 'https://far.example/mcp'
  const AUTH = 'https://auth.example'
  const METADATA = 'https://far.example/.well-known/oauth-protected-resource/mcp'
  const GOOD = {
    issuer: AUTH,
    authorization_endpoint: `${AUTH}/authorize`,
    token_endpoint: `${AUTH}/token`,
    registration_endpoint: `${AUTH}/register`,
    response_types_supported: ['code'],
    code_challenge_methods_supported: ['S256'],
  }

  test.each<
    readonly [string, { challenge?: string; issuer?: string; over?: object }, readonly string[]]
  >([
    ['metadata on this machine', { challenge: 'https://127.0.0.1:8443/prm' }, []],
    ['metadata in clear', { challenge: 'http://far.example/prm' }, []],
    ['an issuer on this machine', { issuer: 'https://localhost:8443' }, [METADATA]],
    ['an issuer in clear', { issuer: 'http://auth.example' }, [METADATA]],
    [
      'a page on this machine',
      { over: { authorization_endpoint: 'https://[::1]/a' } },
      [METADATA, `${AUTH}/.well-known/oauth-authorization-server`],
    ],
    [
      'a token endpoint in clear',
      { over: { token_endpoint: 'http://auth.example/t' } },
      [METADATA, `${AUTH}/.well-known/oauth-authorization-server`],
    ],
    [
      'a revocation endpoint on this machine',
      { over: { revocation_endpoint: 'http://127.0.0.1:631/' } },
      [METADATA, `${AUTH}/.well-known/oauth-authorization-server`],
    ],
  ])('%s is not gone to', async (_what, { challenge, issuer = AUTH, over }, asked) => {
    const visited: string[] = []
    const web: Fetch = (given) => {
      const url = String(given)
      visited.push(url)
      if (url === METADATA)
        return Promise.resolve(Response.json({ resource: FAR, authorization_servers: [issuer] }))
      return Promise.resolve(Response.json({ ...GOOD, ...over }))
    }
    const file = new LoginFile(`${room.file.path}-far`, { server: 'far', url: FAR })
    file.keepChallenge({ metadataUrl: challenge ?? METADATA })
    const shown: string[] = []
    const { clock } = room
    await expect(
      logIn({
        file,
        url: FAR,
        settings: undefined,
        fetch: web,
        clock,
        timers: clock,
        isRefused: () => Promise.resolve(true),
        show: (url) => void shown.push(url),
      }),
    ).rejects.toMatchObject({ code: 'ERR_LOGIN_REFUSED' })
    expect(visited).toEqual(asked)
    expect(shown).toEqual([])
    expect(file.read()).toBeUndefined()
  })
})
