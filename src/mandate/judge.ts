/**
 * Judges a call by the rules that name its tool: what they permit is a union, their duties (`when`, `approval`)
 * all hold. Pure and total.
 */
import type { Constraint, Judgement } from '../expression/constraint.ts'
import type { CallContext } from '../model/call.ts'
import type { Decision, DenyReason, Remedy } from '../model/decision.ts'
import type { JsonObject } from '../model/json.ts'
import type { Budgets } from './budget.ts'
import { type CallFacts, type Facts, withHistory } from './facts.ts'
import type { Rule } from './rule.ts'
import type { FindTwin } from './twin.ts'

const NOBODY: readonly Rule[] = []

/** A decision function that always denies, for what is hidden. */
export function denyAlways(
  reason: DenyReason,
  grants: readonly string[],
): (call: CallContext) => Decision {
  return () => ({ effect: 'deny', reason, grants, facts: {} })
}

/** The rules that name one tool, in an order that does not depend on the document's. */
interface Named {
  readonly rules: readonly Ready[]
  readonly names: readonly string[]
  /** All of them cover the call: the commonest answer, made once. */
  readonly all: Coverage
  readonly twin?: FindTwin
  readonly budgets?: Budgets
}

/** A rule with what is asked of each argument at hand: with many tools, following references is most of the time. */
interface Ready {
  readonly rule: Rule
  readonly closed: ReadonlySet<string> | undefined
  readonly names: readonly string[]
  readonly judges: readonly Constraint['judge'][]
}

function ready(rule: Rule): Ready {
  return {
    rule,
    closed: rule.closed,
    names: rule.args.map(({ name }) => name),
    judges: rule.args.map(({ constraint }) => constraint.judge),
  }
}

/** Compiles the rules that name one tool to a decision. */
export function judgeBy(
  rules: readonly Rule[],
  facts: Facts,
  twin: FindTwin,
  budgets?: Budgets,
): (call: CallContext) => Decision {
  const names = rules.map((rule) => rule.name)
  const all = { holds: names, asks: NOBODY }
  // In a closed world no second spelling is permitted anyway.
  const open = rules.some((rule) => !rule.closed)
  const named: Named = {
    rules: rules.map(ready),
    names,
    all,
    ...(open && { twin }),
    ...(budgets && { budgets }),
  }
  const conditions = rules.flatMap(({ when, approval }) => [when, approval?.when])
  const read = withHistory(facts, conditions)
  return (call) => {
    try {
      return judge(call, rules, named, read)
    } catch {
      return { effect: 'deny', reason: 'evaluation_error', grants: names, facts: {} }
    }
  }
}

function judge(
  call: CallContext,
  rules: readonly Rule[],
  named: Named,
  facts: CallFacts,
): Decision {
  const { names, budgets } = named
  const read = facts(call)
  const covering = named.twin?.(call.args) === undefined ? coverage(named, call) : undefined
  if (covering === undefined) return deny('outside_mandate', names, read)
  const duty = worstDuty(rules, call)
  if (duty !== undefined) return deny(duty, names, read)
  const debits = budgets?.take(call)
  if (budgets && !debits) return deny('evaluation_error', names, read)
  const asking = askingRules(rules, call, covering.asks)
  if (asking.length === 0) {
    const grants = covering.holds
    return debits && debits.length > 0
      ? { effect: 'permit', reason: 'permitted', grants, facts: read, debits }
      : { effect: 'permit', reason: 'permitted', grants, facts: read }
  }
  const remedy = remedyOf(asking)
  return { effect: 'deny', reason: 'approval_required', grants: names, facts: read, remedy }
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
function coverage({ rules, names, all }: Named, call: CallContext): Coverage | undefined {
  const [only] = rules
  if (only && rules.length === 1) {
    const judged = covers(only, call)
    if (judged === 'holds') return all
    return judged === 'asks' && only.rule.approval ? { holds: [], asks: [only.rule] } : undefined
  }
  const holds: string[] = []
  const asks: Rule[] = []
  for (const one of rules) {
    const { rule } = one
    const judged = covers(one, call)
    if (judged === 'holds') holds.push(rule.name)
    else if (judged === 'asks' && rule.approval) asks.push(rule)
  }
  if (holds.length > 0) return holds.length === names.length ? all : { holds, asks: NOBODY }
  return asks.length > 0 ? { holds, asks } : undefined
}

/**
 * Does the rule permit these arguments? A completion carries half-typed values: there, only the names are judged, and
 * the values when the prompt itself is asked for.
 */
function covers(ready: Ready, call: CallContext): Judgement {
  const { args } = call
  const { closed, names, judges } = ready
  if (closed) {
    // Members that are inherited count as well: a polluted prototype must deny, not permit.
    for (const key in args) if (!closed.has(key)) return 'fails'
  }
  if (call.action === 'completion/complete') return 'holds'
  let all: Judgement = 'holds'
  for (let at = 0; at < names.length; at += 1) {
    const name = names[at]
    const judge = judges[at]
    // Not one of them is ever missing; were it so, the call would not be covered.
    if (name === undefined || !judge) return 'fails'
    const judged = judge(Object.hasOwn(args, name) ? args[name] : undefined)
    if (judged === 'fails') return 'fails'
    if (judged === 'asks') all = 'asks'
  }
  return all
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

function needsApproval(approval: NonNullable<Rule['approval']>, call: CallContext): boolean {
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
