/**
 * The `_meta` of one hop becomes the `_meta` of the next: progress tokens are rewritten, per-request protocol fields
 * are put on or taken off, and nothing else travels but the trace. Results cross eras here too.
 */
import { isObject, member, type Json, type JsonObject } from '../model/json.ts'
import type { Era } from '../model/record.ts'
import { withInnerMember, withMember } from './exact.ts'
import { CODE, LOG_LEVELS, META, type Self } from './protocol.ts'

export type ProgressToken = string | number

/** The token with which the agent wants to hear of progress, if it does. */
export function progressToken(params: JsonObject): ProgressToken | undefined {
  const meta = member(params, '_meta')
  if (!isObject(meta)) return undefined
  const token = member(meta, 'progressToken')
  return typeof token === 'string' || typeof token === 'number' ? token : undefined
}

/** How requests to one upstream are dressed. */
export interface Dress {
  readonly era: Era
  readonly version: string
  readonly self: Self
}

/**
 * What of a request's `_meta` travels on: where a call stands in a trace (MCP 2026-07-28, `_meta`). Everything else could
 * carry what no rule has looked at, so it stays.
 */
const TRACE_FIELDS: ReadonlySet<string> = new Set(['traceparent', 'tracestate'])
const LONGEST_TRACE = 512

/** `_meta` for the next hop, or undefined when there is nothing to say. */
export function nextMeta(
  params: JsonObject,
  dress: Dress,
  hop: {
    readonly token?: ProgressToken
    /** Of a legacy agent, who says it once and not with each request. */
    readonly logLevel?: string
    readonly capabilities: JsonObject
  },
): JsonObject | undefined {
  const meta = member(params, '_meta')
  if (!isObject(meta) && hop.token === undefined && dress.era === 'legacy') return undefined
  const next: Record<string, Json> = {}
  for (const key of TRACE_FIELDS) {
    const value = isObject(meta) ? member(meta, key) : undefined
    if (typeof value === 'string' && value.length <= LONGEST_TRACE) next[key] = value
  }
  const said = isObject(meta) ? member(meta, META.logLevel) : undefined
  const level = said ?? hop.logLevel
  if (dress.era === 'modern' && typeof level === 'string' && LOG_LEVELS.has(level))
    next[META.logLevel] = level
  if (hop.token !== undefined) next['progressToken'] = hop.token
  if (dress.era === 'modern') {
    next[META.version] = dress.version
    next[META.capabilities] = hop.capabilities
    next[META.clientInfo] = { name: dress.self.name, version: dress.self.version }
  }
  return Object.keys(next).length === 0 ? undefined : next
}

/** Results that a client may keep: they depend on the mandate, so nobody may share them. */
const CACHEABLE: ReadonlySet<string> = new Set(['resources/read'])

/**
 * A result as a modern client must see it: with a result type and, where due, a cache rule that shares it with nobody. A
 * modern upstream's own rule stands, but for `public`.
 */
export function bridgedResult(text: string, value: JsonObject, method: string, to: Era): string {
  if (to !== 'modern') return text
  if (value['resultType'] !== undefined) {
    const shared = CACHEABLE.has(method) && value['cacheScope'] === 'public'
    return shared ? withMember(text, 'cacheScope', 'private') : text
  }
  const cache = CACHEABLE.has(method) ? '"cacheScope":"private","ttlMs":0,' : ''
  const inner = text.slice(text.indexOf('{') + 1).trimStart()
  const head = `{"resultType":"complete",${cache}`
  return inner.startsWith('}') ? `${head.slice(0, -1)}}` : `${head}${inner}`
}

/** MCP 2026-07-28, Error Codes: this revision must not be sent -32002, and earlier ones know none of its own. */
const MODERN_ONLY: ReadonlySet<number> = new Set([
  CODE.headerMismatch,
  CODE.missingCapability,
  CODE.unsupportedVersion,
])

/** The way of an error: from the upstream's era to the agent's. */
export interface Crossing {
  readonly from: Era
  readonly to: Era
  /** The resource that was asked for, where one was. */
  readonly uri?: string | undefined
}

/**
 * An upstream's error with a code that the agent's era knows; the text byte for byte where it needs no other. A resource
 * that is not there has -32002 in the legacy era, and -32602 with `data.uri` in the modern one (MCP 2026-07-28 and
 * 2025-11-25, Resources, Error Handling).
 */
export function bridgedError(
  text: string,
  value: JsonObject,
  { from, to, uri }: Crossing,
): { readonly text: string; readonly code: number } {
  const said = value['code']
  const code = typeof said === 'number' ? said : CODE.internal
  if (to === 'modern') {
    if (code !== CODE.resourceNotFound) return { text, code }
    const named = uri === undefined ? text : withInnerMember(text, 'data', 'uri', uri)
    return withCode(named, CODE.invalidParams)
  }
  if (MODERN_ONLY.has(code)) return withCode(text, CODE.invalidParams)
  // -32602 means much else: only where it names what was asked for is it sure that this is what is missing.
  const isMissing = from === 'modern' && code === CODE.invalidParams && names(value, uri)
  return isMissing ? withCode(text, CODE.resourceNotFound) : { text, code }
}

function withCode(text: string, code: number): { readonly text: string; readonly code: number } {
  return { text: withMember(text, 'code', code), code }
}

function names(error: JsonObject, uri: string | undefined): boolean {
  const data = member(error, 'data')
  return uri !== undefined && isObject(data) && member(data, 'uri') === uri
}
