/** The shape of a JSON-RPC message from a client (JSON-RPC 2.0 §4, MCP: no null ids, no batches), by hand. */
import { isObject, type JsonObject } from '../model/json.ts'

/** Longest string id and method name, in UTF-16 code units. */
export const MAX_ID_LENGTH = 256

/**
 * What is wrong with the message, from a closed set of texts; undefined when nothing is. Unknown members
 * beside the envelope's own are refused: no two readers agree on what to do with them.
 */
export function envelopeFault(message: JsonObject): string | undefined {
  if (message['jsonrpc'] !== '2.0') return '`jsonrpc` is not "2.0"'
  const { id, method } = message
  if (id !== undefined && !isId(id)) return '`id` is neither a string nor a safe integer'
  if (method === undefined) return answerFault(message)
  if (typeof method !== 'string' || !isMethodName(method)) return '`method` is not a method name'
  let members = 2
  if (id !== undefined) members += 1
  else if (!method.startsWith('notifications/')) return 'a request has no `id`'
  const params = message['params']
  if (params !== undefined) members += 1
  if (count(message) !== members) return 'the message has a member beside its own'
  if (params === undefined) return method === 'tools/call' ? 'a call has no `params`' : undefined
  if (!isObject(params)) return '`params` is not an object'
  return paramsFault(method, params)
}

function answerFault(message: JsonObject): string | undefined {
  const { result, error } = message
  if ((result === undefined) === (error === undefined)) {
    return 'the message has neither a `method` nor one of `result` and `error`'
  }
  if (message['id'] === undefined) return 'an answer has no `id`'
  if (count(message) !== 3) return 'the message has a member beside its own'
  return isObject(result ?? error) ? undefined : '`result` or `error` is not an object'
}

function paramsFault(method: string, params: JsonObject): string | undefined {
  if (hasProtocolLookAlike(params)) return 'a member of `params` is a look-alike of a known one'
  if (hasLookAlikes(params)) return 'two members of `params` are look-alikes'
  const args = params['arguments']
  if (isObject(args) && hasLookAlikes(args)) return 'two members of `arguments` are look-alikes'
  if (method !== 'tools/call') return undefined
  if (typeof params['name'] !== 'string') return '`name` is not a string'
  return args === undefined || isObject(args) ? undefined : '`arguments` is not an object'
}

function count(message: JsonObject): number {
  let members = 0
  for (const key in message) if (message[key] !== undefined) members += 1
  return members
}

function isId(id: unknown): id is string | number {
  return typeof id === 'string' ? id.length <= MAX_ID_LENGTH : Number.isSafeInteger(id)
}

/** Printable ASCII without spaces: a method that another reader would trim is none. */
function isMethodName(method: string): boolean {
  if (method.length === 0 || method.length > MAX_ID_LENGTH) return false
  for (let at = 0; at < method.length; at += 1) {
    const code = method.charCodeAt(at)
    if (code <= 0x20 || code > 0x7e) return false
  }
  return true
}

/** Members of `params` that MCP gives a meaning to, as a reader that ignores case finds them. */
const PROTOCOL_MEMBERS: ReadonlyMap<string, string> = new Map(
  [
    'name',
    'arguments',
    'uri',
    'ref',
    'argument',
    'context',
    'cursor',
    'level',
    'task',
    '_meta',
    'inputResponses',
    'requestState',
    'progressToken',
    'requestId',
    'protocolVersion',
    'capabilities',
    'clientInfo',
    'notifications',
  ].map((name) => [folded(name), name]),
)

function hasProtocolLookAlike(params: JsonObject): boolean {
  for (const key in params) {
    if (isPlain(key)) continue
    const meant = PROTOCOL_MEMBERS.get(folded(key))
    if (meant !== undefined && meant !== key) return true
  }
  return false
}

/** True when two names differ only in case or in how their letters are composed. */
function hasLookAlikes(object: JsonObject): boolean {
  let count = 0
  let plain = true
  for (const key in object) {
    count += 1
    plain &&= isPlain(key)
  }
  if (plain || count < 2) return false
  return new Set(Object.keys(object).map(folded)).size < count
}

/** Lower-case ASCII: folds to itself. */
function isPlain(key: string): boolean {
  for (let at = 0; at < key.length; at += 1) {
    const code = key.charCodeAt(at)
    if (code > 0x7f || (code >= 0x41 && code <= 0x5a)) return false
  }
  return true
}

/**
 * Canonical caseless matching (Unicode 3.13 D145). Upper case first: `ſ`, `K` (Kelvin) and `ß` then meet what other
 * languages' folding makes of them.
 */
function folded(key: string): string {
  for (let at = 0; at < key.length; at += 1) {
    if (key.charCodeAt(at) > 0x7f) {
      return key.normalize('NFD').toUpperCase().toLowerCase().normalize('NFD')
    }
  }
  return key.toLowerCase()
}
