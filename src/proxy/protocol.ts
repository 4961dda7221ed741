/** The words of MCP that the guard itself speaks: versions, `_meta` keys, error codes and frames. */
import { canonical, isObject, member, type Json, type JsonObject } from '../model/json.ts'
import type { Era } from '../model/record.ts'

/** Revisions with an `initialize` handshake, newest first. */
export const LEGACY_VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'] as const
/** Revisions with per-request metadata, newest first. */
export const MODERN_VERSIONS = ['2026-07-28'] as const
export const LATEST_LEGACY: string = LEGACY_VERSIONS[0]
export const LATEST_MODERN: string = MODERN_VERSIONS[0]

/** MCP 2026-07-28, Base Protocol, `_meta`. */
export const META = {
  version: 'io.modelcontextprotocol/protocolVersion',
  capabilities: 'io.modelcontextprotocol/clientCapabilities',
  clientInfo: 'io.modelcontextprotocol/clientInfo',
  serverInfo: 'io.modelcontextprotocol/serverInfo',
  logLevel: 'io.modelcontextprotocol/logLevel',
  subscription: 'io.modelcontextprotocol/subscriptionId',
} as const

export const CODE = {
  parse: -32_700,
  invalidRequest: -32_600,
  methodNotFound: -32_601,
  invalidParams: -32_602,
  internal: -32_603,
  /** MCP 2025-11-25 and earlier. */
  resourceNotFound: -32_002,
  /** MCP 2026-07-28, Error Codes. */
  headerMismatch: -32_020,
  missingCapability: -32_021,
  unsupportedVersion: -32_022,
  denied: -31_403,
  unavailable: -31_502,
} as const

export type RequestId = string | number

/** The guard's own name on the wire, towards both sides. */
export interface Self {
  readonly name: string
  readonly version: string
}

/**
 * Which era a request belongs to, by what it carries and, where its carrier has them, by its headers; `incomplete` when
 * its modern metadata is not whole.
 */
export function eraOf(method: string, params: JsonObject, carried?: Era): Era | 'incomplete' {
  const meta = member(params, '_meta')
  if (method === 'initialize' && carried !== 'modern') return 'legacy'
  if (!isObject(meta) || !Object.hasOwn(meta, META.version))
    return carried === 'modern' ? 'incomplete' : 'legacy'
  const whole = typeof meta[META.version] === 'string' && isObject(meta[META.capabilities])
  return whole ? 'modern' : 'incomplete'
}

export function requestFrame(id: RequestId, method: string, paramsText?: string): string {
  const tail = paramsText === undefined ? '' : `,"params":${paramsText}`
  return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"method":${JSON.stringify(method)}${tail}}`
}

export function notificationFrame(method: string, params?: JsonObject): string {
  const tail = params === undefined ? '' : `,"params":${JSON.stringify(params)}`
  return `{"jsonrpc":"2.0","method":${JSON.stringify(method)}${tail}}`
}

/** `text` is the JSON text of the result or error, passed on as it stands. */
export function answerFrame(id: RequestId | null, part: 'result' | 'error', text: string): string {
  return `{"jsonrpc":"2.0","id":${typeof id === 'number' ? id : JSON.stringify(id)},"${part}":${text}}`
}

export function errorText(code: number, message: string, data?: Json): string {
  return canonical(data === undefined ? { code, message } : { code, message, data })
}

/** RFC 5424 severities as MCP names them, the least first. */
export const LOG_LEVELS: ReadonlyMap<string, number> = new Map(
  ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'].map(
    (level, index) => [level, index] as const,
  ),
)
