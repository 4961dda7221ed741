/**
 * One request over Streamable HTTP, and everything that comes back on account of it: one JSON answer, or a stream of
 * messages with the answer among them, taken up again where it broke off if the upstream can do that.
 */
import type { GuardError } from '../../../model/error.ts'
import type { Timers } from '../../../model/port.ts'
import { endsOf } from '../cut.ts'
import type { ConnectionEvents, OutboundRequest } from '../connection.ts'
import { ANSWER_MAX_BYTES } from '../process.ts'
import {
  isPacked,
  mediaType,
  type Exchange,
  type ExchangeEvents,
  type ResponseHeaders,
} from './exchange.ts'
import { brokenOff, noAnswer } from './failure.ts'
import { Gathering } from './gathering.ts'
import { EVENT_STREAM, type RequestHead } from './head.ts'
import { oneLine } from './one-line.ts'
import { SseReader, waitBefore } from './sse.ts'
import type { Wire } from './wire.ts'

/** A response other than success. `body` is undefined where it is larger than any error. */
export interface Refused {
  readonly status: number
  readonly headers: ResponseHeaders
  readonly body: Buffer | undefined
}

/** What a post needs of its connection. */
export interface PostHost {
  readonly server: string
  readonly path: string
  readonly head: RequestHead
  readonly wire: Wire
  readonly timers: Timers
  readonly events: ConnectionEvents
  /** Whether a stream that broke off may be taken up again (MCP 2025-11-25, Resumability). */
  mayResume(): boolean
  /** It was accepted; an error for what makes its answer worthless. */
  onAccepted(post: Post, headers: ResponseHeaders): GuardError | undefined
  onRefused(post: Post, refused: Refused): void
  /** Nothing more is expected of it. */
  onOver(post: Post): void
}

const ERROR_MAX_BYTES = 1024 * 1024
/** Openings in a row that bring nothing. */
const MOST_TRIES = 5
/** How long a stream may stay open once its request is answered. */
const LINGER_MS = 1000

/** What is done with a response's body. */
interface Taking {
  data(chunk: Buffer): void
  end(): void
}

export class Post implements ExchangeEvents {
  readonly request: OutboundRequest
  readonly frame: string
  readonly #host: PostHost
  #exchange: Exchange | undefined
  #taking: Taking | undefined
  #left = false
  #isOver = false
  #reader: SseReader | undefined
  #lastId: string | undefined
  #retryMs: number | undefined
  #tries = 0
  #takeBack: (() => void) | undefined

  constructor(host: PostHost, frame: string, request: OutboundRequest) {
    this.#host = host
    this.frame = frame
    this.request = request
  }

  get id(): number {
    return this.request.id
  }

  /** Whether the upstream may have seen it. */
  get left(): boolean {
    return this.#left
  }

  /** False when too much is under way. */
  start(): boolean {
    const { head, path, wire } = this.#host
    const headers = head.post(this.request)
    const rank = this.request.method === 'subscriptions/listen' ? 'stream' : 'call'
    const outgoing = { method: 'POST', path, headers, body: this.frame } as const
    this.#exchange = wire.send(outgoing, rank, this)
    return this.#exchange !== undefined
  }

  /** Lets go of it; nobody is told. */
  drop(): void {
    const exchange = this.#exchange
    this.#exchange = undefined
    this.#over()
    exchange?.abort()
  }

  /** Its answer will not come. */
  fail(error: GuardError): void {
    this.drop()
    this.#host.events.onFailed(this.id, error)
  }

  /** The one message that answers it. */
  conclude(message: Buffer): void {
    this.#deliver(message)
    if (this.#host.events.awaits(this.id))
      this.fail(noAnswer(this.#host.server, 'answered with what is no answer to the request'))
    else this.#over()
  }

  onLeaving(): void {
    this.#left = true
  }

  onHead(status: number, headers: ResponseHeaders): void {
    if (status < 200 || status > 299) {
      this.#taking = this.#errorBody(status, headers)
      return
    }
    const worthless = this.#host.onAccepted(this, headers)
    if (worthless) this.fail(worthless)
    else this.#take(headers)
  }

  onData(chunk: Buffer): void {
    this.#taking?.data(chunk)
  }

  onEnd(): void {
    this.#exchange = undefined
    this.#taking?.end()
    if (this.#isOver) this.#over()
  }

  onBroken(error: unknown): void {
    this.#exchange = undefined
    if (this.#isOver) this.#over()
    else if (!this.#resumed()) this.fail(brokenOff(this.#host.server, error, this.#left))
  }

  #take(headers: ResponseHeaders): void {
    const { server } = this.#host
    if (isPacked(headers)) {
      this.fail(noAnswer(server, 'packed its answer, which it was asked not to'))
      return
    }
    switch (mediaType(headers)) {
      case 'application/json':
        this.#taking = this.#jsonBody()
        return
      case EVENT_STREAM:
        this.#taking = this.#eventStream()
        return
      default:
        this.fail(noAnswer(server, 'answered with neither JSON nor an event stream'))
    }
  }

  #jsonBody(): Taking {
    const body = new Gathering(ANSWER_MAX_BYTES)
    return {
      data: (chunk) => {
        if (!body.add(chunk)) this.#tooLong(body.length + chunk.length, body.take())
      },
      end: () => this.conclude(body.take()),
    }
  }

  #eventStream(): Taking {
    const reader = new SseReader({
      maxBytes: ANSWER_MAX_BYTES,
      onEvent: (type, data) => {
        this.#tries = 0
        // Nothing is read on behind an event for which the stream was let go of.
        if (type === 'message' && this.#exchange) this.#heard(data)
      },
      onTooLong: (bytes, { head }) => this.#tooLong(bytes, head),
    })
    this.#reader = reader
    return {
      data: (chunk) => reader.push(chunk),
      end: () => {
        if (this.#isOver || this.#resumed()) return
        this.fail(noAnswer(this.#host.server, 'ended the stream without an answer'))
      },
    }
  }

  #heard(message: Buffer): void {
    this.#deliver(message)
    if (this.#isOver || this.#host.events.awaits(this.id)) return
    // It should end now; who keeps it open all the same does not hold a connection with it.
    this.#over()
    this.#takeBack = this.#host.timers.after(LINGER_MS, () => this.#exchange?.abort())
  }

  #deliver(message: Buffer): void {
    this.#host.events.onLine(oneLine(message), this.id)
  }

  #tooLong(bytes: number, head: Buffer): void {
    this.drop()
    this.#host.events.onTooLong(bytes, endsOf(head), this.id)
  }

  #errorBody(status: number, headers: ResponseHeaders): Taking {
    const gathered = new Gathering(ERROR_MAX_BYTES)
    const refused = (body: Buffer | undefined): void =>
      this.#host.onRefused(this, { status, headers, body })
    return {
      data: (chunk) => {
        if (gathered.add(chunk)) return
        this.drop()
        refused(undefined)
      },
      end: () => refused(gathered.take()),
    }
  }

  /** True when the stream will be taken up again where it broke off. */
  #resumed(): boolean {
    const { host, reader } = { host: this.#host, reader: this.#reader }
    this.#lastId = reader?.lastId ?? this.#lastId
    this.#retryMs = reader?.retryMs ?? this.#retryMs
    this.#reader = undefined
    if (this.#lastId === undefined || this.#lastId === '' || this.#tries >= MOST_TRIES) return false
    if (!host.mayResume() || !host.events.awaits(this.id)) return false
    const delay = waitBefore(this.#retryMs, this.#tries)
    this.#tries += 1
    this.#taking = undefined
    host.events.onPaused(this.id, delay)
    this.#takeBack = host.timers.after(delay, () => this.#resume())
    return true
  }

  #resume(): void {
    const { head, path, wire } = this.#host
    const outgoing = { method: 'GET', path, headers: head.get(this.#lastId) } as const
    this.#exchange = wire.send(outgoing, 'call', {
      onLeaving: () => undefined,
      onHead: (status, headers) => this.#onResumed(status, headers),
      onData: (chunk) => this.onData(chunk),
      onEnd: () => this.onEnd(),
      onBroken: (error) => this.onBroken(error),
    })
    if (!this.#exchange) this.fail(noAnswer(this.#host.server, 'takes no more input'))
  }

  #onResumed(status: number, headers: ResponseHeaders): void {
    if (status === 200 && mediaType(headers) === EVENT_STREAM) this.#take(headers)
    else
      this.fail(
        noAnswer(
          this.#host.server,
          `does not take up the stream that broke off before the answer (HTTP ${status})`,
        ),
      )
  }

  #over(): void {
    this.#isOver = true
    this.#takeBack?.()
    this.#takeBack = undefined
    this.#host.onOver(this)
  }
}
