/** What every event of OCSF has in common: the members that its base class requires, and those of the log it comes from. */
import type { Json, JsonObject } from '../../model/json.ts'
import { isList, isObject } from '../../model/json.ts'
import type { EntryItem } from '../cursor.ts'
import { shownName } from './call-facts.ts'

/** The release of the schema whose classes and members are used (schema.ocsf.io/1.8.0). */
export const OCSF_VERSION = '1.8.0'

/** What `_id` members have beside their own values. */
export const OTHER_ID = 99

export interface OcsfClass {
  readonly uid: number
  readonly name: string
  readonly category: number
}

export interface OcsfActivity {
  readonly id: number
  readonly name: string
}

export const SEVERITY = { informational: 1, low: 2, medium: 3, high: 4 } as const

export function baseOf(
  item: EntryItem,
  of: OcsfClass,
  given: {
    readonly activity: OcsfActivity
    readonly severity: number
    readonly message: string
    readonly profiles?: readonly string[]
    /** The call that it belongs to. */
    readonly call?: string
  },
): JsonObject {
  const { activity, severity, message, profiles = [], call } = given
  const { entry, log } = item
  const uid = `${log}/${entry.seq}`
  return {
    activity_id: activity.id,
    activity_name: activity.name,
    category_uid: of.category,
    class_uid: of.uid,
    class_name: of.name,
    type_uid: of.uid * 100 + activity.id,
    severity_id: severity,
    time: timeOf(entry.ts),
    message,
    metadata: {
      version: OCSF_VERSION,
      product: { name: 'Chaperone', vendor_name: 'Chaperone' },
      profiles: [...profiles],
      uid,
      original_event_uid: uid,
      original_time: entry.ts,
      log_name: log,
      sequence: entry.seq,
      event_code: entry.type === 'event' ? (textIn(entry, 'event') ?? 'event') : entry.type,
      ...(call !== undefined && { correlation_uid: call }),
    },
  }
}

/** Milliseconds; 0 for what is no time. */
export function timeOf(ts: string): number {
  const ms = Date.parse(ts)
  return Number.isNaN(ms) ? 0 : ms
}

export function textIn(from: JsonObject, key: string): string | undefined {
  const value = Object.hasOwn(from, key) ? from[key] : undefined
  return typeof value === 'string' && value !== '' ? shownName(value) : undefined
}

export function objectIn(from: JsonObject, key: string): JsonObject {
  const value: Json | undefined = Object.hasOwn(from, key) ? from[key] : undefined
  return isObject(value) ? value : {}
}

export function textsIn(from: JsonObject, key: string): readonly string[] {
  const value: Json | undefined = Object.hasOwn(from, key) ? from[key] : undefined
  return isList(value) ? value.filter((one) => typeof one === 'string') : []
}

/** The mandate that an entry names, as a policy. */
export function mandatePolicy(entry: JsonObject): JsonObject | undefined {
  const mandate = objectIn(entry, 'mandate')
  const [name, uid] = [textIn(mandate, 'name'), textIn(mandate, 's256')]
  if (name === undefined && uid === undefined) return undefined
  return {
    type: 'mandate',
    is_applied: true,
    ...(name !== undefined && { name }),
    ...(uid !== undefined && { uid }),
  }
}

/** A member that is only there where it has a value. */
export function where(key: string, value: Json | undefined): JsonObject {
  return value === undefined ? {} : { [key]: value }
}
