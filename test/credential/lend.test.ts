import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { lenderEvents, lent, type Lendable } from '../../src/credential/lend.ts'
import { LoginFile } from '../../src/credential/login-file.ts'
import type { JsonObject } from '../../src/model/json.ts'
import { fakeClock } from '../fakes/clock.ts'

const state = mkdtempSync(join(tmpdir(), 'chaperone-lend-'))
afterAll(() => rmSync(state, { recursive: true, force: true }))

const URL_OF = 'https://far.example/mcp'
const told: string[] = []

function lend(upstream: Lendable, stateDir = state): unknown {
  const clock = fakeClock('2026-11-24T10:00:00Z')
  const [one] = lent([upstream], {
    stateDir,
    clock,
    timers: clock,
    fetchWith: () => () => Promise.reject(new Error('nobody is asked')),
    events: {
      onRefused: () => undefined,
      onRenewed: () => undefined,
      onTrouble: (server, why) => told.push(`${server}: ${why}`),
    },
  })
  return one?.credential?.authorization()
}

test('a login is lent to the upstream that it was made for, and to no other', () => {
  new LoginFile(state, { server: 'far', url: URL_OF }).write({
    server: 'far',
    url: URL_OF,
    clients: [],
    login: {
      id: 'one',
      issuer: 'https://auth.example',
      clientId: 'c',
      scopes: [],
      accessToken: 'secret',
      obtainedAt: 0,
      tokenEndpoint: 'https://auth.example/token',
    },
  })
  expect(lend({ server: 'far', url: URL_OF })).toBe('Bearer secret')
  expect(lend({ server: 'near', url: URL_OF })).toBeUndefined()
  expect(lend({ server: 'far', url: 'https://evil.example/mcp' })).toBeUndefined()
  expect(lend({ server: 'far' })).toBeUndefined()
  expect(lend({ server: 'far', url: URL_OF }, 'nowhere')).toBeUndefined()
  expect(told).toEqual([])
})

test('a header of the entry wins over a login, and that is told', () => {
  const headers = { AUTHORIZATION: 'Bearer other' }
  expect(lend({ server: 'far', url: URL_OF, headers })).toBeUndefined()
  expect(told).toEqual([expect.stringMatching(/^far: .*Authorization header, which is sent/)])
})

test('refusals are on record the first time, and then at every power of two', () => {
  const recorded: JsonObject[] = []
  const quiet = (): void => undefined
  const log = { debug: quiet, info: quiet, warn: quiet, error: quiet }
  const events = lenderEvents(log, (event, facts) => recorded.push({ event, ...facts }))
  for (let n = 0; n < 9; n += 1) events.onRefused('far', { status: 401 })
  events.onRenewed('far', { issuer: 'https://auth.example' })
  events.onRefused('far', { status: 401 })
  expect(recorded.map(({ event, count }) => [event, count])).toEqual([
    ['credential_refused', 1],
    ['credential_refused', 2],
    ['credential_refused', 4],
    ['credential_refused', 8],
    ['credential_renewed', undefined],
    ['credential_refused', 1],
  ])
})
