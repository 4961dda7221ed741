/** G41: wall time for decisions never goes back, whichever guard of the machine has seen it. */
import { expect, test } from 'vitest'
import { GuardError } from '../../src/model/error.ts'
import { takeCall } from '../../src/pipeline/line.ts'
import { timeKeeper } from '../../src/pipeline/time.ts'
import { memoryStore } from '../../src/state/memory.ts'
import { fakeClock } from '../fakes/clock.ts'
import { fakeLine, mandateOf, tool } from '../fakes/line.ts'

const NOON = '2026-11-24T12:00:00Z'
const FOUR_SECONDS_AGO = '2026-11-24T11:59:56Z'
const HOUR_AGO = '2026-11-24T11:00:00Z'

/** A machine on which a guard saw noon before its clock said this. */
function machine(now: string) {
  const clock = fakeClock(now)
  const store = memoryStore({ clock })
  store.resetLatest(fakeClock(NOON).now())
  return { clock, store, time: timeKeeper(clock, () => store.latest()) }
}

test('a guard that starts behind what another one saw denies until its clock has caught up', () => {
  const { clock, time } = machine(HOUR_AGO)
  expect(time.read()).toEqual({ at: Date.parse(NOON), movedBack: true })
  clock.advance(3_594_000)
  expect(time.read().movedBack).toBe(true)
  clock.advance(1000)
  expect(time.read()).toEqual({ at: Date.parse(NOON), movedBack: false })
  clock.advance(6000)
  expect(time.read().at).toBe(Date.parse('2026-11-24T12:00:01Z'))
})

test('a little behind is a correction of the clock: time stands still', () => {
  const { time } = machine(FOUR_SECONDS_AGO)
  expect(time.read()).toEqual({ at: Date.parse(NOON), movedBack: false })
})

test('a store that has seen nothing yet says nothing', () => {
  const clock = fakeClock(NOON)
  const store = memoryStore({ clock })
  expect(timeKeeper(clock, () => store.latest()).read()).toEqual({
    at: clock.now(),
    movedBack: false,
  })
})

test('what an operator says of the clock is followed by guards that run', () => {
  const { clock, store, time } = machine(NOON)
  clock.advance(86_400_000)
  const tomorrow = time.read().at
  store.resetLatest(tomorrow)
  clock.setWall(NOON)
  expect(time.read()).toEqual({ at: tomorrow, movedBack: true })
  store.resetLatest(clock.now())
  expect(time.read()).toEqual({ at: clock.now(), movedBack: false })
  clock.setWall(HOUR_AGO)
  expect(time.read().movedBack).toBe(true)
})

test('what an operator says is followed also by a guard that alone had seen the wrong time', () => {
  const clock = fakeClock(NOON)
  const store = memoryStore({ clock })
  store.resetLatest(clock.now())
  const time = timeKeeper(
    clock,
    () => store.latest(),
    () => store.resets(),
  )
  clock.setWall('2026-11-25T12:00:00Z')
  store.heartbeat('g', time.read().at, 0)
  clock.setWall('2026-11-24T12:00:10Z')
  store.resetLatest(clock.now())
  const beat = time.read()
  expect(beat).toEqual({ at: clock.now(), movedBack: false })
  store.heartbeat('g', beat.at, 0)
  expect(store.latest()).toBe(clock.now())
})

test('what another guard sees meanwhile counts from the next look on', () => {
  const { clock, store, time } = machine(NOON)
  time.read()
  store.resetLatest(fakeClock('2026-11-24T13:00:00Z').now())
  clock.advance(1000)
  expect(time.read()).toEqual({ at: Date.parse('2026-11-24T13:00:00Z'), movedBack: true })
})

test('where the store cannot be asked, a guard does not start, and time that went back stays where it was', () => {
  const broken = (): never => {
    throw new GuardError('ERR_STATE_UNUSABLE', 'x')
  }
  const clock = fakeClock(NOON)
  expect(() => timeKeeper(clock, broken)).toThrow(GuardError)
  let works = true
  const store = memoryStore({ clock })
  const time = timeKeeper(clock, () => (works ? store.latest() : broken()))
  works = false
  clock.setWall(HOUR_AGO)
  expect(time.read()).toEqual({ at: Date.parse(NOON), movedBack: true })
})

test('nothing leaves a guard that was started again after its clock went back', async () => {
  const mandate = mandateOf(`
mandate: m
agent: intake-bot
purpose: p
valid: { until: 2026-11-24T11:30:00Z }
tools: { "a/*": {} }
`)
  const { clock, time } = machine(HOUR_AGO)
  const line = fakeLine({ mandate, tools: [{ state: 'found', target: tool('a', 'do') }] })
  const inbound = {
    era: 'modern',
    method: 'tools/call',
    params: { name: 'do' },
    cancelled: { aborted: false, onAbort: () => undefined },
  } as const
  const concluded = await takeCall(inbound, { ...line.ports, clock, time })
  expect(concluded).toHaveProperty('refusal.reason', 'clock_moved_back')
  expect(line.departed).toEqual([])
})
