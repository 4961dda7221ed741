/**
 * The guard as a Streamable HTTP server: one endpoint for both eras. What a request may ask for depends on the authorization
 * that it presents, and on nothing that was said before.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isObject, type JsonObject, member } from '../../../model/json.ts'
import type { Clock, OperationalLog, Timers } from '../../../model/port.ts'
import { refusal } from '../../../model/verdict.ts'
import type { Front } from '../../front.ts'
import { CODE, errorText, LEGACY_VERSIONS, type RequestId } from '../../protocol.ts'
import { Session } from '../../session.ts'
import { parseMessage, REQUEST_LIMITS } from '../../strict.ts'
import { Bodies, type Body } from './body.ts'
import { Conversations } from './conversations.ts'
import { preflight, shareWith } from './cors.ts'
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
import { httpServer, type ServerOptions } from './server.ts'
import {
  accepted,
  BUSY,
  NO_OPENING,
  NO_SESSION,
  NO_VERSION,
  NOT_ALLOWED,
  plain,
  refuse,
  STOPPING,
} from './reply.ts'

export interface ListenerOptions extends ServerOptions {
  readonly host: string
  readonly port: number
  readonly rules: GateRules
  readonly posts: Posts
  readonly clock: Clock
  readonly timers: Timers
  readonly operational: OperationalLog
  /** What all bodies that are being read may have together, in bytes. */
  readonly mostReading?: number | undefined
  /** Sessions of the legacy era at once. */
  readonly maxSessions: number
  /** A session that was not used for so long ends. */
  readonly sessionIdleMs: number
  /** True while calls can be put on record. */
  readonly ready: () => boolean
}

/** How long what is under way may take when the guard stops; then it is called off, and may take so long to be settled. */
const FINISH_MS = 5000
const SETTLE_MS = 2000
/** How often streams that are still silent begin, and how many times less often open ones are kept alive. */
const TICK_MS = 500
const BEAT_TICKS = 30

export class Listener {
  readonly #options: ListenerOptions
  readonly #server: Server
  readonly #bodies: Bodies
  readonly #conversations: Conversations
  /** Modern requests that are not answered yet, and what calls each off. */
  readonly #open = new Map<Exchange, () => void>()
  #stopTicking: (() => void) | undefined
  #stopping = false
  /** Responses that are not all on their way. A connection may count as idle before. */
  #responding = 0

  constructor(options: ListenerOptions) {
    this.#options = options
    this.#conversations = new Conversations({ ...options, posts: options.posts.count })
    this.#bodies = new Bodies(REQUEST_LIMITS.maxBytes, options.mostReading)
    this.#server = httpServer(options, (request, response, waits) =>
      this.#receive(request, response, waits),
    )
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

  #receive(request: IncomingMessage, response: ServerResponse, waits: boolean): void {
    this.#responding += 1
    response.on('close', () => {
      this.#responding -= 1
      if (this.#stopping && this.#responding === 0) this.#server.closeIdleConnections()
    })
    const { rules } = this.#options
    const path = gate(request, rules)
    if (typeof path !== 'string') {
      this.#turnAway(response, path)
      return
    }
    shareWith(request, response, rules)
    if (preflight(request, response, rules)) return
    if (path === '/healthz' || path === '/readyz') {
      const up = path === '/healthz' || (!this.#stopping && this.#options.ready())
      plain(response, up ? 200 : 503, up ? 'ok' : 'not ready')
      return
    }
    const post = this.#options.posts.admit(presentedKey(request))
    if (!post) {
      const headers = { 'www-authenticate': 'Bearer realm="chaperone"' }
      this.#turnAway(response, { status: 401, why: 'no key that is known was presented', headers })
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
    this.#bodies.read(request, post, (body) => this.#read(post, request, response, body))
  }

  #read(post: Post, request: IncomingMessage, response: ServerResponse, body: Body): void {
    if (body === 'gone') return
    // It began before the guard was told to stop.
    if (this.#stopping) {
      this.#refuse(response, STOPPING)
      return
    }
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
    if (opens && !isOpening(message)) {
      // Nothing is started for it.
      this.#refuse(response, NO_OPENING, idOf(message))
      return
    }
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
    const version = headers['mcp-protocol-version']
    if (version !== undefined && !LEGACY_VERSIONS.some((known) => known === version)) {
      this.#refuse(response, NO_VERSION)
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
      // The session is well: 404 would end it (MCP 2025-11-25, Session Management).
      const resumes = typeof last === 'string'
      const why = resumes ? 'there is nothing to go on with' : 'the stream is open already'
      this.#refuse(response, { status: resumes ? 400 : 409, why })
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

  /** Somebody who is not known: the connection is free for others. */
  #turnAway(response: ServerResponse, refused: HttpRefusal): void {
    response.shouldKeepAlive = false
    this.#refuse(response, refused)
  }

  #refuse(response: ServerResponse, refused: HttpRefusal, id?: RequestId): void {
    this.#options.onRefused(refused.status, refused.why)
    refuse(response, refused, id)
  }
}

const MODERN = { era: 'modern' } as const

/** As far as an opening can be told from what is none without opening anything. */
function isOpening({ id, params }: JsonObject): boolean {
  const asked = isObject(params) ? member(params, 'protocolVersion') : undefined
  return id !== undefined && typeof asked === 'string'
}

function idOf({ id }: JsonObject): RequestId | undefined {
  return typeof id === 'string' || typeof id === 'number' ? id : undefined
}
