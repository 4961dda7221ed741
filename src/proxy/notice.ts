/**
 * Notifications from upstreams. A list change is never passed on: the list is fetched, hashed and filtered again, and
 * the agent hears of it only when its own view changed.
 */
import { member, type JsonObject } from '../model/json.ts'
import type { OperationalLog } from '../model/port.ts'
import type { Asks } from './asks.ts'
import type { Catalog } from './catalog.ts'
import type { ListMethod } from './offer.ts'
import { META, notificationFrame } from './protocol.ts'
import type { ChangeKind, Session } from './session.ts'

export interface NoticeOptions {
  readonly session: Session
  readonly catalog: Catalog
  readonly asks: Asks
  readonly operational: OperationalLog
  readonly sendToAgent: (frame: string) => void
}

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
        if (this.#options.session.opened)
          this.#options.sendToAgent(notificationFrame(method, params))
        return
      case 'notifications/resources/updated':
        this.#updated(params)
        return
      case 'notifications/cancelled':
        this.#options.asks.withdrawn(server, params)
        return
      case 'notifications/subscriptions/acknowledged':
        return
      default:
        this.#options.operational.warn(
          { server, method: method.slice(0, 100) },
          'a notification of no known kind was dropped',
        )
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

  #updated(params: JsonObject): void {
    const uri = member(params, 'uri')
    if (typeof uri !== 'string' || !this.#options.session.subscribed.has(uri)) return
    this.#options.sendToAgent(notificationFrame('notifications/resources/updated', params))
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
      }
    } finally {
      this.#refreshing.delete(name)
    }
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
