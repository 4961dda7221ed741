/**
 * The Merkle tree of a log as a reader of its own computes it: RFC 6962 section 2.1 over SHA-256. It shares nothing with what
 * writes logs. Hashes are hexadecimal texts.
 */
import { hash } from 'node:crypto'

const LEAF = 0x00
const NODE = 0x01
const HASH_BYTES = 32
const HEX = 64

/** What a tree without entries has for a root. */
export const EMPTY_ROOT: string = hash('sha256', '', 'hex')

const pair = Buffer.alloc(1 + 2 * HASH_BYTES, NODE)

/** SHA-256(0x01 ‖ left ‖ right) */
export function nodeHash(left: string, right: string): string {
  pair.write(left, 1, 'hex')
  pair.write(right, 1 + HASH_BYTES, 'hex')
  return hash('sha256', pair, 'hex')
}

/** SHA-256(0x00 ‖ entry) of bytes that have one byte of room before them, which is put back. */
export function leafHashAt(bytes: Buffer, begin: number, end: number): string {
  const before = bytes[begin - 1] ?? LEAF
  bytes[begin - 1] = LEAF
  const leaf = hash('sha256', bytes.subarray(begin - 1, end), 'hex')
  bytes[begin - 1] = before
  return leaf
}

/** The same of bytes that stand alone. */
export function leafHashOf(entry: Uint8Array): string {
  return hash('sha256', Buffer.concat([Buffer.of(LEAF), entry]), 'hex')
}

/** Grows by one leaf at a time and keeps no more than one hash for each bit of its size. */
export class Growing {
  /** Roots of complete trees, the largest first. */
  readonly #roots: string[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  copy(): Growing {
    const copy = new Growing()
    copy.#roots.push(...this.#roots)
    copy.#size = this.#size
    return copy
  }

  push(leaf: string): void {
    let hash = leaf
    for (let rest = this.#size; rest % 2 === 1; rest = (rest - 1) / 2)
      hash = nodeHash(this.#roots.pop() ?? '', hash)
    this.#roots.push(hash)
    this.#size += 1
  }

  root(): string {
    const last = this.#roots.at(-1)
    if (last === undefined) return EMPTY_ROOT
    return this.#roots.slice(0, -1).reduceRight((right, left) => nodeHash(left, right), last)
  }
}

/** Gives hashes of the complete subtrees of a tree: the one over the leaves from `index × 2^level` on, 2^level of them. */
export type Subtrees = (level: number, index: number) => string

/** The root over the leaves from `from` up to `to`, where `from` is a multiple of the next power of two. */
export function rangeRoot(from: number, to: number, subtrees: Subtrees): string {
  const size = to - from
  if (size <= 0) return EMPTY_ROOT
  const { level, width } = split(size)
  if (width * 2 === size) return subtrees(level + 1, from / size)
  if (size === 1) return subtrees(0, from)
  return nodeHash(rangeRoot(from, from + width, subtrees), rangeRoot(from + width, to, subtrees))
}

/** RFC 6962 section 2.1.1: from the sibling of the leaf up to the child of the root. */
export function inclusionPath(index: number, size: number, subtrees: Subtrees): readonly string[] {
  const path: string[] = []
  let [from, to] = [0, size]
  while (to - from > 1) {
    const middle = from + split(to - from).width
    const inLeft = index < middle
    path.push(inLeft ? rangeRoot(middle, to, subtrees) : rangeRoot(from, middle, subtrees))
    if (inLeft) to = middle
    else from = middle
  }
  return path.toReversed()
}

/** The largest power of two below the size, at least 1. */
function split(size: number): { readonly level: number; readonly width: number } {
  let [level, width] = [0, 1]
  while (width * 2 < size) {
    width *= 2
    level += 1
  }
  return { level, width }
}

/** The root that a leaf with this path has; undefined where the path has another length than it must. */
export function rootOfPath(
  leaf: string,
  { index, size }: { readonly index: number; readonly size: number },
  path: readonly string[],
): string | undefined {
  if (index >= size || path.some((one) => one.length !== HEX)) return undefined
  const sides: boolean[] = []
  let [from, to] = [0, size]
  while (to - from > 1) {
    const middle = from + split(to - from).width
    sides.push(index < middle)
    if (index < middle) to = middle
    else from = middle
  }
  if (sides.length !== path.length) return undefined
  return path.reduce(
    (hash, sibling, at) =>
      sides[sides.length - 1 - at] === true ? nodeHash(hash, sibling) : nodeHash(sibling, hash),
    leaf,
  )
}
