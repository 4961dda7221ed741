/** What another revision makes of a decision on record. */
import type { Recorded } from '../audit/recorded.ts'
import type { Conjunct, Outcome } from '../model/decision.ts'

/** What a call comes to: who wants to do it can, cannot, or has to wait for somebody. */
export type Class = 'permitted' | 'denied' | 'held'

export type Change = 'newly_permitted' | 'newly_denied' | 'newly_held' | 'unchanged' | 'unknown'

export interface Verdict {
  readonly change: Change
  readonly recorded: Recorded
  readonly was: Class
  /** What it may be; one where that is known. */
  readonly outcomes: readonly Outcome[]
  /** Of the revision: rules, grants and engines that decide, or on what it hangs. */
  readonly by: readonly string[]
  /** Why it is not known. */
  readonly why?: string
  /** It could not be tried: documents of then are missing, or what is kept contradicts itself. */
  readonly unkept?: 'missing' | 'altered'
}

export function classOf(outcome: Outcome): Class {
  if (outcome === 'permitted') return 'permitted'
  return outcome === 'approval_required' ? 'held' : 'denied'
}

const CHANGES = {
  permitted: 'newly_permitted',
  denied: 'newly_denied',
  held: 'newly_held',
} as const

export function verdictOf(
  recorded: Recorded,
  possible: ReadonlySet<Outcome>,
  given: { readonly conjuncts: readonly Conjunct[]; readonly asked: readonly Conjunct[] },
): Verdict {
  const was = classOf(recorded.outcome)
  const outcomes = [...possible]
  const [is, ...others] = new Set(outcomes.map(classOf))
  if (is === undefined || others.length > 0) {
    const open = given.asked
      .filter(counts)
      .flatMap(({ rule, result }) => (result === 'unknown' ? [rule] : []))
    const why = 'it hangs on what is not kept'
    return { change: 'unknown', recorded, was, outcomes, by: [...new Set(open)], why }
  }
  const deciding = given.conjuncts.filter(({ result }) => DECIDING[is].includes(result))
  const by = deciding.filter(counts).map(({ rule }) => rule)
  const change = is === was ? 'unchanged' : CHANGES[is]
  return { change, recorded, was, outcomes, by: [...new Set(by)] }
}

function counts({ of, shadow }: Conjunct): boolean {
  return of === undefined && shadow !== true
}

export function ofPolicies({ rule, applies, of }: Conjunct): boolean {
  return applies !== undefined || of !== undefined || rule.startsWith('engine:')
}

const DECIDING: Readonly<Record<Class, readonly Conjunct['result'][]>> = {
  permitted: [],
  denied: ['fails', 'error'],
  held: ['asks'],
}
