import { expect, test } from 'vitest'
import fc from 'fast-check'
import { keptCall } from '../../src/mandate/kept.ts'
import { factsOf } from '../../src/mandate/facts.ts'
import type { CallContext } from '../../src/model/call.ts'
import { callId, instant } from '../../src/model/id.ts'
import type { JsonObject } from '../../src/model/json.ts'
import type { ToolDefinition } from '../../src/model/tool.ts'
import { guarded } from '../../src/policy/guarded.ts'
import { mandateWith, policiesOf } from '../fakes/kept-record.ts'
import { tool } from '../fakes/line.ts'

const MANDATE = mandateWith(`mandate: office
agent: bot
purpose: Answer ACME and Globex
valid: { until: 2027-01-01T00:00:00Z }
tools:
  mail/send:
    args: { to: { one_of: [a, b, c] }, n: { range: { max: 5 }, optional: true }, o: { optional: true } }
    when: '!has(args.n) || args.n != 3'
    approval: { when: args.to == "c", from: [lee] }
  mail/sort:
    args: { to: { named_in: [purpose] }, n: { int: true, optional: true } }
    approval: { when: 'false', from: [kim, lee] }
  mail/open: { when: 'args.n < 4' }
  mail/free: {}
`)

const { policies } = policiesOf({
  'p.yaml': `policy: p
rules:
  - { id: many, effect: forbid, when: args.n > 4 }
  - { id: deep, effect: forbid, tools: ["mail/open"], when: 'args.o.x == 1 && args.to != "z"' }
  - { id: only, effect: forbid, tools: ["mail/send"], when: 'args.to == "b"', unlessArgs: { to: { present: true }, n: { equals: 2 } } }
  - { id: spare, effect: require_approval, when: 'has(args.n) && args.n == 2', unless: 'args.to == "a"', approval: { from: [kim] } }
  - { id: tainted, effect: forbid, labels: [untrusted], when: 'args.to == "b"' }
  - { id: later, effect: forbid, risk: [high], unless: 'args.n == 1 || args.to == "a"' }
`,
})

const HOUSE = guarded(MANDATE, policies, 'dev')
const TOOLS = ['send', 'sort', 'open', 'free'].map((name) => tool('mail', name))

const args: fc.Arbitrary<JsonObject> = fc.record(
  {
    to: fc.constantFrom('a', 'b', 'c', 'ACME', 7, null),
    n: fc.constantFrom(1, 2, 3, 4, 5, 6, '5'),
    o: fc.constantFrom({}, { x: 1 }, { x: 2, y: 1 }, 'text', { $cut: true }),
    extra: fc.constantFrom(1),
    TO: fc.constantFrom(1),
  },
  { requiredKeys: [] },
)

interface Scene {
  readonly tool: ToolDefinition
  readonly args: JsonObject
  readonly labels: readonly string[]
  readonly risk: CallContext['risk']
}

const scene: fc.Arbitrary<Scene> = fc.record({
  tool: fc.constantFrom(...TOOLS),
  args,
  labels: fc.constantFrom([], ['untrusted']),
  risk: fc.constantFrom('normal' as const, 'high' as const),
})

function callOf(given: Scene): CallContext {
  const { definition, name } = given.tool
  return {
    id: callId('c'),
    at: instant(0),
    principal: { agent: 'bot', assurance: 'launch_line' },
    action: 'tools/call',
    resource: { kind: 'tool', server: 'mail', name, definition },
    args: given.args,
    environment: 'dev',
    risk: given.risk,
    session: { id: 's', labels: given.labels },
    mandate: MANDATE.mandate,
  }
}

test('where everything is known, what is possible is what is decided, and explained', () => {
  fc.assert(
    fc.property(scene, (given) => {
      const call = callOf(given)
      for (const authority of [MANDATE.tool(given.tool), HOUSE.tool(given.tool)]) {
        const { reason } = authority.decide(call)
        expect([...authority.possible(call)]).toEqual([reason])
        expect(authority.explain(call).map(({ result }) => result)).not.toContain('unknown')
      }
    }),
    { numRuns: 2000 },
  )
})

test('where values are missing, what was decided is still possible, and one outcome is the one', () => {
  const lost = fc.subarray(['to', 'n', 'o', 'o.x'])
  fc.assert(
    fc.property(scene, lost, fc.constantFrom('known', 'unknown'), (given, without, key) => {
      const call = callOf(given)
      for (const authority of [MANDATE.tool(given.tool), HOUSE.tool(given.tool)]) {
        const reads = authority.reads()
        const facts = Object.entries(factsOf(reads)(call.args)).map(([path, value]) => [
          path,
          without.includes(path) ? { $cut: true } : value,
        ])
        const kept = keptCall({
          facts: Object.fromEntries(facts) as JsonObject,
          erased: [],
          reads,
          passed: ['permitted', 'approval_required'].includes(authority.decide(call).reason),
          verify: (found) => (key === 'unknown' ? undefined : sorted(found) === sorted(call.args)),
        })
        const veiled = { ...call, args: kept.args, veil: kept.veil }
        const outcomes = [...authority.possible(veiled)]
        expect(outcomes).toContain(authority.decide(call).reason)
        const known = authority.explain(veiled).every((one) => one.result !== 'unknown')
        // Then the decision itself can be made again.
        const again = outcomes.length === 1 && known ? authority.decide(veiled).reason : outcomes[0]
        expect(again).toBe(outcomes[0])
      }
    }),
    { numRuns: 3000 },
  )
})

function sorted(value: JsonObject): string {
  return JSON.stringify(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
