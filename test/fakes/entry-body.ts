/** Entry bodies for tests of the record: one of each kind, as the guard writes them. */
import type { CallContext } from '../../src/model/call.ts'
import type { Decision } from '../../src/model/decision.ts'
import { callId, instant, sha256 } from '../../src/model/id.ts'
import type { JsonObject } from '../../src/model/json.ts'
import type { EntryBody, RequestFacts } from '../../src/model/record.ts'
import { refusal } from '../../src/model/verdict.ts'

const AT = instant(Date.parse('2026-11-22T02:10:11.482Z'))
const DEFINITION = sha256('b'.repeat(64))

export const REQUEST: RequestFacts = {
  era: 'modern',
  method: 'tools/call',
  server: 'vendors',
  name: 'approve',
  definition: DEFINITION,
  effects: ['write'],
}

export function call(args: JsonObject = {}, id = 'c1'): CallContext {
  return {
    id: callId(id),
    at: AT,
    principal: { agent: 'agent-1', assurance: 'launch_line' },
    action: 'tools/call',
    resource: { kind: 'tool', server: 'vendors', name: 'approve', definition: DEFINITION },
    args,
    environment: 'dev',
    risk: 'normal',
    session: { id: 's1', labels: [] },
  }
}

export function permit(facts: JsonObject = {}): Decision {
  return { effect: 'permit', reason: 'permitted', grants: ['tools.vendors/approve'], facts }
}

export interface IntentOptions {
  readonly args?: JsonObject
  readonly facts?: JsonObject
  readonly request?: RequestFacts
  readonly id?: string
  readonly at?: string
}

export function intent(options: IntentOptions = {}): EntryBody {
  const { args = {}, facts = {}, request = REQUEST, id, at } = options
  const when = at === undefined ? AT : instant(Date.parse(at))
  return { type: 'intent', at: when, request, call: call(args, id), decision: permit(facts) }
}

export function outcome(id = 'c1', at?: string, tookMs = 1.5): EntryBody {
  return {
    type: 'outcome',
    at: at === undefined ? AT : instant(Date.parse(at)),
    call: callId(id),
    verdict: { outcome: 'forwarded', result: 'complete' },
    tookMs,
    bytes: 321,
  }
}

export function event(facts: JsonObject = {}, at?: string): EntryBody {
  const when = at === undefined ? AT : instant(Date.parse(at))
  return { type: 'event', at: when, event: 'upstream_failed', facts }
}

export function refused(detail?: string, request: RequestFacts = REQUEST, at?: string): EntryBody {
  return {
    type: 'refusal',
    at: at === undefined ? AT : instant(Date.parse(at)),
    request,
    refusal: refusal('decide', 'outside_mandate', detail),
  }
}
