/** What is posted beside the calls and brings back nothing: notifications, and answers to the upstream's own questions. */
import type { ResponseHeaders } from './exchange.ts'
import type { RequestHead } from './head.ts'
import type { Wire } from './wire.ts'

/** What may stand in a response that nobody reads, so that its connection can be used again. */
export const BODY_MAX_BYTES: number = 64 * 1024

export interface AsidesOptions {
  readonly head: RequestHead
  readonly wire: Wire
  /** It was taken, or not; undefined when nobody can say. */
  readonly onStatus: (status: number | undefined, headers: ResponseHeaders) => void
}

/** Nobody waits for these, so they look after their own time. */
const SILENCE_MS = 30_000

export class Asides {
  readonly #options: AsidesOptions
  #underWay = 0
  #idle: (() => void)[] = []

  constructor(options: AsidesOptions) {
    this.#options = options
  }

  /** False when too much is under way. */
  post(path: string, frame: string): boolean {
    const { head, wire, onStatus } = this.#options
    const over = (): void => {
      this.#underWay -= 1
      if (this.#underWay > 0) return
      for (const tell of this.#idle.splice(0)) tell()
    }
    let left = BODY_MAX_BYTES
    const exchange = wire.send(
      { method: 'POST', path, headers: head.post(), body: frame, silenceMs: SILENCE_MS },
      'aside',
      {
        onLeaving: () => undefined,
        onHead: (status, headers) => onStatus(status, headers),
        onData: (chunk) => {
          left -= chunk.length
          if (left >= 0) return
          exchange?.abort()
          over()
        },
        onEnd: over,
        onBroken: () => {
          over()
          onStatus(undefined, {})
        },
      },
    )
    if (exchange) this.#underWay += 1
    return exchange !== undefined
  }

  /** Resolves when nothing of it is under way. */
  settled(): Promise<void> {
    if (this.#underWay === 0) return Promise.resolve()
    return new Promise((resolve) => void this.#idle.push(resolve))
  }
}
