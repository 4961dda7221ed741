import { rmSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readRecord, type EntryItem } from '../../src/audit/read.ts'
import { recordedOf } from '../../src/audit/recorded.ts'
import { sha256 } from '../../src/model/id.ts'
import type { PolicyTrace } from '../../src/model/policy.ts'
import type { EntryBody } from '../../src/model/record.ts'
import { intent, refused } from '../fakes/entry-body.ts'
import { type FakeRecord, fakeRecord } from '../fakes/record.ts'

const REVISION = sha256('d'.repeat(64))
const TRACE: PolicyTrace = {
  revision: REVISION,
  determining: ['p#a'],
  errors: ['p#a'],
  obligations: [{ type: 'notify', rule: 'p#n', to: 'security' }],
  shadow: [{ rule: 'p#s', effect: 'forbid' }],
  engines: [{ engine: 'cerbos', effect: 'permit', detail: 'because', tookMs: 1.25 }],
}

let record: FakeRecord
beforeEach(() => {
  record = fakeRecord()
})
afterEach(() => rmSync(record.state, { recursive: true, force: true }))

async function written(body: EntryBody): Promise<EntryItem> {
  await record.write('one', [body])
  for await (const { items } of readRecord(record.state))
    for (const item of items) if (item.kind === 'entry') return item
  throw new Error('nothing is on record')
}

const body = intent({ args: { to: 'x' }, facts: { to: 'x' } })

test('what was written is read back', async () => {
  if (body.type !== 'intent') throw new Error('no intent')
  const item = await written({ ...body, decision: { ...body.decision, policy: TRACE } })
  expect(recordedOf(item)).toMatchObject({
    recorded: {
      log: 'one',
      kind: 'intent',
      call: 'c1',
      at: body.at,
      action: 'tools/call',
      server: 'vendors',
      name: 'approve',
      effects: ['write'],
      environment: 'dev',
      risk: 'normal',
      task: 's1',
      labels: [],
      outcome: 'permitted',
      grants: ['tools.vendors/approve'],
      facts: { to: 'x' },
      erased: [],
      policy: {
        revision: REVISION,
        determining: ['p#a'],
        errors: ['p#a'],
        shadow: [{ rule: 'p#s', effect: 'forbid' }],
        obligations: [{ rule: 'p#n' }],
        engines: [{ engine: 'cerbos', effect: 'permit', detail: 'because', tookMs: 1.25 }],
      },
    },
  })
})

test('a refusal before any rule, and an entry that does not say all, are unfit', async () => {
  expect(recordedOf(await written(refused()))).toEqual({
    unfit: 'it was refused by `decide`, and no rule was asked',
  })
  record = fakeRecord()
  const item = await written(body)
  const without = (key: string, value: unknown): EntryItem =>
    ({ ...item, entry: { ...item.entry, [key]: value } }) as EntryItem
  for (const [key, value, why] of [
    ['state', {}, /the environment/],
    ['mandate', { name: 'm' }, /its mandate/],
    ['principal', { agent: 'a', assurance: 'word' }, /how the agent is known/],
    ['request', { server: 's' }, /what was done/],
    ['erased', ['request.name'], /not in the entry as it was/],
    ['decision', { effect: 'deny', reason: 'whim' }, /a reason that is known/],
  ] as const)
    expect(JSON.stringify(recordedOf(without(key, value)))).toMatch(why)
})
