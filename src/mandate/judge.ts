/**
 * Judges a call by the rules that name its tool: what they permit is a union, their duties (`when`, `approval`)
 * all hold. Pure and total.
 */
import type { Judgement } from '../expression/constraint.ts'
import type { CallContext } from '../model/call.ts'
import type { Decision, DenyReason, Remedy } from '../model/decision.ts'
import type { JsonObject } from '../model/json.ts'
import type { Rule } from './rule.ts'

export type Facts = (args: JsonObject) => JsonObject

/** A decision function that always denies, for what is hidden. */
export function denyAlways(
  reason: DenyReason,
  grants: readonly string[],
): (call: CallContext) => Decision {
  return () => ({ effect: 'deny', reason, grants, facts: {} })
}

/** Compiles the rules that name one tool, in an order that does not depend on the document's. */
export function judgeBy(rules: readonly Rule[], facts: Facts): (call: CallContext) => Decision {
  const names = rules.map((rule) => rule.name)
  return (call) => {
    try {
      return judge(call, rules, names, facts)
    } catch {
      return { effect: 'deny', reason: 'evaluation_error', grants: names, facts: {} }
    }
  }
}

function judge(
  call: CallContext,
  rules: readonly Rule[],
  names: readonly string[],
  facts: Facts,
): Decision {
  const read = facts(call.args)
  const covering = coverage(rules, call)
  if (covering === undefined) return deny('outside_mandate', names, read)
  const duty = worstDuty(rules, call)
  if (duty !== undefined) return deny(duty, names, read)
  const asking = askingRules(rules, call, covering.asks)
  if (asking.length > 0) {
    const remedy = remedyOf(asking)
    return { effect: 'deny', reason: 'approval_required', grants: names, facts: read, remedy }
  }
  const grants = covering.holds.length === names.length ? names : covering.holds
  return { effect: 'permit', reason: 'permitted', grants, facts: read }
}

function deny(reason: DenyReason, grants: readonly string[], facts: JsonObject): Decision {
  return { effect: 'deny', reason, grants, facts }
}

interface Coverage {
  readonly holds: readonly string[]
  /** Rules that cover the call once their approval is given; only where none covers it outright. */
  readonly asks: readonly Rule[]
}

/** Which rules cover the call by their arguments; undefined when none does, with or without an approval. */
function coverage(rules: readonly Rule[], call: CallContext): Coverage | undefined {
  const holds: string[] = []
  const asks: Rule[] = []
  for (const rule of rules) {
    const judged = covers(rule, call)
    if (judged === 'holds') holds.push(rule.name)
    else if (judged === 'asks' && rule.approval) asks.push(rule)
  }
  if (holds.length > 0) return { holds, asks: [] }
  return asks.length > 0 ? { holds, asks } : undefined
}

/**
 * Does the rule permit these arguments? A completion carries half-typed values: there, only the names are judged, and
 * the values when the prompt itself is asked for.
 */
export function covers(rule: Rule, call: CallContext): Judgement {
  const { args } = call
  if (rule.closed) {
    // Members that are inherited count as well: a polluted prototype must deny, not permit.
    for (const key in args) if (!rule.closed.has(key)) return 'fails'
  }
  if (call.action === 'completion/complete') return 'holds'
  let asks = false
  for (const { name, constraint } of rule.args) {
    const judged = constraint.judge(Object.hasOwn(args, name) ? args[name] : undefined)
    if (judged === 'fails') return 'fails'
    if (judged === 'asks') asks = true
  }
  return asks ? 'asks' : 'holds'
}

/** `when` of every rule: any that does not hold denies, and one that cannot be evaluated does too. */
function worstDuty(rules: readonly Rule[], call: CallContext): DenyReason | undefined {
  let worst: DenyReason | undefined
  for (const { when } of rules) {
    if (!when) continue
    const holds = when.evaluate(call)
    if (holds === true) continue
    if (holds === false) return 'outside_mandate'
    worst = 'evaluation_error'
  }
  return worst
}

const NOBODY: readonly Rule[] = []

/** Rules whose approval this call needs. An approval condition that cannot be evaluated asks. */
function askingRules(
  rules: readonly Rule[],
  call: CallContext,
  already: readonly Rule[],
): readonly Rule[] {
  let asking: Rule[] | undefined
  for (const rule of rules) {
    if (rule.approval && (already.includes(rule) || needsApproval(rule.approval, call))) {
      ;(asking ??= []).push(rule)
    }
  }
  return asking ?? NOBODY
}

export function needsApproval(approval: NonNullable<Rule['approval']>, call: CallContext): boolean {
  return !approval.when || approval.when.evaluate(call) !== false
}

/** Every rule that asks must be answered: who may answer is on all their lists, within the shortest time. */
function remedyOf(asking: readonly Rule[]): Remedy {
  const approvals = asking.map((rule) => rule.approval).filter((approval) => approval !== undefined)
  const [first, ...rest] = approvals
  const approvers = (first?.from ?? []).filter((one) =>
    rest.every(({ from }) => from.includes(one)),
  )
  return {
    kind: 'approval',
    approvers,
    expiresInMs: Math.min(...approvals.map(({ expiresInMs }) => expiresInMs)),
    askedBy: asking.map((rule) => rule.name),
  }
}
