/** Generated entry bodies: everything that the types of the record permit. */
import fc from 'fast-check'
import {
  EFFECT_CLASSES,
  ENVIRONMENTS,
  RISK_POSTURES,
  type CallContext,
} from '../../src/model/call.ts'
import { DENY_REASONS, type Decision } from '../../src/model/decision.ts'
import { callId, instant, sha256 } from '../../src/model/id.ts'
import type { JsonObject } from '../../src/model/json.ts'
import type { EntryBody, RequestFacts } from '../../src/model/record.ts'
import { refusal, STAGES } from '../../src/model/verdict.ts'
import { call } from './entry-body.ts'

const json = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<JsonObject[string]>
const object = fc.dictionary(fc.string(), json, { maxKeys: 5 }) as fc.Arbitrary<JsonObject>
const hash = fc
  .array(fc.constantFrom(...'0123456789abcdef'.split('')), { minLength: 64, maxLength: 64 })
  .map((digits) => sha256(digits.join('')))
const at = fc.integer({ min: 0, max: Date.parse('9999-12-31T23:59:59.999Z') }).map(instant)
const word = fc.string({ unit: 'binary', maxLength: 40 })

const request: fc.Arbitrary<RequestFacts> = fc.record(
  {
    era: fc.constantFrom('legacy' as const, 'modern' as const),
    method: word,
    server: word,
    name: fc.oneof(word, fc.webUrl({ withQueryParameters: true, withFragments: true })),
    definition: hash,
    effects: fc.subarray([...EFFECT_CLASSES]),
  },
  { requiredKeys: ['era', 'method'] },
)

const context: fc.Arbitrary<CallContext> = fc
  .record({
    id: word,
    agent: word,
    args: object,
    environment: fc.constantFrom(...ENVIRONMENTS),
    risk: fc.constantFrom(...RISK_POSTURES),
    session: fc.record({ id: word, labels: fc.array(word) }),
    human: fc.option(word, { nil: undefined }),
  })
  .map(({ id, agent, human, ...rest }) => ({
    ...call(),
    ...rest,
    id: callId(id),
    principal: {
      agent,
      assurance: 'launch_line',
      ...(human === undefined ? {} : { onBehalfOf: human }),
    },
  }))

const remedy = fc.record({
  kind: fc.constant('approval' as const),
  approvers: fc.array(word),
  expiresInMs: fc.nat(),
  askedBy: fc.array(word),
})

const decision: fc.Arbitrary<Decision> = fc.oneof(
  fc.record({
    effect: fc.constant('permit' as const),
    reason: fc.constant('permitted' as const),
    grants: fc.array(word),
    facts: object,
  }),
  fc.record(
    {
      effect: fc.constant('deny' as const),
      reason: fc.constantFrom(...DENY_REASONS),
      grants: fc.array(word),
      facts: object,
      remedy,
    },
    { requiredKeys: ['effect', 'reason', 'grants', 'facts'] },
  ),
)

/** Any body that the types permit. */
export const anyBody: fc.Arbitrary<EntryBody> = fc.oneof(
  fc.record({ type: fc.constant('intent' as const), at, request, call: context, decision }),
  fc.record({
    type: fc.constant('outcome' as const),
    at,
    call: word.map(callId),
    verdict: fc.oneof(
      fc.record({
        outcome: fc.constant('forwarded' as const),
        result: fc.constantFrom('complete', 'input_required', 'tool_error', 'error'),
      }),
      fc.record({
        outcome: fc.constant('refused' as const),
        stage: fc.constantFrom(...STAGES),
        reason: fc.constantFrom(...DENY_REASONS),
      }),
    ),
    tookMs: fc.oneof(
      fc.double({ min: -1e18, max: 1e18, noNaN: true }),
      fc.double({ min: -10, max: 10_000, noNaN: true }),
    ),
    bytes: fc.nat(),
  }),
  fc.record(
    {
      type: fc.constant('refusal' as const),
      at,
      request,
      refusal: fc
        .record({
          stage: fc.constantFrom(...STAGES),
          reason: fc.constantFrom(...DENY_REASONS),
          detail: fc.option(word, { nil: undefined }),
        })
        .map(({ stage, reason, detail }) => refusal(stage, reason, detail)),
      call: context,
      decision,
    },
    { requiredKeys: ['type', 'at', 'request', 'refusal'] },
  ),
  fc.record({
    type: fc.constant('listed' as const),
    at,
    era: fc.constantFrom('legacy' as const, 'modern' as const),
    method: word,
    offered: fc.nat(),
    hidden: fc.nat(),
    catalog: hash,
  }),
  fc.record(
    {
      type: fc.constant('upstream_request' as const),
      at,
      server: word,
      method: word,
      verdict: fc.constantFrom('passed' as const, 'declined' as const),
      reason: fc.constantFrom(...DENY_REASONS),
    },
    { requiredKeys: ['type', 'at', 'server', 'method', 'verdict'] },
  ),
  fc.record({
    type: fc.constant('event' as const),
    at,
    event: fc.constantFrom('guard_started' as const, 'upstream_garbage' as const),
    facts: object,
  }),
)
