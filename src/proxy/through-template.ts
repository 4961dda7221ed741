/** How a resource stands to the templates that it may be read, or completed, through. */
import { GuardError } from '../model/error.ts'
import type { Found } from '../pipeline/port.ts'
import type { Pins } from './pins.ts'
import type { Shelf } from './shelf.ts'
import { stateOf } from './standing.ts'
import type { Supply } from './supply.ts'
import { spans } from './template.ts'
import { UNAPPROVED } from './unavailable.ts'

/**
 * A template whose definition changed is neither completed nor read through, unless another one spans the URI, too.
 *
 * @throws GuardError when the upstream cannot be asked
 */
export async function throughTemplate<T>(
  uri: string,
  target: T,
  { shelf, pins, supply }: { readonly shelf: Shelf; readonly pins: Pins; readonly supply: Supply },
): Promise<Found<T>> {
  const method = 'resources/templates/list'
  const completes = uri.includes('{')
  if (completes || pins.approves(shelf.link.server, 'template')) {
    const offer = await supply.offer(shelf, method)
    if (offer instanceof GuardError) throw offer
  }
  const known = shelf.known.template
  const spanning = completes ? [uri] : [...known.keys()].filter((template) => spans(template, uri))
  const states = spanning.map((template) => stateOf(pins, 'template', shelf, template))
  if (completes && pins.source === 'lock' && states[0] !== 'pinned' && states[0] !== 'changed')
    return { state: 'changed', target, detail: UNAPPROVED }
  const changed = states.includes('changed') && !states.includes('pinned')
  return { state: changed ? 'changed' : 'found', target }
}
