/** A login that is kept: what its upstream is shown by a real guard, and what becomes of it while that runs. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { LoginFile } from '../../src/credential/login-file.ts'
import type { Login } from '../../src/credential/kept.ts'
import { authorizationServer, type AuthorizationServer } from '../fakes/authorization-server.ts'
import { protectedServer, type ProtectedServer } from '../fakes/protected-server.ts'
import { type Folder } from './folder.ts'
import { type GuardProcess, GuardPool, reasonOf } from './guard.ts'

const pool = new GuardPool()
let auth: AuthorizationServer
let server: ProtectedServer
beforeAll(async () => {
  auth = await authorizationServer()
  server = await protectedServer(auth)
})
afterAll(async () => {
  await pool.close()
  await server.close()
  await auth.close()
})
beforeEach(() => {
  server.arrived.length = 0
  server.needs = {}
})

interface Given {
  readonly access: string
  readonly refresh: string
}

/** What `chaperone login` would leave there. */
function logIn(folder: Folder, id: string, scope = 'read'): Given {
  const given = auth.give({ clientId: 'c', scope, resource: server.url })
  const login: Login = {
    id,
    issuer: auth.issuer,
    clientId: 'c',
    resource: server.url,
    scopes: [scope],
    accessToken: given.access,
    refreshToken: given.refresh,
    obtainedAt: Date.now(),
    tokenEndpoint: `${auth.issuer}/token`,
  }
  const clients = [{ issuer: auth.issuer, by: 'registered', clientId: 'c' }] as const
  fileIn(folder).write({ server: 'far', url: server.url, clients, login })
  return given
}

function fileIn(folder: Folder): LoginFile {
  return new LoginFile(folder.state, { server: 'far', url: server.url })
}

function folder(): Folder {
  return pool.folder({
    mandate: { tools: { 'far/*': {} } },
    upstreams: { far: { url: server.url } },
    args: ['--log-level', 'debug'],
  })
}

/** Nobody but the upstream and the file has seen any of these. */
function keptSecret(guard: GuardProcess, ...given: readonly Given[]): void {
  const said = `${guard.stderr}${guard.folder.recordText()}${JSON.stringify(guard.frames)}`
  for (const { access, refresh } of given) {
    expect(said).not.toContain(access)
    expect(said).not.toContain(refresh)
  }
  expect(said).not.toMatch(/(?:access|refresh)-\d+-[0-9a-f]{24}/)
}

test('its token is in every request to the upstream, and nowhere else', async () => {
  const at = folder()
  const given = logIn(at, 'one')
  const guard = pool.launch(at)
  await guard.open()
  const called = await guard.call('echo', {})
  expect(called.result?.content?.[0]?.text).toBe('done')
  await guard.close()
  expect(server.arrived.map(({ headers }) => headers.authorization)).toEqual(
    server.arrived.map(() => `Bearer ${given.access}`),
  )
  keptSecret(guard, given)
})

test('a token that is taken no longer is renewed, and the call that met it is made once', async () => {
  const at = folder()
  const given = logIn(at, 'one')
  const guard = pool.launch(at)
  await guard.open()
  await guard.call('echo', {})
  auth.revoke(given.access)
  const again = await guard.call('echo', {})
  expect(again.result?.content?.[0]?.text).toBe('done')
  const { login } = fileIn(at).read() ?? {}
  expect(login).toMatchObject({ id: 'one' })
  expect(login?.accessToken).not.toBe(given.access)
  expect(server.tokensOf('tools/call')).toEqual([given.access, given.access, login?.accessToken])
  const renewed = await guard.event('credential_renewed')
  expect(renewed['facts']).toMatchObject({ server: 'far', issuer: auth.issuer })
  await guard.close()
  keptSecret(guard, given)
})

test('where no token is taken calls are refused for want of one, until somebody logs in', async () => {
  const at = folder()
  const guard = pool.launch(at)
  await guard.open()
  expect((await guard.request('tools/list')).result?.tools).toEqual([])
  expect(reasonOf(await guard.call('echo', {}))).toBe('credential_unavailable')
  expect(reasonOf(await guard.call('echo', {}))).toBe('credential_unavailable')
  const refused = await guard.event('credential_refused')
  expect(refused['facts']).toEqual({ server: 'far', status: 401, shown: false, count: 1 })
  expect(fileIn(at).challenge()).toEqual({
    metadataUrl: `${server.origin}/.well-known/oauth-protected-resource/mcp`,
  })
  const given = logIn(at, 'one')
  expect((await guard.call('echo', {})).result?.content?.[0]?.text).toBe('done')
  await guard.notification('notifications/tools/list_changed')
  const { result } = await guard.request('tools/list')
  expect(result?.tools).toHaveLength(2)
  await guard.close()
  keptSecret(guard, given)
})

test('what a token is not good for is refused alone, and another login is shown with the next call', async () => {
  server.needs = { write: 'write' }
  const at = folder()
  const first = logIn(at, 'one')
  const guard = pool.launch(at)
  await guard.open()
  expect(reasonOf(await guard.call('write', {}))).toBe('credential_unavailable')
  expect((await guard.call('echo', {})).result?.content?.[0]?.text).toBe('done')
  expect(fileIn(at).challenge()).toMatchObject({ scopes: ['write'] })
  expect(reasonOf(await guard.call('write', {}))).toBe('credential_unavailable')
  const second = logIn(at, 'two', 'write')
  expect((await guard.call('write', {})).result?.content?.[0]?.text).toBe('done')
  expect(server.tokensOf('initialize')).toEqual([first.access, second.access])
  await guard.close()
  keptSecret(guard, first, second)
})
