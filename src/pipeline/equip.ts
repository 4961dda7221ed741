/**
 * equip: the lease the upstream needs. On stdio the child got its allow-listed environment when it started, so
 * there is nothing to lend; a mandate that names a credential does not load until a broker can lend it.
 */
import type { Committed } from './commit.ts'
import type { Departure } from './port.ts'
import type { StageRow } from './stage.ts'

export interface Equipped {
  readonly committed: Committed
  readonly departure: Departure
  readonly call: Committed['call']
  readonly request: Committed['request']
}

export const equip: StageRow<Committed, Equipped> = {
  name: 'equip',
  question: 'which lease does the upstream need?',
  codes: ['credential_unavailable'],
  why: 'a credential is lent only to a call that is on record',
  run: (committed) => {
    const { call, request } = committed
    const { bound, tool } = committed.steppedUp.decided.resolved
    const { inbound } = bound.identified.admitted
    return {
      committed,
      call,
      request,
      departure: {
        call,
        era: inbound.era,
        server: call.resource.server,
        method: inbound.method,
        params: inbound.params,
        cancelled: inbound.cancelled,
        ...(inbound.continuation && { continuation: inbound.continuation }),
        ...(tool && { tool }),
      },
    }
  },
}
