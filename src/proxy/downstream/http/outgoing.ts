/** What waits for agents that do not read: each is given up when nothing moves any more, the longest waiting when all is too much. */
import type { ServerResponse } from 'node:http'

/** By the system's clock, as everything about connections is. */
const STALL_MS = 30_000
/** What all answers that are on their way may have waiting together, in bytes. */
const MOST_WAITING = 256 * 1024 * 1024

export interface OutgoingLimits {
  readonly stallMs?: number | undefined
  readonly mostWaiting?: number | undefined
}

export class Outgoing {
  readonly #onGivenUp: () => void
  readonly #stallMs: number
  readonly #most: number
  /** In the order in which they were ended. */
  readonly #waiting = new Map<ServerResponse, number>()
  #total = 0

  constructor(
    onGivenUp: () => void,
    { stallMs = STALL_MS, mostWaiting = MOST_WAITING }: OutgoingLimits,
  ) {
    this.#onGivenUp = onGivenUp
    this.#stallMs = stallMs
    this.#most = mostWaiting
  }

  /** All of a response has been written, and not all of it may have been taken. */
  ended(response: ServerResponse): void {
    const waiting = response.writableLength
    if (waiting === 0 || response.destroyed) return
    // Node takes a socket for idle only when what it has to send gets no less.
    response.setTimeout(this.#stallMs, () => this.#giveUp(response))
    this.#waiting.set(response, waiting)
    this.#total += waiting
    response.once('close', () => this.#gone(response))
    for (const [oldest] of this.#waiting) {
      if (this.#total <= this.#most) return
      this.#giveUp(oldest)
    }
  }

  #giveUp(response: ServerResponse): void {
    this.#gone(response)
    response.destroy()
    this.#onGivenUp()
  }

  #gone(response: ServerResponse): void {
    this.#total -= this.#waiting.get(response) ?? 0
    this.#waiting.delete(response)
  }
}
