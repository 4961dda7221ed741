/** When an upstream that failed may be tried again: not at once, and not without end. */
import type { Clock } from '../../model/port.ts'

const FIRST_BACKOFF_MS = 500
const LONGEST_BACKOFF_MS = 30_000
/** An upstream that ends this soon after it was ready is likely to do so again. */
const SOON_MS = 10_000
const CRASHES_BORNE = 8

function backoff(failures: number): number {
  return Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures - 1))
}

export class Retries {
  readonly #clock: Pick<Clock, 'monotonic'>
  #failures = 0
  #crashes = 0
  #readyAt = 0
  #retryAt = 0

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** How long to wait before it is tried; nothing where that is not above zero. */
  get waitMs(): number {
    return this.#retryAt - this.#clock.monotonic()
  }

  ready(): void {
    this.#failures = 0
    this.#readyAt = this.#clock.monotonic()
  }

  /** It could not be opened. */
  failed(): void {
    this.#failures += 1
    this.#retryAt = this.#clock.monotonic() + backoff(this.#failures)
  }

  /** It is started again at once; but who keeps ending soon after the start waits as a failed start does. */
  crashed(): void {
    const now = this.#clock.monotonic()
    this.#crashes = now - this.#readyAt < SOON_MS ? this.#crashes + 1 : 1
    if (this.#crashes > CRASHES_BORNE) this.#retryAt = now + backoff(this.#crashes - CRASHES_BORNE)
  }
}
