/** Joins what the record says of one call into one row, and reads the members of an entry without trusting them. */
import { isList, isObject, type Json, type JsonObject } from '../model/json.ts'
import type { EntryItem } from './read.ts'

export type RowKind = 'call' | 'refusal' | 'upstream_request' | 'list' | 'event' | 'other'

/** One call, refusal, list or event. What an entry does not say, or says in another type, is absent. */
export interface Row {
  readonly kind: RowKind
  /** The entries it was read from: an intent and its outcome, or one. */
  readonly items: readonly EntryItem[]
  /** RFC 3339, of its first entry. */
  readonly ts: string
  readonly log: string
  /** The call's id. */
  readonly call?: string
  readonly server?: string
  readonly agent?: string
  /** By its name. */
  readonly mandate?: string
  /** The tool, prompt or URI; the method where there is none; the event. */
  readonly name: string
  readonly effects: readonly string[]
  /** `forwarded`, `refused`, `unsettled`, `passed`, `declined`; absent for lists and events. */
  readonly verdict?: string
  /** What came back of a forwarded call. */
  readonly result?: string
  readonly reason?: string
  readonly tookMs?: number
  /** Rules of policies that decided: `acme-guardrails#no-exfiltration`, of an engine `engine:cerbos`. */
  readonly rules: readonly string[]
  /** Those in shadow mode that would have. */
  readonly shadow: readonly string[]
}

/** Intents without outcome are held up to this many; the oldest goes out as unsettled then. */
const MOST_OPEN = 10_000

const PARTS = /^.+-([0-9a-f]{8}-\d+)$/

/** The end of a call's id, by which people name it: `2ca7237f-7` of `20261124T093000Z-2ca7237f-7`. */
export function shortId(call: string): string {
  return PARTS.exec(call)?.[1] ?? call
}

/** Is this the call that was named by its id, or by the end of it? */
export function isCall(call: string | undefined, named: string): boolean {
  return call !== undefined && (call === named || shortId(call) === named)
}

/** Joins the entries of a record in their order. */
export class Joiner {
  readonly #open = new Map<string, EntryItem>()

  /** The rows that this entry completes. */
  add(item: EntryItem): readonly Row[] {
    const { type } = item.entry
    if (type === 'intent') return this.#begin(item)
    if (type !== 'outcome') return [single(item)]
    const key = keyOf(item)
    const intent = this.#open.get(key)
    this.#open.delete(key)
    return [intent ? callRow(intent, item) : single(item)]
  }

  /** Calls whose outcome is not on record: their guard is still at it, or died. */
  unsettled(): readonly Row[] {
    return [...this.#open.values()].map((intent) => callRow(intent))
  }

  #begin(item: EntryItem): readonly Row[] {
    const key = keyOf(item)
    const before = this.#open.get(key)
    this.#open.delete(key)
    this.#open.set(key, item)
    if (before) return [callRow(before)]
    const [oldest] = this.#open
    if (this.#open.size <= MOST_OPEN || !oldest) return []
    this.#open.delete(oldest[0])
    return [callRow(oldest[1])]
  }
}

/** One row again, from the entries that it was joined from. */
export function rowOf([first, outcome]: readonly EntryItem[]): Row | undefined {
  if (!first) return undefined
  return first.entry.type === 'intent' ? callRow(first, outcome) : single(first)
}

function keyOf({ log, entry }: EntryItem): string {
  return `${log}/${textOf(entry['call']) ?? ''}`
}

function callRow(intent: EntryItem, outcome?: EntryItem): Row {
  const verdict = objectOf(outcome?.entry['verdict'])
  const tookMs = numberOf(outcome?.entry['took_ms'])
  return {
    ...base('call', intent),
    items: outcome ? [intent, outcome] : [intent],
    verdict: outcome ? (textOf(verdict['outcome']) ?? 'settled') : 'unsettled',
    ...optional('result', textOf(verdict['result'])),
    ...optional('reason', textOf(verdict['reason'])),
    ...optional('tookMs', tookMs),
  }
}

function single(item: EntryItem): Row {
  const { entry } = item
  switch (entry.type) {
    case 'refusal':
      return {
        ...base('refusal', item),
        verdict: 'refused',
        ...optional('reason', textOf(entry['reason'])),
      }
    case 'upstream_request':
      return {
        ...base('upstream_request', item),
        ...optional('server', textOf(entry['server'])),
        ...optional('verdict', textOf(entry['verdict'])),
        ...optional('reason', textOf(entry['reason'])),
      }
    case 'listed':
      return base('list', item)
    case 'event':
      return { ...base('event', item), name: textOf(entry['event']) ?? 'event' }
    default:
      return base('other', item)
  }
}

function base(kind: RowKind, item: EntryItem): Row {
  const { entry, log } = item
  const request = objectOf(entry['request'])
  const name = request['name'] ?? request['method'] ?? entry['method'] ?? entry.type
  const effects = request['effects']
  return {
    kind,
    items: [item],
    ts: entry.ts,
    log,
    ...optional('call', textOf(entry['call'])),
    ...optional('server', textOf(request['server'])),
    ...optional('agent', textOf(objectOf(entry['principal'])['agent'])),
    ...optional('mandate', textOf(objectOf(entry['mandate'])['name'])),
    name: textOf(name) ?? entry.type,
    effects: textsOf(effects),
    ...rulesOf(objectOf(objectOf(entry['decision'])['policy'])),
  }
}

/** Rules that laid on duties count as well: they decided what was done with the call. */
function rulesOf(policy: JsonObject): Pick<Row, 'rules' | 'shadow'> {
  const named = (list: Json | undefined): readonly string[] =>
    textsOf(isList(list) ? list.map((one) => objectOf(one)['rule'] ?? null) : undefined)
  const rules = [...textsOf(policy['determining']), ...named(policy['obligations'])]
  return { rules: [...new Set(rules)], shadow: named(policy['shadow']) }
}

function textsOf(list: Json | undefined): readonly string[] {
  return isList(list) ? list.filter((one) => typeof one === 'string') : []
}

/** `server/name`, as mandates write it. */
export function fullName(row: Pick<Row, 'server' | 'name'>): string {
  return row.server === undefined ? row.name : `${row.server}/${row.name}`
}

function optional<Key extends string, Value>(
  key: Key,
  value: Value | undefined,
): { readonly [K in Key]?: Value } {
  const found: { [K in Key]?: Value } = {}
  if (value !== undefined) found[key] = value
  return found
}

export function objectOf(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {}
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}

export function numberOf(value: Json | undefined): number | undefined {
  return typeof value === 'number' ? value : undefined
}
