import { readFileSync, rmSync, statSync, truncateSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { logCommand } from '../../src/cli/log.ts'
import { main } from '../../src/cli/main.ts'
import type { EntryBody } from '../../src/model/record.ts'
import { fakeClock } from '../fakes/clock.ts'
import { call, event, intent, outcome, refused, REQUEST } from '../fakes/entry-body.ts'
import { sha256 } from '../../src/model/id.ts'
import { fakeRecord, toldChanges, type FakeRecord } from '../fakes/record.ts'
import { fakeIo, type FakeIo } from './io.fake.ts'

const CLOCK = fakeClock('2026-11-22T04:00:00.000Z')
const at = (minute: number): string => `2026-11-22T02:${String(minute).padStart(2, '0')}:00.000Z`
const find = { ...REQUEST, server: 'crm', name: 'find', effects: ['read'] as const }
const listed: EntryBody = {
  type: 'listed',
  at: call().at,
  era: 'modern',
  method: 'tools/list',
  offered: 3,
  hidden: 11,
  catalog: sha256('c'.repeat(64)),
}
const STORY: readonly EntryBody[] = [
  intent({ id: 'a', at: at(1) }),
  outcome('a', at(1), 12.3),
  refused('args.path leaves /srv', find, at(2)),
  intent({ id: 'b', at: at(3), request: find }),
  {
    ...outcome('b', at(3), 1500),
    verdict: { outcome: 'forwarded', result: 'tool_error' },
  } as EntryBody,
  event({ server: 'crm', exit: 1 }, at(4)),
  listed,
  intent({ id: 'c', at: at(59) }),
]

let record: FakeRecord
beforeEach(async () => {
  record = fakeRecord()
  await record.write('one', STORY)
})
afterEach(() => rmSync(record.state, { recursive: true, force: true }))

interface Ran {
  readonly exit: number
  readonly out: readonly string[]
  readonly err: string
}

async function log(argv: readonly string[], over: Partial<FakeIo> = {}): Promise<Ran> {
  const io = fakeIo({ env: { TZ: 'UTC', CHAPERONE_STATE_DIR: record.state }, ...over })
  const command = logCommand({ clock: CLOCK })
  const row = { name: 'log', summary: '', load: () => Promise.resolve(command) }
  const exit = await main(['log', ...argv], io, [row])
  return { exit, out: io.out().split('\n').slice(0, -1), err: io.err() }
}

describe('the table', () => {
  test('says when, what, to which effect and what came of it, in columns', async () => {
    const { exit, out, err } = await log([])
    expect(out).toEqual([
      'time                    call             effect  verdict              took  id',
      '2026-11-22 02:01:00  ✓  vendors/approve  write   complete            12 ms  a',
      '2026-11-22 02:02:00  ✗  crm/find         read    outside_mandate',
      '2026-11-22 02:03:00  !  crm/find         read    tool_error          1.5 s  b',
      '2026-11-22 02:59:00  ?  vendors/approve  write   unsettled                  c',
      '4 on record: 2 forwarded, 1 refused, 1 unsettled',
    ])
    expect([exit, err]).toEqual([0, ''])
  })

  test('names a call by the end of its id, which finds it again', async () => {
    await record.write('two', [intent({ id: '20261124T093000Z-2ca7237f-7', at: at(50) })])
    const { out } = await log(['--call', '2ca7237f-7'])
    expect(out).toHaveLength(3)
    expect(out[1]).toMatch(/unsettled +2ca7237f-7$/)
  })

  test('with --all also lists and events, whose words take the rest of the line', async () => {
    const { out } = await log(['--all'])
    expect(out).toContain('2026-11-22 02:04:00  ·  upstream_failed  exit=1 server=crm')
    expect(out).toContain('2026-11-22 02:10:11  ·  tools/list       3 of 14 listed')
    expect(out.at(-1)).toBe('6 on record: 2 forwarded, 1 refused, 1 events, 1 lists, 1 unsettled')
  })

  test('is in the zone that TZ names; an unknown one does not matter', async () => {
    const env = { CHAPERONE_STATE_DIR: record.state }
    const tokyo = await log([], { env: { ...env, TZ: 'Asia/Tokyo' } })
    expect(tokyo.out[1]).toMatch(/^2026-11-22 11:01:00/)
    const unknown = await log([], { env: { ...env, TZ: 'Mars/Olympus' } })
    expect(unknown.exit).toBe(0)
  })

  test('has colour on a terminal only, and only on the marks', async () => {
    const { out } = await log([], { color: true })
    expect(out[1]).toContain('\u001B[32m✓\u001B[39m')
    expect(out[2]).toContain('\u001B[31m✗\u001B[39m')
    expect((await log([])).out.join('')).not.toContain('\u001B')
  })

  test('fits the terminal: long names are cut, narrow ones get no year', async () => {
    const name = 'n'.repeat(300)
    await record.write('two', [intent({ id: 'x', request: { ...REQUEST, name } })])
    for (const columns of [70, 80, 100, 120, 200]) {
      const { out } = await log([], { columns })
      for (const line of out.slice(0, -1)) expect(line.length).toBeLessThanOrEqual(columns)
      expect(out.some((line) => line.includes('nn…'))).toBe(true)
      expect(out[1]?.startsWith('2026-')).toBe(columns >= 100)
    }
  })

  test('never lets text from the record act on the terminal', async () => {
    const evil = '\u001B[2J\u001B]0;x\u0007\u202Egnp.\u200B\u0085\u2028\r\nfake line'
    const request = { ...REQUEST, server: evil, name: `${evil}?token=hunter2` }
    await record.write('two', [
      intent({ id: 'x', request }),
      event({ [`k${evil}`]: evil, list: [evil] }),
      refused(evil, { era: 'modern', method: evil }),
    ])
    for (const argv of [['--all'], ['--all', '--json'], ['--all', '-n', 'all']]) {
      const { out } = await log(argv, { columns: 2000 })
      const text = out.join('')
      expect(text).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
      expect(text).not.toContain('hunter2')
    }
  })
})

describe('--json', () => {
  test('gives the entries as they stand in the record', async () => {
    const { exit, out } = await log(['--json', '--all'])
    const stored = readFileSync(record.file('one'), 'utf8').split('\n').slice(0, -1)
    expect(out).toEqual(stored)
    expect(exit).toBe(0)
  })

  test('escapes what a terminal would act on, and still means the same', async () => {
    await record.write('two', [event({ text: 'a\u202Eb\u{E0001}' })])
    const { out } = await log(['--json', '--all', '--tool', 'upstream_failed'])
    const line = out.find((text) => text.includes('"two"')) ?? ''
    expect(line).toContain(String.raw`a\u202eb\udb40\udc01`)
    expect(JSON.parse(line)).toHaveProperty('facts.text', 'a\u202Eb\u{E0001}')
  })

  test('holds both entries of a call that matches, and no others', async () => {
    const { out } = await log(['--json', '--verdict', 'tool_error'])
    expect(out.map((line) => (JSON.parse(line) as { type: string }).type)).toEqual([
      'intent',
      'outcome',
    ])
  })
})

describe('what is asked for', () => {
  const times = async (...argv: string[]): Promise<readonly string[]> =>
    (await log(argv)).out.slice(1, -1).map((line) => line.slice(14, 16))
  test.each([
    [
      ['--tool', 'find'],
      ['02', '03'],
    ],
    [
      ['--tool', 'vendors/*'],
      ['01', '59'],
    ],
    [
      ['--server', 'crm'],
      ['02', '03'],
    ],
    [
      ['--effect', 'write'],
      ['01', '59'],
    ],
    [['--reason', 'outside_mandate'], ['02']],
    [['--verdict', 'unsettled'], ['59']],
    [['--call', 'b'], ['03']],
    [
      ['--since', '2026-11-22T03:03:00+01:00'],
      ['03', '59'],
    ],
    [
      ['--since', '2h'],
      ['01', '02', '03', '59'],
    ],
    [['--since', '61m'], ['59']],
    [
      ['--until', '90m'],
      ['01', '02', '03'],
    ],
    [['--since', '118m', '--until', '117m'], ['02']],
    [
      ['--since', '999999999d'],
      ['01', '02', '03', '59'],
    ],
    [
      ['--last', '2'],
      ['03', '59'],
    ],
    [['-n', '1'], ['59']],
  ])('%j', async (argv, minutes) => {
    expect(await times(...argv)).toEqual(minutes)
  })

  test('nothing that matches is said, and is no error', async () => {
    const { exit, out } = await log(['--tool', 'nope'])
    expect([exit, out]).toEqual([0, ['nothing on record matches']])
  })

  test('the counts are of all that matches, and say when fewer are shown', async () => {
    const { out } = await log(['-n', '1'])
    expect(out.at(-1)).toBe(
      '4 on record: 2 forwarded, 1 refused, 1 unsettled; the last 1 are shown',
    )
  })

  test('fifty by default, all on demand', async () => {
    const bodies = Array.from({ length: 3000 }, (_, index) =>
      refused('x', REQUEST, `2026-11-22T03:00:00.${String(index % 1000).padStart(3, '0')}Z`),
    )
    await record.write('two', bodies)
    expect((await log([])).out).toHaveLength(52)
    expect((await log(['-n', 'all'])).out).toHaveLength(3006)
  })

  test('the state folder: the flag, the variable, the default of the platform', async () => {
    expect((await log(['--state-dir', record.state], { env: {} })).exit).toBe(0)
    expect((await log(['--state-dir', 'log'], { env: {}, cwd: record.state })).exit).toBe(0)
    expect((await log([], { env: { CHAPERONE_STATE_DIR: '.' }, cwd: record.state })).exit).toBe(0)
    const { exit, err } = await log([], { env: { HOME: '/nowhere' } })
    expect(exit).toBe(3)
    expect(err).toContain('no record in `/nowhere/.local/state/chaperone`')
  })
})

describe('usage', () => {
  test.each([
    [['--efect', 'write'], 'unknown option `--efect` (did you mean `--effect`?)'],
    [['--effect', 'wirte'], '`--effect wirte` is no such value (did you mean `write`?)'],
    [['--reason', 'because'], '`--reason because` is no such value (one of malformed'],
    [['--verdict', 'refuse'], 'did you mean `refused`?'],
    [['--since', 'yesterday'], '`--since yesterday` is no time'],
    [['--until', '2026-11-22'], '`--until 2026-11-22` is no time'],
    [['--last', '0'], '`--last 0` is no count'],
    [['--last', '1.5'], '`--last 1.5` is no count'],
    [['-n', '999999'], 'is no count'],
    [['--tool'], '`--tool` needs a value'],
    [['extra'], 'unexpected argument `extra`'],
  ])('%j', async (argv, message) => {
    const { exit, out, err } = await log(argv)
    expect([exit, out]).toEqual([2, []])
    expect(err).toContain(message)
  })

  test('--help names every option and exit code', async () => {
    const { exit, out } = await log(['--help'])
    expect(exit).toBe(0)
    const text = out.join('\n')
    for (const flag of 'tool server effect reason verdict call since until all last follow json state-dir'.split(
      ' ',
    ))
      expect(text).toContain(`--${flag}`)
    expect(text).toMatch(/0 fine, 1 .+, 2 usage, 3 /)
  })
})

describe('a damaged record', () => {
  test('is shown as far as it can be read, then the damage with its place, and exit 1', async () => {
    truncateSync(record.file('one'), statSync(record.file('one')).size - 5)
    const { exit, out, err } = await log([])
    expect(exit).toBe(1)
    expect(out).toHaveLength(5)
    expect(err).toMatch(/^damaged: .*one\/audit-0\.jsonl:8: torn: \d+ bytes without a line end\n$/)
  })

  test('in the middle of it, too, also as JSON', async () => {
    record.scribble('one', 'hello\n')
    const { exit, out, err } = await log(['--json'])
    expect(exit).toBe(1)
    expect(out).toHaveLength(6)
    expect(err).toContain('one/audit-0.jsonl:9: no entry of a record')
  })
})

describe('--follow', () => {
  test('shows the last rows, then each as it is settled, and counts when it is stopped', async () => {
    const told = toldChanges()
    const stop = new AbortController()
    const io = fakeIo({ env: { TZ: 'UTC' }, signal: stop.signal })
    const command = logCommand({ clock: CLOCK, changes: told.changes })
    const done = command.run(['-f', '-n', '2', '--state-dir', record.state], io)
    await told.waits()
    const lines = (): readonly string[] => io.out().split('\n').slice(0, -1)
    expect(lines().map((line) => line.slice(0, 22))).toEqual([
      expect.stringMatching(/^time/),
      '2026-11-22 02:02:00  ✗',
      '2026-11-22 02:03:00  !',
    ])
    await record.write('one', [outcome('c', '2026-11-22T04:00:00.000Z'), event()])
    told.tell()
    await told.waits()
    expect(lines()).toHaveLength(4)
    expect(lines()[3]).toMatch(/^2026-11-22 02:59:00 {2}✓ {2}vendors\/approve/)
    await record.write('two', [intent({ id: 'never' })])
    stop.abort()
    expect(await done).toBe(0)
    expect(lines()[4]).toMatch(/\? {2}vendors\/approve .* unsettled +never$/)
    expect(lines()[5]).toBe(
      '5 on record: 3 forwarded, 1 refused, 1 unsettled; the last 4 are shown',
    )
  })
})

test('a signal ends the reading: what was read is shown, and that it is not all', async () => {
  const { exit, out, err } = await log([], { signal: AbortSignal.abort() })
  expect(exit).toBe(3)
  expect(out.length).toBeGreaterThan(0)
  expect(err).toContain('only a part of the record was read')
})

describe('rules of policies', () => {
  const ruled = (id: string, policy: object, minute: number): EntryBody => {
    const body = intent({ id, at: at(minute) })
    const trace = { revision: sha256('d'.repeat(64)), ...policy }
    return body.type === 'intent'
      ? { ...body, decision: { ...body.decision, policy: trace } }
      : body
  }
  const forbidden: EntryBody = {
    ...refused(undefined, find, at(2)),
    decision: {
      effect: 'deny',
      reason: 'forbidden',
      grants: [],
      facts: {},
      policy: { revision: sha256('d'.repeat(64)), determining: ['acme#flow'] },
    },
  } as EntryBody

  beforeEach(async () => {
    await record.write('rules', [
      ruled('r1', { shadow: [{ rule: 'acme#later', effect: 'forbid' }] }, 1),
      ruled('r2', { obligations: [{ type: 'label', rule: 'acme#labels[0]', add: ['x'] }] }, 2),
      forbidden,
      ruled('r3', {}, 4),
    ])
  })

  test.each([
    ['acme', 3],
    ['acme#flow', 1],
    ['acme#l*', 2],
    ['acme#later', 1],
    ['acm', 0],
  ])('--rule %s', async (rule, count) => {
    const { out } = await log(['--rule', rule, '--json'])
    expect(out).toHaveLength(count)
  })

  test('stand below the call that they forbade, or would have', async () => {
    const { out } = await log(['--rule', 'acme'])
    expect(out.slice(1, -1)).toEqual([
      '2026-11-22 02:01:00  ?  vendors/approve  write   unsettled                  r1',
      '    shadow acme#later',
      '2026-11-22 02:02:00  ?  vendors/approve  write   unsettled                  r2',
      '2026-11-22 02:02:00  ✗  crm/find         read    outside_mandate',
      '    by acme#flow',
    ])
  })
})

describe('--format ocsf', () => {
  test('writes one event of OCSF a line for what is shown, and nothing else', async () => {
    const { exit, out } = await log(['--format', 'ocsf'])
    const events = out.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
    expect(exit).toBe(0)
    expect(events.map((event) => event['class_uid'])).toEqual([6003, 6003, 6003, 6003])
    const all = await log(['--format', 'ocsf', '--all'])
    expect(all.out.length).toBe(6)
  })

  test('another format is a usage error', async () => {
    expect((await log(['--format', 'cef'])).exit).toBe(2)
  })
})
