/** bind: under which mandate: for this agent, for this environment, and valid now? */
import type { CompiledMandate } from '../model/authority.ts'
import type { Environment, Principal } from '../model/call.ts'
import type { DenyReason } from '../model/decision.ts'
import type { Instant } from '../model/id.ts'
import { refusal, type Refusal } from '../model/verdict.ts'
import type { Identified } from './identify.ts'
import type { LinePorts } from './port.ts'
import type { StageRow } from './stage.ts'
import { isUnusable } from './taken-back.ts'

export interface Bound {
  readonly identified: Identified
  readonly mandate: CompiledMandate
  readonly request: Identified['request']
}

export const bind: StageRow<Identified, Bound> = {
  name: 'bind',
  question: 'under which mandate: genuine, current, for us?',
  codes: [
    'agent_mismatch',
    'environment_mismatch',
    'mandate_not_yet_valid',
    'mandate_expired',
    'clock_moved_back',
    'guard_stopping',
    'mandate_revoked',
    'mandate_suspended',
    'state_unavailable',
  ],
  why: 'what is acted on is looked up in the view of one mandate, so that has to be settled first',
  run: (identified, ports) => {
    if (ports.stopping()) return refusal('bind', 'guard_stopping')
    const { at, movedBack } = identified.admitted
    if (movedBack)
      return refusal('bind', 'clock_moved_back', 'the wall clock went back by more than 5 s')
    const reason =
      unfit(ports.mandate, identified.principal, ports.environment, at) ??
      ports.restricted.standing()
    if (reason !== undefined) return refusal('bind', reason)
    return { identified, mandate: ports.mandate, request: identified.request }
  },
}

/** Why a mandate does not bind here and now, or undefined when it does. */
function unfit(
  compiled: CompiledMandate,
  principal: Principal,
  environment: Environment,
  at: Instant,
): DenyReason | undefined {
  const { mandate } = compiled
  if (mandate.agent !== principal.agent) return 'agent_mismatch'
  if (mandate.environment.length > 0 && !mandate.environment.includes(environment))
    return 'environment_mismatch'
  switch (compiled.validity(at)) {
    case 'valid':
      return undefined
    case 'not_yet':
      return 'mandate_not_yet_valid'
    case 'expired':
      return 'mandate_expired'
  }
}

export type StandingPorts = Pick<
  LinePorts,
  'stopping' | 'principal' | 'time' | 'mandate' | 'environment' | 'restricted'
>

/** Why the mandate does not bind at this moment, for what is no call: lists, and messages that reach an upstream. */
export function standing(ports: StandingPorts): Refusal | undefined {
  if (ports.stopping()) return refusal('bind', 'guard_stopping')
  if (!ports.principal) return refusal('identify', 'unauthenticated')
  const { at, movedBack } = ports.time.read()
  if (movedBack)
    return refusal('bind', 'clock_moved_back', 'the wall clock went back by more than 5 s')
  const reason = unfit(ports.mandate, ports.principal, ports.environment, at) ?? takenBackNow(ports)
  return reason === undefined ? undefined : refusal('bind', reason)
}

/** Nobody else catches it here. */
function takenBackNow({ restricted }: StandingPorts): DenyReason | undefined {
  try {
    return restricted.standing()
  } catch (error) {
    if (isUnusable(error)) return 'state_unavailable'
    throw error
  }
}
