import { expect, test } from 'vitest'
import { nearest, Problems, problemText } from '../../src/model/document.ts'

test('suggests the nearest name and nothing when none is near', () => {
  expect(nearest('vendors/aprove', ['vendors/approve', 'vendors/search'])).toBe('vendors/approve')
  expect(nearest('x', ['something-else'])).toBeUndefined()
})

test('a problem reads like a compiler message, with its remedy', () => {
  const problems = new Problems()
  problems.error(
    { place: { file: 'm.yaml', line: 3, column: 5 } },
    'unknown_member',
    'unknown member `agnet`',
    'did you mean `agent`?',
  )
  expect(problems.bad).toBe(true)
  expect(problemText(problems.list[0]!)).toBe(
    'm.yaml:3:5: unknown member `agnet` (did you mean `agent`?)',
  )
})
