/**
 * again: would what was let out be let out now? Policies, labels, risk and time may have changed since. Asked before more
 * of it leaves, or comes back, than was decided about at first.
 */
import type { Authority, CompiledMandate } from '../model/authority.ts'
import type { CallContext, TaskFacts } from '../model/call.ts'
import type { DenyReason } from '../model/decision.ts'
import type { History } from '../model/policy.ts'
import type { ToolDefinition } from '../model/tool.ts'
import { standing, type StandingPorts } from './bind.ts'
import type { Departure, LinePorts } from './port.ts'
import { isUnusable, thingTakenBack } from './taken-back.ts'

/** What of a departure is decided again. */
export type LetOut = Pick<Departure, 'call' | 'tool'>

export type AgainPorts = StandingPorts & Pick<LinePorts, 'posture' | 'task' | 'operational'>

/** Why it would not be let out now; undefined where it would. A fault denies. */
export function refusedNow(letOut: LetOut, ports: AgainPorts): DenyReason | undefined {
  try {
    return (
      standing(ports)?.reason ??
      thingTakenBack(letOut.call.resource, ports.restricted) ??
      denied(letOut, ports)
    )
  } catch (fault) {
    if (isUnusable(fault)) return 'state_unavailable'
    const error = fault instanceof Error ? (fault.stack ?? fault.message) : String(fault)
    ports.operational.error({ call: letOut.call.id, error }, 'a fault in the guard denied a call')
    return 'internal_error'
  }
}

/** What external engines said of the call stays as it was; one that was not asked has not permitted it. */
function denied({ call, tool }: LetOut, ports: AgainPorts): DenyReason | undefined {
  const { mandate, time, posture, task } = ports
  const { at } = time.read()
  const session = without(call, task.facts)
  const decision = inForce(mandate, call, tool)?.decide({
    ...call,
    at,
    risk: posture.at(at),
    session,
  })
  if (!decision) return 'internal_error'
  if (decision.effect === 'permit') return undefined
  return decision.remedy ? 'approval_required' : decision.reason
}

/** What is in force now says of the same thing; undefined for a tool whose definition is not at hand. */
export function inForce(
  mandate: CompiledMandate,
  { resource }: CallContext,
  tool: ToolDefinition | undefined,
): Authority | undefined {
  switch (resource.kind) {
    case 'tool':
      return tool && mandate.tool(tool)
    case 'prompt':
      return mandate.prompt(resource.server, resource.name)
    case 'resource':
      return mandate.resource(resource.server, resource.uri)
  }
}

/** A call was counted when it left, and is not one of those before it. */
function without({ action, resource, at: left }: CallContext, facts: TaskFacts): TaskFacts {
  const { history } = facts
  if (!history || action !== 'tools/call' || resource.kind !== 'tool') return facts
  const { server, name } = resource
  const read: History['read'] = (query, at, value) => {
    const found = history.read(query, at, value)
    if (query.kind !== 'calls' || typeof found !== 'number') return found
    const { windowMs } = query
    const within = windowMs === undefined || left > at - windowMs
    return within && query.matches(server, name) ? found - 1 : found
  }
  return { ...facts, history: { read } }
}
