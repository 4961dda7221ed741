/** One upstream's place in the catalog: what it offers as far as it was fetched, and the pins of its tools. */
import type { Sha256 } from '../model/id.ts'
import { isObject } from '../model/json.ts'
import type { ToolDefinition } from '../model/tool.ts'
import type { Found } from '../pipeline/port.ts'
import { LIST_CAPABILITY, type ListMethod, type Offer } from './offer.ts'
import type { Agreement } from './upstream/handshake.ts'
import type { Link } from './upstream/link.ts'

/** One upstream's lists, as far as they were fetched. */
export interface Shelf {
  readonly link: Link
  readonly offers: Map<ListMethod, Offer>
  readonly pins: Map<string, Sha256>
  readonly tools: Map<string, ToolDefinition>
  fetching: Map<ListMethod, Promise<Offer>>
  /** Grows when a list is known to have changed: what was fetched before is not kept. */
  readonly generation: Map<ListMethod, number>
}

export function newShelf(link: Link): Shelf {
  return {
    link,
    offers: new Map(),
    pins: new Map(),
    tools: new Map(),
    fetching: new Map(),
    generation: new Map(),
  }
}

/** A tool under its upstream's own name, as it stands to its pin. */
export function knownTool(shelf: Shelf, name: string): Found<ToolDefinition> {
  const tool = shelf.tools.get(name)
  if (!tool) return { state: 'unknown' }
  return shelf.pins.get(name) === tool.definition
    ? { state: 'found', target: tool }
    : { state: 'changed', target: tool }
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
