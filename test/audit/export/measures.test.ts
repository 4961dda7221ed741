import { expect, test } from 'vitest'
import { Measures } from '../../../src/audit/export/measures.ts'
import { exposition } from '../../../src/audit/export/prometheus.ts'
import { callId, instant } from '../../../src/model/id.ts'
import type { EntryBody } from '../../../src/model/record.ts'
import { refusal } from '../../../src/model/verdict.ts'
import type { Restriction } from '../../../src/model/state.ts'
import { fakeClock } from '../../fakes/clock.ts'
import { call, intent, outcome, permit, refused, REQUEST } from '../../fakes/entry-body.ts'
import { parseExposition } from './exposition.ts'
import { WRITTEN } from './seen.ts'

const START = '2026-11-22T02:10:11.482Z'

function start(restrictions?: () => readonly Restriction[]) {
  const clock = fakeClock(START)
  const measures = new Measures({
    clock,
    version: '1.2.3',
    servers: ['vendors', 'mail'],
    ...(restrictions && { restrictions }),
  })
  const see = (entry: EntryBody): void => measures.see({ entry, ...WRITTEN })
  const value = (name: string, labels: object = {}): number | undefined =>
    parseExposition(exposition(measures.collect())).find(
      (one) => one.name === name && JSON.stringify(one.labels) === JSON.stringify(labels),
    )?.value
  return { clock, measures, see, value, text: () => exposition(measures.collect()) }
}

test('a call is in flight from its intent to its outcome, and is counted by what became of it', () => {
  const { clock, see, value } = start()
  see(intent())
  expect(value('chaperone_calls_in_flight')).toBe(1)
  clock.advance(250)
  see(outcome('c1', undefined, 251))
  expect(value('chaperone_calls_in_flight')).toBe(0)
  const labels = { outcome: 'complete', reason: 'permitted', server: 'vendors', effect: 'write' }
  expect(value('chaperone_calls_total', labels)).toBe(1)
  const tool = { server: 'vendors', tool: 'approve', outcome: 'complete' }
  expect(value('chaperone_tool_calls_total', tool)).toBe(1)
  expect(value('chaperone_upstream_seconds_sum', { server: 'vendors' })).toBe(0.25)
  const operation = { mcp_method_name: 'tools/call', gen_ai_tool_name: 'approve', error_type: '' }
  expect(value('mcp_server_operation_duration_seconds_sum', operation)).toBe(0.251)
  expect(value('chaperone_log_appends_total', { type: 'intent', result: 'written' })).toBe(1)
})

test('an outcome that could not be recorded is a refusal, and the call is over', () => {
  const { measures, see, value } = start()
  see(intent())
  measures.see({ entry: outcome() })
  expect(value('chaperone_calls_in_flight')).toBe(0)
  const labels = {
    outcome: 'refused',
    reason: 'audit_unavailable',
    server: 'vendors',
    effect: 'write',
  }
  expect(value('chaperone_calls_total', labels)).toBe(1)
  expect(value('chaperone_log_appends_total', { type: 'outcome', result: 'failed' })).toBe(1)
})

test('an intent that could not be recorded left nothing', () => {
  const { measures, value } = start()
  measures.see({ entry: intent() })
  expect(value('chaperone_calls_in_flight')).toBe(0)
})

test('refusals are counted by reason, and those that an approval would lift', () => {
  const { clock, see, value } = start()
  clock.advance(7)
  const body = refused() as Extract<EntryBody, { type: 'refusal' }>
  see({ ...body, call: call(), refusal: refusal('step-up', 'approval_required') })
  const labels = {
    outcome: 'refused',
    reason: 'approval_required',
    server: 'vendors',
    effect: 'write',
  }
  expect(value('chaperone_calls_total', labels)).toBe(1)
  expect(value('chaperone_approvals_required_total')).toBe(1)
  expect(value('chaperone_decision_seconds_sum')).toBe(0.007)
})

test('names that an agent makes up name no series', () => {
  const { see, text } = start()
  for (let at = 0; at < 3000; at += 1) {
    const request = { era: 'modern', method: `evil/${at}`, server: `made-up-${at}`, name: `t${at}` }
    see(refused(undefined, { ...request, era: 'modern' }))
    see(refused(undefined, { ...REQUEST, name: `unused-${at}` }))
  }
  const lines = text()
    .split('\n')
    .filter((line) => !line.startsWith('#'))
  expect(lines.length).toBeLessThan(60)
  expect(text()).not.toMatch(/evil|made-up|unused/)
})

test('tools that are called are named up to a bound, and then folded', () => {
  const { see, text } = start()
  for (let at = 0; at < 1000; at += 1) {
    see(intent({ id: `c${at}`, request: { ...REQUEST, name: `tool-${at}` } }))
    see(outcome(`c${at}`))
  }
  const samples = parseExposition(text()).filter(
    ({ name }) => name === 'chaperone_tool_calls_total',
  )
  expect(samples.length).toBe(201)
  expect(samples.find(({ labels }) => labels['tool'] === 'other')?.value).toBe(800)
})

test('calls whose outcome never comes are forgotten one day', () => {
  const { see, value } = start()
  for (let at = 0; at < 10_050; at += 1) see(intent({ id: `c${at}` }))
  expect(value('chaperone_calls_in_flight')).toBe(10_000)
})

test('the fullest counter of a budget is shown until it begins anew', () => {
  const { clock, see, value } = start()
  const until = instant(Date.parse(START) + 60_000)
  const state = { budget: 'budgets.eur', limit: 100, from: instant(0), until }
  const taking = (id: string, key: string, used: number): EntryBody => ({
    type: 'intent',
    at: clock.now(),
    request: REQUEST,
    call: { ...call(), id: callId(id) },
    decision: permit(),
    budgets: [{ ...state, key, used }],
  })
  see(taking('a', '["one"]', 90))
  see(taking('b', '["two"]', 25))
  const name = 'chaperone_budget_used_ratio'
  expect(value(name, { budget: 'budgets.eur' })).toBe(0.9)
  see(taking('c', '["one"]', 10))
  expect(value(name, { budget: 'budgets.eur' })).toBe(0.25)
  clock.advance(60_000)
  expect(value(name, { budget: 'budgets.eur' })).toBe(0)
})

test('upstreams that are up, and what is restricted', () => {
  const at = instant(Date.parse(START))
  const revoked: Restriction = {
    id: 1,
    target: { kind: 'everything' },
    kind: 'revoked',
    at,
    why: 'w',
    by: 'operator x',
  }
  const { see, value } = start(() => [revoked])
  see({ type: 'event', at, event: 'upstream_ready', facts: { server: 'vendors' } })
  expect(value('chaperone_upstream_up', { server: 'vendors' })).toBe(1)
  see({ type: 'event', at, event: 'upstream_exited', facts: { server: 'vendors' } })
  expect(value('chaperone_upstream_up', { server: 'vendors' })).toBe(0)
  expect(value('chaperone_restrictions', { kind: 'revoked' })).toBe(1)
  expect(value('chaperone_restrictions', { kind: 'suspended' })).toBe(0)
  expect(value('chaperone_info', { version: '1.2.3' })).toBe(1)
})

test('where the store cannot be asked, nothing is said of what is restricted, and the rest is', () => {
  const { value } = start(() => {
    throw new Error('the store is gone')
  })
  expect(value('chaperone_restrictions', { kind: 'revoked' })).toBeUndefined()
  expect(value('chaperone_info', { version: '1.2.3' })).toBe(1)
})
