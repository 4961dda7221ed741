/** What a span says of a call, and a log line of a refusal or an event: names of the conventions, and never a value of an argument. */
import type { CallContext } from '../../model/call.ts'
import type { Instant } from '../../model/id.ts'
import type { JsonObject } from '../../model/json.ts'
import type { Acting, EntryBody, RequestFacts } from '../../model/record.ts'
import type { DenyReason } from '../../model/decision.ts'
import type { Seen } from '../observe.ts'
import { methodOf, shownFacts, shownName, toolOf } from './call-facts.ts'
import { CONVENTION, EXECUTE_TOOL, MODERN_PROTOCOL, OWN, TOOL_ERROR } from './names.ts'

type Body<Type extends EntryBody['type']> = Extract<EntryBody, { readonly type: Type }>

export type Attributes = Readonly<Record<string, string | number | string[]>>

/** The span that an agent is in, as it says (W3C Trace Context). */
export interface Parent {
  readonly traceId: string
  readonly spanId: string
  readonly flags: number
}

export interface SpanFacts {
  readonly name: string
  readonly start: Instant
  readonly end: Instant
  readonly attributes: Attributes
  /** What `error.type` says; absent where all went well. */
  readonly error?: string
  readonly parent?: Parent
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** Undefined for what is none: the span begins a trace of its own then. */
export function parentOf(traceparent: string | undefined): Parent | undefined {
  if (traceparent === undefined || traceparent.length > 512) return undefined
  const [, version, traceId = '', spanId = '', flags = '', rest] =
    TRACEPARENT.exec(traceparent) ?? []
  if (version === undefined || version === 'ff') return undefined
  // Version 00 is exactly this long (W3C Trace Context section 3.2.2).
  if (version === '00' && rest !== undefined) return undefined
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined
  return { traceId, spanId, flags: Number.parseInt(flags, 16) }
}

/** Of a call that left and is over. `outcome` may be on record or not: without it the answer was withheld. */
export function callSpan(left: Left, outcome: Body<'outcome'>, recorded: boolean): SpanFacts {
  const { entry, acting } = left
  const { request, call, decision } = entry
  const [reason, error] = endOf(outcome, recorded)
  return {
    ...common(request, call.at, outcome.at),
    attributes: {
      ...requestAttributes(request),
      ...actingAttributes(call, acting),
      ...(error !== undefined && { [CONVENTION.error]: error }),
      [OWN.decision]: decision.effect,
      [OWN.decisionId]: call.id,
      [OWN.reason]: reason,
    },
    ...(error !== undefined && { error }),
  }
}

/** A call whose intent is on record. */
export interface Left {
  readonly entry: Body<'intent'>
  readonly acting?: Acting
}

function endOf(
  { verdict }: Body<'outcome'>,
  recorded: boolean,
): readonly [reason: string, error: string | undefined] {
  if (!recorded) return ['audit_unavailable', 'audit_unavailable']
  if (verdict.outcome === 'refused') return [verdict.reason, verdict.reason]
  if (verdict.result === 'tool_error') return ['permitted', TOOL_ERROR]
  return ['permitted', verdict.result === 'error' ? 'upstream_error' : undefined]
}

/** Of a call that was refused before it left. */
export function refusalSpan({ entry, acting }: SeenRefusal): SpanFacts {
  const { request, refusal, call, at } = entry
  return {
    ...common(request, call?.at ?? at, at),
    attributes: { ...refusalAttributes(entry, acting), [CONVENTION.error]: refusal.reason },
    error: refusal.reason,
  }
}

export interface SeenRefusal {
  readonly entry: Body<'refusal'>
  readonly acting?: Acting
}

function refusalAttributes(
  { request, refusal, call }: Body<'refusal'>,
  acting?: Acting,
): Attributes {
  return {
    ...requestAttributes(request),
    ...actingAttributes(call, acting),
    [OWN.decision]: 'deny',
    ...(call && { [OWN.decisionId]: call.id }),
    [OWN.reason]: refusal.reason,
    [OWN.stage]: refusal.stage,
  }
}

function common(
  request: RequestFacts,
  start: Instant,
  end: Instant,
): Pick<SpanFacts, 'name' | 'start' | 'end' | 'parent'> {
  const target = toolOf(request) ?? promptOf(request)
  const method = methodOf(request) ?? 'other'
  const parent = parentOf(request.traceparent)
  return {
    name: target === undefined ? method : `${method} ${target}`,
    start,
    // A clock that was set back makes no span that ends before it begins.
    end: end < start ? start : end,
    ...(parent && { parent }),
  }
}

/** A prompt has no definition that is pinned: where its effects are known, an upstream has it. */
function promptOf({ method, name, server, effects }: RequestFacts): string | undefined {
  const known = method === 'prompts/get' && server !== undefined && effects !== undefined
  return known && name !== undefined ? shownName(name) : undefined
}

function requestAttributes(request: RequestFacts): Attributes {
  const [tool, prompt] = [toolOf(request), promptOf(request)]
  const { server, effects, era } = request
  return {
    [CONVENTION.method]: methodOf(request) ?? 'other',
    ...(era === 'modern' && { [CONVENTION.protocol]: MODERN_PROTOCOL }),
    ...(request.method === 'tools/call' && { [CONVENTION.operation]: EXECUTE_TOOL }),
    ...(tool !== undefined && { [CONVENTION.tool]: tool }),
    ...(prompt !== undefined && { [CONVENTION.prompt]: prompt }),
    ...(server !== undefined && tool !== undefined && { [OWN.server]: shownName(server) }),
    ...(effects && { [OWN.effects]: [...effects] }),
  }
}

function actingAttributes(call: CallContext | undefined, acting: Acting | undefined): Attributes {
  const agent = call?.principal.agent ?? acting?.agent
  return {
    ...(agent !== undefined && { [OWN.agent]: shownName(agent) }),
    ...(acting && {
      [OWN.mandate]: acting.mandate.name,
      [OWN.mandateHash]: acting.mandate.digest,
    }),
  }
}

export interface LogFacts {
  readonly at: Instant
  readonly name: string
  readonly level: 'info' | 'warn'
  readonly text: string
  readonly attributes: Attributes
}

/** Events that somebody should look at. */
const WARNED: ReadonlySet<string> = new Set([
  'upstream_failed',
  'upstream_garbage',
  'catalog_changed',
  'credential_refused',
  'log_recovered',
  'policies_refused',
  'restricted',
  'review_triggered',
  'holds_recovered',
  'record_erased',
  'request_turned_away',
])

/** The log line of an entry; undefined for what spans and metrics say. */
export function logOf({ entry, acting, receipt }: Seen): LogFacts | undefined {
  const where: Attributes = receipt ? { [OWN.seq]: receipt.seq } : {}
  if (entry.type === 'refusal') {
    const { reason, stage } = entry.refusal
    const attributes = { ...refusalAttributes(entry, acting), ...where }
    const text = `refused: ${reason satisfies DenyReason} (${stage})`
    return { at: entry.at, name: `${OWN.event}refusal`, level: 'warn', text, attributes }
  }
  if (entry.type !== 'event') return undefined
  const { at, event, facts } = entry
  return {
    at,
    name: `${OWN.event}${event}`,
    level: WARNED.has(event) ? 'warn' : 'info',
    text: event.replaceAll('_', ' '),
    attributes: { ...actingAttributes(undefined, acting), ...factAttributes(facts), ...where },
  }
}

function factAttributes(facts: JsonObject): Attributes {
  const shown = Object.entries(shownFacts(facts))
  return Object.fromEntries(shown.map(([key, value]) => [`${OWN.fact}${key}`, value]))
}
