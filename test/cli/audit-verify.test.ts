/** `chaperone audit verify` over several folders, and how it says what it found. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { destroyed, Gone } from '../../src/audit/verify/gone.ts'
import { main } from '../../src/cli/main.ts'
import type { JsonObject } from '../../src/model/json.ts'
import { logKey, story, type WrittenEntry, writeLogV2 } from '../fakes/log-v2.ts'
import { fakeIo } from './io.fake.ts'

const KEY = logKey('guard')
/** 40 records; their mandate lies elsewhere. */
const ENTRIES: readonly WrittenEntry[] = story(20).map(({ entry, ...rest }) => {
  const { mandate: _, ...own } = entry
  return { entry: own, ...rest }
})

let state: string
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'chaperone-audit-verify-'))
  write(ENTRIES)
})
afterEach(() => rmSync(state, { recursive: true }))

const log = (name: string): string => join(state, 'log', name)

function write(entries: readonly WrittenEntry[], at = state, sizes?: readonly number[]): string {
  const usual = { state: at, name: 'g', key: KEY, entries, every: 10 }
  return writeLogV2({ ...usual, ...(sizes && { sizes }) })
}

interface Ran {
  readonly exit: number
  readonly text: string
  readonly json: {
    readonly verdict: string
    readonly logs: readonly { readonly verdict: string; readonly signed: number }[]
    readonly forks: readonly { readonly log: string; readonly seq: number }[]
    readonly wiped: readonly { readonly log: string; readonly message: string }[]
    readonly notes: readonly string[]
  }
}

async function verify(...more: readonly string[]): Promise<Ran> {
  const argv = ['audit', 'verify', state, '--key', KEY.vkey, ...more]
  const [json, text] = [fakeIo(), fakeIo()]
  const exit = await main([...argv, '--json'], json)
  expect(await main(argv, text)).toBe(exit)
  return { exit, text: text.out(), json: JSON.parse(json.out()) as Ran['json'] }
}

describe('two folders with logs of one name', () => {
  test('that went on apart are a fork, though each is signed to its end', async () => {
    const other = (from: number): readonly WrittenEntry[] =>
      ENTRIES.map(({ entry, ...rest }, at) =>
        at < from ? { entry, ...rest } : { entry: { ...entry, type: 'event' }, ...rest },
      )
    cpSync(write(other(25), join(state, 'elsewhere')), log('copy'), { recursive: true })
    const { exit, text, json } = await verify()
    expect([exit, json.verdict]).toEqual([1, 'tampered'])
    expect(json.logs.map(({ verdict }) => verdict)).toEqual(['fine', 'fine'])
    expect(json.forks).toMatchObject([{ log: 'g', seq: 25 }])
    expect(text).toContain('they part at record 25')
    expect(text).toContain('2 logs, 0 of them tampered with by itself, 1 fault between or beside')
  })

  test('of which one is the beginning of the other are said, and no fault', async () => {
    cpSync(write(ENTRIES.slice(0, 30), join(state, 'elsewhere')), log('copy'), { recursive: true })
    const { exit, text, json } = await verify()
    expect([exit, json.forks]).toEqual([0, []])
    expect(text).toContain('`copy` is a copy of the log `g` in `g`: its first 30 records')
  })
})

test('a folder whose name is not that of its log is said, signed or not', async () => {
  cpSync(log('g'), log('h'), { recursive: true })
  rmSync(log('g'), { recursive: true })
  const signed = await verify()
  expect([signed.exit, signed.text]).toEqual([
    0,
    expect.stringContaining('the folder `h` holds the log `g`') as string,
  ])
  rmSync(join(log('h'), 'checkpoint'))
  rmSync(join(log('h'), 'checkpoints-0'))
  expect((await verify()).json).toMatchObject({
    verdict: 'unproven',
    notes: ['the folder `h` holds the log `g`'],
  })
})

test('what cannot be compared is not called unsigned', async () => {
  write(ENTRIES, state, [10, 30])
  const path = join(log('g'), 'audit-0.jsonl')
  writeFileSync(
    path,
    readFileSync(path, 'utf8')
      .split(/(?<=\n)/)
      .toSpliced(13, 4)
      .join(''),
  )
  const { exit, text } = await verify()
  expect([exit, text]).toEqual([
    1,
    expect.stringContaining(
      'signed up to 10, 20 could not be checked against what is signed, the last 10 not signed yet',
    ) as string,
  ])
})

test('where no file of records is left, what is missing is said without the name of one', async () => {
  rmSync(join(log('g'), 'audit-0.jsonl'))
  const { exit, text } = await verify()
  expect(exit).toBe(1)
  expect(text).toContain('\n  records 0 to 39 are missing at the end')
})

describe('keys that were overwritten', () => {
  const SEALED = ENTRIES.flatMap(({ secret }, seq) => (secret ? [seq] : []))
  const [first = 0, second = 0] = SEALED

  function wipe(...seqs: readonly number[]): void {
    const path = join(log('g'), 'keys-0.bin')
    const keys = readFileSync(path)
    for (const seq of seqs) keys.fill(0, seq * 32, (seq + 1) * 32)
    writeFileSync(path, keys)
  }

  /** Another log of the same guard, with this one event. */
  function event(name: string, facts: JsonObject): void {
    const entry = { ts: '2026-11-22T03:00:00.000Z', type: 'event', event: name, facts }
    writeLogV2({ state, name: 'op', key: KEY, entries: [{ entry }], every: 1 })
  }

  test('by nobody who said so are destroyed', async () => {
    wipe(first, second)
    event('record_erased', { call: 'c', why: 'asked', records: [{ log: 'g', seq: first }] })
    const { exit, text, json } = await verify()
    expect([exit, json.verdict]).toEqual([1, 'tampered'])
    expect(json.logs.map(({ verdict }) => verdict)).toEqual(['fine', 'fine'])
    const what = `of the log \`g\` the keys of record ${second} were overwritten`
    expect(json.wiped).toMatchObject([
      { log: 'g', message: expect.stringContaining(what) as string },
    ])
    expect(text).toContain(what)
  })

  test('as is on record are erased, and nothing is wrong', async () => {
    wipe(first, second)
    const records = [first, second].map((seq) => ({ log: 'g', seq }))
    event('record_erased', { call: 'c', why: 'asked', records })
    const { exit, text, json } = await verify()
    expect([exit, json.wiped]).toEqual([0, []])
    expect(text).toContain('2 erased')
  })

  test('of one log alone are counted: what is on record of it may stand in another', async () => {
    wipe(first)
    const io = fakeIo()
    expect(await main(['audit', 'verify', log('g'), '--key', KEY.vkey], io)).toBe(0)
    expect(io.out()).toContain('1 erased')
  })

  test('because a crash lost them are those before what says so, as many as it says', async () => {
    const gone = new Gone()
    for (const seq of [3, 7, 8, 9]) gone.add(seq)
    gone.note({ event: 'log_recovered', facts: { keys_lost: 3 } }, 10)
    expect(destroyed([{ log: 'g', gone }])).toMatchObject([
      { message: expect.stringContaining('record 3 ') as string },
    ])
    gone.note({ event: 'record_erased', facts: { records: [{ log: 'g', seq: 3 }] } }, 11)
    expect(destroyed([{ log: 'g', gone }])).toEqual([])
    for (let seq = 0; seq < 100_001; seq += 1) gone.add(3)
    expect(destroyed([{ log: 'g', gone }])).toHaveLength(1)
  })
})
