/** What every store promises, whoever keeps it; run by the database and by the store in memory. */
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { callId, instant, sha256 } from '../../src/model/id.ts'
import type { HistoryQuery } from '../../src/model/policy.ts'
import type { RunningGuard, StateStore, TaskEnd, TaskHistory } from '../../src/model/port.ts'
import type { Debit, HoldId, Restriction, Target } from '../../src/model/state.ts'
import type { CallContext } from '../../src/model/call.ts'
import type { JsonObject } from '../../src/model/json.ts'
import { type FakeClock, fakeClock } from '../fakes/clock.ts'
import type { Own } from '../../src/state/running.ts'
import { call as vendorCall } from '../fakes/entry-body.ts'

/** What a maker is given; stores that were made of one have all in common. */
export interface StoreWorld {
  readonly clock: FakeClock
  readonly isRunning: (pid: number) => boolean
}

/** The returned function opens a store; each that it opens is of the same world. */
export type StoreMaker = (world: StoreWorld) => (own?: Own) => StateStore

const START = '2026-11-24T10:00:00.000Z'
const T0 = instant(Date.parse(START))
const HOUR = 3_600_000
const unusable = { name: 'GuardError', code: 'ERR_STATE_UNUSABLE' }

export function debit(given: Partial<Debit> = {}): Debit {
  return { budget: 'budgets.calls', key: 'k', amount: 1, limit: 3, from: T0, ...given }
}

function hold(store: StateStore, ...debits: readonly Debit[]): ReturnType<StateStore['hold']> {
  return store.hold({ call: callId('c1'), at: T0, debits })
}

function held(store: StateStore, ...debits: readonly Debit[]): HoldId {
  const found = hold(store, ...debits)
  if (!('held' in found)) throw new Error(`exhausted: ${found.exhausted.budget}`)
  return found.held
}

function used(store: StateStore, key = 'k'): number {
  return store.budgets('').find((one) => one.key === key)?.used ?? 0
}

export function guard(instance: string, pid = 1): RunningGuard {
  const mandate = { name: 'm', digest: sha256('a'.repeat(64)), agent: 'agent-1' }
  const log = `/log/${instance}`
  return { instance, pid, startedAt: T0, log, mandates: [mandate], upstreams: ['vendors'] }
}

const EVERYTHING: Target = { kind: 'everything' }
const TOOL: Target = { kind: 'tool', server: 'vendors', name: 'approve' }
const MANDATE: Target = { kind: 'mandate', name: 'm' }

function said(target: Target, kind: Restriction['kind'], why = 'x'): Omit<Restriction, 'id'> {
  return { target, kind, at: T0, why, by: 'operator dana' }
}
const lifted = { at: T0, why: 'all is well', by: 'operator dana', revoked: false }

/** A call of a tool of the server `s`. */
export function toolCall(name: string, args: JsonObject = {}, at = 0): CallContext {
  const base = vendorCall(args)
  return {
    ...base,
    at: instant(T0 + at),
    resource: { ...base.resource, kind: 'tool', server: 's', name } as CallContext['resource'],
  }
}

const send = (_server: string, tool: string): boolean => tool === 'send'
export const CALLS: HistoryQuery = { key: 'calls', kind: 'calls', matches: send }
export const COMPLETED: HistoryQuery = { key: 'completed', kind: 'completed', matches: send }
export const TO: HistoryQuery = { key: 'to', kind: 'called_with', matches: send, argument: 'to' }
export const WHO = { mandate: 'm', agent: 'agent-1', task: 'default' }

export function ask(task: TaskHistory, query: HistoryQuery, value?: string): unknown {
  return task.facts.history?.read(query, T0, value)
}

/** What others did is looked for once in a turn of the event loop. */
export function nextTurn(): Promise<void> {
  return Promise.resolve()
}

interface Step {
  readonly debits: readonly {
    readonly key: string
    readonly amount: number
    readonly window: number
  }[]
  readonly fate: 'hold' | 'settle' | 'release'
  readonly which: number
  readonly by: boolean
}
type Taken = readonly [key: string, window: number, amount: number]

/** Budgets of 5, as they are meant. */
class Model {
  counters = new Map<string, { readonly window: number; readonly used: number }>()

  hold(debits: readonly Debit[]): Taken[] | undefined {
    const next = new Map(this.counters)
    const taken: Taken[] = []
    for (const { key, amount, from } of debits) {
      const known = next.get(key)
      const now = known && from <= known.window ? known : { window: from, used: 0 }
      if (now.used + amount > 5) return undefined
      next.set(key, { window: now.window, used: now.used + amount })
      taken.push([key, now.window, amount])
    }
    this.counters = next
    return taken
  }

  release(taken: readonly Taken[]): void {
    for (const [key, window, amount] of taken) {
      const known = this.counters.get(key)
      if (known?.window === window) this.counters.set(key, { window, used: known.used - amount })
    }
  }
}

export function stateStoreContract(name: string, make: StoreMaker): void {
  describe(`${name} keeps the contract of a store`, () => {
    let clock: FakeClock
    let running: Set<number>
    let open: (own?: Own) => StateStore
    let opened: StateStore[]
    let store: StateStore
    beforeEach(() => {
      clock = fakeClock(START)
      running = new Set([1, 2])
      opened = []
      const made = make({ clock, isRunning: (pid) => running.has(pid) })
      open = (own) => {
        const one = made(own)
        opened.push(one)
        return one
      }
      store = open()
    })
    afterEach(() => {
      for (const one of opened) one.close()
    })

    describe('budgets', () => {
      test('are debited up to the limit, and say what is left', () => {
        const until = instant(T0 + HOUR)
        const one = debit({ amount: 2, scale: 2, until })
        expect(hold(store, one)).toMatchObject({
          after: [{ budget: 'budgets.calls', key: 'k', used: 2, limit: 3, scale: 2, until }],
        })
        expect(hold(store, one)).toMatchObject({
          exhausted: { used: 2, limit: 3, scale: 2, from: T0, until },
          asked: 2,
        })
        expect(used(store)).toBe(2)
        expect(hold(store, debit())).toHaveProperty('held')
        expect(store.budgets('')).toMatchObject([{ key: 'k', used: 3, limit: 3, from: T0 }])
        expect(store.budgets('')[0]).not.toHaveProperty('until')
      })

      test('are taken all or none', () => {
        const short = debit({ key: 'short', limit: 0, budget: 'budgets.eur' })
        expect(hold(store, debit(), short)).toMatchObject({
          exhausted: { budget: 'budgets.eur', used: 0, limit: 0 },
          asked: 1,
        })
        expect(used(store)).toBe(0)
        expect(store.budgets('')).toEqual([])
      })

      test('that one call takes twice are counted twice', () => {
        expect(hold(store, debit({ limit: 1 }), debit({ limit: 1 }))).toHaveProperty('exhausted')
        expect(used(store)).toBe(0)
        held(store, debit({ limit: 2 }), debit({ limit: 2 }))
        expect(used(store)).toBe(2)
      })

      test('refuse what is no amount: it might give back what was used', () => {
        held(store, debit())
        for (const bad of [-1, 0.5, Number.NaN, Infinity, 2 ** 53]) {
          expect(() => hold(store, debit({ amount: bad }))).toThrow(
            expect.objectContaining(unusable),
          )
          expect(() => hold(store, debit({ limit: bad }))).toThrow(
            expect.objectContaining(unusable),
          )
        }
        expect(used(store)).toBe(1)
      })

      test('never pass what is counted exactly', () => {
        const limit = Number.MAX_SAFE_INTEGER
        held(store, debit({ amount: limit - 1, limit }))
        expect(hold(store, debit({ amount: 2, limit }))).toHaveProperty('exhausted')
        expect(hold(store, debit({ amount: limit, limit }))).toHaveProperty('exhausted')
        held(store, debit({ amount: 1, limit }))
        expect(used(store)).toBe(limit)
      })

      test('begin anew with a newer window, and count an older one against what is there', () => {
        const later = { from: instant(T0 + HOUR), until: instant(T0 + 2 * HOUR) }
        held(store, debit({ amount: 3 }))
        held(store, debit({ amount: 2, ...later }))
        expect(store.budgets('')).toMatchObject([{ used: 2, ...later }])
        const back = hold(store, debit({ amount: 2, from: T0, until: instant(T0 + HOUR) }))
        expect(back).toMatchObject({ exhausted: { used: 2, ...later } })
        held(store, debit({ amount: 1, from: T0, until: instant(T0 + HOUR) }))
        expect(store.budgets('')).toMatchObject([{ used: 3, ...later }])
        expect(hold(store, debit(later))).toHaveProperty('exhausted')
      })

      test('that are exhausted say so of the window that would begin', () => {
        held(store, debit({ amount: 3 }))
        const later = { from: instant(T0 + HOUR), until: instant(T0 + 2 * HOUR) }
        expect(hold(store, debit({ amount: 4, ...later }))).toEqual({
          exhausted: { budget: 'budgets.calls', key: 'k', used: 0, limit: 3, ...later },
          asked: 4,
        })
        expect(used(store)).toBe(3)
      })

      test('are spent once settled, given back once released, each once', () => {
        const [first, second] = [held(store, debit()), held(store, debit())]
        store.release(first)
        store.release(first)
        expect(used(store)).toBe(1)
        store.settle(second)
        store.settle(second)
        store.release(second)
        expect(used(store)).toBe(1)
        store.release(999)
        store.settle(999)
        expect(used(store)).toBe(1)
      })

      test('are given back only to the window that they were taken from', () => {
        const first = held(store, debit())
        held(store, debit({ from: instant(T0 + HOUR), amount: 3 }))
        store.release(first)
        expect(used(store)).toBe(3)
      })

      test('that are given back late, to a window that counted an older one, are found', () => {
        held(store, debit({ from: instant(T0 + HOUR) }))
        const back = held(store, debit())
        store.release(back)
        expect(used(store)).toBe(1)
      })

      test('a hold of nothing takes nothing', () => {
        const none = held(store)
        store.release(none)
        store.settle(none)
        expect(store.budgets('')).toEqual([])
      })

      test('are found by how their keys begin, whatever stands in these', () => {
        for (const key of ['["mandate","a"]', '["mandate","a_%"]', '["agent","a"]'])
          held(store, debit({ key }))
        const keys = (prefix: string): string[] => store.budgets(prefix).map(({ key }) => key)
        expect(keys('["mandate",')).toEqual(['["mandate","a"]', '["mandate","a_%"]'])
        expect(keys('["mandate","a_%"')).toEqual(['["mandate","a_%"]'])
        expect(keys('')).toHaveLength(3)
        expect(keys('x')).toEqual([])
      })

      test('are shared with whoever opens the store beside it, and later', () => {
        const other = open()
        held(other, debit({ amount: 2 }))
        expect(used(store)).toBe(2)
        expect(hold(store, debit({ amount: 2 }))).toHaveProperty('exhausted')
        store.close()
        const later = open()
        expect(used(later)).toBe(2)
      })

      test('are never overspent, and are those of a model, in whatever order things happen', () => {
        const wanted = fc.record({
          key: fc.constantFrom('a', 'b'),
          amount: fc.integer({ min: 0, max: 4 }),
          window: fc.integer({ min: 0, max: 2 }),
        })
        const step = fc.record({
          debits: fc.array(wanted, { minLength: 1, maxLength: 3 }),
          fate: fc.constantFrom<Step['fate'][]>('hold', 'hold', 'settle', 'release'),
          which: fc.nat(20),
          by: fc.boolean(),
        })
        const [one, two] = [open(), open()]
        let worlds = 0
        const run = (steps: readonly Step[]): void => {
          worlds += 1
          const model = new Model()
          const holds: { readonly id: HoldId; readonly taken: Taken[] }[] = []
          const outcomes: [boolean, boolean][] = []
          for (const { debits, fate, which, by } of steps) {
            const store = by ? one : two
            const known = holds[which % Math.max(1, holds.length)]
            if (fate === 'hold') {
              const all = debits.map(({ key, amount, window }) =>
                debit({ key: `${worlds} ${key}`, amount, limit: 5, from: instant(T0 + window) }),
              )
              const [taken, found] = [model.hold(all), hold(store, ...all)]
              outcomes.push([taken !== undefined, 'held' in found])
              if ('held' in found) holds.push({ id: found.held, taken: taken ?? [] })
            } else if (known) {
              store[fate](known.id)
              if (fate === 'release') model.release(known.taken)
              known.taken.length = 0
            }
          }
          expect(outcomes.filter(([expected, had]) => expected !== had)).toEqual([])
          for (const [key, state] of model.counters) {
            expect(used(one, key)).toBe(state.used)
            expect(state.used).toBeLessThanOrEqual(5)
          }
        }
        fc.assert(fc.property(fc.array(step, { maxLength: 40 }), run), { numRuns: 40 })
      })
    })

    describe('together', () => {
      test('everything happens, or nothing where something throws', () => {
        held(store, debit())
        const before = store.restrictions()
        const act = (): void => {
          held(store, debit())
          store.restrict(said(TOOL, 'suspended'))
          expect(store.restrictions().all).toHaveLength(1)
          throw new RangeError('no')
        }
        expect(() => store.together(act)).toThrow('no')
        expect(used(store)).toBe(1)
        expect(store.restrictions()).toEqual(before)
        expect(store.restrict(said(MANDATE, 'suspended')).id).toBe(before.revision + 1)
        expect(store.restrictions().all).toMatchObject([{ target: MANDATE }])
        expect(store.together(() => held(store, debit()))).toBeGreaterThan(0)
        expect(used(store)).toBe(2)
      })

      test('what does not fit within it is as if it had not been asked for', () => {
        store.together(() => {
          held(store, debit())
          const short = hold(store, debit(), debit({ key: 'short', limit: 0 }))
          expect(short).toHaveProperty('exhausted')
          held(store, debit())
        })
        expect(used(store)).toBe(2)
      })
    })

    describe('restrictions', () => {
      test('stand from the moment they are made, for everybody', () => {
        const other = open()
        expect(store.restrictions()).toEqual({ revision: 0, all: [] })
        const until = instant(T0 + HOUR)
        const made = store.restrict({ ...said(TOOL, 'suspended'), until })
        expect(made).toEqual({ ...said(TOOL, 'suspended'), until, id: 1 })
        expect(store.restrictions()).toEqual({ revision: 1, all: [made] })
        expect(other.restrictions()).toEqual({ revision: 1, all: [made] })
        // Time is the caller's.
        clock.advance(2 * HOUR)
        expect(other.restrictions().all).toHaveLength(1)
        expect(open().restrictions()).toEqual({ revision: 1, all: [made] })
      })

      test('are the same object as long as nothing changes, whatever else is written', () => {
        const other = open()
        store.restrict(said(EVERYTHING, 'suspended'))
        const known = store.restrictions()
        held(other, debit())
        expect(store.restrictions()).toBe(known)
        other.restrict(said(TOOL, 'suspended'))
        expect(store.restrictions()).not.toBe(known)
        expect(store.restrictions().revision).toBe(2)
      })

      test('of one target: the later counts, but a suspension never weakens a revocation', () => {
        store.restrict(said(TOOL, 'suspended', 'first'))
        store.restrict(said(TOOL, 'suspended', 'second'))
        expect(store.restrictions().all).toMatchObject([{ why: 'second' }])
        const revoked = store.restrict(said(TOOL, 'revoked', 'third'))
        const { revision } = store.restrictions()
        expect(store.restrict(said(TOOL, 'suspended', 'fourth'))).toEqual(revoked)
        expect(store.restrictions()).toEqual({ revision, all: [revoked] })
        store.restrict(said(TOOL, 'revoked', 'fifth'))
        expect(store.restrictions().all).toMatchObject([{ kind: 'revoked', why: 'fifth' }])
      })

      test('of one target: a suspension that ends earlier shortens none', () => {
        const until = (hours: number) => ({ until: instant(T0 + hours * HOUR) })
        const two = store.restrict({ ...said(TOOL, 'suspended'), ...until(2) })
        expect(store.restrict({ ...said(TOOL, 'suspended'), ...until(1) })).toEqual(two)
        expect(store.restrictions().all).toEqual([two])
        store.restrict({ ...said(TOOL, 'suspended'), ...until(3) })
        expect(store.restrictions().all).toMatchObject([until(3)])
        const open = store.restrict(said(TOOL, 'suspended'))
        expect(store.restrict({ ...said(TOOL, 'suspended'), ...until(9) })).toEqual(open)
        expect(store.restrictions()).toMatchObject({ revision: 3, all: [open] })
        expect(store.restrict(said(TOOL, 'revoked')).kind).toBe('revoked')
      })

      test('are lifted against exactly their target, a revocation only where that is said', () => {
        const other = open()
        const tool = store.restrict(said(TOOL, 'suspended'))
        const upstream = store.restrict(said({ kind: 'upstream', name: 'vendors' }, 'revoked'))
        expect(store.lift({ kind: 'tool', server: 'vendors', name: 'x' }, lifted)).toBeUndefined()
        expect(store.lift({ kind: 'agent', name: 'vendors' }, lifted)).toBeUndefined()
        expect(other.lift(TOOL, lifted)).toEqual(tool)
        expect(other.lift(TOOL, lifted)).toBeUndefined()
        expect(store.restrictions()).toEqual({
          revision: 3,
          all: [upstream],
          lifted: [{ id: 3, restriction: tool, at: lifted.at, why: lifted.why, by: lifted.by }],
        })
        expect(store.lift(upstream.target, lifted)).toBeUndefined()
        expect(store.restrictions().all).toEqual([upstream])
        expect(store.lift(upstream.target, { ...lifted, revoked: true })).toEqual(upstream)
        expect(other.restrictions()).toMatchObject({
          revision: 4,
          all: [],
          lifted: [{ id: 3 }, { id: 4, restriction: upstream }],
        })
      })

      test('a mandate that was revoked stays so, one that was suspended does not', () => {
        store.restrict(said(MANDATE, 'suspended'))
        expect(store.lift(MANDATE, lifted)).toMatchObject({ kind: 'suspended' })
        store.restrict(said(MANDATE, 'revoked'))
        expect(store.lift(MANDATE, { ...lifted, revoked: true })).toBeUndefined()
        expect(store.restrictions().all).toMatchObject([{ target: MANDATE, kind: 'revoked' }])
      })
    })

    describe('guards', () => {
      test('are there once they say so, with what they said last', () => {
        store.register(guard('a'))
        expect(store.instances()).toEqual([
          { ...guard('a'), heartbeatAt: T0, alive: true, seen: 0 },
        ])
        const at = instant(T0 + 5000)
        open().heartbeat('a', at, 7, at)
        expect(store.instances()).toMatchObject([{ heartbeatAt: at, seen: 7, seenAt: at }])
        store.heartbeat('a', instant(T0 + 6000), 7)
        expect(store.instances()).toMatchObject([{ seen: 7, seenAt: at }])
        store.heartbeat('nobody', at, 7)
        expect(store.instances()).toHaveLength(1)
        store.unregister('a')
        expect(store.instances()).toEqual([])
      })

      test('whose process is gone, or that are silent, are shown as not running', () => {
        store.register(guard('a', 1))
        store.register(guard('b', 2))
        running.delete(2)
        const alive = (): unknown[] => store.instances().map((one) => [one.instance, one.alive])
        expect(alive()).toEqual([
          ['a', true],
          ['b', false],
        ])
        clock.advance(30_001)
        expect(alive()).toEqual([
          ['a', false],
          ['b', false],
        ])
        store.heartbeat('a', clock.now(), 0)
        expect(alive()[0]).toEqual(['a', true])
      })

      test('that had the number of the process that asks, before it began, are gone', () => {
        running.add(7)
        store.register(guard('before', 7))
        const mine = held(store, debit())
        clock.advance(1000)
        const next = open({ pid: 7, since: clock.now() })
        next.register(guard('after', 7))
        held(next, debit())
        expect(next.orphans()).toMatchObject([{ hold: mine, instance: 'before' }])
        const alive = next.instances().map((one) => [one.instance, one.alive])
        expect(alive).toEqual([
          ['after', true],
          ['before', false],
        ])
        // For others a process has that number.
        expect(open().orphans()).toEqual([])
      })

      test('that are gone leave orphans, and others do not', () => {
        const other = open()
        store.register(guard('a', 1))
        other.register(guard('b', 2))
        const mine = held(store, debit())
        held(other, debit())
        expect(other.orphans()).toEqual([])
        running.delete(1)
        const orphan = { hold: mine, call: 'c1', instance: 'a', log: '/log/a' }
        expect(other.orphans()).toEqual([orphan])
        // Its machine slept for a day: a process of that number may still settle it.
        running.add(1)
        clock.advance(24 * HOUR)
        other.heartbeat('b', clock.now(), 0)
        expect(other.orphans()).toEqual([])
        running.delete(1)
        other.release(mine)
        expect(other.orphans()).toEqual([])
        expect(used(store)).toBe(1)
      })

      test('that end without settling leave orphans; holds of nobody stay spent', () => {
        held(store, debit())
        store.register(guard('a', 1))
        const mine = held(store, debit())
        store.settle(held(store, debit()))
        store.unregister('a')
        expect(store.orphans()).toMatchObject([{ hold: mine }])
        store.settle(mine)
        expect(store.orphans()).toEqual([])
        expect(used(store)).toBe(3)
      })
    })

    describe('tasks', () => {
      let tasks: TaskHistory[]
      let ended: TaskEnd[]
      beforeEach(() => {
        tasks = []
        ended = []
      })
      afterEach(() => {
        for (const one of tasks) one.close()
      })
      const openTask = (by = store, who = WHO, queries = [CALLS, COMPLETED, TO]): TaskHistory => {
        const one = by.openTask(who, { timers: clock, onEnded: (end) => ended.push(end) })
        one.track(queries)
        tasks.push(one)
        return one
      }

      test('are the same for everybody who opens them under their name, and no other', () => {
        const [one, two] = [openTask(), openTask(open())]
        const other = openTask(store, { ...WHO, task: 'other' })
        expect(one.label(['untrusted'])).toBe(true)
        expect(two.label(['untrusted'])).toBe(false)
        expect(two.label(['confidential'])).toBe(true)
        expect(one.facts.id).toBe('["m","agent-1","default"]')
        expect(one.facts.labels).toEqual(['confidential', 'untrusted'])
        one.begin(toolCall('send', { to: 'a' }))
        two.begin(toolCall('send', { to: 'b' }))
        two.completed(toolCall('send'))
        for (const task of [one, two]) {
          expect([ask(task, CALLS), ask(task, COMPLETED)]).toEqual([2, 1])
          expect([ask(task, TO, 'a'), ask(task, TO, 'b'), ask(task, TO, 'c')]).toEqual([
            true,
            true,
            false,
          ])
        }
        expect(other.facts.labels).toEqual([])
        expect([ask(other, CALLS), ask(other, TO, 'a')]).toEqual([0, false])
      })

      test('stay when all who had them open are gone', () => {
        const one = openTask()
        one.label(['untrusted'])
        one.begin(toolCall('send', { to: 'a' }))
        one.completed(toolCall('send'))
        one.close()
        const again = openTask(open())
        expect(again.facts.labels).toEqual(['untrusted'])
        expect([ask(again, CALLS), ask(again, COMPLETED)]).toEqual([1, 1])
        expect([ask(again, TO, 'a'), ask(again, TO, 'c')]).toEqual([true, false])
      })

      test('the facts are another object when the labels differ, and the same while nothing does', async () => {
        const [one, two] = [openTask(), openTask(open())]
        const { facts } = one
        expect(one.facts).toBe(facts)
        two.label(['untrusted'])
        await nextTurn()
        expect(one.facts).not.toBe(facts)
        expect(facts.labels).toEqual([])
      })

      test('a call of which nothing left is taken back, once, for everybody', async () => {
        const [one, two] = [openTask(), openTask(open())]
        one.begin(toolCall('send', { to: 'a' }))
        const back = one.begin(toolCall('send', { to: 'b' }))
        expect(ask(two, TO, 'b')).toBe(true)
        back()
        back()
        clock.advance(1000)
        await nextTurn()
        for (const task of [one, two]) {
          expect(ask(task, CALLS)).toBe(1)
          expect([ask(task, TO, 'a'), ask(task, TO, 'b')]).toEqual([true, false])
        }
      })

      test('calls that nobody asks of are there for others a second later, and when it closes', async () => {
        const one = openTask(store, WHO, [])
        one.begin(toolCall('send'))
        const back = one.begin(toolCall('send'))
        back()
        one.completed(toolCall('send'))
        clock.advance(1000)
        const two = openTask(open())
        expect([ask(two, CALLS), ask(two, COMPLETED)]).toEqual([1, 1])
        one.begin(toolCall('send'))
        one.close()
        await nextTurn()
        expect(ask(two, CALLS)).toBe(2)
        // Whose values nobody kept.
        expect(ask(two, TO, 'a')).toBeUndefined()
      })

      test('that are ended begin anew, also for those who had them open, who are told', () => {
        const one = openTask()
        one.label(['untrusted'])
        const back = one.begin(toolCall('send', { to: 'a' }))
        const end = { at: T0, by: 'operator dana', why: 'all is checked' }
        expect(store.endTask({ ...WHO, task: 'other' }, end)).toBe(false)
        expect(open().endTask(WHO, end)).toBe(true)
        expect(one.facts.labels).toEqual([])
        expect([ask(one, CALLS), ask(one, TO, 'a')]).toEqual([0, false])
        expect(ended).toEqual([end])
        back()
        one.begin(toolCall('send', { to: 'b' }))
        expect(one.label(['untrusted'])).toBe(true)
        expect([ask(one, CALLS), ask(one, TO, 'b')]).toEqual([1, true])
        expect(openTask(open()).facts.labels).toEqual(['untrusted'])
        expect(ended).toHaveLength(1)
      })

      test('are listed with what happened in them', () => {
        expect(store.tasks()).toEqual([])
        const one = openTask()
        one.label(['untrusted'])
        one.begin(toolCall('send', {}, 5000))
        one.begin(toolCall('send', {}, 5000))
        one.completed(toolCall('send', {}, 5000))
        const last = instant(T0 + 5000)
        const [labels, calls, completed] = [['untrusted'], 2, 1]
        expect(open().tasks()).toEqual([{ ...WHO, began: T0, last, labels, calls, completed }])
        store.endTask(WHO, { at: T0, by: 'x', why: 'x' })
        expect(store.tasks()).toEqual([])
      })

      test('labels that do not fit are a fault, and lose none', () => {
        const one = openTask()
        one.label(['untrusted'])
        expect(() => one.label(['x'.repeat(129)])).toThrow(RangeError)
        expect(openTask(open()).facts.labels).toEqual(['untrusted'])
      })
    })

    test('the latest time is that of any hold or heartbeat, and goes back only when told', () => {
      expect(store.latest()).toBe(0)
      store.register(guard('a'))
      expect(store.latest()).toBe(T0)
      const tomorrow = instant(T0 + 24 * HOUR)
      store.hold({ call: callId('c'), at: tomorrow, debits: [debit()] })
      store.hold({ call: callId('c'), at: T0, debits: [debit()] })
      store.heartbeat('a', T0, 0)
      expect(open().latest()).toBe(tomorrow)
      store.heartbeat('a', instant(tomorrow + 1), 0)
      expect(store.latest()).toBe(tomorrow + 1)
      expect(open().resets()).toBe(0)
      store.resetLatest(T0)
      expect(store.latest()).toBe(T0)
      expect(open().resets()).toBe(1)
    })

    test('nothing is answered once it is closed', () => {
      store.close()
      store.close()
      for (const ask of [
        () => hold(store, debit()),
        () => store.restrictions(),
        () => store.restrict(said(TOOL, 'revoked')),
        () => store.budgets(''),
        () => store.settle(1),
        () => store.release(1),
        () => store.instances(),
        () => store.orphans(),
        () => store.latest(),
        () => store.together(() => 1),
      ])
        expect(ask).toThrow(expect.objectContaining(unusable))
    })
  })
}
