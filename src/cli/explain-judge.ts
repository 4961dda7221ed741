/** Puts one call to a compiled mandate the way the line does, but without stopping at the first no. */
import type { Authority, CompiledMandate } from '../model/authority.ts'
import type { CallContext, Environment, Resource, RiskPosture } from '../model/call.ts'
import type { Conjunct, Decision, DenyReason } from '../model/decision.ts'
import { nearest } from '../model/document.ts'
import { callId, type Instant } from '../model/id.ts'
import type { JsonObject } from '../model/json.ts'
import type { EngineFact, History } from '../model/policy.ts'
import type { Lock } from '../model/lock.ts'
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
  readonly risk: RiskPosture
  /** What results left on the session. */
  readonly labels: readonly string[]
  readonly at: Instant
  /** What the task did before: answers to what conditions ask of it. */
  readonly history?: History
  /** What external engines say: they are not asked. */
  readonly engines?: readonly EngineFact[]
  /** Absent when the upstreams were not asked. */
  readonly probed?: Probed
  /** What names and lock say of what they offer. */
  readonly judged?: Judged
  /** What the lock file approves, where there is one. */
  readonly approved?: Lock['upstreams']
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
  /** Engines that would have a say, and of which nothing is supposed. */
  readonly unasked: readonly string[]
}

export function judge(mandate: CompiledMandate, supposed: Supposed): Judgement {
  const { target } = supposed
  const authority = authorityOf(mandate, target)
  const call = callOf(mandate, supposed)
  const stages = [...binding(mandate, supposed), ...existence(supposed, authority)]
  const conjuncts = [
    ...stages.map(({ conjunct }) => conjunct),
    ...naming(mandate, supposed, authority, call),
    ...authority.explain(call),
  ]
  const broken = stages.find(({ conjunct }) => conjunct.result !== 'holds')
  const unasked = broken ? [] : unaskedBy(authority, call)
  const decision: Decision = broken
    ? { effect: 'deny', reason: broken.reason, grants: [], facts: {} }
    : decideOf(authority, unasked, call)
  const deciding = broken ? [broken.conjunct] : decidingOf(decision, conjuncts)
  const explanation = explain(decision, conjuncts)
  return {
    ...(broken ? lifting(explanation, broken) : explanation),
    decision,
    listed: authority.listed,
    effects: authority.effects,
    shown: conjuncts.map((conjunct) => ({ ...conjunct, decides: deciding.includes(conjunct) })),
    unasked,
  }
}

/** Engines that would be asked, as far as nothing is supposed of what they say. */
function unaskedBy(authority: Authority, call: CallContext): readonly string[] {
  const open = (authority.engines ?? []).filter(
    (id) => call.engines?.some(({ engine }) => engine === id) !== true,
  )
  if (open.length === 0) return open
  const local = authority.locally?.(call)
  return local?.effect === 'deny' && !local.remedy ? [] : open
}

/** Where an engine was not asked, what is decided without all of them. */
function decideOf(authority: Authority, unasked: readonly string[], call: CallContext): Decision {
  const local = unasked.length > 0 ? authority.locally?.(call) : undefined
  return local ?? authority.decide(call)
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

/** The call that is supposed. */
export function callOf({ mandate }: CompiledMandate, supposed: Supposed): CallContext {
  const { target, args, agent, environment, risk, labels, at, history, engines } = supposed
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
    risk,
    session: { id: 'explain', labels, ...(history && { history }) },
    mandate,
    ...(engines && { engines }),
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

/** What the stage `resolve` asks, where the upstreams could be asked; of what no grant covers, only whether it is there. */
function existence(
  { target, probed, judged, approved }: Supposed,
  { listed }: Authority,
): readonly Before[] {
  if (!probed || target.kind === 'resource') return []
  if (probed.failed.some(({ server }) => server === target.server)) return []
  const { kind, server, name } = target
  const offered = (kind === 'tool' ? probed.tools : probed.prompts).filter(
    (one) => one.server === server,
  )
  const isThere = offered.some((one) => one.name === name)
  if (listed && !isThere && approved?.get(server)?.definitions[kind].has(name) === true) {
    const read = 'its upstream does not have it any more'
    return [before({ ...unlike(kind), read })]
  }
  const shown = offered.filter((one) => judged?.isHidden({ ...one, kind }) !== true)
  const near = nearest(
    name,
    shown.map((one) => one.name),
  )
  return [
    before({
      reason: kind === 'tool' ? 'unknown_tool' : 'unknown_prompt',
      rule: `${kind}s/list`,
      expected: `\`${server}\` offers the ${kind}`,
      read: name,
      holds: isThere,
      hint: near === undefined ? undefined : `it were called \`${near}\``,
    }),
    ...(judged && listed && isThere ? showing(target, judged) : []),
  ]
}

/** The answer of a guard that knows it, and knows that it is not what was approved. */
function unlike(kind: 'tool' | 'prompt'): Omit<Asked, 'read'> {
  return {
    reason: kind === 'tool' ? 'tool_changed' : 'definition_changed',
    rule: 'chaperone.lock',
    expected: 'its definition is the one that was approved',
    holds: false,
  }
}

/** What keeps the guard from showing what the upstream has. */
function showing({ kind, server, name }: Target, judged: Judged): readonly Before[] {
  if (kind === 'resource' || !judged.isHidden({ kind, server, name })) return []
  const is = (one: Pick<Offered, 'kind' | 'server' | 'name'>): boolean =>
    one.kind === kind && one.server === server && one.name === name
  const change = judged.changes.find(is)
  if (change) {
    const read = change.change === 'added' ? 'nobody approved it' : 'it changed'
    return [before({ ...unlike(kind), read, hint: 'it were approved (chaperone pin)' })]
  }
  const unknown = kind === 'tool' ? 'unknown_tool' : 'unknown_prompt'
  const rule = `${kind}s/list`
  const expected = 'its name can be shown beside the others'
  return [...judged.hidden]
    .filter(([one]) => is(one))
    .slice(0, 1)
    .map(([, { why, known }]) => {
      const reason = known ? unlike(kind).reason : unknown
      return before({ reason, rule, expected, read: why, holds: false })
    })
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

/** The conjuncts that a denial comes from; a permit comes from all of them. */
export function decidingOf(
  decision: Decision,
  conjuncts: readonly Conjunct[],
): readonly Conjunct[] {
  if (decision.effect === 'permit') return []
  const counting = conjuncts.filter(({ of, shadow }) => of === undefined && shadow !== true)
  const { determining = [] } = decision.policy ?? {}
  if (determining.length > 0) return counting.filter(({ rule }) => determining.includes(rule))
  const first = (result: Conjunct['result']): readonly Conjunct[] =>
    counting.filter((conjunct) => conjunct.result === result).slice(0, 1)
  const either = (one: Conjunct['result'], other: Conjunct['result']): readonly Conjunct[] => {
    const found = first(one)
    return found.length > 0 ? found : first(other)
  }
  switch (decision.reason) {
    case 'approval_required':
      return first('asks')
    case 'evaluation_error':
      return either('error', 'fails')
    default:
      return either('fails', 'error')
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
