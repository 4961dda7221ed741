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
  #settled: Link
  #last: Link
  /** Its first byte is not written: it stands before the first entry as the line end does before the others. */
  #page = Buffer.alloc(PAGE)
  #end = 1

  constructor(write: WriteEntry, next: Position) {
    this.#write = write
    this.#last = new Link(next.seq - 1, next.prev)
    this.#settled = this.#last
  }

  /** The lines that wait to be written; valid until the next call of any other member. */
  get waiting(): Uint8Array {
    return this.#page.subarray(1, this.#end)
  }

  /** `write`: in place of the chain's own. @throws RangeError when the entry cannot be written; the chain is then as it was. */
  add(body: EntryBody, write: WriteEntry = this.#write): Receipt {
    const seq = this.#last.seq + 1
    const line = write(body, { seq, prev: this.#last.leaf })
    this.#makeRoom(line.length * BYTES_PER_UNIT + 1)
    const begin = this.#end
    const end = begin + this.#page.write(line, begin)
    this.#page[end] = LINE_END
    this.#end = end + 1
    this.#last = new Link(seq, () => this.#leaf(begin, end))
    return this.#last
  }

  /** The file has what waited. */
  settle(): void {
    this.#settled = this.#last
    this.#empty()
  }

  /** Takes back what waited: it did not reach the file. */
  rewind(): void {
    this.#last = this.#settled
    this.#empty()
  }

  /** Hashes the newest entry now rather than when the next one needs it. */
  hash(): void {
    void this.#last.leaf
  }

  /** RFC 6962 section 2.1: SHA-256(0x00 ‖ entry), of the entry that stands there. */
  #leaf(begin: number, end: number): Sha256 {
    const byte = this.#page[begin - 1] ?? LEAF
    this.#page[begin - 1] = LEAF
    const leaf = hash('sha256', this.#page.subarray(begin - 1, end), 'hex')
    this.#page[begin - 1] = byte
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
    if (this.#page.length <= PAGE) return
    this.hash()
    this.#page = Buffer.alloc(PAGE)
  }
}

/** An entry's place. Its hash is made when somebody asks, which the next entry does at the latest, before it takes the room. */
class Link implements Receipt {
  readonly seq: number
  #leaf: Sha256 | (() => Sha256)

  constructor(seq: number, leaf: Sha256 | (() => Sha256)) {
    this.seq = seq
    this.#leaf = leaf
  }

  get leaf(): Sha256 {
    if (typeof this.#leaf === 'function') this.#leaf = this.#leaf()
    return this.#leaf
  }
}
