/** The chain of entries: each gets the next number and names the leaf hash of the one before it. */
import type { EntryBody, Receipt } from '../model/record.ts'
import { leafHash } from './digest.ts'
import type { Position } from './entry.ts'

export interface Written {
  /** Without its line end. */
  readonly line: string
  readonly receipt: Receipt
}

export class Chain {
  readonly #write: (body: EntryBody, at: Position) => string
  #next: Position

  constructor(write: (body: EntryBody, at: Position) => string, next: Position) {
    this.#write = write
    this.#next = next
  }

  /** Where the next entry will stand. */
  get next(): Position {
    return this.#next
  }

  /** @throws RangeError when the entry cannot be written; the chain is then as it was. */
  add(body: EntryBody): Written {
    const { seq } = this.#next
    const line = this.#write(body, this.#next)
    const leaf = leafHash(line)
    this.#next = { seq: seq + 1, prev: leaf }
    return { line, receipt: { seq, leaf } }
  }

  /** Takes back every entry from that place on: they did not reach the file. */
  rewind(to: Position): void {
    this.#next = to
  }
}
