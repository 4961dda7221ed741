/** What the line is told of what is taken back: at once, for whom it is about, and for as long as it lasts. */
import { expect, test } from 'vitest'
import { type Instant, instant } from '../../src/model/id.ts'
import type { Restriction, Target } from '../../src/model/state.ts'
import { restrictedFor } from '../../src/state/restricted.ts'
import { fakeClock } from '../fakes/clock.ts'
import { fakeRestrictions } from '../fakes/restrictions.ts'

const START = '2026-11-24T10:00:00Z'

function setup() {
  const clock = fakeClock(START)
  const store = fakeRestrictions()
  const say = (target: Target, kind: Restriction['kind'], until?: Instant): Restriction =>
    store.restrict({
      target,
      kind,
      at: clock.now(),
      why: 'w',
      by: 'operator lee',
      ...(until !== undefined && { until }),
    })
  const restricted = restrictedFor(store, clock, { mandate: 'm', agent: 'bot' })
  return { clock, store, say, restricted }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

const ABOUT: readonly Target[] = [
  { kind: 'everything' },
  { kind: 'mandate', name: 'm' },
  { kind: 'agent', name: 'bot' },
]

test.each(ABOUT)('all of it, by %o', async (target) => {
  const { say, restricted } = setup()
  expect(restricted.standing()).toBeUndefined()
  await nextTurn()
  say(target, 'suspended')
  expect(restricted.standing()).toBe('mandate_suspended')
  await nextTurn()
  say(target, 'revoked')
  expect(restricted.standing()).toBe('mandate_revoked')
  expect(restricted.thing('vendors')).toBeUndefined()
})

test.each<Target>([
  { kind: 'mandate', name: 'bot' },
  { kind: 'agent', name: 'm' },
  { kind: 'upstream', name: 'mail' },
  { kind: 'tool', server: 'mail', name: 'approve' },
  { kind: 'tool', server: 'vendors', name: 'search' },
])('somebody else, by %o', (target) => {
  const { say, restricted } = setup()
  say(target, 'revoked')
  expect(restricted.standing()).toBeUndefined()
  expect(restricted.thing('vendors')).toBeUndefined()
  expect(restricted.thing('vendors', 'approve')).toBeUndefined()
})

test('an upstream takes its tools along; a tool does not take its upstream along', async () => {
  const { say, restricted } = setup()
  say({ kind: 'tool', server: 'vendors', name: 'approve' }, 'revoked')
  expect(restricted.thing('vendors', 'approve')).toBe('revoked')
  expect(restricted.thing('vendors', 'search')).toBeUndefined()
  expect(restricted.thing('vendors')).toBeUndefined()
  await nextTurn()
  say({ kind: 'upstream', name: 'vendors' }, 'suspended')
  expect(restricted.thing('vendors', 'approve')).toBe('revoked')
  expect(restricted.thing('vendors', 'search')).toBe('suspended')
  expect(restricted.thing('vendors')).toBe('suspended')
})

test('revoked wins over suspended, in whichever order they come', async () => {
  const { say, restricted } = setup()
  say({ kind: 'mandate', name: 'm' }, 'revoked')
  say({ kind: 'everything' }, 'suspended')
  say({ kind: 'upstream', name: 'vendors' }, 'revoked')
  say({ kind: 'tool', server: 'vendors', name: 'approve' }, 'suspended')
  expect(restricted.standing()).toBe('mandate_revoked')
  expect(restricted.thing('vendors', 'approve')).toBe('revoked')
})

test('the store is asked once a turn, and again in every later one', async () => {
  const { store, say, restricted } = setup()
  for (const _ of [1, 2, 3]) restricted.standing()
  restricted.thing('vendors', 'approve')
  expect(store.asked()).toBe(1)
  await nextTurn()
  say({ kind: 'everything' }, 'revoked')
  expect(restricted.standing()).toBe('mandate_revoked')
  expect(store.asked()).toBe(2)
})

test('a suspension ends by itself, on the millisecond', async () => {
  const { clock, say, restricted } = setup()
  say({ kind: 'mandate', name: 'm' }, 'suspended', instant(clock.now() + 1000))
  say({ kind: 'upstream', name: 'mail' }, 'suspended', instant(clock.now() + 2000))
  const before = restricted.stamp()
  clock.advance(999)
  await nextTurn()
  expect(restricted.standing()).toBe('mandate_suspended')
  clock.advance(1)
  await nextTurn()
  expect(restricted.standing()).toBeUndefined()
  expect(restricted.thing('mail')).toBe('suspended')
  expect(restricted.stamp()).not.toBe(before)
  clock.advance(1000)
  await nextTurn()
  expect(restricted.thing('mail')).toBeUndefined()
  // The clock went back: what is not over by it counts again.
  clock.setWall(START)
  await nextTurn()
  expect(restricted.standing()).toBe('mandate_suspended')
})

test('what cannot be looked up is an error, not a no', async () => {
  const { store, restricted } = setup()
  expect(restricted.standing()).toBeUndefined()
  await nextTurn()
  store.broken(true)
  expect(() => restricted.standing()).toThrow(
    expect.objectContaining({ code: 'ERR_STATE_UNUSABLE' }),
  )
  expect(() => restricted.thing('vendors')).toThrow(
    expect.objectContaining({ code: 'ERR_STATE_UNUSABLE' }),
  )
  store.broken(false)
  expect(restricted.standing()).toBeUndefined()
})
