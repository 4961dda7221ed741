/** The commands `login` and `logout` as a person runs them, with a robot for a browser, beside a real guard that runs. */
import { execFile } from 'node:child_process'
import { chmodSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { LoginFile } from '../../src/credential/login-file.ts'
import { authorizationServer, type AuthorizationServer } from '../fakes/authorization-server.ts'
import { protectedServer, type ProtectedServer } from '../fakes/protected-server.ts'
import { ROOT, type Folder } from './folder.ts'
import { GuardPool, reasonOf } from './guard.ts'

const pool = new GuardPool()
let auth: AuthorizationServer
let server: ProtectedServer
beforeEach(async () => {
  auth = await authorizationServer()
  server = await protectedServer(auth)
})
afterEach(async () => {
  await server.close()
  await auth.close()
})
afterAll(() => pool.close())

function folder(): Folder {
  return pool.folder({
    mandate: { tools: { 'far/*': {} } },
    upstreams: { far: { url: server.url } },
    args: ['--log-level', 'debug'],
  })
}

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Runs the program in the folder; its browser opens what it is told to, as a person would who says yes. */
function chaperone(at: Folder, ...argv: readonly string[]): Promise<Ran> {
  const browser = at.file('browser.sh')
  const robot = join(ROOT, 'test/conformance/browser.js')
  writeFileSync(browser, `#!/bin/sh\nexec "${process.execPath}" "${robot}" "$1"\n`)
  chmodSync(browser, 0o755)
  const args = [join(ROOT, 'src/bin/chaperone.ts'), ...argv, '--state-dir', at.state]
  const env = { ...process.env, BROWSER: browser }
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: at.path, env }, (error, out, err) => {
      const code = typeof error?.code === 'number' ? error.code : 0
      resolve({ code, out, err })
    })
  })
}

function fileIn(at: Folder): LoginFile {
  return new LoginFile(at.state, { server: 'far', url: server.url })
}

// The browser is a shell script.
describe.skipIf(process.platform === 'win32')('login and logout', () => {
  test('a call goes through once somebody has logged in, and no longer after a logout', async () => {
    const at = folder()
    const guard = pool.launch(at)
    await guard.open()
    expect(reasonOf(await guard.call('echo', {}))).toBe('credential_unavailable')

    const login = await chaperone(at, 'login', 'far')
    expect(login).toMatchObject({ code: 0 })
    expect(login.out).toContain(`logged in at far (${auth.issuer})`)
    expect((await guard.call('echo', {})).result?.content?.[0]?.text).toBe('done')
    const { accessToken = '', refreshToken = '' } = fileIn(at).read()?.login ?? {}
    expect(server.tokensOf('tools/call')).toEqual([accessToken])

    const again = await chaperone(at, 'login', 'far', '--json')
    expect(again.code).toBe(0)
    expect(JSON.parse(again.out)).toMatchObject({ server: 'far', loggedIn: false })
    expect(auth.at('/authorize')).toHaveLength(1)

    const logout = await chaperone(at, 'logout', 'far', '--json')
    expect(JSON.parse(logout.out)).toMatchObject({ loggedOut: true, revoked: true })
    expect(logout.code).toBe(0)
    expect(auth.at('/revoke').map(({ form }) => form.get('token'))).toEqual([
      refreshToken,
      accessToken,
    ])
    expect(readdirSync(join(at.state, 'credentials'))).toEqual([])
    expect(reasonOf(await guard.call('echo', {}))).toBe('credential_unavailable')
    await guard.close()

    const said = [login, again, logout].map(({ out, err }) => out + err).join('')
    const seen = `${said}${guard.stderr}${at.recordText()}${JSON.stringify(guard.frames)}`
    for (const secret of [accessToken, refreshToken]) expect(seen).not.toContain(secret)
    expect(seen).not.toMatch(/(?:access|refresh|code|secret)-\d+-[0-9a-f]{24}/)
  })

  test('a call that wanted another scope is made after another login, which keeps what there was', async () => {
    server.open = ['initialize', 'notifications/initialized']
    server.needs = { 'tools/list': 'read', write: 'write' }
    const at = folder()
    await chaperone(at, 'login', 'far')
    const guard = pool.launch(at)
    await guard.open()
    expect(reasonOf(await guard.call('write', {}))).toBe('credential_unavailable')
    const { out, code } = await chaperone(at, 'login', 'far')
    expect({ out, code }).toMatchObject({ code: 0 })
    expect(out).toContain('for read write')
    expect((await guard.call('write', {})).result?.content?.[0]?.text).toBe('done')
    expect(auth.at('/authorize').map(({ query }) => query.get('scope'))).toEqual([
      'read',
      'read write',
    ])
    expect(auth.at('/register')).toHaveLength(1)
    await guard.close()
  })

  test('what is kept is its owner alone', async () => {
    const at = folder()
    await chaperone(at, 'login', 'far')
    const kept = join(at.state, 'credentials')
    expect(statSync(kept).mode & 0o077).toBe(0)
    for (const name of readdirSync(kept)) expect(statSync(join(kept, name)).mode & 0o077).toBe(0)
    expect(readdirSync(kept)).toHaveLength(1)
  })

  test('a login that is refused leaves nothing, and says why', async () => {
    auth.callback = { iss: 'https://elsewhere.example' }
    const at = folder()
    const { code, out, err } = await chaperone(at, 'login', 'far')
    expect([code, out]).toEqual([1, ''])
    expect(err).toContain('the browser came back from another authorization server')
    expect(auth.at('/token')).toEqual([])
    expect(fileIn(at).read()?.login).toBeUndefined()
  })
})
