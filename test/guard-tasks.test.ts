/** The task under a whole guard: it outlives the guard, and is the same for the guards beside it, until somebody ends it. */
import { afterEach, expect, test } from 'vitest'
import { guarded } from '../src/policy/guarded.ts'
import { fakeClock } from './fakes/clock.ts'
import { memoryGuard, type MemoryGuard } from './fakes/guard.ts'
import { mandateOf } from './fakes/line.ts'
import { fakeStore, type FakeStore } from './fakes/state-store.ts'
import { type FakeUpstream, legacyUpstream } from './fakes/upstream.ts'
import { policies } from './policy/written.ts'

const MANDATE = `
mandate: m
agent: bot
purpose: Test the task
valid: { until: 2026-12-01T00:00:00Z }
tools: { a/fetch: { effect: read }, a/pay: { effect: pay }, a/note: { effect: write } }
`
const POLICY = `
policy: p
labels:
  - { tools: [a/fetch], add: [untrusted] }
rules:
  - { id: tainted, effect: forbid, tools: [a/pay], when: '"untrusted" in session.labels' }
  - { id: once, effect: forbid, tools: [a/note], when: session.calls("a/note") >= 1 }
`
const TOOLS = ['fetch', 'pay', 'note'].map((name) => ({ name, inputSchema: { type: 'object' } }))
const WHO = { mandate: 'm', agent: 'bot', task: 'default' }

let open: MemoryGuard[] = []
afterEach(async () => {
  await Promise.all(open.map((guard) => guard.hangUp()))
  open = []
})

function storeOf(): FakeStore {
  return fakeStore(fakeClock('2026-11-24T10:00:00Z'))
}

async function start(store: FakeStore, taskId?: string) {
  const a = legacyUpstream(TOOLS)
  const mandate = guarded(mandateOf(MANDATE), policies(POLICY), 'dev')
  const guard = memoryGuard(mandate, { a }, { store, ...(taskId !== undefined && { taskId }) })
  open.push(guard)
  await guard.open()
  return { a, guard, call: (name: string) => calling(guard, name) }
}

async function calling(guard: MemoryGuard, name: string): Promise<boolean> {
  const { result } = await guard.ask('tools/call', { name, arguments: {} })
  return result !== undefined && result['isError'] !== true
}

function calls(upstream: FakeUpstream): number {
  return upstream.calls('tools/call').length
}

test('labels and counts are those of the guards before and beside it', async () => {
  const store = storeOf()
  const first = await start(store)
  const beside = await start(store)
  expect([await first.call('fetch'), await first.call('note')]).toEqual([true, true])
  await first.guard.hangUp()
  const after = await start(store)
  for (const { a, call } of [beside, after]) {
    expect([await call('pay'), await call('note')]).toEqual([false, false])
    expect(calls(a)).toBe(0)
  }
})

test('another task has a history of its own', async () => {
  const store = storeOf()
  const first = await start(store)
  expect([await first.call('fetch'), await first.call('note')]).toEqual([true, true])
  const other = await start(store, 'other')
  expect([await other.call('pay'), await other.call('note')]).toEqual([true, true])
})

test('a task that is ended begins anew in a guard that runs, and who ended it is on record', async () => {
  const store = storeOf()
  const { call, guard } = await start(store)
  expect([await call('fetch'), await call('pay')]).toEqual([true, false])
  const at = fakeClock('2026-11-24T10:00:00Z').now()
  store.endTask(WHO, { at, by: 'operator dana', why: 'all is checked' })
  expect(await call('pay')).toBe(true)
  const ended = guard.log.entries.filter(
    (entry) => 'event' in entry && entry['event'] === 'task_ended',
  )
  const facts = {
    ...WHO,
    at: '2026-11-24T10:00:00.000Z',
    by: 'operator dana',
    why: 'all is checked',
  }
  expect(ended).toMatchObject([{ facts }])
})
