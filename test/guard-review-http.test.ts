/** The reviews of a guard for several agents: what one key's connection shows is everybody's, and keys of one mandate add up. */
import { expect, test } from 'vitest'
import { targetText } from '../src/model/target.ts'
import { memoryStore } from '../src/state/memory.ts'
import { fakeClock } from './fakes/clock.ts'
import { httpGuard } from './fakes/http-guard.ts'
import { legacyUpstream } from './fakes/upstream.ts'

const mandate = (name: string, review: string): string => `
mandate: ${name}
agent: bot
purpose: test
valid: { until: 2026-12-31T00:00:00Z }
tools: { a/x: {} }
review:
  - ${review}
`
const X = { name: 'x', inputSchema: { type: 'object' } }

test('a definition that changed is a cause for every mandate, whoever saw it', async () => {
  const clock = fakeClock('2026-11-24T10:00:00Z')
  const store = memoryStore({ clock, isRunning: () => true })
  const changed = '{ on: tool_changed, then: suspend }'
  const keys = { one: mandate('first', changed), two: mandate('second', changed) }
  let tools: readonly object[] = [X]
  const a = legacyUpstream(() => tools)
  const guard = await httpGuard('', { a }, { keys, store })
  await guard.ask('tools/list', {}, { key: 'one' })
  tools = [{ ...X, description: 'another one' }]
  // The second agent's own upstream shows the new definition to the guard that pinned the old one.
  await guard.ask('tools/list', {}, { key: 'two' })
  const targets = store.restrictions().all.map(({ target }) => targetText(target))
  expect(new Set(targets)).toEqual(new Set(['mandate:first', 'mandate:second']))
  await guard.stop()
})

test('refusals of all keys of one mandate count together', async () => {
  const clock = fakeClock('2026-11-24T10:00:00Z')
  const store = memoryStore({ clock, isRunning: () => true })
  const text = mandate('m', '{ on: denials, over: 1, within: 10m, then: suspend }')
  const keys = { one: text, two: text }
  const guard = await httpGuard('', { a: legacyUpstream([X]) }, { keys, store })
  await guard.ask('tools/call', { name: 'nothing' }, { key: 'one' })
  expect(store.restrictions().all).toEqual([])
  await guard.ask('tools/call', { name: 'nothing' }, { key: 'two' })
  expect(store.restrictions().all).toMatchObject([{ target: { kind: 'mandate', name: 'm' } }])
  await guard.stop()
})
