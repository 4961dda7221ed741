/** forward: what did the upstream answer, in time? The only line that leaves. */
import type { Resource } from '../model/call.ts'
import { type FaultCode, GuardError } from '../model/error.ts'
import type { UpstreamAnswer } from '../model/port.ts'
import { refusal, type Refusal } from '../model/verdict.ts'
import { changedReason } from './resolve.ts'
import type { Equipped } from './equip.ts'
import type { LinePorts } from './port.ts'
import type { StageRow } from './stage.ts'

export interface Forwarded {
  readonly equipped: Equipped
  readonly answer: UpstreamAnswer
  readonly call: Equipped['call']
  readonly request: Equipped['request']
}

export const forward: StageRow<Equipped, Forwarded> = {
  name: 'forward',
  question: 'what did the upstream answer, in time?',
  codes: [
    'upstream_unavailable',
    'credential_unavailable',
    'upstream_timeout',
    'outcome_unknown',
    'output_refused',
    'cancelled',
    'tool_changed',
    'definition_changed',
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
  why: 'only what was judged, recorded and equipped may leave',
  run: (equipped, ports) => send(equipped, ports),
}

function send(equipped: Equipped, ports: LinePorts): Refusal | Promise<Forwarded | Refusal> {
  const { call, request } = equipped
  const { retract } = equipped.committed
  const { cancelled } = equipped.departure
  const accept = (answer: UpstreamAnswer | 'cancelled' | 'called_off'): Forwarded | Refusal => {
    if (answer === 'cancelled') {
      retract()
      return refusal('forward', cancelled.why ?? 'cancelled')
    }
    if (answer === 'called_off')
      return cancelled.why === undefined
        ? refusal('forward', 'outcome_unknown', CALLED_OFF)
        : refusal('screen', cancelled.why, CALLED_OFF)
    return { equipped, answer, call, request }
  }
  const refused = (error: unknown): Refusal => {
    if (error instanceof GuardError && NOTHING_LEFT.has(error.code)) retract()
    return failed(error, call.resource.kind)
  }
  try {
    return ports.upstreams.forward(equipped.departure).then(accept, refused)
  } catch (error) {
    return refused(error)
  }
}

const CALLED_OFF = 'called off after it left'

/** It never reached its upstream: it is no call that was made. What an upstream says of a call that left gives nothing back. */
const NOTHING_LEFT: ReadonlySet<FaultCode> = new Set([
  'ERR_UPSTREAM_DOWN',
  'ERR_DEFINITION_CHANGED',
])

function failed(error: unknown, kind: Resource['kind']): Refusal {
  if (!(error instanceof GuardError)) throw error
  switch (error.code) {
    case 'ERR_DEFINITION_CHANGED':
      return refusal('forward', changedReason(kind), error.message)
    case 'ERR_UPSTREAM_DOWN':
    case 'ERR_UPSTREAM_REFUSED':
      return refusal('forward', 'upstream_unavailable', error.message)
    case 'ERR_UPSTREAM_DENIED':
      return refusal('forward', 'credential_unavailable', error.message)
    case 'ERR_UPSTREAM_TIMEOUT':
      return refusal('forward', 'upstream_timeout', error.message)
    case 'ERR_UPSTREAM_LOST':
      return refusal('forward', 'outcome_unknown', error.message)
    case 'ERR_UPSTREAM_UNUSABLE':
      return refusal('screen', 'output_refused', error.message)
    default:
      throw error
  }
}
