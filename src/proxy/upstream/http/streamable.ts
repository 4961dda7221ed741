/**
 * Streamable HTTP in both eras (MCP 2026-07-28, Streamable HTTP; 2025-11-25, Transports): a POST for each message, and in
 * the legacy era a session, a standing stream, and streams that are taken up again. Nothing is ever sent twice.
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
import { Asides } from './asides.ts'
import type { ResponseHeaders } from './exchange.ts'
import { badStatus } from './failure.ts'
import { RequestHead } from './head.ts'
import { oneLine } from './one-line.ts'
import { atMost } from './patience.ts'
import { Post, type PostHost, type Refused } from './post.ts'
import { poolTo } from './shown.ts'
import { isModernError, rpcErrorIn, type RpcError } from './rpc-error.ts'
import { Standing } from './standing.ts'
import { Wire } from './wire.ts'

export interface StreamableOptions {
  readonly timers: Timers
  /** The server does not know Streamable HTTP, as it seems: `giveUp` where it knows nothing older either. */
  readonly onOlder?: (frame: string, request: OutboundRequest, giveUp: () => void) => void
}

const GRACE_MS = 1000
/** Statuses with which a server answers that does not know Streamable HTTP (Backward Compatibility). */
const OLDER: ReadonlySet<number> = new Set([400, 404, 405])
/** Not every server says 404 of a session that it does not know: two of these in a row are taken for it. */
const DOUBTFUL: ReadonlySet<number> = new Set([400, 410])
const MOST_DOUBTS = 2

export class StreamableConnection implements UpstreamConnection, PostHost {
  readonly remote = true
  readonly server: string
  readonly path: string
  readonly head: RequestHead
  readonly wire: Wire
  readonly timers: Timers
  readonly events: ConnectionEvents
  readonly #options: StreamableOptions
  readonly #asides: Asides
  readonly #posts = new Map<number, Post>()
  #standing: Standing | undefined
  #agreement: Agreement | undefined
  #doubts = 0
  #isOver = false
  #stopping: Promise<void> | undefined

  constructor(address: Address, events: ConnectionEvents, options: StreamableOptions) {
    const { pathname, search } = new URL(address.url)
    this.server = address.server
    this.path = `${pathname}${search}`
    this.head = new RequestHead(address)
    this.wire = new Wire(() => poolTo(address))
    this.timers = options.timers
    this.events = events
    this.#options = options
    const { head, wire } = this
    this.#asides = new Asides({ head, wire, onStatus: (status) => this.#onAside(status) })
  }

  send(frame: string, request?: OutboundRequest): boolean {
    if (this.#isOver || this.#stopping) return false
    if (!request) {
      // A modern client posts requests alone: what it is asked comes in answers, and a call is called off by its stream.
      return this.#agreement?.era !== 'modern' && this.#asides.post(this.path, frame)
    }
    const post = new Post(this, frame, request)
    this.#posts.set(request.id, post)
    if (post.start()) return true
    this.#posts.delete(request.id)
    return false
  }

  agreed(agreement: Agreement): void {
    this.#agreement = agreement
    this.head.agreed(agreement)
  }

  abandon(id: number): boolean {
    const post = this.#posts.get(id)
    // What has not left needs no calling off; and outside the legacy era the end of its stream is just that.
    const told = this.#agreement?.era !== 'legacy' || post?.left === false
    post?.drop()
    return told
  }

  stop(graceMs: number = GRACE_MS): Promise<void> {
    this.#stopping ??= this.#stop(graceMs)
    return this.#stopping
  }

  mayResume(): boolean {
    return this.#agreement?.era === 'legacy'
  }

  onAccepted(post: Post, headers: ResponseHeaders): GuardError | undefined {
    this.#doubts = 0
    const session = headers['mcp-session-id']
    if (post.request.method !== 'initialize' || session === undefined) return undefined
    if (typeof session === 'string' && this.head.opened(session)) return undefined
    return new GuardError(
      'ERR_UPSTREAM_DOWN',
      `\`${this.server}\` opened a session under an id that is none`,
    )
  }

  onOver(post: Post): void {
    this.#posts.delete(post.id)
  }

  onRefused(post: Post, { status, headers, body }: Refused): void {
    const said = body && rpcErrorIn(body)
    const lost = this.#isSessionLost(status, said)
    const denied = status === 401 || (status === 403 && headers['www-authenticate'] !== undefined)
    if (body && said?.id === post.id && !lost && !denied) {
      post.conclude(body)
      return
    }
    if (!this.#agreement && status >= 400 && status < 500 && status !== 401 && status !== 403) {
      this.#notOpened(post, status, said)
      return
    }
    post.fail(badStatus(this.server, status, headers))
    if (this.head.session !== undefined && DOUBTFUL.has(status)) this.#doubts += 1
    if (lost || this.#doubts >= MOST_DOUBTS) this.#end(`with its session (HTTP ${status})`)
  }

  /** In the opening a refusal says which era the server is not of, if nothing else. */
  #notOpened(post: Post, status: number, said: RpcError | undefined): void {
    const { frame, request } = post
    const isModern = said !== undefined && isModernError(status, said)
    // The status stands for a code where the server gave none.
    const text = isModern ? JSON.stringify(said.error) : errorText(status, `HTTP ${status}`)
    const answer = Buffer.from(answerFrame(request.id, 'error', text))
    const { onOlder } = this.#options
    if (onOlder && request.method === 'initialize' && OLDER.has(status) && !isModern) {
      post.drop()
      onOlder(frame, request, () => this.events.onLine(answer, request.id))
    } else {
      post.conclude(answer)
    }
  }

  /** MCP 2025-11-25, Session Management: a session that the server does not know any more. */
  #isSessionLost(status: number, said: RpcError | undefined): boolean {
    const { session } = this.head
    return session !== undefined && status === 404 && !(said && isModernError(status, said))
  }

  #onAside(status: number | undefined): void {
    if (this.#isOver || this.#stopping || status === undefined) return
    if (this.#isSessionLost(status, undefined)) this.#end(`with its session (HTTP ${status})`)
    else if (status < 300 && this.#agreement?.era === 'legacy') this.#standing ??= this.#stand()
  }

  #stand(): Standing {
    const { path, head, wire, timers, events } = this
    const standing = new Standing({
      path,
      head,
      wire,
      timers,
      onMessage: (message) => events.onLine(oneLine(message)),
      onTooLong: (bytes, cut) => events.onTooLong(bytes, cut),
      onMissed: () => events.onMissed(),
      onSessionOver: () => this.#end('with its session (HTTP 404)'),
    })
    standing.open()
    return standing
  }

  #letGo(): void {
    this.#standing?.stop()
    for (const post of this.#posts.values()) post.drop()
  }

  /** It is over without having been asked to end. */
  #end(lost: string): void {
    if (this.#isOver || this.#stopping) return
    this.#isOver = true
    this.#letGo()
    void this.wire.close()
    this.events.onExit({ code: null, signal: null, lost })
  }

  async #stop(graceMs: number): Promise<void> {
    if (this.#isOver) return
    this.#letGo()
    await atMost(
      this.timers,
      graceMs,
      this.#asides.settled().then(() => this.#endSession()),
    )
    await this.wire.close()
    this.#isOver = true
    this.events.onExit({ code: null, signal: null, lost: 'as it was told to' })
  }

  /** A server that keeps sessions is told that this one is over; what it says to that changes nothing. */
  #endSession(): Promise<void> {
    const { head, path, wire } = this
    if (head.session === undefined || this.#agreement?.era === 'modern') return Promise.resolve()
    return new Promise((resolve) => {
      const done = (): void => resolve()
      const events = {
        onLeaving: ignore,
        onHead: done,
        onData: ignore,
        onEnd: done,
        onBroken: done,
      }
      if (!wire.send({ method: 'DELETE', path, headers: head.delete() }, 'aside', events)) done()
    })
  }
}

function ignore(): void {
  return undefined
}
