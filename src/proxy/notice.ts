/**
 * Notifications from upstreams. A list change is never passed on: the list is fetched, hashed and filtered again, and
 * agents hear of it only when their own view changed.
 */
import { member, type JsonObject } from '../model/json.ts'
import type { DenyReason } from '../model/decision.ts'
import type { OperationalLog, Timers } from '../model/port.ts'
import type { Asks } from './asks.ts'
import type { Audience } from './audience.ts'
import type { Catalog } from './catalog.ts'
import type { Errand } from './errand.ts'
import type { Flood } from './flood.ts'
import type { ListMethod } from './offer.ts'
import type { Overhear } from './overhear.ts'
import { LOG_LEVELS, notificationFrame, type RequestId } from './protocol.ts'
import type { ChangeKind, Session } from './session.ts'
import type { Hearing } from './upstream/changes.ts'
import type { Link, UpstreamNotification } from './upstream/link.ts'
import type { Watch } from './watch.ts'

export interface NoticeOptions {
  /** The one agent of this front, where there is only one and it stays. */
  readonly standing: Session | undefined
  readonly audience: Audience
  readonly catalog: Catalog
  readonly asks: Asks
  readonly watch: Watch
  readonly hearing: Hearing
  readonly flood: Flood
  readonly overhear: Overhear
  readonly operational: OperationalLog
  readonly timers: Timers
  /** Why nothing of this upstream is to be used now; undefined where it may be. */
  readonly taken: (server: string) => DenyReason | undefined
  readonly mandate: { readonly names: (server: string) => boolean }
}

const MESSAGE = 'notifications/message'
const REFRESH_PAUSE_MS = 1000

/** Longest log message that is passed on, in UTF-16 code units. */
const LONGEST_MESSAGE = 64 * 1024

interface Change {
  readonly kind: ChangeKind
  readonly lists: readonly ListMethod[]
}

const CHANGES: ReadonlyMap<string, Change> = new Map([
  ['notifications/tools/list_changed', { kind: 'tools', lists: ['tools/list'] }],
  ['notifications/prompts/list_changed', { kind: 'prompts', lists: ['prompts/list'] }],
  [
    'notifications/resources/list_changed',
    { kind: 'resources', lists: ['resources/list', 'resources/templates/list'] },
  ],
])

export class Notices {
  readonly #options: NoticeOptions
  /** Refreshes under way, by server and kind; `again` when another change came meanwhile. */
  readonly #refreshing = new Map<string, { again: boolean }>()

  constructor(options: NoticeOptions) {
    this.#options = options
  }

  /** `about`: the request on whose own stream it came. */
  receive(link: Link, { method, params }: UpstreamNotification, about?: number): void {
    const { asks, hearing, watch, flood } = this.#options
    const { server } = link
    const change = CHANGES.get(method)
    if (change) {
      void this.#refresh(server, method, change)
      return
    }
    switch (method) {
      case MESSAGE:
        if (flood.admits(server, method)) this.#message(link, params, about)
        return
      case 'notifications/resources/updated':
        if (flood.admits(server, method)) watch.updated(server, params)
        return
      case 'notifications/cancelled':
        asks.withdrawn(server, member(params, 'requestId'))
        return
      case 'notifications/elicitation/complete':
        this.#elicited(link, params)
        return
      case 'notifications/subscriptions/acknowledged':
        hearing.acknowledged(server, params)
        return
      default:
        link.noteGarbage('a notification of no known kind')
    }
  }

  /** An upstream came up, perhaps after the agent had already listed without it. */
  cameUp(link: Link): void {
    this.#options.watch.cameUp(link)
    this.missed(link)
  }

  /** Any of its lists may have changed, and nobody heard it. */
  missed({ server }: Link): void {
    for (const [method, change] of CHANGES) void this.#refresh(server, method, change)
  }

  /** Another policy set is in force: agents hear of the lists that it changes for them. */
  async swapped(): Promise<void> {
    const { catalog } = this.#options
    catalog.swapped()
    const announced = [...CHANGES.values()].map(({ kind, lists }) =>
      this.#announce(kind, async () => {
        const differ = await Promise.all(lists.map((list) => catalog.differs(list)))
        return differ.includes(true)
      }),
    )
    await Promise.all(announced)
  }

  /** All lists are there no longer, or again: whoever has seen one hears of it. */
  overturned(): void {
    const { audience, catalog } = this.#options
    catalog.swapped()
    for (const { kind, lists } of CHANGES.values())
      if (lists.some((list) => catalog.shown(list))) audience.announce(kind)
  }

  /**
   * A log message reaches the agent on whose account it was written, at the level that it asked for, if it is no larger than
   * that. Where nobody can tell, it reaches the one agent there is, or none.
   */
  #message(link: Link, params: JsonObject, about: number | undefined): void {
    const { standing, mandate, taken } = this.#options
    if (!mandate.names(link.server) || taken(link.server) !== undefined) return
    const said = member(params, 'level')
    const level = typeof said === 'string' ? LOG_LEVELS.get(said) : undefined
    if (level === undefined) return
    const pass = (to: Session, about?: RequestId): void => this.#passOn(link, params, to, about)
    if (standing?.era === 'legacy') {
      const least = LOG_LEVELS.get(standing.logLevel ?? 'debug') ?? 0
      // Where the carrier does not tell, the only call under way is the one that it is about.
      const call = about ?? link.only(() => true)
      const errand = call === undefined ? undefined : link.errandOf(call)
      if (standing.opened && level >= least) pass(standing, errand?.request)
      return
    }
    const wants = ({ logLevel }: Errand): boolean => logLevel !== undefined && level >= logLevel
    const call = about ?? link.only(wants)
    const errand = call === undefined ? undefined : link.errandOf(call)
    if (errand) {
      if (wants(errand)) pass(errand.session, errand.request)
    } else if (standing && link.some(wants)) pass(standing)
  }

  #passOn(
    { server }: Link,
    params: JsonObject,
    { outlet }: Session,
    about: RequestId | undefined,
  ): void {
    if (notificationFrame(MESSAGE, params).length > LONGEST_MESSAGE) return
    const heard = this.#options.overhear.params(server, params)
    if (heard) outlet.say(notificationFrame(MESSAGE, heard), about)
  }

  /** MCP 2025-11-25, URL Mode: what was done at the address is done. */
  #elicited({ server }: Link, params: JsonObject): void {
    const { standing, mandate, overhear } = this.#options
    const id = member(params, 'elicitationId')
    if (standing?.era !== 'legacy' || !mandate.names(server) || typeof id !== 'string') return
    const said = { elicitationId: id }
    // With another id it would be about nothing.
    if (overhear.params(server, said) !== said) return
    standing.outlet.say(notificationFrame('notifications/elicitation/complete', said))
  }

  /** A flood of changes costs one refresh after the one under way, not one each. */
  async #refresh(server: string, key: string, change: Change): Promise<void> {
    const name = `${server}\n${key}`
    const under = this.#refreshing.get(name)
    if (under) {
      under.again = true
      return
    }
    const state = { again: true }
    this.#refreshing.set(name, state)
    try {
      while (state.again) {
        state.again = false
        await this.#once(server, change)
        // Who keeps saying that it changed is asked once a second.
        if (state.again) await this.#pause()
      }
    } finally {
      this.#refreshing.delete(name)
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => void this.#options.timers.after(REFRESH_PAUSE_MS, resolve))
  }

  async #once(server: string, change: Change): Promise<void> {
    const { catalog } = this.#options
    await this.#announce(change.kind, async () => {
      let differs = false
      for (const list of change.lists) differs = (await catalog.refresh(server, list)) || differs
      return differs
    })
  }

  async #announce(kind: ChangeKind, differs: () => Promise<boolean>): Promise<void> {
    try {
      if (await differs()) this.#options.audience.announce(kind)
    } catch (error) {
      this.#options.operational.error(
        { kind, error: error instanceof Error ? error.message : String(error) },
        'a changed list could not be read again',
      )
    }
  }
}
