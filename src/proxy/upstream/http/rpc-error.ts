/** The JSON-RPC error in the body of a response that is no success. */
import { isUtf8 } from 'node:buffer'
import { isObject, member, type Json, type JsonObject } from '../../../model/json.ts'

export interface RpcError {
  /** Null or absent where the server did not say whose it is. */
  readonly id: Json | undefined
  readonly code: number
  readonly error: JsonObject
}

/** MCP 2026-07-28: header mismatch, missing client capability, unsupported protocol version. */
const MODERN_CODES: ReadonlySet<number> = new Set([-32_020, -32_021, -32_022])
const METHOD_NOT_FOUND = -32_601

/** Undefined where the body is none: a page for people, a proxy's own words. */
export function rpcErrorIn(body: Buffer): RpcError | undefined {
  if (!isUtf8(body)) return undefined
  let message: unknown
  try {
    message = JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
  if (!isObject(message) || message['jsonrpc'] !== '2.0') return undefined
  const error = member(message, 'error')
  if (!isObject(error)) return undefined
  const code = error['code']
  if (typeof code !== 'number' || !Number.isSafeInteger(code)) return undefined
  return { id: member(message, 'id'), code, error }
}

/** Only a server of the modern era says this (Streamable HTTP, Backward Compatibility). */
export function isModernError(status: number, { code }: RpcError): boolean {
  return MODERN_CODES.has(code) || (status === 404 && code === METHOD_NOT_FOUND)
}
