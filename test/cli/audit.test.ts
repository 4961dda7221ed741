/** `chaperone audit` over logs of the second writer: prove, anchor, erase, key. */
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readRecord, type EntryItem } from '../../src/audit/read.ts'
import { standingOf } from '../../src/audit/prove.ts'
import { verifierKey } from '../../src/audit/verify/note.ts'
import { anchorCommand } from '../../src/cli/audit-anchor.ts'
import { main } from '../../src/cli/main.ts'
import { logKey, story, writeLogV2, type WrittenEntry } from '../fakes/log-v2.ts'
import { fakeIo } from './io.fake.ts'

const KEY = logKey('guard')
function calls(count: number): readonly WrittenEntry[] {
  return story(count).map(({ entry, ...rest }) => {
    const { mandate: _, ...own } = entry
    return { entry: own, ...rest }
  })
}
const ENTRIES = calls(40)

let state: string
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'chaperone-audit-'))
  write(ENTRIES)
})
afterEach(() => rmSync(state, { recursive: true }))

function write(entries: readonly WrittenEntry[], sizes?: readonly number[]): string {
  return writeLogV2({ state, name: 'g', key: KEY, entries, rotate: 30, ...(sizes && { sizes }) })
}

interface Ran {
  readonly exit: number
  readonly out: string
  readonly err: string
}

async function audit(...argv: readonly string[]): Promise<Ran> {
  const io = fakeIo({ cwd: state, env: { CHAPERONE_STATE_DIR: state } })
  const exit = await main(['audit', ...argv], io)
  return { exit, out: io.out(), err: io.err() }
}

async function entries(): Promise<readonly EntryItem[]> {
  const found: EntryItem[] = []
  for await (const { items } of readRecord(state))
    found.push(...items.filter((item) => item.kind === 'entry'))
  return found
}

test('key prints the key of the state folder, and says where there is none', async () => {
  expect(await audit('key')).toEqual({ exit: 0, out: `${KEY.vkey}\n`, err: '' })
  rmSync(join(state, 'log.vkey'))
  expect((await audit('key')).exit).toBe(3)
})

test('a command that there is not, and one that is not named', async () => {
  expect((await audit('verfy')).err).toContain('did you mean `verify`?')
  expect((await audit()).exit).toBe(2)
  expect((await audit('prove', '--help')).out).toContain('usage: chaperone audit prove')
})

describe('a proof', () => {
  const file = (): string => join(state, 'p.tlog-proof')

  test('of every decision is accepted without the record', async () => {
    for (const call of [0, 14, 15, 29, 39]) {
      const made = await audit('prove', `0000abcd-${call}`, '-o', file())
      expect([made.exit, made.err]).toEqual([0, ''])
      const checked = await main(
        ['audit', 'verify', '--proof', file(), '--key', KEY.vkey],
        fakeIo({ cwd: tmpdir(), env: {} }),
      )
      expect(checked).toBe(0)
    }
    expect((await audit('verify')).exit).toBe(0)
  })

  test('proves nothing once a byte of it is another', async () => {
    const { out } = await audit('prove', '0000abcd-14')
    const bytes = Buffer.from(out)
    for (let at = 0; at < bytes.length; at += 1) {
      const other = Buffer.from(bytes)
      other[at] = (other[at] ?? 0) ^ 1
      writeFileSync(file(), other)
      expect((await audit('verify', '--proof', file())).exit, `byte ${at}`).toBe(1)
    }
  })

  test('under another key is none', async () => {
    await audit('prove', '0000abcd-14', '-o', file())
    const { exit, err } = await audit('verify', '--proof', file(), '--key', logKey('eve').vkey)
    expect([exit, err]).toEqual([1, expect.stringContaining('proves nothing')])
  })

  test('is not made of what is not on record, not signed, or not what was signed', async () => {
    expect((await audit('prove', '0000abcd-99')).err).toContain('no decision `0000abcd-99`')
    write(ENTRIES, [20])
    const unsigned = await audit('prove', '0000abcd-14')
    expect([unsigned.exit, unsigned.err]).toEqual([3, expect.stringContaining('not signed yet')])
    write(ENTRIES)
    rmSync(join(state, 'log', 'g', 'index.db'), { force: true })
    const path = join(state, 'log', 'g', 'audit-0.jsonl')
    writeFileSync(path, readFileSync(path, 'utf8').replace('"bytes":321', '"bytes":322'))
    const altered = await audit('prove', '0000abcd-14')
    expect([altered.exit, altered.err]).toEqual([3, expect.stringContaining('not what was signed')])
  })
})

describe('anchoring', () => {
  test('appends each checkpoint once, and verify takes the file', async () => {
    const file = join(state, 'anchors')
    expect((await audit('anchor', '--to', file)).out).toBe('g: anchored up to 80\n')
    expect((await audit('anchor', '--to', file)).out).toBe('g: anchored up to 80 before\n')
    expect(readFileSync(file, 'utf8').match(/chaperone\.dev\/log\/g/g)).toHaveLength(1)
    const { exit, out } = await audit('verify', '--anchors', file)
    expect([exit, out]).toEqual([0, expect.stringContaining('anchored up to 80')])
  })

  test('refuses a log that does not go on from what was anchored', async () => {
    const file = join(state, 'anchors')
    await audit('anchor', '--to', file)
    rmSync(join(state, 'log'), { recursive: true })
    write(ENTRIES.slice(0, 60))
    const { exit, err } = await audit('anchor', '--to', file)
    expect([exit, err]).toEqual([3, expect.stringContaining('not what was signed')])
    expect(readFileSync(file, 'utf8').match(/chaperone\.dev\/log\/g/g)).toHaveLength(1)
  })

  test('publishes no checkpoint of no records, and finds a log that went back to it', async () => {
    const file = join(state, 'anchors')
    const again = (count: number) => {
      rmSync(join(state, 'log'), { recursive: true })
      write(ENTRIES.slice(0, count), [0])
    }
    again(5)
    const nothing = await audit('anchor', '--to', file)
    expect([nothing.exit, nothing.err]).toEqual([3, expect.stringContaining('nothing is signed')])
    expect(existsSync(file)).toBe(false)
    expect((await audit('verify')).exit).toBe(3)
    rmSync(join(state, 'log'), { recursive: true })
    write(ENTRIES)
    expect((await audit('anchor', '--to', file)).exit).toBe(0)
    again(5)
    const back = await audit('anchor', '--to', file)
    expect([back.exit, back.err]).toEqual([3, expect.stringContaining('not what was signed')])
    expect((await audit('verify', '--anchors', file)).exit).toBe(1)
  })

  test('gives the note to a command, whose failure is its own', async () => {
    const file = join(state, 'given')
    const script = 'process.stdin.pipe(require("fs").createWriteStream(process.argv[1]))'
    const given = await audit('anchor', '--exec', process.execPath, '--', '-e', script, file)
    expect([given.exit, readFileSync(file, 'utf8')]).toEqual([
      0,
      readFileSync(join(state, 'log', 'g', 'checkpoint'), 'utf8'),
    ])
    expect(
      (await audit('anchor', '--exec', process.execPath, '--', '-e', 'process.exit(4)')).exit,
    ).toBe(3)
    expect((await audit('anchor')).exit).toBe(2)
  })

  test('goes on with what is signed later, until it is stopped', async () => {
    const file = join(state, 'anchors')
    const stop = new AbortController()
    let waits = 0
    const command = anchorCommand({
      wait: async () => {
        waits += 1
        if (waits === 1) write(calls(60))
        else stop.abort()
      },
    })
    const io = fakeIo({ cwd: state, env: { CHAPERONE_STATE_DIR: state }, signal: stop.signal })
    expect(await command.run(['--to', file, '--every', '1m'], io)).toBe(0)
    expect(io.out()).toBe('g: anchored up to 80\ng: anchored up to 120\n')
  })
})

describe('erasing', () => {
  test('makes the content unreadable, puts that on record, and everything verifies as before', async () => {
    const before = await entries()
    const content = (items: readonly EntryItem[], call: number): readonly unknown[] =>
      items
        .filter(({ entry }) => entry['call'] === `20261122T020000Z-0000abcd-${call}`)
        .map((item) => [item.content, item.entry['facts']])
    expect(content(before, 14)).toEqual([
      ['open', { 'args.id': 14 }],
      ['none', undefined],
    ])
    // What cannot be put on record is not done: this key is not that of the state folder.
    const key = join(state, 'log.vkey')
    const keys = readFileSync(join(state, 'log', 'g', 'keys-0.bin'))
    const refused = await audit('erase', '0000abcd-14', '--why', 'a request under the law')
    expect([refused.exit, refused.err]).toEqual([1, expect.stringContaining('another key')])
    expect(readFileSync(join(state, 'log', 'g', 'keys-0.bin')).equals(keys)).toBe(true)
    const id = readFileSync(key, 'utf8').split('+')[1] ?? ''
    renameSync(key, join(state, `log-${id}.vkey`))
    const { exit, out } = await audit('erase', '0000abcd-14', '--why', 'a request under the law')
    expect([exit, out]).toEqual([0, 'erased: 20261122T020000Z-0000abcd-14, 1 key\n'])
    const after = await entries()
    expect(content(after, 14)[0]).toEqual(['erased', {}])
    expect(content(after, 13)).toEqual(content(before, 13))
    const said = after.find(({ entry }) => entry['event'] === 'record_erased')
    expect(said?.entry['facts']).toMatchObject({
      call: '20261122T020000Z-0000abcd-14',
      by: expect.stringMatching(/^operator ./) as string,
      why: 'a request under the law',
    })
    const verified = await audit('verify', join(state, 'log', 'g'), '--content')
    expect([verified.exit, verified.out]).toEqual([0, expect.stringContaining('1 erased')])
    expect((await audit('prove', '0000abcd-14', '-o', join(state, 'p'))).exit).toBe(0)
  })

  test('wants to know why, and which', async () => {
    const keys = readFileSync(join(state, 'log', 'g', 'keys-0.bin'))
    expect((await audit('erase', '0000abcd-14')).exit).toBe(2)
    expect((await audit('erase', '0000abcd-99', '--why', 'x')).exit).toBe(1)
    expect(readFileSync(join(state, 'log', 'g', 'keys-0.bin')).equals(keys)).toBe(true)
    expect(existsSync(join(state, 'log', 'g', 'index.db'))).toBe(false)
  })
})

test('how a record stands to what is signed: among it, not signed yet, or not what it was', async () => {
  const [folder, keys] = [join(state, 'log', 'g'), [verifierKey(KEY.vkey, 'log.vkey')]]
  expect(await standingOf(folder, 28, keys)).toMatchObject({
    good: true,
    text: expect.stringContaining('among the 80') as string,
  })
  write(ENTRIES, [20])
  expect(await standingOf(folder, 28, keys)).toMatchObject({
    good: true,
    text: expect.stringContaining('not signed yet') as string,
  })
  write(calls(40).toReversed())
  writeFileSync(
    join(folder, 'checkpoint'),
    KEY.sign(`chaperone.dev/log/g\n80\n${'A'.repeat(43)}=\n`),
  )
  expect(await standingOf(folder, 28, keys)).toMatchObject({ good: false })
})

test('explain proves a decision of a copied folder with the key that is given, and says where there is none', async () => {
  const folder = join(state, 'evidence')
  renameSync(join(state, 'log', 'g'), folder)
  rmSync(join(state, 'log.vkey'))
  const asked = (...more: readonly string[]) =>
    audit('explain', '--decision', '0000abcd-14', '--log', folder, ...more)
  expect((await asked()).out).toContain('not proven: no public key lies beside the log')
  expect((await asked('--json')).out).toContain('not proven: no public key lies beside the log')
  expect((await asked('--key', KEY.vkey)).out).toContain('proven to be among the 80')
  expect((await asked('--key', logKey('eve').vkey)).exit).toBe(1)
})
