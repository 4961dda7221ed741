/** Puts a decision and its conjuncts into sentences for an operator, with what would have made it permitted. */
import type { Conjunct, Decision, DenyReason } from '../model/decision.ts'
import { dutyText } from './conjuncts.ts'
import { nearestMissOf } from './nearest.ts'

export interface Explanation {
  /** What was decided and why, in one sentence. */
  readonly verdict: string
  /** One sentence for each conjunct, in the order given. */
  readonly conjuncts: readonly string[]
  /** The least that would have to be different: `would be permitted if amount were at most 5000`. */
  readonly nearestMiss?: string
  /** How a human could lift the denial. */
  readonly remedy?: string
  /** What has to be done with the call, where it is permitted or once it is approved. */
  readonly duties?: readonly string[]
}

/** Never shown to an agent: it says what the mandate asks for. */
export function explain(decision: Decision, conjuncts: readonly Conjunct[]): Explanation {
  const nearestMiss = decision.effect === 'deny' ? missText(decision, conjuncts) : undefined
  const remedy = remedyText(decision)
  const duties = dutiesOf(decision, conjuncts)
  return {
    verdict: verdictText(decision),
    conjuncts: conjuncts.map(conjunctText),
    ...(nearestMiss !== undefined && { nearestMiss }),
    ...(remedy !== undefined && { remedy }),
    ...(duties.length > 0 && { duties }),
  }
}

const REASONS: Readonly<Partial<Record<DenyReason, string>>> = {
  forbidden: '`never` names it, and nothing else can permit it',
  engine_unavailable: 'an engine that has to permit it did not answer',
  outside_mandate: 'no grant covers the call',
  evaluation_error: 'a rule could not be evaluated, which denies',
  approval_required: 'a grant asks for an approval that was not given',
}

function verdictText(decision: Decision): string {
  if (decision.effect === 'permit') return `permitted by ${quoted(decision.grants)}`
  const { determining = [] } = decision.policy ?? {}
  if (determining.length > 0) return `denied: ${decision.reason} by ${quoted(determining)}`
  const why = REASONS[decision.reason]
  return why === undefined ? `denied: ${decision.reason}` : `denied: ${decision.reason}, ${why}`
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(', ')
}

function conjunctText({ rule, expected, read, result, hint, of, shadow }: Conjunct): string {
  const value = read === undefined ? '' : `, read ${read}`
  const help = hint === undefined || result === 'holds' ? '' : ` (${hint})`
  const said = of === undefined ? result : `  ${SAID[result]}`
  return `${shadow === true ? 'shadow, ' : ''}${said}: ${rule}: ${expected}${value}${help}`
}

/** What a condition of a rule said: that it does not hold is nothing wrong. */
const SAID: Readonly<Record<Conjunct['result'], string>> = {
  holds: 'true',
  fails: 'false',
  error: 'error',
  asks: 'false',
  unknown: 'unknown',
}

function remedyText(decision: Decision): string | undefined {
  if (decision.effect === 'permit' || !decision.remedy) return undefined
  const { approvers, expiresInMs, askedBy, quorum = 1, assurance } = decision.remedy
  if (approvers.length === 0) return 'nobody may give all the approvals that are asked for'
  const names = approvers.map((one) => `\`${one}\``)
  const who = quorum > 1 ? `${quorum} of ${names.join(', ')}` : names.join(' or ')
  const how = assurance === undefined ? '' : `, at least as ${assurance}`
  return `asked for by ${quoted(askedBy)}: an approval by ${who}${how}, good for ${Math.ceil(expiresInMs / 1000)} s`
}

/** Duties of a permit; of a call that waits for an approval, those that would come with it. */
function dutiesOf(decision: Decision, conjuncts: readonly Conjunct[]): readonly string[] {
  const laid = decision.policy?.obligations ?? []
  if (laid.length > 0) return laid.map((duty) => `${dutyText(duty)} (\`${duty.rule}\`)`)
  if (decision.effect === 'permit' || !decision.remedy) return []
  return conjuncts
    .filter(
      ({ applies, effect, result, shadow }) =>
        effect === 'oblige' && applies !== 'no' && result === 'holds' && shadow !== true,
    )
    .map(({ rule, expected }) => `${expected.replace(/^.*: /, '')} (\`${rule}\`)`)
}

function missText(decision: Decision, conjuncts: readonly Conjunct[]): string | undefined {
  const miss = nearestMissOf(decision, conjuncts)
  if (!miss) {
    const rules = decision.policy?.determining ?? []
    return rules.length === 0
      ? undefined
      : `nothing about the call would change what ${quoted(rules)} says`
  }
  const { wishes, whatever } = miss
  if (wishes.length === 0) return undefined
  const asks = conjuncts.some(
    ({ result, of, shadow }) => result === 'asks' && of === undefined && shadow !== true,
  )
  const end = asks ? ', and the approval were given' : ''
  const fixed = whatever.length === 0 ? '' : ` (no argument changes what ${quoted(whatever)} says)`
  return `would be permitted if ${wishes.join(' and ')}${end}${fixed}`
}
