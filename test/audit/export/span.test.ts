import { describe, expect, test } from 'vitest'
import { logOf, parentOf, type LogFacts, type SpanFacts } from '../../../src/audit/export/span.ts'
import { observer } from '../../../src/audit/export/telemetry.ts'
import type { Seen } from '../../../src/audit/observe.ts'
import { instant, sha256 } from '../../../src/model/id.ts'
import type { EntryBody, RequestFacts } from '../../../src/model/record.ts'
import { seededSecrets } from '../../e2e/secret-shapes.ts'
import { call, intent, outcome, refused, REQUEST } from '../../fakes/entry-body.ts'
import { WRITTEN } from './seen.ts'

const ACTING = {
  agent: 'agent-1',
  assurance: 'bearer_key',
  mandate: { name: 'vendor-intake', digest: sha256('a'.repeat(64)), signed: false },
} as const
const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

function told(...seen: readonly Seen[]) {
  const spans: SpanFacts[] = []
  const logs: LogFacts[] = []
  const see = observer({
    span: (facts, log) => {
      spans.push(facts)
      if (log) logs.push(log)
    },
    log: (facts) => logs.push(facts),
  })
  for (const one of seen) see(one)
  return { spans, logs }
}

const written = (entry: EntryBody): Seen => ({ entry, ...WRITTEN, acting: ACTING })

test('an intent and its outcome are one span, named and described as the conventions say', () => {
  const request = { ...REQUEST, traceparent: TRACEPARENT }
  const { spans } = told(
    written(intent({ request })),
    written(outcome('c1', '2026-11-22T02:10:12.000Z')),
  )
  expect(spans).toEqual([
    {
      name: 'tools/call approve',
      start: instant(Date.parse('2026-11-22T02:10:11.482Z')),
      end: instant(Date.parse('2026-11-22T02:10:12.000Z')),
      parent: { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7', flags: 1 },
      attributes: {
        'mcp.method.name': 'tools/call',
        'mcp.protocol.version': '2026-07-28',
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.tool.name': 'approve',
        'chaperone.server': 'vendors',
        'chaperone.effects': ['write'],
        'chaperone.agent': 'agent-1',
        'chaperone.mandate.name': 'vendor-intake',
        'chaperone.mandate.s256': 'a'.repeat(64),
        'chaperone.decision': 'permit',
        'chaperone.decision.id': 'c1',
        'chaperone.reason': 'permitted',
      },
    },
  ])
})

test.each([
  ['a tool error', { outcome: 'forwarded', result: 'tool_error' }, 'tool_error', 'permitted'],
  ['an error', { outcome: 'forwarded', result: 'error' }, 'upstream_error', 'permitted'],
  [
    'a refusal after the intent',
    { outcome: 'refused', stage: 'screen', reason: 'output_refused' },
    'output_refused',
    'output_refused',
  ],
] as const)('%s is a span with an error', (_what, verdict, error, reason) => {
  const over = { ...outcome(), verdict } as EntryBody
  const { spans } = told(written(intent()), written(over))
  expect(spans[0]).toMatchObject({
    error,
    attributes: { 'error.type': error, 'chaperone.reason': reason },
  })
})

test('an outcome that could not be recorded is an error: the answer was withheld', () => {
  const { spans } = told(written(intent()), { entry: outcome() })
  expect(spans[0]).toMatchObject({ error: 'audit_unavailable' })
})

test('an intent that could not be recorded is no span: its refusal is', () => {
  expect(told({ entry: intent() }, written(outcome())).spans).toEqual([])
})

test('a refusal is a span with an error, and a log line of its own', () => {
  const body = refused('amount 9999 is too much', REQUEST) as Extract<
    EntryBody,
    { type: 'refusal' }
  >
  const { spans, logs } = told(written({ ...body, call: call() }))
  expect(spans[0]).toMatchObject({
    name: 'tools/call approve',
    error: 'outside_mandate',
    attributes: {
      'chaperone.decision': 'deny',
      'chaperone.decision.id': 'c1',
      'error.type': 'outside_mandate',
      'chaperone.stage': 'decide',
    },
  })
  expect(logs[0]).toMatchObject({ name: 'chaperone.refusal', level: 'warn' })
  expect(JSON.stringify([spans, logs])).not.toContain('9999')
})

describe('what is not exported', () => {
  test('a name that no upstream has, and a method that there is not', () => {
    const request: RequestFacts = { era: 'modern', method: 'tools/call', name: 'sk-made-up' }
    const { spans } = told(
      written(refused(undefined, request)),
      written(refused(undefined, { era: 'modern', method: 'evil/method' })),
    )
    expect(spans.map(({ name }) => name)).toEqual(['tools/call', 'other'])
    expect(JSON.stringify(spans)).not.toMatch(/made-up|evil/)
  })

  test('the URI of a resource', () => {
    const request: RequestFacts = {
      era: 'modern',
      method: 'resources/read',
      server: 'vendors',
      name: 'file:///home/secret.txt',
      effects: ['read'],
    }
    const { spans } = told(written(intent({ request })), written(outcome()))
    expect(spans[0]?.name).toBe('resources/read')
    expect(JSON.stringify(spans)).not.toContain('secret.txt')
  })

  test('values of arguments, facts, details and secrets wherever they stand', () => {
    for (const { value } of seededSecrets(5).filter(({ telling }) => telling)) {
      const request = { ...REQUEST, name: value }
      const facts = { why: `because ${value}`, detail: value, diff: [value], server: value }
      const seen = [
        intent({ request, args: { amount: value }, facts: { amount: value } }),
        outcome(),
        refused(value, request),
        { type: 'event', at: instant(0), event: 'restricted', facts },
      ] as const
      expect(JSON.stringify(told(...seen.map(written)))).not.toContain(
        JSON.stringify(value).slice(1, -1),
      )
    }
  })
})

test.each([
  ['none', undefined],
  ['not one', 'hello'],
  ['a trace of zeros', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`],
  ['a span of zeros', `00-4bf92f3577b34da6a3ce929d0e0e4736-${'0'.repeat(16)}-01`],
  ['version ff', `ff${TRACEPARENT.slice(2)}`],
  ['version 00 with more', `${TRACEPARENT}-more`],
  ['in capitals', TRACEPARENT.toUpperCase()],
])('a traceparent that is %s joins nothing', (_what, text) => {
  expect(parentOf(text)).toBeUndefined()
})

test('a traceparent of a later version is read as far as it is known', () => {
  expect(parentOf(`01${TRACEPARENT.slice(2)}-more`)?.spanId).toBe('00f067aa0ba902b7')
})

test('an event is a log line with the facts that may be told', () => {
  const facts = {
    target: 'mandate vendor-intake',
    why: 'an alarm',
    secret: 'x',
    nested: { why: 'y' },
  }
  const log = logOf(written({ type: 'event', at: instant(5), event: 'restricted', facts }))
  expect(log).toEqual({
    at: 5,
    name: 'chaperone.restricted',
    level: 'warn',
    text: 'restricted',
    attributes: {
      'chaperone.agent': 'agent-1',
      'chaperone.mandate.name': 'vendor-intake',
      'chaperone.mandate.s256': 'a'.repeat(64),
      'chaperone.event.target': 'mandate vendor-intake',
      'chaperone.event.why': 'an alarm',
      'chaperone.log.seq': 7,
    },
  })
})
