/** Attacks by time: a clock that is set back, ahead and back again, under a whole guard and the store on disk. */
import fc from 'fast-check'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openStore, type SqliteStore, storePath } from '../../src/state/sqlite.ts'
import { type FakeClock, fakeClock } from '../fakes/clock.ts'
import { memoryGuard, type MemoryGuard } from '../fakes/guard.ts'
import { type FakeUpstream, legacyUpstream } from '../fakes/upstream.ts'

const START = '2026-11-24T10:00:00Z'
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const MANDATE = `
mandate: m
agent: bot
purpose: Spend by the hour and by the day
valid: { until: 2026-12-01T00:00:00Z }
tools: { a/pay: { effect: pay, limit: 3 per hour } }
budgets: [{ id: day, limit: 5, per: day }]
`
const PAY = { name: 'pay', inputSchema: { type: 'object' } }

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'chaperone-clock-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

interface Taken {
  readonly key: string
  readonly used: number
  readonly limit: number
  readonly from?: string
}

/** A machine: one clock, one state folder, and guards that follow each other on it. */
class Machine {
  readonly clock: FakeClock
  readonly upstream: FakeUpstream = legacyUpstream([PAY])
  /** What calls took from budgets, as it is on record, in order. */
  readonly taken: Taken[] = []
  readonly #path: string
  readonly #mandate: string
  #store: SqliteStore
  #guard: MemoryGuard

  constructor(at = START, mandate = MANDATE) {
    this.clock = fakeClock(at)
    this.#mandate = mandate
    this.#path = storePath(mkdtempSync(join(root, 'state-')))
    this.#store = this.#open()
    this.#guard = this.#start()
  }

  #open(): SqliteStore {
    return openStore({ path: this.#path, clock: this.clock })
  }

  #start(): MemoryGuard {
    const [clock, store] = [this.clock, this.#store]
    return memoryGuard(this.#mandate, { a: this.upstream }, { clock, timers: clock, store })
  }

  async call(): Promise<unknown> {
    const { result } = await this.#guard.ask('tools/call', { name: 'pay' })
    const meta = result?.['_meta'] as Readonly<Record<string, unknown>> | undefined
    return meta?.['dev.chaperone/reason'] ?? 'permitted'
  }

  async calls(times: number): Promise<readonly unknown[]> {
    const all: unknown[] = []
    for (let n = 0; n < times; n += 1) all.push(await this.call())
    return all
  }

  async ready(): Promise<this> {
    await this.#guard.open()
    return this
  }

  async end(): Promise<void> {
    await this.#guard.hangUp()
    for (const entry of this.#guard.log.entries as readonly { readonly budgets?: Taken[] }[])
      this.taken.push(...(entry.budgets ?? []))
    this.#store.close()
  }

  /** Whatever the clock says while no guard runs. */
  async restart(meanwhile: () => void = () => undefined): Promise<void> {
    await this.end()
    meanwhile()
    this.#store = this.#open()
    this.#guard = this.#start()
    await this.ready()
  }

  jump(ms: number): void {
    this.clock.setWall(new Date(this.clock.now() + ms).toISOString())
  }

  /** `chaperone resume clock`. */
  resume(): void {
    const store = this.#open()
    store.resetLatest(this.clock.now())
    store.close()
  }

  get reached(): number {
    return this.upstream.calls('tools/call').length
  }
}

/** When its window began; 0 before any. */
function begins(taken: Taken | undefined): number {
  return taken?.from === undefined ? 0 : Date.parse(taken.from)
}

const times = <T>(count: number, one: T): readonly T[] => Array.from({ length: count }, () => one)

describe('G41: clock skew', () => {
  test('G41: an hour back gives nothing anew, over a restart and after an operator said that it is right', async () => {
    const machine = await new Machine().ready()
    expect(await machine.calls(4)).toEqual([...times(3, 'permitted'), 'budget_exhausted'])
    machine.jump(-HOUR)
    expect(await machine.calls(2)).toEqual(times(2, 'clock_moved_back'))
    await machine.restart()
    expect(await machine.calls(2)).toEqual(times(2, 'clock_moved_back'))
    // 09:00: an hour of which nothing was used, as nobody was there.
    machine.resume()
    expect(await machine.calls(2)).toEqual(times(2, 'budget_exhausted'))
    await machine.restart()
    expect(await machine.call()).toBe('budget_exhausted')
    machine.jump(HOUR + 59 * MINUTE)
    expect(await machine.call()).toBe('budget_exhausted')
    machine.jump(MINUTE)
    expect(await machine.calls(3)).toEqual(['permitted', 'permitted', 'budget_exhausted'])
    expect(machine.reached).toBe(5)
    await machine.end()
  })

  test('G41: a day ahead and back gives the windows of that day, once', async () => {
    const machine = await new Machine().ready()
    expect(await machine.calls(2)).toEqual(times(2, 'permitted'))
    machine.jump(DAY)
    expect(await machine.calls(4)).toEqual([...times(3, 'permitted'), 'budget_exhausted'])
    machine.jump(-DAY)
    expect(await machine.call()).toBe('clock_moved_back')
    await machine.restart()
    expect(await machine.call()).toBe('clock_moved_back')
    machine.resume()
    // What was begun by mistake counts until its time has come.
    expect(await machine.calls(2)).toEqual(times(2, 'budget_exhausted'))
    machine.jump(DAY)
    expect(await machine.call()).toBe('budget_exhausted')
    machine.jump(HOUR)
    expect(await machine.calls(3)).toEqual(['permitted', 'permitted', 'budget_exhausted'])
    expect(machine.reached).toBe(7)
    await machine.end()
  })

  test('G41: an hour that the clocks of its zone show twice is two, of one day', async () => {
    const mandate = MANDATE.replace('per: day', 'per: day, timezone: Europe/Berlin')
    // 02:10 in Berlin, for the first time.
    const machine = await new Machine('2026-10-25T00:10:00Z', mandate).ready()
    expect(await machine.calls(4)).toEqual([...times(3, 'permitted'), 'budget_exhausted'])
    machine.jump(HOUR)
    expect(await machine.calls(3)).toEqual(['permitted', 'permitted', 'budget_exhausted'])
    machine.jump(21 * HOUR)
    expect(await machine.call()).toBe('budget_exhausted')
    machine.jump(HOUR)
    expect(await machine.call()).toBe('permitted')
    await machine.end()
  })

  test('G41: an expired mandate is not revived, by no jump and no restart', async () => {
    const machine = await new Machine('2026-11-30T23:00:00Z').ready()
    expect(await machine.call()).toBe('permitted')
    machine.jump(DAY)
    expect(await machine.call()).toBe('mandate_expired')
    machine.jump(-DAY)
    expect(await machine.call()).toBe('clock_moved_back')
    await machine.restart()
    expect(await machine.call()).toBe('clock_moved_back')
    await machine.restart(() => machine.jump(-6 * DAY))
    expect(await machine.call()).toBe('clock_moved_back')
    machine.jump(7 * DAY)
    expect(await machine.call()).toBe('mandate_expired')
    expect(machine.reached).toBe(1)
    await machine.end()
  })

  test('G41: a mandate is not valid too early for a clock that is ahead and back', async () => {
    const early = MANDATE.replace('valid: {', 'valid: { from: 2026-11-24T12:00:00Z,')
    const machine = await new Machine(START, early).ready()
    expect(await machine.call()).toBe('mandate_not_yet_valid')
    machine.jump(DAY)
    expect(await machine.call()).toBe('permitted')
    machine.jump(-DAY)
    expect(await machine.call()).toBe('clock_moved_back')
    machine.resume()
    expect(await machine.call()).toBe('mandate_not_yet_valid')
    expect(machine.reached).toBe(1)
    await machine.end()
  })

  test('G41: however the clock jumps, no window of a budget is begun twice or gives more than it has', async () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.constant((machine: Machine) => machine.calls(3)) },
      fc
        .constantFrom(-DAY, -HOUR, -4000, 4000, 10 * MINUTE, 30 * MINUTE, HOUR, DAY)
        .map((ms) => (machine: Machine) => machine.jump(ms)),
      fc.constant((machine: Machine) => machine.clock.advance(1000)),
      fc.constant((machine: Machine) => machine.resume()),
      fc.constantFrom(0, -HOUR, DAY).map((ms) => (machine: Machine) => {
        return machine.restart(() => machine.jump(ms))
      }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
        const machine = await new Machine(
          START,
          MANDATE.replace('2026-12-01', '2027-12-01'),
        ).ready()
        for (const act of steps) await act(machine)
        await machine.end()
        const last = new Map<string, Taken>()
        for (const one of machine.taken) {
          const before = last.get(one.key)
          const goesOn = before?.from === one.from
          expect(one.used).toBe(goesOn && before ? before.used + 1 : 1)
          expect(one.used).toBeLessThanOrEqual(one.limit)
          expect(begins(one)).toBeGreaterThanOrEqual(begins(before))
          last.set(one.key, one)
        }
        expect(machine.reached).toBe(machine.taken.length / 2)
      }),
      { numRuns: 25 },
    )
  })
})

describe('G24: replay', () => {
  test('G24: after its budget began anew a call counts again, and only then', async () => {
    const machine = await new Machine().ready()
    expect(await machine.calls(4)).toEqual([...times(3, 'permitted'), 'budget_exhausted'])
    machine.jump(HOUR - 1)
    expect(await machine.call()).toBe('budget_exhausted')
    machine.jump(1)
    expect(await machine.calls(3)).toEqual(['permitted', 'permitted', 'budget_exhausted'])
    await machine.restart(() => machine.jump(10 * MINUTE))
    expect(await machine.call()).toBe('budget_exhausted')
    expect(machine.reached).toBe(5)
    await machine.end()
  })
})
