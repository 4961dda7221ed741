/** Leaf hashes and the hashes above them, 256 to a piece, so that a proof reads a few pieces and not the log. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { nodeHash, type Subtrees } from '../verify/tree.ts'

const WIDTH = 256
const STEP = 8
const HASH_BYTES = 32

export class Tiles {
  readonly #put: StatementSync
  readonly #get: StatementSync
  /** Pieces that are not full yet, by level. */
  #growing: string[][] = [[]]
  #sizes: number[] = [0]
  #known = new Map<string, Buffer>()

  constructor(db: DatabaseSync) {
    this.#put = db.prepare('INSERT OR REPLACE INTO tile (level, place, hashes) VALUES (?, ?, ?)')
    this.#get = db.prepare('SELECT hashes FROM tile WHERE level = ? AND place = ?')
  }

  /** How many leaves there are. */
  get size(): number {
    return this.#sizes[0] ?? 0
  }

  /** Goes on with a tree of this size, all of which is kept. */
  load(size: number): void {
    this.#growing = []
    this.#sizes = []
    this.#known.clear()
    let count = size
    for (let level = 0; level === 0 || count > 0; level += 1) {
      const rest = count % WIDTH
      const bytes = rest === 0 ? Buffer.alloc(0) : this.#tile(level, Math.floor(count / WIDTH))
      this.#growing[level] = Array.from({ length: rest }, (_, at) => hashAt(bytes, at))
      this.#sizes[level] = count
      count = Math.floor(count / WIDTH)
    }
  }

  push(leaf: string): void {
    this.#push(0, leaf)
  }

  /** Keeps the pieces that are not full. */
  save(): void {
    for (const [level, hashes] of this.#growing.entries()) {
      if (hashes.length > 0)
        this.#put.run(level, Math.floor((this.#sizes[level] ?? 0) / WIDTH), bytesOf(hashes))
    }
    this.#known.clear()
  }

  leaf(seq: number): string {
    return hashAt(this.#tile(0, Math.floor(seq / WIDTH)), seq % WIDTH)
  }

  subtrees(): Subtrees {
    return (level, index) => {
      const above = Math.floor(level / STEP)
      const width = 2 ** (level % STEP)
      const first = index * width
      const bytes = this.#tile(above, Math.floor(first / WIDTH))
      return rootOf(Array.from({ length: width }, (_, at) => hashAt(bytes, (first % WIDTH) + at)))
    }
  }

  #push(level: number, hash: string): void {
    const hashes = (this.#growing[level] ??= [])
    const size = this.#sizes[level] ?? 0
    hashes.push(hash)
    this.#sizes[level] = size + 1
    if (hashes.length < WIDTH) return
    this.#put.run(level, Math.floor(size / WIDTH), bytesOf(hashes))
    this.#growing[level] = []
    this.#push(level + 1, rootOf(hashes))
  }

  #tile(level: number, place: number): Buffer {
    const name = `${level} ${place}`
    const known = this.#known.get(name)
    if (known) return known
    const hashes = this.#get.get(level, place)?.['hashes']
    const bytes = hashes instanceof Uint8Array ? Buffer.from(hashes) : Buffer.alloc(0)
    if (this.#known.size >= WIDTH) this.#known.clear()
    this.#known.set(name, bytes)
    return bytes
  }
}

/** Of a power of two. */
function rootOf(hashes: readonly string[]): string {
  let level = hashes
  while (level.length > 1) {
    const above: string[] = []
    for (let at = 0; at < level.length; at += 2)
      above.push(nodeHash(level[at] ?? '', level[at + 1] ?? ''))
    level = above
  }
  return level[0] ?? ''
}

function bytesOf(hashes: readonly string[]): Buffer {
  return Buffer.from(hashes.join(''), 'hex')
}

/** Empty where there is none. */
function hashAt(bytes: Buffer, at: number): string {
  return bytes.toString('hex', at * HASH_BYTES, (at + 1) * HASH_BYTES)
}
