import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Granted } from '../../src/credential/grant.ts'
import type { Client, Kept, Login } from '../../src/credential/kept.ts'
import { Lender } from '../../src/credential/lender.ts'
import { LoginFile } from '../../src/credential/login-file.ts'
import { GuardError } from '../../src/model/error.ts'
import type { LoginSettings } from '../../src/model/login.ts'
import { fakeClock, type FakeClock } from '../fakes/clock.ts'

const AT = { server: 'far', url: 'https://far.example/mcp' }
const NOW = Date.parse('2026-11-24T10:00:00Z')
const CLIENT: Client = { issuer: 'https://auth.example', by: 'registered', clientId: 'c' }
const LOGIN: Login = {
  id: 'first',
  issuer: 'https://auth.example',
  clientId: 'c',
  scopes: ['read'],
  accessToken: 'access-1',
  refreshToken: 'refresh-1',
  obtainedAt: NOW,
  endsAt: NOW + 3_600_000,
  tokenEndpoint: 'https://auth.example/token',
}

let state: string
let file: LoginFile
let clock: FakeClock
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'chaperone-lender-'))
  file = new LoginFile(state, AT)
  clock = fakeClock('2026-11-24T10:00:00Z')
})
afterEach(() => rmSync(state, { recursive: true, force: true }))

function keep(login: Partial<Login> | undefined, client: Client = CLIENT): void {
  const kept: Kept = { ...AT, clients: [client] }
  file.write(login === undefined ? kept : { ...kept, login: { ...LOGIN, ...login } })
}

interface Lending {
  readonly lender: Lender
  readonly told: string[]
  readonly asked: (readonly [refreshToken: string | undefined, secret: string | undefined])[]
}

/** The nth renewal comes to the nth of these, the last again and again. */
function lending(
  grants: readonly (Granted | GuardError)[] = [],
  settings?: LoginSettings,
): Lending {
  const told: string[] = []
  const asked: [string | undefined, string | undefined][] = []
  const lender = new Lender({
    file: new LoginFile(state, AT),
    settings,
    renew: ({ refreshToken }, { clientSecret }) => {
      const next = grants[Math.min(asked.length, grants.length - 1)]
      asked.push([refreshToken, clientSecret])
      if (next === undefined) throw new Error('nothing is renewed here')
      return next instanceof GuardError ? Promise.reject(next) : Promise.resolve(next)
    },
    clock,
    timers: clock,
    events: {
      onRefused: (server, facts) => told.push(`refused ${server} ${JSON.stringify(facts)}`),
      onRenewed: (server, facts) => told.push(`renewed ${server} ${JSON.stringify(facts)}`),
      onTrouble: (server, why) => told.push(`trouble ${server} ${why}`),
    },
  })
  return { lender, told, asked }
}

const NEXT: Granted = { accessToken: 'access-2', refreshToken: 'refresh-2', lifetimeMs: 3_600_000 }
const REFUSED = new GuardError('ERR_LOGIN_REFUSED', 'renewing the token failed: invalid_grant')
const DOWN = new GuardError('ERR_LOGIN_FAILED', '`auth.example` does not answer in time')

describe('what is shown', () => {
  test('is nothing where nobody has logged in', () => {
    const { lender, told } = lending()
    expect([lender.login, lender.authorization()]).toEqual([undefined, undefined])
    expect(told).toEqual([])
  })

  test('is the token, without a promise, until it is due', () => {
    keep({})
    const { lender } = lending()
    expect(lender.login).toBe('first')
    expect(lender.authorization()).toBe('Bearer access-1')
    clock.advance(3_500_000)
    expect(lender.authorization()).toBe('Bearer access-1')
  })

  test('is nothing once somebody has logged out, a second later at most', () => {
    keep({})
    const { lender } = lending()
    expect(lender.authorization()).toBe('Bearer access-1')
    file.remove()
    expect(lender.authorization()).toBe('Bearer access-1')
    clock.advance(1000)
    expect([lender.authorization(), lender.login]).toEqual([undefined, undefined])
  })

  test('is a new login where it is looked at anew', () => {
    const { lender } = lending()
    expect(lender.authorization()).toBeUndefined()
    keep({ id: 'second', accessToken: 'access-9' })
    clock.advance(1000)
    expect([lender.login, lender.authorization()]).toEqual(['second', 'Bearer access-9'])
  })

  test('is nothing of a file that cannot be trusted, and that is told once', () => {
    keep({})
    file.write({ ...AT, url: 'https://other.example/', clients: [] })
    const { lender, told } = lending()
    for (let n = 0; n < 3; n += 1) {
      clock.advance(1000)
      expect(lender.authorization()).toBeUndefined()
    }
    expect(told).toEqual([expect.stringMatching(/^trouble far .*holds no login/)])
  })
})

describe('a token that ends', () => {
  test('is renewed before, once for all who ask meanwhile, and kept', async () => {
    keep({})
    const { lender, told, asked } = lending([NEXT])
    clock.advance(3_570_000)
    const [one, two] = [lender.authorization(), lender.authorization()]
    expect(one).toBeInstanceOf(Promise)
    expect([await one, await two]).toEqual(['Bearer access-2', 'Bearer access-2'])
    expect(asked).toEqual([['refresh-1', undefined]])
    expect(lender.authorization()).toBe('Bearer access-2')
    expect(lender.login).toBe('first')
    const kept = file.read()
    expect(kept?.login).toMatchObject({
      id: 'first',
      accessToken: 'access-2',
      refreshToken: 'refresh-2',
      scopes: ['read'],
      endsAt: NOW + 3_570_000 + 3_600_000,
    })
    expect(kept?.clients).toEqual([CLIENT])
    expect(told).toEqual([
      'renewed far {"issuer":"https://auth.example","until":"2026-11-24T11:59:30.000Z"}',
    ])
    expect(told.join()).not.toMatch(/access-|refresh-/)
  })

  test('keeps the refresh token that was not replaced', async () => {
    keep({})
    const { lender } = lending([{ accessToken: 'access-2', scopes: ['less'] }])
    clock.advance(3_600_000)
    await lender.authorization()
    expect(file.read()?.login).toMatchObject({ refreshToken: 'refresh-1', scopes: ['less'] })
    expect(file.read()?.login).not.toHaveProperty('endsAt')
  })

  test('of a short life is renewed in its second half', async () => {
    keep({ endsAt: NOW + 10_000 })
    const { lender } = lending([NEXT])
    clock.advance(4000)
    expect(lender.authorization()).toBe('Bearer access-1')
    clock.advance(1000)
    expect(await lender.authorization()).toBe('Bearer access-2')
  })

  test('is shown as it is where there is no way to renew it: its server judges it', () => {
    const { refreshToken: _none, ...rest } = LOGIN
    file.write({ ...AT, clients: [CLIENT], login: rest })
    const { lender } = lending()
    clock.advance(7_200_000)
    expect(lender.authorization()).toBe('Bearer access-1')
  })

  /** What happens while another guard has the lock. */
  async function meanwhile(lender: Lender, act: () => void): Promise<string | undefined> {
    const hold = Promise.withResolvers<void>()
    const other = new LoginFile(state, AT).alone(clock, () => hold.promise)
    const shown = lender.authorization()
    act()
    hold.resolve()
    await other
    clock.advance(50)
    return shown
  }

  test('that another guard has renewed is not renewed again', async () => {
    keep({})
    const { lender, asked } = lending([NEXT])
    clock.advance(3_600_000)
    const renewed = { accessToken: 'access-7', endsAt: NOW + 9_000_000 }
    expect(await meanwhile(lender, () => keep(renewed))).toBe('Bearer access-7')
    expect(asked).toEqual([])
  })

  test('is not renewed after a logout', async () => {
    keep({})
    const { lender, asked } = lending([NEXT])
    clock.advance(3_600_000)
    expect(await meanwhile(lender, () => file.remove())).toBeUndefined()
    expect(asked).toEqual([])
    expect(file.read()).toBeUndefined()
  })

  test('whose server cannot be reached is tried again after a pause, and whose server refuses never', async () => {
    keep({})
    const { lender, told, asked } = lending([DOWN, REFUSED])
    clock.advance(3_600_000)
    expect(await lender.authorization()).toBe('Bearer access-1')
    expect(lender.authorization()).toBe('Bearer access-1')
    clock.advance(5000)
    expect(await lender.authorization()).toBe('Bearer access-1')
    clock.advance(60_000)
    expect(lender.authorization()).toBe('Bearer access-1')
    expect(asked).toHaveLength(2)
    expect(told).toEqual([
      'trouble far `auth.example` does not answer in time',
      'trouble far renewing the token failed: invalid_grant',
    ])
    keep({ id: 'second', accessToken: 'access-3', endsAt: NOW })
    clock.advance(1000)
    await lender.authorization()
    expect(asked).toHaveLength(3)
  })

  test('is renewed as the client that mcp.json names, with its secret, and as no other', async () => {
    const configured: Client = { ...CLIENT, by: 'configured' }
    keep({}, configured)
    clock.advance(3_600_000)
    const named = lending([NEXT], { clientId: 'c', clientSecret: 'hush' })
    await named.lender.authorization()
    expect(named.asked).toEqual([['refresh-1', 'hush']])
    keep({}, configured)
    const other = lending([NEXT], { clientId: 'other', clientSecret: 'hush' })
    expect(await other.lender.authorization()).toBe('Bearer access-1')
    expect(other.asked).toEqual([])
    expect(other.told[0]).toContain('as another client than mcp.json names now')
  })
})

describe('a refusal', () => {
  test('of nothing is told, and looked after: the next login is shown at once', () => {
    const { lender, told } = lending()
    const wanted = 'Bearer resource_metadata="https://far.example/prm", scope="a b"'
    expect(lender.refused(undefined, 401, wanted)).toBe(false)
    expect(told).toEqual(['refused far {"status":401,"shown":false}'])
    expect(file.challenge()).toEqual({
      metadataUrl: 'https://far.example/prm',
      scopes: ['a', 'b'],
    })
    keep({ id: 'second' })
    expect([lender.login, lender.authorization()]).toEqual(['second', 'Bearer access-1'])
  })

  test('of a token is worth another one', async () => {
    keep({})
    const { lender, told } = lending([NEXT])
    expect(lender.authorization()).toBe('Bearer access-1')
    expect(lender.refused('Bearer access-1', 401, undefined)).toBe(true)
    expect(await lender.authorization()).toBe('Bearer access-2')
    expect(told).toHaveLength(1)
    // What was still under way with the old one is worth that, too.
    expect(lender.refused('Bearer access-1', 401, undefined)).toBe(true)
    expect(lender.authorization()).toBe('Bearer access-2')
  })

  test('of every token does not renew without end', async () => {
    keep({})
    const { lender, asked, told } = lending([NEXT])
    for (let n = 0; n < 10; n += 1) {
      const shown = await lender.authorization()
      if (lender.refused(shown, 401, undefined)) await lender.authorization()
    }
    expect(asked).toHaveLength(1)
    expect(told.filter((line) => line.startsWith('refused'))).toHaveLength(9)
  })

  test('for want of scopes keeps the token, and is kept for the next login', () => {
    keep({})
    const { lender, told } = lending()
    expect(lender.login).toBe('first')
    const wanted = 'Bearer error="insufficient_scope", scope="write"'
    expect(lender.refused('Bearer access-1', 403, wanted)).toBe(false)
    expect(lender.authorization()).toBe('Bearer access-1')
    expect(file.challenge()).toEqual({ scopes: ['write'] })
    expect(told).toEqual(['refused far {"status":403,"shown":true,"error":"insufficient_scope"}'])
    keep({ id: 'second', accessToken: 'access-9', scopes: ['read', 'write'] })
    expect([lender.login, lender.authorization()]).toEqual(['second', 'Bearer access-9'])
  })

  test('in the same words is written once', () => {
    const { lender } = lending()
    lender.refused(undefined, 401, 'Bearer scope="a"')
    file.forgetChallenge()
    lender.refused(undefined, 401, 'Bearer scope="a"')
    expect(file.challenge()).toBeUndefined()
    lender.refused(undefined, 401, 'Bearer scope="b"')
    expect(file.challenge()).toEqual({ scopes: ['b'] })
  })

  test('in no words is one all the same, and takes nothing from what was said', () => {
    const { lender } = lending()
    lender.refused(undefined, 403, undefined)
    expect(file.challenge()).toBeUndefined()
    lender.refused(undefined, 401, 'Basic realm="far"')
    expect(file.challenge()).toEqual({})
    lender.refused(undefined, 401, 'Bearer scope="a"')
    lender.refused(undefined, 401, undefined)
    expect(file.challenge()).toEqual({ scopes: ['a'] })
    lending().lender.refused(undefined, 401, undefined)
    expect(file.challenge()).toEqual({ scopes: ['a'] })
  })

  test('is about the token that was shown: another one makes it old', async () => {
    keep({})
    const { lender } = lending([NEXT])
    expect(lender.login).toBe('first')
    lender.refused('Bearer access-1', 401, 'Bearer scope="a"')
    expect(file.challenge()).toEqual({ scopes: ['a'] })
    expect(await lender.authorization()).toBe('Bearer access-2')
    expect(file.challenge()).toBeUndefined()
    lender.refused('Bearer access-1', 403, 'Bearer scope="a"')
    expect(file.challenge()).toBeUndefined()
    lender.refused('Bearer access-2', 403, 'Bearer scope="a"')
    expect(file.challenge()).toEqual({ scopes: ['a'] })
  })
})

test('two guards at an upstream that takes no token do not renew without end', async () => {
  keep({})
  const renewed = (n: number): Granted => ({ ...NEXT, accessToken: `access-${n}` })
  const [one, two] = [lending([renewed(2), renewed(4)]), lending([renewed(3), renewed(5)])]
  for (let n = 0; n < 20; n += 1) {
    for (const { lender } of [one, two]) {
      const shown = await lender.authorization()
      lender.refused(shown, 401, undefined)
      await lender.authorization()
    }
  }
  expect(one.asked.length + two.asked.length).toBeLessThanOrEqual(2)
  // Later it is tried again.
  clock.advance(5000)
  one.lender.refused(await one.lender.authorization(), 401, undefined)
  await one.lender.authorization()
  expect(one.asked.length + two.asked.length).toBeGreaterThan(1)
})

test('what was renewed and cannot be kept is not renewed with what was used up', async () => {
  keep({})
  const third = { ...NEXT, accessToken: 'access-3', refreshToken: 'refresh-3' }
  const { lender, asked, told } = lending([NEXT, third])
  lender.refused(await lender.authorization(), 401, undefined)
  const write = Object.getOwnPropertyDescriptor(LoginFile.prototype, 'write') ?? {}
  LoginFile.prototype.write = () => {
    throw new GuardError('ERR_LOGIN_FAILED', 'no space is left')
  }
  try {
    clock.advance(1000)
    expect(await lender.authorization()).toBe('Bearer access-2')
  } finally {
    Object.defineProperty(LoginFile.prototype, 'write', write)
  }
  expect(told.some((line) => line.includes('no space is left'))).toBe(true)
  clock.advance(60_000)
  lender.refused('Bearer access-2', 401, undefined)
  expect(await lender.authorization()).toBe('Bearer access-3')
  expect(asked.map(([token]) => token)).toEqual(['refresh-1', 'refresh-2'])
  expect(file.read()?.login?.accessToken).toBe('access-3')
})
