/**
 * The pin is looked at once more where a call leaves: its upstream may have ended after the call was decided, and what
 * is started in its place may have another definition under the same name.
 */
import { GuardError } from '../model/error.ts'
import type { Departure, ForwardPort } from '../pipeline/port.ts'
import type { Catalog } from './catalog.ts'

/** @throws GuardError ERR_DEFINITION_CHANGED when nothing may leave, and what the port under it throws */
export function asDecided(upstreams: ForwardPort, catalog: Pick<Catalog, 'stands'>): ForwardPort {
  const leave = (stands: boolean, departure: Departure): ReturnType<ForwardPort['forward']> => {
    if (stands) return upstreams.forward(departure)
    const why = 'its definition is no longer the one that was decided about'
    throw new GuardError('ERR_DEFINITION_CHANGED', why)
  }
  return {
    forward: (departure) => {
      const stands = catalog.stands(departure.call.resource)
      return typeof stands === 'boolean'
        ? leave(stands, departure)
        : stands.then((still) => leave(still, departure))
    },
  }
}
