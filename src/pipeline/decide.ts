/** decide: is the call covered and permitted? The only stage that asks the compiled mandate. */
import { UPSTREAM_REQUESTS } from '../model/call.ts'
import type { Decision } from '../model/decision.ts'
import { refusal } from '../model/verdict.ts'
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
  ],
  why: 'everything a rule may read is known now, and nothing has happened yet',
  run: (resolved) => {
    if (answersUnasked(resolved))
      return refusal('decide', 'request_not_permitted', 'an answer to what may not be asked')
    const decision = resolved.authority.decide(resolved.call)
    if (decision.effect === 'permit' || decision.remedy) {
      return { resolved, decision, call: resolved.call, request: resolved.request }
    }
    return { ...refusal('decide', decision.reason), decision }
  },
}

/** Answers pass, unjudged in themselves, only to an upstream that the mandate lets ask. */
function answersUnasked({ bound, call }: Resolved): boolean {
  const { continuation } = bound.identified.admitted.inbound
  if (continuation === undefined) return false
  const { server } = call.resource
  if (continuation.server !== undefined && continuation.server !== server) return true
  return !UPSTREAM_REQUESTS.some((kind) => bound.mandate.permitsRequest(server, kind))
}
