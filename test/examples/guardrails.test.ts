/** The story of the starter policies, run as a stranger would run it, and against no guard at all. */
import { describe, expect, test } from 'vitest'
import { claimed, GUARD, NO_GUARD, PATIENCE, run } from './run.ts'

describe('guardrails', () => {
  test('every claim of the story holds', { timeout: PATIENCE }, () => {
    const { steps } = claimed(run('guardrails/run.ts', ['--json', '--guard', GUARD]))
    const by = (title: string): string | undefined =>
      steps.find((step) => step.title === title)?.actual
    expect(by('class A')).toBe('forbidden')
    expect(by('class B, Tuesday 17:00')).toBe('forbidden')
    expect(by('to eve@evil.example')).toBe('forbidden')
    expect(by('now may not write, not even to lee')).toBe('forbidden')
    expect(by('may not even look')).toBe('forbidden')
    const saw = by('the servers noted these calls and no other') ?? ''
    expect(saw).toContain('vendors/approve {"vendor_id":"V-2002","vendor_class":"B","amount":800}')
    expect(saw).not.toMatch(/evil|"A"|force|create_rule/)
  })

  test('fails where nothing is guarded', { timeout: PATIENCE }, () => {
    const { status } = run('guardrails/run.ts', ['--guard', NO_GUARD])
    expect(status).toBe(1)
  })
})
