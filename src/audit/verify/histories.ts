/**
 * The tree of a log that may have been altered. Where a record is not the one that the next one names, either of the two is
 * wrong, so the tree is grown with the hash that was named and with the one that was found, until a checkpoint decides.
 */
import { Growing } from './tree.ts'

/** Ways that are followed at once; those with the hashes that were named come first. */
const MOST = 16

interface Way {
  readonly tree: Growing
  /** Records that are not what was written, if it is this way. */
  readonly altered: readonly number[]
}

interface Pending {
  readonly seq: number
  readonly leaf: string
}

export class Histories {
  #ways: readonly Way[] = [{ tree: new Growing(), altered: [] }]
  /** The latest record: the next one says whether it is what it was. */
  #pending: Pending | undefined
  /** Records are missing whose hashes nobody names: nothing after them can be compared. */
  #lost = false

  get size(): number {
    return this.#ways[0]?.tree.size ?? 0
  }

  roots(): readonly string[] {
    return this.#ways.map(({ tree }) => tree.root())
  }

  /** It is the way with this root. Gives the records that are not what was signed. */
  settle(root: string): readonly number[] {
    const way = this.#ways.find(({ tree }) => tree.root() === root)
    if (!way) return []
    this.#ways = [{ tree: way.tree, altered: [] }]
    return way.altered
  }

  /** `prev`: what the record names as the one before it; undefined where it is no record. `grown` after each leaf. */
  take(seq: number, leaf: string, prev: string | undefined, grown: () => void): void {
    if (this.#lost) return
    const next = this.#pending ? this.#pending.seq + 1 : this.size
    if (seq > next + 1 || (seq > next && prev === undefined)) {
      this.end(grown)
      this.#lost = true
      return
    }
    if (seq === next) this.#push(prev, grown)
    else {
      // One record is missing, and this one names it.
      this.#push(undefined, grown)
      this.#pending = { seq: seq - 1, leaf: prev ?? '' }
      this.#push(prev, grown)
    }
    this.#pending = { seq, leaf }
  }

  /** There is no record after the latest. */
  end(grown: () => void): void {
    this.#push(undefined, grown)
  }

  #push(named: string | undefined, grown: () => void): void {
    if (!this.#pending) return
    const { seq, leaf } = this.#pending
    this.#pending = undefined
    if (named !== undefined && named !== leaf) {
      const other = this.#ways.map(({ tree, altered }) => ({
        tree: tree.copy(),
        altered: [...altered, seq],
      }))
      for (const { tree } of other) tree.push(named)
      for (const { tree } of this.#ways) tree.push(leaf)
      this.#ways = [...other, ...this.#ways].slice(0, MOST)
    } else for (const { tree } of this.#ways) tree.push(leaf)
    grown()
  }
}
