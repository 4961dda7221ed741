/** Puts a decision and its conjuncts into sentences for an operator, with what would have made it permitted. */
import type { Conjunct, Decision, DenyReason } from '../model/decision.ts'

export interface Explanation {
  /** What was decided and why, in one sentence. */
  readonly verdict: string
  /** One sentence for each conjunct, in the order given. */
  readonly conjuncts: readonly string[]
  /** The least that would have to be different: `would be permitted if amount were at most 5000`. */
  readonly nearestMiss?: string
  /** How a human could lift the denial. */
  readonly remedy?: string
}

/** Never shown to an agent: it says what the mandate asks for. */
export function explain(decision: Decision, conjuncts: readonly Conjunct[]): Explanation {
  const nearestMiss = decision.effect === 'deny' ? nearestMissOf(decision, conjuncts) : undefined
  const remedy = remedyText(decision)
  return {
    verdict: verdictText(decision),
    conjuncts: conjuncts.map(conjunctText),
    ...(nearestMiss !== undefined && { nearestMiss }),
    ...(remedy !== undefined && { remedy }),
  }
}

const REASONS: Readonly<Partial<Record<DenyReason, string>>> = {
  forbidden: '`never` names it, and nothing else can permit it',
  outside_mandate: 'no grant covers the call',
  evaluation_error: 'a rule could not be evaluated, which denies',
  approval_required: 'a grant asks for an approval that was not given',
}

function verdictText(decision: Decision): string {
  if (decision.effect === 'permit') return `permitted by ${quoted(decision.grants)}`
  const why = REASONS[decision.reason]
  return why === undefined ? `denied: ${decision.reason}` : `denied: ${decision.reason}, ${why}`
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(', ')
}

function conjunctText({ rule, expected, read, result, hint }: Conjunct): string {
  const value = read === undefined ? '' : `, read ${read}`
  const help = hint === undefined || result === 'holds' ? '' : ` (${hint})`
  return `${result}: ${rule}: ${expected}${value}${help}`
}

function remedyText(decision: Decision): string | undefined {
  if (decision.effect === 'permit' || !decision.remedy) return undefined
  const { approvers, expiresInMs, askedBy } = decision.remedy
  if (approvers.length === 0) return 'nobody may give all the approvals that are asked for'
  return `asked for by ${quoted(askedBy)}: an approval by ${approvers.map((one) => `\`${one}\``).join(' or ')}, good for ${Math.ceil(expiresInMs / 1000)} s`
}

/**
 * Of the grants that name the tool, the one with the fewest failing argument conjuncts, together with every condition
 * that fails: conditions are duties of all grants, arguments of one.
 */
function nearestMissOf(decision: Decision, conjuncts: readonly Conjunct[]): string | undefined {
  const failing = conjuncts.filter(({ result }) => result === 'fails' || result === 'error')
  const owner = (conjunct: Conjunct): string | undefined =>
    decision.grants
      .filter((grant) => conjunct.rule.startsWith(`${grant}.`))
      .toSorted((a, b) => b.length - a.length)[0]
  // What belongs to no grant (a `never`, no grant at all) cannot be met by other arguments.
  if (failing.some((conjunct) => owner(conjunct) === undefined)) return undefined
  const isDuty = (conjunct: Conjunct): boolean =>
    conjunct.rule.slice((owner(conjunct) ?? '').length).startsWith('.when')
  const duties = failing.filter(isDuty)
  const [nearest] = decision.grants
    .map((grant) => failing.filter((one) => owner(one) === grant && !isDuty(one)))
    .toSorted((a, b) => a.length - b.length)
  const wanted = [...(nearest ?? []), ...duties].map(wish)
  if (wanted.length === 0) return undefined
  const asks = conjuncts.some(({ result }) => result === 'asks')
  const end = asks ? ', and the approval were given' : ''
  return `would be permitted if ${[...new Set(wanted)].join(' and ')}${end}`
}

const UNREAL: Readonly<Record<string, string>> = {
  is: 'were',
  are: 'were',
  has: 'had',
  equals: 'were',
  matches: 'matched',
  begins: 'began',
  ends: 'ended',
}

/** `amount is between 0 and 5000` as a wish: `amount were between 0 and 5000`. */
function wish({ expected }: Conjunct): string {
  const verb = / (is|are|has|equals|matches|begins|ends) /.exec(expected)
  if (!verb) return `it held that ${expected}`
  const end = verb.index + verb[0].length
  return `${expected.slice(0, verb.index)} ${UNREAL[verb[1] ?? ''] ?? verb[1]} ${expected.slice(end)}`
}
