/** What other processes take back is noticed, told, and called seen once it is in effect. */
import { expect, test } from 'vitest'
import { instant } from '../../src/model/id.ts'
import type { Target } from '../../src/model/state.ts'
import { type RestrictionChange, RestrictionWatch } from '../../src/state/restriction-watch.ts'
import { fakeClock } from '../fakes/clock.ts'
import { fakeRestrictions } from '../fakes/restrictions.ts'

const MANDATE: Target = { kind: 'mandate', name: 'm' }

function setup() {
  const clock = fakeClock('2026-11-24T10:00:00Z')
  const store = fakeRestrictions()
  const seen: (readonly [number, number])[] = []
  const complaints: string[] = []
  const note = (_facts: object, message: string): void => void complaints.push(message)
  const began = clock.now()
  const watch = new RestrictionWatch({
    store,
    clock,
    timers: clock,
    operational: { debug: note, info: note, warn: note, error: note },
    onSeen: (revision, at) => seen.push([revision, at - began]),
  })
  const told: RestrictionChange[] = []
  watch.onChange((change) => void told.push(change))
  const say = (kind: 'revoked' | 'suspended', forMs?: number, target = MANDATE) => {
    const until = forMs === undefined ? {} : { until: instant(clock.now() + forMs) }
    return store.restrict({ target, kind, at: clock.now(), why: 'w', by: 'operator lee', ...until })
  }
  return { clock, store, watch, told, seen, complaints, say }
}

const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

test('within 100 ms, and seen only when every listener has put it into effect', async () => {
  const { clock, watch, told, seen, say } = setup()
  const slow = Promise.withResolvers<void>()
  watch.onChange(() => (told.at(-1)?.added.length === 1 ? slow.promise : undefined))
  watch.start()
  await settled()
  expect(seen).toEqual([[0, 0]])
  const restriction = say('revoked')
  clock.advance(100)
  expect(told.at(-1)).toEqual({
    added: [restriction],
    ended: [],
    unreadable: false,
    when: 'running',
  })
  await settled()
  expect(seen).toHaveLength(1)
  clock.advance(50)
  slow.resolve()
  await settled()
  expect(seen.at(-1)).toEqual([1, 150])
})

test('what takes its time to take effect holds up nothing else, and is seen first', async () => {
  const { clock, watch, told, seen, say } = setup()
  const slow = Promise.withResolvers<void>()
  watch.onChange(({ added }) => (added[0]?.id === 1 ? slow.promise : undefined))
  watch.start()
  say('suspended')
  clock.advance(100)
  say('revoked', undefined, { kind: 'everything' })
  clock.advance(100)
  expect(told.map(({ added }) => added.map(({ id }) => id))).toEqual([[], [1], [2]])
  await settled()
  expect(seen.map(([revision]) => revision)).toEqual([0])
  slow.resolve()
  await settled()
  expect(seen.map(([revision]) => revision)).toEqual([0, 1, 2])
})

test('what is in force when a guard starts is told as such', async () => {
  const { watch, told, say } = setup()
  const restriction = say('revoked')
  watch.start()
  expect(told).toEqual([{ added: [restriction], ended: [], unreadable: false, when: 'start' }])
})

test('what ends is told with who lifted it, what replaced it, or that its time is over', async () => {
  const { clock, store, watch, told, say } = setup()
  const first = say('suspended')
  watch.start()
  const second = say('revoked')
  clock.advance(100)
  expect(told.at(-1)).toMatchObject({
    added: [second],
    ended: [{ restriction: first, how: 'replaced' }],
  })
  store.lift(MANDATE, { at: clock.now(), why: 'cleared', by: 'operator kim', revoked: true })
  clock.advance(100)
  expect(told.at(-1)?.ended).toMatchObject([
    { restriction: second, how: 'lifted', lifted: { why: 'cleared', by: 'operator kim' } },
  ])
  const third = say('suspended', 1000)
  clock.advance(900)
  expect(told.at(-1)?.added).toEqual([third])
  clock.advance(200)
  expect(told.at(-1)?.ended).toEqual([{ restriction: third, how: 'over' }])
})

test('a store that cannot be read is told once; a store that can be read again is told, too', async () => {
  const { clock, store, watch, told, seen, complaints } = setup()
  watch.start()
  await settled()
  store.broken(true)
  clock.advance(1000)
  expect(told.filter(({ unreadable }) => unreadable)).toHaveLength(1)
  expect(complaints).toHaveLength(1)
  await settled()
  expect(seen).toHaveLength(1)
  store.broken(false)
  clock.advance(100)
  await settled()
  expect(told.at(-1)).toMatchObject({ unreadable: false })
  expect(seen).toHaveLength(2)
})

test('what could not be put into effect is never called seen', async () => {
  const { clock, watch, seen, complaints, say } = setup()
  watch.start()
  await settled()
  watch.onChange(() => Promise.reject(new Error('broken')))
  say('revoked')
  clock.advance(100)
  await settled()
  say('revoked', undefined, { kind: 'everything' })
  clock.advance(100)
  await settled()
  expect(seen).toHaveLength(1)
  expect(complaints[0]).toContain('not in full effect')
})

test('nothing is noticed any more once it is closed', async () => {
  const { clock, watch, told, say } = setup()
  watch.start()
  watch.close()
  say('revoked')
  clock.advance(1000)
  expect(told).toHaveLength(1)
})
