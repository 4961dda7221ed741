/** The reviews of a mandate in a whole guard: what goes on record makes them, before the call leaves. */
import { expect, test } from 'vitest'
import { memoryStore } from '../src/state/memory.ts'
import { fakeClock } from './fakes/clock.ts'
import { memoryGuard } from './fakes/guard.ts'
import { legacyUpstream } from './fakes/upstream.ts'

const MANDATE = `
mandate: m
agent: bot
purpose: test
valid: { until: 2026-12-31T00:00:00Z }
tools: { a/x: {}, a/y: {} }
review:
  - { on: first_use, then: suspend_tool }
  - { on: denials, over: 1, within: 10m, then: suspend }
`
const TOOL = (name: string) => ({ name, inputSchema: { type: 'object' } })

test('the first use of a tool waits for a person, and reaches nobody before', async () => {
  const clock = fakeClock('2026-11-24T10:00:00Z')
  const store = memoryStore({ clock, isRunning: () => true })
  const a = legacyUpstream([TOOL('x'), TOOL('y')])
  const guard = memoryGuard(MANDATE, { a }, { clock, timers: clock, store })
  const call = async (name: string): Promise<unknown> => {
    const { result } = await guard.ask('tools/call', { name })
    return (result?.['_meta'] as Record<string, unknown> | undefined)?.['dev.chaperone/reason']
  }
  await guard.open()
  expect(await call('x')).toBe('suspended')
  expect(a.calls('tools/call')).toEqual([])
  const target = { kind: 'tool', server: 'a', name: 'x' } as const
  expect(store.restrictions().all).toMatchObject([{ target, by: 'review first_use' }])
  const said = { at: clock.now(), why: 'looked at', by: 'operator lee', revoked: false }
  store.lift(target, said)
  expect(await call('x')).toBeUndefined()
  expect(a.calls('tools/call')).toHaveLength(1)
  expect(guard.log.entries.filter(({ event }) => event === 'review_triggered')).toMatchObject([
    { facts: { on: 'first_use', action: 'suspend_tool', tool: 'a/x', mandate: 'm' } },
  ])
  // Twice what it was not to have: the mandate is suspended, and the agent hears it with the next call.
  await call('nothing')
  await call('nothing')
  expect(await call('x')).toBe('mandate_suspended')
  expect(a.calls('tools/call')).toHaveLength(1)
  await guard.hangUp()
})
