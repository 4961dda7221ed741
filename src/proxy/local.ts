/** What the guard answers itself: the opening of either era, ping, logging levels, subscriptions. */
import type { CompiledMandate } from '../model/authority.ts'
import { isList, isObject, member, type Json, type JsonObject } from '../model/json.ts'
import type { OperationalLog, Timers } from '../model/port.ts'
import type { Audience } from './audience.ts'
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
  type Self,
} from './protocol.ts'
import { setLevel } from './level.ts'
import type { ListMethod } from './offer.ts'
import { CAPABILITY, type ChangeKind, type Session, type Underway } from './session.ts'
import type { Hearing } from './upstream/changes.ts'
import type { Link } from './upstream/link.ts'
import type { Watch } from './watch.ts'

export interface LocalOptions {
  readonly self: Self
  readonly mandate: CompiledMandate
  readonly catalog: Catalog
  readonly links: readonly Link[]
  readonly audience: Audience
  readonly watch: Watch
  readonly hearing: Hearing
  readonly timers: Timers
  readonly operational: OperationalLog
  /** Takes a subscription of a modern agent down the line; true when it is on. */
  readonly subscribe: (underway: Underway, uri: string) => Promise<boolean>
  /** How long an opening waits for upstreams that start slowly before it answers without them. */
  readonly openingMs: number
}

export interface LocalAnswer {
  readonly part: 'result' | 'error'
  readonly text: string
  /** Of an error. */
  readonly code?: number
}

function failed(code: number, message: string): LocalAnswer {
  return { part: 'error', text: errorText(code, message), code }
}

const EMPTY: LocalAnswer = { part: 'result', text: '{}' }
const DISCOVER_TTL_MS = 5000
const MOST_LISTENING = 64
const MOST_WATCHED = 256
/** How long an upstream may take to take a level. */
const LEVEL_MS = 2000

export class Locals {
  readonly #options: LocalOptions

  constructor(options: LocalOptions) {
    this.#options = options
  }

  /** Undefined where the answer comes later or never (`subscriptions/listen` stays open). */
  async answer(
    underway: Underway,
    method: string,
    params: JsonObject,
  ): Promise<LocalAnswer | undefined> {
    const { session } = underway
    switch (method) {
      case 'initialize':
        return this.#initialize(session, params)
      case 'server/discover':
        return this.#discover()
      case 'ping':
        return EMPTY
      case 'logging/setLevel':
        return this.#setLevel(session, params)
      case 'resources/unsubscribe':
        return this.#unsubscribe(session, params)
      case 'subscriptions/listen':
        return this.#listen(underway, params)
      default:
        return failed(CODE.methodNotFound, 'Method not found')
    }
  }

  hear(session: Session, method: string, params: JsonObject): void {
    const { links, mandate } = this.#options
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

  async #initialize(session: Session, params: JsonObject): Promise<LocalAnswer> {
    const { links, self, audience } = this.#options
    const asked = member(params, 'protocolVersion')
    const capabilities = member(params, 'capabilities')
    if (typeof asked !== 'string') {
      return failed(CODE.invalidParams, '`protocolVersion` is missing')
    }
    session.era = 'legacy'
    session.version = LEGACY_VERSIONS.find((version) => version === asked) ?? LATEST_LEGACY
    session.capabilities = isObject(capabilities) ? capabilities : {}
    audience.add(session)
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
        capabilities: this.#capabilities(),
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
        capabilities: this.#capabilities(),
        _meta: { [META.serverInfo]: { name: self.name, version: self.version } },
        ttlMs: DISCOVER_TTL_MS,
        cacheScope: 'private',
      }),
    }
  }

  /** Waits for the upstreams, but not for ever: one that is late is announced by a changed list. */
  #upstreamsOpen(): Promise<void> {
    const { catalog, openingMs } = this.#options
    return this.#patiently(openingMs, catalog.prepare())
  }

  /** Waits for it, but no longer than this. */
  async #patiently(ms: number, wanted: Promise<unknown>): Promise<void> {
    let stop = (): void => undefined
    const patience = new Promise<void>((resolve) => {
      stop = this.#options.timers.after(ms, resolve)
    })
    await Promise.race([wanted, patience])
    stop()
  }

  /** Guard ∩ upstreams ∩ mandate. Tools stay declared even where the mandate hides them all. */
  #capabilities(): JsonObject {
    const { mandate, catalog } = this.#options
    const up = catalog.agreements().flatMap(({ agreement }) => (agreement ? [agreement] : []))
    const some = (name: string): boolean =>
      up.some(({ capabilities }) => isObject(capabilities[name]))
    const grants = (kind: 'resource' | 'prompt'): boolean =>
      mandate.mandate.grants.some((grant) => grant.kind === kind)
    const capabilities: Record<string, JsonObject> = { tools: { listChanged: true } }
    if (grants('prompt') && some('prompts')) capabilities['prompts'] = { listChanged: true }
    if (grants('resource') && some('resources')) {
      const subscribe = up.some(({ capabilities }) => subscribes(capabilities))
      capabilities['resources'] = { listChanged: true, ...(subscribe ? { subscribe: true } : {}) }
    }
    if (some('completions') && (grants('prompt') || grants('resource')))
      capabilities['completions'] = {}
    if (some('logging')) capabilities['logging'] = {}
    return capabilities
  }

  async #setLevel(session: Session, params: JsonObject): Promise<LocalAnswer> {
    const level = member(params, 'level')
    if (typeof level !== 'string' || !LOG_LEVELS.has(level)) {
      return failed(CODE.invalidParams, '`level` is not a logging level')
    }
    session.logLevel = level
    const told = this.#options.links.filter(
      ({ agreement }) => agreement?.era === 'legacy' && isObject(agreement.capabilities['logging']),
    )
    await this.#patiently(LEVEL_MS, Promise.all(told.map((link) => setLevel(link, level))))
    return EMPTY
  }

  async #unsubscribe(session: Session, params: JsonObject): Promise<LocalAnswer> {
    const { watch, links } = this.#options
    const uri = member(params, 'uri')
    if (typeof uri === 'string') await watch.unsubscribe(session, uri, links)
    return EMPTY
  }

  /** MCP 2026-07-28, Subscriptions: the acknowledgement comes first and says what is honoured. */
  async #listen(underway: Underway, params: JsonObject): Promise<LocalAnswer | undefined> {
    const { session, id } = underway
    const { audience, watch, links, openingMs } = this.#options
    const wanted = member(params, 'notifications')
    if (!isObject(wanted)) {
      return failed(CODE.invalidParams, '`notifications` is missing')
    }
    if (session.listening.size >= MOST_LISTENING) {
      return failed(CODE.invalidRequest, 'too many subscriptions are open')
    }
    await this.#upstreamsOpen()
    const declared = this.#capabilities()
    const kinds = new Set<ChangeKind>()
    const honoured: Record<string, Json> = {}
    for (const kind of ['tools', 'prompts', 'resources'] as const) {
      if (wanted[`${kind}ListChanged`] !== true || !isObject(declared[kind])) continue
      kinds.add(kind)
      honoured[`${kind}ListChanged`] = true
    }
    await this.#patiently(openingMs, this.#baseline(kinds))
    const uris = await this.#watched(underway, member(wanted, 'resourceSubscriptions'))
    if (uris.length > 0) honoured['resourceSubscriptions'] = uris
    if (underway.aborted) {
      await watch.left(session, id, links)
      return undefined
    }
    session.listening.set(id, { id, kinds })
    audience.add(session)
    session.outlet.say(
      notificationFrame('notifications/subscriptions/acknowledged', {
        _meta: { [META.subscription]: id },
        notifications: honoured,
      }),
      id,
    )
    watch.told(session, id)
    return undefined
  }

  /** What is acknowledged is heard from now on: the upstreams are listened to, and what they list today is known. */
  async #baseline(kinds: ReadonlySet<ChangeKind>): Promise<void> {
    const { catalog, hearing, operational } = this.#options
    try {
      await Promise.all([...kinds].flatMap(listsOf).map((list) => catalog.view(list)))
      await hearing.on()
    } catch (error) {
      operational.warn(
        { error: error instanceof Error ? error.message : String(error) },
        'what changes from now on could not be compared with anything',
      )
    }
  }

  /** Each resource is decided as if it had been asked for alone; what is refused is left out. */
  async #watched(underway: Underway, wanted: Json | undefined): Promise<readonly string[]> {
    if (!isList(wanted)) return []
    const uris = new Set(wanted.filter((uri) => typeof uri === 'string').slice(0, MOST_WATCHED))
    const on: string[] = []
    for (const uri of uris) if (await this.#options.subscribe(underway, uri)) on.push(uri)
    return on
  }
}

function listsOf(kind: ChangeKind): readonly ListMethod[] {
  return kind === 'resources' ? ['resources/list', 'resources/templates/list'] : [`${kind}/list`]
}

function subscribes(capabilities: JsonObject): boolean {
  const resources = capabilities['resources']
  return isObject(resources) && resources['subscribe'] === true
}
