/** What an index answers is what reading the record answers; it is made from the log, and made anew when that is another. */
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { askIndexes } from '../../src/audit/indexed/ask.ts'
import { logCommand } from '../../src/cli/log.ts'
import type { JsonObject } from '../../src/model/json.ts'
import { fakeIo } from '../cli/io.fake.ts'
import { fakeClock } from '../fakes/clock.ts'
import {
  intentEntry,
  logKey,
  outcomeEntry,
  type WrittenEntry,
  writeLogV2,
} from '../fakes/log-v2.ts'

const CLOCK = fakeClock('2026-11-23T00:00:00.000Z')
let state: string
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'chaperone-index-'))
})
afterEach(() => rmSync(state, { recursive: true }))

function uri(call: number): WrittenEntry {
  const request: JsonObject = {
    effects: ['read'],
    era: 'modern',
    method: 'resources/read',
    server: 'files',
  }
  return { entry: { ...intentEntry(call), request }, secret: { uri: `file:///srv/secret-${call}` } }
}

/** Every kind of row, and calls whose outcomes come late or never. */
function mixed(from: number, calls: number): readonly WrittenEntry[] {
  const entries: WrittenEntry[] = []
  for (let call = from; call < from + calls; call += 1) {
    const { ts } = intentEntry(call)
    const { decision: _, ...refused } = intentEntry(call)
    const kinds: readonly (readonly WrittenEntry[])[] = [
      [{ entry: intentEntry(call) }, { entry: outcomeEntry(call) }],
      [
        {
          entry: {
            ...refused,
            type: 'refusal',
            stage: 'decide',
            reason: call % 2 ? 'outside_mandate' : 'approval_required',
          },
        },
      ],
      [uri(call), { entry: outcomeEntry(call) }],
      [
        {
          entry: { ...intentEntry(call), principal: { agent: 'other', assurance: 'launch_line' } },
        },
      ],
      [{ entry: { event: 'upstream_failed', facts: {}, ts: ts ?? '', type: 'event' } }],
      [{ entry: outcomeEntry(call - 3) }],
    ]
    entries.push(...(kinds[call % kinds.length] ?? []))
  }
  return entries
}

function write(entries: readonly WrittenEntry[], name = 'g'): void {
  writeLogV2({ state, name, key: logKey('guard'), entries, rotate: 50 })
}

async function log(argv: readonly string[], indexFrom: number): Promise<readonly unknown[]> {
  const io = fakeIo({ env: { TZ: 'UTC', CHAPERONE_STATE_DIR: state } })
  const exit = await logCommand({ clock: CLOCK, indexFrom }).run(argv, io)
  return [exit, io.out(), io.err()]
}

/** With the index and without it. */
async function both(argv: readonly string[]): Promise<readonly unknown[]> {
  const [read, indexed] = [await log(argv, Infinity), await log(argv, 0)]
  expect(indexed, argv.join(' ')).toEqual(read)
  return read
}

const QUESTIONS = [
  [],
  ['--tool', 'approve'],
  ['--tool', 'secret-8'],
  ['--tool', 'files/*'],
  ['--server', 'files'],
  ['--effect', 'read'],
  ['--reason', 'approval_required'],
  ['--verdict', 'unsettled'],
  ['--verdict', 'complete'],
  ['--agent', 'other'],
  ['--mandate', 'intake'],
  ['--mandate', 'none'],
  ['--decision', '0000abcd-7'],
  ['--call', '20261122T020000Z-0000abcd-6'],
  ['--call', 'other-0000abcd-6'],
  ['--since', '2026-11-22T02:01:00Z', '--until', '2026-11-22T02:01:30Z'],
] as const

test('every question has the same answer with and without it, also while the log grows', async () => {
  for (const calls of [40, 41, 97, 230]) {
    rmSync(join(state, 'log', 'g', 'audit-0.jsonl'), { force: true })
    write(mixed(0, calls))
    write(mixed(10, 20), 'h')
    for (const question of QUESTIONS)
      for (const more of [
        ['-n', '7'],
        ['-n', '1000', '--all', '--json'],
      ])
        await both([...question, ...more])
  }
  expect(existsSync(join(state, 'log', 'g', 'index.db'))).toBe(true)
})

test('whatever is asked for together', async () => {
  write(mixed(0, 120))
  await fc.assert(
    fc.asyncProperty(
      fc.subarray(QUESTIONS.filter((one) => one.length === 2)),
      fc.integer({ min: 1, max: 50 }),
      async (questions, last) => {
        const flags = new Map(questions.map(([flag, value]) => [flag, value] as const))
        if (flags.has('--decision')) flags.delete('--call')
        const [exit] = await both([...[...flags].flat(), '-n', String(last)])
        expect(exit).toBe(0)
      },
    ),
    { numRuns: 40 },
  )
})

test('it has no value of an argument, and is made anew when it is removed or is none', async () => {
  write(mixed(0, 60))
  await both([])
  const path = join(state, 'log', 'g', 'index.db')
  expect(readFileSync(path).includes('srv/secret')).toBe(false)
  expect(readFileSync(path).includes('approve')).toBe(true)
  writeFileSync(path, 'no database at all, and longer than the head of one would be'.repeat(20))
  for (const end of ['-wal', '-shm']) rmSync(`${path}${end}`, { force: true })
  const [exit, out] = await both([])
  expect([exit, String(out).includes('on record')]).toEqual([0, true])
})

test('another log in the place of the one that was read is read anew', async () => {
  write(mixed(0, 60))
  const first = await both(['-n', '3'])
  write(mixed(500, 90))
  const longer = await both(['-n', '3'])
  write(mixed(500, 30))
  const shorter = await both(['-n', '3'])
  expect(new Set([first, longer, shorter].map(String)).size).toBe(3)
})

test('a damaged record is read itself, and a torn end is told', async () => {
  write(mixed(0, 60))
  const last = join(state, 'log', 'g', 'audit-50.jsonl')
  appendFileSync(last, '{"half')
  const [exit, , err] = await both([])
  expect([exit, err]).toEqual([1, expect.stringContaining('torn')])
  appendFileSync(last, '\n')
  await both([])
  const question = { place: state, filter: { all: true }, last: 5, least: 0 }
  expect(await askIndexes(question)).toBeUndefined()
})

test('two at once make one index', async () => {
  write(mixed(0, 230))
  const question = { place: state, filter: { all: true }, last: 5, least: 0 }
  const answers = await Promise.all([
    askIndexes(question),
    askIndexes(question),
    askIndexes(question),
  ])
  // One in a process waits for another without end, so those that are in its way read the record itself.
  const found = answers.filter((one) => one !== undefined)
  expect(found.length).toBeGreaterThan(0)
  for (const one of found) expect(one).toEqual(found[0])
})
