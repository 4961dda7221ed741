/** What was taken back, or is on hold, is not let out. Asked before anything is decided, and again wherever a call waited. */
import type { Resource } from '../model/call.ts'
import { GuardError } from '../model/error.ts'
import { refusal, type Refusal, type StageName } from '../model/verdict.ts'
import type { LinePorts, RestrictedPort } from './port.ts'

/** Of everything, the mandate, the agent, the upstream and the tool, what comes first. */
export function takenBack(
  stage: StageName,
  resource: Resource,
  { restricted }: Pick<LinePorts, 'restricted'>,
): Refusal | undefined {
  const reason = restricted.standing() ?? thingTakenBack(resource, restricted)
  return reason && refusal(stage, reason)
}

/** A prompt or a resource has no name of its own in what can be taken back: its upstream has. */
export function thingTakenBack(
  resource: Resource,
  restricted: RestrictedPort,
): 'revoked' | 'suspended' | undefined {
  return resource.kind === 'tool'
    ? restricted.thing(resource.server, resource.name)
    : restricted.thing(resource.server)
}

/** The store could not be asked: what is not known to be left, or in force, is refused. */
export function isUnusable(fault: unknown): fault is GuardError {
  return fault instanceof GuardError && fault.code === 'ERR_STATE_UNUSABLE'
}
