/** The Merkle tree of a log (RFC 6962 section 2.1), grown a leaf at a time: no more of it is kept than the next leaf needs. */
import { hash } from 'node:crypto'
import type { Sha256 } from '../model/id.ts'

const DIGEST = 32
const NODE = 0x01
/** A tree of more leaves than numbers can count has a frontier no longer than this. */
const HIGHEST = 53

/** What `frontier.json` says: roots of the whole subtrees from left to right, the largest first. */
export type FrontierHashes = readonly string[]

/**
 * The right edge of a tree: one root for each whole subtree of a power of two that its size is made of. A leaf costs one
 * hash on average and as many as the tree is high at most.
 */
export class Frontier {
  /** Hash *k* of them is the root of the k-th subtree from the left. */
  readonly #hashes = Buffer.alloc((HIGHEST + 1) * DIGEST)
  readonly #node = Buffer.alloc(1 + 2 * DIGEST, NODE)
  #size = 0
  #count = 0

  get size(): number {
    return this.#size
  }

  /** Takes a leaf hash in hexadecimal. */
  add(leaf: Sha256): void {
    this.#hashes.write(leaf, this.#count * DIGEST, 'hex')
    this.#count += 1
    // Two subtrees of one height become one, for each one-bit at the end of the size before.
    for (let rest = this.#size; rest % 2 === 1; rest = (rest - 1) / 2) this.#join()
    this.#size += 1
  }

  /** The root hash of the tree as it is. */
  root(): Buffer {
    if (this.#count === 0) return hash('sha256', Buffer.alloc(0), 'buffer')
    const node = Buffer.from(this.#node)
    const root = Buffer.from(this.#at(this.#count - 1))
    for (let index = this.#count - 2; index >= 0; index -= 1) {
      this.#at(index).copy(node, 1)
      root.copy(node, 1 + DIGEST)
      hash('sha256', node, 'buffer').copy(root)
    }
    return root
  }

  hashes(): FrontierHashes {
    return Array.from({ length: this.#count }, (_, index) => this.#at(index).toString('hex'))
  }

  /** One that goes on where another stopped; undefined where this is no frontier of that size. */
  static of(size: number, hashes: FrontierHashes): Frontier | undefined {
    if (!Number.isSafeInteger(size) || size < 0 || ones(size) !== hashes.length) return undefined
    const frontier = new Frontier()
    for (const [index, text] of hashes.entries()) {
      if (!/^[0-9a-f]{64}$/.test(text)) return undefined
      frontier.#hashes.write(text, index * DIGEST, 'hex')
    }
    frontier.#size = size
    frontier.#count = hashes.length
    return frontier
  }

  #at(index: number): Buffer {
    return this.#hashes.subarray(index * DIGEST, (index + 1) * DIGEST)
  }

  /** The two last ones as the root above them. */
  #join(): void {
    const left = (this.#count - 2) * DIGEST
    this.#hashes.copy(this.#node, 1, left, left + 2 * DIGEST)
    this.#hashes.write(hash('sha256', this.#node, 'binary'), left, 'binary')
    this.#count -= 1
  }
}

function ones(size: number): number {
  let count = 0
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2
  return count
}
