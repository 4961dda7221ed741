/** What passes straight at the server, or with the client alone, and does not with the guard in between. */
import { GAVE_UP, type Check, type Mode, type Results } from './results.ts'

export interface Totals {
  readonly passed: number
  readonly failed: number
  readonly warnings: number
}

export interface Difference {
  readonly check: string
  readonly name: string
  readonly direct: Totals
  readonly guarded: Totals
  /** In the suite's words, from the leg with the guard. */
  readonly why: string
}

export interface Row {
  readonly mode: Mode
  readonly scenario: string
  readonly direct: Totals
  readonly guarded: Totals
  readonly differences: readonly Difference[]
}

/** Stands for all checks of a scenario that gave no result with the guard in between. */
export const NO_RESULT = 'no-result'

/** Every scenario that either leg has a result of, in the order of the first one. */
export function compare(mode: Mode, direct: Results, guarded: Results): readonly Row[] {
  const scenarios = new Set([...direct.keys(), ...guarded.keys()])
  return [...scenarios].map((scenario) => {
    const before = direct.get(scenario) ?? []
    const after = guarded.get(scenario)
    return {
      mode,
      scenario,
      direct: count(before),
      guarded: count(after ?? []),
      differences: after === undefined ? [missing(before)] : differences(mode, before, after),
    }
  })
}

function missing(before: readonly Check[]): Difference {
  const why = 'the scenario gave no result'
  return { check: NO_RESULT, name: NO_RESULT, direct: count(before), guarded: count([]), why }
}

function differences(
  mode: Mode,
  before: readonly Check[],
  after: readonly Check[],
): readonly Difference[] {
  const direct = Map.groupBy(before, caseOf)
  const guarded = Map.groupBy(after, caseOf)
  return [...new Set([...direct.keys(), ...guarded.keys()])].flatMap((key) => {
    const made = guarded.get(key) ?? []
    const was = count(direct.get(key) ?? [])
    const is = count(made)
    const one = made[0] ?? direct.get(key)?.[0]
    const gaveUp = one?.id === GAVE_UP && !direct.has(key)
    if (one === undefined || !(gaveUp || worse(mode, was, is))) return []
    const why = made.find(({ status }) => status !== 'SUCCESS')?.why ?? 'it was not made'
    return [{ check: one.id, name: one.name, direct: was, guarded: is, why }]
  })
}

function caseOf({ id, name }: Check): string {
  return `${id}\n${name}`
}

/**
 * Towards a server each check is a case of its own: one pass less is a pass lost. Towards a client the suite repeats one
 * check for each request that it sees, and a guard may make more or fewer of them: there a pass is lost when none is left.
 * Neither INFO nor SKIPPED is a pass: where there was one before, it is lost.
 */
function worse(mode: Mode, was: Totals, is: Totals): boolean {
  const lost = mode === 'server' ? is.passed < was.passed : is.passed === 0 && was.passed > 0
  return lost || is.failed > was.failed || is.warnings > was.warnings
}

function count(checks: readonly Check[]): Totals {
  const of = (wanted: Check['status']): number =>
    checks.filter(({ status }) => status === wanted).length
  return { passed: of('SUCCESS'), failed: of('FAILURE'), warnings: of('WARNING') }
}

export function sum(parts: readonly Totals[]): Totals {
  const all = { passed: 0, failed: 0, warnings: 0 }
  for (const part of parts) {
    all.passed += part.passed
    all.failed += part.failed
    all.warnings += part.warnings
  }
  return all
}
