/** decide: is the call covered and permitted? The only stage that asks the compiled mandate. */
import { UPSTREAM_REQUESTS } from '../model/call.ts'
import type { Decision } from '../model/decision.ts'
import type { EngineFact } from '../model/policy.ts'
import type { EngineQuestion, PolicyEngine } from '../model/port.ts'
import { inputSchema } from '../model/tool.ts'
import { refusal, type Refusal } from '../model/verdict.ts'
import { inForce } from './again.ts'
import { standing } from './bind.ts'
import type { LinePorts } from './port.ts'
import type { Resolved } from './resolve.ts'
import type { StageRow } from './stage.ts'

export interface Decided {
  readonly resolved: Resolved
  readonly decision: Decision
  readonly call: Resolved['call']
  readonly request: Resolved['request']
}

export const decide: StageRow<Resolved, Decided> = {
  name: 'decide',
  question: 'covered and permitted?',
  codes: [
    'outside_mandate',
    'forbidden',
    'evaluation_error',
    'unknown_resource',
    'unknown_prompt',
    'request_not_permitted',
    'engine_unavailable',
    'state_unavailable',
  ],
  why: 'everything a rule may read is known now, and nothing has happened yet',
  run: (resolved, ports) => {
    if (answersUnasked(resolved))
      return refusal('decide', 'request_not_permitted', 'an answer to what may not be asked')
    const { authority, call } = resolved
    if (authority.engines === undefined) return concluded(resolved, authority.decide(call))
    return afterEngines(resolved, authority.engines, ports)
  },
}

function concluded(resolved: Resolved, decision: Decision): Decided | Refusal {
  if (decision.effect === 'permit' || decision.remedy)
    return { resolved, decision, call: resolved.call, request: resolved.request }
  return { ...refusal('decide', decision.reason), decision }
}

/**
 * External engines are asked only about what everything else permits. While they think, others go on: the time, the mandate,
 * what was done meanwhile and the policies that came into force count as they are when the call is then decided, in one go
 * with its commit.
 */
function afterEngines(
  resolved: Resolved,
  engines: readonly string[],
  ports: LinePorts,
): Decided | Refusal | Promise<Decided | Refusal> {
  const local = resolved.authority.locally?.(resolved.call) ?? NEVER
  if (local.effect === 'deny' && !local.remedy) return concluded(resolved, local)
  const question = questionOf(resolved)
  const asked = engines.map((id) => ({ id, engine: ports.engines?.get(id) }))
  return Promise.all(asked.map((one) => ask(one, question))).then((answers) => {
    const unbound = standing(ports)
    if (unbound) return unbound
    const { bound, tool } = resolved
    const authority = inForce(bound.mandate, resolved.call, tool) ?? resolved.authority
    const { at } = ports.time.read()
    const facts = answers.map((fact, index) =>
      ports.engines?.get(fact.engine) === asked[index]?.engine ? fact : replaced(fact),
    )
    const state = { at, risk: ports.posture.at(at), session: ports.task.facts, engines: facts }
    const call = { ...resolved.call, ...state }
    return concluded({ ...resolved, authority, call }, authority.decide(call))
  })
}

/** What an engine said by policies that are in force no more is no answer of the one that stands in its place. */
function replaced({ engine, tookMs }: EngineFact): EngineFact {
  return { engine, effect: 'error', detail: 'it was replaced while it was asked', tookMs }
}

const NEVER: Decision = { effect: 'deny', reason: 'engine_unavailable', grants: [], facts: {} }

function ask(
  { id, engine }: { readonly id: string; readonly engine: PolicyEngine | undefined },
  question: EngineQuestion,
): Promise<EngineFact> {
  if (engine) return engine.ask(question)
  return Promise.resolve({ engine: id, effect: 'error', detail: 'it is not open', tookMs: 0 })
}

function questionOf({ call, authority, tool }: Resolved): EngineQuestion {
  const { effects, data } = authority
  return { call, effects, data, ...(tool && { inputSchema: inputSchema(tool) }) }
}

/** Answers pass, unjudged in themselves, only to an upstream that the mandate lets ask. */
function answersUnasked({ bound, call }: Resolved): boolean {
  const { continuation } = bound.identified.admitted.inbound
  if (continuation === undefined) return false
  const { server } = call.resource
  if (continuation.server !== undefined && continuation.server !== server) return true
  return !UPSTREAM_REQUESTS.some((kind) => bound.mandate.permitsRequest(server, kind))
}
