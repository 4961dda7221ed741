import { expect, test } from 'vitest'
import { memo } from '../../src/mandate/memo.ts'

test('what is remembered is kept apart by server and by name', () => {
  const known = memo<number>(10)
  expect(known.set('a', 'x', 1)).toBe(1)
  known.set('b', 'x', 2)
  expect([known.get('a', 'x'), known.get('b', 'x'), known.get('a', 'y')]).toEqual([1, 2, undefined])
})

test('at the limit everything is forgotten, so that names that never end take no more room', () => {
  const known = memo<number>(100)
  for (let at = 0; at < 1000; at += 1) known.set('a', `n${at}`, at)
  const left = Array.from({ length: 1000 }, (_, at) => known.get('a', `n${at}`))
  expect(left.filter((value) => value !== undefined).length).toBeLessThanOrEqual(100)
  expect(known.get('a', 'n999')).toBe(999)
})

test('a name of any length is answered, but a long one is not remembered', () => {
  const known = memo<number>(10)
  const long = 'x'.repeat(1025)
  expect(known.set('a', long, 1)).toBe(1)
  expect(known.get('a', long)).toBeUndefined()
})
