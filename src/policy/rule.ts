/** A rule compiled: whom and what it is about, and what has to hold at the call. */
import type { Condition } from '../expression/condition.ts'
import type { Constraint } from '../expression/constraint.ts'
import type { Glob } from '../expression/glob.ts'
import type { CallContext, EffectClass } from '../model/call.ts'
import { type DocNode, Problems } from '../model/document.ts'
import { isTemplate, meetsTemplate } from '../mandate/template.ts'
import type { Mandate } from '../model/mandate.ts'
import type { RuleSource } from './language.ts'
import { type CompiledTarget, compileTarget, globOf, names } from './target.ts'
import type { Shared } from './shared.ts'

export interface CompiledRule {
  readonly source: RuleSource
  readonly targets: readonly CompiledTarget[] | undefined
  readonly agents: readonly Glob[]
  readonly purposes: readonly Glob[]
  readonly when?: Condition
  readonly unless?: Condition
  readonly exempt?: Exempt
  /** Whether it matches a call that it is about; `error` counts as a match. */
  readonly matches: Matches
}

export type Matches = (call: CallContext) => boolean | 'error'

/** Arguments that exempt a call from the rule where all of them fit. */
export interface Exempt {
  readonly names: readonly string[]
  readonly constraints: readonly Constraint[]
  /** Names that may be given; absent: any may. */
  readonly closed?: ReadonlySet<string>
}

/** Undefined when a problem was reported. */
export function compileRule(
  source: RuleSource,
  timezone: string | undefined,
  shared: Shared,
  problems: Problems,
): CompiledRule | undefined {
  const found = new Problems()
  const condition = (node: DocNode | undefined): Condition | undefined =>
    node && shared.condition(node, timezone, found)
  const when = condition(source.when)
  const unless = condition(source.unless)
  const exempt = source.unlessArgs && compileExempt(source.unlessArgs, shared, found)
  for (const problem of found.list) {
    const message = `in the rule \`${source.id}\`: ${problem.message}`
    const remedy = 'correct it here: docs/policy.md shows how it is written'
    problems.add({ remedy, ...problem, message })
  }
  if (found.bad) return undefined
  const asked = { ...(when && { when }), ...(unless && { unless }), ...(exempt && { exempt }) }
  return {
    source,
    targets: source.targets?.map(compileTarget),
    agents: source.agents.map((one) => globOf(one, 'tool')),
    purposes: source.purposes.map((one) => globOf(one, 'tool')),
    ...asked,
    matches: matcherOf(source, asked),
  }
}

function compileExempt(
  { args, otherArgs }: NonNullable<RuleSource['unlessArgs']>,
  shared: Shared,
  problems: Problems,
): Exempt {
  const constraints: Constraint[] = []
  for (const node of args.values()) {
    const constraint = shared.constraint(node, problems)
    if (constraint?.kinds.has('named_in') === true)
      problems.error(node, 'unknown_constraint', '`named_in` belongs to mandates', 'use a set')
    if (constraint) constraints.push(constraint)
  }
  const keys = [...args.keys()]
  return {
    names: keys,
    constraints,
    ...(otherArgs === 'refuse' && { closed: new Set(keys) }),
  }
}

/** What is acted on, as far as it is the same for every call. */
export interface Subject {
  readonly kind: 'tool' | 'resource' | 'prompt'
  readonly server: string
  readonly name: string
  readonly effects: readonly EffectClass[]
  readonly data: readonly string[]
}

/** What a rule, or a budget, is about, and for whom it holds. */
export interface Selecting extends Pick<CompiledRule, 'targets' | 'agents' | 'purposes'> {
  readonly source: Pick<RuleSource, 'effects' | 'data' | 'environments'>
}

/** Does the rule name it at all, whatever the call? An empty list of data classes is one that nobody classified. */
export function isAbout(rule: Selecting, subject: Subject): boolean {
  const { source } = rule
  if (!namesIt(rule, subject) && !meetsIt(rule, subject)) return false
  if (source.effects.length > 0 && !source.effects.some((one) => subject.effects.includes(one)))
    return false
  if (source.data.length === 0 || subject.data.length === 0) return true
  return source.data.some((one) => subject.data.includes(one))
}

export function namesIt(
  { targets }: Pick<Selecting, 'targets'>,
  { kind, server, name }: Subject,
): boolean {
  return !targets || targets.some((target) => names(target, kind, server, name))
}

/** A template is completed with names of what the rule is about, where some expansion of it could be that. */
function meetsIt(
  { targets }: Pick<Selecting, 'targets'>,
  { kind, server, name }: Subject,
): boolean {
  if (kind !== 'resource' || !isTemplate(name) || !targets) return false
  return targets.some(
    (target) =>
      target.kind === kind &&
      target.server.matches(server) &&
      meetsTemplate(target.name.source, name),
  )
}

/** Does it hold for this mandate, in this environment? A purpose without a reference may be any. */
export function concerns(rule: Selecting, mandate: Mandate, environment: string): boolean {
  const { source, agents, purposes } = rule
  const { ref } = mandate.purpose
  if (source.environments.length > 0 && !source.environments.some((one) => one === environment))
    return false
  if (agents.length > 0 && !agents.some((glob) => glob.matches(mandate.agent))) return false
  return purposes.length === 0 || ref === undefined || purposes.some((glob) => glob.matches(ref))
}

/** True when nothing of the call matters: it always matches what it is about. */
export function isUnconditional({ source, when, unless, exempt }: CompiledRule): boolean {
  if (source.risk.length > 0 || source.labels.length > 0 || unless || exempt) return false
  return !when || when.constant === true
}

/** Whether it matches this call; `error` counts as a match. */
export function matches(rule: CompiledRule, call: CallContext): boolean | 'error' {
  return rule.matches(call)
}

type What = Pick<CompiledRule, 'when' | 'unless' | 'exempt'>

/** Of the commonest forms each is one closure: with many tools, following references is most of the time. */
function matcherOf({ risk, labels }: RuleSource, what: What): Matches {
  const asks = matcherOfCall(what)
  if (risk.length === 0 && labels.length === 0) return asks
  const posture = new Set(risk)
  return (call) => {
    if (posture.size > 0 && !posture.has(call.risk)) return false
    for (const label of labels) if (!call.session.labels.includes(label)) return false
    return asks(call)
  }
}

function matcherOfCall({ when, unless, exempt }: What): Matches {
  const holds = when?.evaluate
  const spares = unless?.evaluate
  const fits = exempt && fitterOf(exempt)
  if (!spares && !fits) return holds ?? ALWAYS
  if (!holds && !fits && spares) return (call) => opposite(spares(call))
  if (!holds && !spares && fits) return (call) => !fits(call)
  return (call) => {
    const matched = holds ? holds(call) : true
    if (matched === false) return false
    const spared = spares ? spares(call) : false
    if (spared === true || fits?.(call) === true) return false
    return matched === true && spared === false ? true : 'error'
  }
}

const ALWAYS: Matches = () => true

function opposite(answer: boolean | 'error'): boolean | 'error' {
  return answer === 'error' ? answer : !answer
}

/** Every argument named fits, and there is no other. A completion has half-typed values: nothing fits. */
function fitterOf({ names: all, constraints, closed }: Exempt): (call: CallContext) => boolean {
  const judges = constraints.map(({ judge }) => judge)
  return ({ args, action }) => {
    if (action === 'completion/complete') return false
    if (closed) for (const key in args) if (!closed.has(key)) return false
    for (let at = 0; at < all.length; at += 1) {
      const name = all[at]
      const judge = judges[at]
      // Not one of them is ever missing; were it so, nothing would fit.
      if (name === undefined || !judge) return false
      if (judge(Object.hasOwn(args, name) ? args[name] : undefined) !== 'holds') return false
    }
    return true
  }
}
