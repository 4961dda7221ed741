/** When a mandate is reviewed, what is done then, and that one cause is one firing, also after a restart. */
import { expect, test } from 'vitest'
import { callId, instant, sha256 } from '../../src/model/id.ts'
import type { JsonObject } from '../../src/model/json.ts'
import type { StateStore } from '../../src/model/port.ts'
import type { EntryBody } from '../../src/model/record.ts'
import type { ReviewTrigger } from '../../src/model/review.ts'
import type { BudgetState } from '../../src/model/state.ts'
import { refusal } from '../../src/model/verdict.ts'
import { emptyMemory, memoryStore } from '../../src/state/memory.ts'
import { Reviewer } from '../../src/state/review.ts'
import { fakeClock } from '../fakes/clock.ts'

const DAY = 86_400_000

function setup(...triggers: readonly ReviewTrigger[]) {
  const clock = fakeClock('2026-11-24T10:00:00Z')
  const memory = emptyMemory()
  const fired: JsonObject[] = []
  const told: (readonly [string, unknown])[] = []
  const errors: string[] = []
  const note = (_facts: object, message: string): void => void errors.push(message)
  const make = (store: StateStore) =>
    new Reviewer({
      mandate: 'm',
      triggers,
      store,
      clock,
      operational: { debug: note, info: note, warn: () => undefined, error: note },
      notifier: {
        notify: async (to, event) => {
          told.push([to, event['on']])
          return 'delivered'
        },
      },
      record: (facts) => fired.push(facts),
    })
  const open = (): StateStore => {
    const store = memoryStore({ clock, memory, isRunning: () => true })
    const self = { pid: 1, startedAt: clock.now(), log: '/log', mandates: [], upstreams: [] }
    store.register({ ...self, instance: `g${Math.random()}` })
    return store
  }
  const store = open()
  const intent = (name: string, budgets?: readonly BudgetState[]): EntryBody =>
    ({
      type: 'intent',
      at: clock.now(),
      call: { id: callId('c'), resource: { kind: 'tool', server: 'a', name } },
      ...(budgets && { budgets }),
    }) as unknown as EntryBody
  const refused = (reason: Parameters<typeof refusal>[1]): EntryBody => ({
    type: 'refusal',
    at: clock.now(),
    request: { era: 'legacy', method: 'tools/call' },
    refusal: refusal('decide', reason),
  })
  const stands = () =>
    store.restrictions().all.map(({ target, kind, by }) => ({ target, kind, by }))
  return {
    clock,
    store,
    reviewer: make(store),
    restarted: () => make(open()),
    intent,
    refused,
    fired,
    told,
    errors,
    stands,
  }
}

const MANDATE = { kind: 'mandate', name: 'm' } as const

test('too many refusals in a time suspend the mandate; what the guard could not do does not count', () => {
  const { clock, reviewer, refused, fired, stands } = setup({
    on: 'denials',
    over: 2,
    withinMs: 60_000,
    action: 'suspend',
  })
  const deny = (): void => reviewer.hear(refused('outside_mandate'))
  deny()
  deny()
  for (const reason of ['audit_unavailable', 'mandate_revoked', 'upstream_timeout'] as const)
    reviewer.hear(refused(reason))
  clock.advance(60_000)
  deny()
  deny()
  expect(stands()).toEqual([])
  clock.advance(59_999)
  deny()
  expect(stands()).toEqual([{ target: MANDATE, kind: 'suspended', by: 'review denials' }])
  expect(fired).toEqual([
    { on: 'denials', action: 'suspend', mandate: 'm', why: '3 refusals within 60 s' },
  ])
  // Counted anew from there.
  deny()
  deny()
  expect(fired).toHaveLength(1)
  clock.advance(1)
  deny()
  expect(fired).toHaveLength(2)
})

test('each of two triggers about refusals counts for itself: the lower one does not disarm the higher one', () => {
  const low = { on: 'denials', over: 1, withinMs: 60_000, action: 'notify', to: 'owner' } as const
  const high = { on: 'denials', over: 4, withinMs: 3_600_000, action: 'suspend' } as const
  const { clock, reviewer, refused, fired, stands } = setup(low, high)
  for (let count = 1; count <= 5; count += 1) {
    expect(stands()).toEqual([])
    reviewer.hear(refused('outside_mandate'))
    clock.advance(1)
  }
  expect(stands()).toEqual([{ target: MANDATE, kind: 'suspended', by: 'review denials' }])
  expect(fired.map(({ action, why }) => [action, why])).toEqual([
    ['notify', '2 refusals within 60 s'],
    ['notify', '2 refusals within 60 s'],
    ['suspend', '5 refusals within 3600 s'],
  ])
})

test('a cause that could not suspend is none yet: it suspends the next time', () => {
  const { clock, store, intent, stands } = setup()
  const [fired, errors]: [JsonObject[], string[]] = [[], []]
  const note = (_facts: object, message: string): void => void errors.push(message)
  let broken = true
  const reviewer = new Reviewer({
    mandate: 'm',
    triggers: [{ on: 'first_use', action: 'suspend' }],
    store: {
      hold: (request) => store.hold(request),
      settle: (held) => store.settle(held),
      budgets: (prefix) => store.budgets(prefix),
      together: (act) => store.together(act),
      restrict: (one) => {
        if (broken) throw new Error('the disk is full')
        return store.restrict(one)
      },
    },
    clock,
    operational: { debug: note, info: note, warn: () => undefined, error: note },
    record: (facts) => fired.push(facts),
  })
  reviewer.hear(intent('x'))
  expect({ stands: stands(), fired, errors }).toEqual({
    stands: [],
    fired: [],
    errors: ['a review could not be made'],
  })
  broken = false
  reviewer.hear(intent('x'))
  expect(stands()).toEqual([{ target: MANDATE, kind: 'suspended', by: 'review first_use' }])
  expect(fired).toHaveLength(1)
})

test('the first use of a tool, once for ever', () => {
  const { reviewer, restarted, intent, stands, fired } = setup({
    on: 'first_use',
    action: 'suspend_tool',
  })
  reviewer.hear(intent('x'))
  reviewer.hear(intent('x'))
  expect(stands()).toEqual([
    { target: { kind: 'tool', server: 'a', name: 'x' }, kind: 'suspended', by: 'review first_use' },
  ])
  restarted().hear(intent('x'))
  expect(fired).toHaveLength(1)
  restarted().hear(intent('y'))
  expect(fired.map((one) => one['tool'])).toEqual(['a/x', 'a/y'])
})

test('a share of a budget, once in each of its windows', () => {
  const { reviewer, restarted, intent, fired, told } = setup({
    on: 'budget',
    percent: 80,
    of: 'eur',
    action: 'notify',
    to: 'owner',
  })
  const used = (used: number, from = 0, budget = 'budgets.eur'): readonly BudgetState[] => [
    { budget, key: 'k', used, limit: 100, from: instant(from) },
  ]
  reviewer.hear(intent('x', used(79)))
  reviewer.hear(intent('x', used(100, 0, 'budgets.calls')))
  expect(fired).toEqual([])
  reviewer.hear(intent('x', used(80)))
  reviewer.hear(intent('x', used(90)))
  restarted().hear(intent('x', used(100)))
  expect(told).toEqual([['owner', 'budget']])
  reviewer.hear(intent('x', used(80, DAY)))
  expect(told).toHaveLength(2)
})

test('a tool whose definition changed: that tool, or all of it', () => {
  const { reviewer, fired, stands } = setup({ on: 'tool_changed', action: 'suspend_tool' })
  const hear = (facts: JsonObject): void =>
    reviewer.hear({ type: 'event', at: instant(0), event: 'catalog_changed', facts })
  hear({ server: 'a', tool: 'x', drift: 'new', after: 'h' })
  hear({ server: 'a', prompt: 'x', drift: 'changed', after: 'h' })
  expect(fired).toEqual([])
  hear({ server: 'a', tool: 'x', drift: 'changed', after: sha256('a'.repeat(64)) })
  hear({ server: 'a', tool: 'x', drift: 'changed', after: sha256('a'.repeat(64)) })
  expect(fired).toHaveLength(1)
  expect(stands()).toMatchObject([{ target: { kind: 'tool', server: 'a', name: 'x' } }])
  // Another change to the same definition, after another one was approved.
  const [before, after] = [sha256('b'.repeat(64)), sha256('a'.repeat(64))]
  hear({ server: 'a', tool: 'x', drift: 'changed', before, after })
  hear({ server: 'a', tool: 'x', drift: 'changed', before, after })
  expect(fired).toHaveLength(2)
})

test('a mandate that nobody uses is suspended after so long, counted from its last use, across restarts', () => {
  const { clock, store, reviewer, restarted, intent, stands, fired } = setup({
    on: 'dormant',
    afterMs: 30 * DAY,
    action: 'suspend',
  })
  reviewer.tick()
  clock.advance(20 * DAY)
  reviewer.hear(intent('x'))
  clock.advance(29 * DAY)
  restarted().tick()
  expect(stands()).toEqual([])
  clock.advance(DAY)
  restarted().tick()
  expect(stands()).toEqual([{ target: MANDATE, kind: 'suspended', by: 'review dormant' }])
  // Whoever resumes it has looked: it is no cause again before it was used, and not used again.
  store.lift(MANDATE, { at: clock.now(), why: 'w', by: 'operator lee', revoked: false })
  restarted().tick()
  expect(fired).toHaveLength(1)
  reviewer.hear(intent('x'))
  clock.advance(31 * DAY)
  reviewer.tick()
  expect(fired).toHaveLength(2)
})

test('a date, from the moment on, once', () => {
  const { clock, store, reviewer, restarted, stands, fired } = setup({
    on: 'due',
    at: instant(Date.parse('2026-11-24T11:00:00Z')),
    action: 'suspend',
    to: 'owner',
  })
  reviewer.tick()
  expect(fired).toEqual([])
  clock.advance(3_600_000)
  reviewer.tick()
  expect(stands()).toEqual([{ target: MANDATE, kind: 'suspended', by: 'review due' }])
  store.lift(MANDATE, { at: clock.now(), why: 'certified', by: 'operator lee', revoked: false })
  restarted().tick()
  expect(stands()).toEqual([])
  expect(fired).toHaveLength(1)
})

test('a store that cannot be used ends no call: that is for the line to say', () => {
  const { store, reviewer, intent, errors, fired } = setup({ on: 'first_use', action: 'suspend' })
  store.close()
  expect(() => reviewer.hear(intent('x'))).not.toThrow()
  expect(errors).toEqual(['a review could not be made'])
  expect(fired).toEqual([])
})
