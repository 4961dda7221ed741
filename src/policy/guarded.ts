/**
 * A mandate under policies: what it permits, less what they take away. One object still, from which both the lists and
 * the decisions come.
 */
import {
  bindBudget,
  type BoundBudget,
  budgetsOf,
  counterOf,
  type PreparedBudget,
  prepareBudget,
} from '../mandate/budget.ts'
import { declaredNames } from '../mandate/twin.ts'
import type { ArgumentReads, Authority, CompiledMandate } from '../model/authority.ts'
import {
  type CallContext,
  EFFECT_CLASSES,
  type EffectClass,
  type Environment,
} from '../model/call.ts'
import type { Decision, Outcome } from '../model/decision.ts'
import type { Sha256 } from '../model/id.ts'
import type { Mandate } from '../model/mandate.ts'
import {
  type Detector,
  DETECTORS,
  type Obligation,
  type PolicyMode,
  type PolicyTrace,
} from '../model/policy.ts'
import { inputSchema, type ToolDefinition } from '../model/tool.ts'
import type { CompiledBudget } from './budget.ts'
import type { CompiledPolicies } from './compile.ts'
import { policyConjuncts } from './conjuncts.ts'
import { type BoundRules, judgeUnder, quietTrace } from './judge.ts'
import { possibleUnder } from './possible.ts'
import { type About, argumentsOf, pastOf, type Readers, sharedReaders } from './reads.ts'
import {
  type CompiledRule,
  concerns,
  isAbout,
  isUnconditional,
  matches,
  namesIt,
  type Subject,
} from './rule.ts'

/** One rule that is about a call, and whether it matched. */
export interface Examined {
  readonly rule: CompiledRule
  readonly matched: boolean | 'error'
}

export interface GuardedAuthority extends Authority {
  /** Those that are about it. */
  readonly rules: readonly CompiledRule[]
  /** Every rule that is about it under this mandate, without short-circuit. */
  examine(call: CallContext): readonly Examined[]
  /** What is possible where this is all that the mandate may say. */
  possibleFrom(base: ReadonlySet<Outcome>, call: CallContext): ReadonlySet<Outcome>
}

export interface GuardedMandate extends CompiledMandate {
  tool(definition: Parameters<CompiledMandate['tool']>[0]): GuardedAuthority
  resource(server: string, uri: string): GuardedAuthority
  prompt(server: string, name: string): GuardedAuthority
}

/** Policies in force beside a mandate, in one environment. Policies only take away: nothing is permitted or listed that was not before. */
export function guarded(
  mandate: CompiledMandate,
  policies: CompiledPolicies,
  environment: Environment,
): GuardedMandate {
  const rules = policies.rules.filter((rule) => concerns(rule, mandate.mandate, environment))
  const live = new Set(rules)
  const budgets = policies.budgets
    .filter((budget) => concerns(budget, mandate.mandate, environment))
    .map((budget) => ({ budget, prepared: prepared(budget, mandate.mandate) }))
  // The mandate's own authorities are remembered by it; what policies make of each is remembered with it.
  const known = new WeakMap<Authority, GuardedAuthority>()
  const quiet = new Map<string, PolicyTrace>()
  const readers = sharedReaders()
  const under = (base: Authority, named: Named, tool?: ToolDefinition): GuardedAuthority => {
    const found = known.get(base)
    if (found) return found
    const declared = declaredNames(tool && inputSchema(tool))
    const house = { mandate: mandate.mandate, policies, live, budgets, declared, quiet, readers }
    const made = guard(base, named, house)
    known.set(base, made)
    return made
  }
  const resource = (server: string, uri: string): GuardedAuthority =>
    under(mandate.resource(server, uri), { kind: 'resource', server, name: uri })
  return {
    ...mandate,
    revision: policies.revision,
    queries: [...mandate.queries, ...policies.queries],
    tool: (definition) => {
      const { server, name } = definition
      const named: Named = { kind: 'tool', server, name }
      return under(mandate.tool(definition), named, definition)
    },
    resource,
    prompt: (server, name) => under(mandate.prompt(server, name), { kind: 'prompt', server, name }),
    resourceListed: (server, uri) =>
      mandate.resourceListed(server, uri) && resource(server, uri).listed,
    templateListed: (server, template) =>
      mandate.templateListed(server, template) && resource(server, template).listed,
    overheard: (server) => {
      const { labels, redacting } = policies.overheard(server)
      const wanted = redacting.filter((rule) => live.has(rule)).flatMap(detectorsOf)
      return { labels, detectors: DETECTORS.filter((one) => wanted.includes(one)) }
    },
  }
}

function detectorsOf({ source }: CompiledRule): readonly Detector[] {
  return source.obligation?.type === 'redact' ? source.obligation.detectors : []
}

interface House {
  readonly mandate: Mandate
  readonly policies: CompiledPolicies
  /** The rules that hold for this mandate at all. */
  readonly live: ReadonlySet<CompiledRule>
  /** The limits that do, each counted whatever the tool. */
  readonly budgets: readonly LiveBudget[]
  /** The arguments that the tool declares. */
  readonly declared: readonly string[]
  /** Traces of calls that no rule matches, by their duties: whoever writes them down sees the same one again. */
  readonly quiet: Map<string, PolicyTrace>
  readonly readers: Readers
}

interface LiveBudget {
  readonly budget: CompiledBudget
  readonly prepared: PreparedBudget
}

function prepared({ source }: CompiledBudget, { name }: Mandate): PreparedBudget {
  return prepareBudget(source, counterOf(source, name, { own: false }))
}

type Named = Omit<Subject, 'effects' | 'data'>

function guard(base: Authority, named: Named, house: House): GuardedAuthority {
  const { policies, live } = house
  const said = policies.classified(named)
  const effects = classesOf(base.named, said.effects)
  const data = [...new Set([...base.data, ...said.data])].toSorted()
  const subject: Subject = { ...named, effects, data }
  const rules = policies.about(subject).filter((rule) => live.has(rule))
  const limits = house.budgets.filter(
    ({ budget }) => subject.kind === 'tool' && isAbout(budget, subject),
  )
  const about = { rules, budgets: limits.map(({ budget }) => budget) }
  const bound = bind(about, limits, subject, house)
  const judge = judgeUnder(bound, 'ask')
  const judgeLocally = judgeUnder(bound, 'leave')
  // What only some expansions of a template would meet does not hide it: each of them is judged when it is read.
  const hiding = bound.forbid.filter((rule) => isUnconditional(rule) && namesIt(rule, subject))
  const decide = (call: CallContext): Decision => judge(base.decide(call), call)
  return {
    ...base,
    rules,
    listed: base.listed && hiding.length === 0,
    effects,
    data,
    decide,
    explain: (call) => [...base.explain(call), ...policyConjuncts(rules, bound, call)],
    possible: (call) => possibleUnder(bound, base.possible(call), call),
    possibleFrom: (from, call) => possibleUnder(bound, from, call),
    reads: () => together(base.reads(), argumentsOf(about)),
    examine: (call) => rules.map((rule) => ({ rule, matched: safely(rule, call) })),
    ...(bound.engines.length > 0 && {
      engines: bound.engines.map(({ id }) => id),
      locally: (call: CallContext) => judgeLocally(base.decide(call), call),
    }),
  }
}

function safely(rule: CompiledRule, call: CallContext): boolean | 'error' {
  try {
    return matches(rule, call)
  } catch {
    return 'error'
  }
}

/**
 * Every class that grants, lock file and policies say: a rule about any of them is about it, so that who calls a tool that
 * sends an `admin` tool takes it out of no rule. What nobody classified counts as every class.
 */
function classesOf(
  named: readonly EffectClass[],
  policies: readonly EffectClass[],
): readonly EffectClass[] {
  const said = EFFECT_CLASSES.filter((one) => named.includes(one) || policies.includes(one))
  return said.length === 0 ? EFFECT_CLASSES : said
}

function bind(
  about: About,
  limits: readonly LiveBudget[],
  subject: Subject,
  { mandate, policies, declared, quiet, readers }: House,
): BoundRules {
  const enforced = (effect: string): readonly CompiledRule[] =>
    about.rules.filter(({ source }) => source.mode === 'enforce' && source.effect === effect)
  const facts = readers.facts(about)
  const past = pastOf(about.rules)
  const reading: About = {
    rules: about.rules.filter(({ source }) => source.mode === 'enforce'),
    budgets: about.budgets.filter(({ source }) => source.mode === 'enforce'),
  }
  const budgets = budgetsOf(boundIn(limits, 'enforce'))
  const engines = policies.enginesFor(subject).map(({ id, mode }) => ({ id, mode }))
  const always = [
    ...policies.labelling(subject),
    ...enforced('oblige').filter(isUnconditional).flatMap(dutyOf),
  ]
  return {
    ...readers.twins(reading, declared, engines),
    revision: policies.revision,
    forbid: enforced('forbid'),
    ask: enforced('require_approval').map((rule) => ({
      rule,
      approvers: approversOf(rule, mandate),
    })),
    oblige: enforced('oblige').filter((rule) => !isUnconditional(rule)),
    shadow: about.rules.filter(({ source }) => source.mode === 'shadow'),
    ...(budgets && { budgets }),
    watching: boundIn(limits, 'shadow'),
    engines,
    always,
    quiet: quietWith(always, policies.revision, quiet),
    ...(facts && { facts }),
    ...(past && { past }),
  }
}

function boundIn(limits: readonly LiveBudget[], mode: PolicyMode): readonly BoundBudget[] {
  return limits
    .filter(({ budget }) => budget.source.mode === mode)
    .map(({ budget, prepared }) => bindBudget(prepared, budget.amount))
}

function quietWith(
  always: readonly Obligation[],
  revision: Sha256,
  known: Map<string, PolicyTrace>,
): PolicyTrace {
  const key = JSON.stringify(always)
  const trace = known.get(key) ?? quietTrace(revision, always)
  known.set(key, trace)
  return trace
}

function dutyOf({ source }: CompiledRule): readonly Obligation[] {
  return source.obligation ? [{ ...source.obligation, rule: source.name }] : []
}

/** Separation of duties: whom the rule excepts does not approve. */
export function approversOf({ source }: CompiledRule, mandate: Mandate): readonly string[] {
  const { from = [], except = [] } = source.approval ?? {}
  const excepted = new Set([
    ...(except.includes('owner') && mandate.owner !== undefined ? [mandate.owner] : []),
    ...(except.includes('approvers') ? (mandate.approved?.by ?? []) : []),
  ])
  return from.filter((one) => !excepted.has(one))
}

function together(a: ArgumentReads, b: ArgumentReads): ArgumentReads {
  return { names: [...a.names, ...b.names], paths: [...a.paths, ...b.paths] }
}
