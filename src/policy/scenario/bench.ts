/** Where calls are tried: the policies as they are compiled for a guard, a mandate, tools, and a task with its past. */
import type { Authority, CompiledMandate } from '../../model/authority.ts'
import {
  type CallContext,
  EFFECT_CLASSES,
  type Resource,
  type TaskFacts,
} from '../../model/call.ts'
import type { Decision, DenyReason } from '../../model/decision.ts'
import { digestOf } from '../../model/digest.ts'
import { callId, type Instant, instant } from '../../model/id.ts'
import { canonical } from '../../model/json.ts'
import type { EngineFact, HistoryQuery } from '../../model/policy.ts'
import type { ToolDefinition } from '../../model/tool.ts'
import type { CompiledPolicies } from '../compile.ts'
import { type Examined, guarded, type GuardedAuthority, type GuardedMandate } from '../guarded.ts'
import { classesOf } from './circumstances-form.ts'
import { everything } from './everything.ts'
import type { Acted, Circumstances, Classified } from './language.ts'

/** A task as the guard keeps it, so that history means here what it means there. */
export interface TriedTask {
  readonly facts: TaskFacts
  label(labels: readonly string[]): boolean
  begin(call: CallContext): () => void
  completed(call: CallContext): void
  track(queries: readonly HistoryQuery[]): void
}

export interface BenchSource {
  readonly policies: CompiledPolicies
  /** Ids of the engines that the set has. */
  readonly engines: readonly string[]
  /** Of a file; absent: everything is permitted. */
  readonly mandate?: CompiledMandate
  /** By `server/name`. */
  readonly tools: ReadonlyMap<string, ToolDefinition>
  readonly newTask: (id: string) => TriedTask
}

export interface Tried {
  readonly call: CallContext
  readonly decision: Decision
  readonly listed: boolean
  /** Every rule that is about it, without short-circuit. */
  readonly examined: readonly Examined[]
}

export interface Bench extends BenchSource {
  readonly try: (acted: Acted, circumstances: Circumstances) => Tried
}

export function benchOf(source: BenchSource): Bench {
  const known = new Map<string, GuardedMandate>()
  const mandateFor = (circumstances: Circumstances): GuardedMandate => {
    const { agent, owner, purpose, environment, effects, data } = circumstances
    const key = JSON.stringify([agent, owner, purpose, environment, rows(effects), rows(data)])
    const found = known.get(key) ?? mandateUnder(source, circumstances)
    known.set(key, found)
    return found
  }
  return {
    ...source,
    try: (acted, circumstances) => tryCall(source, mandateFor, acted, circumstances),
  }
}

function rows(all: readonly Classified<string>[]): readonly unknown[] {
  return all.map(({ target: { server, name }, classes }) => [server, name, classes])
}

export const SOMEBODY = 'agent-1'

function mandateUnder(
  { policies, mandate }: BenchSource,
  circumstances: Circumstances,
): GuardedMandate {
  const { agent = SOMEBODY, owner, purpose = { text: 'test' }, environment } = circumstances
  const who = { agent, purpose, ...(owner !== undefined && { owner }) }
  return guarded(classified(mandate ?? everything(who), circumstances), policies, environment)
}

/** A mandate whose tools, resources and prompts are also what the test says that they are. */
function classified(mandate: CompiledMandate, { effects, data }: Circumstances): CompiledMandate {
  if (effects.length + data.length === 0) return mandate
  const known = new WeakMap<Authority, Authority>()
  const also = (
    base: Authority,
    named: { readonly server: string; readonly name: string },
  ): Authority => {
    const found = known.get(base)
    if (found) return found
    const said = classesOf(effects, named)
    const classes = EFFECT_CLASSES.filter((one) => base.named.includes(one) || said.includes(one))
    const made = {
      ...base,
      named: classes,
      data: [...new Set([...base.data, ...classesOf(data, named)])].toSorted(),
    }
    known.set(base, made)
    return made
  }
  return {
    ...mandate,
    tool: (definition) => also(mandate.tool(definition), definition),
    resource: (server, uri) => also(mandate.resource(server, uri), { server, name: uri }),
    prompt: (server, name) => also(mandate.prompt(server, name), { server, name }),
  }
}

function tryCall(
  source: BenchSource,
  mandateFor: (circumstances: Circumstances) => GuardedMandate,
  acted: Acted,
  circumstances: Circumstances,
): Tried {
  const mandate = mandateFor(circumstances)
  const authority = authorityOf(mandate, acted, source.tools)
  const session = sessionOf(source, mandate, circumstances)
  const at = circumstances.clock
  const bare = callOf({ acted, circumstances, mandate, session, at }, source.tools)
  const engines = enginesOf(authority, circumstances)
  const call = engines.length === 0 ? bare : { ...bare, engines }
  const refused = bound(mandate, circumstances)
  const decision: Decision = refused
    ? { effect: 'deny', reason: refused, grants: [], facts: {} }
    : authority.decide(call)
  return { call, decision, listed: authority.listed, examined: authority.examine(call) }
}

/** What the guard asks of a mandate before it decides. */
function bound(
  under: CompiledMandate,
  { environment, clock }: Circumstances,
): DenyReason | undefined {
  const { mandate } = under
  if (mandate.environment.length > 0 && !mandate.environment.includes(environment))
    return 'environment_mismatch'
  const valid = under.validity(clock)
  if (valid === 'valid') return undefined
  return valid === 'expired' ? 'mandate_expired' : 'mandate_not_yet_valid'
}

function enginesOf({ engines }: Authority, circumstances: Circumstances): readonly EngineFact[] {
  return (engines ?? []).map((engine) => ({
    engine,
    effect: circumstances.engines.get(engine) ?? 'permit',
    tookMs: 0,
  }))
}

/** The past happens: calls are counted, and leave the labels that policies say. */
function sessionOf(
  { policies, tools, newTask }: BenchSource,
  mandate: GuardedMandate,
  circumstances: Circumstances,
): TaskFacts {
  const task = newTask('test')
  task.track(policies.queries)
  const { history, labels, clock } = circumstances
  const past = history === 'unknown' ? [] : history.toSorted((a, b) => b.agoMs - a.agoMs)
  for (const acted of past) {
    const at = instant(clock - acted.agoMs)
    const call = callOf({ acted, circumstances, mandate, session: task.facts, at }, tools)
    task.begin(call)
    if (acted.outcome === 'complete') task.completed(call)
    task.label(labelsLeft(authorityOf(mandate, acted, tools), acted, call, policies))
  }
  task.label(labels)
  if (history !== 'unknown') return task.facts
  const { id, labels: left } = task.facts
  return { id, labels: left }
}

/** Whether or not it would be permitted: the test says that it was. */
function labelsLeft(
  authority: GuardedAuthority,
  { kind, server, name }: Acted,
  call: CallContext,
  policies: CompiledPolicies,
): readonly string[] {
  const always = policies.labelling({ kind, server, name })
  const duties = authority.examine(call).flatMap(({ rule, matched }) => {
    const { mode, obligation } = rule.source
    return mode === 'enforce' && matched !== false && obligation ? [obligation] : []
  })
  return [...always, ...duties].flatMap((duty) => (duty.type === 'label' ? duty.add : []))
}

interface Calling {
  readonly acted: Acted
  readonly circumstances: Circumstances
  readonly mandate: CompiledMandate
  readonly session: TaskFacts
  readonly at: Instant
}

const ACTIONS = { tool: 'tools/call', resource: 'resources/read', prompt: 'prompts/get' } as const

function callOf(
  { acted, circumstances, mandate: { mandate }, session, at }: Calling,
  tools: BenchSource['tools'],
): CallContext {
  const { environment, risk, agent = mandate.agent } = circumstances
  const { name, purpose, owner } = mandate
  return {
    id: callId('test'),
    at,
    principal: { agent, assurance: 'launch_line' },
    action: ACTIONS[acted.kind],
    resource: resourceOf(acted, tools),
    args: acted.args,
    environment,
    risk,
    session,
    mandate: { name, purpose, ...(owner !== undefined && { owner }) },
  }
}

function resourceOf(acted: Acted, tools: BenchSource['tools']): Resource {
  const { kind, server, name } = acted
  switch (kind) {
    case 'tool':
      return { kind, server, name, definition: definitionOf(acted, tools).definition }
    case 'resource':
      return { kind, server, uri: name }
    case 'prompt':
      return { kind, server, name }
  }
}

function authorityOf(
  mandate: GuardedMandate,
  acted: Acted,
  tools: BenchSource['tools'],
): GuardedAuthority {
  const { kind, server, name } = acted
  switch (kind) {
    case 'tool':
      return mandate.tool(definitionOf(acted, tools))
    case 'resource':
      return mandate.resource(server, name)
    case 'prompt':
      return mandate.prompt(server, name)
  }
}

/** The one that is known, or one that is made up from the name. */
function definitionOf(
  { server, name }: Pick<Acted, 'server' | 'name'>,
  tools: BenchSource['tools'],
): ToolDefinition {
  const known = tools.get(`${server}/${name}`)
  return known ?? { server, name, raw: { name }, definition: NO_DEFINITION }
}

const NO_DEFINITION = digestOf(canonical({}))
