/** Events of the guard as OCSF has them: mandates and what is taken back, findings, and the rest as they are. */
import type { JsonObject } from '../../model/json.ts'
import type { EntryItem } from '../cursor.ts'
import { shownFacts } from './call-facts.ts'
import {
  baseOf,
  mandatePolicy,
  objectIn,
  type OcsfActivity,
  type OcsfClass,
  OTHER_ID,
  SEVERITY,
  textIn,
  timeOf,
  where,
} from './ocsf-base.ts'

const BASE_EVENT: OcsfClass = { uid: 0, name: 'Base Event', category: 0 }
const ENTITY_MANAGEMENT: OcsfClass = { uid: 3004, name: 'Entity Management', category: 3 }
const USER_ACCESS: OcsfClass = { uid: 3005, name: 'User Access Management', category: 3 }
const DETECTION_FINDING: OcsfClass = { uid: 2004, name: 'Detection Finding', category: 2 }

const UPDATE: OcsfActivity = { id: 3, name: 'Update' }
const ACTIVATE: OcsfActivity = { id: 10, name: 'Activate' }
const DEACTIVATE: OcsfActivity = { id: 11, name: 'Deactivate' }
const SUSPEND: OcsfActivity = { id: 12, name: 'Suspend' }
const RESUME: OcsfActivity = { id: 13, name: 'Resume' }
const ASSIGN: OcsfActivity = { id: 1, name: 'Assign Privileges' }
const REVOKE: OcsfActivity = { id: 2, name: 'Revoke Privileges' }

export function eventOf(item: EntryItem): JsonObject {
  const { entry } = item
  switch (entry['event']) {
    case 'mandate_loaded':
      return entityEvent(item, ACTIVATE, mandateEntity(entry))
    case 'policies_loaded':
      return entityEvent(item, UPDATE, policiesEntity(objectIn(entry, 'facts')))
    case 'restricted':
    case 'lifted':
      return restrictionEvent(item, entry['event'] === 'lifted')
    case 'review_triggered':
    case 'catalog_changed':
      return finding(item)
    default:
      return plainOf(item)
  }
}

/** What no class is made for, with the base class alone: a list that was served, a start, an upstream. */
export function plainOf(item: EntryItem): JsonObject {
  const { entry } = item
  const name = entry.type === 'event' ? (textIn(entry, 'event') ?? 'event') : entry.type
  return {
    ...baseOf(item, BASE_EVENT, {
      activity: { id: OTHER_ID, name },
      severity: SEVERITY.informational,
      message: name.replaceAll('_', ' '),
    }),
    unmapped: {
      ...shownFacts(objectIn(entry, 'facts')),
      ...where('method', textIn(entry, 'method')),
    },
  }
}

function mandateEntity(entry: JsonObject): JsonObject {
  return policyEntity(mandatePolicy(entry) ?? { type: 'mandate', name: 'unknown' })
}

function policiesEntity(facts: JsonObject): JsonObject {
  const uid = textIn(facts, 's256')
  return policyEntity({ type: 'guardrails', name: 'policies', ...where('uid', uid) })
}

function policyEntity(policy: JsonObject): JsonObject {
  return {
    type_id: 5,
    type: 'Policy',
    policy,
    ...where('name', textIn(policy, 'name')),
    ...where('uid', textIn(policy, 'uid')),
  }
}

function entityEvent(item: EntryItem, activity: OcsfActivity, entity: JsonObject): JsonObject {
  const facts = objectIn(item.entry, 'facts')
  const message = `${activity.name} ${textIn(entity, 'name') ?? ''}`.trim()
  return {
    ...baseOf(item, ENTITY_MANAGEMENT, { activity, severity: SEVERITY.informational, message }),
    actor: actorOf(facts),
    entity,
    ...where('comment', textIn(facts, 'why')),
    unmapped: shownFacts(facts),
  }
}

function actorOf(facts: JsonObject): JsonObject {
  const by = textIn(facts, 'by') ?? textIn(facts, 'approved_by')
  return by === undefined ? { app_name: 'Chaperone' } : { user: { name: by } }
}

/** An agent loses what it may do, or gets it back; anything else is deactivated, suspended or resumed. */
function restrictionEvent(item: EntryItem, lifted: boolean): JsonObject {
  const facts = objectIn(item.entry, 'facts')
  const target = objectIn(facts, 'target')
  const kind = textIn(target, 'kind') ?? 'everything'
  const name = nameOf(target) ?? textIn(facts, 'target') ?? kind
  if (kind === 'agent') return accessEvent(item, lifted ? ASSIGN : REVOKE, name)
  const taken = facts['kind'] === 'suspended' ? SUSPEND : DEACTIVATE
  const entity =
    kind === 'mandate'
      ? policyEntity({ type: 'mandate', name })
      : { type_id: OTHER_ID, type: kind, name }
  const event = entityEvent(item, lifted ? RESUME : taken, entity)
  return lifted ? event : { ...event, severity_id: SEVERITY.medium }
}

function nameOf(target: JsonObject): string | undefined {
  const [server, name] = [textIn(target, 'server'), textIn(target, 'name')]
  return server === undefined ? name : `${server}/${name ?? ''}`
}

function accessEvent(item: EntryItem, activity: OcsfActivity, agent: string): JsonObject {
  const facts = objectIn(item.entry, 'facts')
  const severity = activity === REVOKE ? SEVERITY.medium : SEVERITY.informational
  const message = `${activity.name} ${agent}`
  return {
    ...baseOf(item, USER_ACCESS, { activity, severity, message }),
    actor: actorOf(facts),
    // An account that no person uses.
    user: { name: agent, type_id: 4, type: 'Service' },
    privileges: ['*'],
    ...where('comment', textIn(facts, 'why')),
    unmapped: shownFacts(facts),
  }
}

function finding(item: EntryItem): JsonObject {
  const { entry, log } = item
  const facts = objectIn(entry, 'facts')
  const event = textIn(entry, 'event') ?? 'event'
  const title = textIn(facts, 'trigger') ?? textIn(facts, 'drift') ?? event
  const server = textIn(facts, 'server')
  return {
    ...baseOf(item, DETECTION_FINDING, {
      activity: { id: 1, name: 'Create' },
      severity: SEVERITY.medium,
      message: `${event.replaceAll('_', ' ')}: ${title}`,
    }),
    finding_info: {
      uid: `${log}/${entry.seq}`,
      title,
      created_time: timeOf(entry.ts),
      analytic: { type_id: 1, type: 'Rule', name: event },
    },
    is_alert: true,
    status_id: 1,
    status: 'New',
    ...(server !== undefined && { resources: [{ name: server, type: 'upstream' }] }),
    unmapped: shownFacts(facts),
  }
}
