/** Numbers that look random and are the same for the same seed. */

export interface Random {
  /** From 0, below 1. */
  readonly next: () => number
  /** A whole number from 0, below the limit. */
  readonly below: (limit: number) => number
  readonly chance: (probability: number) => boolean
  /** One of them; undefined where there is none. */
  readonly pick: <T>(items: readonly T[]) => T | undefined
}

/** Mulberry32: one 32-bit state, which is enough for picking test values. */
export function randomOf(seed: number): Random {
  let state = seed | 0
  const next = (): number => {
    state = (state + 0x6d_2b_79_f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const below = (limit: number): number => Math.floor(next() * limit)
  return {
    next,
    below,
    chance: (probability) => next() < probability,
    pick: (items) => items[below(items.length)],
  }
}
