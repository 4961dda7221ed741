/** Runs cases and says in which way each is not as expected. */
import type { Decision } from '../../model/decision.ts'
import { minorText, minorUnits } from '../../model/minor-units.ts'
import type { Debit } from '../../model/state.ts'
import type { Bench, Tried } from './bench.ts'
import type { Case, Effect, Expectation } from './language.ts'

export interface Mismatch {
  /** The member of `expect`. */
  readonly what: string
  readonly expected: string
  readonly actual: string
}

export interface CaseResult {
  readonly case: Case
  readonly tried: Tried
  /** Empty: it passed. */
  readonly mismatches: readonly Mismatch[]
}

export function runCase(bench: Bench, one: Case): CaseResult {
  const tried = bench.try(one.call, one.circumstances)
  return { case: one, tried, mismatches: compare(one.expect, tried) }
}

/** A denial that an approval would lift is none for good. */
export function effectOf(decision: Decision): Effect {
  if (decision.effect === 'permit') return 'permit'
  return decision.reason === 'approval_required' && decision.remedy ? 'approval' : 'deny'
}

type Plain = string | number | boolean

/** The names of rules in the expectation are full names by now. */
function compare(expect: Expectation, tried: Tried): readonly Mismatch[] {
  const { decision, listed } = tried
  const { effect, reason, quorum, errors } = expect
  const remedy = decision.effect === 'deny' ? decision.remedy : undefined
  const found: Mismatch[] = []
  const differ = (what: string, expected: Plain | undefined, actual: Plain): void => {
    if (expected !== undefined && expected !== actual)
      found.push({ what, expected: String(expected), actual: String(actual) })
  }
  const differSet = (
    what: string,
    expected?: readonly string[],
    actual: readonly string[] = [],
  ): void => {
    if (expected) differ(what, listText(expected), listText(actual))
  }
  differ('effect', effect, effectOf(decision))
  differ('reason', reason, decision.reason)
  differSet('by', expect.by, decision.policy?.determining)
  const faulty = decision.policy?.errors ?? []
  // An error counts as a match: one that nobody expects makes a case pass for the wrong reason.
  if (errors !== undefined) differ('errors', errors, faulty.length)
  else if (reason !== 'evaluation_error' && faulty.length > 0)
    differ('errors', '0', `${faulty.length} (${listText(faulty)})`)
  const obligations = decision.policy?.obligations ?? []
  const ruled = new Set(tried.examined.map(({ rule }) => rule.source.name))
  const obliging = obligations.map(({ rule }) => rule).filter((rule) => ruled.has(rule))
  differSet('obligations', expect.obligations, obliging)
  differSet(
    'shadow',
    expect.shadow,
    decision.policy?.shadow?.map(({ rule }) => rule),
  )
  const left = obligations.flatMap((duty) => (duty.type === 'label' ? duty.add : []))
  differSet('labels', expect.labels, left)
  if (expect.debits) {
    const debits = decision.effect === 'permit' ? (decision.debits ?? []) : []
    const { expected, actual } = comparedDebits(expect.debits, debits)
    differ('debits', expected, actual)
  }
  differSet('approvers', expect.approvers, remedy?.approvers)
  differ('quorum', quorum, remedy ? (remedy.quorum ?? 1) : 0)
  differ('listed', expect.listed, listed)
  return found
}

/** Both sides as texts: of an amount 120.5 and 120.50 are the same. */
function comparedDebits(
  expected: ReadonlyMap<string, string>,
  debits: readonly Debit[],
): { readonly expected: string; readonly actual: string } {
  const named = debits.map((debit) => {
    const short = debit.budget.replace(/^(?:budgets\.|[^#]*#)/, '')
    return { ...debit, name: expected.has(short) ? short : debit.budget }
  })
  const wanted = [...expected].map(([name, text]) => {
    const scale = named.find((one) => one.name === name)?.scale ?? 0
    const units = minorUnits(text, scale)
    return `${name} ${typeof units === 'number' ? minorText(units, scale) : text}`
  })
  const taken = named.map(({ name, amount, scale }) => `${name} ${minorText(amount, scale)}`)
  return { expected: listText(wanted), actual: listText(taken) }
}

function listText(names: readonly string[]): string {
  return names.length === 0 ? 'none' : [...new Set(names)].toSorted().join(', ')
}
