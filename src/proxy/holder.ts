/** Which upstream a resource is of: its URI carries no server's name, and the guard does not guess. */
import type { CompiledMandate } from '../model/authority.ts'
import { GuardError } from '../model/error.ts'
import type { Listed, ListMethod, Offer } from './offer.ts'
import type { Pins } from './pins.ts'
import { holds, type Shelf } from './shelf.ts'
import { stateOf } from './standing.ts'
import type { Supply } from './supply.ts'
import { spans } from './template.ts'

interface Sources {
  readonly supply: Supply
  readonly mandate: CompiledMandate
  readonly pins: Pins
}

/**
 * Of the upstreams whose grants cover the URI the only one that has resources, or that lists it, or whose template spans
 * it; undefined where there is none, or still several. One that cannot be asked may be the one as long as others are not.
 */
export async function holderOf(
  uri: string,
  granted: readonly Shelf[],
  sources: Sources,
): Promise<Shelf | undefined> {
  if (granted.length <= 1) return granted[0]
  const listing = await having(granted, 'resources/list', sources, ({ items }) =>
    items.some((item) => item.value['uri'] === uri),
  )
  const open = granted.filter(
    ({ link }) => !link.agreement || holds(link.agreement, 'resources/list'),
  )
  if (open.length <= 1) return open[0]
  if (listing.length > 0) return only(listing)
  const template = 'resources/templates/list'
  const spanning = await having(open, template, sources, (_offer, shelf) =>
    [...shelf.known.template.keys()].some(
      (name) => fits(name, uri) && isShown(name, shelf, sources),
    ),
  )
  if (spanning.length > 0) return only(spanning)
  // What would be read through a template that changed is refused as that.
  return only(open.filter((shelf) => hasChanged(shelf, uri, sources)))
}

function only(shelves: readonly Shelf[]): Shelf | undefined {
  return shelves.length === 1 ? shelves[0] : undefined
}

async function having(
  shelves: readonly Shelf[],
  method: ListMethod,
  { supply }: Sources,
  test: (offer: Offer, shelf: Shelf) => boolean,
): Promise<readonly Shelf[]> {
  const found = await Promise.all(
    shelves.map(async (shelf) => {
      const offer = await supply.offer(shelf, method)
      return !(offer instanceof GuardError) && test(offer, shelf) ? [shelf] : []
    }),
  )
  return found.flat()
}

function isShown(name: string, shelf: Shelf, { pins, mandate }: Sources): boolean {
  const pinned = stateOf(pins, 'template', shelf, name) === 'pinned'
  return pinned && mandate.templateListed(shelf.link.server, name)
}

function hasChanged(shelf: Shelf, uri: string, { pins }: Sources): boolean {
  return [...shelf.known.template.keys()].some(
    (name) => fits(name, uri) && stateOf(pins, 'template', shelf, name) === 'changed',
  )
}

/** A template in the place of a URI (MCP, Completion) is held by who has it. */
function fits(template: string, uri: string): boolean {
  return uri.includes('{') ? bones(template) === bones(uri) : spans(template, uri)
}

const EXPRESSION = /\{[^{}]*\}/

/** Templates that differ in the names of their variables alone span the same. */
function bones(template: string): string {
  return template.split(EXPRESSION).join('{}')
}

/** An item of a list as the agent would see it. */
export interface Shown {
  readonly server: string
  readonly item: Listed
}

/** What several upstreams show under one URI: nobody could tell whose it is, so none of it can be asked for. */
export function contested(
  method: ListMethod,
  shown: readonly Shown[],
): ReadonlyMap<Listed, { readonly uri: string; readonly why: string }> {
  const member = MEMBER.get(method)
  if (member === undefined) return new Map()
  const holders = Map.groupBy(shown, ({ item }) => bones(uriOf(item, member)))
  const lost = [...holders.values()].flatMap((rivals) => {
    const servers = new Set(rivals.map(({ server }) => server))
    if (servers.size === 1) return []
    const names = [...servers].map((server) => `\`${server}\``).join(' and ')
    const why = `${names} both show it, and a URI names no server`
    return rivals.map(({ item }) => [item, { uri: uriOf(item, member), why }] as const)
  })
  return new Map(lost)
}

const MEMBER: ReadonlyMap<ListMethod, string> = new Map([
  ['resources/list', 'uri'],
  ['resources/templates/list', 'uriTemplate'],
])

function uriOf({ value }: Listed, member: string): string {
  const uri = value[member]
  return typeof uri === 'string' ? uri : ''
}
