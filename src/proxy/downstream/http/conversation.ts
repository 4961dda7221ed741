/**
 * A session of a legacy agent over HTTP (MCP 2025-11-25, Streamable HTTP, Session Management): what belongs to a request goes
 * out on its own stream, the rest on the one that the agent opens by GET, and either can be taken up again.
 */
import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { Front } from '../../front.ts'
import type { RequestId } from '../../protocol.ts'
import { type Outlet, Session } from '../../session.ts'
import { EventStream } from './event-stream.ts'
import { Exchange } from './exchange.ts'

/** Streams that have ended and are kept for an agent that missed their end. */
const KEPT_STREAMS = 16
const KEPT_LENGTH = 4 * 1024 * 1024
/** Empty events could not be read by clients of earlier revisions. */
const PRIMES_FROM = '2025-11-25'

/** How long what was called off may take to be settled. */
const SETTLE_MS = 2000

const STANDING = 'standing'
/** How a frame begins that wants an answer. */
const REQUEST = '{"jsonrpc":"2.0","id":'

export interface ConversationOptions {
  readonly open: (session: Session) => Front
  /** Its opening was refused: there is no such session. */
  readonly onUnopened: () => void
  readonly now: number
}

export class Conversation implements Outlet {
  /** 256 bits: it cannot be guessed, and is no proof of who presents it. */
  readonly id: string = randomBytes(32).toString('base64url')
  readonly session: Session
  readonly front: Front
  /** On the clock that only grows. */
  lastUsed: number
  readonly #exchanges = new Map<RequestId, Exchange>()
  readonly #ended: { readonly name: string; readonly stream: EventStream }[] = []
  readonly #streams = new Map<string, EventStream>()
  readonly #onUnopened: () => void
  #standing: EventStream | undefined
  #opening: RequestId | undefined
  #count = 0

  constructor({ open, onUnopened, now }: ConversationOptions) {
    this.session = new Session(this)
    this.front = open(this.session)
    this.#onUnopened = onUnopened
    this.lastUsed = now
  }

  /** Nothing is under way, and nobody listens. */
  get idle(): boolean {
    return this.#exchanges.size === 0 && this.#standing?.attached !== true
  }

  /** The response of a request; its answer says which session it belongs to. */
  exchange(id: RequestId, response: ServerResponse, opens: boolean): void {
    this.#count += 1
    const name = String(this.#count)
    const exchange = new Exchange(response, {
      name,
      primes: !opens && (this.session.version ?? '') >= PRIMES_FROM,
      ...(opens ? { headers: { 'mcp-session-id': this.id } } : {}),
    })
    this.#exchanges.set(id, exchange)
    if (opens) this.#opening = id
  }

  /** The stream on which the agent hears what belongs to no request; false when it has one already. */
  listen(response: ServerResponse): boolean {
    if (this.#standing?.attached === true) return false
    this.#standing ??= this.#named(STANDING)
    // Without the id of an event it goes on with what was on no connection yet.
    this.#standing.attach(response, this.#standing.written)
    return true
  }

  /**
   * Goes on with a stream after the event that the agent names; false when that is not kept any more. A connection that is
   * still there is one that the agent has given up.
   */
  resume(response: ServerResponse, lastEventId: string): boolean {
    const [, name, seq] = /^(standing|\d{1,15})-(\d{1,15})$/.exec(lastEventId) ?? []
    const stream = name === undefined ? undefined : this.#find(name)
    if (!stream) return false
    stream.attach(response, Number(seq))
    return true
  }

  answer(id: RequestId | null, part: 'result' | 'error', text: string, code?: number): void {
    const exchange = id === null ? undefined : this.#exchanges.get(id)
    if (id === null || !exchange) return
    exchange.answer(id, part, text, code)
    this.#settle(id, exchange)
    if (id !== this.#opening) return
    this.#opening = undefined
    if (part === 'error') this.#onUnopened()
  }

  say(frame: string, about?: RequestId): void {
    const exchange = about === undefined ? undefined : this.#exchanges.get(about)
    if (exchange) {
      exchange.say(frame)
      return
    }
    // Kept until the agent opens the stream; one that never does misses it, but for what it has to answer.
    const any = frame.startsWith(REQUEST) ? [...this.#exchanges.values()].at(-1) : undefined
    if (any && this.#standing?.attached !== true) any.say(frame)
    else (this.#standing ??= this.#named(STANDING)).send(frame)
  }

  drop(id: RequestId): void {
    const exchange = this.#exchanges.get(id)
    if (!exchange) return
    exchange.drop()
    this.#settle(id, exchange)
  }

  pause(id: RequestId, retryMs: number): void {
    this.#exchanges.get(id)?.pause(id, retryMs)
  }

  /** Streams whose answer takes its time begin without it. */
  prime(): void {
    for (const exchange of this.#exchanges.values()) exchange.prime()
  }

  /** Keeps open connections from being taken for dead ones. */
  beat(): void {
    this.#standing?.beat()
    for (const exchange of this.#exchanges.values()) exchange.beat()
  }

  /** Ends what is behind the session, and every stream. What is under way may take so long before it is called off. */
  async end(patienceMs: number): Promise<void> {
    this.front.goDown()
    if (patienceMs > 0) await this.front.settled(patienceMs)
    this.front.relay.callOff(this.session)
    await this.front.stop(SETTLE_MS)
    this.front.relay.hangUp(this.session)
    for (const exchange of this.#exchanges.values()) exchange.drop()
    this.#exchanges.clear()
    this.#standing?.end()
  }

  #named(name: string): EventStream {
    const stream = new EventStream({ name })
    this.#streams.set(name, stream)
    return stream
  }

  #find(name: string): EventStream | undefined {
    const under = [...this.#exchanges.values()].find(({ stream }) => stream?.name === name)
    return (
      this.#streams.get(name) ??
      under?.stream ??
      this.#ended.find((ended) => ended.name === name)?.stream
    )
  }

  #settle(id: RequestId, { stream }: Exchange): void {
    this.#exchanges.delete(id)
    if (stream?.name === undefined) return
    this.#ended.push({ name: stream.name, stream })
    let kept = this.#ended.reduce((sum, ended) => sum + ended.stream.kept, 0)
    while (this.#ended.length > KEPT_STREAMS || (kept > KEPT_LENGTH && this.#ended.length > 1))
      kept -= this.#ended.shift()?.stream.kept ?? 0
  }
}
