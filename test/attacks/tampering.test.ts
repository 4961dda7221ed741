/** Attacks on the record itself: a log of 10,000 records, changed in every way that leaves files behind. */
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Finding } from '../../src/audit/verify/finding.ts'
import { main } from '../../src/cli/main.ts'
import { fakeIo } from '../cli/io.fake.ts'
import { logKey, story, writeLogV2 } from '../fakes/log-v2.ts'

const KEY = logKey('guard')
const RECORDS = 10_000
const AUDIT = 'audit-0.jsonl'
const CHECKPOINTS = 'checkpoints-0'
const NOTE = /(?<=\n\n)(?=chaperone\.dev)/

/** Their mandate lies elsewhere: what is attacked here are the records. */
const ENTRIES = story(RECORDS / 2).map(({ entry, ...rest }) => {
  const { mandate: _, ...own } = entry
  return { entry: own, ...rest }
})

let whole: string
let state: string
beforeAll(() => {
  whole = mkdtempSync(join(tmpdir(), 'chaperone-whole-'))
  writeLogV2({ state: whole, name: 'g', key: KEY, entries: ENTRIES, every: 1000 })
})
afterAll(() => rmSync(whole, { recursive: true }))
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'chaperone-tampered-'))
  cpSync(whole, state, { recursive: true })
})
afterEach(() => rmSync(state, { recursive: true }))

const file = (name: string): string => join(state, 'log', 'g', name)
const linesOf = (name: string): readonly string[] =>
  readFileSync(file(name), 'utf8').split(/(?<=\n)/)
const write = (name: string, lines: readonly string[]): void =>
  writeFileSync(file(name), lines.join(''))

interface Verified {
  readonly exit: number
  readonly findings: readonly Finding[]
  readonly signed: number
  readonly anchored: number
  readonly text: string
}

async function verify(...more: readonly string[]): Promise<Verified> {
  const argv = ['audit', 'verify', state, '--key', KEY.vkey, ...more]
  const [json, text] = [fakeIo(), fakeIo()]
  const exit = await main([...argv, '--json'], json)
  expect(await main(argv, text)).toBe(exit)
  const [report] = (JSON.parse(json.out()) as { readonly logs: readonly Verified[] }).logs
  return { ...(report ?? { findings: [], signed: 0, anchored: 0 }), exit, text: text.out() }
}

function told({ findings }: Verified): readonly unknown[] {
  // A line more or less leaves more or fewer keys than records, which is said, too.
  return findings
    .filter(({ kind }) => kind !== 'keys')
    .map(({ kind, seq, to }) => [kind, seq, ...(to === undefined ? [] : [to])])
}

test('the log that nobody changed is fine', async () => {
  const report = await verify()
  expect(report).toMatchObject({ exit: 0, findings: [], signed: RECORDS, anchored: 0 })
  expect(report.text).toContain('10000 records, signed up to 10000, not anchored')
})

test('G39: an edit', async () => {
  const lines = linesOf(AUDIT)
  write(AUDIT, lines.with(4321, lines[4321]?.replace('"bytes":321', '"bytes":320') ?? ''))
  const report = await verify()
  expect([report.exit, told(report)]).toEqual([1, [['altered', 4321]]])
  expect(report.text).toContain(`${AUDIT}:4322: record 4321 is not the one`)
})

test('G39: a deletion', async () => {
  write(AUDIT, linesOf(AUDIT).toSpliced(4321, 1))
  const report = await verify()
  expect([report.exit, told(report)]).toEqual([1, [['missing', 4321]]])
})

test('G39: an insertion, chained to the record before it', async () => {
  const lines = linesOf(AUDIT)
  const forged = lines[4321]?.replace('"bytes":321', '"bytes":320') ?? ''
  write(AUDIT, lines.toSpliced(4321, 0, forged))
  const report = await verify()
  expect(report.exit).toBe(1)
  expect(told(report)[0]).toEqual(['inserted', 4321])
})

test('G39: a swap', async () => {
  const lines = linesOf(AUDIT)
  write(AUDIT, lines.toSpliced(4321, 2, lines[4322] ?? '', lines[4321] ?? ''))
  const report = await verify()
  expect([report.exit, told(report)]).toEqual([1, [['out_of_order', 4321]]])
})

test('G39: a truncated tail', async () => {
  write(AUDIT, linesOf(AUDIT).slice(0, 9990))
  const report = await verify()
  expect([report.exit, told(report)]).toEqual([1, [['truncated', 9990, 9999]]])
})

test('G39: a truncated tail, its checkpoints with it: found by those that were kept elsewhere', async () => {
  const anchors = join(state, 'anchors')
  const notes = readFileSync(file(CHECKPOINTS), 'utf8').split(NOTE)
  writeFileSync(anchors, notes.slice(0, 9).join(''))
  write(AUDIT, linesOf(AUDIT).slice(0, 8000))
  write(CHECKPOINTS, notes.slice(0, 8))
  write('checkpoint', [notes[7]?.slice(0, -1) ?? ''])
  expect(await verify()).toMatchObject({ exit: 0, signed: 8000 })
  const report = await verify('--anchors', anchors)
  expect([report.exit, told(report)]).toEqual([1, [['truncated', 8000, 8999]]])
  expect(report.text).toContain('anchored up to 8000')
})

test('G39: a truncated head', async () => {
  write(AUDIT, linesOf(AUDIT).slice(100))
  const report = await verify()
  expect([report.exit, told(report)]).toEqual([1, [['missing', 0, 99]]])
})

test('G39: all of it deleted', async () => {
  const anchors = join(state, 'anchors')
  cpSync(file('checkpoint'), anchors)
  write(AUDIT, [])
  expect(told(await verify())).toEqual([['truncated', 0, 9999]])
  rmSync(join(state, 'log', 'g'), { recursive: true })
  const gone = await verify('--anchors', anchors)
  expect(gone.exit).toBe(1)
  expect(gone.text).toContain('the log `g` is not there, and 10000 of its records were anchored')
})

test('G39: an older copy in its place', async () => {
  const anchors = join(state, 'anchors')
  cpSync(file('checkpoint'), anchors)
  rmSync(join(state, 'log'), { recursive: true })
  writeLogV2({ state, name: 'g', key: KEY, entries: ENTRIES.slice(0, 6000), every: 1000 })
  expect((await verify()).exit).toBe(0)
  const report = await verify('--anchors', anchors)
  expect([report.exit, told(report)]).toEqual([1, [['truncated', 6000, 9999]]])
})

function forgedFrom(seq: number): typeof ENTRIES {
  return ENTRIES.map((one, at) =>
    at < seq ? one : { ...one, entry: { ...one.entry, ts: '2026-11-29T00:00:00.000Z' } },
  )
}

test('G39: a suffix of the same length, written anew', async () => {
  const other = join(state, 'other')
  const forged = writeLogV2({
    state: other,
    name: 'g',
    key: logKey('eve'),
    entries: forgedFrom(4321),
  })
  write(AUDIT, [readFileSync(join(forged, AUDIT), 'utf8')])
  const report = await verify()
  expect([report.exit, told(report)]).toEqual([1, [['altered', 4000, 4999]]])
  expect(report.signed).toBe(4000)
})

test('G39: a suffix written anew and signed with the stolen key: found by what was kept elsewhere', async () => {
  const anchors = join(state, 'anchors')
  writeFileSync(anchors, readFileSync(file(CHECKPOINTS), 'utf8'))
  rmSync(join(state, 'log'), { recursive: true })
  writeLogV2({ state, name: 'g', key: KEY, entries: forgedFrom(4321), every: 1000 })
  expect((await verify()).exit).toBe(0)
  const report = await verify('--anchors', anchors)
  expect([report.exit, told(report)]).toEqual([1, [['forked', 4000, 4999]]])
  expect(report.text).toContain('anchored up to 4000')
})

test('G39: a fork by two writers', async () => {
  const other = join(state, 'other')
  const fork = writeLogV2({
    state: other,
    name: 'g',
    key: KEY,
    entries: forgedFrom(4321),
    sizes: [4500],
  })
  const notes = readFileSync(file(CHECKPOINTS), 'utf8').split(NOTE)
  write(CHECKPOINTS, notes.toSpliced(4, 0, readFileSync(join(fork, CHECKPOINTS), 'utf8')))
  const report = await verify()
  expect([report.exit, told(report)]).toEqual([1, [['forked', 4499]]])
})

test('G39: a torn last line', async () => {
  const [last = ''] = linesOf(AUDIT).slice(-1)
  appendFileSync(file(AUDIT), last.slice(0, 100))
  const report = await verify()
  expect([report.exit, told(report)]).toEqual([1, [['torn', RECORDS]]])
})

test('G39: the log of another key, and its key with it', async () => {
  rmSync(join(state, 'log'), { recursive: true })
  writeLogV2({ state, name: 'g', key: logKey('eve'), entries: ENTRIES, every: 1000 })
  const report = await verify()
  expect(report.exit).toBe(1)
  expect(report.signed).toBe(0)
  expect(report.text).toContain('it is not signed by a key of this log')
})
