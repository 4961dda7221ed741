/** An independent reader finds what was done to a log, and where; the logs are made by the second writer of test/fakes. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Anchors, type LogReport, verifyLog } from '../../../src/audit/verify/log.ts'
import { readNotes, verifierKey } from '../../../src/audit/verify/note.ts'
import { logKey, sha256, story, type WrittenLog, writeLogV2 } from '../../fakes/log-v2.ts'

let state: string
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'chaperone-verify-'))
})
afterEach(() => rmSync(state, { recursive: true, force: true }))

const KEY = logKey('one')
const MANDATE = 'a mandate'

function written(over: Partial<WrittenLog> = {}): string {
  const entries = story(20).map((one) => {
    const mandate = { name: 'intake', s256: sha256(MANDATE), signed: false }
    return 'mandate' in one.entry ? { ...one, entry: { ...one.entry, mandate } } : one
  })
  const usual = { state, name: 'one', key: KEY, entries, every: 10, objects: [MANDATE] }
  return writeLogV2({ ...usual, ...over })
}

function verified(folder: string, anchors: readonly Anchors[] = []): Promise<LogReport> {
  const keys = [verifierKey(KEY.vkey, 'log.vkey')]
  return verifyLog({ folder, keys, anchors, content: true })
}

function anchored(text: string): readonly Anchors[] {
  return [{ file: 'anchors', found: readNotes(Buffer.from(text), false) }]
}

function edit(path: string, change: (lines: string[]) => readonly string[]): void {
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
  writeFileSync(
    path,
    change(lines)
      .map((line) => `${line}\n`)
      .join(''),
  )
}

function kinds({ findings }: LogReport): readonly unknown[] {
  return findings.map(({ kind, seq, to }) => [kind, seq, ...(to === undefined ? [] : [to])])
}

describe('a log that is what it was', () => {
  test('is fine, signed to its end, in one file or in several', async () => {
    const report = await verified(written())
    expect(report).toMatchObject({
      verdict: 'fine',
      records: 40,
      signed: 40,
      anchored: 0,
      files: 1,
    })
    rmSync(join(state, 'log'), { recursive: true })
    const rotated = await verified(written({ rotate: 7 }))
    expect(rotated).toMatchObject({ verdict: 'fine', records: 40, signed: 40, files: 6, count: 0 })
  })

  test('is anchored as far as somebody kept its checkpoints', async () => {
    const folder = written()
    const notes = readFileSync(join(folder, 'checkpoints-0'), 'utf8').split(
      /(?<=\n\n)(?=chaperone)/,
    )
    const report = await verified(folder, anchored(notes.slice(0, 2).join('\n')))
    expect(report).toMatchObject({ verdict: 'fine', signed: 40, anchored: 20 })
  })

  test('says what is not signed yet, and is unproven where nothing is', async () => {
    expect(await verified(written({ sizes: [25] }))).toMatchObject({ verdict: 'fine', signed: 25 })
    rmSync(join(state, 'log'), { recursive: true })
    const none = await verified(written({ sizes: [] }))
    expect(none).toMatchObject({ verdict: 'unproven', signed: 0, count: 0, records: 40 })
  })

  test('may have erased content, which is counted', async () => {
    const folder = written()
    const keys = readFileSync(join(folder, 'keys-0.bin'))
    writeFileSync(join(folder, 'keys-0.bin'), keys.fill(0, 4 * 32, 5 * 32))
    expect(await verified(folder)).toMatchObject({ verdict: 'fine', erased: 1 })
  })
})

describe('what was done is found with the record', () => {
  const AUDIT = 'audit-0.jsonl'
  const swap = (lines: string[], at: number): string[] =>
    lines.toSpliced(at, 2, lines[at + 1] ?? '', lines[at] ?? '')

  test.each<[string, (lines: string[]) => readonly string[], readonly unknown[]]>([
    ['an edit', (l) => l.with(13, l[13]?.replace('321', '322') ?? ''), [['altered', 13]]],
    [
      'another name before it',
      (l) => l.with(13, l[13]?.replace(/"prev":"./, '"prev":"x') ?? ''),
      [['not_an_entry', 13]],
    ],
    [
      'another hash before it',
      (l) =>
        l.with(
          13,
          l[13]?.replace(/"prev":"(.)/, (_, one: string) => `"prev":"${one === '0' ? '1' : '0'}`) ??
            '',
        ),
      [['altered', 13]],
    ],
    ['a deletion', (l) => l.toSpliced(13, 1), [['missing', 13]]],
    ['a deletion of several', (l) => l.toSpliced(13, 4), [['missing', 13, 16]]],
    ['a duplicate', (l) => l.toSpliced(13, 0, l[13] ?? ''), [['inserted', 13]]],
    ['a swap', (l) => swap(l, 13), [['out_of_order', 13]]],
    [
      'another order of its members',
      (l) => l.with(13, l[13]?.replace(/^\{("bytes":321),("call":"[^"]+"),/, '{$2,$1,') ?? ''),
      [['not_canonical', 13]],
    ],
    ['white space', (l) => l.with(13, l[13]?.replace('{', '{ ') ?? ''), [['not_canonical', 13]]],
    ['a line that is none', (l) => l.with(13, 'gone'), [['not_an_entry', 13]]],
    [
      'a line more that is none',
      (l) => l.toSpliced(13, 0, 'more'),
      [
        ['not_an_entry', 13],
        ['inserted', 13],
      ],
    ],
    ['a truncated head', (l) => l.slice(5), [['missing', 0, 4]]],
    ['a truncated tail', (l) => l.slice(0, 33), [['truncated', 33, 39]]],
    ['all lines', () => [], [['truncated', 0, 39]]],
    [
      'an edit of the last',
      (l) => l.with(39, l[39]?.replace('321', '322') ?? ''),
      [['altered', 30, 39]],
    ],
    [
      'an edit of the first',
      (l) => l.with(0, l[0]?.replace('intake', 'intruder') ?? ''),
      [['altered', 0]],
    ],
  ])('%s', async (_, change, expected) => {
    const folder = written()
    edit(join(folder, AUDIT), change)
    const report = await verified(folder)
    const own = report.findings.filter(({ kind }) => kind !== 'keys')
    expect(kinds({ ...report, findings: own })).toEqual(expected)
    expect(report.verdict).toBe('tampered')
    expect(own[0]?.file).toBe(
      expected[0]?.toString().startsWith('altered,30') ? 'checkpoints-0' : AUDIT,
    )
  })

  const edited = (l: string[], ...at: readonly number[]): readonly string[] =>
    at.reduce((all, one) => all.with(one, all[one]?.replace('321', '322') ?? ''), l)

  test.each<[string, (l: string[]) => readonly string[], number, number, readonly unknown[]]>([
    [
      'an edit, and one of the last',
      (l) => edited(l, 13, 39),
      30,
      10,
      [
        ['altered', 13],
        ['altered', 30, 39],
      ],
    ],
    [
      'edits of two in a row',
      (l) => edited(l.with(14, l[14]?.replace('intake', 'intruder') ?? ''), 13),
      40,
      0,
      [
        ['altered', 14],
        ['altered', 13],
      ],
    ],
    ['a deletion', (l) => l.toSpliced(13, 1), 40, 0, [['missing', 13]]],
    ['a deletion of several', (l) => l.toSpliced(13, 4), 10, 30, [['missing', 13, 16]]],
  ])('%s: what is signed later is looked at as far as can be', async (...given) => {
    const [, change, signed, unchecked, expected] = given
    const folder = written()
    edit(join(folder, AUDIT), change)
    const report = await verified(folder)
    const own = report.findings.filter(({ kind }) => kind !== 'keys' && kind !== 'object')
    expect(kinds({ ...report, findings: own })).toEqual(expected)
    expect(report).toMatchObject({ signed, unchecked, records: 40 })
  })

  test('a torn last line', async () => {
    const folder = written({ sizes: [20] })
    const text = readFileSync(join(folder, AUDIT))
    writeFileSync(join(folder, AUDIT), text.subarray(0, -3))
    expect(kinds(await verified(folder))).toEqual([['torn', 39]])
  })

  test('a suffix of the same length, chained anew by somebody without the key', async () => {
    const folder = written()
    const other = join(state, 'other')
    const entries = story(20).map((one, at) =>
      at < 25 ? one : { ...one, entry: { ...one.entry, ts: '2026-11-23T00:00:00.000Z' } },
    )
    // The same first 25 records need the same mandate.
    const own = entries.map((one) =>
      'mandate' in one.entry
        ? {
            ...one,
            entry: {
              ...one.entry,
              mandate: { name: 'intake', s256: sha256(MANDATE), signed: false },
            },
          }
        : one,
    )
    const forged = writeLogV2({ state: other, name: 'one', key: KEY, entries: own })
    writeFileSync(join(folder, AUDIT), readFileSync(join(forged, AUDIT)))
    const report = await verified(folder)
    expect(kinds(report).filter((one) => String(one).startsWith('altered'))).toEqual([
      ['altered', 20, 29],
    ])
  })

  test('the whole log in an older copy, where its checkpoints were kept', async () => {
    const older = written({ entries: story(10) })
    const anchors = anchored(readFileSync(join(older, 'checkpoint'), 'utf8'))
    rmSync(join(state, 'log'), { recursive: true })
    const copy = written({ entries: story(5), objects: [] })
    const report = await verified(copy, anchors)
    expect(kinds(report)).toContainEqual(['truncated', 10, 19])
    expect(report.anchored).toBe(0)
  })

  test('a history that was signed anew by whoever has the key, where the old one was kept', async () => {
    const anchors = anchored(readFileSync(join(written(), 'checkpoints-0'), 'utf8'))
    rmSync(join(state, 'log'), { recursive: true })
    const forged = written({ entries: [...story(20).slice(0, 30), ...story(30).slice(40, 50)] })
    const report = await verified(forged, anchors)
    expect(kinds(report).filter((one) => String(one).startsWith('forked'))).toEqual([
      ['forked', 0, 9],
    ])
  })

  test('two signed histories in one log', async () => {
    const folder = written()
    const other = writeLogV2({
      state: join(state, 'other'),
      name: 'one',
      key: KEY,
      entries: story(30).slice(20, 35),
    })
    const notes = readFileSync(join(folder, 'checkpoints-0'), 'utf8')
    const foreign = readFileSync(join(other, 'checkpoints-0'), 'utf8')
    expect(foreign).toContain('\n15\n')
    const parts = notes.split(/(?<=\n\n)(?=chaperone)/)
    writeFileSync(join(folder, 'checkpoints-0'), parts.toSpliced(1, 0, foreign).join(''))
    expect(kinds(await verified(folder))).toEqual([['forked', 14]])
  })

  test('another key, another log, a bad signature, half a note', async () => {
    const folder = written()
    const path = join(folder, 'checkpoints-0')
    const notes = readFileSync(path, 'utf8')
    const note = logKey('two').sign(`chaperone.dev/log/one\n40\n${'A'.repeat(43)}=\n`)
    writeFileSync(path, `${notes}${note}\n`)
    expect((await verified(folder)).findings).toMatchObject([
      {
        kind: 'checkpoint',
        file: 'checkpoints-0',
        line: 25,
        message: expect.stringContaining('not signed by') as string,
      },
    ])
    writeFileSync(path, notes.slice(0, -1))
    expect((await verified(folder)).findings).toMatchObject([{ kind: 'checkpoint', line: 19 }])
    writeFileSync(path, notes.replace('\n20\n', '\n21\n'))
    expect((await verified(folder)).findings).toMatchObject([
      { message: expect.stringContaining('not valid') as string },
    ])
    writeFileSync(path, notes.replace('/one\n20', '/two\n20'))
    expect((await verified(folder)).findings).toMatchObject([
      { message: expect.stringContaining('of another log') as string },
    ])
  })

  test('an object that is altered, and one that is gone', async () => {
    const folder = written()
    const path = join(folder, 'objects', sha256(MANDATE))
    writeFileSync(path, 'another mandate')
    expect((await verified(folder)).findings).toMatchObject([{ kind: 'object', seq: 0 }])
    rmSync(path)
    expect((await verified(folder)).findings).toMatchObject([
      { kind: 'object', seq: 0, message: expect.stringContaining('is not there') as string },
    ])
  })

  test('a file of the middle that is gone', async () => {
    const folder = written({ rotate: 10 })
    rmSync(join(folder, 'audit-10.jsonl'))
    expect(kinds(await verified(folder))).toContainEqual(['missing', 10, 19])
  })

  test('keys that are gone, of records that have sealed content', async () => {
    const folder = written({ rotate: 10 })
    rmSync(join(folder, 'keys-10.bin'))
    expect((await verified(folder)).findings).toMatchObject([
      {
        kind: 'keys',
        file: 'keys-10.bin',
        message: expect.stringContaining('it is not there') as string,
      },
    ])
  })

  test('keys of another number, and one that opens nothing', async () => {
    const folder = written({ rotate: 10 })
    const path = join(folder, 'keys-10.bin')
    const keys = readFileSync(path)
    writeFileSync(path, keys.subarray(0, -32))
    expect((await verified(folder)).findings).toMatchObject([{ kind: 'keys', file: 'keys-10.bin' }])
    writeFileSync(path, Buffer.from(keys).fill(7, 0, 1))
    expect(kinds(await verified(folder))).toEqual([['content', 10]])
  })
})
