/**
 * Parses one request strictly: what `JSON.parse` lets through and a guard must not. Whatever passes
 * means the same to every JSON parser, so that what is judged is what is sent.
 */
import type { JsonObject } from '../model/json.ts'

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
      /** JSON-RPC 2.0 §5.1: -32700 it is no JSON, -32600 it is no request that this guard takes. */
      readonly code: -32700 | -32600
      /** From a closed set: never holds what was sent. */
      readonly why: string
      /** The message's own id, when it can be told for certain, so that the caller can be answered. */
      readonly id?: string | number
    }

/** Takes one line without its newline. Never throws. */
export function parseMessage(bytes: Uint8Array, limits: Limits = REQUEST_LIMITS): Parsed {
  if (bytes.length > limits.maxBytes) return { ok: false, code: -32600, why: 'too large' }
  return { ok: false, code: -32700, why: 'not valid JSON' }
}
