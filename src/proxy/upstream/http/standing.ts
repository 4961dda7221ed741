/**
 * The stream on which a legacy server says what belongs to no request (MCP 2025-11-25, Listening for Messages from the
 * Server): opened once the conversation is, and again whenever it breaks off.
 */
import type { Timers } from '../../../model/port.ts'
import type { CutLine } from '../../frame.ts'
import { ANSWER_MAX_BYTES } from '../process.ts'
import { mediaType, type Exchange, type ResponseHeaders } from './exchange.ts'
import { EVENT_STREAM, type RequestHead } from './head.ts'
import { SseReader, waitBefore } from './sse.ts'
import type { Wire } from './wire.ts'

export interface StandingOptions {
  readonly path: string
  readonly head: RequestHead
  readonly wire: Wire
  readonly timers: Timers
  readonly onMessage: (message: Buffer) => void
  readonly onTooLong: (bytes: number, cut: CutLine) => void
  /** It was opened again, and not where it broke off: what was said in between was not heard. */
  readonly onMissed: () => void
  /** The server does not know the session any more. */
  readonly onSessionOver: () => void
}

/** Until the server has answered; the stream itself may be silent for as long as it likes. */
const HEAD_MS = 30_000

export class Standing {
  readonly #options: StandingOptions
  #exchange: Exchange | undefined
  #reader: SseReader | undefined
  #lastId: string | undefined
  #retryMs: number | undefined
  /** Openings in a row that brought nothing. */
  #vain = 0
  #wasOpen = false
  #isStopped = false
  #takeBack: (() => void) | undefined

  constructor(options: StandingOptions) {
    this.#options = options
  }

  open(): void {
    const { head, path, wire, timers } = this.#options
    const outgoing = { method: 'GET', path, headers: head.get(this.#lastId) } as const
    const exchange = wire.send(outgoing, 'stream', {
      onLeaving: () => undefined,
      onHead: (status, headers) => this.#onHead(status, headers),
      onData: (chunk) => this.#reader?.push(chunk),
      onEnd: () => this.#again(),
      onBroken: () => this.#again(),
    })
    this.#exchange = exchange
    if (!exchange) this.#again()
    else
      this.#takeBack = timers.after(HEAD_MS, () => {
        exchange.abort()
        this.#again()
      })
  }

  stop(): void {
    this.#isStopped = true
    this.#takeBack?.()
    this.#exchange?.abort()
  }

  #onHead(status: number, headers: ResponseHeaders): void {
    this.#takeBack?.()
    if (status === 200 && mediaType(headers) === EVENT_STREAM) {
      if (this.#wasOpen && this.#lastId === undefined) this.#options.onMissed()
      this.#wasOpen = true
      this.#reader = this.#newReader()
      return
    }
    if (status >= 500 || status === 429) return
    // 405 is how a server says that it has no such stream; others have other ways.
    this.stop()
    if (status === 404 && this.#options.head.session !== undefined && this.#wasOpen)
      this.#options.onSessionOver()
  }

  #newReader(): SseReader {
    return new SseReader({
      maxBytes: ANSWER_MAX_BYTES,
      onEvent: (type, data) => {
        this.#vain = 0
        if (type === 'message') this.#options.onMessage(data)
      },
      onTooLong: (bytes, cut) => this.#options.onTooLong(bytes, cut),
    })
  }

  #again(): void {
    if (this.#isStopped) return
    this.#takeBack?.()
    this.#exchange = undefined
    this.#lastId = this.#reader?.lastId ?? this.#lastId
    this.#retryMs = this.#reader?.retryMs ?? this.#retryMs
    this.#reader = undefined
    const delay = waitBefore(this.#retryMs, this.#vain)
    this.#vain += 1
    this.#takeBack = this.#options.timers.after(delay, () => this.open())
  }
}
