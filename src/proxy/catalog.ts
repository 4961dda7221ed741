/**
 * The catalog: what all upstreams offer, merged under unambiguous names, each definition held against its pin. The
 * agent's lists are this catalog filtered by the compiled mandate, the same object that decides its calls.
 */
import type { CompiledMandate } from '../model/authority.ts'
import type { Resource } from '../model/call.ts'
import { digestOf } from '../model/digest.ts'
import { problemText } from '../model/document.ts'
import { GuardError } from '../model/error.ts'
import type { Sha256 } from '../model/id.ts'
import type { DefinitionKind } from '../model/lock.ts'
import type { ToolDefinition } from '../model/tool.ts'
import type { CatalogPort, Found, PromptTarget } from '../pipeline/port.ts'
import type { CatalogRegister } from './catalog-register.ts'
import { Contest, type NamedKind } from './contest.ts'
import { contested, holderOf, type Shown } from './holder.ts'
import { KIND_OF, type Listed, type ListMethod, type Offer } from './offer.ts'
import type { Pins } from './pins.ts'
import { namedText, PublicNames } from './public-name.ts'
import { bareTool, newShelf, outdated, type Shelf } from './shelf.ts'
import { tellUnmatched } from './catalog-events.ts'
import { type CatalogEvents, sight } from './sighting.ts'
import type { Overhear } from './overhear.ts'
import { heldDetail, isWhole, stateOf } from './standing.ts'
import { Supply, type SupplyOptions } from './supply.ts'
import { throughTemplate } from './through-template.ts'
import type { Agreement } from './upstream/handshake.ts'
import type { Link } from './upstream/link.ts'
import type { Restricted } from './taken-back.ts'
import { takenBack, unavailable, UNAPPROVED } from './unavailable.ts'

export interface CatalogOptions extends Omit<SupplyOptions, 'onFetched'> {
  readonly links: readonly Link[]
  readonly mandate: CompiledMandate
  /** Shared by all catalogs of one guard. */
  readonly pins: Pins
  readonly events: CatalogEvents
  /** Keeps what is known now, before anything is decided by it. */
  readonly register: CatalogRegister
  readonly overhear: Overhear
  /** What is taken back is not shown, and not asked. */
  readonly restricted: Restricted
}

/** A list as the agent may see it. */
export interface View {
  /** JSON text of the list's items, ready to be spliced into a result. */
  readonly itemsText: string
  readonly offered: number
  readonly hidden: number
  readonly digest: Sha256
  /** The upstreams that something in it is of. */
  readonly servers: ReadonlySet<string>
}

export class Catalog implements CatalogPort {
  readonly #options: CatalogOptions
  readonly #shelves: readonly Shelf[]
  readonly #names: PublicNames
  readonly #supply: Supply
  readonly #contest: Contest
  /** Names that are hidden beside others, as far as lists were fetched; thrown away when a list changes. */
  readonly #lost = new Map<NamedKind, ReadonlyMap<string, string>>()
  /** Grows with every list that differs from what was known. */
  #revision = 0
  #told = false
  readonly #views = new Map<ListMethod, { readonly key: string; readonly view: View }>()

  constructor(options: CatalogOptions) {
    this.#options = options
    this.#names = new PublicNames(options.links.map((link) => link.server))
    this.#shelves = options.links.map(newShelf)
    this.#supply = new Supply({
      ...options,
      onFetched: (shelf, method, offer) => this.#take(shelf, method, offer),
    })
    this.#contest = new Contest(options.mandate, options.pins)
  }

  /** The names agents use; with one upstream its own, with several `server__tool`. */
  get names(): PublicNames {
    return this.#names
  }

  tool(publicName: string): Found<ToolDefinition> | Promise<Found<ToolDefinition>> {
    const place = this.#names.split(publicName)
    const shelf = place && this.#shelf(place.server)
    if (!place || !shelf) return { state: 'unknown' }
    if (this.#isKnown(shelf, 'tools/list')) return this.#knownTool(shelf, place.name)
    return this.#toolAfterStart(shelf, place.name)
  }

  async prompt(publicName: string): Promise<Found<PromptTarget>> {
    const target = this.#names.split(publicName)
    const shelf = target && this.#shelf(target.server)
    if (!target || !shelf) return { state: 'unknown' }
    if (!this.#options.mandate.prompt(target.server, target.name).listed)
      return { state: 'unknown' }
    if (this.#isTaken(shelf)) return takenBack(target)
    const offer = await this.#supply.offer(shelf, 'prompts/list')
    if (offer instanceof GuardError) return unavailable(target, offer)
    return this.#found('prompt', shelf, target.name, target)
  }

  /**
   * A URI carries no server name: the upstreams whose grants cover it are asked for, and among several the one that
   * holds it. What stays ambiguous is unknown.
   */
  async resource(
    uri: string,
    mandate: CompiledMandate,
  ): Promise<Found<{ readonly server: string }>> {
    const named = this.#shelves.filter(({ link }) => mandate.resource(link.server, uri).listed)
    const granted = named.filter((shelf) => !this.#isTaken(shelf))
    const [taken] = granted.length === 0 ? named : []
    if (taken) return takenBack({ server: taken.link.server })
    const shelf = await holderOf(uri, granted, {
      supply: this.#supply,
      mandate,
      pins: this.#options.pins,
    })
    if (!shelf) return { state: 'unknown' }
    const target = { server: shelf.link.server }
    try {
      await shelf.link.connect(this.#options.wish(shelf.link.server))
      const { pins } = this.#options
      return await throughTemplate(uri, target, { shelf, pins, supply: this.#supply })
    } catch (error) {
      return unavailable(target, error)
    }
  }

  /**
   * Is what was decided about still what the upstream has, at the moment the call leaves? An upstream that was started
   * again in between is asked first.
   *
   * @throws GuardError ERR_UPSTREAM_DOWN when it cannot be asked
   */
  stands(resource: Resource): boolean | Promise<boolean> {
    if (resource.kind === 'resource') return true
    const { kind, server, name } = resource
    const shelf = this.#shelf(server)
    if (!shelf) return false
    const pinned = (): boolean => {
      const known = shelf.known[kind].get(name)
      const same = resource.kind !== 'tool' || known?.item.definition === resource.definition
      const stands = same && stateOf(this.#options.pins, kind, shelf, name) === 'pinned'
      return stands && this.#lostTo(kind, server, name) === undefined
    }
    const method = kind === 'tool' ? 'tools/list' : 'prompts/list'
    if (this.#isKnown(shelf, method)) return pinned()
    return this.#supply.offer(shelf, method).then((offer) => {
      if (offer instanceof GuardError) throw offer
      return pinned()
    })
  }

  /** Starts every upstream and fetches its tools; what fails is told by the link and leaves the others alone. */
  async prepare(): Promise<void> {
    await Promise.all(this.#shelves.map((shelf) => this.#supply.offer(shelf, 'tools/list')))
    this.#tellUnmatched()
  }

  /** The list as this mandate shows it: filtered once per change of what an upstream sent, not per request. */
  async view(method: ListMethod): Promise<View> {
    const { pins, mandate, restricted } = this.#options
    const open = this.#shelves.filter((shelf) => !this.#isTaken(shelf))
    const offers = await Promise.all(
      open.map(async (shelf) => ({
        shelf,
        offer: await this.#supply.offerInTime(shelf, method),
      })),
    )
    this.#register()
    const key = offers.map(({ offer }) => (offer instanceof GuardError ? '-' : offer.digest)).join()
    const cached = this.#views.get(method)
    const taken = restricted.stamp()
    const revised = `${key} ${this.#revision} ${pins.drifted} ${mandate.revision ?? ''} ${taken}`
    if (cached?.key === revised) return cached.view
    const view = this.#filter(method, offers, digestOf(key))
    this.#views.set(method, { key: revised, view })
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

  /** Another policy set is in force: what it hides, and what that leaves room for, is found out anew. */
  swapped(): void {
    this.#lost.clear()
    this.#revision += 1
  }

  /** Has the agent seen this list? */
  shown(method: ListMethod): boolean {
    return this.#views.has(method)
  }

  /** Does the agent's view of a list differ from the last one that was made? */
  async differs(method: ListMethod): Promise<boolean> {
    const before = this.#views.get(method)?.view.itemsText
    return before !== undefined && (await this.view(method)).itemsText !== before
  }

  /** An upstream ended: what it offered is asked for again once it is back. */
  forget(server: string): void {
    const shelf = this.#shelf(server)
    if (!shelf) return
    for (const method of shelf.offers.keys()) outdated(shelf, method)
    for (const method of shelf.fetching.keys()) outdated(shelf, method)
    // In another era another thing may be wrong with what is otherwise the same.
    shelf.sighted.clear()
  }

  /** What an upstream agreed to, for those that are up. */
  agreements(): readonly { readonly server: string; readonly agreement: Agreement | undefined }[] {
    return this.#shelves.map(({ link }) => ({ server: link.server, agreement: link.agreement }))
  }

  /** Every tool of every upstream that is up, hidden or not: what grants are compared with. */
  tools(): readonly ToolDefinition[] {
    return this.#shelves.flatMap(({ known }) =>
      [...known.tool.values()].flatMap(({ tool }) => (tool ? [tool] : [])),
    )
  }

  /** Grants that name what no upstream has: most often misspelt. Told once, when all of them are up to be asked. */
  #tellUnmatched(): void {
    if (this.#told || this.#shelves.some(({ link }) => !link.agreement)) return
    this.#told = true
    const servers = this.#shelves.map(({ link }) => link.server)
    tellUnmatched(this.#options, { servers, tools: this.tools() })
  }

  #register(): void {
    const { pins, mandate, register } = this.#options
    const lostTo = this.#lostTo.bind(this)
    const key = `${this.#revision} ${pins.drifted} ${mandate.revision ?? ''}`
    register.write(key, { shelves: this.#shelves, lostTo })
  }

  #shelf(server: string): Shelf | undefined {
    return this.#shelves.find(({ link }) => link.server === server)
  }

  /** The whole upstream is taken back: it is not asked for anything. */
  #isTaken({ link }: Shelf): boolean {
    return this.#options.restricted.thing(link.server) !== undefined
  }

  #isKnown(shelf: Shelf, method: ListMethod): boolean {
    return shelf.link.agreement !== undefined && shelf.offers.has(method)
  }

  #knownTool(shelf: Shelf, name: string): Found<ToolDefinition> {
    const tool = shelf.known.tool.get(name)?.tool
    return this.#found('tool', shelf, name, tool ?? bareTool(shelf, name))
  }

  /** What a name comes to. One that no grant covers is unknown all the same: the line says so, whatever became of it. */
  #found<T>(kind: NamedKind, shelf: Shelf, name: string, target: T): Found<T> {
    const { server } = shelf.link
    const { pins } = this.#options
    this.#register()
    switch (stateOf(pins, kind, shelf, name)) {
      case 'pinned': {
        const why = this.#lostTo(kind, server, name)
        return why === undefined
          ? { state: 'found', target }
          : { state: 'changed', target, detail: `hidden: ${why}` }
      }
      case 'changed':
        return { state: 'changed', target, ...heldDetail(pins, kind, shelf, name) }
      case 'new':
        return { state: 'changed', target, detail: UNAPPROVED }
      case undefined:
        return pins.pinOf(server, kind, name) === undefined
          ? { state: 'unknown' }
          : { state: 'changed', target, detail: 'its upstream does not have it any more' }
    }
  }

  #lostTo(kind: NamedKind, server: string, name: string): string | undefined {
    let lost = this.#lost.get(kind)
    if (!lost) {
      lost = this.#contest.judge(kind, this.#shelves)
      this.#lost.set(kind, lost)
      for (const [place, why] of lost) {
        const at = place.indexOf('/')
        this.#options.events.onHidden(place.slice(0, at), kind, place.slice(at + 1), why)
      }
    }
    return lost.size === 0 ? undefined : lost.get(`${server}/${name}`)
  }

  async #toolAfterStart(shelf: Shelf, name: string): Promise<Found<ToolDefinition>> {
    const bare = bareTool(shelf, name)
    // Nobody waits for an upstream to start, or learns that it is down, on account of a tool that no grant names.
    if (!this.#options.mandate.names(shelf.link.server, name)) return { state: 'unknown' }
    if (this.#isTaken(shelf)) return takenBack(bare)
    const offer = await this.#supply.offer(shelf, 'tools/list')
    if (offer instanceof GuardError) return unavailable(bare, offer)
    return this.#knownTool(shelf, name)
  }

  /** Holds what came against its pins, unless it is what is known already. */
  #take(shelf: Shelf, method: ListMethod, offer: Offer): Offer {
    const kind = KIND_OF[method]
    const known = kind && shelf.sighted.get(kind)
    const taken = known?.digest === offer.digest ? known : offer
    shelf.offers.set(method, taken)
    if (method === 'resources/list') this.#options.register.resources(shelf.link.server, taken)
    if (!kind || taken === known) return taken
    shelf.sighted.set(kind, taken)
    this.#revision += 1
    if (kind !== 'template') this.#lost.delete(kind)
    const { pins, events, mandate, wish } = this.#options
    const { server } = shelf.link
    const whole = isWhole(mandate, server, wish(server))
    sight(shelf, kind, taken, { pins, events, whole })
    return taken
  }

  #filter(
    method: ListMethod,
    offers: readonly { readonly shelf: Shelf; readonly offer: Offer | GuardError }[],
    digest: Sha256,
  ): View {
    const shown: Shown[] = []
    let all = 0
    for (const { shelf, offer } of offers) {
      // Fetching may have taken its time.
      if (offer instanceof GuardError || this.#isTaken(shelf)) continue
      all += offer.items.length
      for (const item of offer.items)
        if (this.#visible(method, shelf, item)) shown.push({ server: shelf.link.server, item })
    }
    const lost = contested(method, shown)
    const texts: string[] = []
    const servers = new Set<string>()
    for (const { server, item } of shown) {
      const found = lost.get(item)
      if (found) {
        const kind = KIND_OF[method] ?? 'resource'
        this.#options.events.onHidden(server, kind, found.uri, found.why)
        continue
      }
      const text = this.#itemText(method, server, item)
      if (text === undefined) continue
      texts.push(text)
      servers.add(server)
    }
    const offered = texts.length
    return { itemsText: `[${texts.join(',')}]`, offered, hidden: all - offered, digest, servers }
  }

  #visible(method: ListMethod, shelf: Shelf, item: Listed): boolean {
    const { mandate } = this.#options
    const { server } = shelf.link
    switch (method) {
      case 'tools/list':
        return this.#toolVisible(shelf, item)
      case 'prompts/list': {
        const name = this.#shown('prompt', shelf, item)
        return name !== undefined && mandate.prompt(server, name).listed
      }
      case 'resources/list':
        return (
          typeof item.value['uri'] === 'string' && mandate.resourceListed(server, item.value['uri'])
        )
      case 'resources/templates/list': {
        const template = item.value['uriTemplate']
        return (
          typeof template === 'string' &&
          this.#isPinned('template', shelf, template, item) &&
          mandate.templateListed(server, template)
        )
      }
    }
  }

  #isPinned(kind: DefinitionKind, shelf: Shelf, name: string, item: Listed): boolean {
    return (
      shelf.known[kind].get(name)?.item === item &&
      stateOf(this.#options.pins, kind, shelf, name) === 'pinned'
    )
  }

  /** The name of what is pinned and that no other name hides. */
  #shown(kind: NamedKind, shelf: Shelf, item: Listed): string | undefined {
    const name = item.value['name']
    if (typeof name !== 'string' || !this.#isPinned(kind, shelf, name, item)) return undefined
    return this.#lostTo(kind, shelf.link.server, name) === undefined ? name : undefined
  }

  #toolVisible(shelf: Shelf, item: Listed): boolean {
    const name = this.#shown('tool', shelf, item)
    const tool = name === undefined ? undefined : shelf.known.tool.get(name)?.tool
    if (!tool) return false
    if (this.#options.restricted.thing(shelf.link.server, tool.name) !== undefined) return false
    const authority = this.#options.mandate.tool(tool)
    for (const problem of authority.problems) {
      this.#options.events.onHidden(shelf.link.server, 'tool', tool.name, problemText(problem))
    }
    return authority.listed
  }

  /** The definition of a tool is whole, or it is not what was approved; of others, what policies take out is left out. */
  #itemText(method: ListMethod, server: string, item: Listed): string | undefined {
    const text = namedText(this.#names, method, server, item)
    return method === 'tools/list' ? text : this.#options.overhear.clean(server, text)
  }
}
