import { expect, test } from 'vitest'
import { Presence } from '../../src/state/presence.ts'
import { fakeClock } from '../fakes/clock.ts'
import { fakeStore } from '../fakes/state-store.ts'

function present() {
  const clock = fakeClock('2026-11-24T10:00:00Z')
  const store = fakeStore(clock)
  const troubles: unknown[] = []
  const self = {
    instance: 'i',
    pid: 1,
    startedAt: clock.now(),
    log: '/log/i',
    mandates: [],
    upstreams: ['a'],
  }
  const onTrouble = (error: unknown): void => void troubles.push(error)
  const presence = new Presence({ store, timers: clock, now: () => clock.now(), self, onTrouble })
  return { clock, store, troubles, presence }
}

test('a guard says that it runs for as long as it does', () => {
  const { clock, store, presence } = present()
  presence.start()
  clock.advance(60_000)
  expect(store.instances()).toMatchObject([
    { instance: 'i', log: '/log/i', upstreams: ['a'], alive: true, seen: 0 },
  ])
  expect(store.latest()).toBe(clock.now())
  presence.stop()
  expect(store.instances().filter(({ alive }) => alive)).toEqual([])
})

test('what it has seen is said at once, and again with every beat', () => {
  const { clock, store, presence } = present()
  presence.start()
  presence.saw(3, clock.now())
  expect(store.instances()).toMatchObject([{ seen: 3, seenAt: clock.now() }])
  const then = clock.now()
  clock.advance(60_000)
  expect(store.instances()).toMatchObject([{ seen: 3, seenAt: then }])
})

test('a store that cannot be written is told of once, and written again when it can be', () => {
  const { clock, store, troubles, presence } = present()
  presence.start()
  store.broken = true
  clock.advance(60_000)
  expect(troubles).toHaveLength(1)
  store.broken = false
  clock.advance(60_000)
  store.broken = true
  clock.advance(60_000)
  presence.stop()
  expect(troubles).toHaveLength(2)
})
