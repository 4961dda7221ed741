/**
 * The guard as a Streamable HTTP server: one endpoint for both eras. What a request may ask for depends on the authorization
 * that it presents, and on nothing that was said before.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { JsonObject } from '../../../model/json.ts'
import type { Clock, OperationalLog, Timers } from '../../../model/port.ts'
import { refusal } from '../../../model/verdict.ts'
import type { Front } from '../../front.ts'
import { CODE, errorText, type RequestId } from '../../protocol.ts'
import { Session } from '../../session.ts'
import { parseMessage, REQUEST_LIMITS } from '../../strict.ts'
import { Bodies, type Body } from './body.ts'
import { Conversations } from './conversations.ts'
import { Exchange } from './exchange.ts'
import {
  accepts,
  formFault,
  gate,
  type GateRules,
  type HttpRefusal,
  presentedKey,
  TOO_LARGE,
} from './gate.ts'
import { headOf } from './head.ts'
import type { Post, Posts } from './posts.ts'
import { accepted, BUSY, NO_SESSION, NOT_ALLOWED, plain, refuse, STOPPING } from './reply.ts'

export interface ListenerOptions {
  readonly host: string
  readonly port: number
  readonly rules: GateRules
  readonly posts: Posts
  /** Something was refused before it was anybody's. */
  readonly onRefused: (status: number, why: string) => void
  readonly clock: Clock
  readonly timers: Timers
  readonly operational: OperationalLog
  /** Sessions of the legacy era at once. */
  readonly maxSessions: number
  /** A session that was not used for so long ends. */
  readonly sessionIdleMs: number
  /** True while calls can be put on record. */
  readonly ready: () => boolean
  /** A client has this long to send the head of a request, and this long for all of it; by the system's clock. */
  readonly headMs?: number
  readonly requestMs?: number
}

const HEAD_MS = 10_000
const REQUEST_MS = 60_000
const KEEP_ALIVE_MS = 65_000
const LOOK_MS = 1000
const MOST_CONNECTIONS = 4096
/** How long what is under way may take when the guard stops; then it is called off, and may take so long to be settled. */
const FINISH_MS = 5000
const SETTLE_MS = 2000
/** How often streams that are still silent begin, and how many times less often open ones are kept alive. */
const TICK_MS = 500
const BEAT_TICKS = 30

export class Listener {
  readonly #options: ListenerOptions
  readonly #server: Server
  readonly #bodies = new Bodies(REQUEST_LIMITS.maxBytes)
  readonly #conversations: Conversations
  /** Modern requests that are not answered yet, and what calls each off. */
  readonly #open = new Map<Exchange, () => void>()
  #stopTicking: (() => void) | undefined
  #stopping = false
  /** Responses that are not all on their way. A connection may count as idle before. */
  #responding = 0

  constructor(options: ListenerOptions) {
    this.#options = options
    this.#conversations = new Conversations(options)
    this.#server = createServer(
      {
        headersTimeout: options.headMs ?? HEAD_MS,
        requestTimeout: options.requestMs ?? REQUEST_MS,
        keepAliveTimeout: KEEP_ALIVE_MS,
        connectionsCheckingInterval: LOOK_MS,
        requireHostHeader: false,
      },
      (request, response) => this.#receive(request, response),
    )
    this.#server.maxConnections = MOST_CONNECTIONS
    this.#server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) =>
      this.#receive(request, response, true),
    )
    // Nothing but HTTP is spoken here.
    this.#server.on('upgrade', (_request, socket) => socket.destroy())
    this.#server.on('connect', (_request, socket) => socket.destroy())
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      const status =
        error.code === 'HPE_HEADER_OVERFLOW'
          ? 431
          : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
            ? 408
            : 400
      options.onRefused(status, 'not HTTP as it should be')
      if (socket.writable) socket.end(`HTTP/1.1 ${status} \r\nconnection: close\r\n\r\n`)
      else socket.destroy()
    })
  }

  /**
   * Resolves with the port once it listens.
   *
   * @throws Error of the system when it cannot
   */
  async listen(): Promise<number> {
    const { host, port, timers } = this.#options
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, resolve)
    })
    let ticks = 0
    const tick = (): void => {
      ticks += 1
      this.#conversations.prime()
      if (ticks % BEAT_TICKS === 0) this.#beat()
      this.#stopTicking = timers.after(TICK_MS, tick)
    }
    this.#stopTicking = timers.after(TICK_MS, tick)
    const address: AddressInfo | string | null = this.#server.address()
    return typeof address === 'object' && address ? address.port : port
  }

  /** Nothing new is taken; what is under way is done or settled, every stream ends, and connections are closed. */
  async stop(): Promise<void> {
    const { posts } = this.#options
    this.#stopping = true
    this.#stopTicking?.()
    const closed = new Promise<void>((resolve) => void this.#server.close(() => resolve()))
    posts.goDown()
    await Promise.all([posts.settled(FINISH_MS), this.#conversations.end(FINISH_MS)])
    for (const callOff of this.#open.values()) callOff()
    await posts.stop(SETTLE_MS)
    // What was answered at the last moment still goes out.
    const patience = this.#options.timers.after(SETTLE_MS, () => this.#server.closeAllConnections())
    if (this.#responding === 0) this.#server.closeIdleConnections()
    await closed
    patience()
  }

  #beat(): void {
    for (const exchange of this.#open.keys()) exchange.beat()
    this.#conversations.beat()
  }

  #receive(request: IncomingMessage, response: ServerResponse, waits = false): void {
    this.#responding += 1
    response.on('close', () => {
      this.#responding -= 1
      if (this.#stopping && this.#responding === 0) this.#server.closeIdleConnections()
    })
    const path = gate(request, this.#options.rules)
    if (typeof path !== 'string') {
      this.#refuse(response, path)
      return
    }
    if (path === '/healthz' || path === '/readyz') {
      const up = path === '/healthz' || (!this.#stopping && this.#options.ready())
      plain(response, up ? 200 : 503, up ? 'ok' : 'not ready')
      return
    }
    const post = this.#options.posts.admit(presentedKey(request))
    if (!post) {
      const headers = { 'www-authenticate': 'Bearer realm="chaperone"' }
      this.#refuse(response, { status: 401, why: 'no key that is known was presented', headers })
      return
    }
    if (request.method === 'POST') this.#post(post, request, { response, waits })
    else if (request.method === 'GET') this.#get(post, request, response)
    else if (request.method === 'DELETE') this.#delete(post, request, response)
    else this.#refuse(response, NOT_ALLOWED)
  }

  #post(
    post: Post,
    request: IncomingMessage,
    { response, waits }: { readonly response: ServerResponse; readonly waits: boolean },
  ): void {
    const fault = this.#stopping ? STOPPING : formFault(request, REQUEST_LIMITS.maxBytes)
    if (fault === TOO_LARGE) this.#tooLarge(post, request, response)
    if (fault) {
      this.#refuse(response, fault)
      return
    }
    if (waits) response.writeContinue()
    this.#bodies.read(request, (body) => this.#read(post, request, response, body))
  }

  #read(post: Post, request: IncomingMessage, response: ServerResponse, body: Body): void {
    if (body === 'gone') return
    if (body === 'too_large' || body === 'busy') {
      if (body === 'too_large') this.#tooLarge(post, request, response)
      this.#refuse(response, body === 'busy' ? BUSY : TOO_LARGE)
      return
    }
    const parsed = parseMessage(body)
    if (!parsed.ok) {
      const front = this.#frontOf(post, request)
      front?.relay.malformed(new Session(new Exchange(response)), parsed.why, {
        code: parsed.code,
        id: parsed.id ?? null,
      })
      if (!front) this.#refuse(response, NO_SESSION)
      return
    }
    this.#dispatch(post, request, response, parsed.value)
  }

  /** What somebody who is known sends is on record, also where nobody reads it. */
  #tooLarge(post: Post, request: IncomingMessage, response: ServerResponse): void {
    const why = refusal('admit', 'malformed', TOO_LARGE.why)
    this.#frontOf(post, request)?.relay.refused(new Session(new Exchange(response)), why, '')
  }

  #dispatch(
    post: Post,
    request: IncomingMessage,
    response: ServerResponse,
    message: JsonObject,
  ): void {
    const head = headOf(request.headers, message)
    if (head.fault !== undefined) {
      this.#mismatched(post, response, message, head.fault)
      return
    }
    if (head.era === 'legacy') {
      this.#legacy(post, request, response, message)
      return
    }
    const exchange = new Exchange(response)
    const session = new Session(exchange, 'modern')
    const { relay } = post.shared()
    const id = idOf(message)
    if (id === undefined) {
      relay.take(message, session, { era: 'modern' })
      accepted(response)
      return
    }
    this.#open.set(exchange, () => relay.callOff(session))
    // MCP 2026-07-28, Cancellation: who closes the response takes the request back.
    response.on('close', () => {
      this.#open.delete(exchange)
      if (!exchange.done) relay.hangUp(session)
      else if (session.listening.size > 0) relay.cancel(session, id)
    })
    relay.take(message, session, head.mirror ? { era: 'modern', mirror: head.mirror } : MODERN)
  }

  #mismatched(post: Post, response: ServerResponse, message: JsonObject, fault: string): void {
    const session = new Session(new Exchange(response), 'modern')
    const method = message['method']
    const why = refusal('admit', 'header_mismatch', fault)
    post.shared().relay.refused(session, why, typeof method === 'string' ? method : '')
    const text = errorText(CODE.headerMismatch, `Header mismatch: ${fault}`)
    session.outlet.answer(idOf(message) ?? null, 'error', text, CODE.headerMismatch)
  }

  #legacy(
    post: Post,
    request: IncomingMessage,
    response: ServerResponse,
    message: JsonObject,
  ): void {
    const opens = message['method'] === 'initialize'
    const given = request.headers['mcp-session-id']
    const conversation = opens
      ? this.#conversations.begin(post, given)
      : this.#conversations.find(post, given)
    if ('status' in conversation) {
      this.#refuse(response, conversation, idOf(message))
      return
    }
    const { session, front } = conversation
    const id = idOf(message)
    if (id === undefined) {
      front.relay.take(message, session, { era: 'legacy' })
      accepted(response)
      return
    }
    if (typeof message['method'] !== 'string') {
      const taken = front.relay.take(message, session, { era: 'legacy' })
      if (taken) accepted(response)
      else this.#refuse(response, { status: 400, why: 'an answer to no request' })
      return
    }
    if (session.inflight.has(id)) {
      // Its answer would have two streams to go to.
      front.relay.malformed(
        new Session(new Exchange(response)),
        'the id of a request that is under way',
        {
          code: CODE.invalidRequest,
          id,
        },
      )
      return
    }
    conversation.exchange(id, response, opens)
    front.relay.take(message, session, { era: 'legacy' })
  }

  #get(post: Post, request: IncomingMessage, response: ServerResponse): void {
    const { headers } = request
    const given = headers['mcp-session-id']
    const conversation = given === undefined ? NOT_ALLOWED : this.#conversations.find(post, given)
    if ('status' in conversation) {
      this.#refuse(response, conversation)
      return
    }
    if (!accepts(headers.accept, 'text/event-stream')) {
      this.#refuse(response, { status: 406, why: 'a stream is `text/event-stream`: accept it' })
      return
    }
    const last = headers['last-event-id']
    const on =
      typeof last === 'string' ? conversation.resume(response, last) : conversation.listen(response)
    if (!on) {
      const why =
        typeof last === 'string' ? 'there is nothing to go on with' : 'the stream is open already'
      this.#refuse(response, { status: typeof last === 'string' ? 404 : 409, why })
    }
  }

  #delete(post: Post, request: IncomingMessage, response: ServerResponse): void {
    const given = request.headers['mcp-session-id']
    const conversation = given === undefined ? NOT_ALLOWED : this.#conversations.find(post, given)
    if ('status' in conversation) {
      this.#refuse(response, conversation)
      return
    }
    this.#conversations.close(conversation)
    response.writeHead(204).end()
  }

  /** Where what is no message is put on record. */
  #frontOf(post: Post, { headers }: IncomingMessage): Front | undefined {
    const given = headers['mcp-session-id']
    if (given === undefined) return post.shared()
    const conversation = this.#conversations.find(post, given)
    return 'status' in conversation ? undefined : conversation.front
  }

  #refuse(response: ServerResponse, refused: HttpRefusal, id?: RequestId): void {
    this.#options.onRefused(refused.status, refused.why)
    refuse(response, refused, id)
  }
}

const MODERN = { era: 'modern' } as const

function idOf({ id }: JsonObject): RequestId | undefined {
  return typeof id === 'string' || typeof id === 'number' ? id : undefined
}
