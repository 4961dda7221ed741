import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { EntryItem } from '../../src/audit/cursor.ts'
import { globMatches, matches, type RowFilter } from '../../src/audit/filter.ts'
import { fullName, Joiner, type Row } from '../../src/audit/row.ts'
import { sha256 } from '../../src/model/id.ts'
import type { Json } from '../../src/model/json.ts'
import type { Entry, EntryBody } from '../../src/model/record.ts'
import { memoryLog } from '../fakes/audit-log.ts'
import { call, event, intent, outcome, refused, REQUEST } from '../fakes/entry-body.ts'

async function itemsOf(bodies: readonly EntryBody[], log = 'one'): Promise<readonly EntryItem[]> {
  const memory = memoryLog()
  for (const body of bodies) await memory.append(body)
  return memory.entries.map((entry, index) => ({
    kind: 'entry',
    folder: '/log',
    log,
    entry,
    content: 'none',
    line: memory.lines[index] ?? '',
    file: 'audit-0.jsonl',
    offset: 0,
    time: entry.ts,
  }))
}

async function rowsOf(bodies: readonly EntryBody[]): Promise<readonly Row[]> {
  const joiner = new Joiner()
  const rows = (await itemsOf(bodies)).flatMap((item) => joiner.add(item))
  return [...rows, ...joiner.unsettled()]
}

const REFUSED_AFTER: EntryBody = {
  ...outcome('d'),
  type: 'outcome',
  verdict: { outcome: 'refused', stage: 'forward', reason: 'upstream_timeout' },
  tookMs: 60_000,
  bytes: 0,
  call: call({}, 'd').id,
}
const BODIES: readonly EntryBody[] = [
  event(),
  {
    type: 'listed',
    at: call().at,
    era: 'modern',
    method: 'tools/list',
    offered: 3,
    hidden: 4,
    catalog: sha256('c'.repeat(64)),
  },
  intent({ id: 'a' }),
  intent({ id: 'd', request: { ...REQUEST, server: 'crm', name: 'find', effects: ['read'] } }),
  outcome('a'),
  refused('x', { era: 'modern', method: 'prompts/list' }),
  REFUSED_AFTER,
  {
    type: 'upstream_request',
    at: call().at,
    server: 'crm',
    method: 'sampling/createMessage',
    verdict: 'declined',
    reason: 'request_not_permitted',
  },
  intent({ id: 'e', at: '2026-11-22T03:00:00.000Z' }),
]

describe('rows', () => {
  test('an intent and its outcome are one row, told apart by what came of it', async () => {
    const rows = await rowsOf(BODIES)
    const said = rows.map(({ kind, verdict, result, reason }) => [kind, verdict, result ?? reason])
    expect(said).toEqual([
      ['event', undefined, undefined],
      ['list', undefined, undefined],
      ['call', 'forwarded', 'complete'],
      ['refusal', 'refused', 'outside_mandate'],
      ['call', 'refused', 'upstream_timeout'],
      ['upstream_request', 'declined', 'request_not_permitted'],
      ['call', 'unsettled', undefined],
    ])
    expect(rows.map(fullName)).toEqual([
      'upstream_failed',
      'tools/list',
      'vendors/approve',
      'prompts/list',
      'crm/find',
      'crm/sampling/createMessage',
      'vendors/approve',
    ])
    expect(rows[2]).toMatchObject({ call: 'a', tookMs: 1.5, effects: ['write'] })
    expect(rows[2]?.items.map(({ entry }) => entry.type)).toEqual(['intent', 'outcome'])
  })

  test('calls of two logs that share an id stay apart', async () => {
    const joiner = new Joiner()
    const [one, two] = [await itemsOf([intent()]), await itemsOf([intent(), outcome()], 'two')]
    for (const item of [...one, ...two]) joiner.add(item)
    expect(joiner.unsettled().map(({ log }) => log)).toEqual(['one'])
  })

  test('an outcome without an intent, and an intent that comes twice', async () => {
    const rows = await rowsOf([
      outcome('z'),
      intent({ id: 'a' }),
      intent({ id: 'a' }),
      outcome('a'),
    ])
    expect(rows.map(({ kind, verdict }) => [kind, verdict])).toEqual([
      ['other', undefined],
      ['call', 'unsettled'],
      ['call', 'forwarded'],
    ])
  })

  test('intents that never end do not fill the memory: the oldest goes out as unsettled', async () => {
    const joiner = new Joiner()
    const [item] = await itemsOf([intent()])
    const early: Row[] = []
    for (let index = 0; index < 10_100; index += 1)
      early.push(...joiner.add({ ...item!, entry: { ...item!.entry, call: `c${index}` } }))
    expect(early.map(({ call: id, verdict }) => [id, verdict]).slice(0, 2)).toEqual([
      ['c0', 'unsettled'],
      ['c1', 'unsettled'],
    ])
    expect(early).toHaveLength(100)
    expect(joiner.unsettled()).toHaveLength(10_000)
  })

  test('members of any type are read without a fault', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(
          'intent',
          'outcome',
          'refusal',
          'listed',
          'upstream_request',
          'event',
          'new',
        ),
        fc.dictionary(
          fc.constantFrom(
            'call',
            'request',
            'verdict',
            'reason',
            'server',
            'method',
            'event',
            'took_ms',
          ),
          fc.jsonValue({ maxDepth: 2 }),
        ),
        (type, members) => {
          const joiner = new Joiner()
          const entry: Entry = {
            ...(members as { readonly [key: string]: Json }),
            v: 1,
            seq: 0,
            ts: '2026-11-22T02:00:00.000Z',
            type,
          }
          const rows = joiner.add({
            kind: 'entry',
            folder: '/log',
            log: 'x',
            entry,
            content: 'none',
            line: '',
            file: '',
            offset: 0,
            time: entry.ts,
          })
          for (const row of [...rows, ...joiner.unsettled()])
            expect(typeof fullName(row)).toBe('string')
        },
      ),
    )
  })
})

describe('a filter', () => {
  const cases: readonly [string, Partial<RowFilter>, readonly string[]][] = [
    [
      'nothing: calls, refusals and what upstreams asked',
      {},
      [
        'vendors/approve',
        'prompts/list',
        'crm/find',
        'crm/sampling/createMessage',
        'vendors/approve',
      ],
    ],
    ['part of a name', { tool: 'appr' }, ['vendors/approve', 'vendors/approve']],
    ['part of server and name', { tool: 'm/fi' }, ['crm/find']],
    ['a pattern over both', { tool: 'crm/*' }, ['crm/find', 'crm/sampling/createMessage']],
    ['a pattern over the name alone', { tool: 'f?nd' }, ['crm/find']],
    ['a server, whole', { server: 'crm' }, ['crm/find', 'crm/sampling/createMessage']],
    ['a server, not a part of it', { server: 'cr' }, []],
    ['an effect', { effect: 'read' }, ['crm/find']],
    ['a reason of a refusal', { reason: 'outside_mandate' }, ['prompts/list']],
    ['a reason of an outcome', { reason: 'upstream_timeout' }, ['crm/find']],
    ['refused, early or late', { verdict: 'refused' }, ['prompts/list', 'crm/find']],
    ['what came back', { verdict: 'complete' }, ['vendors/approve']],
    ['no outcome', { verdict: 'unsettled' }, ['vendors/approve']],
    ['a call', { call: 'd' }, ['crm/find']],
    ['since, at that very time', { since: '2026-11-22T03:00:00.000Z' }, ['vendors/approve']],
    ['until, but not that very time', { until: '2026-11-22T02:10:11.482Z' }, []],
    ['all of several', { server: 'vendors', verdict: 'forwarded' }, ['vendors/approve']],
  ]
  test.each(cases)('%s', async (_, filter, names) => {
    const rows = await rowsOf(BODIES)
    expect(rows.filter((row) => matches(row, { all: false, ...filter })).map(fullName)).toEqual(
      names,
    )
  })

  test('lists and events only when asked for', async () => {
    const rows = await rowsOf(BODIES)
    expect(rows.filter((row) => matches(row, { all: true }))).toHaveLength(7)
    expect(rows.filter((row) => matches(row, { all: true, tool: 'upstream_failed' }))).toHaveLength(
      1,
    )
  })
})

test('a glob says what the equal regular expression says', () => {
  const glob = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*', '?'), maxLength: 8 })
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*'), maxLength: 10 })
  fc.assert(
    fc.property(glob, text, (pattern, name) => {
      const equal = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`)
      expect(globMatches(pattern, name)).toBe(equal.test(name))
    }),
    { numRuns: 2000 },
  )
})
