/**
 * Tells an upstream's lines apart. The text of a result or error is kept byte for byte, so that big
 * integers, spellings like `1.0` and unknown members reach the client as the upstream wrote them.
 */
import { isUtf8 } from 'node:buffer'
import { isList, isObject, type JsonObject } from '../model/json.ts'
import { outerMembers, type Member } from './span.ts'

export type UpstreamLine =
  | {
      readonly kind: 'answer'
      readonly id: string | number
      readonly part: 'result' | 'error'
      /** JSON text of the result or error exactly as the upstream wrote it; holds no raw line feed. */
      readonly text: string
      /** The same, parsed. Of a member given twice within it, this has the last and the text has both. */
      readonly value: JsonObject
    }
  | {
      readonly kind: 'request'
      readonly id: string | number
      readonly method: string
      /** An empty object where the message has none. */
      readonly params: JsonObject
      /** JSON text of `params` exactly as the upstream wrote it; undefined where the message has none. */
      readonly text: string | undefined
    }
  | { readonly kind: 'notification'; readonly method: string; readonly params: JsonObject }
  | Garbage

interface Garbage {
  readonly kind: 'garbage'
  /** From a closed set: never holds what was sent. */
  readonly why: string
}

/** Levels that an upstream's message may have: whoever walks it afterwards may recurse. */
const MAX_DEPTH = 256
/** Of longer lines that are none it is not found out what exactly they are, in UTF-16 code units. */
const EXPLAINED = 16_384

// The envelope's members as bits, so that a message's shape is one number.
const JSONRPC = 1
const ID = 2
const METHOD = 4
const PARAMS = 8
const RESULT = 16
const ERROR = 32
const BITS: ReadonlyMap<string, number> = new Map([
  ['jsonrpc', JSONRPC],
  ['id', ID],
  ['method', METHOD],
  ['params', PARAMS],
  ['result', RESULT],
  ['error', ERROR],
])

/** Takes one line without its newline. Never throws: what is no message of JSON-RPC 2.0 is garbage. */
export function readUpstreamLine(line: Buffer): UpstreamLine {
  if (!isUtf8(line)) return garbage('not valid UTF-8')
  const text = line.toString('utf8')
  // Looked at first: to parse what nests without end takes ten times as long as anything else of its length.
  const members = outerMembers(text, MAX_DEPTH)
  if (!members && text.length > EXPLAINED) return garbage('no object, or nested too deep')
  let message: unknown
  try {
    message = JSON.parse(text)
  } catch {
    return garbage('not valid JSON')
  }
  if (!isObject(message)) return garbage(isList(message) ? 'a batch' : 'not an object')
  if (!members) return garbage('nested too deep')
  if (message['jsonrpc'] !== '2.0') return garbage('`jsonrpc` is not "2.0"')
  switch (shape(members)) {
    case JSONRPC | ID | RESULT:
      return answer(message, 'result', textOf(text, members, 'result'))
    case JSONRPC | ID | ERROR:
      return answer(message, 'error', textOf(text, members, 'error'))
    case JSONRPC | ID | METHOD:
      return request(message, undefined)
    case JSONRPC | ID | METHOD | PARAMS:
      return request(message, textOf(text, members, 'params'))
    case JSONRPC | METHOD:
    case JSONRPC | METHOD | PARAMS:
      return notification(message)
    default:
      return garbage('neither an answer, a request nor a notification')
  }
}

/** The members present as one number; 0 when one is unknown or given twice. */
function shape(members: readonly Member[]): number {
  let bits = 0
  for (const member of members) {
    const bit = BITS.get(member.key) ?? 0
    if (bit === 0 || (bits & bit) !== 0) return 0
    bits |= bit
  }
  return bits
}

function textOf(text: string, members: readonly Member[], key: string): string {
  for (const member of members) {
    if (member.key === key) return text.slice(member.start, member.end)
  }
  return '{}'
}

function answer(message: JsonObject, part: 'result' | 'error', text: string): UpstreamLine {
  const { id } = message
  if (!isId(id)) return garbage('an answer without an id')
  const value = message[part]
  if (!isObject(value)) return garbage(`\`${part}\` is not an object`)
  if (part === 'error' && !isError(value)) return garbage('an error without a code or a message')
  return { kind: 'answer', id, part, text, value }
}

function request(message: JsonObject, text: string | undefined): UpstreamLine {
  const { id, method, params } = message
  if (!isId(id)) return garbage('a request without an id')
  if (typeof method !== 'string') return garbage('`method` is not a string')
  if (params !== undefined && !isObject(params)) return garbage('`params` is not an object')
  return { kind: 'request', id, method, params: params ?? {}, text }
}

function notification(message: JsonObject): UpstreamLine {
  const { method, params } = message
  if (typeof method !== 'string') return garbage('`method` is not a string')
  if (params !== undefined && !isObject(params)) return garbage('`params` is not an object')
  return { kind: 'notification', method, params: params ?? {} }
}

/** JSON-RPC 2.0 §5.1. */
function isError(value: JsonObject): boolean {
  return Number.isSafeInteger(value['code']) && typeof value['message'] === 'string'
}

function isId(id: unknown): id is string | number {
  return typeof id === 'string' || Number.isSafeInteger(id)
}

function garbage(why: string): Garbage {
  return { kind: 'garbage', why }
}

const ID_TEXT = String.raw`(-?\d{1,16}|"[^"\\]{0,256}")`
/** An answer's beginning as most servers write it, and its end as the SDKs write it. */
const HEAD = new RegExp(
  String.raw`^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*${ID_TEXT}\s*,`,
)
const TAIL = new RegExp(
  String.raw`,\s*"id"\s*:\s*${ID_TEXT}\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$`,
)

/**
 * Whose answer a line was that had to be dropped for its length: from its first or last bytes, where
 * every known server writes the id. Undefined when neither end tells, or both do and differ.
 */
export function idOfCutAnswer(head: Buffer, tail: Buffer): string | number | undefined {
  const first = HEAD.exec(head.toString('latin1'))?.[1]
  const last = TAIL.exec(tail.toString('latin1'))?.[1]
  const text = first ?? last
  if (text === undefined || (last !== undefined && last !== text)) return undefined
  if (!text.startsWith('"')) return Number(text)
  return Buffer.from(text.slice(1, -1), 'latin1').toString('utf8')
}
