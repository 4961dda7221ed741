/** The store under a whole guard: it says that it runs, and what cannot be looked up is neither listed nor called. */
import { afterEach, describe, expect, test } from 'vitest'
import { fakeClock } from './fakes/clock.ts'
import { memoryGuard, type MemoryGuard } from './fakes/guard.ts'
import { httpGuard } from './fakes/http-guard.ts'
import { mandateOf, spending } from './fakes/line.ts'
import { fakeStore } from './fakes/state-store.ts'
import { type FakeUpstream, legacyUpstream } from './fakes/upstream.ts'
import { instant } from '../src/model/id.ts'

const mandate = (name: string): string => `
mandate: ${name}
agent: bot
purpose: Test the store
valid: { until: 2026-12-01T00:00:00Z }
tools: { a/pay: { effect: pay } }
`
const PAY = { name: 'pay', inputSchema: { type: 'object' } }

let open: MemoryGuard[] = []
afterEach(async () => {
  await Promise.all(open.map((guard) => guard.hangUp()))
  open = []
})

function start(budget?: number) {
  const a = legacyUpstream([PAY])
  const store = fakeStore(fakeClock('2026-11-24T10:00:00Z'))
  const compiled = mandateOf(mandate('m'))
  const debit = { budget: 'budgets.calls', key: '["calls"]', amount: 1, from: instant(0) }
  const until = instant(Date.parse('2026-11-25T00:00:00Z'))
  const under =
    budget === undefined ? compiled : spending(compiled, () => [{ ...debit, limit: budget, until }])
  const guard = memoryGuard(under, { a }, { store })
  open.push(guard)
  return { a, store, guard }
}

function called(upstream: FakeUpstream): number {
  return upstream.calls('tools/call').length
}

test('a guard says that it runs, with its log and its mandates, and unregisters when it stops', async () => {
  const { guard, store } = start()
  expect(store.instances()).toMatchObject([
    {
      instance: 'i',
      log: '/log/i',
      alive: true,
      mandates: [{ name: 'm', agent: 'bot' }],
      upstreams: ['a'],
    },
  ])
  await guard.guard.stop('the test says so')
  expect(store.instances().filter(({ alive }) => alive)).toEqual([])
})

test('a guard whose store cannot be written does not start, and starts no upstream', () => {
  const a = legacyUpstream([PAY])
  const store = fakeStore(fakeClock('2026-11-24T10:00:00Z'))
  store.broken = true
  expect(() => memoryGuard(mandate('m'), { a }, { store })).toThrow(/the store cannot be read/)
  expect(a.lives).toEqual([])
})

test('what cannot be looked up is neither listed nor called, until it can be', async () => {
  const { a, guard, store } = start()
  await guard.open()
  await guard.ask('tools/list')
  store.broken = true
  expect(await guard.ask('tools/list')).toMatchObject({
    error: { code: -31_503, data: { reason: 'state_unavailable' } },
  })
  expect(await guard.ask('tools/call', { name: 'pay' })).toMatchObject({
    result: { isError: true, _meta: { 'dev.chaperone/reason': 'state_unavailable' } },
  })
  expect(called(a)).toBe(0)
  store.broken = false
  expect(await guard.ask('tools/list')).toHaveProperty('result.tools.0.name', 'pay')
  await guard.ask('tools/call', { name: 'pay' })
  expect(called(a)).toBe(1)
})

test('under a mandate that is suspended nothing is listed and nothing called', async () => {
  const { a, guard, store } = start()
  await guard.open()
  const target = { kind: 'mandate', name: 'm' } as const
  store.restrict({ target, kind: 'suspended', at: instant(0), why: 'w', by: 'operator o' })
  expect(await guard.ask('tools/list')).toMatchObject({
    error: { data: { reason: 'mandate_suspended' } },
  })
  await guard.ask('tools/call', { name: 'pay' })
  expect(called(a)).toBe(0)
})

test('an agent is told when what it used up begins anew', async () => {
  const { a, guard } = start(1)
  await guard.open()
  await guard.ask('tools/call', { name: 'pay' })
  expect(await guard.ask('tools/call', { name: 'pay' })).toMatchObject({
    result: {
      isError: true,
      _meta: {
        'dev.chaperone/reason': 'budget_exhausted',
        'dev.chaperone/resets_at': '2026-11-25T00:00:00.000Z',
      },
    },
  })
  expect(called(a)).toBe(1)
})

describe('over HTTP', () => {
  test('what is taken back of one mandate is not taken back of another', async () => {
    const a = legacyUpstream([PAY])
    const store = fakeStore(fakeClock('2026-11-24T10:00:00Z'))
    const keys = { one: mandate('one'), two: mandate('two') }
    const guard = await httpGuard(mandate('m'), { a }, { keys, store })
    expect(store.instances()).toMatchObject([{ mandates: [{ name: 'one' }, { name: 'two' }] }])
    const target = { kind: 'mandate', name: 'one' } as const
    store.restrict({ target, kind: 'revoked', at: instant(0), why: 'w', by: 'operator o' })
    expect(await guard.ask('tools/call', { name: 'pay' }, { key: 'one' })).toMatchObject({
      result: { isError: true, _meta: { 'dev.chaperone/reason': 'mandate_revoked' } },
    })
    expect(called(a)).toBe(0)
    expect(await guard.ask('tools/call', { name: 'pay' }, { key: 'two' })).toHaveProperty('result')
    expect(called(a)).toBe(1)
    await guard.stop()
    expect(store.instances().filter(({ alive }) => alive)).toEqual([])
  })
})
