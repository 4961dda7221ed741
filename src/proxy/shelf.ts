/** One upstream's place in the catalog: what it offers as far as it was fetched, and how that stands to its pins. */
import { digestOf } from '../model/digest.ts'
import { isObject } from '../model/json.ts'
import type { DefinitionKind } from '../model/lock.ts'
import type { ToolDefinition } from '../model/tool.ts'
import { LIST_CAPABILITY, type Listed, type ListMethod, type Offer } from './offer.ts'
import type { Agreement } from './upstream/handshake.ts'
import type { Link } from './upstream/link.ts'

/** A definition under its upstream's own name; how it stands to its pin is for the pins to say, each time. */
export interface Known {
  readonly item: Listed
  /** Present for a tool. */
  readonly tool?: ToolDefinition
}

/** One upstream's lists, as far as they were fetched. */
export interface Shelf {
  readonly link: Link
  /** Its place among the upstreams of `mcp.json`. */
  readonly rank: number
  readonly offers: Map<ListMethod, Offer>
  readonly known: Record<DefinitionKind, ReadonlyMap<string, Known>>
  /** The list of each kind that is known: one that comes again alike is not looked at again. */
  readonly sighted: Map<DefinitionKind, Offer>
  fetching: Map<ListMethod, Promise<Offer>>
  /** Grows when a list is known to have changed: what was fetched before is not kept. */
  readonly generation: Map<ListMethod, number>
}

export function newShelf(link: Link, rank: number): Shelf {
  return {
    link,
    rank,
    offers: new Map(),
    sighted: new Map(),
    known: { tool: new Map(), prompt: new Map(), template: new Map() },
    fetching: new Map(),
    generation: new Map(),
  }
}

/** Whether an upstream has such things at all. */
export function holds({ capabilities }: Agreement, method: ListMethod): boolean {
  return isObject(capabilities[LIST_CAPABILITY[method]])
}

/** Whether an upstream says when a list changes; one that does not is asked each time. */
export function announces({ capabilities }: Agreement, method: ListMethod): boolean {
  const capability = capabilities[LIST_CAPABILITY[method]]
  return (
    isObject(capability) &&
    capability['listChanged'] === true &&
    method !== 'resources/templates/list'
  )
}

/** What is on the shelf, or on its way to it, is no longer what the upstream has. */
export function outdated(shelf: Shelf, method: ListMethod): void {
  shelf.generation.set(method, (shelf.generation.get(method) ?? 0) + 1)
  shelf.offers.delete(method)
  shelf.fetching.delete(method)
}

/** A tool of which nothing is known but its name. */
export function bareTool({ link }: Shelf, name: string): ToolDefinition {
  return { server: link.server, name, raw: {}, definition: digestOf('') }
}
