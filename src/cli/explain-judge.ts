/** Puts one call to a compiled mandate the way the line does, but without stopping at the first no. */
import type { Authority, CompiledMandate } from '../model/authority.ts'
import type { CallContext, Environment, Resource } from '../model/call.ts'
import type { Conjunct, Decision, DenyReason } from '../model/decision.ts'
import { nearest } from '../model/document.ts'
import { callId, type Instant } from '../model/id.ts'
import type { JsonObject } from '../model/json.ts'
import { explain, type Explanation } from '../policy/explain.ts'
import type { Offered } from '../config/approved.ts'
import type { Judged } from './offered.ts'
import { bareDefinition, type Target } from './explain-target.ts'
import type { Probed } from './probe.ts'

/** A call that nobody makes. */
export interface Supposed {
  readonly target: Target
  readonly args: JsonObject
  readonly agent: string
  readonly environment: Environment
  readonly at: Instant
  /** Absent when the upstreams were not asked. */
  readonly probed?: Probed
  /** What names and lock say of what they offer. */
  readonly judged?: Judged
}

/** A conjunct, and whether it is the one that decides. */
export interface Shown extends Conjunct {
  readonly decides: boolean
}

export interface Judgement extends Explanation {
  readonly decision: Decision
  /** False: the agent is not offered it, and a call gets the answer of an unknown one. */
  readonly listed: boolean
  readonly effects: Authority['effects']
  readonly shown: readonly Shown[]
}

export function judge(mandate: CompiledMandate, supposed: Supposed): Judgement {
  const { target } = supposed
  const authority = authorityOf(mandate, target)
  const call = callOf(supposed)
  const stages = [...binding(mandate, supposed), ...existence(supposed)]
  const conjuncts = [
    ...stages.map(({ conjunct }) => conjunct),
    ...naming(mandate, supposed, authority, call),
    ...authority.explain(call),
  ]
  const broken = stages.find(({ conjunct }) => conjunct.result !== 'holds')
  const decision: Decision = broken
    ? { effect: 'deny', reason: broken.reason, grants: [], facts: {} }
    : authority.decide(call)
  const deciding = broken?.conjunct ?? decidingOf(decision, conjuncts)
  const explanation = explain(decision, conjuncts)
  return {
    ...(broken ? lifting(explanation, broken) : explanation),
    decision,
    listed: authority.listed,
    effects: authority.effects,
    shown: conjuncts.map((conjunct) => ({ ...conjunct, decides: conjunct === deciding })),
  }
}

function authorityOf(mandate: CompiledMandate, target: Target): Authority {
  switch (target.kind) {
    case 'tool':
      return mandate.tool(target.definition ?? bareDefinition(target))
    case 'resource':
      return mandate.resource(target.server, target.name)
    case 'prompt':
      return mandate.prompt(target.server, target.name)
  }
}

function callOf({ target, args, agent, environment, at }: Supposed): CallContext {
  const { kind, server, name } = target
  const definition = (target.definition ?? bareDefinition(target)).definition
  const resource: Resource =
    kind === 'tool'
      ? { kind, server, name, definition }
      : kind === 'prompt'
        ? { kind, server, name }
        : { kind, server, uri: name }
  const action = { tool: 'tools/call', resource: 'resources/read', prompt: 'prompts/get' } as const
  return {
    id: callId('explain'),
    at,
    principal: { agent, assurance: 'launch_line' },
    action: action[kind],
    resource,
    args,
    environment,
    risk: 'normal',
    session: { id: 'explain', labels: [] },
  }
}

/** A conjunct of a stage before `decide`, and what it refuses with. */
interface Before {
  readonly reason: DenyReason
  readonly conjunct: Conjunct
}

interface Asked {
  readonly reason: DenyReason
  readonly rule: string
  readonly expected: string
  readonly read: string
  readonly holds: boolean
  readonly hint?: string | undefined
}

function before({ reason, rule, expected, read, holds, hint }: Asked): Before {
  const result = holds ? 'holds' : 'fails'
  const helps = !holds && hint !== undefined
  return { reason, conjunct: { rule, expected, read, result, ...(helps && { hint }) } }
}

/** What the stage `bind` asks, in its order. */
function binding({ mandate }: CompiledMandate, supposed: Supposed): readonly Before[] {
  const { agent, environment, at } = supposed
  const { from, until } = mandate.valid
  const date = (instant: Instant): string => new Date(instant).toISOString()
  const environments = mandate.environment.join(' or ')
  const bound: Asked[] = [
    {
      reason: 'agent_mismatch',
      rule: 'agent',
      expected: `the agent is \`${mandate.agent}\``,
      read: agent,
      holds: mandate.agent === agent,
      hint: `the agent were \`${mandate.agent}\``,
    },
  ]
  if (environments !== '') {
    bound.push({
      reason: 'environment_mismatch',
      rule: 'environment',
      expected: `the environment is ${environments}`,
      read: environment,
      holds: mandate.environment.includes(environment),
      hint: `the guard ran in ${environments}`,
    })
  }
  if (from !== undefined) {
    bound.push({
      reason: 'mandate_not_yet_valid',
      rule: 'valid.from',
      expected: `it is ${date(from)} or later`,
      read: date(at),
      holds: at >= from,
      hint: `it were ${date(from)} or later`,
    })
  }
  bound.push({
    reason: 'mandate_expired',
    rule: 'valid.until',
    expected: `it is before ${date(until)}`,
    read: date(at),
    holds: at < until,
    hint: `it were before ${date(until)}`,
  })
  return bound.map(before)
}

/** What the stage `resolve` asks, where the upstreams could be asked. */
function existence({ target, probed, judged }: Supposed): readonly Before[] {
  if (!probed || target.kind === 'resource') return []
  if (probed.failed.some(({ server }) => server === target.server)) return []
  const offered = target.kind === 'tool' ? probed.tools : probed.prompts
  const own = offered.filter(({ server }) => server === target.server).map(({ name }) => name)
  const near = nearest(target.name, own)
  return [
    before({
      reason: target.kind === 'tool' ? 'unknown_tool' : 'unknown_prompt',
      rule: `${target.kind}s/list`,
      expected: `\`${target.server}\` offers the ${target.kind}`,
      read: target.name,
      holds: own.includes(target.name),
      hint: near === undefined ? undefined : `it were called \`${near}\``,
    }),
    ...(judged ? showing(target, judged) : []),
  ]
}

/** What keeps the guard from showing what the upstream has. */
function showing({ kind, server, name }: Target, { hidden, changes }: Judged): readonly Before[] {
  const is = (one: Pick<Offered, 'kind' | 'server' | 'name'>): boolean =>
    one.kind === kind && one.server === server && one.name === name
  const unknown = kind === 'tool' ? 'unknown_tool' : 'unknown_prompt'
  const change = changes.find((one) => is(one) && one.change !== 'removed')
  const why = [...hidden].find(([one]) => is(one))?.[1]
  const asked: Asked[] = []
  if (change) {
    const changed = kind === 'tool' ? 'tool_changed' : 'definition_changed'
    asked.push({
      reason: change.change === 'added' ? unknown : changed,
      rule: 'chaperone.lock',
      expected: 'its definition is the one that was approved',
      read: change.change === 'added' ? 'nobody approved it' : 'it changed',
      holds: false,
      hint: 'it were approved (chaperone pin)',
    })
  }
  if (why !== undefined) {
    const expected = 'its name can be shown beside the others'
    asked.push({ reason: unknown, rule: `${kind}s/list`, expected, read: why, holds: false })
  }
  return asked.map(before)
}

/** What a mandate says before any argument is looked at; where it says no, the authority explains that itself. */
function naming(
  { mandate }: CompiledMandate,
  { target }: Supposed,
  authority: Authority,
  call: CallContext,
): readonly Conjunct[] {
  const { grants, reason } = authority.decide(call)
  const found: Conjunct[] = []
  if (mandate.never.length > 0 && reason !== 'forbidden') {
    found.push({ rule: 'never', expected: '`never` does not name it', result: 'holds' })
  }
  if (grants.length > 0) {
    const expected = `a grant names the ${target.kind}`
    found.push({ rule: `${target.kind}s`, expected, read: grants.join(', '), result: 'holds' })
  }
  return found
}

/** The conjunct that a denial comes from; a permit comes from all of them. */
function decidingOf(decision: Decision, conjuncts: readonly Conjunct[]): Conjunct | undefined {
  if (decision.effect === 'permit') return undefined
  const first = (result: Conjunct['result']): Conjunct | undefined =>
    conjuncts.find((conjunct) => conjunct.result === result)
  switch (decision.reason) {
    case 'approval_required':
      return first('asks')
    case 'evaluation_error':
      return first('error') ?? first('fails')
    default:
      return first('fails') ?? first('error')
  }
}

/** What a stage before `decide` says stands for the whole: what a rule would ask for comes after it. */
function lifting(explanation: Explanation, { reason, conjunct }: Before): Explanation {
  const said = `denied: ${reason}, ${conjunct.expected}, and that does not hold`
  return {
    verdict: said,
    conjuncts: explanation.conjuncts,
    ...(conjunct.hint !== undefined && { nearestMiss: `could be permitted if ${conjunct.hint}` }),
  }
}
