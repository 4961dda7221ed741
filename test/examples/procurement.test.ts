/** The procurement story, run as a stranger would run it, and against no guard at all. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { claimed, GUARD, NO_GUARD, PATIENCE, ROOT, run } from './run.ts'

describe('procurement', () => {
  test('every claim of the story holds', { timeout: PATIENCE }, () => {
    const { steps } = claimed(run('procurement/run.ts', ['--json', '--guard', GUARD]))
    const by = (title: string): string | undefined =>
      steps.find((step) => step.title === title)?.actual
    expect(by('class B, 800 EUR')).toBe('ok')
    expect(by('class A')).toBe('outside_mandate')
    expect(by('Fri 23 Oct 17:00')).toBe('outside_mandate')
    expect(by('1,001 EUR')).toBe('approval_required')
    expect(by('marketing-agent-007, in business hours')).toBe('agent_mismatch')
    const saw = by('the vendor server noted these calls and no other') ?? ''
    expect(saw).toContain('"amount":800')
    expect(saw).not.toMatch(/delete|bank_details|"A"/)
  })

  test('is coloured on demand', { timeout: PATIENCE }, () => {
    const { stdout } = run('procurement/run.ts', ['--guard', GUARD], { FORCE_COLOR: '1' })
    expect(stdout).toContain('\u001B[32m✓')
    expect(stdout).toContain('all as claimed')
  })

  test('fails where nothing is guarded', { timeout: PATIENCE }, () => {
    const { status } = run('procurement/run.ts', ['--guard', NO_GUARD])
    expect(status).toBe(1)
  })
})

test('every folder with a story is run by `npm run examples`, or by `npm run demo`', () => {
  const folders = readdirSync(join(ROOT, 'examples'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'demo')
    .map(({ name }) => name)
  const main = readFileSync(join(ROOT, 'examples', 'main.ts'), 'utf8')
  expect(folders.length).toBeGreaterThan(0)
  for (const folder of folders) expect(main).toContain(`'${folder}/run.ts'`)
})
