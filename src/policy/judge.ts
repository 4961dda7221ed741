/**
 * What policies make of a decision: they only take away. Every rule is asked, in no order that matters; one that cannot
 * be evaluated counts as a match. Pure and total.
 */
import type { CallContext } from '../model/call.ts'
import type { Decision, Remedy } from '../model/decision.ts'
import type { Sha256 } from '../model/id.ts'
import type { JsonObject } from '../model/json.ts'
import type {
  EngineFact,
  Obligation,
  PolicyMode,
  PolicyTrace,
  RuleEffect,
} from '../model/policy.ts'
import type { Debit } from '../model/state.ts'
import { type BoundBudget, type Budgets, untold } from '../mandate/budget.ts'
import type { Facts } from '../mandate/facts.ts'
import type { CompiledRule, Matches } from './rule.ts'

/** The rules about one tool, resource or prompt under one mandate. */
export interface BoundRules {
  readonly revision: Sha256
  /** In force, by what they do; in the order of their names. */
  readonly forbid: readonly CompiledRule[]
  readonly ask: readonly AskingRule[]
  readonly oblige: readonly CompiledRule[]
  readonly shadow: readonly CompiledRule[]
  readonly engines: readonly { readonly id: string; readonly mode: PolicyMode }[]
  /** Limits in force; absent: none. */
  readonly budgets?: Budgets
  /** Limits in shadow: they take nothing. */
  readonly watching: readonly BoundBudget[]
  /** Duties of every call. */
  readonly always: readonly Obligation[]
  /** The trace of a call that no rule matches; one object for all that have the same. */
  readonly quiet: PolicyTrace
  /** The rules that read an argument of which the call has a second spelling; absent: none reads any. */
  readonly twins?: (args: JsonObject) => Twin | undefined
  /** The names of these arguments. */
  readonly twinned?: readonly string[]
  /** The arguments that they read; absent: none. */
  readonly facts?: Facts
  /** Of what they read of the past. */
  readonly past?: (call: CallContext) => JsonObject
}

/** A second spelling: who reads the first one, and where it stands. */
export interface Twin {
  readonly rules: readonly string[]
  readonly path: string
}

/** A rule that asks for an approval, with who may give it for calls under this mandate. */
export interface AskingRule {
  readonly rule: CompiledRule
  readonly approvers: readonly string[]
}

/** A decision function over the mandate's own; `engines: ask` also wants the answers of the external engines. */
export function judgeUnder(
  bound: BoundRules,
  engines: 'ask' | 'leave',
): (base: Decision, call: CallContext) => Decision {
  const plan = planOf(bound, engines)
  const policy: PolicyTrace = { revision: bound.revision }
  return (base, call) => {
    const { grants, facts } = base
    if (base.effect === 'deny' && !base.remedy)
      return { effect: 'deny', reason: base.reason, grants, facts, policy }
    try {
      return judge(plan, base, call)
    } catch {
      // Arguments nested deeper than the stack reaches.
      return { effect: 'deny', reason: 'evaluation_error', grants, facts, policy }
    }
  }
}

/**
 * What is asked of each rule at hand, apart from its name: what rules say of themselves is looked at only once one of
 * them matches.
 */
interface Asked {
  readonly tests: readonly Matches[]
  readonly names: readonly string[]
}

interface Plan {
  readonly bound: BoundRules
  readonly forbid: Asked
  readonly ask: Asked
  readonly oblige: Asked
  readonly shadow: Asked
  /** What each rule that asks for an approval asks for. */
  readonly remedies: readonly Remedy[]
  readonly withEngines: boolean
}

function planOf(bound: BoundRules, engines: 'ask' | 'leave'): Plan {
  return {
    bound,
    forbid: asked(bound.forbid),
    ask: asked(bound.ask.map(({ rule }) => rule)),
    oblige: asked(bound.oblige),
    shadow: asked(bound.shadow),
    remedies: bound.ask.map(askedRemedy),
    withEngines: engines === 'ask' && bound.engines.length > 0,
  }
}

function asked(rules: readonly CompiledRule[]): Asked {
  return { tests: rules.map((rule) => rule.matches), names: rules.map(({ source }) => source.name) }
}

function judge(plan: Plan, base: Decision, call: CallContext): Decision {
  const { bound } = plan
  const { grants } = base
  const facts = factsFor(bound, base.facts, call)
  const shadow = shadowOf(plan, call)
  const forbidding = sift(plan.forbid, call)
  const said = plan.withEngines ? enginesSaid(bound, call) : undefined
  const beside = { shadow, said }
  if (forbidding) {
    const { determining, errors } = forbidding
    // Where one rule forbids outright, another that could not be evaluated changes nothing.
    const reason = determining.length > errors.length ? 'forbidden' : 'evaluation_error'
    const policy = traceOf(bound, forbidding, beside)
    return { effect: 'deny', reason, grants, facts, policy }
  }
  const twins = bound.twins?.(call.args)
  if (twins) {
    const { rules, path } = twins
    const policy = traceOf(bound, { determining: rules, errors: rules }, beside)
    // Its name is part of why; what it holds is nobody's business.
    const known = Object.hasOwn(facts, path) ? facts : { ...facts, [path]: THERE }
    return { effect: 'deny', reason: 'evaluation_error', grants, facts: known, policy }
  }
  const own = bound.budgets?.take(call)
  if (bound.budgets && !own) {
    const names = untold(bound.budgets, call)
    const policy = traceOf(bound, { determining: names, errors: names }, beside)
    return { effect: 'deny', reason: 'evaluation_error', grants, facts, policy }
  }
  if (said?.denied) {
    const policy = traceOf(bound, { determining: said.determining, errors: NONE }, beside)
    return { effect: 'deny', reason: said.denied, grants, facts, policy }
  }
  const asking = sift(plan.ask, call)
  const remedy = asking || base.effect === 'deny' ? remedyOf(plan, base, asking) : undefined
  if (remedy) {
    const policy = traceOf(bound, asking ?? NOTHING, beside)
    return { effect: 'deny', reason: 'approval_required', grants, facts, remedy, policy }
  }
  return permitted(plan, base, call, { facts, own, beside })
}

/** A permit with its duties and with what it takes from budgets. */
function permitted(
  plan: Plan,
  base: Decision,
  call: CallContext,
  given: {
    readonly facts: JsonObject
    readonly own: readonly Debit[] | undefined
    readonly beside: Beside
  },
): Decision {
  const { bound } = plan
  const { grants } = base
  const { facts, own, beside } = given
  const obliging = sift(plan.oblige, call)
  const policy =
    obliging || beside.shadow || beside.said
      ? traceOf(
          bound,
          { determining: NONE, errors: obliging?.errors ?? NONE },
          { ...beside, obligations: dutiesOf(bound, obliging) },
        )
      : bound.quiet
  const debits = bothDebits(base.effect === 'permit' ? base.debits : undefined, own)
  return debits
    ? { effect: 'permit', reason: 'permitted', grants, facts, policy, debits }
    : { effect: 'permit', reason: 'permitted', grants, facts, policy }
}

/** What the mandate takes, and what policies do. */
function bothDebits(
  base: readonly Debit[] | undefined,
  own: readonly Debit[] | undefined,
): readonly Debit[] | undefined {
  if (!own || own.length === 0) return base
  return base ? [...base, ...own] : own
}

const THERE: JsonObject = { $cut: true }

function factsFor({ facts, past }: BoundRules, own: JsonObject, call: CallContext): JsonObject {
  const read = facts ? facts(call.args, own) : own
  return past ? { ...read, ...past(call) } : read
}

/** Rules that match: where they stand in their list, what they are called, and which of them could not be evaluated. */
interface Found {
  readonly at: readonly number[]
  readonly determining: readonly string[]
  readonly errors: readonly string[]
}

const NONE: readonly string[] = []
const NOTHING: Pick<Found, 'determining' | 'errors'> = { determining: NONE, errors: NONE }

/** Undefined where none matches. */
function sift({ tests, names }: Asked, call: CallContext): Found | undefined {
  let found: { at: number[]; determining: string[]; errors: string[] } | undefined
  for (let at = 0; at < tests.length; at += 1) {
    const matched = tests[at]?.(call)
    if (matched === false) continue
    const name = names[at] ?? ''
    const errors = matched === true ? [] : [name]
    if (found) {
      found.at.push(at)
      found.determining.push(name)
      found.errors.push(...errors)
    } else found = { at: [at], determining: [name], errors }
  }
  return found
}

function askedRemedy({ rule, approvers }: AskingRule): Remedy {
  const { approval, name } = rule.source
  return {
    kind: 'approval',
    approvers,
    expiresInMs: approval?.expiresInMs ?? 0,
    askedBy: [name],
    ...(approval && approval.quorum > 1 && { quorum: approval.quorum }),
    ...(approval?.assurance && { assurance: approval.assurance }),
  }
}

/** Everybody who asks must be answered: who may answer is on all lists, as many and as surely as the strictest asks. */
function remedyOf(
  { remedies }: Plan,
  base: Decision,
  asking: Found | undefined,
): Remedy | undefined {
  let all = base.effect === 'deny' ? base.remedy : undefined
  for (const at of asking?.at ?? []) {
    const one = remedies[at]
    all = all && one ? bothRemedies(all, one) : (one ?? all)
  }
  return all
}

export function bothRemedies(a: Remedy, b: Remedy): Remedy {
  const quorum = Math.max(a.quorum ?? 1, b.quorum ?? 1)
  const assurance = strongest(a.assurance, b.assurance)
  return {
    kind: 'approval',
    approvers: a.approvers.filter((one) => b.approvers.includes(one)),
    expiresInMs: Math.min(a.expiresInMs, b.expiresInMs),
    askedBy: [...a.askedBy, ...b.askedBy],
    ...(quorum > 1 && { quorum }),
    ...(assurance && { assurance }),
  }
}

const STRENGTH = ['client_asserted', 'local_user', 'passkey'] as const

function strongest(a: Remedy['assurance'], b: Remedy['assurance']): Remedy['assurance'] {
  return STRENGTH.findLast((one) => one === a || one === b)
}

function dutiesOf(
  { always, oblige }: BoundRules,
  obliging: Found | undefined,
): readonly Obligation[] {
  if (!obliging) return always
  const more = obliging.at.flatMap((at) => {
    const source = oblige[at]?.source
    return source?.obligation ? { ...source.obligation, rule: source.name } : []
  })
  return [...always, ...more]
}

type Shadow = NonNullable<PolicyTrace['shadow']>[number]

/** What rules in shadow would have done. Whatever goes wrong with one of them changes nothing. */
function shadowOf({ bound, shadow }: Plan, call: CallContext): readonly Shadow[] | undefined {
  if (shadow.tests.length === 0) return undefined
  return sift(shadow, call)?.at.flatMap((at) => {
    const source = bound.shadow[at]?.source
    return source ? { rule: source.name, effect: source.effect } : []
  })
}

interface Said {
  readonly facts: readonly EngineFact[]
  readonly denied?: 'forbidden' | 'engine_unavailable'
  readonly determining: readonly string[]
  readonly shadow: readonly Shadow[]
}

/** One that was not asked, or whose answer is none, denies as surely as one that says no. */
function enginesSaid({ engines }: BoundRules, call: CallContext): Said {
  const facts: EngineFact[] = []
  const no: string[] = []
  const silent: string[] = []
  const shadow: Shadow[] = []
  for (const { id, mode } of engines) {
    const fact = call.engines?.find(({ engine }) => engine === id)
    if (fact) facts.push(fact)
    if (fact?.effect === 'permit') continue
    const rule = `engine:${id}`
    const effect: RuleEffect = 'forbid'
    if (mode === 'shadow') shadow.push({ rule, effect })
    else if (fact?.effect === 'deny') no.push(rule)
    else silent.push(rule)
  }
  const determining = no.length > 0 ? no : silent
  if (determining.length === 0) return { facts, determining, shadow }
  const denied = no.length > 0 ? 'forbidden' : 'engine_unavailable'
  return { facts, denied, determining, shadow }
}

interface Beside {
  readonly obligations?: readonly Obligation[]
  readonly shadow?: readonly Shadow[] | undefined
  readonly said?: Said | undefined
}

/** The trace of a call that no rule matches, and that has these duties. */
export function quietTrace(revision: Sha256, obligations: readonly Obligation[]): PolicyTrace {
  return traceOf({ revision }, NOTHING, { obligations })
}

/** Put together by hand: every denial has one, and spreading costs more than all of the rest of it. */
function traceOf(
  { revision }: Pick<BoundRules, 'revision'>,
  { determining, errors }: Pick<Found, 'determining' | 'errors'>,
  { obligations = [], shadow, said }: Beside,
): PolicyTrace {
  const trace: { -readonly [Name in keyof PolicyTrace]: PolicyTrace[Name] } = { revision }
  if (determining.length > 0) trace.determining = determining
  if (errors.length > 0) trace.errors = errors
  if (obligations.length > 0) trace.obligations = obligations
  const shadows = said ? [...(shadow ?? []), ...said.shadow] : shadow
  if (shadows && shadows.length > 0) trace.shadow = shadows
  if (said) trace.engines = said.facts
  return trace
}
