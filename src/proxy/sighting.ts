/** A fetched list becomes what the guard knows: names that can be shown, each once, and held against their pins. */
import type { JsonObject } from '../model/json.ts'
import type { Definition, DefinitionKind } from '../model/lock.ts'
import { nameFault } from '../model/plain-name.ts'
import { canonicalExact } from '../model/exact.ts'
import type { ToolDefinition } from '../model/tool.ts'
import { mirrorOf } from './mirror.ts'
import type { Listed, Offer } from './offer.ts'
import type { Drift, Pins } from './pins.ts'
import type { Known, Shelf } from './shelf.ts'
import type { Link } from './upstream/link.ts'

/** What can be hidden. A resource has no definition that anybody approves. */
export type HiddenKind = DefinitionKind | 'resource'

export interface CatalogEvents {
  onPinned(server: string, facts: JsonObject): void
  onDrift(drift: Drift): void
  onHidden(server: string, kind: HiddenKind, name: string, why: string): void
  /** A grant names what no upstream has. */
  onUnmatched(why: string): void
}

/** How the members of the record count what was pinned. */
const COUNTED: Readonly<Record<DefinitionKind, string>> = {
  tool: 'tools',
  prompt: 'prompts',
  template: 'templates',
}

/** Puts what the list holds on the shelf, and tells what is new about it; `whole`: see `Pins.see`. */
export function sight(
  shelf: Shelf,
  kind: DefinitionKind,
  offer: Offer,
  told: { readonly pins: Pins; readonly events: CatalogEvents; readonly whole: boolean },
): void {
  const { server } = shelf.link
  const { pins, events, whole } = told
  const items = named(shelf, kind, offer, told)
  const definitions = [...items].map(([name, { definition, exact }]): Definition => ({
    name,
    digest: definition,
    value: exact,
  }))
  const { drift, first } = pins.see(server, kind, definitions, { whole })
  const known = new Map<string, Known>()
  for (const [name, item] of items) {
    const tool = kind === 'tool' ? { tool: toolOf(server, name, item, pins) } : {}
    known.set(name, { item, ...tool })
  }
  shelf.known[kind] = known
  if (first)
    events.onPinned(server, {
      pinned: pins.source,
      [COUNTED[kind]]: known.size,
      s256: offer.digest,
    })
  for (const one of drift) events.onDrift(one)
}

function toolOf(server: string, name: string, item: Listed, pins: Pins): ToolDefinition {
  const { value, exact, definition } = item
  const base = { server, name, raw: value, definition, text: () => canonicalExact(exact) }
  const lockedEffect = pins.effectOf(server, name)
  return lockedEffect === undefined ? base : { ...base, lockedEffect }
}

/**
 * Each name once. Of two definitions under one name the pinned one is kept; where none is pinned nobody can tell which
 * of the two a call would be of, and both are hidden.
 */
function named(
  { link }: Shelf,
  kind: DefinitionKind,
  { items }: Offer,
  { pins, events }: { readonly pins: Pins; readonly events: CatalogEvents },
): ReadonlyMap<string, Listed> {
  const { server } = link
  const hide = (name: string, why: string): void => events.onHidden(server, kind, name, why)
  const found = new Map<string, Listed>()
  const doubtful = new Set<string>()
  for (const item of items) {
    const name = item.value[kind === 'template' ? 'uriTemplate' : 'name']
    const fault =
      typeof name === 'string'
        ? (faultOf(kind, name) ?? mirrorFault(link, kind, item))
        : 'it has no name'
    if (typeof name !== 'string' || fault !== undefined) {
      hide(typeof name === 'string' ? name : '', fault ?? '')
      continue
    }
    const other = found.get(name)
    if (!other) {
      found.set(name, item)
      continue
    }
    const same = item.definition === other.definition
    hide(name, same ? 'its name is given twice' : 'its name is given to two definitions')
    const pin = pins.pinOf(server, kind, name)
    if (item.definition === pin) found.set(name, item)
    else if (pin === undefined && !same) doubtful.add(name)
  }
  for (const name of doubtful) found.delete(name)
  return found
}

/** A URI template is no name that anybody types: what it may expand to is judged by the mandate. */
function faultOf(kind: DefinitionKind, name: string): string | undefined {
  return kind === 'template' ? undefined : nameFault(name)
}

/** MCP 2026-07-28, Custom Headers: over HTTP such a tool cannot be called as its definition wants. */
function mirrorFault(
  { server, mirrors }: Link,
  kind: DefinitionKind,
  item: Listed,
): string | undefined {
  if (kind !== 'tool' || !mirrors) return undefined
  const tool = { server, name: '', raw: item.value, definition: item.definition }
  const mirror = mirrorOf(tool)
  return mirror.kind === 'invalid' ? mirror.why : undefined
}
