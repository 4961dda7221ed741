/** A logout: what is sent to the authorization server, and that nothing stays here whatever it answers. */
import { readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { logOut, type LogoutOutcome } from '../../src/credential/logout.ts'
import type { Client } from '../../src/credential/kept.ts'
import type { LoginSettings } from '../../src/model/login.ts'
import { fetchWith } from '../../src/proxy/upstream/http/fetch.ts'
import { loginRoom, type Room } from './login-room.ts'

let room: Room
beforeEach(async () => {
  room = await loginRoom()
})
afterEach(() => room.close())

async function logout(settings?: LoginSettings): Promise<LogoutOutcome> {
  const { file, server, clock } = room
  const outcome = await logOut({
    file,
    url: server.url,
    settings,
    fetch: fetchWith(clock),
    timers: clock,
  })
  expect(readdirSync(dirname(file.path))).toEqual([])
  return outcome
}

function unrevoked(outcome: LogoutOutcome): string | undefined {
  return outcome.kind === 'logged_out' ? outcome.unrevoked : undefined
}

/** A login whose tokens its authorization server knows. */
function logIn(over: Partial<Client> = {}): { readonly access: string; readonly refresh: string } {
  const { auth, server } = room
  const given = auth.give({ clientId: 'c', scope: 'read', resource: server.url })
  room.keep(
    {
      accessToken: given.access,
      refreshToken: given.refresh,
      revocationEndpoint: `${auth.issuer}/revoke`,
    },
    { issuer: auth.issuer, by: 'registered', clientId: 'c', ...over },
  )
  room.file.keepChallenge({ scopes: ['write'] })
  return given
}

test('has both tokens revoked, and the one first that gives others', async () => {
  const { access, refresh } = logIn()
  expect(await logout()).toMatchObject({ kind: 'logged_out', unrevoked: undefined })
  expect(room.auth.at('/revoke').map(({ form }) => Object.fromEntries(form))).toEqual([
    { token: refresh, token_type_hint: 'refresh_token', client_id: 'c' },
    { token: access, token_type_hint: 'access_token', client_id: 'c' },
  ])
  expect(room.auth.grantOf(access)).toBeUndefined()
})

test.each([
  ['client_secret_basic', `Basic ${btoa('c:hush')}`, null],
  ['client_secret_post', undefined, 'hush'],
])('proves who it is by %s', async (method, header, posted) => {
  logIn({ method, clientSecret: 'hush' })
  await logout()
  for (const { headers, form } of room.auth.at('/revoke')) {
    expect(headers.authorization).toBe(header)
    expect(form.get('client_secret')).toBe(posted)
  }
  expect(room.auth.at('/revoke')).toHaveLength(2)
})

test.each([
  ['a no', { status: 400 }, 'it was answered with HTTP 400'],
  ['a fault', { status: 503 }, 'it was answered with HTTP 503'],
  [
    'a redirect, which is not followed',
    { status: 307, headers: { location: '/elsewhere' } },
    'HTTP 307',
  ],
])('tells of %s', async (_what, answer, why) => {
  logIn()
  room.auth.instead = ({ path }) => (path === '/revoke' ? answer : undefined)
  const outcome = await logout()
  expect(unrevoked(outcome)).toContain(why)
  expect(room.auth.visits).toHaveLength(1)
})

test('tells of a server that cannot be reached', async () => {
  logIn()
  await room.auth.close()
  expect(unrevoked(await logout())).toContain('refuses the connection')
})

test('tells of a server that takes nothing back', async () => {
  room.keep({}, { issuer: room.auth.issuer, by: 'registered', clientId: 'c' })
  expect(unrevoked(await logout())).toContain('takes none back')
})

test('shows another client to nobody', async () => {
  logIn({ by: 'configured' })
  const outcome = await logout({ clientId: 'other', clientSecret: 'hush' })
  expect(unrevoked(outcome)).toContain('as another client')
  expect(room.auth.visits).toEqual([])
})

test('has nothing to do where nobody is logged in, but forgets what was wanted and who was registered', async () => {
  room.file.keepChallenge({ scopes: ['write'] })
  expect(await logout()).toEqual({ kind: 'nothing' })
  room.keep(undefined, { issuer: room.auth.issuer, by: 'registered', clientId: 'c' })
  expect(await logout()).toEqual({ kind: 'nothing' })
})
