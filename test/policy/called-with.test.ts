/** Four eyes by the past of a task: whoever made it may not approve it, however its name is written. */
import { expect, test } from 'vitest'
import type { Json, JsonObject } from '../../src/model/json.ts'
import { guarded } from '../../src/policy/guarded.ts'
import { Task } from '../../src/state/task.ts'
import { tool } from '../fakes/line.ts'
import { EVERYTHING, policies, ruled, toolCall } from './written.ts'

const [CREATE, APPROVE] = [tool('vendors', 'create'), tool('vendors', 'approve')]
const ASKED = 'session.calledWith("vendors/create", "vendor_id", args.vendor_id)'

function decidedAfter(rule: string, made: JsonObject, asked: Json): string {
  const text = `  - { id: eyes, effect: forbid, tools: [vendors/approve], ${rule} }\n`
  const mandate = guarded(EVERYTHING, policies(ruled(text)), 'prod')
  const task = new Task('t')
  task.track(mandate.queries)
  task.begin(toolCall(CREATE, { args: made }))
  const args = { vendor_id: asked }
  const call = toolCall(APPROVE, { args, call: { session: task.facts } })
  return mandate.tool(APPROVE).decide(call).effect
}

test.each<[JsonObject, Json]>([
  [{ vendor_id: 'v1' }, 'v1'],
  [{ vendor_id: 7 }, '7'],
  [{ vendor_id: 'v1' }, 'V1'],
  [{ vendor_id: 'v1' }, ' v1 '],
  [{ vendor_id: 'decoy', Vendor_ID: 'v1' }, 'v1'],
  [{ vendorId: 'v1' }, 'v1'],
])('after %j, %j is not approved', (made, asked) => {
  expect(decidedAfter(`when: '${ASKED}'`, made, asked)).toBe('deny')
  expect(decidedAfter(`unless: '!${ASKED}'`, made, asked)).toBe('deny')
})

test('another one is approved', () => {
  expect(decidedAfter(`when: '${ASKED}'`, { vendor_id: 'v1' }, 'v2')).toBe('permit')
  expect(decidedAfter(`unless: '!${ASKED}'`, { vendor_id: 'v1' }, 'v2')).toBe('permit')
})

test('an exemption is only for the very same value', () => {
  expect(decidedAfter(`unless: '${ASKED}'`, { vendor_id: 'v1' }, 'v1')).toBe('permit')
  expect(decidedAfter(`unless: '${ASKED}'`, { vendor_id: 'v1' }, 'V1')).toBe('deny')
})

test('questions of rules that only watch come last', () => {
  const asks = (name: string): string => `when: 'session.calls("a/${name}") > 0'`
  const set = policies(
    ruled(`  - { id: a, effect: forbid, mode: shadow, ${asks('watched')} }
  - { id: b, effect: forbid, ${asks('enforced')} }
`),
  )
  expect(set.queries.map(({ key }) => key)).toEqual([
    'session.calls("a/enforced")',
    'session.calls("a/watched")',
  ])
})
