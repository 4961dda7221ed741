/** One line of a log, judged by itself: is it canonical JSON, and are the members that every entry has what they must be? */
import {
  canonical,
  isList,
  isObject,
  type Json,
  type JsonObject,
  member,
} from '../../model/json.ts'

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
const HEX = /^[0-9a-f]{64}$/

export interface ReadEntry {
  readonly entry: JsonObject
  readonly v: number
  readonly seq: number
  readonly prev: string
  readonly log: string
  readonly ts: string
}

/** The entry, or why it is none. */
export function readEntry(text: string): ReadEntry | string {
  const entry = parsed(text)
  if (!isObject(entry)) return 'it is no JSON object'
  const v = member(entry, 'v')
  const seq = member(entry, 'seq')
  const prev = member(entry, 'prev')
  const log = member(entry, 'log')
  const ts = member(entry, 'ts')
  if (v !== 1 && v !== 2) return 'its format is not known'
  if (typeof seq !== 'number' || !Number.isSafeInteger(seq) || seq < 0) return 'it has no number'
  if (typeof prev !== 'string' || !HEX.test(prev)) return 'it names no entry before it'
  if (typeof log !== 'string') return 'it names no log'
  if (typeof ts !== 'string' || !TIME.test(ts)) return 'it has no time'
  if (typeof member(entry, 'type') !== 'string') return 'it has no type'
  return { entry, v, seq, prev, log, ts }
}

/** RFC 8785. Most entries are as the platform itself would write them, which is many times faster to tell. */
export function isCanonical(text: string, entry: JsonObject): boolean {
  if (JSON.stringify(entry) === text && inOrder(entry)) return true
  return canonical(entry) === text
}

function inOrder(value: Json): boolean {
  if (typeof value !== 'object' || value === null) return true
  if (isList(value)) return value.every(inOrder)
  let last = ''
  let first = true
  for (const key of Object.keys(value)) {
    if (!first && last >= key) return false
    const item = value[key]
    if (typeof item === 'object' && item !== null && !inOrder(item)) return false
    last = key
    first = false
  }
  return true
}

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return value
  } catch {
    return undefined
  }
}
