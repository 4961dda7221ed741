/** What is left of a message that had to be dropped, to tell whose it was. */
import type { CutLine } from '../frame.ts'

export interface Dropped {
  readonly cut: CutLine
  /** The request that it answers, where the carrier tells. */
  readonly about: number | undefined
}

const END_BYTES = 256

export function endsOf(line: Buffer): CutLine {
  return { head: line.subarray(0, END_BYTES), tail: line.subarray(-END_BYTES) }
}

/** A log line on stdout may hold an `id` of its own: only what names itself an answer of JSON-RPC is taken for one. */
export function looksLikeAnswer(line: Buffer): boolean {
  return line.includes('"jsonrpc"') && (line.includes('"result"') || line.includes('"error"'))
}
