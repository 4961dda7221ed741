/** Puts one call to a compiled mandate the way the line does, but without stopping at the first no. */
import type { Authority, CompiledMandate } from '../model/authority.ts'
import type { CallContext, Environment, Resource } from '../model/call.ts'
import type { Conjunct, Decision, DenyReason } from '../model/decision.ts'
import { nearest } from '../model/document.ts'
import { callId, type Instant } from '../model/id.ts'
import type { JsonObject } from '../model/json.ts'
import { explain, type Explanation } from '../policy/explain.ts'
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
  const before = [...binding(mandate, supposed), ...existence(supposed)]
  const conjuncts = [...before.map(({ conjunct }) => conjunct), ...authority.explain(call)]
  const broken = before.find(({ conjunct }) => conjunct.result !== 'holds')
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

/** What the stage `bind` asks, in its order. */
function binding({ mandate }: CompiledMandate, { agent, environment, at }: Supposed): Before[] {
  const { from, until } = mandate.valid
  const date = (instant: Instant): string => new Date(instant).toISOString()
  const fits = (holds: boolean): Conjunct['result'] => (holds ? 'holds' : 'fails')
  const bound: Before[] = [
    {
      reason: 'agent_mismatch',
      conjunct: {
        rule: 'agent',
        expected: `the agent is \`${mandate.agent}\``,
        read: agent,
        result: fits(mandate.agent === agent),
        hint: `the agent were \`${mandate.agent}\``,
      },
    },
  ]
  if (mandate.environment.length > 0) {
    const named = mandate.environment.join(' or ')
    bound.push({
      reason: 'environment_mismatch',
      conjunct: {
        rule: 'environment',
        expected: `the environment is ${named}`,
        read: environment,
        result: fits(mandate.environment.includes(environment)),
        hint: `the guard ran in ${named}`,
      },
    })
  }
  if (from !== undefined) {
    bound.push({
      reason: 'mandate_not_yet_valid',
      conjunct: {
        rule: 'valid.from',
        expected: `it is ${date(from)} or later`,
        read: date(at),
        result: fits(at >= from),
        hint: `it were ${date(from)} or later`,
      },
    })
  }
  bound.push({
    reason: 'mandate_expired',
    conjunct: {
      rule: 'valid.until',
      expected: `it is before ${date(until)}`,
      read: date(at),
      result: fits(at < until),
      hint: `it were before ${date(until)}`,
    },
  })
  return bound
}

/** What the stage `resolve` asks, where the upstreams could be asked. */
function existence({ target, probed }: Supposed): Before[] {
  if (!probed || target.kind === 'resource') return []
  if (probed.failed.some(({ server }) => server === target.server)) return []
  const offered = target.kind === 'tool' ? probed.tools : probed.prompts
  const own = offered.filter(({ server }) => server === target.server).map(({ name }) => name)
  const there = own.includes(target.name)
  const near = there ? undefined : nearest(target.name, own)
  return [
    {
      reason: target.kind === 'tool' ? 'unknown_tool' : 'unknown_prompt',
      conjunct: {
        rule: `${target.kind}s/list`,
        expected: `\`${target.server}\` offers the ${target.kind}`,
        read: target.name,
        result: there ? 'holds' : 'fails',
        ...(near !== undefined && { hint: `it were called \`${near}\`` }),
      },
    },
  ]
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
