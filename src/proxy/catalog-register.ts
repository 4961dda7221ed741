/**
 * Keeps the catalog beside the record whenever it is another one, under its hash: what an agent was allowed to do is a
 * question about all tools that its guard knew, and not only about those that were called.
 */
import { digestOf } from '../model/digest.ts'
import { canonicalExact } from '../model/exact.ts'
import type { Sha256 } from '../model/id.ts'
import { canonical, type JsonObject } from '../model/json.ts'
import type { DefinitionKind } from '../model/lock.ts'
import type { AuditLog, OperationalLog } from '../model/port.ts'
import type { EventName } from '../model/record.ts'
import { withoutSecrets } from '../model/secret-shape.ts'
import { catalogEvents } from './catalog-events.ts'
import type { NamedKind } from './contest.ts'
import type { Offer } from './offer.ts'
import type { Pins } from './pins.ts'
import type { Shelf } from './shelf.ts'
import type { CatalogEvents } from './sighting.ts'
import { stateOf } from './standing.ts'

export interface RegisterParts {
  readonly log: Pick<AuditLog, 'keep'>
  readonly record: (event: EventName, facts: JsonObject) => void
  readonly operational: OperationalLog
  readonly pins: Pins
  /** In UTF-16 code units: an upstream that lists other tools for ever does not fill the disk. Default 64 Mi. */
  readonly mostKept?: number
}

/** What the catalog knows at the moment of asking. */
export interface Known {
  readonly shelves: readonly Shelf[]
  /** Why a name is hidden beside others; undefined where it is not. */
  readonly lostTo: (kind: NamedKind, server: string, name: string) => string | undefined
}

const MOST_KEPT = 64 * 1024 * 1024
/** Resources have no definition that anybody approves, and there may be many. */
const MOST_RESOURCES = 10_000

export class CatalogRegister {
  readonly #parts: RegisterParts
  /** The last lists of resources: what an upstream is asked for each time is not gone in between. */
  readonly #resources = new Map<string, Offer>()
  #key = ''
  #last: Sha256 | undefined
  #kept = 0
  #full = false

  constructor(parts: RegisterParts) {
    this.#parts = parts
  }

  resources(server: string, offer: Offer): void {
    if (this.#resources.get(server)?.digest === offer.digest) return
    this.#resources.set(server, offer)
    this.#key = ''
  }

  /** Cheap where nothing changed, which is what the key says. Never throws: a call that cannot be recorded is refused as such. */
  write(key: string, known: Known): void {
    if (this.#key === key || this.#full) return
    this.#key = key
    const { log, record, operational, mostKept = MOST_KEPT } = this.#parts
    if (!log.keep) return
    try {
      const { text, counts, bundles } = this.#written(known)
      const name = digestOf(text)
      if (name === this.#last) return
      this.#kept += text.length
      for (const [bundle, lines] of bundles) {
        this.#kept += lines.length
        if (this.#kept <= mostKept) log.keep(bundle, () => lines)
      }
      if (this.#kept > mostKept) {
        this.#full = true
        operational.warn({}, 'the catalog changes too often: it is not kept any more')
        record('catalog_listed', { ...counts, unkept: true })
        return
      }
      log.keep(name, () => text)
      this.#last = name
      record('catalog_listed', { s256: name, ...counts })
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      operational.error({ error: why }, 'the catalog could not be kept')
      this.#last = undefined
      record('catalog_listed', { unkept: true })
    }
  }

  #written({ shelves, lostTo }: Known): {
    readonly text: string
    readonly counts: JsonObject
    readonly bundles: ReadonlyMap<Sha256, string>
  } {
    const bundles = new Map<Sha256, string>()
    const counts = { tools: 0, prompts: 0, templates: 0, resources: 0 }
    const upstreams = shelves.map((shelf): JsonObject => {
      const { server } = shelf.link
      const lines = definitionsOf(shelf)
      const definitions = digestOf(lines)
      if (shelf.known.tool.size > 0) bundles.set(definitions, lines)
      const tools = this.#named('tool', shelf, (name) => lostTo('tool', server, name))
      const prompts = this.#named('prompt', shelf, (name) => lostTo('prompt', server, name))
      const templates = this.#named('template', shelf, () => undefined)
      const resources = resourcesIn(this.#resources.get(server))
      counts.tools += tools.length
      counts.prompts += prompts.length
      counts.templates += templates.length
      counts.resources += resources.length
      const kept = tools.length > 0 && { definitions }
      return { server, ...kept, tools, prompts, templates, resources }
    })
    return { text: canonical({ v: 1, upstreams }), counts, bundles }
  }

  #named(
    kind: DefinitionKind,
    shelf: Shelf,
    whyLost: (name: string) => string | undefined,
  ): readonly JsonObject[] {
    return [...shelf.known[kind]].map(([name, { item }]) => {
      const state = stateOf(this.#parts.pins, kind, shelf, name) ?? 'new'
      const why = state === 'pinned' ? whyLost(name) : undefined
      return { name, s256: item.definition, state, ...(why !== undefined && { why }) }
    })
  }
}

/** All that the record is told of a catalog. */
export function onRecord(parts: RegisterParts): {
  readonly events: CatalogEvents
  readonly register: CatalogRegister
} {
  const { record, operational, pins } = parts
  return {
    events: catalogEvents(record, operational, pins),
    register: new CatalogRegister(parts),
  }
}

/** One canonical definition a line: the hash of a line is what decisions name it by. */
function definitionsOf({ known }: Shelf): string {
  return [...known.tool.values()].map(({ item }) => `${canonicalExact(item.exact)}\n`).join('')
}

function resourcesIn(offer: Offer | undefined): readonly JsonObject[] {
  return (offer?.items ?? []).slice(0, MOST_RESOURCES).flatMap(({ value, definition }) => {
    const { uri } = value
    return typeof uri === 'string' ? [{ name: withoutSecrets(uri), s256: definition }] : []
  })
}
