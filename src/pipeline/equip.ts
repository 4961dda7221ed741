/**
 * equip: what has to be in hand before a call leaves. Whoever has to hear of it is told; on stdio the child got its
 * allow-listed environment when it started, so there is no lease, and a mandate that names a credential does not load until
 * a broker can lend it.
 */
import { refusal, type Refusal } from '../model/verdict.ts'
import { refusedNow } from './again.ts'
import { standing } from './bind.ts'
import { changesTheWorld, obligationsOf, type Committed } from './commit.ts'
import { noticesOf, type Notice } from './duty/notify.ts'
import type { Departure, LinePorts } from './port.ts'
import type { StageRow } from './stage.ts'
import { takenBack } from './taken-back.ts'

export interface Equipped {
  readonly committed: Committed
  readonly departure: Departure
  readonly call: Committed['call']
  readonly request: Committed['request']
}

export const equip: StageRow<Committed, Equipped> = {
  name: 'equip',
  question: 'is everything in hand that it needs: leases, and duties that come before it?',
  codes: [
    'credential_unavailable',
    'obligation_unmet',
    'mandate_not_yet_valid',
    'mandate_expired',
    'clock_moved_back',
    'guard_stopping',
    'mandate_revoked',
    'mandate_suspended',
    'revoked',
    'suspended',
    'state_unavailable',
  ],
  why: 'a credential is lent only to a call that is on record, and nobody is told of one that is not',
  run: (committed, ports) => {
    const obligations = obligationsOf(committed)
    if (obligations.length === 0) return equipped(committed, ports)
    const { authority } = committed.steppedUp.decided.resolved
    const notices = noticesOf(obligations, committed.call, authority.effects)
    return notices.length === 0 ? equipped(committed, ports) : told(notices, committed, ports)
  },
}

/** All of them, or the call is not made. */
async function told(
  notices: readonly Notice[],
  committed: Committed,
  ports: LinePorts,
): Promise<Equipped | Refusal> {
  const { notifier } = ports
  const unmet = (why: string): Refusal => refusal('equip', 'obligation_unmet', why)
  if (!notifier) return unmet('nobody can be told')
  const ends = await Promise.all(notices.map(({ to, event }) => notifier.notify(to, event)))
  const failed = notices.filter((_, index) => ends[index] !== 'delivered').map(({ to }) => to)
  if (failed.length > 0) return unmet(`not told: ${failed.join(', ')}`)
  // While they were told, it may have been taken back, the mandate may have ended, and other policies may be in force.
  const { call, steppedUp } = committed
  const taken = takenBack('equip', call.resource, ports)
  if (taken) return taken
  const { tool } = steppedUp.decided.resolved
  const reason = refusedNow({ call, ...(tool && { tool }) }, ports)
  return reason === undefined ? ready(committed) : unmet(`it would not be let out now: ${reason}`)
}

/** It waited for its intent: what was taken back meanwhile does not leave, nor, after a disk, what is no longer bound. */
function equipped(committed: Committed, ports: LinePorts): Equipped | Refusal {
  const { call, steppedUp } = committed
  const taken = takenBack('equip', call.resource, ports)
  if (taken) return taken
  if (!changesTheWorld(steppedUp)) return ready(committed)
  const reason = standing(ports)?.reason
  return reason === undefined ? ready(committed) : refusal('equip', reason)
}

function ready(committed: Committed): Equipped {
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
}
