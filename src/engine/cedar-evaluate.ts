/**
 * Cedar, in the thread that evaluates it: for each tool the policies that can be about it, parsed once and checked against
 * the schema of its arguments. Cedar leaves out a policy that fails, and decides without it; here that is an error.
 */
import { isObject, type Json, type JsonObject, member } from '../model/json.ts'
import {
  type CedarLibrary,
  errorsText,
  loadLibrary,
  type StatefulAuthorizationCall,
  type Schema,
} from './cedar-library.ts'
import { actionsIn, type CedarPolicy, concerns, policiesOf, type Scope } from './cedar-policies.ts'
import { GROUP, METHODS, schemaJson } from './cedar-schema.ts'
import { argumentsType, type CedarType, valueJson } from './cedar-type.ts'
import { failed, type Said } from './said.ts'
import type { Job, ThreadQuestion } from './thread.ts'
import type { Evaluation } from './told.ts'

/** Most tools whose policies are kept parsed. */
const MOST_KEPT = 256

type CedarJob = Extract<Job, { kind: 'cedar' }>

interface Prepared {
  /** Names the parsed schema and policies within Cedar. */
  readonly slot: string
  readonly args?: CedarType
  readonly fault?: string
}

/** @throws Error when a text does not parse */
export async function loadCedar(job: CedarJob): Promise<(question: ThreadQuestion) => Said> {
  const cedar = await loadLibrary()
  const policies = policiesOf(job.policies, cedar)
  const mentioned = actionsIn(policies)
  warmUp(cedar)
  const kept = new Map<string, Prepared>()
  return ({ input, schema = '{}' }) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the guard's own thread wrote it
    const evaluation = JSON.parse(input) as Evaluation
    const about = aboutOf(evaluation, schema)
    const prepared =
      kept.get(about.key) ?? prepare(about, { ...job, cedar, policies, mentioned }, slotFor(kept))
    kept.delete(about.key)
    kept.set(about.key, prepared)
    return prepared.fault === undefined
      ? judge(evaluation, { about, prepared, cedar })
      : failed(prepared.fault)
  }
}

/** What is evaluated for the first time takes long, and would take it from somebody's deadline. */
function warmUp(cedar: CedarLibrary): void {
  const one = { type: 'Agent', id: '' }
  const policies = { staticPolicies: 'permit (principal, action, resource);' }
  const call = { principal: one, action: { type: 'Action', id: '' }, resource: one, context: {} }
  cedar.validate({ schema: {}, policies })
  cedar.isAuthorized({ ...call, policies, entities: [] })
}

interface About {
  readonly key: string
  readonly action: string
  /** Of a call of a tool. */
  readonly tool?: { readonly id: string; readonly server: string; readonly args: CedarType }
}

/** Resources and prompts share the policies of their method: their number has no bound. */
function aboutOf({ action, resource }: Evaluation, schema: string): About {
  const method = textIn(action, 'name')
  const other = Object.entries(METHODS).find(([name]) => name === method)?.[1]
  if (other !== undefined) return { key: other, action: other }
  const id = textIn(resource, 'id')
  const parsed: unknown = JSON.parse(schema)
  const args = argumentsType(isObject(parsed) ? parsed : {})
  const tool = { id, server: textIn(resource.properties, 'server'), args }
  return { key: `${id}\n${schema}`, action: id, tool }
}

function textIn(object: JsonObject, key: string): string {
  const value = member(object, key)
  return typeof value === 'string' ? value : ''
}

/** A name that is free, or that of the tool that was asked about the longest time ago: what Cedar keeps under it is replaced. */
function slotFor(kept: Map<string, Prepared>): string {
  if (kept.size < MOST_KEPT) return `slot${kept.size}`
  const [oldest] = kept
  if (!oldest) return 'slot0'
  kept.delete(oldest[0])
  return oldest[1].slot
}

interface Source {
  readonly cedar: CedarLibrary
  readonly policies: readonly CedarPolicy[]
  readonly mentioned: readonly string[]
  readonly send: readonly string[]
}

function prepare({ tool, action }: About, source: Source, slot: string): Prepared {
  const { cedar, policies, mentioned, send } = source
  const scope: Scope = tool
    ? { actions: [tool.id, GROUP], types: ['Tool'], tool }
    : { actions: [action], types: ['Resource', 'Prompt'] }
  const mine = policies.filter((policy) => concerns(policy, scope))
  const typed = {
    tools: tool ? [{ id: tool.id, type: tool.args }] : [],
    methods: tool ? [] : [action],
    mentioned,
    send,
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- built to be one; Cedar says so where it is none
  const schema = schemaJson(typed) as unknown as Schema
  const set = { staticPolicies: Object.fromEntries(mine.map(({ id, text }) => [id, text])) }
  const args = tool && { args: tool.args }
  const checked = cedar.validate({ schema, policies: set })
  if (checked.type === 'failure') return { slot, fault: errorsText(checked.errors) }
  const [wrong] = checked.validationErrors
  if (wrong) return { slot, fault: `\`${wrong.policyId}\`: ${errorsText([wrong.error])}` }
  for (const parsed of [cedar.preparseSchema(slot, schema), cedar.preparsePolicySet(slot, set)])
    if (parsed.type === 'failure') return { slot, fault: errorsText(parsed.errors) }
  return { slot, ...args }
}

interface Asked {
  readonly about: About
  readonly prepared: Prepared
  readonly cedar: CedarLibrary
}

function judge(evaluation: Evaluation, { about, prepared, cedar }: Asked): Said {
  const answer = cedar.statefulIsAuthorized(callOf(evaluation, about, prepared))
  if (answer.type === 'failure') return failed(errorsText(answer.errors))
  const { decision, diagnostics } = answer.response
  const [error] = diagnostics.errors
  if (error) return failed(`\`${error.policyId}\`: ${errorsText([error.error])}`)
  const detail = diagnostics.reason.toSorted().join(', ')
  if (decision === 'allow') return { effect: 'permit', detail }
  return { effect: 'deny', detail: detail === '' ? 'no policy permits it' : detail }
}

const TYPES: Readonly<Record<string, string>> = {
  tool: 'Tool',
  resource: 'Resource',
  prompt: 'Prompt',
}

function callOf(
  { subject, resource, context }: Evaluation,
  about: About,
  { slot, args }: Prepared,
): StatefulAuthorizationCall {
  const { agent, ...known } = isObject(subject['properties']) ? subject['properties'] : {}
  const principal = { type: 'Agent', id: typeof agent === 'string' ? agent : '' }
  const acted = { type: TYPES[textIn(resource, 'type')] ?? '', id: textIn(resource, 'id') }
  const server = { type: 'Server', id: textIn(resource.properties, 'server') }
  const call = {
    principal,
    action: { type: 'Action', id: about.action },
    resource: acted,
    context: contextJson(context, args),
    preparsedSchemaName: slot,
    preparsedPolicySetId: slot,
    validateRequest: true,
    entities: [
      { uid: principal, attrs: known, parents: [] },
      { uid: acted, attrs: resource.properties, parents: [server] },
      { uid: server, attrs: {}, parents: [] },
    ],
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Cedar checks it against the schema
  return call as unknown as StatefulAuthorizationCall
}

function contextJson({ arguments: given, time, ...context }: JsonObject, args?: CedarType): Json {
  return {
    ...context,
    time: { __extn: { fn: 'datetime', arg: time ?? '' } },
    ...(args && given !== undefined && { arguments: valueJson(args, given, 'arguments') }),
  }
}
