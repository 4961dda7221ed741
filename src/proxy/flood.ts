/** How much of what one upstream says by itself is passed on: so many messages in so long, the rest is counted and dropped. */
import type { Clock } from '../model/port.ts'

const WINDOW_MS = 10_000
/** Messages of one kind in one window; of progress, which many calls may have at once, more. */
const MOST = 1000
const MOST_PROGRESS = 10_000
const PROGRESS = 'notifications/progress'

interface Window {
  began: number
  passed: number
  dropped: number
}

export class Flood {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #onDropped: (source: string, kind: string, dropped: number) => void
  readonly #windows = new Map<string, Window>()

  /** `onDropped` is told of the first that is dropped in a window, and of how many they were when the next begins. */
  constructor(
    clock: Pick<Clock, 'monotonic'>,
    onDropped: (source: string, kind: string, dropped: number) => void,
  ) {
    this.#clock = clock
    this.#onDropped = onDropped
  }

  /** False for what is over the limit. */
  admits(source: string, kind: string): boolean {
    const now = this.#clock.monotonic()
    const key = `${source}\n${kind}`
    let window = this.#windows.get(key)
    if (!window || now - window.began >= WINDOW_MS) {
      if (window && window.dropped > 1) this.#onDropped(source, kind, window.dropped)
      window = { began: now, passed: 0, dropped: 0 }
      this.#windows.set(key, window)
    }
    if (window.passed < (kind === PROGRESS ? MOST_PROGRESS : MOST)) {
      window.passed += 1
      return true
    }
    window.dropped += 1
    if (window.dropped === 1) this.#onDropped(source, kind, 1)
    return false
  }
}
