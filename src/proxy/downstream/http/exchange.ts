/**
 * One request over HTTP and its response: a single message where the answer is all there is to say, a stream of events from
 * the moment there is more. Legacy agents get a stream always, as they may come back for what they missed.
 */
import type { ServerResponse } from 'node:http'
import { answerFrame, CODE, type RequestId } from '../../protocol.ts'
import type { Outlet } from '../../session.ts'
import { EventStream, type StreamOptions } from './event-stream.ts'

/** Codes of errors that HTTP has a status for, too (MCP 2026-07-28, Streamable HTTP). */
const STATUS: ReadonlyMap<number, number> = new Map([
  [CODE.parse, 400],
  [CODE.invalidRequest, 400],
  [CODE.methodNotFound, 404],
  [CODE.headerMismatch, 400],
  [CODE.missingCapability, 400],
  [CODE.unsupportedVersion, 400],
])

export class Exchange implements Outlet {
  readonly #response: ServerResponse
  /** Set where the answer is a stream in any case. */
  readonly #events: StreamOptions | undefined
  #stream: EventStream | undefined
  #done = false

  constructor(response: ServerResponse, events?: StreamOptions) {
    this.#response = response
    this.#events = events
  }

  /** True once nothing more will be said. */
  get done(): boolean {
    return this.#done
  }

  /** What an agent may come back to; undefined where there is nothing. */
  get stream(): EventStream | undefined {
    return this.#stream
  }

  answer(id: RequestId | null, part: 'result' | 'error', text: string, code?: number): void {
    if (this.#done) return
    this.#done = true
    const frame = answerFrame(id, part, text)
    if (this.#stream) this.#stream.finish(frame)
    else if (this.#events && code !== CODE.invalidRequest) {
      this.#stream = new EventStream(this.#events)
      this.#stream.sendOnly(this.#response, frame)
    } else this.#single(code === undefined ? 200 : (STATUS.get(code) ?? 200), frame)
  }

  say(frame: string): void {
    if (!this.#done) this.#open().send(frame)
  }

  drop(): void {
    if (this.#done) return
    this.#done = true
    this.#open().end()
  }

  pause(_id: RequestId, retryMs: number): void {
    if (!this.#done && this.#events) this.#open().pause(retryMs)
  }

  /** An answer that takes its time: an agent that may come back for it is told where to. */
  prime(): void {
    if (!this.#done && this.#events) this.#open()
  }

  /** The connection is kept from being taken for a dead one. */
  beat(): void {
    if (!this.#done) this.#open().beat()
  }

  #open(): EventStream {
    if (this.#stream) return this.#stream
    this.#stream = new EventStream(this.#events)
    this.#stream.attach(this.#response)
    return this.#stream
  }

  #single(status: number, frame: string): void {
    this.#response.writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(frame),
    })
    this.#response.end(frame)
  }
}
