/**
 * One stream of events to an agent (MCP 2025-11-25, Streamable HTTP, Resumability): what was sent is kept for a while, so that
 * an agent whose connection broke goes on where it was. A stream of the modern era is never resumed, and keeps nothing.
 */
import type { ServerResponse } from 'node:http'

const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  // Reverse proxies hold events back otherwise.
  'x-accel-buffering': 'no',
} as const

/** What waits for an agent that does not read: beyond the first, notifications are dropped; beyond the second, it is given up. */
const NOTICES_WAIT_BYTES = 256 * 1024
const ANSWERS_WAIT_BYTES = 64 * 1024 * 1024
const NOTICE = '{"jsonrpc":"2.0","method":'
/** What one stream keeps for an agent that comes back; the newest event whatever its size. */
const KEPT_LENGTH = 1024 * 1024
const KEPT_EVENTS = 256
/** How long an agent waits before it comes back, unless an upstream says otherwise; and never longer. */
const RETRY_MS = 1000
const LONGEST_RETRY_MS = 30_000
/** An open stream on which nothing moves for so long, though something is written on it again and again, is given up. */
const STALL_MS = 60_000

interface Kept {
  readonly seq: number
  readonly text: string
}

export interface StreamOptions {
  /** Names the stream in the ids of its events; absent for one that is not resumed. */
  readonly name?: string
  /** Whether it begins with an id to come back with and nothing else; clients of before 2025-11-25 cannot read that. */
  readonly primes?: boolean
  /** Headers beside the usual ones. */
  readonly headers?: Readonly<Record<string, string>>
}

export class EventStream {
  readonly #options: StreamOptions
  #response: ServerResponse | undefined
  #seq = 0
  /** The last event that was put on any connection. */
  #written = 0
  /** True once the agent has been given an id to come back with. */
  #known = false
  #kept: Kept[] = []
  #keptLength = 0
  #ended = false

  constructor(options: StreamOptions = {}) {
    this.#options = options
  }

  /** True while an agent is connected to it. */
  get attached(): boolean {
    return this.#response !== undefined
  }

  get ended(): boolean {
    return this.#ended
  }

  get name(): string | undefined {
    return this.#options.name
  }

  /** The number of the last event that was put on any connection. */
  get written(): number {
    return this.#written
  }

  /** How much it keeps, in UTF-16 code units. */
  get kept(): number {
    return this.#keptLength
  }

  /** The only message, on a connection of its own: head, message and end in one write. */
  sendOnly(response: ServerResponse, frame: string): void {
    const text = this.#priming() + this.#event(frame)
    this.#ended = true
    const length = Buffer.byteLength(text)
    response.writeHead(200, { ...HEADERS, ...this.#options.headers, 'content-length': length })
    response.end(text)
  }

  /** Goes on with this connection, and with no other. `after`: the number of the last event that the agent has. */
  attach(response: ServerResponse, after?: number): void {
    const before = this.#response
    this.#response = response
    before?.end()
    response.writeHead(200, { ...HEADERS, ...this.#options.headers })
    response.setTimeout(STALL_MS)
    response.on('close', () => {
      if (this.#response === response) this.#response = undefined
    })
    this.#known ||= after !== undefined
    let opening = after === undefined ? this.#priming() : ''
    for (const { seq, text } of this.#kept) if (seq > (after ?? 0)) opening += text
    this.#written = this.#seq
    if (this.#ended) this.#close(opening)
    else if (opening === '') response.flushHeaders()
    else response.write(opening)
  }

  /** One message; kept where nobody is connected, or a connection may yet break. */
  send(frame: string): void {
    const text = this.#event(frame)
    const response = this.#response
    if (!response) return
    const waiting = response.writableLength
    if (waiting > NOTICES_WAIT_BYTES && frame.startsWith(NOTICE)) return
    if (waiting > ANSWERS_WAIT_BYTES) response.destroy()
    else this.#write(response, text)
  }

  /** The last message. */
  finish(frame: string): void {
    const text = this.#event(frame)
    this.#ended = true
    this.#close(text)
  }

  /** Nothing more will be said. */
  end(): void {
    this.#ended = true
    this.#close('')
  }

  /** Lets the agent go for now: it comes back after so long. One that has nothing to come back with stays. */
  pause(retryMs: number): void {
    if (this.#known) this.#close(`retry: ${Math.min(Math.round(retryMs), LONGEST_RETRY_MS)}\n\n`)
  }

  /** Keeps the connection from being taken for a dead one. */
  beat(): void {
    const response = this.#response
    if (response && response.writableLength === 0) response.write(':\n\n')
  }

  #write(response: ServerResponse, text: string): void {
    this.#written = this.#seq
    this.#known ||= this.#options.name !== undefined
    response.write(text)
  }

  #close(last: string): void {
    const response = this.#response
    this.#response = undefined
    if (response) this.#written = this.#seq
    response?.end(last)
  }

  /** An id to come back with, before anything else is sent (SEP-1699). */
  #priming(): string {
    const { name, primes } = this.#options
    if (name === undefined || primes !== true) return ''
    this.#known = true
    return `id: ${name}-${this.#seq}\nretry: ${RETRY_MS}\ndata: \n\n`
  }

  #event(frame: string): string {
    // JSON has no line ends but between its parts, and there they say nothing.
    const line = /[\r\n]/.test(frame) ? frame.replaceAll(/[\r\n]/g, ' ') : frame
    const { name } = this.#options
    if (name === undefined) return `data: ${line}\n\n`
    this.#seq += 1
    const text = `id: ${name}-${this.#seq}\ndata: ${line}\n\n`
    this.#kept.push({ seq: this.#seq, text })
    this.#keptLength += text.length
    while (
      this.#kept.length > KEPT_EVENTS ||
      (this.#kept.length > 1 && this.#keptLength > KEPT_LENGTH)
    )
      this.#keptLength -= this.#kept.shift()?.text.length ?? 0
    return text
  }
}
