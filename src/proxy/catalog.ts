/**
 * The catalog: what all upstreams offer, merged under unambiguous names, each tool pinned on first sight for the
 * run. The agent's lists are this catalog filtered by the compiled mandate, the same object that decides its calls.
 */
import type { CompiledMandate } from '../model/authority.ts'
import { problemText } from '../model/document.ts'
import { GuardError } from '../model/error.ts'
import type { Sha256 } from '../model/id.ts'
import { isObject, type Json, type JsonObject } from '../model/json.ts'
import type { Timers } from '../model/port.ts'
import type { ToolDefinition } from '../model/tool.ts'
import type { CatalogPort, Found, PromptTarget } from '../pipeline/port.ts'
import type { Self } from './protocol.ts'
import {
  digestOf,
  fetchOffer,
  LIST_CAPABILITY,
  type Listed,
  type ListMethod,
  type Offer,
} from './offer.ts'
import { mirrorOf } from './mirror.ts'
import { PublicNames } from './public-name.ts'
import { printExact } from '../model/exact.ts'
import type { Link } from './upstream/link.ts'
import { announces, knownTool, newShelf, outdated, type Shelf } from './shelf.ts'
import type { Agreement, Wish } from './upstream/handshake.ts'

export interface CatalogEvents {
  onPinned(server: string, facts: JsonObject): void
  onChanged(server: string, facts: JsonObject): void
  onHidden(server: string, tool: string, why: string): void
  /** A grant names what no upstream has. */
  onUnmatched(why: string): void
}

export interface CatalogOptions {
  readonly links: readonly Link[]
  readonly mandate: CompiledMandate
  readonly self: Self
  readonly events: CatalogEvents
  readonly timers: Timers
  /** How long a list waits for an upstream that starts slowly. */
  readonly openingMs: number
  /** What an upstream is asked to agree to; known once the agent has spoken. */
  readonly wish: (server: string) => Wish
}

/** A list as the agent may see it. */
export interface View {
  /** JSON text of the list's items, ready to be spliced into a result. */
  readonly itemsText: string
  readonly offered: number
  readonly hidden: number
  readonly digest: Sha256
}

const FETCH_ATTEMPTS = 3

export class Catalog implements CatalogPort {
  readonly #options: CatalogOptions
  readonly #shelves: readonly Shelf[]
  readonly #names: PublicNames
  #told = false
  readonly #views = new Map<ListMethod, { readonly key: string; readonly view: View }>()

  constructor(options: CatalogOptions) {
    this.#options = options
    this.#names = new PublicNames(options.links.map((link) => link.server))
    this.#shelves = options.links.map(newShelf)
  }

  /** The names agents use; with one upstream its own, with several `server__tool`. */
  get names(): PublicNames {
    return this.#names
  }

  tool(publicName: string): Found<ToolDefinition> | Promise<Found<ToolDefinition>> {
    const place = this.#names.split(publicName)
    const shelf = place && this.#shelf(place.server)
    if (!place || !shelf) return { state: 'unknown' }
    if (shelf.link.agreement && shelf.offers.has('tools/list')) return knownTool(shelf, place.name)
    return this.#toolAfterStart(shelf, place.name)
  }

  async prompt(publicName: string): Promise<Found<PromptTarget>> {
    const target = this.#names.split(publicName)
    const shelf = target && this.#shelf(target.server)
    if (!target || !shelf) return { state: 'unknown' }
    if (!this.#options.mandate.prompt(target.server, target.name).listed)
      return { state: 'unknown' }
    const offer = await this.#offer(shelf, 'prompts/list')
    if (offer instanceof GuardError) return { state: 'unavailable', target, detail: offer.message }
    return offer.items.some((item) => item.value['name'] === target.name)
      ? { state: 'found', target }
      : { state: 'unknown' }
  }

  /**
   * A URI carries no server name: the upstreams whose grants cover it are asked for, and among several the one that
   * lists it. What stays ambiguous is unknown: the guard does not guess.
   */
  async resource(
    uri: string,
    mandate: CompiledMandate,
  ): Promise<Found<{ readonly server: string }>> {
    const granted = this.#shelves.filter(({ link }) => mandate.resource(link.server, uri).listed)
    const shelf = granted.length === 1 ? granted[0] : await this.#onlyLister(granted, uri)
    if (!shelf) return { state: 'unknown' }
    const target = { server: shelf.link.server }
    try {
      await shelf.link.connect(this.#options.wish(shelf.link.server))
      return { state: 'found', target }
    } catch (error) {
      return {
        state: 'unavailable',
        target,
        detail: error instanceof Error ? error.message : 'down',
      }
    }
  }

  /** Starts every upstream and fetches its tools; what fails is told by the link and leaves the others alone. */
  async prepare(): Promise<void> {
    await Promise.all(this.#shelves.map((shelf) => this.#offer(shelf, 'tools/list')))
    this.#tellUnmatched()
  }

  /** The list as this mandate shows it: filtered once per change of what an upstream sent, not per request. */
  async view(method: ListMethod): Promise<View> {
    const offers = await Promise.all(
      this.#shelves.map(async (shelf) => ({
        shelf,
        offer: await this.#inTime(shelf, this.#offer(shelf, method, 'fresh')),
      })),
    )
    const key = offers.map(({ offer }) => (offer instanceof GuardError ? '-' : offer.digest)).join()
    const cached = this.#views.get(method)
    if (cached?.key === key) return cached.view
    const view = this.#filter(method, offers, digestOf(key))
    this.#views.set(method, { key, view })
    return view
  }

  /** An upstream says that a list changed: fetched again when next asked for. True when the agent's view may differ. */
  async refresh(server: string, method: ListMethod): Promise<boolean> {
    const shelf = this.#shelf(server)
    if (!shelf) return false
    const before = this.#views.get(method)?.view.itemsText
    outdated(shelf, method)
    // An agent that has not asked yet has nothing to hear of.
    if (before === undefined) return false
    return (await this.view(method)).itemsText !== before
  }

  /** An upstream ended: what it offered is asked for again once it is back. */
  forget(server: string): void {
    const shelf = this.#shelf(server)
    if (!shelf) return
    for (const method of shelf.offers.keys()) outdated(shelf, method)
    for (const method of shelf.fetching.keys()) outdated(shelf, method)
  }

  /** What an upstream agreed to, for those that are up. */
  agreements(): readonly { readonly server: string; readonly agreement: Agreement | undefined }[] {
    return this.#shelves.map(({ link }) => ({ server: link.server, agreement: link.agreement }))
  }

  /** Every tool of every upstream that is up, hidden or not: what `check` compares the mandate with. */
  tools(): readonly ToolDefinition[] {
    return this.#shelves.flatMap((shelf) => [...shelf.tools.values()])
  }

  /** Grants that name what no upstream has: most often misspelt. Told once, when all of them are up to be asked. */
  #tellUnmatched(): void {
    if (this.#told || this.#shelves.some(({ link }) => !link.agreement)) return
    this.#told = true
    const servers = this.#shelves.map(({ link }) => link.server)
    for (const problem of this.#options.mandate.unmatched({
      servers,
      tools: this.tools(),
      prompts: [],
    })) {
      // Prompts are listed when they are first asked for.
      if (problem.id !== 'unknown_prompt') this.#options.events.onUnmatched(problemText(problem))
    }
  }

  #shelf(server: string): Shelf | undefined {
    return this.#shelves.find(({ link }) => link.server === server)
  }

  async #toolAfterStart(shelf: Shelf, name: string): Promise<Found<ToolDefinition>> {
    const bare: ToolDefinition = {
      server: shelf.link.server,
      name,
      raw: {},
      definition: digestOf(''),
    }
    // Nobody waits for an upstream to start, or learns that it is down, on account of a tool that no grant names.
    if (!this.#options.mandate.names(shelf.link.server, name)) return { state: 'unknown' }
    const offer = await this.#offer(shelf, 'tools/list')
    if (offer instanceof GuardError)
      return { state: 'unavailable', target: bare, detail: offer.message }
    return knownTool(shelf, name)
  }

  async #onlyLister(shelves: readonly Shelf[], uri: string): Promise<Shelf | undefined> {
    const listing: Shelf[] = []
    for (const shelf of shelves) {
      const offer = await this.#offer(shelf, 'resources/list')
      if (!(offer instanceof GuardError) && offer.items.some((item) => item.value['uri'] === uri))
        listing.push(shelf)
    }
    return listing.length === 1 ? listing[0] : undefined
  }

  /** One that starts slowly is left out of the list; the agent hears of a change when it is up. */
  #inTime(shelf: Shelf, offer: Promise<Offer | GuardError>): Promise<Offer | GuardError> {
    if (shelf.link.agreement) return offer
    const { timers, openingMs } = this.#options
    return new Promise((resolve) => {
      const late = new GuardError('ERR_UPSTREAM_DOWN', `\`${shelf.link.server}\` is not up yet`)
      const stop = timers.after(openingMs, () => resolve(late))
      void offer.then((answer) => {
        stop()
        resolve(answer)
      })
    })
  }

  /** A list of one upstream; `fresh` asks again where the upstream does not announce changes. */
  async #offer(
    shelf: Shelf,
    method: ListMethod,
    need: 'any' | 'fresh' = 'any',
  ): Promise<Offer | GuardError> {
    try {
      const agreement = await shelf.link.connect(this.#options.wish(shelf.link.server))
      const known = shelf.offers.get(method)
      if (known && (need === 'any' || announces(agreement, method))) return known
      return await this.#fetch(shelf, method, agreement)
    } catch (error) {
      if (error instanceof GuardError) return error
      throw error
    }
  }

  #fetch(shelf: Shelf, method: ListMethod, agreement: Agreement, attempt = 1): Promise<Offer> {
    if (!isObject(agreement.capabilities[LIST_CAPABILITY[method]])) {
      const nothing: Offer = { items: [], strange: 0, digest: digestOf('') }
      shelf.offers.set(method, nothing)
      return Promise.resolve(nothing)
    }
    const under = shelf.fetching.get(method)
    if (under) return under
    const dress = { era: agreement.era, version: agreement.version, self: this.#options.self }
    const generation = shelf.generation.get(method)
    const fetching: Promise<Offer> = fetchOffer(shelf.link, method, dress)
      .then((offer) => {
        // It changed while it was on its way: what came is fetched again, but not without end.
        if (shelf.generation.get(method) !== generation && attempt < FETCH_ATTEMPTS) {
          if (shelf.fetching.get(method) === fetching) shelf.fetching.delete(method)
          return this.#fetch(shelf, method, agreement, attempt + 1)
        }
        shelf.offers.set(method, offer)
        if (method === 'tools/list') this.#pin(shelf, offer)
        return offer
      })
      .finally(() => {
        if (shelf.fetching.get(method) === fetching) shelf.fetching.delete(method)
      })
    shelf.fetching.set(method, fetching)
    return fetching
  }

  /** First sight pins a definition for the run; one that differs later is hidden and refused as changed. */
  #pin(shelf: Shelf, offer: Offer): void {
    const first = shelf.pins.size === 0
    const { server } = shelf.link
    const changed: string[] = []
    shelf.tools.clear()
    for (const item of offer.items) {
      const name = item.value['name']
      if (typeof name !== 'string' || shelf.tools.has(name) || !this.#names.fits(name)) {
        this.#options.events.onHidden(
          server,
          typeof name === 'string' ? name : '',
          'its name is missing, taken or not plain',
        )
        continue
      }
      const tool = { server, name, raw: item.value, definition: item.definition }
      const mirror = shelf.link.mirrors ? mirrorOf(tool) : undefined
      if (mirror?.kind === 'invalid') {
        // MCP 2026-07-28, Custom Headers: over HTTP it cannot be called as its definition wants.
        this.#options.events.onHidden(server, name, mirror.why)
        continue
      }
      if ((shelf.pins.get(name) ?? item.definition) !== item.definition) changed.push(name)
      else shelf.pins.set(name, item.definition)
      shelf.tools.set(name, tool)
    }
    const facts = { tools: shelf.tools.size, s256: offer.digest }
    if (first) this.#options.events.onPinned(server, facts)
    else if (changed.length > 0) this.#options.events.onChanged(server, { ...facts, changed })
  }

  #filter(
    method: ListMethod,
    offers: readonly { readonly shelf: Shelf; readonly offer: Offer | GuardError }[],
    digest: Sha256,
  ): View {
    const texts: string[] = []
    let hidden = 0
    for (const { shelf, offer } of offers) {
      if (offer instanceof GuardError) continue
      for (const item of offer.items) {
        if (this.#visible(method, shelf, item))
          texts.push(this.#itemText(method, shelf.link.server, item))
        else hidden += 1
      }
    }
    return { itemsText: `[${texts.join(',')}]`, offered: texts.length, hidden, digest }
  }

  #visible(method: ListMethod, shelf: Shelf, item: Listed): boolean {
    const { mandate } = this.#options
    const { server } = shelf.link
    switch (method) {
      case 'tools/list':
        return this.#toolVisible(shelf, item)
      case 'prompts/list':
        return (
          typeof item.value['name'] === 'string' &&
          mandate.prompt(server, item.value['name']).listed
        )
      case 'resources/list':
        return (
          typeof item.value['uri'] === 'string' && mandate.resourceListed(server, item.value['uri'])
        )
      case 'resources/templates/list':
        return (
          typeof item.value['uriTemplate'] === 'string' &&
          mandate.templateListed(server, item.value['uriTemplate'])
        )
    }
  }

  #toolVisible(shelf: Shelf, item: Listed): boolean {
    const name = item.value['name']
    const tool = typeof name === 'string' ? shelf.tools.get(name) : undefined
    if (!tool || tool.raw !== item.value || shelf.pins.get(tool.name) !== tool.definition)
      return false
    const authority = this.#options.mandate.tool(tool)
    for (const problem of authority.problems) {
      this.#options.events.onHidden(shelf.link.server, tool.name, problemText(problem))
    }
    return authority.listed
  }

  #itemText(method: ListMethod, server: string, item: Listed): string {
    const named = method === 'tools/list' || method === 'prompts/list'
    const name: Json | undefined = item.value['name']
    if (!named || typeof name !== 'string' || !this.#names.renames) return printExact(item.exact)
    return printExact({ ...item.exact, name: this.#names.join(server, name) })
  }
}
