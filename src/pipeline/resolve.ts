/** resolve: what exactly is acted on? The pinned definition and the arguments, or the same "unknown" for hidden and missing. */
import type { Authority } from '../model/authority.ts'
import type { CallContext, Resource } from '../model/call.ts'
import type { DenyReason } from '../model/decision.ts'
import type { JsonObject } from '../model/json.ts'
import type { RequestFacts } from '../model/record.ts'
import type { ToolDefinition } from '../model/tool.ts'
import { refusal, type Refusal } from '../model/verdict.ts'
import type { Asked } from './admit.ts'
import type { Bound } from './bind.ts'
import type { Found, HeaderMirror, LinePorts } from './port.ts'
import type { StageRow } from './stage.ts'
import { thingTakenBack } from './taken-back.ts'

export interface Resolved {
  readonly bound: Bound
  readonly call: CallContext
  readonly authority: Authority
  readonly request: RequestFacts
  /** The pinned definition, where a tool is acted on. */
  readonly tool?: ToolDefinition
}

/** What a name was found to stand for, with what the mandate says of it. */
interface Target {
  readonly resource: Resource
  readonly authority: Authority
  readonly tool?: ToolDefinition
}

function mirrorFault(mirror: HeaderMirror, tool: ToolDefinition, asked: Asked): string | undefined {
  return mirror.fault(tool, asked.kind === 'tool' ? asked.args : NO_ARGUMENTS)
}

const NO_ARGUMENTS: JsonObject = {}

export const resolve: StageRow<Bound, Resolved> = {
  name: 'resolve',
  question: 'what exactly is acted on? pinned definition, canonical arguments',
  codes: [
    'unknown_tool',
    'unknown_resource',
    'unknown_prompt',
    'tool_changed',
    'definition_changed',
    'upstream_unavailable',
    'credential_unavailable',
    'header_mismatch',
    'revoked',
    'suspended',
    'state_unavailable',
  ],
  why: 'a decision is about one definition of one tool; a hidden tool and an unknown one get the same answer',
  run: (bound, ports) => {
    const found = find(bound, ports)
    return found instanceof Promise
      ? found.then((target) => concluded(target, bound, ports))
      : concluded(found, bound, ports)
  },
}

function concluded(found: Found<Target>, bound: Bound, ports: LinePorts): Resolved | Refusal {
  const { asked } = bound.identified.admitted
  const unknown = UNKNOWN[asked.kind]
  if (found.state === 'unknown') return refusal('resolve', unknown)
  const { resource, authority } = found.target
  const no = (reason: DenyReason, detail?: string): Refusal => ({
    ...refusal('resolve', reason, detail),
    about: { server: resource.server, name: nameOf(resource) },
  })
  if (!authority.listed) return no(unknown, 'hidden: no grant covers it')
  const taken = thingTakenBack(resource, ports.restricted)
  if (taken) return no(taken)
  if (found.state === 'unavailable') return no(found.reason, found.detail)
  if (found.state === 'changed') return no(changedReason(asked.kind), found.detail)
  const { mirror } = bound.identified.admitted.inbound
  const fault = mirror && found.target.tool && mirrorFault(mirror, found.target.tool, asked)
  if (fault !== undefined) return no('header_mismatch', fault)
  const { admitted, principal } = bound.identified
  return {
    bound,
    authority,
    ...(found.target.tool && { tool: found.target.tool }),
    call: {
      id: ports.newCallId(),
      at: admitted.at,
      principal,
      action: admitted.action,
      resource,
      args: asked.kind === 'resource' ? NO_ARGUMENTS : asked.args,
      environment: ports.environment,
      risk: ports.posture.at(admitted.at),
      session: ports.task.facts,
      mandate: bound.mandate.mandate,
    },
    request: requestFacts(admitted.request, resource, authority),
  }
}

const UNKNOWN = {
  tool: 'unknown_tool',
  resource: 'unknown_resource',
  prompt: 'unknown_prompt',
} as const

/** Of a tool it has a name of its own: that one is as old as the guard. */
export function changedReason(kind: Resource['kind']): 'tool_changed' | 'definition_changed' {
  return kind === 'tool' ? 'tool_changed' : 'definition_changed'
}

function requestFacts(
  request: RequestFacts,
  resource: Resource,
  authority: Authority,
): RequestFacts {
  return {
    era: request.era,
    method: request.method,
    server: resource.server,
    name: nameOf(resource),
    ...(resource.kind === 'tool' ? { definition: resource.definition } : {}),
    effects: authority.effects,
    ...(request.continues === undefined ? {} : { continues: request.continues }),
    ...(request.traceparent === undefined ? {} : { traceparent: request.traceparent }),
  }
}

function nameOf(resource: Resource): string {
  return resource.kind === 'resource' ? resource.uri : resource.name
}

function find(bound: Bound, ports: LinePorts): Found<Target> | Promise<Found<Target>> {
  const { asked } = bound.identified.admitted
  const { mandate } = bound
  switch (asked.kind) {
    case 'tool':
      return after(ports.catalog.tool(asked.name), (tool) => ({
        resource: {
          kind: 'tool',
          server: tool.server,
          name: tool.name,
          definition: tool.definition,
        },
        authority: mandate.tool(tool),
        tool,
      }))
    case 'prompt':
      return after(ports.catalog.prompt(asked.name), ({ server, name }) => ({
        resource: { kind: 'prompt', server, name },
        authority: mandate.prompt(server, name),
      }))
    case 'resource':
      return after(ports.catalog.resource(asked.uri, mandate), ({ server }) => ({
        resource: { kind: 'resource', server, uri: asked.uri },
        authority: mandate.resource(server, asked.uri),
      }))
  }
}

function after<T>(
  found: Found<T> | Promise<Found<T>>,
  target: (value: T) => Target,
): Found<Target> | Promise<Found<Target>> {
  const mapped = (value: Found<T>): Found<Target> =>
    value.state === 'unknown' ? value : { ...value, target: target(value.target) }
  return found instanceof Promise ? found.then(mapped) : mapped(found)
}
