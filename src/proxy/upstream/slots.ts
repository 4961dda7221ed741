/**
 * What waits, by growing number. A Map under constant insertion and deletion leaves a trail of old tables that keep
 * what they held alive until the next full collection; a ring of slots that are emptied keeps nothing.
 */
export class Slots<T extends { readonly id: number }> {
  #ring: (T | undefined)[]
  #size = 0

  constructor(capacity = 128) {
    this.#ring = Array.from<T | undefined>({ length: capacity }).fill(undefined)
  }

  get size(): number {
    return this.#size
  }

  get(id: number): T | undefined {
    const found = this.#ring[id % this.#ring.length]
    return found?.id === id ? found : undefined
  }

  /** The number must be new. */
  set(item: T): void {
    while (this.#ring[item.id % this.#ring.length] !== undefined) this.#grow()
    this.#ring[item.id % this.#ring.length] = item
    this.#size += 1
  }

  /** Takes it out, or undefined when it is not there. */
  take(id: number): T | undefined {
    const found = this.get(id)
    if (found === undefined) return undefined
    this.#ring[id % this.#ring.length] = undefined
    this.#size -= 1
    return found
  }

  /** All of them, in no particular order. */
  all(): readonly T[] {
    return this.#ring.filter((item) => item !== undefined)
  }

  /** Distinct numbers below a power of two times the capacity never meet for ever: doubling ends. */
  #grow(): void {
    const items = this.all()
    let length = this.#ring.length * 2
    while (new Set(items.map(({ id }) => id % length)).size < items.length) length *= 2
    this.#ring = Array.from<T | undefined>({ length }).fill(undefined)
    for (const item of items) this.#ring[item.id % length] = item
  }
}
