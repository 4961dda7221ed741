import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { watchFolders } from '../../src/audit/changes.ts'
import { leafHash } from '../../src/audit/digest.ts'
import { readRecord, type EntryItem, type Follow, type Item } from '../../src/audit/read.ts'
import { event, intent, outcome } from '../fakes/entry-body.ts'
import { fakeRecord, toldChanges, type FakeRecord } from '../fakes/record.ts'

let record: FakeRecord
beforeEach(() => {
  record = fakeRecord()
})
afterEach(() => record.remove())

async function readAll(place: string, follow?: Follow): Promise<readonly Item[]> {
  const items: Item[] = []
  for await (const batch of readRecord(place, follow)) items.push(...batch.items)
  return items
}

function callsOf(items: readonly Item[]): readonly unknown[] {
  return items.map((item) => (item.kind === 'entry' ? item.entry['call'] : item.problem))
}

const at = (second: number): string => `2026-11-22T02:00:${String(second).padStart(2, '0')}.000Z`

describe('a record is read', () => {
  test('from its state folder, its log folder, or the folder of one log', async () => {
    await record.write('one', [intent({ id: 'a' }), outcome('a')])
    for (const place of [record.state, join(record.state, 'log'), join(record.state, 'log', 'one')])
      expect(callsOf(await readAll(place))).toEqual(['a', 'a'])
  })

  test('with every line exactly as it stands there', async () => {
    await record.write('one', [intent({ facts: { ü: '\u2028' } }), outcome()])
    const items = (await readAll(record.state)) as readonly EntryItem[]
    expect(items.map((item) => `${item.line}\n`).join('')).toBe(
      readFileSync(record.file('one'), 'utf8'),
    )
    expect(items.map((item) => item.log)).toEqual(['one', 'one'])
  })

  test('merged by time over several logs, each in its own order', async () => {
    await record.write(
      'late',
      [5, 7].map((s) => intent({ id: `late${s}`, at: at(s) })),
    )
    await record.write(
      'a',
      [1, 4, 6].map((s) => intent({ id: `a${s}`, at: at(s) })),
    )
    await record.write(
      'b',
      [2, 4, 9].map((s) => intent({ id: `b${s}`, at: at(s) })),
    )
    expect(callsOf(await readAll(record.state))).toEqual([
      'a1',
      'b2',
      'a4',
      'b4',
      'late5',
      'a6',
      'late7',
      'b9',
    ])
  })

  test('in the order of its numbers where its clock went back', async () => {
    await record.write(
      'one',
      [9, 1, 2].map((s) => intent({ id: `one${s}`, at: at(s) })),
    )
    await record.write(
      'two',
      [5, 10].map((s) => intent({ id: `two${s}`, at: at(s) })),
    )
    expect(callsOf(await readAll(record.state))).toEqual(['two5', 'one9', 'one1', 'one2', 'two10'])
  })

  test('ten thousand entries, in batches', async () => {
    const bodies = Array.from({ length: 5000 }, (_, index) => [
      intent({ id: `c${index}` }),
      outcome(`c${index}`),
    ]).flat()
    await record.write('one', bodies)
    let entries = 0
    let largest = 0
    for await (const { items } of readRecord(record.state)) {
      entries += items.length
      largest = Math.max(largest, items.length)
    }
    expect(entries).toBe(10_000)
    expect(largest).toBeLessThanOrEqual(512)
  })

  test('over several files of one log', async () => {
    await record.write('one', [intent({ id: 'a' })])
    const line = readFileSync(record.file('one'), 'utf8')
    const next = join(record.state, 'log', 'one', 'audit-1.jsonl')
    const prev = `"prev":"${leafHash(line.trimEnd())}"`
    const other = line.replace('"seq":0', '"seq":1').replace('"a"', '"b"')
    writeFileSync(next, other.replace(/"prev":"0+"/, prev))
    expect(callsOf(await readAll(record.state))).toEqual(['a', 'b'])
  })

  test('whatever types and members a newer guard wrote', async () => {
    await record.write('one', [intent({ id: 'a' })])
    record.scribble('one', `{"new":1,"seq":1,"ts":"${at(1)}","type":"novelty","v":7}\n`)
    const items = (await readAll(record.state)) as readonly EntryItem[]
    expect(items[1]?.entry).toEqual({ new: 1, seq: 1, ts: at(1), type: 'novelty', v: 7 })
  })
})

describe('damage is told with its place, and what can be read is read', () => {
  test('a torn last line, cut at any byte', async () => {
    await record.write('one', [intent({ id: 'a' }), outcome('a')])
    const bytes = readFileSync(record.file('one'))
    const start = bytes.indexOf(0x0a) + 1
    for (let end = bytes.length - 1; end > start; end -= 5) {
      truncateSync(record.file('one'), end)
      expect(await readAll(record.state)).toMatchObject([
        { kind: 'entry' },
        { kind: 'damage', problem: 'torn', line: 2, file: record.file('one'), log: 'one' },
      ])
    }
  })

  test.each([
    ['no JSON', 'hello'],
    ['an empty line', ''],
    ['a list', '[]'],
    ['no number', `{"ts":"${at(1)}","type":"event","v":1}`],
    ['a number that is none', `{"seq":-1,"ts":"${at(1)}","type":"event","v":1}`],
    ['another time', '{"seq":1,"ts":"yesterday","type":"event","v":1}'],
    ['no type', `{"seq":1,"ts":"${at(1)}","v":1}`],
    ['no format', `{"seq":1,"ts":"${at(1)}","type":"event"}`],
    ['too long', `"${'x'.repeat(70_000)}"`],
    ['far too long', 'x'.repeat(1_000_000)],
  ])('%s', async (_, line) => {
    await record.write('one', [intent({ id: 'a' })])
    record.scribble('one', `${line}\n`)
    record.scribble('one', `{"call":"b","seq":1,"ts":"${at(2)}","type":"outcome","v":1}\n`)
    const items = await readAll(record.state)
    expect(callsOf(items)).toEqual(['a', 'not_an_entry', 'b'])
    expect(items[1]).toMatchObject({ line: 2, file: record.file('one') })
  })

  test('numbers that skip or repeat', async () => {
    await record.write('one', [
      intent({ id: 'a' }),
      outcome('a'),
      intent({ id: 'b' }),
      outcome('b'),
    ])
    const lines = readFileSync(record.file('one'), 'utf8').split('\n')
    writeFileSync(record.file('one'), [lines[0], lines[2], lines[2], ''].join('\n'))
    const items = await readAll(record.state)
    expect(callsOf(items)).toEqual(['a', 'out_of_sequence', 'b', 'out_of_sequence', 'b'])
    expect(items[1]).toMatchObject({ message: 'entry 2 stands where 1 should', line: 2 })
  })

  test('a head that was cut off', async () => {
    await record.write('one', [intent({ id: 'a' }), outcome('a')])
    const lines = readFileSync(record.file('one'), 'utf8').split('\n')
    writeFileSync(record.file('one'), lines.slice(1).join('\n'))
    expect(callsOf(await readAll(record.state))).toEqual(['out_of_sequence', 'a'])
  })

  test('an entry that was changed, by the one that names its hash; and a first one that names another', async () => {
    await record.write('one', [intent({ id: 'a' }), outcome('a'), intent({ id: 'b' })])
    const text = readFileSync(record.file('one'), 'utf8')
    writeFileSync(record.file('one'), text.replace('"a"', '"z"'))
    const items = await readAll(record.state)
    expect(callsOf(items)).toEqual(['z', 'altered', 'a', 'b'])
    expect(items[1]).toMatchObject({
      line: 2,
      message: 'the entry does not follow the one before: the record was altered',
    })
    writeFileSync(record.file('one'), text.replace('"prev":"0', '"prev":"1'))
    expect(callsOf(await readAll(record.state))).toEqual(['altered', 'a', 'altered', 'a', 'b'])
  })

  test('the end of a file that another follows', async () => {
    await record.write('one', [intent({ id: 'a' })])
    const prev = leafHash(readFileSync(record.file('one'), 'utf8').trimEnd())
    record.scribble('one', 'half')
    writeFileSync(
      join(record.state, 'log', 'one', 'audit-1.jsonl'),
      `{"call":"b","prev":"${prev}","seq":1,"ts":"${at(2)}","type":"outcome","v":1}\n`,
    )
    expect(callsOf(await readAll(record.state))).toEqual(['a', 'torn', 'b'])
  })
})

describe('no record', () => {
  test.each([
    ['no folder', () => join(record.state, 'nope')],
    ['an empty one', () => record.state],
    [
      'one without logs',
      () => {
        mkdirSync(join(record.state, 'log', 'x'), { recursive: true })
        writeFileSync(join(record.state, 'log', 'file'), '')
        return record.state
      },
    ],
  ])('%s', async (_, place) => {
    await expect(readAll(place())).rejects.toMatchObject({
      code: 'ERR_AUDIT_READ',
      message: expect.stringContaining('no record in') as string,
    })
  })

  test('a file where a folder should be', async () => {
    const file = join(record.state, 'log')
    writeFileSync(file, '')
    await expect(readAll(file)).rejects.toMatchObject({ code: 'ERR_AUDIT_READ' })
  })

  test.skipIf(process.getuid?.() === 0)(
    'what may not be read (root may read it all the same)',
    async () => {
      await record.write('one', [intent()])
      chmodSync(record.file('one'), 0)
      await expect(readAll(record.state)).rejects.toMatchObject({ code: 'ERR_AUDIT_READ' })
    },
  )
})

describe('following', () => {
  test('goes on with what is appended, with logs that begin later, and ends with the signal', async () => {
    await record.write('one', [intent({ id: 'a' })])
    const told = toldChanges()
    const stop = new AbortController()
    const seen: unknown[] = []
    const done = (async () => {
      for await (const { items, upToDate } of readRecord(record.state, {
        signal: stop.signal,
        changes: told.changes,
      })) {
        seen.push(...callsOf(items))
        if (upToDate) seen.push('present')
      }
    })()
    await told.waits()
    expect(seen).toEqual(['a', 'present'])
    await record.write('one', [outcome('a')])
    told.tell()
    await told.waits()
    mkdirSync(join(record.state, 'log', 'two'))
    told.tell()
    await told.waits()
    expect(told.watched).toContain(join(record.state, 'log', 'two'))
    await record.write('two', [intent({ id: 'b' })])
    told.tell()
    await told.waits()
    expect(seen).toEqual(['a', 'present', 'a', 'b'])
    await record.write('two', [outcome('b')])
    stop.abort()
    await done
    expect(seen).toEqual(['a', 'present', 'a', 'b', 'b'])
    expect(told.watched).toEqual([])
  })

  test('waits for the end of a line, also of one that was cut off and written anew', async () => {
    await record.write('one', [intent({ id: 'a' }), outcome('a'), event()])
    const lines = readFileSync(record.file('one'), 'utf8').split('\n')
    writeFileSync(record.file('one'), `${lines[0]}\n${(lines[2] ?? '').slice(0, 200)}`)
    const told = toldChanges()
    const stop = new AbortController()
    const seen: unknown[] = []
    const done = (async () => {
      for await (const { items } of readRecord(record.state, {
        signal: stop.signal,
        changes: told.changes,
      }))
        seen.push(...callsOf(items))
    })()
    await told.waits()
    expect(seen).toEqual(['a'])
    truncateSync(record.file('one'), (lines[0] ?? '').length + 1)
    appendFileSync(record.file('one'), `${lines[1]}\nhalf`)
    told.tell()
    await told.waits()
    expect(seen).toEqual(['a', 'a'])
    stop.abort()
    await done
    expect(seen).toEqual(['a', 'a', 'torn'])
  })

  test('is told by the system', async () => {
    await record.write('one', [intent({ id: 'a' })])
    const stop = new AbortController()
    const seen: unknown[] = []
    for await (const { items, upToDate } of readRecord(record.state, { signal: stop.signal })) {
      seen.push(...callsOf(items))
      if (upToDate) void record.write('one', [outcome('a')])
      if (seen.length === 2) void record.write('two', [intent({ id: 'b' })])
      if (seen.length === 3) stop.abort()
    }
    expect(seen).toEqual(['a', 'a', 'b'])
  })

  test('a folder that cannot be watched is looked at now and then', async () => {
    vi.useFakeTimers()
    try {
      const changes = watchFolders(undefined)
      changes.add(join(record.state, 'nope'))
      const told = vi.fn<() => void>()
      void changes.next().then(told)
      await vi.advanceTimersByTimeAsync(499)
      expect(told).not.toHaveBeenCalled()
      await vi.advanceTimersByTimeAsync(1)
      expect(told).toHaveBeenCalledOnce()
      changes.close()
      expect(vi.getTimerCount()).toBe(0)
    } finally {
      vi.useRealTimers()
    }
  })

  test('a signal that came before ends the waiting at once', async () => {
    await record.write('one', [intent({ id: 'a' }), outcome('a')])
    expect(callsOf(await readAll(record.state, { signal: AbortSignal.abort() }))).toEqual([
      'a',
      'a',
    ])
  })
})
