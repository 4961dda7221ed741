import { describe, expect, test } from 'vitest'
import { digestOf } from '../../src/model/digest.ts'
import { canonicalExact } from '../../src/model/exact.ts'
import type { Definition } from '../../src/model/lock.ts'
import { Pins } from '../../src/proxy/pins.ts'
import { lockOf } from '../fakes/lock.ts'

function definition(name: string, description = ''): Definition {
  const value = { name, description }
  return { name, value, digest: digestOf(canonicalExact(value)) }
}
function state(
  pins: Pins,
  { name, digest }: Definition,
  server = 'a',
  kind: 'tool' | 'prompt' = 'tool',
): string {
  return pins.stateOf(server, kind, name, digest)
}
function states(pins: Pins, ...list: readonly Definition[]): readonly string[] {
  pins.see('a', 'tool', list)
  return list.map((one) => state(pins, one))
}
const drifts = (pins: Pins, ...list: readonly Definition[]): readonly string[] =>
  pins.see('a', 'tool', list).drift.map(({ drift }) => drift)

describe('one set of pins for all sessions of a guard', () => {
  test('what one session saw first is what another has to see', () => {
    const pins = new Pins()
    expect(states(pins, definition('x'))).toEqual(['pinned'])
    expect(states(pins, definition('x', 'other'))).toEqual(['changed'])
  })

  test('what changed once is held, for all of them, and told once for each thing that it was', () => {
    const pins = new Pins()
    const [good, evil, worse] = [definition('x'), definition('x', 'evil'), definition('x', 'worse')]
    expect(states(pins, good, definition('y'))).toEqual(['pinned', 'pinned'])
    const told = [evil, good, evil, good, worse, good].map((one) => drifts(pins, one))
    expect(told).toEqual([['changed'], ['held'], [], [], ['changed'], []])
    expect(states(pins, good, definition('y'))).toEqual(['changed', 'pinned'])
    expect(pins.drifted).toBe(1)
  })

  test('what was gone and is as it was is not held', () => {
    const pins = new Pins(lockOf({ a: { tools: [{ name: 'x', description: '' }] } }))
    expect(states(pins, definition('x'))).toEqual(['pinned'])
    expect(drifts(pins)).toEqual(['vanished'])
    expect(states(pins, definition('x'))).toEqual(['pinned'])
    expect(pins.drifted).toBe(0)
  })

  test('of a list that may not be the whole one nothing is told to be gone', () => {
    const pins = new Pins(lockOf({ a: { tools: [{ name: 'x' }] } }))
    expect(pins.see('a', 'tool', [], { whole: false }).drift).toEqual([])
    expect(pins.see('a', 'tool', []).drift).toMatchObject([{ name: 'x', drift: 'vanished' }])
  })

  test('servers and kinds do not mix', () => {
    const pins = new Pins()
    pins.see('a', 'tool', [definition('x')])
    const other = definition('x', 'other')
    pins.see('b', 'tool', [other])
    pins.see('a', 'prompt', [other])
    expect([state(pins, other, 'b'), state(pins, other, 'a', 'prompt')]).toEqual([
      'pinned',
      'pinned',
    ])
    expect(state(pins, other)).toBe('changed')
    expect(state(pins, definition('x'))).toBe('pinned')
    expect(new Pins().see('a b', 'tool', [definition('x')]).first).toBe(true)
  })

  test('a list is seen for the first time once, and a change is told once', () => {
    const pins = new Pins()
    expect(pins.see('a', 'tool', [definition('x')]).first).toBe(true)
    expect(pins.see('a', 'tool', [definition('x')]).first).toBe(false)
    const told = ['one', 'one', 'two'].map(
      (text) => pins.see('a', 'tool', [definition('x', text)]).drift.length,
    )
    expect(told).toEqual([1, 0, 1])
  })

  test('what came later is told from what was in the first list, even where that was empty', () => {
    const pins = new Pins()
    pins.see('a', 'tool', [])
    pins.see('a', 'tool', [definition('x')])
    expect(pins.isLate('a', 'tool', 'x')).toBe(true)
    expect(pins.isLate('a', 'tool', 'y')).toBe(false)
  })
})

test('what is said of one upstream under one topic has an end, and does not silence another topic', () => {
  const pins = new Pins()
  const said = Array.from({ length: 2000 }, (_, n) => pins.once('a', 'hidden', String(n)))
  expect(said.filter(Boolean)).toHaveLength(1000)
  expect(pins.once('a', 'changed', 'x')).toBe(true)
  expect(pins.once('b', 'hidden', 'x')).toBe(true)
})

test('a lock that names no such upstream approves nothing of it', () => {
  const pins = new Pins(lockOf({ a: { tools: [{ name: 'x', description: '' }] } }))
  expect(states(pins, definition('x'), definition('y'))).toEqual(['pinned', 'new'])
  pins.see('b', 'tool', [definition('x')])
  expect(state(pins, definition('x'), 'b')).toBe('new')
  expect(pins.pinOf('a', 'tool', 'x')).toBe(definition('x').digest)
})
