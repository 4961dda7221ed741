/** Policies are swapped as one: what was handed out before keeps its revision. */
import { expect, test } from 'vitest'
import { sha256 } from '../../src/model/id.ts'
import { liveMandate } from '../../src/policy/live.ts'
import { tool } from '../fakes/line.ts'
import { EVERYTHING, policies, REVISION, ruled, toolCall } from './written.ts'

const SEND = tool('mail', 'send')
const NEXT = sha256('b'.repeat(64))
const loose = policies(ruled('  - { id: a, effect: forbid, when: args.x == 1 }'))
const tight = policies(
  ruled(
    '  - { id: a, effect: forbid }\n  - { id: b, effect: forbid, when: session.calls("a/b") > 1 }',
  ),
  [],
  NEXT,
)

test('from the swap on, the new set decides and lists', () => {
  const live = liveMandate(EVERYTHING, loose, 'prod')
  expect(live.revision).toBe(REVISION)
  expect(live.tool(SEND).listed).toBe(true)
  expect(live.queries).toEqual([])
  live.swap(tight)
  expect(live.revision).toBe(NEXT)
  expect(live.tool(SEND).listed).toBe(false)
  expect(live.tool(SEND).decide(toolCall(SEND)).policy?.revision).toBe(NEXT)
  expect(live.queries.map(({ key }) => key)).toEqual(['session.calls("a/b")'])
})

test('what was handed out before decides by its own revision', () => {
  const live = liveMandate(EVERYTHING, loose, 'prod')
  const before = live.tool(SEND)
  live.swap(tight)
  expect(before.decide(toolCall(SEND, { args: { x: 2 } }))).toMatchObject({
    effect: 'permit',
    policy: { revision: REVISION },
  })
})

test('whoever listens hears of each swap until it stops listening', () => {
  const live = liveMandate(EVERYTHING, loose, 'prod')
  const heard: unknown[] = []
  const end = live.onSwap?.(() => heard.push(live.revision))
  live.swap(tight)
  end?.()
  live.swap(loose)
  expect(heard).toEqual([NEXT])
})

test('a mandate without policies is what it was', () => {
  const decision = EVERYTHING.tool(SEND).decide(toolCall(SEND))
  expect(decision).not.toHaveProperty('policy')
  expect(
    liveMandate(EVERYTHING, policies('policy: p'), 'prod').tool(SEND).decide(toolCall(SEND)),
  ).toMatchObject({
    effect: 'permit',
    facts: decision.facts,
  })
})
