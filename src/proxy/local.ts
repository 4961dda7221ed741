/** What the guard answers itself: the opening of either era, ping, logging levels, subscriptions. */
import type { CompiledMandate } from '../model/authority.ts'
import { isObject, member, type Json, type JsonObject } from '../model/json.ts'
import { GuardError } from '../model/error.ts'
import type { OperationalLog, Timers } from '../model/port.ts'
import type { Catalog } from './catalog.ts'
import {
  CODE,
  errorText,
  LATEST_LEGACY,
  LOG_LEVELS,
  LEGACY_VERSIONS,
  META,
  MODERN_VERSIONS,
  notificationFrame,
  type RequestId,
  type Self,
} from './protocol.ts'
import { CAPABILITY, type ChangeKind, type Session } from './session.ts'
import type { Link } from './upstream/link.ts'

export interface LocalOptions {
  readonly session: Session
  readonly self: Self
  readonly mandate: CompiledMandate
  readonly catalog: Catalog
  readonly links: readonly Link[]
  readonly timers: Timers
  readonly operational: OperationalLog
  readonly sendToAgent: (frame: string) => void
  /** How long an opening waits for upstreams that start slowly before it answers without them. */
  readonly openingMs: number
}

export interface LocalAnswer {
  readonly part: 'result' | 'error'
  readonly text: string
}

const EMPTY: LocalAnswer = { part: 'result', text: '{}' }
const DISCOVER_TTL_MS = 5000
const MOST_LISTENING = 64

export class Locals {
  readonly #options: LocalOptions

  constructor(options: LocalOptions) {
    this.#options = options
  }

  /** Undefined where the answer comes later or never (`subscriptions/listen` stays open). */
  async answer(
    id: RequestId,
    method: string,
    params: JsonObject,
  ): Promise<LocalAnswer | undefined> {
    switch (method) {
      case 'initialize':
        return this.#initialize(params)
      case 'server/discover':
        return this.#discover()
      case 'ping':
        return EMPTY
      case 'logging/setLevel':
        return this.#setLevel(params)
      case 'resources/unsubscribe':
        return this.#unsubscribe(params)
      case 'subscriptions/listen':
        return this.#listen(id, params)
      default:
        return { part: 'error', text: errorText(CODE.methodNotFound, 'Method not found') }
    }
  }

  hear(method: string, params: JsonObject): void {
    const { session, links, mandate } = this.#options
    if (method === 'notifications/initialized') {
      session.opened = true
      return
    }
    if (method !== 'notifications/roots/list_changed') return
    for (const link of links) {
      const permitted =
        mandate.permitsRequest(link.server, 'roots') && link.agreement?.era === 'legacy'
      if (permitted && isObject(session.capabilities[CAPABILITY.roots])) link.notify(method, params)
    }
  }

  async #initialize(params: JsonObject): Promise<LocalAnswer> {
    const { session, links, self } = this.#options
    const asked = member(params, 'protocolVersion')
    const capabilities = member(params, 'capabilities')
    if (typeof asked !== 'string') {
      return { part: 'error', text: errorText(CODE.invalidParams, '`protocolVersion` is missing') }
    }
    session.era = 'legacy'
    session.version = LEGACY_VERSIONS.find((version) => version === asked) ?? LATEST_LEGACY
    session.capabilities = isObject(capabilities) ? capabilities : {}
    // A modern probe came first: upstreams that opened in the modern era open again in the agent's own.
    await Promise.all(links.map((link) => link.settled()))
    await Promise.all(
      links.filter((link) => link.agreement?.era === 'modern').map((link) => link.restart()),
    )
    await this.#upstreamsOpen()
    return {
      part: 'result',
      text: JSON.stringify({
        protocolVersion: session.version,
        capabilities: this.#capabilities('legacy'),
        serverInfo: { name: self.name, version: self.version },
      }),
    }
  }

  async #discover(): Promise<LocalAnswer> {
    await this.#upstreamsOpen()
    const { self } = this.#options
    return {
      part: 'result',
      text: JSON.stringify({
        resultType: 'complete',
        supportedVersions: [...MODERN_VERSIONS],
        capabilities: this.#capabilities('modern'),
        _meta: { [META.serverInfo]: { name: self.name, version: self.version } },
        ttlMs: DISCOVER_TTL_MS,
        cacheScope: 'private',
      }),
    }
  }

  /** Waits for the upstreams, but not for ever: one that is late is announced by a changed list. */
  async #upstreamsOpen(): Promise<void> {
    const { catalog, timers, openingMs } = this.#options
    let stop = (): void => undefined
    const patience = new Promise<void>((resolve) => {
      stop = timers.after(openingMs, resolve)
    })
    await Promise.race([catalog.prepare(), patience])
    stop()
  }

  /** Guard ∩ upstreams ∩ mandate. Tools stay declared even where the mandate hides them all. */
  #capabilities(era: 'legacy' | 'modern'): JsonObject {
    const { mandate, catalog } = this.#options
    const up = catalog.agreements().flatMap(({ agreement }) => (agreement ? [agreement] : []))
    const some = (name: string): boolean =>
      up.some(({ capabilities }) => isObject(capabilities[name]))
    const grants = (kind: 'resource' | 'prompt'): boolean =>
      mandate.mandate.grants.some((grant) => grant.kind === kind)
    const capabilities: Record<string, JsonObject> = { tools: { listChanged: true } }
    if (grants('prompt') && some('prompts')) capabilities['prompts'] = { listChanged: true }
    if (grants('resource') && some('resources')) {
      const subscribe =
        era === 'legacy' && up.some((one) => one.era === 'legacy' && subscribes(one.capabilities))
      capabilities['resources'] = { listChanged: true, ...(subscribe ? { subscribe: true } : {}) }
    }
    if (some('completions') && (grants('prompt') || grants('resource')))
      capabilities['completions'] = {}
    if (some('logging') && (era === 'legacy' || up.some((one) => one.era === 'modern')))
      capabilities['logging'] = {}
    return capabilities
  }

  #setLevel(params: JsonObject): LocalAnswer {
    const level = member(params, 'level')
    if (typeof level !== 'string' || !LOG_LEVELS.has(level)) {
      return {
        part: 'error',
        text: errorText(CODE.invalidParams, '`level` is not a logging level'),
      }
    }
    this.#options.session.logLevel = LOG_LEVELS.get(level) ?? 0
    for (const link of this.#options.links) {
      if (link.agreement?.era !== 'legacy' || !isObject(link.agreement.capabilities['logging']))
        continue
      void this.#toUpstream(link, 'logging/setLevel', { level })
    }
    return EMPTY
  }

  async #unsubscribe(params: JsonObject): Promise<LocalAnswer> {
    const { session, links } = this.#options
    const uri = member(params, 'uri')
    if (typeof uri !== 'string') return EMPTY
    const server = session.subscribed.get(uri)
    session.subscribed.delete(uri)
    const link = links.find((one) => one.server === server)
    if (link) await this.#toUpstream(link, 'resources/unsubscribe', { uri })
    return EMPTY
  }

  async #toUpstream(link: Link, method: string, params: JsonObject): Promise<void> {
    try {
      await link.send(method, () => JSON.stringify(params)).answer
    } catch (error) {
      if (!(error instanceof GuardError)) throw error
      this.#options.operational.warn(
        { server: link.server, method, why: error.message },
        'an upstream did not take a setting',
      )
    }
  }

  /** MCP 2026-07-28, Subscriptions: the acknowledgement comes first and says what is honoured. */
  #listen(id: RequestId, params: JsonObject): LocalAnswer | undefined {
    const { session, sendToAgent } = this.#options
    const wanted = member(params, 'notifications')
    if (!isObject(wanted)) {
      return { part: 'error', text: errorText(CODE.invalidParams, '`notifications` is missing') }
    }
    if (session.listening.size >= MOST_LISTENING) {
      return {
        part: 'error',
        text: errorText(CODE.invalidRequest, 'too many subscriptions are open'),
      }
    }
    const kinds = new Set<ChangeKind>()
    const honoured: Record<string, Json> = {}
    for (const kind of ['tools', 'prompts', 'resources'] as const) {
      if (wanted[`${kind}ListChanged`] !== true) continue
      kinds.add(kind)
      honoured[`${kind}ListChanged`] = true
    }
    session.listening.set(id, { id, kinds })
    sendToAgent(
      notificationFrame('notifications/subscriptions/acknowledged', {
        _meta: { [META.subscription]: id },
        notifications: honoured,
      }),
    )
    return undefined
  }
}

function subscribes(capabilities: JsonObject): boolean {
  const resources = capabilities['resources']
  return isObject(resources) && resources['subscribe'] === true
}
