/**
 * Notifications from upstreams. A list change is never passed on: the list is fetched, hashed and filtered again, and
 * the agent hears of it only when its own view changed.
 */
import { member, type JsonObject } from '../model/json.ts'
import type { OperationalLog, Timers } from '../model/port.ts'
import type { Era } from '../model/record.ts'
import type { Asks } from './asks.ts'
import type { Catalog } from './catalog.ts'
import type { ListMethod } from './offer.ts'
import { LOG_LEVELS, META, notificationFrame } from './protocol.ts'
import type { ChangeKind, Session } from './session.ts'

export interface NoticeOptions {
  readonly session: Session
  readonly catalog: Catalog
  readonly asks: Asks
  readonly operational: OperationalLog
  readonly timers: Timers
  readonly mandate: { readonly names: (server: string) => boolean }
  /** The era that an upstream speaks, while it is up. */
  readonly eraOf: (server: string) => Era | undefined
  /** A notification of no known kind was dropped. */
  readonly onUnknown: (server: string) => void
  readonly sendToAgent: (frame: string) => void
}

const REFRESH_PAUSE_MS = 1000

/** Longest log message that is passed on, in UTF-16 code units. */
const LONGEST_MESSAGE = 64 * 1024

const CHANGES: ReadonlyMap<
  string,
  { readonly kind: ChangeKind; readonly lists: readonly ListMethod[] }
> = new Map([
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

  receive(server: string, method: string, params: JsonObject): void {
    const change = CHANGES.get(method)
    if (change) {
      void this.#refresh(server, method, change)
      return
    }
    switch (method) {
      case 'notifications/message':
        this.#message(server, params)
        return
      case 'notifications/resources/updated':
        this.#updated(server, params)
        return
      case 'notifications/cancelled':
        this.#options.asks.withdrawn(server, params)
        return
      case 'notifications/subscriptions/acknowledged':
        return
      default:
        this.#options.onUnknown(server)
    }
  }

  /** An upstream came up, perhaps after the agent had already listed without it. */
  cameUp(server: string): void {
    for (const [method, change] of CHANGES) void this.#refresh(server, method, change)
  }

  /** Tells the agent that a list changed, in the way of its era. */
  announce(kind: ChangeKind): void {
    const { session, sendToAgent } = this.#options
    const method = `notifications/${kind}/list_changed`
    if (session.era === 'legacy') {
      if (session.opened) sendToAgent(notificationFrame(method))
      return
    }
    for (const { id, kinds } of session.listening.values()) {
      if (kinds.has(kind))
        sendToAgent(notificationFrame(method, { _meta: { [META.subscription]: id } }))
    }
  }

  /** A log message reaches an agent of the upstream's own era, at the level that it asked for, if it is no larger than that. */
  #message(server: string, params: JsonObject): void {
    const { session, mandate, sendToAgent, eraOf } = this.#options
    const era = eraOf(server)
    if (!session.opened || era !== session.era || !mandate.names(server)) return
    const said = member(params, 'level')
    const level = typeof said === 'string' ? LOG_LEVELS.get(said) : undefined
    if (level === undefined || (era === 'legacy' && level < (session.logLevel ?? 0))) return
    const frame = notificationFrame('notifications/message', params)
    if (frame.length <= LONGEST_MESSAGE) sendToAgent(frame)
  }

  #updated(server: string, params: JsonObject): void {
    const uri = member(params, 'uri')
    if (typeof uri !== 'string' || this.#options.session.subscribed.get(uri) !== server) return
    this.#options.sendToAgent(notificationFrame('notifications/resources/updated', { uri }))
  }

  /** A flood of changes costs one refresh after the one under way, not one each. */
  async #refresh(
    server: string,
    key: string,
    change: { readonly kind: ChangeKind; readonly lists: readonly ListMethod[] },
  ): Promise<void> {
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

  async #once(
    server: string,
    change: { readonly kind: ChangeKind; readonly lists: readonly ListMethod[] },
  ): Promise<void> {
    const { catalog, operational } = this.#options
    try {
      let differs = false
      for (const list of change.lists) differs = (await catalog.refresh(server, list)) || differs
      if (differs) this.announce(change.kind)
    } catch (error) {
      operational.error(
        { server, error: error instanceof Error ? error.message : String(error) },
        'a changed list could not be read again',
      )
    }
  }
}
