/** The record as events of OCSF: what was called and refused, what was taken back, and what somebody should look at. */
import type { JsonObject } from '../../model/json.ts'
import type { EntryItem } from '../cursor.ts'
import type { Row } from '../row.ts'
import { shownName } from './call-facts.ts'
import {
  baseOf,
  mandatePolicy,
  objectIn,
  type OcsfActivity,
  type OcsfClass,
  OTHER_ID,
  SEVERITY,
  textIn,
  textsIn,
  timeOf,
  where,
} from './ocsf-base.ts'
import { eventOf, plainOf } from './ocsf-event.ts'
import { parentOf } from './span.ts'

const API_ACTIVITY: OcsfClass = { uid: 6003, name: 'API Activity', category: 6 }

const CREATE: OcsfActivity = { id: 1, name: 'Create' }
const READ: OcsfActivity = { id: 2, name: 'Read' }
const UPDATE: OcsfActivity = { id: 3, name: 'Update' }
const DELETE: OcsfActivity = { id: 4, name: 'Delete' }

/** One event for each row. Undefined for a row without an entry, which there is none of. */
export function ocsfEvent(row: Row): JsonObject | undefined {
  const [item] = row.items
  if (!item) return undefined
  switch (row.kind) {
    case 'call':
    case 'refusal':
    case 'upstream_request':
      return callEvent(row, item)
    case 'event':
      return eventOf(item)
    case 'list':
    case 'other':
      return plainOf(item)
  }
}

/** What a call does, in the four words that the class has. */
export function activityOf(effects: readonly string[], method: string | undefined): OcsfActivity {
  if (effects.length === 0)
    return READING.has(method ?? '') ? READ : { id: OTHER_ID, name: method ?? 'unknown' }
  const [only] = effects
  const known = effects.length === 1 ? ACTIVITY.get(only ?? '') : undefined
  return known ?? { id: OTHER_ID, name: effects.join(', ').slice(0, 128) }
}

const ACTIVITY: ReadonlyMap<string, OcsfActivity> = new Map([
  ['read', READ],
  ['write', UPDATE],
  ['admin', UPDATE],
  ['delete', DELETE],
  ['send', CREATE],
  ['pay', CREATE],
  ['execute', CREATE],
])

const READING: ReadonlySet<string> = new Set([
  'resources/read',
  'resources/subscribe',
  'prompts/get',
  'completion/complete',
])

function callEvent(row: Row, item: EntryItem): JsonObject {
  const { entry } = item
  const request = objectIn(entry, 'request')
  const method = textIn(request, 'method') ?? textIn(entry, 'method')
  const allowed = row.verdict !== 'refused' && row.verdict !== 'declined'
  const traceparent = request['traceparent']
  const parent = parentOf(typeof traceparent === 'string' ? traceparent : undefined)
  const message = [method, nameOf(row, method), row.reason ?? row.result ?? row.verdict]
  return {
    ...baseOf(item, API_ACTIVITY, {
      activity: activityOf(row.effects, method),
      severity: allowed ? SEVERITY.informational : SEVERITY.low,
      message: message.filter((part) => part !== undefined).join(' '),
      profiles: ['security_control', ...(parent ? ['trace'] : [])],
      ...(row.call !== undefined && { call: row.call }),
    }),
    ...parties(row, item, method),
    ...verdictMembers(row, allowed),
    ...times(row),
    authorizations: authorizationsOf(row, entry, allowed),
    ...(parent && { trace: { uid: parent.traceId } }),
    unmapped: unmappedOf(row, item, method),
  }
}

/** Who asked whom for what. An upstream that asks for something is the actor, and nobody is known by more than a name. */
function parties(row: Row, { entry }: EntryItem, method: string | undefined): JsonObject {
  const agent = textIn(objectIn(entry, 'principal'), 'agent') ?? 'unknown'
  const server = row.server === undefined ? undefined : shownName(row.server)
  const asks = row.kind === 'upstream_request'
  const [from, to] = asks ? [server ?? 'unknown', agent] : [agent, server]
  const name = nameOf(row, method)
  const definition = textIn(objectIn(entry, 'request'), 'definition')
  const resource = { type: 'tool', ...where('name', name), ...where('uid', definition) }
  return {
    actor: { app_name: from },
    src_endpoint: { name: from },
    ...(to !== undefined && { dst_endpoint: { name: to } }),
    api: {
      operation: name ?? method ?? 'unknown',
      ...(server !== undefined && { service: { name: server } }),
      ...(row.call !== undefined && { request: { uid: row.call } }),
    },
    ...(name !== undefined && { resources: [resource] }),
  }
}

/** The tool. A prompt or a URI is text of the agent's, and stays in the record. */
function nameOf(row: Row, method: string | undefined): string | undefined {
  return method === 'tools/call' && row.name !== method ? shownName(row.name) : undefined
}

function verdictMembers({ verdict, result, reason }: Row, allowed: boolean): JsonObject {
  const failed = !allowed || result === 'tool_error' || result === 'error'
  const status = verdict === 'unsettled' ? 0 : failed ? 2 : 1
  return {
    action_id: allowed ? 1 : 2,
    action: allowed ? 'Allowed' : 'Denied',
    disposition_id: allowed ? 1 : 2,
    disposition: allowed ? 'Allowed' : 'Blocked',
    status_id: status,
    status: STATUS[status] ?? 'Unknown',
    ...where('status_detail', reason ?? result ?? verdict),
  }
}

const STATUS = ['Unknown', 'Success', 'Failure']

function times({ ts, tookMs }: Row): JsonObject {
  const start = timeOf(ts)
  if (tookMs === undefined) return { start_time: start }
  const duration = Math.round(tookMs)
  return { start_time: start, end_time: start + duration, duration }
}

/** The mandate that it was made under, and the rules that decided. */
function authorizationsOf(row: Row, entry: JsonObject, allowed: boolean): JsonObject[] {
  const decision = allowed ? 'allowed' : 'denied'
  const mandate = mandatePolicy(entry)
  const rules = row.rules.map((rule) => ({
    decision,
    policy: { name: shownName(rule), type: 'guardrail', is_applied: true },
  }))
  return [...(mandate ? [{ decision, policy: mandate }] : []), ...rules]
}

function unmappedOf(row: Row, { entry, log }: EntryItem, method: string | undefined): JsonObject {
  const state = objectIn(entry, 'state')
  const principal = objectIn(entry, 'principal')
  const agent = textIn(principal, 'agent')
  const last = row.items.at(-1)?.entry.seq ?? entry.seq
  return {
    ...where('method', method),
    ...where('reason', row.reason ?? textIn(objectIn(entry, 'decision'), 'reason')),
    ...where('stage', textIn(entry, 'stage')),
    ...where('environment', textIn(state, 'environment')),
    ...where('risk', textIn(state, 'risk')),
    ...where('task', textIn(state, 'task')),
    ...where('assurance', textIn(principal, 'assurance')),
    // A member of its own from 1.9 on.
    ...(agent !== undefined && { ai_agent: { name: agent } }),
    ...(row.effects.length > 0 && { effects: [...row.effects] }),
    grants: [...textsIn(objectIn(entry, 'decision'), 'grants')],
    record: { log, seq: entry.seq, last, ...where('prev', textIn(entry, 'prev')) },
  }
}
