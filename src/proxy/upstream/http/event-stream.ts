/**
 * HTTP+SSE (MCP 2024-11-05, Transports): one stream on which everything comes, and an address that it names, to which
 * everything is posted. The conversation lives as long as the stream.
 */
import { GuardError } from '../../../model/error.ts'
import type { Timers } from '../../../model/port.ts'
import { answerFrame, errorText } from '../../protocol.ts'
import type {
  Address,
  ConnectionEvents,
  OutboundRequest,
  UpstreamConnection,
} from '../connection.ts'
import type { Agreement } from '../handshake.ts'
import { ANSWER_MAX_BYTES } from '../process.ts'
import { Asides, BODY_MAX_BYTES } from './asides.ts'
import { mediaType, type Exchange, type ResponseHeaders } from './exchange.ts'
import { badStatus, brokenOff, noAnswer, noWayIn } from './failure.ts'
import { EVENT_STREAM, RequestHead } from './head.ts'
import { oneLine } from './one-line.ts'
import { atMost } from './patience.ts'
import { poolTo } from './shown.ts'
import { SseReader } from './sse.ts'
import { Wire } from './wire.ts'

export interface EventStreamOptions {
  readonly timers: Timers
  /** The server named its address: this is the transport that it speaks. */
  readonly onOpen?: () => void
  /** It does not speak this transport either, or cannot be reached; nothing else is told. */
  readonly onUnopened?: (error: GuardError) => void
}

/** Until the server has named its address. */
const OPENING_MS = 30_000
const GRACE_MS = 1000
const LONGEST_ADDRESS = 4096
/** What is sent before the address is known. */
const MOST_WAITING = 64

interface Waiting {
  readonly frame: string
  readonly request: OutboundRequest | undefined
}

export class EventStreamConnection implements UpstreamConnection {
  readonly remote = true
  readonly #server: string
  readonly #url: URL
  readonly #events: ConnectionEvents
  readonly #options: EventStreamOptions
  readonly #head: RequestHead
  readonly #wire: Wire
  readonly #asides: Asides
  readonly #stream: Exchange | undefined
  readonly #reader: SseReader
  readonly #takeBack: () => void
  readonly #asked = new Map<number, Exchange>()
  #waiting: Waiting[] = []
  /** Where everything is posted, once it is known. */
  #path: string | undefined
  #agreement: Agreement | undefined
  #isOver = false
  #stopping: Promise<void> | undefined

  constructor(address: Address, events: ConnectionEvents, options: EventStreamOptions) {
    this.#server = address.server
    this.#url = new URL(address.url)
    this.#events = events
    this.#options = options
    this.#head = new RequestHead(address)
    const { pathname, search } = this.#url
    this.#wire = new Wire(() => poolTo(address))
    this.#asides = new Asides({ head: this.#head, wire: this.#wire, onStatus: () => undefined })
    this.#reader = new SseReader({
      maxBytes: ANSWER_MAX_BYTES,
      onEvent: (type, data) => this.#onEvent(type, data),
      onTooLong: (bytes, cut) => this.#events.onTooLong(bytes, cut),
    })
    const headers = this.#head.get()
    const outgoing = { method: 'GET', path: `${pathname}${search}`, headers } as const
    this.#stream = this.#wire.send(outgoing, 'stream', {
      onLeaving: () => undefined,
      onHead: (status, headers) => this.#onHead(status, headers),
      onData: (chunk) => this.#reader.push(chunk),
      onEnd: () => this.#onGone(noAnswer(this.#server, 'ended its event stream')),
      onBroken: (error) => this.#onGone(brokenOff(this.#server, error, this.#path !== undefined)),
    })
    this.#takeBack = options.timers.after(OPENING_MS, () =>
      this.#onGone(noAnswer(this.#server, 'did not say in time where to post to')),
    )
  }

  send(frame: string, request?: OutboundRequest): boolean {
    if (this.#isOver || this.#stopping) return false
    if (this.#path !== undefined) return this.#post(this.#path, { frame, request })
    if (this.#waiting.length >= MOST_WAITING) return false
    this.#waiting.push({ frame, request })
    return true
  }

  agreed(agreement: Agreement): void {
    this.#agreement = agreement
    this.#head.agreed(agreement)
  }

  abandon(id: number): boolean {
    const left = this.#waiting.filter(({ request }) => request?.id !== id)
    const waited = left.length < this.#waiting.length
    this.#waiting = left
    this.#letGo(id)
    return waited
  }

  stop(graceMs: number = GRACE_MS): Promise<void> {
    this.#stopping ??= this.#stop(graceMs)
    return this.#stopping
  }

  #onHead(status: number, headers: ResponseHeaders): void {
    if (status === 200 && mediaType(headers) === EVENT_STREAM) return
    this.#stream?.abort()
    this.#onGone(
      status === 200
        ? noAnswer(this.#server, 'answered with no event stream')
        : noWayIn(this.#server, status, headers),
    )
  }

  #onEvent(type: string, data: Buffer): void {
    if (this.#isOver) return
    if (type === 'message') this.#onMessage(data)
    else if (type === 'endpoint' && this.#path === undefined) this.#onAddress(data)
  }

  #onMessage(data: Buffer): void {
    this.#events.onLine(oneLine(data))
    // What was answered here no longer has to be answered there.
    for (const id of this.#asked.keys()) if (!this.#events.awaits(id)) this.#letGo(id)
  }

  #letGo(id: number): void {
    this.#asked.get(id)?.abort()
    this.#asked.delete(id)
  }

  /** Only the path may be another: what is posted carries the credentials for this origin. */
  #onAddress(data: Buffer): void {
    const text = data.toString('utf8')
    const url =
      data.length <= LONGEST_ADDRESS && URL.canParse(text, this.#url.href)
        ? new URL(text, this.#url)
        : undefined
    if (url?.origin !== this.#url.origin || url.username !== '' || url.password !== '') {
      this.#stream?.abort()
      const why = `\`${this.#server}\` wants messages posted to another host, which is not done`
      this.#onGone(new GuardError('ERR_UPSTREAM_DOWN', why))
      return
    }
    this.#takeBack()
    const path = `${url.pathname}${url.search}`
    this.#path = path
    this.#options.onOpen?.()
    for (const one of this.#waiting.splice(0)) this.#post(path, one)
  }

  #post(path: string, { frame, request }: Waiting): boolean {
    if (!request) return this.#asides.post(path, frame)
    let left = false
    let room = BODY_MAX_BYTES
    const { id } = request
    const outgoing = {
      method: 'POST',
      path,
      headers: this.#head.post(request),
      body: frame,
    } as const
    const exchange = this.#wire.send(outgoing, 'call', {
      onLeaving: () => {
        left = true
      },
      onHead: (status, headers) => {
        if (status < 200 || status > 299) {
          this.#letGo(id)
          this.#onRefused(request, status, headers)
        }
      },
      // The answer comes on the stream; who has more to say here than that it will is let go of.
      onData: ({ length }) => {
        room -= length
        if (room < 0) this.#letGo(id)
      },
      onEnd: () => this.#asked.delete(id),
      onBroken: (error) => {
        this.#asked.delete(id)
        this.#events.onFailed(id, brokenOff(this.#server, error, left))
      },
    })
    if (exchange) this.#asked.set(id, exchange)
    return exchange !== undefined
  }

  #onRefused({ id }: OutboundRequest, status: number, headers: ResponseHeaders): void {
    const denied = status === 401 || status === 403
    if (this.#agreement || denied || status < 400 || status > 499) {
      this.#events.onFailed(id, badStatus(this.#server, status, headers))
      return
    }
    // In the opening a refusal says which era the server is not of; the status stands for a code.
    const text = errorText(status, `HTTP ${status}`)
    this.#events.onLine(Buffer.from(answerFrame(id, 'error', text)), id)
  }

  /** The stream is gone, and with it the conversation; or there never was one. */
  #onGone(error: GuardError): void {
    if (this.#isOver || this.#stopping) return
    this.#isOver = true
    this.#takeBack()
    this.#stream?.abort()
    void this.#wire.close()
    if (this.#path === undefined && this.#options.onUnopened) {
      this.#options.onUnopened(error)
      return
    }
    for (const { request } of this.#waiting.splice(0))
      if (request) this.#events.onFailed(request.id, error)
    this.#events.onExit({ code: null, signal: null, lost: 'with its event stream' })
  }

  async #stop(graceMs: number): Promise<void> {
    if (this.#isOver) return
    this.#takeBack()
    this.#stream?.abort()
    await atMost(this.#options.timers, graceMs, this.#asides.settled())
    await this.#wire.close()
    this.#isOver = true
    this.#events.onExit({ code: null, signal: null, lost: 'as it was told to' })
  }
}
