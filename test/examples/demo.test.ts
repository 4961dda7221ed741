/** The guided tour, run as a stranger would run it: it must notice a guard that does not guard. */
import { describe, expect, test } from 'vitest'
import { claimed, GUARD, NO_GUARD, PATIENCE, run } from './run.ts'

describe('the guided tour', () => {
  test('shows every promise, each as claimed, and cleans up', { timeout: PATIENCE }, () => {
    const { steps } = claimed(run('demo/main.ts', ['--json', '--guard', GUARD]))
    const found = new Set(steps.map(({ expected }) => expected.split(',')[0]))
    for (const outcome of [
      'Ship the report on Friday.\n',
      'outside_mandate',
      'approval_required',
      'mandate_expired',
      'exit 1: the mandate expired at',
      'error -32602 Unknown tool: files__move_file',
    ]) {
      expect(found).toContain(outcome)
    }
    for (const path of ['notes/../', '%2e%2e', '/proc/self/root']) {
      expect(steps.some(({ title }) => title.includes(path))).toBe(true)
    }
    expect(new Set(steps.map(({ chapter }) => chapter)).size).toBeGreaterThanOrEqual(9)
  })

  test('is plain text of at most 100 columns where nobody watches', { timeout: PATIENCE }, () => {
    const { stdout, status } = run('demo/main.ts', ['--guard', GUARD])
    expect(status).toBe(0)
    expect(stdout).not.toContain('\u001B[')
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100)
    expect(stdout.split('\n').length).toBeLessThan(130)
    expect(stdout).toContain('all as claimed')
  })

  test('fails where nothing is guarded', { timeout: PATIENCE }, () => {
    const { status, stdout, leftovers } = run('demo/main.ts', ['--guard', NO_GUARD])
    expect({ status, leftovers }).toEqual({ status: 1, leftovers: [] })
    expect(stdout).not.toContain('all as claimed')
  })

  test('says what to do where there is no guard', () => {
    const { status, stderr } = run('demo/main.ts', ['--guard', '/none/such'])
    expect(status).toBe(1)
    expect(stderr).toContain('npm run build')
  })
})
