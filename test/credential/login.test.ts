/** What a login asks for, of whom and as whom, and what is kept of it. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { METADATA_PATH } from '../fakes/protected-server.ts'
import { loginRoom, type Room } from './login-room.ts'

let room: Room
beforeEach(async () => {
  room = await loginRoom()
})
afterEach(() => room.close())

function query(n = 0): Readonly<Record<string, string>> {
  return Object.fromEntries(room.shown[n]?.searchParams ?? [])
}

function form(n = 0): Readonly<Record<string, string>> {
  return Object.fromEntries(room.auth.at('/token')[n]?.form ?? [])
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address ? address.port : 0
}

describe('a login', () => {
  test('asks with PKCE, a state and the resource, and redeems the code with what proves it', async () => {
    const { auth, server, clock } = room
    const login = await room.made()
    const { code_challenge: challenge, state = '', redirect_uri: back = '', ...others } = query()
    expect(others).toEqual({
      response_type: 'code',
      client_id: login.clientId,
      code_challenge_method: 'S256',
      resource: server.url,
    })
    expect(back).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/callback$/)
    expect(state.length).toBeGreaterThanOrEqual(43)
    const { code = '', code_verifier: verifier = '', ...sent } = form()
    expect(createHash('sha256').update(verifier).digest('base64url')).toBe(challenge)
    expect(code).not.toBe('')
    expect(sent).toEqual({
      grant_type: 'authorization_code',
      redirect_uri: back,
      resource: server.url,
      client_id: login.clientId,
    })
    expect(auth.grantOf(login.accessToken)).toMatchObject({ clientId: login.clientId })
    expect(login).toMatchObject({
      issuer: auth.issuer,
      resource: server.url,
      scopes: [],
      obtainedAt: clock.now(),
      endsAt: clock.now() + 3_600_000,
      tokenEndpoint: `${auth.issuer}/token`,
      revocationEndpoint: `${auth.issuer}/revoke`,
    })
    expect(room.pages[0]).toContain('Logged in')
  })

  test('is kept, with nothing that was only for it, and what was wanted is settled', async () => {
    const { file } = room
    const login = await room.made()
    expect(file.read()).toMatchObject({ login, clients: [{ by: 'registered' }] })
    expect(file.challenge()).toBeUndefined()
    const text = readFileSync(file.path, 'utf8')
    for (const once of [form()['code'], form()['code_verifier'], query()['state']])
      expect(text).not.toContain(once)
  })

  test('has another state and another proof each time', async () => {
    await room.logIn()
    await room.logIn()
    for (const name of ['state', 'code_challenge']) expect(query(0)[name]).not.toBe(query(1)[name])
    expect(form(0)['code_verifier']).not.toBe(form(1)['code_verifier'])
  })

  test('is not made where nothing was refused', async () => {
    room.challenge = undefined
    expect(await room.logIn()).toEqual({ kind: 'nothing', login: undefined })
    room.keep({})
    expect(await room.logIn()).toMatchObject({ kind: 'nothing', login: { id: 'before' } })
    expect([room.auth.visits, room.server.arrived]).toEqual([[], []])
  })

  test('is made where a guard was refused, though what was asked now is not', async () => {
    room.keep({})
    expect(await room.logIn(undefined, { isRefused: () => Promise.resolve(false) })).toMatchObject({
      kind: 'logged_in',
    })
  })
})

describe('where it leads', () => {
  test('is asked at the address that the upstream gave alone', async () => {
    await room.logIn()
    expect(room.server.arrived.map(({ path }) => path)).toEqual([METADATA_PATH])
  })

  test('is asked at the well-known place for its path, then at the root', async () => {
    const { server, auth } = room
    const { metadata } = server
    room.challenge = {}
    await room.logIn()
    server.metadata = undefined
    server.instead = (request, response) => {
      if (request.path !== '/.well-known/oauth-protected-resource') return false
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ ...metadata, resource: server.origin }))
      return true
    }
    await room.logIn()
    const [path, root] = [METADATA_PATH, '/.well-known/oauth-protected-resource']
    expect(server.arrived.map((one) => one.path)).toEqual([path, path, root])
    // As it is written there, and not as a parser of URLs would.
    expect([query(1)['resource'], form(1)['resource']]).toEqual([server.origin, server.origin])
    expect(auth.at('/token')).toHaveLength(2)
  })

  test('is the upstream itself where nothing else is said, as it once was', async () => {
    const { server, auth } = room
    room.challenge = {}
    server.metadata = undefined
    auth.metadata = { issuer: server.origin }
    const described = '/.well-known/oauth-authorization-server'
    server.instead = ({ path }, response) => {
      if (path !== described) return false
      void fetch(`${auth.issuer}${described}`)
        .then((answer) => answer.text())
        .then((text) => response.writeHead(200).end(text))
      return true
    }
    auth.callback = { iss: server.origin }
    const login = await room.made()
    expect(login).toMatchObject({ issuer: server.origin })
    expect(login.resource).toBeUndefined()
    expect(query()['resource']).toBeUndefined()
  })

  test.each([
    ['/tenant1', ['/.well-known/oauth-authorization-server/tenant1']],
    [
      '/tenant1',
      [
        '/.well-known/oauth-authorization-server/tenant1',
        '/.well-known/openid-configuration/tenant1',
      ],
    ],
    [
      '/tenant1',
      [
        '/.well-known/oauth-authorization-server/tenant1',
        '/.well-known/openid-configuration/tenant1',
        '/tenant1/.well-known/openid-configuration',
      ],
    ],
    ['', ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']],
  ])('finds the metadata of an issuer at %j in turn: %j', async (path, asked) => {
    const { auth, server } = room
    const issuer = `${auth.issuer}${path}`
    const own = (await (
      await fetch(`${auth.issuer}/.well-known/oauth-authorization-server`)
    ).json()) as object
    auth.visits.length = 0
    auth.callback = { iss: issuer }
    server.metadata = { resource: server.url, authorization_servers: [issuer] }
    const oidc = {
      jwks_uri: `${issuer}/keys`,
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
    }
    auth.instead = ({ path }) => {
      if (!path.includes('/.well-known/')) return undefined
      return path === asked.at(-1) ? { body: { ...own, ...oidc, issuer } } : { status: 404 }
    }
    const login = await room.made()
    expect(login).toMatchObject({ issuer, revocationEndpoint: `${auth.issuer}/revoke` })
    const found = auth.visits
      .map((visit) => visit.path)
      .filter((one) => one.includes('.well-known'))
    expect(found).toEqual(asked)
  })

  test('is the authorization server that mcp.json trusts, or the one of before, if it is named', async () => {
    const { auth, server } = room
    const issuers = ['https://first.example', auth.issuer]
    server.metadata = { resource: server.url, authorization_servers: issuers }
    expect(await room.made({ issuer: auth.issuer })).toMatchObject({ issuer: auth.issuer })
    expect(await room.made()).toMatchObject({ issuer: auth.issuer })
  })
})

describe('as whom', () => {
  test('registers once, as a program of this machine that wants to renew', async () => {
    const { auth } = room
    const { clientId } = await room.made()
    const again = await room.made()
    expect(again.clientId).toBe(clientId)
    expect(auth.at('/register')).toHaveLength(1)
    expect(JSON.parse(auth.at('/register')[0]?.text ?? '')).toEqual({
      client_name: 'Chaperone',
      redirect_uris: [query()['redirect_uri']],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      application_type: 'native',
      token_endpoint_auth_method: 'none',
    })
    expect(query(1)['redirect_uri']).toBe(query(0)['redirect_uri'])
  })

  test.each(['client_secret_basic', 'client_secret_post'])(
    'shows its secret by %s',
    async (way) => {
      const { auth } = room
      auth.metadata = { token_endpoint_auth_methods_supported: [way] }
      const { clientId } = await room.made()
      const [client] = room.file.read()?.clients ?? []
      expect(client).toMatchObject({ method: way })
      const secret = client?.clientSecret ?? ''
      const [visit] = auth.at('/token')
      const basic = way === 'client_secret_basic'
      expect(visit?.headers.authorization).toBe(
        basic ? `Basic ${btoa(`${clientId}:${secret}`)}` : undefined,
      )
      expect(visit?.form.get('client_secret')).toBe(basic ? null : secret)
      expect(secret).toMatch(/^secret-/)
    },
  )

  test('an id is never sent to another authorization server', async () => {
    const { auth, server } = room
    const issuer = 'https://first.example'
    const redirectUri = `http://127.0.0.1:${await freePort()}/callback`
    const before = { issuer, by: 'registered', clientId: 'first', redirectUri } as const
    room.keep({ issuer: before.issuer, clientId: 'first', scopes: ['of-first'] }, before)
    const login = await room.made()
    expect(login.clientId).not.toBe('first')
    expect(auth.at('/register')).toHaveLength(1)
    // Nor is it asked for what the other one had granted.
    expect(query()['scope']).toBeUndefined()
    expect(JSON.stringify(auth.visits)).not.toContain('first')
    expect(JSON.stringify(server.arrived)).not.toContain('first')
    expect(room.file.read()?.clients.map(({ issuer }) => issuer)).toEqual([
      auth.issuer,
      before.issuer,
    ])
  })

  test('registers anew when its secret has ended', async () => {
    const { auth, clock } = room
    const redirectUri = `http://127.0.0.1:${await freePort()}/callback`
    const client = { issuer: auth.issuer, by: 'registered', clientId: 'old', redirectUri } as const
    room.keep(undefined, { ...client, secretEndsAt: clock.now() + 1 })
    expect((await room.made()).clientId).toBe('old')
    room.keep(undefined, { ...client, secretEndsAt: clock.now() })
    expect((await room.made()).clientId).not.toBe('old')
  })

  test('keeps the client of the login before for as long as there is no other login', async () => {
    const { auth, file } = room
    const client = { issuer: auth.issuer, by: 'registered', clientId: 'c' } as const
    room.keep({}, client)
    auth.callback = { error: 'access_denied' }
    await room.problem()
    expect(auth.at('/register')).toHaveLength(1)
    expect(file.read()).toMatchObject({ login: { id: 'before' }, clients: [client] })
    auth.callback = {}
    const { clientId } = await room.made()
    expect(file.read()?.clients).toMatchObject([{ clientId }])
    expect(clientId).not.toBe('c')
  })

  test('registers anew for another port, where the one of before is taken', async () => {
    const { clientId } = await room.made()
    const { port } = new URL(query()['redirect_uri'] ?? '')
    const other = createServer()
    await new Promise<void>((resolve) => void other.listen(Number(port), '127.0.0.1', resolve))
    const again = await room.made()
    other.close()
    expect(again.clientId).not.toBe(clientId)
    expect(query(1)['redirect_uri']).not.toBe(query(0)['redirect_uri'])
  })

  test('registers anew when nobody knows it any more', async () => {
    const { auth } = room
    const { clientId } = await room.made()
    auth.instead = ({ path }) =>
      path === '/token' ? { status: 401, body: { error: 'invalid_client' } } : undefined
    expect(await room.problem()).toMatchObject({ code: 'ERR_LOGIN_REFUSED' })
    auth.instead = () => undefined
    expect((await room.made()).clientId).not.toBe(clientId)
  })

  test('is described by a document, where that is taken', async () => {
    const { auth } = room
    const clientMetadataUrl = 'https://me.example/client.json'
    expect((await room.made({ clientMetadataUrl })).clientId).toMatch(/^client-/)
    auth.metadata = { client_id_metadata_document_supported: true }
    expect((await room.made({ clientMetadataUrl })).clientId).toBe(clientMetadataUrl)
    expect(query(1)['client_id']).toBe(clientMetadataUrl)
    expect(auth.at('/register')).toHaveLength(1)
  })

  test('is the client of mcp.json, whose secret stands nowhere else', async () => {
    const { auth } = room
    auth.metadata = { registration_endpoint: undefined }
    const login = await room.made({ clientId: 'mine', clientSecret: 'hush-hush' })
    expect(login.clientId).toBe('mine')
    expect(auth.at('/token')[0]?.headers.authorization).toBe(`Basic ${btoa('mine:hush-hush')}`)
    expect(auth.at('/register')).toEqual([])
    expect(readFileSync(room.file.path, 'utf8')).not.toContain('hush-hush')
  })

  test('comes back to the port of mcp.json', async () => {
    const callbackPort = await freePort()
    const other = createServer()
    await new Promise<void>((resolve) => void other.listen(callbackPort, '127.0.0.1', resolve))
    const { code, message } = await room.problem({ callbackPort })
    expect(code).toBe('ERR_LOGIN_FAILED')
    expect(message).toContain(`port ${callbackPort} of this machine is taken`)
    expect(room.auth.at('/register')).toEqual([])
    await new Promise((resolve) => other.close(resolve))
    await room.logIn({ callbackPort })
    expect(query()['redirect_uri']).toBe(`http://127.0.0.1:${callbackPort}/callback`)
  })
})

describe('what for', () => {
  test('all that is suggested, where the refusal does not say', async () => {
    const { server } = room
    server.metadata = { ...server.metadata, scopes_supported: ['a', 'b c', 'd'] }
    await room.logIn()
    expect(query()['scope']).toBe('a d')
  })

  test('what the refusal says, beside what was granted', async () => {
    room.keep({ scopes: ['read'] })
    room.challenge = { ...room.challenge, scopes: ['write'] }
    expect(await room.made()).toMatchObject({ scopes: ['read', 'write'] })
    expect(query()['scope']).toBe('read write')
  })

  test('both of what a guard was refused and what this command was', async () => {
    room.file.keepChallenge({ scopes: ['write'] })
    room.challenge = undefined
    await room.logIn(undefined, {
      isRefused: () => {
        room.file.keepChallenge({ scopes: ['read'] })
        return Promise.resolve(true)
      },
    })
    expect(query()['scope']).toBe('write read')
  })

  test('what is granted is what counts, and what is withheld is told', async () => {
    room.challenge = { scopes: ['read', 'write'] }
    room.auth.instead = ({ path }) =>
      path === '/token'
        ? { body: { access_token: 'access-1', token_type: 'Bearer', scope: 'read' } }
        : undefined
    expect(await room.logIn()).toMatchObject({
      login: { scopes: ['read'] },
      withheld: ['write'],
    })
  })

  test('what mcp.json leaves out cannot be had by asking once more', async () => {
    room.keep({ scopes: ['read'] })
    room.challenge = { scopes: ['write'] }
    const over = { isRefused: () => Promise.resolve(false) }
    const problem = await room.problem({ scopes: ['read'] }, over)
    expect(problem.message).toContain('wants `write`, which `oauth.scopes` leaves out')
    expect(room.shown).toEqual([])
    await room.logIn({ scopes: ['read', 'write'] }, over)
    expect(query()['scope']).toBe('read write')
  })
})
