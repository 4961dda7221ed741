/** The sessions of legacy agents: opened within limits, found only by whoever presents the same authorization, ended when not used. */
import type { Clock, OperationalLog, Timers } from '../../../model/port.ts'
import { Conversation } from './conversation.ts'
import type { HttpRefusal } from './gate.ts'
import type { Post } from './posts.ts'

export interface ConversationsOptions {
  readonly clock: Clock
  readonly timers: Timers
  readonly operational: OperationalLog
  readonly maxSessions: number
  readonly sessionIdleMs: number
  /** How many there are that can open sessions: each has a share of them. */
  readonly posts: number
}

const UNKNOWN: HttpRefusal = { status: 404, why: 'there is no such session' }
const MISSING: HttpRefusal = { status: 400, why: '`Mcp-Session-Id` is missing' }
const OWN: HttpRefusal = { status: 400, why: 'the guard names sessions, not the client' }
const FULL: HttpRefusal = {
  status: 503,
  why: 'too many sessions are open',
  headers: { 'retry-after': '10' },
}
const LOOK_MS = 30_000

export class Conversations {
  readonly #options: ConversationsOptions
  readonly #byId = new Map<string, { readonly post: Post; readonly conversation: Conversation }>()
  readonly #ending = new Set<Promise<void>>()
  #stopLooking: (() => void) | undefined

  constructor(options: ConversationsOptions) {
    this.#options = options
  }

  begin(post: Post, given: string | readonly string[] | undefined): Conversation | HttpRefusal {
    if (given !== undefined) return OWN
    if (this.#byId.size >= this.#options.maxSessions) {
      const surplus = this.#surplus(post)
      if (!surplus) return FULL
      this.close(surplus)
    }
    const now = this.#options.clock.monotonic()
    const conversation: Conversation = new Conversation({
      open: (session) => post.open(session),
      onUnopened: () => this.close(conversation),
      now,
    })
    this.#byId.set(conversation.id, { post, conversation })
    this.#stopLooking ??= this.#look()
    return conversation
  }

  /** The session of this name, for whoever opened it; for others there is none. */
  find(post: Post, given: string | readonly string[] | undefined): Conversation | HttpRefusal {
    if (typeof given !== 'string') return MISSING
    const found = this.#byId.get(given)
    if (found?.post !== post) return UNKNOWN
    found.conversation.lastUsed = this.#options.clock.monotonic()
    return found.conversation
  }

  /** From now on there is no such session; what is under way in it is called off. */
  close(conversation: Conversation): void {
    this.#byId.delete(conversation.id)
    const ending = conversation
      .end(0)
      .catch((error: unknown) =>
        this.#options.operational.error(
          { error: error instanceof Error ? error.message : String(error) },
          'a session could not be ended',
        ),
      )
      .finally(() => this.#ending.delete(ending))
    this.#ending.add(ending)
  }

  prime(): void {
    for (const { conversation } of this.#byId.values()) conversation.prime()
  }

  beat(): void {
    for (const { conversation } of this.#byId.values()) conversation.beat()
  }

  /** Ends all of them, once what is under way in each is done or so long has passed. */
  async end(patienceMs: number): Promise<void> {
    this.#stopLooking?.()
    const open = [...this.#byId.values()]
    await Promise.all([
      ...open.map(({ conversation }) => conversation.end(patienceMs)),
      ...this.#ending,
    ])
    this.#byId.clear()
  }

  /**
   * Where all sessions are taken, nobody is kept out by somebody who has more than a share: the session that was not used for
   * longest, if there is one that nobody listens on, of whoever has the most.
   */
  #surplus(post: Post): Conversation | undefined {
    const share = Math.max(1, Math.floor(this.#options.maxSessions / this.#options.posts))
    const byPost = Map.groupBy(this.#byId.values(), (one) => one.post)
    if ((byPost.get(post)?.length ?? 0) >= share) return undefined
    const [most = []] = [...byPost.values()].toSorted((one, other) => other.length - one.length)
    const ranked = most
      .map(({ conversation }) => conversation)
      .toSorted(
        (one, other) => Number(other.idle) - Number(one.idle) || one.lastUsed - other.lastUsed,
      )
    return most.length > share ? ranked[0] : undefined
  }

  #look(): () => void {
    return this.#options.timers.after(LOOK_MS, () => {
      const { clock, sessionIdleMs } = this.#options
      const now = clock.monotonic()
      for (const { conversation } of this.#byId.values()) {
        if (conversation.idle && now - conversation.lastUsed >= sessionIdleMs)
          this.close(conversation)
      }
      this.#stopLooking = this.#byId.size > 0 ? this.#look() : undefined
    })
  }
}
