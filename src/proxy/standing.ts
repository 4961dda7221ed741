/** How what an upstream has stands to its pins. Asked each time: whichever session sees a change, it is one for all of them. */
import type { CompiledMandate } from '../model/authority.ts'
import { isObject } from '../model/json.ts'
import type { DefinitionKind } from '../model/lock.ts'
import type { Pins, PinState } from './pins.ts'
import { offeredForAnyone } from './session.ts'
import type { Shelf } from './shelf.ts'
import type { Wish } from './upstream/handshake.ts'

/** Undefined where the upstream has nothing under that name. */
export function stateOf(
  pins: Pins,
  kind: DefinitionKind,
  { link, known }: Shelf,
  name: string,
): PinState | undefined {
  const item = known[kind].get(name)?.item
  return item && pins.stateOf(link.server, kind, name, item.definition)
}

/** Why one that changed is refused, where that is not to be seen from it: it is again as it is pinned. */
export function heldDetail(
  pins: Pins,
  kind: DefinitionKind,
  { link, known }: Shelf,
  name: string,
): { readonly detail: string } | undefined {
  const definition = known[kind].get(name)?.item.definition
  if (definition !== pins.pinOf(link.server, kind, name)) return undefined
  return { detail: 'hidden: its definition changed before, and is held for the rest of the run' }
}

/**
 * True where the upstream was told of everything that the mandate lets it ask for, as it was for the lock file. Some
 * offer less to an agent that can be asked for less.
 */
export function isWhole(mandate: CompiledMandate, server: string, { capabilities }: Wish): boolean {
  const whole = offeredForAnyone((kind) => mandate.permitsRequest(server, kind))
  return Object.entries(whole).every(([kind, all]) => {
    const told = capabilities[kind]
    if (!isObject(told) || !isObject(all)) return false
    return Object.keys(all).every((member) => isObject(told[member]))
  })
}
