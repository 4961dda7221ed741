/** The table of attacks is whole, and says the truth about the tests. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ROOT } from '../e2e/folder.ts'
import { CASES } from './cases.ts'
import { RECORDED, TESTS } from './recorded.ts'

test.skipIf(!RECORDED)(
  'every recorded attack has a row (skipped without ../shared/evaluation)',
  () => {
    expect(CASES.map(({ id, cls }) => ({ id, cls }))).toEqual(
      TESTS.map(({ id, cls }) => ({ id, cls })),
    )
  },
)

test('every attack is made by a test, or comes later for a reason', () => {
  expect(CASES.filter(({ files, later }) => files.length === 0 && later === undefined)).toEqual([])
})

describe('every attack that is made has a test that bears its id', () => {
  test.each(CASES.filter(({ files }) => files.length > 0))('$id ($cls)', ({ id, files }) => {
    const [first, ...others] = files.map((file) => readFileSync(join(ROOT, file), 'utf8'))
    expect(first).toMatch(new RegExp(`['\`]${id}: `))
    expect(others.every((text) => text.includes('test'))).toBe(true)
  })
})
