/** commit: nothing leaves before its intent is recorded. */
import { GuardError } from '../model/error.ts'
import type { JsonObject } from '../model/json.ts'
import type { Receipt } from '../model/record.ts'
import { refusal, type Refusal } from '../model/verdict.ts'
import type { LinePorts } from './port.ts'
import type { StageRow } from './stage.ts'
import type { SteppedUp } from './step-up.ts'

export interface Committed {
  readonly steppedUp: SteppedUp
  readonly receipt: Receipt
  readonly call: SteppedUp['call']
  readonly request: SteppedUp['request']
  readonly decision: SteppedUp['decision']
}

export const commit: StageRow<SteppedUp, Committed> = {
  name: 'commit',
  question: 'is the intent recorded?',
  codes: ['cancelled', 'audit_unavailable'],
  why: 'last before anything is lent or sent: a call that cannot be recorded does not happen',
  run: (steppedUp, ports) => {
    if (steppedUp.decided.resolved.bound.identified.admitted.cancelled.aborted)
      return refusal('commit', 'cancelled')
    return recorded(steppedUp, ports)
  },
}

function recorded(steppedUp: SteppedUp, ports: LinePorts): Promise<Committed | Refusal> {
  const { call, request, decision } = steppedUp
  const input = inputOf(steppedUp)
  const entry = { type: 'intent', at: call.at, request, call, decision } as const
  return ports.log.append(input ? { ...entry, input } : entry).then(
    (receipt) => ({ steppedUp, receipt, call, request, decision }),
    (error: unknown) => {
      if (error instanceof GuardError) return refusal('commit', 'audit_unavailable', error.message)
      throw error
    },
  )
}

function inputOf(steppedUp: SteppedUp): JsonObject | undefined {
  const { inbound } = steppedUp.decided.resolved.bound.identified.admitted
  return inbound.continuation?.inputResponses
}
