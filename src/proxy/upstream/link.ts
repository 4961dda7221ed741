/**
 * One upstream over its whole life: started, spoken to, lost, started again. Its ids are its own, so an answer can
 * never reach a request that another upstream owes.
 */
import { GuardError } from '../../model/error.ts'
import type { JsonObject } from '../../model/json.ts'
import type { Clock, Credential, OperationalLog, Timers } from '../../model/port.ts'
import { lineMask } from '../../model/secret-shape.ts'
import { idOfCutAnswer, readUpstreamLine, type UpstreamLine } from '../answer.ts'
import type { Errand } from '../errand.ts'
import {
  notificationFrame,
  requestFrame,
  answerFrame,
  type RequestId,
  type Self,
} from '../protocol.ts'
import { endsOf, looksLikeAnswer, type Dropped } from './cut.ts'
import type { Connect, UpstreamConnection, UpstreamDefinition } from './connection.ts'
import { shakeHands, type Agreement, type HandshakeWire, type Wish } from './handshake.ts'
import { Pending, type ProgressListener } from './pending.ts'
import type { Exit } from './process.ts'
import { isDenied, Retries } from './retries.ts'
import { neverStarted, type SendOptions, type Sent } from './sending.ts'

export type UpstreamNotification = Extract<UpstreamLine, { kind: 'notification' }>
export type UpstreamRequestLine = Extract<UpstreamLine, { kind: 'request' }>

/** What happens to a link, for the record and the operational log. */
export interface LinkEvents {
  onState(link: Link, state: 'started' | 'ready' | 'failed' | 'exited', facts: JsonObject): void
  /** `about`: the request that it belongs to, where the carrier tells. */
  onNotification(link: Link, notification: UpstreamNotification, about?: number): void
  /** A request from the upstream; whoever handles it answers through the link. */
  onRequest(link: Link, request: UpstreamRequestLine, about?: number): void
  /** The upstream has put the answer to a request off (MCP 2025-11-25, SSE polling). */
  onPaused(errand: Errand, retryMs: number): void
  /** For a while nobody heard whether one of its lists changed. */
  onMissed(link: Link): void
  onGarbage(server: string, why: string, count: number): void
}

export interface LinkOptions {
  readonly upstream: UpstreamDefinition
  readonly self: Self
  readonly clock: Clock
  readonly timers: Timers
  readonly operational: OperationalLog
  readonly events: LinkEvents
  readonly start: Connect
  readonly startTimeoutMs: number
  readonly callTimeoutMs: number
}

const PROBE_MS = 5000
/** One life of what is behind a link: a process, or a session over HTTP. */
interface Life {
  readonly connection: UpstreamConnection
  readonly pending: Pending
  /** How it ended, once it has. */
  readonly gone: Promise<string>
  /** Which login it began under. */
  readonly login: string | undefined
  ended: boolean
}

export class Link {
  readonly server: string
  readonly #options: LinkOptions
  readonly #credential: Credential | undefined
  #life: Life | undefined
  #agreement: Agreement | undefined
  #connecting: Promise<Agreement> | undefined
  readonly #retries: Retries
  readonly #garbage = new Map<string, number>()
  #stopped = false
  #barred = false
  readonly #ending = new Set<Promise<void>>()

  constructor(options: LinkOptions) {
    const { upstream } = options
    this.#options = options
    this.#credential = 'url' in upstream ? upstream.credential : undefined
    this.server = upstream.server
    this.#retries = new Retries(options.clock)
  }

  /** What was agreed on, while the upstream is up and its conversation is that of the login that there is. */
  get agreement(): Agreement | undefined {
    if (this.#agreement && this.#credential) this.#leaveOldLogin(this.#credential)
    return this.#agreement
  }

  /** True where parts of a call have to stand in headers, too (MCP 2026-07-28, Request Metadata). */
  get mirrors(): boolean {
    return 'url' in this.#options.upstream && this.#agreement?.era === 'modern'
  }

  /** Starts the process without speaking to it: its own start-up runs beside the guard's. */
  launch(): void {
    if (!this.#life && !this.#stopped && !this.#barred) this.#life = this.#begin()
  }

  /**
   * Ready to be asked, started again where it has ended.
   *
   * @throws GuardError ERR_UPSTREAM_DOWN when it cannot be started, opens in no era, or failed a moment ago;
   * ERR_UPSTREAM_DENIED when it does not take its credentials, or did not a moment ago
   */
  connect(wish: Wish): Promise<Agreement> {
    const { agreement } = this
    if (agreement) return Promise.resolve(agreement)
    this.#connecting ??= this.#open(wish).finally(() => {
      this.#connecting = undefined
    })
    return this.#connecting
  }

  /** @throws GuardError ERR_UPSTREAM_DOWN when nothing could be sent */
  send(method: string, params: (id: number) => string, options: SendOptions = {}): Sent {
    const life = this.#life
    if (!life || life.ended)
      throw new GuardError('ERR_UPSTREAM_DOWN', `\`${this.server}\` is not running`)
    const id = life.pending.nextId()
    const request = { id, method, ...options.mirror }
    if (!life.connection.send(requestFrame(id, method, params(id)), request)) {
      const what = neverStarted(life.connection) ? 'could not be started' : 'takes no more input'
      throw new GuardError('ERR_UPSTREAM_DOWN', `\`${this.server}\` ${what}`)
    }
    const answer = life.pending.wait(id, {
      timeoutMs: options.timeoutMs ?? this.#options.callTimeoutMs,
      progress: options.progress,
      errand: options.errand,
      onTimeout: () => this.#tellCancelled(life, id, 'timeout'),
    })
    return { id, answer }
  }

  /** Tells the upstream that its answer is no longer waited for; false when it was not. */
  cancel(id: number): boolean {
    const life = this.#life
    if (!life?.pending.cancel(id)) return false
    this.#tellCancelled(life, id, 'cancelled by the client')
    return true
  }

  notify(method: string, params?: JsonObject): void {
    this.#life?.connection.send(notificationFrame(method, params))
  }

  reply(id: RequestId, part: 'result' | 'error', text: string): void {
    this.#life?.connection.send(answerFrame(id, part, text))
  }

  /** On whose behalf a request is under way; undefined for none, and for what the guard asks for itself. */
  errandOf(id: number): Errand | undefined {
    return this.#life?.pending.errandOf(id)
  }

  /** The only request under way of which this holds; undefined where there is none, or several. */
  only(holds: (errand: Errand) => boolean): number | undefined {
    return this.#life?.pending.only(holds)
  }

  /** All on whose behalf requests are under way. */
  errands(): readonly Errand[] {
    return this.#life?.pending.errands() ?? []
  }

  /** Whether this holds of any request under way. */
  some(holds: (errand: Errand) => boolean): boolean {
    return this.#life?.pending.some(holds) === true
  }

  /** Another request of the agent's goes on with this one. */
  reassign(id: number, errand: Errand, progress: ProgressListener | undefined): void {
    this.#life?.pending.reassign(id, errand, progress)
  }

  /** The call's time stands still while somebody is asked on its account; `goOn` begins it anew. */
  hold(id: number): void {
    this.#life?.pending.hold(id)
  }

  goOn(id: number): void {
    this.#life?.pending.goOn(id)
  }

  /** Resolves when no opening is under way, however it ended. */
  async settled(): Promise<void> {
    await this.#connecting?.catch(() => undefined)
  }

  /** Ends the process and forgets what was agreed, so that `connect` begins anew in another era. */
  async restart(): Promise<void> {
    const life = this.#life
    this.#life = undefined
    this.#agreement = undefined
    await life?.connection.stop()
  }

  /** It is taken back: what runs is ended, and nothing is started any more, until that is lifted. */
  bar(): void {
    this.#barred = true
    const life = this.#life
    this.#life = undefined
    this.#agreement = undefined
    this.#end(life)
  }

  /** From now on it is started again when it is asked for. */
  unbar(): void {
    this.#barred = false
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#agreement = undefined
    this.#end(this.#life)
    await Promise.all(this.#ending)
  }

  async #open(wish: Wish): Promise<Agreement> {
    this.#refuseEnded()
    const early = this.#retries.refusal(this.server, this.#credential?.login)
    if (early) throw early
    try {
      const agreement = await this.#attempt(wish)
      this.#retries.ready()
      this.#agreement = agreement
      this.#options.events.onState(this, 'ready', {
        era: agreement.era,
        version: agreement.version,
      })
      return agreement
    } catch (error) {
      this.#failed(error)
      if (isDenied(error)) throw error
      throw error instanceof GuardError
        ? new GuardError('ERR_UPSTREAM_DOWN', error.message)
        : new GuardError('ERR_UPSTREAM_DOWN', `\`${this.server}\` could not be started`, {
            cause: error,
          })
    }
  }

  /** A legacy server may end at a probe it does not know: it is started once more, in its own era. */
  async #attempt(wish: Wish): Promise<Agreement> {
    try {
      return await this.#shake(wish)
    } catch (error) {
      if (
        wish.era !== 'modern' ||
        !(error instanceof GuardError) ||
        error.code !== 'ERR_UPSTREAM_LOST'
      )
        throw error
      return this.#shake({ era: 'legacy', capabilities: {} })
    }
  }

  async #shake(wish: Wish): Promise<Agreement> {
    this.#refuseEnded()
    const life = (this.#life ??= this.#begin())
    if (neverStarted(life.connection)) {
      throw new GuardError(
        'ERR_UPSTREAM_DOWN',
        `\`${this.server}\` could not be started: ${await life.gone}`,
      )
    }
    const wire: HandshakeWire = {
      request: (method, params, { timeoutMs, version }) =>
        this.send(method, () => JSON.stringify(params), { timeoutMs, mirror: { version } }).answer,
      agreed: (agreement) => life.connection.agreed?.(agreement),
      notify: (method) => this.notify(method),
    }
    const { self, timers, startTimeoutMs } = this.#options
    return shakeHands(wire, wish, {
      self,
      timers,
      timeoutMs: startTimeoutMs,
      probeMs: Math.min(PROBE_MS, startTimeoutMs),
    })
  }

  #refuseEnded(): void {
    const why = this.#stopped ? 'stopped' : this.#barred ? 'taken back' : undefined
    if (why !== undefined) throw new GuardError('ERR_UPSTREAM_DOWN', `\`${this.server}\` is ${why}`)
  }

  #failed(error: unknown): void {
    const { events, operational } = this.#options
    if (!this.#barred)
      this.#retries.failed(isDenied(error) ? { error, login: this.#life?.login } : undefined)
    const why = error instanceof Error ? error.message : String(error)
    events.onState(this, 'failed', { why })
    operational.error({ server: this.server, why }, 'upstream could not be opened')
    this.#end(this.#life)
    this.#life = undefined
  }

  /** Who logged in anew may be somebody else, and see other things: the conversation begins anew once nobody waits for it. */
  #leaveOldLogin(credential: Credential): void {
    const life = this.#life
    if (!life || life.login === credential.login || life.pending.some(() => true)) return
    this.#life = undefined
    this.#agreement = undefined
    this.#end(life)
  }

  /** Ends a process that is no longer spoken to; `stop` waits for those that are still going. */
  #end(life: Life | undefined): void {
    if (!life) return
    const ending = life.connection.stop().finally(() => this.#ending.delete(ending))
    this.#ending.add(ending)
  }

  #begin(): Life {
    const { clock, timers, upstream, events, operational } = this.#options
    const pending = new Pending({ clock, timers, server: this.server })
    const masked = lineMask()
    const gone = Promise.withResolvers<string>()
    const life = { pending, gone: gone.promise, login: this.#credential?.login, ended: false }
    const connection = this.#options.start(upstream, {
      onLine: (line, about) => this.#onLine(pending, line, about),
      onStderr: (text, dropped) =>
        operational.info(
          { server: this.server, ...(dropped > 0 ? { dropped } : {}) },
          masked(text),
        ),
      onTooLong: (bytes, cut, about) => this.#onTooLong(pending, bytes, { cut, about }),
      onFailed: (id, error) => void pending.spoil(id, error),
      onPaused: (id, retryMs) => {
        const errand = pending.errandOf(id)
        if (errand) events.onPaused(errand, retryMs)
      },
      onMissed: () => this.noteMissed(),
      awaits: (id) => pending.awaits(id),
      onExit: (exit) => {
        life.ended = true
        gone.resolve(this.#onExit(pending, exit))
      },
    })
    events.onState(this, 'started', connection.pid === undefined ? {} : { pid: connection.pid })
    return Object.assign(life, { connection })
  }

  #onExit(pending: Pending, exit: Exit): string {
    const { events, operational } = this.#options
    const how =
      exit.error ??
      exit.lost ??
      (exit.signal === null ? `with code ${exit.code ?? 'unknown'}` : `by ${exit.signal}`)
    const unanswered = pending.size
    if (this.#life?.pending === pending) {
      if (this.#agreement && !this.#stopped) this.#retries.crashed()
      this.#life = undefined
      this.#agreement = undefined
    }
    pending.lose(
      exit.error === undefined
        ? `\`${this.server}\` ended ${how}`
        : `\`${this.server}\` could not be started: ${how}`,
    )
    events.onState(this, 'exited', { how, unanswered })
    if (!this.#stopped) operational.warn({ server: this.server, how, unanswered }, 'upstream ended')
    return how
  }

  #onTooLong(pending: Pending, bytes: number, cut: Dropped): void {
    this.noteGarbage('a line over the limit')
    this.#spoil(pending, cut, `an answer of ${bytes} bytes`)
  }

  /** Whose answer it was is refused now; where that cannot be told, the call ends by its time-out. */
  #spoil(pending: Pending, { cut, about }: Dropped, what: string): void {
    const id = about ?? idOfCutAnswer(cut.head, cut.tail)
    if (id === undefined) return
    const why = `\`${this.server}\` wrote ${what}`
    pending.spoil(id, new GuardError('ERR_UPSTREAM_UNUSABLE', why))
  }

  #onLine(pending: Pending, line: Buffer, about?: number): void {
    const message = readUpstreamLine(line)
    switch (message.kind) {
      case 'answer':
        if (about !== undefined && message.id !== about)
          this.noteGarbage("an answer on another request's stream")
        else if (!pending.answer(message.id, message))
          this.noteGarbage('an answer that nobody waits for')
        return
      case 'notification':
        this.#onNotification(pending, message, about)
        return
      case 'request':
        this.#options.events.onRequest(this, message, about)
        return
      case 'garbage':
        this.noteGarbage(message.why)
        if (looksLikeAnswer(line))
          this.#spoil(pending, { cut: endsOf(line), about }, 'an answer that cannot be read')
    }
  }

  #onNotification(pending: Pending, notification: UpstreamNotification, about?: number): void {
    const { method, params } = notification
    if (method !== 'notifications/progress') {
      this.#options.events.onNotification(this, notification, about)
    } else if (!pending.progress(params['progressToken'] ?? null, params)) {
      this.noteGarbage('progress for a token that nobody gave it')
    }
  }

  /** For a while nobody heard whether one of its lists changed. */
  noteMissed(): void {
    this.#options.events.onMissed(this)
  }

  /** It wrote something that is no message for anybody. */
  noteGarbage(why: string): void {
    const count = (this.#garbage.get(why) ?? 0) + 1
    this.#garbage.set(why, count)
    this.#options.events.onGarbage(this.server, why, count)
  }

  #tellCancelled(life: Life, requestId: number, reason: string): void {
    if (life.connection.abandon?.(requestId) === true) return
    life.connection.send(notificationFrame('notifications/cancelled', { requestId, reason }))
  }
}
