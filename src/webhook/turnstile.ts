/** Lets so many go at once, and so many wait for their turn. */

export class Turnstile {
  readonly #most: number
  readonly #mostWaiting: number
  readonly #waiting: (() => void)[] = []
  #through = 0

  constructor(most: number, mostWaiting: number) {
    this.#most = most
    this.#mostWaiting = mostWaiting
  }

  /** Undefined for who finds too many waiting. */
  async pass<T>(action: () => Promise<T>): Promise<T | undefined> {
    if (this.#through >= this.#most) {
      if (this.#waiting.length >= this.#mostWaiting) return undefined
      // Whoever leaves hands its place on.
      await new Promise<void>((resolve) => void this.#waiting.push(resolve))
    } else this.#through += 1
    try {
      return await action()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#through -= 1
    }
  }
}
