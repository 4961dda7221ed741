/** Decides a recorded call again, and compares: what is not kept is neither taken for the same nor for a difference. */
import { decisionWriter } from '../audit/decision.ts'
import type { Recorded } from '../audit/recorded.ts'
import type { Authority, CompiledMandate } from '../model/authority.ts'
import type { CallContext } from '../model/call.ts'
import type { Applies, Conjunct, Outcome } from '../model/decision.ts'
import { differences, differenceText } from '../model/difference.ts'
import { canonical, isObject } from '../model/json.ts'
import type { Keepsakes } from './keepsakes.ts'
import { askedPolicies, authorityOf, callOf, keptOf, refuseAltered } from './replay-call.ts'

/** `as_far_as_kept`: nothing that is known contradicts what is on record. */
export type Comparison = 'same' | 'as_far_as_kept' | 'differs'

export interface Replayed {
  readonly recorded: Recorded
  readonly mandate: CompiledMandate
  readonly authority: Authority
  readonly call: CallContext
  readonly conjuncts: readonly Conjunct[]
  /** What the decision may be, as far as it is known; one where all is. */
  readonly outcomes: readonly Outcome[]
  readonly comparison: Comparison
  /** What is not as it is on record, in words. */
  readonly differences: readonly string[]
  /** Arguments that were read, and whose values are not kept. */
  readonly missing: readonly string[]
}

/** @throws Unkept where a document that it was decided by is not kept, or not as it was */
export function replay(recorded: Recorded, keepsakes: Keepsakes): Replayed {
  const { mandate: named, policy, environment } = recorded
  const mandate = keepsakes.under(named.digest, policy?.revision, environment)
  const whole = authorityOf(mandate, recorded, keepsakes)
  const base = authorityOf(keepsakes.mandate(named.digest), recorded, keepsakes)
  const kept = keptOf(recorded, { base, whole }, keepsakes.check)
  const call = callOf(recorded, mandate, kept)
  refuseAltered(recorded, kept, keepsakes.check, () => whole.possible(call))
  const conjuncts = whole.explain(call)
  const outcomes = [...whole.possible(call)]
  const known = outcomes.length === 1 && isKnown(conjuncts, askedPolicies(recorded))
  const found = known
    ? wholeDifferences(recorded, whole, call)
    : knownDifferences(recorded, outcomes, conjuncts)
  const same = known ? 'same' : 'as_far_as_kept'
  return {
    recorded,
    mandate,
    authority: whole,
    call,
    conjuncts,
    outcomes,
    comparison: found.length > 0 ? 'differs' : same,
    differences: found,
    missing: kept.missing,
  }
}

/** Where the mandate said no by itself, nothing hangs on policies; and on an engine nothing that was denied without it. */
function isKnown(conjuncts: readonly Conjunct[], policies: boolean): boolean {
  return conjuncts
    .filter(({ rule, applies, of }) => {
      if (rule.startsWith('engine:')) return false
      return policies || (applies === undefined && of === undefined)
    })
    .every(({ result }) => result !== 'unknown')
}

/** Everything that was read is known: the decisions have to be equal in every word. */
function wholeDifferences(
  { decision }: Recorded,
  authority: Authority,
  call: CallContext,
): readonly string[] {
  // Engines are not asked about what is denied without them.
  const local = authority.locally?.(call)
  const denied = local?.effect === 'deny' && !local.remedy
  const text = decisionWriter()(denied ? local : authority.decide(call))
  const again: unknown = JSON.parse(text)
  if (!isObject(again) || canonical(again) === canonical(decision)) return []
  return differences(decision, again).shown.map(differenceText)
}

/** Only what is known to be otherwise. */
function knownDifferences(
  recorded: Recorded,
  outcomes: readonly Outcome[],
  conjuncts: readonly Conjunct[],
): readonly string[] {
  const { outcome } = recorded
  if (!outcomes.includes(outcome))
    return [`on record is ${outcome}, and it can only be ${outcomes.join(' or ')}`]
  if (!askedPolicies(recorded)) return []
  return conjuncts.flatMap((rule) => ruleDifferences(recorded, rule))
}

function ruleDifferences(recorded: Recorded, conjunct: Conjunct): readonly string[] {
  const { rule, applies, shadow, budget } = conjunct
  // Of a budget the decision itself says what it takes.
  if (budget === true || applies === undefined || applies === 'unknown') return []
  const said = shadow === true ? inShadow(recorded, rule) : inForce(recorded, conjunct)
  if (said === undefined || said === (applies !== 'no')) return []
  return [`\`${rule}\`: on record it ${saidText(said)}, and it ${appliesText(applies)}`]
}

function inShadow({ policy }: Recorded, rule: string): boolean {
  return policy?.shadow.some((one) => one.rule === rule) === true
}

/** Did the rule apply, as far as the record tells? A rule that comes after what decided was not asked. */
function inForce({ outcome, policy }: Recorded, { rule, effect }: Conjunct): boolean | undefined {
  const determined = policy?.determining.includes(rule) === true
  if (effect === 'forbid') return determined
  if (effect === 'require_approval')
    return outcome === 'permitted' || outcome === 'approval_required' ? determined : undefined
  if (outcome !== 'permitted') return undefined
  return policy?.obligations.some((duty) => duty['rule'] === rule) === true
}

function saidText(applied: boolean): string {
  return applied ? 'applied' : 'did not apply'
}

function appliesText(applies: Applies): string {
  if (applies === 'no') return 'does not'
  return applies === 'yes' ? 'does' : 'cannot be evaluated, which counts as if it did'
}
