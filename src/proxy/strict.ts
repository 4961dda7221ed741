/**
 * Parses one request strictly: what `JSON.parse` lets through and a guard must not. Whatever passes
 * means the same to every JSON parser, so that what is judged is what is sent.
 */
import { isUtf8 } from 'node:buffer'
import { isList, isObject, type Json, type JsonObject } from '../model/json.ts'
import { namesAgree } from '../model/written-names.ts'
import { envelopeFault, MAX_ID_LENGTH } from './shape.ts'
import { outerMembers } from './span.ts'

export interface Limits {
  /** Bytes of one message. */
  readonly maxBytes: number
  /** Objects and lists within one another, the message itself included. */
  readonly maxDepth: number
  /** Object members of the whole message. */
  readonly maxKeys: number
}

/** What a request may measure. */
export const REQUEST_LIMITS: Limits = { maxBytes: 8 * 1024 * 1024, maxDepth: 64, maxKeys: 10_000 }

export type Parsed =
  | { readonly ok: true; readonly value: JsonObject }
  | {
      readonly ok: false
      /** JSON-RPC 2.0 §5.1: -32700 it is no JSON, -32600 it is no message that this guard takes. */
      readonly code: -32700 | -32600
      /** From a closed set: never holds what was sent. */
      readonly why: string
      /** The request's own id, when it can be told for certain, so that the caller can be answered. */
      readonly id?: string | number
    }

/**
 * Takes one line without its newline; never throws. A request, a notification or an answer passes: whether
 * an answer with that id is due is the caller's to know.
 *
 * A fraction written with more digits than a double keeps passes as the double: that is the value judged,
 * recorded and sent on. An integer that a double cannot keep is refused, however it is written.
 */
export function parseMessage(bytes: Uint8Array, limits: Limits = REQUEST_LIMITS): Parsed {
  if (bytes.length > limits.maxBytes) return noRequest('the message is too large')
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (!isUtf8(buffer)) return noJson(encodingFault(bytes))
  const text = buffer.toString('utf8')
  const escapes = text.includes('\\')
  const counted = countKeys(buffer, limits, escapes)
  if (counted < 0) return keysFault(counted, text)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return noJson(encodingFault(bytes))
  }
  if (isList(value)) return noRequest('batches are not accepted')
  if (!isObject(value)) return noRequest('the message is not an object')
  const found = countSafe(value, escapes && text.includes('\\u'))
  if (found < 0) return withId(text, VALUE_FAULTS.get(found) ?? 'the message is not safe')
  if (found !== (counted & ~ESCAPED_KEY)) return withId(text, 'a member is given twice')
  if ((counted & ESCAPED_KEY) !== 0 && !namesAgree(text, value)) {
    return withId(text, 'a member has a name that cannot be read for certain')
  }
  const fault = envelopeFault(value)
  return fault === undefined ? { ok: true, value } : withId(text, fault)
}

function encodingFault(bytes: Uint8Array): string {
  const [first, second] = bytes
  if (first === undefined) return 'the message is empty'
  if (first === 0xef && second === 0xbb) return 'a byte order mark is not accepted'
  if (first === 0 || second === 0 || first >= 0xfe) return 'the message is not in UTF-8'
  return isUtf8(bytes) ? 'the message is not valid JSON' : 'the message is not valid UTF-8'
}

const TOO_DEEP = -1
const TOO_MANY_KEYS = -2
const BROKEN = -3

const QUOTE = 0x22
const COLON = 0x3a
const BACKSLASH = 0x5c
/** `[` and `{`, `]` and `}` differ in this bit alone. */
const BRACE_BIT = 0x20
const OPENING = 0x7b
const CLOSING = 0x7d

/** From here on a search by the runtime is faster than a look at every byte. */
const NEAR = 64

/** Set beside the count when some member's name is written with an escape. */
const ESCAPED_KEY = 0x4000_0000

/**
 * How many members the text's objects have together, those given twice counted twice; or a fault.
 * Says nothing of validity: that is left to `JSON.parse`, whose count of the same text must agree.
 */
function countKeys(bytes: Buffer, limits: Limits, escapes: boolean): number {
  let keys = 0
  let depth = 0
  let escaped = 0
  let open = 0
  let close = 0
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0
    if (byte === QUOTE) {
      open = at
      close = stringEnd(bytes, at)
      if (close === -1) return BROKEN
      at = close
    } else if (byte === COLON) {
      keys += 1
      if (keys > limits.maxKeys) return TOO_MANY_KEYS
      if (escapes && hasBackslash(bytes, open, close)) escaped = ESCAPED_KEY
    } else if ((byte | BRACE_BIT) === OPENING) {
      depth += 1
      if (depth > limits.maxDepth) return TOO_DEEP
    } else if ((byte | BRACE_BIT) === CLOSING) depth -= 1
    // A raw line end is a frame's end for whoever splits the stream differently.
    else if (byte === 0x0a || byte === 0x0d) return BROKEN
  }
  return keys | escaped
}

function hasBackslash(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) if (bytes[at] === BACKSLASH) return true
  return false
}

/** Where the string that opens at `open` closes, or -1 when it does not. */
function stringEnd(bytes: Buffer, open: number): number {
  let at = open + 1
  const near = Math.min(at + NEAR, bytes.length)
  for (; at < near; at += 1) {
    const byte = bytes[at]
    if (byte === QUOTE) return at
    if (byte === BACKSLASH) at += 1
  }
  for (;;) {
    const quote = bytes.indexOf(QUOTE, at)
    if (quote === -1) return -1
    let slash = quote
    while (slash > at && bytes[slash - 1] === BACKSLASH) slash -= 1
    if ((quote - slash) % 2 === 0) return quote
    at = quote + 1
  }
}

const UNSAFE_KEY = -11
const UNSAFE_NUMBER = -12
const UNSAFE_TEXT = -13

const VALUE_FAULTS: ReadonlyMap<number, string> = new Map([
  [UNSAFE_KEY, 'a member has a name that is not accepted'],
  [UNSAFE_NUMBER, 'a number is too large to be kept exactly'],
  [UNSAFE_TEXT, 'a text holds a lone surrogate or a NUL'],
])

/**
 * How many members the value's objects have together, or a fault. `escapes`: the text held a `\u`, the
 * only way in which valid UTF-8 brings a lone surrogate or a NUL into a string.
 */
function countSafe(value: Json, escapes: boolean): number {
  if (typeof value === 'string') return escapes && isUnsafeText(value) ? UNSAFE_TEXT : 0
  if (typeof value === 'number') return isUnsafeNumber(value) ? UNSAFE_NUMBER : 0
  if (typeof value !== 'object' || value === null) return 0
  return isList(value) ? countSafeList(value, escapes) : countSafeObject(value, escapes)
}

function countSafeList(list: readonly Json[], escapes: boolean): number {
  let count = 0
  for (const item of list) {
    const found = countSafe(item, escapes)
    if (found < 0) return found
    count += found
  }
  return count
}

function countSafeObject(object: JsonObject, escapes: boolean): number {
  let count = 0
  for (const key in object) {
    if (isUnsafeKey(key)) return UNSAFE_KEY
    if (escapes && isUnsafeText(key)) return UNSAFE_TEXT
    const item = object[key]
    const found = item === undefined ? 0 : countSafe(item, escapes)
    if (found < 0) return found
    count += 1 + found
  }
  return count
}

/** Names through which an object's prototype is reached when somebody merges or looks up carelessly. */
function isUnsafeKey(key: string): boolean {
  return key === '__proto__' || key === 'constructor' || key === 'prototype'
}

/** Every double beyond 2^53 is integral; what is not finite is beyond it too. */
function isUnsafeNumber(value: number): boolean {
  return value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER
}

function isUnsafeText(text: string): boolean {
  return !text.isWellFormed() || text.includes('\0')
}

function keysFault(fault: number, text: string): Parsed {
  if (fault === TOO_DEEP) return withId(text, 'the message is nested too deep')
  if (fault === TOO_MANY_KEYS) return withId(text, 'the message has too many members')
  return noJson('the message is not valid JSON')
}

function noJson(why: string): Parsed {
  return { ok: false, code: -32700, why }
}

function noRequest(why: string): Parsed {
  return { ok: false, code: -32600, why }
}

/** A refusal of a message whose id may be told from its text. */
function withId(text: string, why: string): Parsed {
  const id = certainId(text)
  return id === undefined ? noRequest(why) : { ok: false, code: -32600, why, id }
}

/** The id, when the text has exactly one member that anybody could take for it and is not an answer. */
function certainId(text: string): string | number | undefined {
  const members = outerMembers(text, Number.POSITIVE_INFINITY)
  if (members === undefined) return undefined
  let id: string | undefined
  for (const member of members) {
    const name = member.key.toLowerCase()
    if (name === 'result' || name === 'error') return undefined
    if (name !== 'id') continue
    if (id !== undefined || member.key !== 'id') return undefined
    id = text.slice(member.start, member.end)
  }
  return id === undefined ? undefined : readId(id)
}

function readId(text: string): string | number | undefined {
  try {
    const id: unknown = JSON.parse(text)
    if (typeof id === 'string') {
      return id.length <= MAX_ID_LENGTH && !isUnsafeText(id) ? id : undefined
    }
    return typeof id === 'number' && Number.isSafeInteger(id) ? id : undefined
  } catch {
    return undefined
  }
}
