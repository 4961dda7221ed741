/** The chain of entries: each gets the next number and names the leaf hash of the one before it. */
import { hash } from 'node:crypto'
import { hashed, type Sha256 } from '../model/id.ts'
import type { EntryBody, Receipt } from '../model/record.ts'
import type { Position } from './entry.ts'

const LEAF = 0x00
const LINE_END = 0x0a
const BYTES_PER_UNIT = 3
const PAGE = 128 * 1024

/** Writes one entry as the line that it will be, without its end. */
export type WriteEntry = (body: EntryBody, at: Position) => string

/**
 * Holds the entries that are not in the file yet, as the bytes that will stand there: an entry is encoded once,
 * hashed where it lies and written from there.
 */
export class Chain {
  readonly #write: WriteEntry
  /** What the file has. */
  #settled: Position
  #next: Position
  /** Its first byte is not written: it stands before the first entry as the line end does before the others. */
  #page = Buffer.alloc(PAGE)
  #end = 1

  constructor(write: WriteEntry, next: Position) {
    this.#write = write
    this.#settled = next
    this.#next = next
  }

  /** The lines that wait to be written; valid until the next call of any other member. */
  get waiting(): Uint8Array {
    return this.#page.subarray(1, this.#end)
  }

  /** `write`: in place of the chain's own. @throws RangeError when the entry cannot be written; the chain is then as it was. */
  add(body: EntryBody, write: WriteEntry = this.#write): Receipt {
    const { seq } = this.#next
    const line = write(body, this.#next)
    this.#makeRoom(line.length * BYTES_PER_UNIT + 1)
    const end = this.#end + this.#page.write(line, this.#end)
    const leaf = this.#leaf(end)
    this.#page[end] = LINE_END
    this.#end = end + 1
    this.#next = { seq: seq + 1, prev: leaf }
    return { seq, leaf }
  }

  /** The file has what waited. */
  settle(): void {
    this.#settled = this.#next
    this.#empty()
  }

  /** Takes back what waited: it did not reach the file. */
  rewind(): void {
    this.#next = this.#settled
    this.#empty()
  }

  /** RFC 6962 section 2.1: SHA-256(0x00 ‖ entry), of the entry that begins where the last line ended. */
  #leaf(end: number): Sha256 {
    const before = this.#end - 1
    const byte = this.#page[before] ?? LEAF
    this.#page[before] = LEAF
    const leaf = hash('sha256', this.#page.subarray(before, end), 'hex')
    this.#page[before] = byte
    return hashed(leaf)
  }

  #makeRoom(bytes: number): void {
    if (this.#end + bytes <= this.#page.length) return
    const larger = Buffer.alloc(2 * (this.#end + bytes))
    this.#page.copy(larger, 0, 0, this.#end)
    this.#page = larger
  }

  #empty(): void {
    this.#end = 1
    if (this.#page.length > PAGE) this.#page = Buffer.alloc(PAGE)
  }
}
