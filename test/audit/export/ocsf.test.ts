import { describe, expect, test } from 'vitest'
import { activityOf, ocsfEvent } from '../../../src/audit/export/ocsf.ts'
import type { EntryItem } from '../../../src/audit/cursor.ts'
import { Joiner } from '../../../src/audit/row.ts'
import { instant, sha256 } from '../../../src/model/id.ts'
import { isObject, type JsonObject } from '../../../src/model/json.ts'
import type { EntryBody, EventName } from '../../../src/model/record.ts'
import { seededSecrets } from '../../e2e/secret-shapes.ts'
import { memoryLog } from '../../fakes/audit-log.ts'
import { call, intent, outcome, refused, REQUEST } from '../../fakes/entry-body.ts'

/** Writes the entries as the guard does, reads them back, and takes what comes of each row. */
async function exported(...bodies: readonly EntryBody[]): Promise<readonly JsonObject[]> {
  const log = memoryLog()
  for (const body of bodies) await log.append(body)
  const joiner = new Joiner()
  const rows = log.entries.flatMap((entry, at) =>
    joiner.add({
      kind: 'entry',
      log: 'memory',
      folder: '/log/memory',
      entry,
      line: log.lines[at] ?? '',
      time: entry.ts,
    } as object as EntryItem),
  )
  return [...rows, ...joiner.unsettled()].map(ocsfEvent).filter((event) => event !== undefined)
}

const happened = (event: EventName, facts: JsonObject): EntryBody => ({
  type: 'event',
  at: instant(Date.parse('2026-11-22T02:10:11.482Z')),
  event,
  facts,
})

/** What the classes require, and what of an object there has to be one of (schema.ocsf.io/1.8.0). */
const BASE = [
  'activity_id',
  'category_uid',
  'class_uid',
  'metadata',
  'severity_id',
  'time',
  'type_uid',
]
const CLASSES: Readonly<
  Record<number, { required: string[]; category: number; activities: number[] }>
> = {
  0: { required: [], category: 0, activities: [0, 99] },
  6003: {
    required: ['actor', 'api', 'src_endpoint'],
    category: 6,
    activities: [0, 1, 2, 3, 4, 99],
  },
  3004: {
    required: ['entity'],
    category: 3,
    activities: [0, ...Array.from({ length: 13 }, (_, n) => n + 1), 99],
  },
  3005: { required: ['user', 'privileges'], category: 3, activities: [0, 1, 2, 3, 4, 99] },
  2004: { required: ['finding_info'], category: 2, activities: [0, 1, 2, 3, 99] },
}
const OBJECTS: Readonly<Record<string, { required?: string[]; oneOf?: string[] }>> = {
  metadata: { required: ['product', 'version'] },
  api: { required: ['operation'] },
  actor: { oneOf: ['process', 'user', 'invoked_by', 'session', 'app_name', 'app_uid'] },
  src_endpoint: { oneOf: ['ip', 'uid', 'name', 'hostname', 'svc_name', 'instance_uid'] },
  dst_endpoint: { oneOf: ['ip', 'uid', 'name', 'hostname', 'svc_name', 'instance_uid'] },
  entity: { oneOf: ['name', 'uid', 'device', 'group', 'org', 'policy', 'user'] },
  policy: { oneOf: ['name', 'type', 'uid'] },
  product: { oneOf: ['name', 'uid'] },
  service: { oneOf: ['name', 'uid'] },
  user: { oneOf: ['account', 'name', 'uid'] },
  finding_info: { required: ['uid'] },
  analytic: { required: ['type_id'], oneOf: ['name', 'uid'] },
  trace: { required: ['uid'] },
  request: { required: ['uid'] },
}

function check(event: JsonObject): void {
  const found = CLASSES[Number(event['class_uid'])]
  expect(found).toBeDefined()
  for (const name of [...BASE, ...(found?.required ?? [])])
    expect(Object.keys(event)).toContain(name)
  expect(event['category_uid']).toBe(found?.category)
  expect(found?.activities).toContain(event['activity_id'])
  expect(event['type_uid']).toBe(Number(event['class_uid']) * 100 + Number(event['activity_id']))
  expect(Number.isSafeInteger(event['time'])).toBe(true)
  expect([0, 1, 2, 3, 4, 5, 6, 99]).toContain(event['severity_id'])
  for (const [name, value] of Object.entries(event))
    if (name !== 'unmapped') checkObject(name, value)
}

function checkObject(name: string, value: unknown): void {
  if (Array.isArray(value)) for (const one of value) checkObject(name, one)
  if (!isObject(value)) return
  const { required = [], oneOf } = OBJECTS[name] ?? {}
  for (const member of required) expect(Object.keys(value), name).toContain(member)
  if (oneOf)
    expect(
      oneOf.some((one) => Object.hasOwn(value, one)),
      name,
    ).toBe(true)
  for (const [key, one] of Object.entries(value)) checkObject(key, one)
}

const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
const STORY: readonly EntryBody[] = [
  intent({ id: 'a', request: { ...REQUEST } }),
  outcome('a'),
  refused('amount is too much'),
  refused(undefined, { era: 'modern', method: 'tools/call', name: 'made-up' }),
  intent({ id: 'b' }),
  {
    type: 'upstream_request',
    at: call().at,
    server: 'crm',
    method: 'elicitation/create',
    verdict: 'declined',
  },
  {
    type: 'listed',
    at: call().at,
    era: 'modern',
    method: 'tools/list',
    offered: 1,
    hidden: 2,
    catalog: sha256('c'.repeat(64)),
  },
  happened('guard_started', { version: '1.0.0' }),
  happened('mandate_loaded', { purpose: 'p', approved_by: 'alice' }),
  happened('policies_loaded', { s256: 'd'.repeat(64) }),
  ...(['everything', 'mandate', 'agent', 'upstream', 'tool'] as const).flatMap((kind) =>
    (['restricted', 'lifted'] as const).map((event) =>
      happened(event, {
        kind: 'suspended',
        target: { kind, name: 'n', server: 's' },
        why: 'w',
        by: 'operator o',
      }),
    ),
  ),
  happened('review_triggered', { trigger: 'denials', mandate: 'm' }),
  happened('catalog_changed', { server: 'crm', drift: 'changed', diff: ['x'] }),
]

test('every event has what its class requires', async () => {
  const events = await exported(...STORY)
  expect(events.length).toBe(STORY.length - 1)
  for (const event of events) check(event)
  expect(new Set(events.map((event) => event['class_uid']))).toEqual(
    new Set([0, 6003, 3004, 3005, 2004]),
  )
})

test('a call is API Activity, with what was decided and by what', async () => {
  const [event] = await exported(intent(), outcome('c1', undefined, 12.4))
  expect(event).toMatchObject({
    type_uid: 600_303,
    activity_name: 'Update',
    action_id: 1,
    disposition_id: 1,
    status_id: 1,
    duration: 12,
    actor: { app_name: 'agent-1' },
    src_endpoint: { name: 'agent-1' },
    dst_endpoint: { name: 'vendors' },
    api: { operation: 'approve', service: { name: 'vendors' }, request: { uid: 'c1' } },
    authorizations: [
      {
        decision: 'allowed',
        policy: { name: 'm', uid: 'a'.repeat(64), type: 'mandate', is_applied: true },
      },
    ],
    metadata: {
      version: '1.8.0',
      uid: 'memory/0',
      sequence: 0,
      log_name: 'memory',
      correlation_uid: 'c1',
    },
  })
})

test('a refusal is denied and blocked, and says why', async () => {
  const [event] = await exported(refused('amount 9999 is too much'))
  expect(event).toMatchObject({
    action_id: 2,
    disposition_id: 2,
    status_id: 2,
    status_detail: 'outside_mandate',
    severity_id: 2,
    unmapped: { stage: 'decide', reason: 'outside_mandate' },
  })
  expect(JSON.stringify(event)).not.toContain('9999')
})

test('the trace that an agent is in is named, where the record has it', async () => {
  const item = { ...REQUEST, traceparent: TRACEPARENT }
  const entry = { v: 2, seq: 0, ts: '2026-11-22T02:10:11.482Z', type: 'refusal', request: item }
  const rows = new Joiner().add({
    kind: 'entry',
    log: 'l',
    folder: '',
    entry,
    line: '',
    time: '',
  } as unknown as EntryItem)
  expect(ocsfEvent(rows[0]!)).toMatchObject({
    trace: { uid: '4bf92f3577b34da6a3ce929d0e0e4736' },
    metadata: { profiles: ['security_control', 'trace'] },
  })
})

test.each([
  ['agent', 'restricted', 3005, 2],
  ['agent', 'lifted', 3005, 1],
  ['mandate', 'restricted', 3004, 12],
  ['mandate', 'lifted', 3004, 13],
] as const)('an %s that is %s', async (kind, event, uid, activity) => {
  const facts = {
    kind: 'suspended',
    target: { kind, name: 'n' },
    why: 'an alarm',
    by: 'operator o',
  }
  const [found] = await exported(happened(event, facts))
  expect(found).toMatchObject({
    class_uid: uid,
    activity_id: activity,
    comment: 'an alarm',
    actor: { user: { name: 'operator o' } },
  })
})

test('what is revoked is deactivated', async () => {
  const facts = { kind: 'revoked', target: { kind: 'tool', server: 's', name: 't' } }
  const [found] = await exported(happened('restricted', facts))
  expect(found).toMatchObject({ activity_id: 11, entity: { name: 's/t', type: 'tool' } })
})

test('effects are one of four activities, or another', () => {
  expect(activityOf(['pay'], undefined).id).toBe(1)
  expect(activityOf(['delete'], undefined).id).toBe(4)
  expect(activityOf(['read', 'delete'], undefined)).toEqual({ id: 99, name: 'read, delete' })
  expect(activityOf([], 'resources/read').id).toBe(2)
})

describe('what is not exported', () => {
  test('a URI, and a value of an argument', async () => {
    const request = { ...REQUEST, method: 'resources/read', name: 'file:///home/private.txt' }
    const facts = { amount: 'the-amount' }
    const events = await exported(intent({ request, args: facts, facts }), outcome())
    expect(JSON.stringify(events)).not.toMatch(/private|the-amount/)
  })

  test('secrets that can be told by their shape', async () => {
    for (const { value } of seededSecrets(11).filter(({ telling }) => telling)) {
      const entry = {
        v: 2,
        seq: 0,
        ts: '',
        type: 'event',
        event: 'restricted',
        facts: { why: value, by: value, detail: value },
      }
      const rows = new Joiner().add({
        kind: 'entry',
        log: 'l',
        folder: '',
        entry,
        line: '',
        time: '',
      } as unknown as EntryItem)
      expect(JSON.stringify(ocsfEvent(rows[0]!))).not.toContain(JSON.stringify(value).slice(1, -1))
    }
  })
})
