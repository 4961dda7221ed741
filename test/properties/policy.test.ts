/** What must be true of every policy set and every call, checked against sets made at random. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { CallContext } from '../../src/model/call.ts'
import type { Decision } from '../../src/model/decision.ts'
import type { JsonObject } from '../../src/model/json.ts'
import type { CompiledPolicies } from '../../src/policy/compile.ts'
import { guarded, type GuardedMandate } from '../../src/policy/guarded.ts'
import { tool } from '../fakes/line.ts'
import { EVERYTHING, past, policies, toolCall } from '../policy/written.ts'

const TOOLS = [
  tool('mail', 'send'),
  tool('mail', 'read_inbox'),
  tool('vendors', 'approve'),
  tool('web', 'fetch'),
]
const LABELS = ['untrusted', 'confidential'] as const

const list = <T>(items: readonly T[]): fc.Arbitrary<readonly T[]> =>
  fc.uniqueArray(fc.constantFrom(...items), { minLength: 1, maxLength: 2 })

const condition = fc.constantFrom(
  'args.amount > 5',
  'args.amount <= 5 && agent == "procurement-agent-001"',
  'has(args.to) && args.to.exists(r, domain(r) in sets.partners)',
  'args.to.all(r, r.endsWith("@acme.example"))',
  'session.calls("mail/*", "1h") > 2',
  'within(now, "Mon-Fri 09:00-17:00")',
  '"untrusted" in session.labels',
  'args.note.contains("a")',
  'pattern(args.note, "[a-z]*")',
  'purposeRef == "PROC-1182"',
  'true',
)

const selectors = fc.record(
  {
    tools: list(['mail/*', 'mail/send', 'vendors/approve', '**', 'web/f*']),
    effects: list(['read', 'send', 'write', 'pay']),
    data: list(['personal', 'public']),
    agents: list(['procurement-*', 'other']),
    environments: list(['prod', 'dev']),
    risk: list(['normal', 'high']),
    labels: list(LABELS),
    when: condition,
    unless: condition,
    mode: fc.constantFrom('enforce', 'shadow'),
  },
  { requiredKeys: [] },
)
/** Rules without a condition are rarer by chance than they are in life. */
const few: typeof selectors = fc.record({ tools: list(['mail/*', 'web/f*', '**']) })
const EXEMPT = { amount: { range: { max: 5 } }, to: { optional: true } }
const effect = fc.constantFrom(
  { effect: 'forbid' },
  { effect: 'forbid', unlessArgs: EXEMPT },
  { effect: 'require_approval', approval: { from: ['lee'] } },
  { effect: 'oblige', obligation: { type: 'redact', detectors: ['secrets'] } },
  { effect: 'oblige', obligation: { type: 'label', add: ['confidential'] } },
)
type Rule = Readonly<Record<string, unknown>>
const rules: fc.Arbitrary<readonly Rule[]> = fc.array(
  fc.tuple(fc.oneof(selectors, few), effect).map(([one, does]) => ({ ...one, ...does })),
  { maxLength: 6 },
)

/** JSON is YAML. */
function compiled(all: readonly Rule[]): CompiledPolicies {
  const named = all.map((rule, index) => ({ id: `r${index}`, ...rule }))
  const classify = [
    { tools: ['mail/*'], effect: 'send', data: ['personal'] },
    { tools: ['web/*'], effect: 'read', data: ['public'] },
  ]
  const sets = { partners: ['acme.example'] }
  const text = { policy: 'p', timezone: 'Europe/Berlin', sets, classify, rules: named }
  return policies({ 'p.json': JSON.stringify(text) })
}

function under(all: readonly Rule[]): GuardedMandate {
  return guarded(EVERYTHING, compiled(all), 'prod')
}

const args: fc.Arbitrary<JsonObject> = fc
  .record(
    {
      amount: fc.oneof(fc.integer({ min: 0, max: 10 }), fc.constantFrom('3', null, [1], 1e300)),
      to: fc.oneof(
        fc.array(fc.constantFrom('a@acme.example', 'x@evil.test', 'nobody', 'a@b@c')),
        fc.constantFrom('a@acme.example', null, { 'a@acme.example': 'x' }),
      ),
      note: fc.oneof(fc.string(), fc.constantFrom('a', '\uD800', 7)),
    },
    { requiredKeys: [] },
  )
  .map((made) => made as JsonObject)

interface Moment {
  readonly tool: (typeof TOOLS)[number]
  readonly args: JsonObject
  readonly call: Partial<CallContext>
}
const moments: fc.Arbitrary<readonly Moment[]> = fc.array(
  fc.record({
    tool: fc.constantFrom(...TOOLS),
    args,
    call: fc.record({
      risk: fc.constantFrom('normal' as const, 'high' as const),
      session: fc.record({
        id: fc.constant('t'),
        labels: fc.subarray([...LABELS]),
        history: fc.constantFrom(past(0), past(5), past(undefined)),
      }),
    }),
  }),
  { minLength: 1, maxLength: 12 },
)

/** Who could lift it; of a permit, everybody. */
function approvers(decision: Decision): readonly string[] {
  return decision.effect === 'permit' ? ['lee'] : (decision.remedy?.approvers ?? [])
}

function decide(mandate: GuardedMandate, moment: Moment): Decision {
  return mandate.tool(moment.tool).decide(toolCall(moment.tool, moment))
}

test('order never matters, of rules or of files', () => {
  fc.assert(
    fc.property(rules, moments, (all, many) => {
      const named = all.map((rule, index) => ({ id: `r${index}`, ...rule }))
      const [one, other] = [under(named), under(named.toReversed())]
      for (const moment of many) expect(decide(one, moment)).toEqual(decide(other, moment))
    }),
    { numRuns: 200 },
  )
})

test('another rule never adds a permit, a listed tool, or somebody who may approve', () => {
  fc.assert(
    fc.property(rules, rules, moments, (some, more, many) => {
      const [before, after] = [under(some), under([...some, ...more])]
      for (const moment of many) {
        const [was, is] = [decide(before, moment), decide(after, moment)]
        const listed = (mandate: GuardedMandate): boolean => mandate.tool(moment.tool).listed
        const more = [is.effect === 'permit', listed(after)]
        const less = [was.effect === 'permit', listed(before)]
        expect(more.filter((now, at) => now && less[at] !== true)).toEqual([])
        expect(approvers(is).filter((one) => !approvers(was).includes(one))).toEqual([])
      }
    }),
    { numRuns: 200 },
  )
})

test('what is hidden could not be called, whatever the arguments and the moment', () => {
  let hidden = 0
  fc.assert(
    fc.property(rules, moments, (all, many) => {
      const mandate = under(all)
      for (const moment of many) {
        if (mandate.tool(moment.tool).listed) continue
        hidden += 1
        expect(decide(mandate, moment).effect).toBe('deny')
      }
    }),
    { numRuns: 200 },
  )
  expect(hidden).toBeGreaterThan(0)
})

test('a set that is all in shadow decides as the mandate alone', () => {
  fc.assert(
    fc.property(rules, moments, (all, many) => {
      const mandate = under(all.map((rule) => ({ ...rule, mode: 'shadow' })))
      for (const moment of many) {
        const { effect, reason } = decide(mandate, moment)
        expect({ effect, reason }).toEqual({ effect: 'permit', reason: 'permitted' })
        expect(mandate.tool(moment.tool).listed).toBe(true)
      }
    }),
    { numRuns: 200 },
  )
})

test('a decision is what the rules that are examined say', () => {
  const seen = new Set<string>()
  fc.assert(
    fc.property(rules, moments, (all, many) => {
      const mandate = under(all)
      for (const moment of many) {
        const authority = mandate.tool(moment.tool)
        const matching = authority
          .examine(toolCall(moment.tool, moment))
          .filter(({ rule, matched }) => rule.source.mode === 'enforce' && matched !== false)
        const forbids = matching.filter(({ rule }) => rule.source.effect === 'forbid')
        const asks = matching.some(({ rule }) => rule.source.effect === 'require_approval')
        const outright = forbids.some(({ matched }) => matched === true)
        const expected =
          forbids.length > 0
            ? outright
              ? 'forbidden'
              : 'evaluation_error'
            : asks
              ? 'approval_required'
              : 'permitted'
        seen.add(expected)
        expect(decide(mandate, moment).reason).toBe(expected)
      }
    }),
    { numRuns: 300 },
  )
  expect(seen.size).toBe(4)
})

test('no JSON whatever makes a decision throw', () => {
  const hostile = fc.oneof(
    fc.jsonValue({ maxDepth: 6 }),
    fc.constantFrom<unknown>(
      JSON.parse('{"__proto__":{"to":["a@acme.example"]},"constructor":1}'),
      { to: Array.from({ length: 5000 }, () => 'a@acme.example') },
      { amount: Number.MAX_VALUE, to: ['\uDC00'] },
      { amount: -0, note: '\u0000'.repeat(10_000) },
      JSON.parse(`${'{"to":'.repeat(5000)}1${'}'.repeat(5000)}`),
    ),
  )
  fc.assert(
    fc.property(rules, hostile, moments, (all, value, [moment]) => {
      const mandate = under(all)
      const given = (
        typeof value === 'object' && value !== null && !Array.isArray(value) ? value : { to: value }
      ) as JsonObject
      if (!moment) return
      const decision = decide(mandate, { ...moment, args: given })
      expect(['permit', 'deny']).toContain(decision.effect)
    }),
    { numRuns: 300 },
  )
})
