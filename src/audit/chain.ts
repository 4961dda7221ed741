/** The chain of entries: each gets the next number and names the leaf hash of the one before it. Their tree grows with it. */
import { hash } from 'node:crypto'
import { hashed, type Sha256 } from '../model/id.ts'
import type { EntryBody, Receipt } from '../model/record.ts'
import { KEY_BYTES } from './digest.ts'
import type { Position } from './entry.ts'
import { Sealer } from './seal.ts'
import { Frontier } from './tree.ts'

const LEAF = 0x00
const LINE_END = 0x0a
const BYTES_PER_UNIT = 3
const PAGE = 128 * 1024
const SLOTS = 64

export interface ChainParts {
  /** Has the key of the entry that was written last. */
  readonly sealer?: Sealer
  /** The tree of the entries before. */
  readonly tree?: Frontier
}

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
  /** Where the last of the waiting lines begins. */
  #begin = 1
  /** The keys of the entries that wait. */
  #slots = Buffer.alloc(SLOTS * KEY_BYTES)
  #batch: Link[] = []
  /** Entries that the file has and the tree has not. */
  #unrooted: Link[] = []
  readonly #sealer: Sealer
  readonly #tree: Frontier

  constructor(write: WriteEntry, next: Position, parts: ChainParts = {}) {
    this.#write = write
    this.#sealer = parts.sealer ?? new Sealer()
    this.#tree = parts.tree ?? new Frontier()
    this.#last = new Link(next.seq - 1, next.prev)
    this.#settled = this.#last
  }

  /** The lines that wait to be written; valid until the next call of any other member. */
  get waiting(): Uint8Array {
    return this.#page.subarray(1, this.#end)
  }

  /** Their keys, 32 bytes each; valid as long. */
  get waitingKeys(): Uint8Array {
    return this.#slots.subarray(0, this.#batch.length * KEY_BYTES)
  }

  /** The number of the first entry that the file does not have. */
  get next(): number {
    return this.#settled.seq + 1
  }

  /** The leaf hash of the last entry that the file has. */
  get lastLeaf(): Sha256 {
    return this.#settled.leaf
  }

  /** Where in the waiting lines the last of them begins. */
  get lastBegin(): number {
    return this.#begin - 1
  }

  /** The tree of all entries that the file has. */
  get tree(): Frontier {
    this.hash()
    return this.#tree
  }

  /** `write`: in place of the chain's own. @throws RangeError when the entry cannot be written; the chain is then as it was. */
  add(body: EntryBody, write: WriteEntry = this.#write): Receipt {
    const seq = this.#last.seq + 1
    const line = write(body, { seq, prev: this.#last.leaf })
    this.#keepKey()
    this.#makeRoom(line.length * BYTES_PER_UNIT + 1)
    const begin = this.#end
    const end = begin + this.#page.write(line, begin)
    this.#page[end] = LINE_END
    this.#begin = begin
    this.#end = end + 1
    const link = new Link(seq, () => this.#leaf(begin, end))
    this.#batch.push(link)
    this.#last = link
    return link
  }

  /** The file has what waited. */
  settle(): void {
    this.#settled = this.#last
    this.#unrooted.push(...this.#batch)
    this.#empty()
  }

  /** Takes back what waited: it did not reach the file. */
  rewind(): void {
    this.#last = this.#settled
    this.#empty()
  }

  /** Does now what the next entry would need otherwise: hashes, and makes ready to seal. */
  hash(): void {
    for (const link of this.#unrooted) this.#tree.add(link.leaf)
    this.#unrooted = []
    this.#sealer.prepare()
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

  #keepKey(): void {
    const at = this.#batch.length * KEY_BYTES
    if (at === this.#slots.length) this.#slots = Buffer.concat([this.#slots, Buffer.alloc(at)])
    this.#slots.set(this.#sealer.key, at)
  }

  #empty(): void {
    this.#end = 1
    this.#batch = []
    if (this.#page.length <= PAGE) return
    void this.#last.leaf
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
