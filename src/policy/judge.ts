/**
 * What policies make of a decision: they only take away. Every rule is asked, in no order that matters; one that cannot
 * be evaluated counts as a match. Pure and total.
 */
import type { CallContext } from '../model/call.ts'
import type { Decision, Remedy } from '../model/decision.ts'
import type { Sha256 } from '../model/id.ts'
import type { Json, JsonObject } from '../model/json.ts'
import type {
  EngineFact,
  Obligation,
  PolicyMode,
  PolicyTrace,
  RuleEffect,
} from '../model/policy.ts'
import type { Facts } from '../mandate/facts.ts'
import { type CompiledRule, matches } from './rule.ts'

/** The rules about one tool, resource or prompt under one mandate. */
export interface BoundRules {
  readonly revision: Sha256
  /** In force, by what they do; in the order of their names. */
  readonly forbid: readonly CompiledRule[]
  readonly ask: readonly AskingRule[]
  readonly oblige: readonly CompiledRule[]
  readonly shadow: readonly CompiledRule[]
  readonly engines: readonly { readonly id: string; readonly mode: PolicyMode }[]
  /** Duties of every call. */
  readonly always: readonly Obligation[]
  /** The rules that read an argument of which the call has a second spelling; absent: none reads any. */
  readonly twins?: (args: JsonObject) => readonly string[] | undefined
  /** The names of these arguments. */
  readonly twinned?: readonly string[]
  /** The arguments that they read; absent: none. */
  readonly facts?: Facts
  /** Of what they read of the past. */
  readonly past?: (call: CallContext) => JsonObject
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
  const quiet = traceOf(bound, {
    determining: [],
    errors: [],
    obligations: bound.always,
    shadow: [],
  })
  const asked = engines === 'ask' && bound.engines.length > 0
  return (base, call) => {
    if (base.effect === 'deny' && !base.remedy)
      return { ...base, policy: { revision: bound.revision } }
    try {
      return judge(bound, { base, call, quiet, asked })
    } catch {
      // Arguments nested deeper than the stack reaches.
      const { grants, facts } = base
      const policy = { revision: bound.revision }
      return { effect: 'deny', reason: 'evaluation_error', grants, facts, policy }
    }
  }
}

interface Case {
  readonly base: Decision
  readonly call: CallContext
  /** The trace of a call that no rule matches. */
  readonly quiet: PolicyTrace
  readonly asked: boolean
}

interface Found {
  readonly determining: string[]
  readonly errors: string[]
}

function judge(bound: BoundRules, given: Case): Decision {
  const { base, call, quiet, asked } = given
  const facts = factsFor(bound, base.facts, call)
  const found: Found = { determining: [], errors: [] }
  const shadow = shadowOf(bound, call)
  const forbidden = sift(bound.forbid, call, found)
  const twins = bound.twins?.(call.args)
  const said = asked ? enginesSaid(bound, call) : undefined
  const noted = { ...(said && { engines: said.facts }) }
  const denied = (reason: 'forbidden' | 'evaluation_error' | 'engine_unavailable'): Decision => {
    const trace = {
      ...traceOf(bound, {
        ...found,
        obligations: [],
        shadow: [...shadow, ...(said?.shadow ?? [])],
      }),
      ...noted,
    }
    return { effect: 'deny', reason, grants: base.grants, facts, policy: trace }
  }
  if (forbidden.length > 0) {
    // Where one rule forbids outright, another that could not be evaluated changes nothing.
    return denied(forbidden.length > found.errors.length ? 'forbidden' : 'evaluation_error')
  }
  if (twins) {
    found.determining.push(...twins)
    found.errors.push(...twins)
    return denied('evaluation_error')
  }
  if (said?.denied) {
    found.determining.push(...said.determining)
    return denied(said.denied)
  }
  const asking = askingOf(bound.ask, call, found)
  const remedy = remedyOf(base, asking)
  if (remedy) {
    const trace = {
      ...traceOf(bound, {
        ...found,
        obligations: [],
        shadow: [...shadow, ...(said?.shadow ?? [])],
      }),
      ...noted,
    }
    const { grants } = base
    return { effect: 'deny', reason: 'approval_required', grants, facts, remedy, policy: trace }
  }
  const duties = dutiesOf(bound, call, found)
  const all = said ? [...shadow, ...said.shadow] : shadow
  const policy =
    duties === bound.always && all.length === 0 && found.errors.length === 0 && !said
      ? quiet
      : { ...traceOf(bound, { ...found, obligations: duties, shadow: all }), ...noted }
  return { effect: 'permit', reason: 'permitted', grants: base.grants, facts, policy }
}

function factsFor(bound: BoundRules, own: JsonObject, call: CallContext): JsonObject {
  if (!bound.facts && !bound.past) return own
  const all: Record<string, Json> = { ...own, ...bound.facts?.(call.args) }
  return bound.past ? { ...all, ...bound.past(call) } : all
}

/** The rules that match; what they are called, and which of them could not be evaluated. */
function sift(
  rules: readonly CompiledRule[],
  call: CallContext,
  { determining, errors }: Found,
): readonly CompiledRule[] {
  let matching: CompiledRule[] | undefined
  for (const rule of rules) {
    const matched = matches(rule, call)
    if (matched === false) continue
    ;(matching ??= []).push(rule)
    determining.push(rule.source.name)
    if (matched === 'error') errors.push(rule.source.name)
  }
  return matching ?? NONE
}

const NONE: readonly CompiledRule[] = []

function askingOf(
  rules: readonly AskingRule[],
  call: CallContext,
  { determining, errors }: Found,
): readonly AskingRule[] {
  let asking: AskingRule[] | undefined
  for (const one of rules) {
    const matched = matches(one.rule, call)
    if (matched === false) continue
    ;(asking ??= []).push(one)
    determining.push(one.rule.source.name)
    if (matched === 'error') errors.push(one.rule.source.name)
  }
  return asking ?? NOBODY
}

const NOBODY: readonly AskingRule[] = []

/** Everybody who asks must be answered: who may answer is on all lists, as many and as surely as the strictest asks. */
function remedyOf(base: Decision, asking: readonly AskingRule[]): Remedy | undefined {
  const own = base.effect === 'deny' ? base.remedy : undefined
  return asking.reduce<Remedy | undefined>((remedy, { rule, approvers }) => {
    const { approval, name } = rule.source
    const asked: Remedy = {
      kind: 'approval',
      approvers,
      expiresInMs: approval?.expiresInMs ?? 0,
      askedBy: [name],
      ...(approval && approval.quorum > 1 && { quorum: approval.quorum }),
      ...(approval?.assurance && { assurance: approval.assurance }),
    }
    return remedy ? bothRemedies(remedy, asked) : asked
  }, own)
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

function dutiesOf(bound: BoundRules, call: CallContext, { errors }: Found): readonly Obligation[] {
  let duties: Obligation[] | undefined
  for (const rule of bound.oblige) {
    const matched = matches(rule, call)
    if (matched === false || !rule.source.obligation) continue
    duties ??= [...bound.always]
    duties.push({ ...rule.source.obligation, rule: rule.source.name })
    if (matched === 'error') errors.push(rule.source.name)
  }
  return duties ?? bound.always
}

type Shadow = NonNullable<PolicyTrace['shadow']>[number]
const NO_SHADOW: readonly Shadow[] = []

/** What rules in shadow would have done. Whatever goes wrong with one of them changes nothing. */
function shadowOf({ shadow }: BoundRules, call: CallContext): readonly Shadow[] {
  let all: Shadow[] | undefined
  for (const rule of shadow) {
    if (matches(rule, call) === false) continue
    ;(all ??= []).push({ rule: rule.source.name, effect: rule.source.effect })
  }
  return all ?? NO_SHADOW
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

function traceOf(
  { revision }: BoundRules,
  lists: {
    readonly determining: readonly string[]
    readonly errors: readonly string[]
    readonly obligations: readonly Obligation[]
    readonly shadow: readonly Shadow[]
  },
): PolicyTrace {
  const { determining, errors, obligations, shadow } = lists
  return {
    revision,
    ...(determining.length > 0 && { determining }),
    ...(errors.length > 0 && { errors }),
    ...(obligations.length > 0 && { obligations }),
    ...(shadow.length > 0 && { shadow }),
  }
}
