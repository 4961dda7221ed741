/** What `npm run attacks` counts is what the test runner saw: nothing passes that was not run. */
import { expect, test } from 'vitest'
import type { AttackCase } from './cases.ts'
import { tally, tallyJson, tallyText, type RunReport } from './tally.ts'

const CASES: readonly AttackCase[] = [
  { id: 'G01', cls: 'a collision', files: ['test/attacks/names.test.ts'], later: 'the rest' },
  { id: 'G02', cls: 'a forgery', files: ['test/e2e/several.test.ts'] },
  { id: 'G03', cls: 'a replay', files: [], later: 'budgets' },
]

function ran(
  ...files: readonly [name: string, ...tests: [name: string, status: string][]][]
): RunReport {
  return {
    testResults: files.map(([name, ...tests]) => ({
      name: `/somewhere/${name}`,
      status:
        tests.length > 0 && tests.every(([, status]) => status !== 'failed') ? 'passed' : 'failed',
      assertionResults: tests.map(([fullName, status]) => ({ fullName, status })),
    })),
  }
}

test('tests are counted by the class that they bear, and recorded inputs by their file', () => {
  const report = ran(
    [
      'test/attacks/names.test.ts',
      ['G02: forgeries G01: a name', 'passed'],
      ['over HTTP G01: a name', 'passed'],
      ['over memory G01: a name', 'pending'],
      ['G01, for prompts: a name', 'failed'],
    ],
    ['test/attacks/wire.test.ts', ['frame dup-1 is refused', 'passed']],
    ['test/attacks/cases.test.ts', ['G01 (a collision)', 'passed']],
    [
      'test/e2e/several.test.ts',
      ['G02: a forgery', 'passed'],
      ['two upstreams are listed', 'failed'],
    ],
  )
  const result = tally(CASES, report)
  expect(JSON.parse(tallyJson(result))).toEqual({
    families: {
      G01: { attack: 'a collision', passed: 2, failed: 1, skipped: 1, later: 'the rest' },
      G02: { attack: 'a forgery', passed: 1, failed: 0, skipped: 0 },
      wire: { attack: 'tests of wire', passed: 1, failed: 0, skipped: 0 },
    },
    passed: 4,
    failed: 1,
    pending: ['G03'],
  })
  const text = tallyText(result, CASES)
  expect(text).toContain('FAILED G01, for prompts: a name\n')
  expect(text).toContain('pending: budgets\n')
  expect(text.endsWith('4 passed, 1 failed, 1 classes pending\n')).toBe(true)
})

test('a class whose tests were not run, and a file that could not be, have failed', () => {
  const result = tally(
    CASES,
    ran(
      ['test/attacks/names.test.ts'],
      ['test/e2e/several.test.ts', ['G02: a forgery', 'pending']],
    ),
  )
  expect(result.failed).toBe(3)
  expect(result.passed).toBe(0)
  expect(result.failures).toEqual([
    'names.test.ts: could not be run',
    'G01: no test of it was run',
    'G02: no test of it was run',
  ])
})
