import { spawn } from 'node:child_process'
import { hash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openLog, type FileLog } from '../../src/audit/log.ts'
import { sha256 } from '../../src/model/id.ts'
import { canonical, type JsonObject } from '../../src/model/json.ts'
import type { RecordHead } from '../../src/model/record.ts'
import { auditLogContract } from '../contracts/audit-log.ts'
import { HEAD, memoryLog } from '../fakes/audit-log.ts'
import { fakeClock } from '../fakes/clock.ts'
import { memoryDisk, type DiskOperation, type FakeDisk } from '../fakes/disk.ts'
import { event, intent, outcome } from '../fakes/entry-body.ts'

const DIR = '/state/log/one'
const FILE = `${DIR}/audit-0.jsonl`
const CLOCK = fakeClock('2026-11-22T03:00:00.000Z')
const unwritten = { name: 'GuardError', code: 'ERR_AUDIT_APPEND' }
const unreadable = { name: 'GuardError', code: 'ERR_AUDIT_READ' }

function open(disk: FakeDisk, head: RecordHead = HEAD): FileLog {
  return openLog({ dir: DIR, head, disk, clock: CLOCK })
}

function linesOf(text: string | undefined): readonly string[] {
  return (text ?? '').split('\n').slice(0, -1)
}

function entriesOf(text: string | undefined): readonly JsonObject[] {
  return linesOf(text).map((line) => JSON.parse(line) as JsonObject)
}

function writesOf(disk: FakeDisk): number {
  return disk.asked.get('write') ?? 0
}

/** Numbers without gaps, and every entry names the hash of the line before it. */
function expectChain(lines: readonly string[]): void {
  let prev = '0'.repeat(64)
  for (const [seq, line] of lines.entries()) {
    expect(JSON.parse(line)).toMatchObject({ seq, prev })
    expect(canonical(JSON.parse(line) as JsonObject)).toBe(line)
    prev = hash('sha256', `\0${line}`, 'hex')
  }
}

auditLogContract('the file log', () => {
  const disk = memoryDisk()
  return {
    log: open(disk),
    lines: () => linesOf(disk.content()[FILE]),
    failNext: () => disk.fail('write', 'ENOSPC'),
  }
})

auditLogContract('the fake record', () => {
  const log = memoryLog()
  return { log, lines: () => log.lines, failNext: () => log.failNext(1) }
})

describe('entries of one turn of the event loop share one write', () => {
  test('also when calls get there over promises of their own', async () => {
    const disk = memoryDisk()
    const log = open(disk)
    const before = writesOf(disk)
    const late = async (turns: number): Promise<unknown> => {
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve()
      return log.append(intent())
    }
    await Promise.all([...Array.from({ length: 64 }, () => log.append(intent())), late(1), late(9)])
    // One of lines, and one of their keys.
    expect(writesOf(disk) - before).toBe(2)
    expect(linesOf(disk.content()[FILE])).toHaveLength(66)
  })

  test('and where one call is under way, no turn is waited for', async () => {
    const log = open(memoryDisk())
    const order: string[] = []
    const next = new Promise<void>((resolve) => {
      setImmediate(() => {
        order.push('next turn')
        resolve()
      })
    })
    await log.append(intent({ id: 'a' })).then(() => order.push('intent'))
    await log.append(outcome('a')).then(() => order.push('outcome'))
    await next
    expect(order).toEqual(['intent', 'outcome', 'next turn'])
  })

  test('calls whose intent could not be written are not under way', async () => {
    const disk = memoryDisk()
    const log = open(disk)
    disk.fail('write', 'ENOSPC', 1)
    const lost = ['a', 'b', 'c'].map((id) => log.append(intent({ id })))
    expect(await Promise.allSettled(lost)).toMatchObject(lost.map(() => ({ status: 'rejected' })))
    const order: string[] = []
    const next = new Promise<void>((resolve) => {
      setImmediate(() => {
        order.push('next turn')
        resolve()
      })
    })
    await log.append(intent({ id: 'd' })).then(() => order.push('intent'))
    await next
    expect(order).toEqual(['intent', 'next turn'])
  })

  test('where several are, so do entries of other connections that were readable at the same time', async () => {
    const disk = memoryDisk()
    const log = open(disk)
    await log.append(intent({ id: 'a' }))
    const before = writesOf(disk)
    const written = [log.append(intent({ id: 'b' }))]
    // As the data of another connection is handled: after the microtasks and ticks of the first.
    const other = new Promise<void>((resolve) => {
      queueMicrotask(() =>
        process.nextTick(() =>
          queueMicrotask(() =>
            process.nextTick(() => {
              written.push(log.append(outcome('a')))
              resolve()
            }),
          ),
        ),
      )
    })
    await other
    await Promise.all(written)
    // One of lines, and one of their keys.
    expect(writesOf(disk) - before).toBe(2)
  })

  test('a burst larger than the page is written whole', async () => {
    const disk = memoryDisk()
    const log = open(disk)
    const facts = { 'args.body': 'ü'.repeat(20_000) }
    await Promise.all(Array.from({ length: 20 }, () => log.append(intent({ facts }))))
    await log.append(outcome())
    const lines = linesOf(disk.content()[FILE])
    expect(lines).toHaveLength(21)
    expectChain(lines)
  })
})

test('one log keeps apart what several agents do, in one chain', async () => {
  const disk = memoryDisk()
  const log = open(disk, { log: 'one' })
  const acting = (agent: string, digit: string) => ({
    agent,
    assurance: 'bearer_key' as const,
    mandate: { name: `of ${agent}`, digest: sha256(digit.repeat(64)), signed: false },
  })
  const [a, b] = [log.under(acting('a', '1')), log.under(acting('b', '2'))]
  const bodies = [log.append(event()), a.append(event()), b.append(event())]
  const receipts = await Promise.all(bodies)
  await a.close()
  await b.append(event())
  const entries = entriesOf(disk.content()[FILE])
  expect(entries.map(({ mandate, principal }) => [mandate, principal])).toEqual([
    [undefined, undefined],
    [
      { name: 'of a', s256: '1'.repeat(64), signed: false },
      { agent: 'a', assurance: 'bearer_key' },
    ],
    ...[1, 2].map(() => [
      { name: 'of b', s256: '2'.repeat(64), signed: false },
      { agent: 'b', assurance: 'bearer_key' },
    ]),
  ])
  expect(entries[3]?.['prev']).toBe(receipts[2]?.leaf)
  for (const line of linesOf(disk.content()[FILE]))
    expect(canonical(JSON.parse(line) as JsonObject)).toBe(line)
  // A call under nobody's mandate cannot be put on record, and so is not made.
  await expect(log.append(intent())).rejects.toMatchObject(unwritten)
})

describe('a write that fails', () => {
  test.each(['ENOSPC', 'EACCES', 'EIO', 'EFBIG'])(
    '%s: the whole batch rejects, nothing of it stays, and the log goes on when it can',
    async (code) => {
      const disk = memoryDisk()
      const log = open(disk)
      await log.append(intent({ id: 'first' }))
      disk.fail('write', code, 2)
      for (let attempt = 0; attempt < 2; attempt += 1) {
        const batch = await Promise.allSettled([log.append(intent()), log.append(outcome())])
        expect(batch).toMatchObject([
          { status: 'rejected', reason: unwritten },
          { status: 'rejected', reason: unwritten },
        ])
      }
      expect(linesOf(disk.content()[FILE])).toHaveLength(1)
      await log.append(intent({ id: 'again' }))
      expectChain(linesOf(disk.content()[FILE]))
      expect(entriesOf(disk.content()[FILE])).toMatchObject([{ call: 'first' }, { call: 'again' }])
    },
  )

  test('the error names the file and what the system said', async () => {
    const disk = memoryDisk()
    const log = open(disk)
    disk.fail('write', 'ENOSPC')
    await expect(log.append(intent())).rejects.toThrow(
      `the record \`${FILE}\` cannot be written: ENOSPC`,
    )
  })

  test('a write cut short at any byte is taken back', async () => {
    const disk = memoryDisk()
    const log = open(disk)
    await log.append(intent())
    const whole = disk.content()[FILE]
    const length = Buffer.byteLength(whole ?? '')
    for (let taken = 0; taken < length; taken += 7) {
      disk.takeOnly(taken, FILE)
      await expect(log.append(intent())).rejects.toThrow('short write')
      expect(disk.content()[FILE]).toBe(whole)
    }
    await log.append(outcome())
    expectChain(linesOf(disk.content()[FILE]))
  })

  test('while what it left cannot be cut off, every append rejects; then the log goes on', async () => {
    const disk = memoryDisk()
    const log = open(disk)
    await log.append(intent())
    disk.takeOnly(10, FILE)
    // Of the lines, then of the keys; then both are tried again before anything is written.
    disk.fail('truncate', 'EIO', 6)
    for (let attempt = 0; attempt < 3; attempt += 1)
      await expect(log.append(outcome())).rejects.toMatchObject(unwritten)
    expect(disk.content()[FILE]).toMatch(/\n.{10}$/)
    await log.append(outcome())
    expectChain(linesOf(disk.content()[FILE]))
    expect(linesOf(disk.content()[FILE])).toHaveLength(2)
  })

  test('a descriptor that is gone is opened anew', async () => {
    const disk = memoryDisk()
    const log = open(disk)
    await log.append(intent())
    disk.loseDescriptors()
    await expect(log.append(outcome())).rejects.toThrow('EBADF')
    await log.append(outcome())
    expectChain(linesOf(disk.content()[FILE]))
    await log.close()
  })

  test('a descriptor that stands for another file is neither written to nor cut', async () => {
    const disk = memoryDisk()
    const log = open(disk)
    await log.append(intent())
    disk.loseDescriptors()
    disk.put('/other', 'a much longer content that must stay as it is'.repeat(100))
    const other = disk.content()['/other']
    // The number of the log's descriptor, given to another file as a system would.
    for (let number = 0; number < 20; number += 1) disk.stealDescriptor(number, '/other')
    await expect(log.append(outcome())).rejects.toThrow('another file')
    await log.append(outcome())
    expect(disk.content()['/other']).toBe(other)
    expectChain(linesOf(disk.content()[FILE]))
  })
})

describe('a record that somebody else touched is not gone on with', () => {
  test.each([
    ['removed', (disk: FakeDisk) => disk.remove(FILE)],
    ['shortened', (disk: FakeDisk) => disk.cut(FILE, 10)],
    ['written into', (disk: FakeDisk) => disk.grow(FILE, 'x')],
  ])('%s', async (_, touch) => {
    const disk = memoryDisk()
    const log = open(disk)
    await log.append(intent())
    touch(disk)
    const before = disk.content()[FILE]
    await expect(log.append(outcome())).rejects.toMatchObject(unwritten)
    await expect(log.append(outcome())).rejects.toMatchObject(unwritten)
    expect(disk.content()[FILE]).toBe(before)
  })

  test('nor is another file that took its name once the descriptor is gone', async () => {
    const disk = memoryDisk()
    const log = open(disk)
    await log.append(intent())
    const copy = disk.content()[FILE] ?? ''
    disk.remove(FILE)
    disk.put(FILE, copy)
    disk.loseDescriptors()
    for (let attempt = 0; attempt < 3; attempt += 1)
      await expect(log.append(outcome())).rejects.toMatchObject(unwritten)
    expect(disk.content()[FILE]).toBe(copy)
  })

  test('two guards on one folder: one of them is told', async () => {
    const disk = memoryDisk()
    const [one, other] = [open(disk), open(disk)]
    await one.append(intent())
    await expect(other.append(intent())).rejects.toMatchObject(unwritten)
    await one.append(outcome())
    expectChain(linesOf(disk.content()[FILE]))
  })
})

describe('opening', () => {
  const operations: readonly DiskOperation[] = [
    'makeFolder',
    'list',
    'open',
    'write',
    'rename',
    'state',
    'read',
  ]
  test.each(operations)('is refused when the disk fails to %s', (operation) => {
    const disk = memoryDisk()
    disk.fail(operation, 'EACCES')
    expect(() => open(disk)).toThrow(expect.objectContaining(unwritten))
  })

  test('goes on where the log ended, with the same key', async () => {
    const disk = memoryDisk()
    const first = open(disk)
    await first.append(intent({ args: { a: 1 } }))
    await first.close()
    const second = open(disk)
    const receipt = await second.append(intent({ args: { a: 1 } }))
    expect(receipt.seq).toBe(1)
    const lines = linesOf(disk.content()[FILE])
    expectChain(lines)
  })

  test('two logs have keys of their own for what is hashed', async () => {
    const fields = new Map([['vendors/*', new Map([['a', 'hash' as const]])]])
    const hashes = await Promise.all(
      [memoryDisk(), memoryDisk()].map(async (disk) => {
        const log = openLog({ dir: DIR, head: HEAD, disk, fields })
        await log.append(intent({ facts: { a: 1 } }))
        await log.append(intent({ facts: { a: 1 } }))
        return entriesOf(disk.content()[FILE]).map(({ hashed }) => JSON.stringify(hashed))
      }),
    )
    expect(hashes[0]?.[0]).toMatch(/^\{"a":"[0-9a-f]{64}"\}$/)
    expect(hashes[0]?.[0]).toBe(hashes[0]?.[1])
    expect(hashes[0]?.[0]).not.toBe(hashes[1]?.[0])
  })

  test.each([
    ['nothing but text', 'hello\n', 'not JSON'],
    ['a list', '[1]\n', 'not canonical'],
    ['an entry that was reformatted', '{"v":1, "log":"memory","seq":0}\n', 'not canonical'],
    ['an older format', '{"log":"memory","seq":0,"v":1}\n', 'another format'],
    ['the log of another guard', '{"log":"other","seq":0,"v":2}\n', 'not the log `memory`'],
    ['no number', '{"log":"memory","v":2}\n', 'no sequence number'],
    ['a fraction for a number', '{"log":"memory","seq":0.5,"v":2}\n', 'no sequence number'],
    ['bytes that are no UTF-8', Buffer.from('22ff220a', 'hex'), 'not UTF-8'],
    ['a line too long to be an entry', `{"a":"${'x'.repeat(70_000)}"}\n`, 'longer than an entry'],
    ['one endless line', 'x'.repeat(200_000), 'longer than an entry'],
  ])('refuses %s, and leaves it as it is', (_, content, why) => {
    const disk = memoryDisk()
    disk.put(FILE, content)
    const before = disk.content()[FILE]
    expect(() => open(disk)).toThrow(expect.objectContaining(unreadable))
    expect(() => open(disk)).toThrow(why)
    expect(disk.content()[FILE]).toBe(before)
  })

  test('refuses a later file without an entry: what came before it is not known', () => {
    const disk = memoryDisk()
    disk.put(`${DIR}/audit-7.jsonl`, '')
    expect(() => open(disk)).toThrow('does not follow')
  })

  test('refuses a key of another length, and what is no regular file', () => {
    const short = memoryDisk()
    short.put(`${DIR}/args.key`, 'short')
    expect(() => open(short)).toThrow('32 bytes')
    const device = memoryDisk()
    device.put(FILE, '')
    device.irregular(FILE)
    expect(() => open(device)).toThrow('regular file')
  })
})

describe('a log whose guard died', () => {
  let whole = ''
  beforeEach(async () => {
    const disk = memoryDisk()
    const log = open(disk)
    await log.append(intent({ id: 'a' }))
    await log.append(outcome('a'))
    await log.append(event({ text: 'ü' }))
    whole = disk.content()[FILE] ?? ''
  })

  test('at any byte of its last entry: the rest is set aside, on record, and the log goes on', async () => {
    const bytes = Buffer.from(whole)
    const start = bytes.lastIndexOf(0x0a, bytes.length - 2) + 1
    for (let end = start + 1; end < bytes.length; end += 1) {
      const disk = memoryDisk()
      disk.put(FILE, bytes.subarray(0, end))
      const log = open(disk)
      await log.append(intent({ id: 'b' }))
      const {
        [FILE]: content,
        [`${DIR}/args.key`]: _,
        [`${DIR}/keys-0.bin`]: __,
        ...aside
      } = disk.content()
      expectChain(linesOf(content))
      const torn = bytes.subarray(start, end)
      expect(entriesOf(content)).toMatchObject([
        { call: 'a' },
        { call: 'a' },
        {
          type: 'event',
          event: 'log_recovered',
          ts: '2026-11-22T03:00:00.000Z',
          facts: { bytes: torn.length, s256: hash('sha256', torn, 'hex'), keys_lost: 2 },
        },
        { call: 'b' },
      ])
      expect(Object.entries(aside)).toEqual([
        [expect.stringMatching(/audit-0\.jsonl\.2\.[0-9a-f]{16}\.torn$/), torn.toString('utf8')],
      ])
    }
  })

  test('at the end of an entry there is nothing to recover', () => {
    const disk = memoryDisk()
    disk.put(FILE, whole)
    disk.put(`${DIR}/keys-0.bin`, new Uint8Array(3 * 32))
    open(disk)
    expect(disk.content()[FILE]).toBe(whole)
  })

  test('in its very first entry', async () => {
    const disk = memoryDisk()
    disk.put(FILE, whole.slice(0, 100))
    await open(disk).append(intent())
    expectChain(linesOf(disk.content()[FILE]))
    expect(entriesOf(disk.content()[FILE])[0]).toHaveProperty('event', 'log_recovered')
  })

  test.each(['write', 'rename', 'truncate'] as const)(
    'and which cannot be recovered because the disk fails to %s is not opened',
    (operation) => {
      const disk = memoryDisk()
      open(disk)
      disk.put(FILE, whole.slice(0, -5))
      disk.fail(operation, 'EIO')
      expect(() => open(disk)).toThrow(expect.objectContaining(unwritten))
      expect(Object.values(disk.content()).join('')).toContain(whole.slice(-50, -5))
    },
  )
})

describe('objects that entries name', () => {
  const bytes = Buffer.from('mandate: m\n')
  const name = hash('sha256', bytes, 'hex')
  const path = `${DIR}/objects/${name}`

  test('are kept once, under the hash of their bytes', () => {
    const disk = memoryDisk()
    const log = open(disk)
    expect(log.putObject(bytes)).toBe(name)
    const { asked } = disk
    const written = asked.get('write')
    expect(log.putObject(bytes)).toBe(name)
    expect(asked.get('write')).toBe(written)
    expect(disk.content()[path]).toBe('mandate: m\n')
  })

  test('are put right where something else stands under their name', () => {
    const disk = memoryDisk()
    const log = open(disk)
    disk.put(path, 'mandate: x\n')
    log.putObject(bytes)
    expect(disk.content()[path]).toBe('mandate: m\n')
  })

  test.each(['makeFolder', 'exists', 'open', 'write', 'rename'] as const)(
    'or it is said that they are not, when the disk fails to %s',
    (operation) => {
      const disk = memoryDisk()
      const log = open(disk)
      disk.fail(operation, 'ENOSPC')
      expect(() => log.putObject(bytes)).toThrow(expect.objectContaining(unwritten))
      expect(disk.content()).not.toHaveProperty([path])
    },
  )

  test('half of one does not appear under its name', () => {
    const disk = memoryDisk()
    const log = open(disk)
    disk.takeOnly(3)
    expect(() => log.putObject(bytes)).toThrow('short write')
    expect(disk.content()).not.toHaveProperty([path])
  })
})

describe('on a real disk', () => {
  let state = ''
  let dir = ''
  beforeEach(() => {
    state = mkdtempSync(join(tmpdir(), 'chaperone-log-'))
    dir = join(state, 'log', 'one')
  })
  afterEach(() => rmSync(state, { recursive: true }))

  test('folders and files are for their owner alone, whatever the umask', async () => {
    const umask = process.umask(0)
    try {
      const log = openLog({ dir, head: HEAD })
      log.putObject(Buffer.from('x'))
      await log.append(intent())
      await log.close()
    } finally {
      process.umask(umask)
    }
    const modes = [join(state, 'log'), dir, join(dir, 'objects')].map((path) => statSync(path).mode)
    expect(modes.map((mode) => mode & 0o777)).toEqual([0o700, 0o700, 0o700])
    const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    )
    expect(files).toHaveLength(4)
    for (const file of files)
      expect(statSync(join(file.parentPath, file.name)).mode & 0o777).toBe(0o600)
    expect(readFileSync(join(dir, 'args.key'))).toHaveLength(32)
  })

  test('what was written is there for another reader at once, and after a crash', async () => {
    const log = openLog({ dir, head: HEAD })
    const file = join(dir, 'audit-0.jsonl')
    await log.append(intent({ id: 'a' }))
    expect(entriesOf(readFileSync(file, 'utf8'))).toMatchObject([{ call: 'a' }])
    await log.append(outcome('a'))
    truncateSync(file, statSync(file).size - 3)
    await expect(log.append(intent())).rejects.toMatchObject(unwritten)
    const again = openLog({ dir, head: HEAD })
    await again.append(intent({ id: 'b' }))
    expectChain(linesOf(readFileSync(file, 'utf8')))
    expect(readdirSync(dir).filter((name) => name.endsWith('.torn'))).toHaveLength(1)
  })

  test('a guard that is killed had everything on record that it was told was', async () => {
    const file = join(dir, 'audit-0.jsonl')
    const writer = fileURLToPath(new URL('../fakes/log-writer.ts', import.meta.url))
    for (const after of [1, 10, 200, 1000]) {
      const child = spawn(process.execPath, [writer, dir], { stdio: ['ignore', 'pipe', 'inherit'] })
      const said: string[] = []
      for await (const line of createInterface({ input: child.stdout })) {
        said.push(line)
        if (said.length === after) child.kill('SIGKILL')
      }
      expect(said.length).toBeGreaterThanOrEqual(after)
      const leaves = linesOf(readFileSync(file, 'utf8')).map((line) =>
        hash('sha256', `\0${line}`, 'hex'),
      )
      // The last line said may be cut off by the kill; every whole one is a promise.
      for (const promise of said.slice(0, -1)) {
        const [seq, leaf] = promise.split(' ')
        expect(leaves[Number(seq)]).toBe(leaf)
      }
    }
    await openLog({ dir, head: HEAD }).append(intent())
    expectChain(linesOf(readFileSync(file, 'utf8')))
  })

  test('a look at the file holds for the time it is given, and no longer', async () => {
    const clock = fakeClock('2026-11-22T03:00:00.000Z')
    const log = openLog({ dir, head: HEAD, clock, lookHoldsMs: 20 })
    await log.append(intent())
    rmSync(join(dir, 'audit-0.jsonl'))
    clock.advance(19)
    await log.append(intent())
    clock.advance(1)
    await expect(log.append(intent())).rejects.toThrow('removed')
    await expect(log.append(intent())).rejects.toThrow('removed')
  })

  test('a log that was removed takes no more entries', async () => {
    const log = openLog({ dir, head: HEAD })
    await log.append(intent())
    rmSync(join(dir, 'audit-0.jsonl'))
    await expect(log.append(intent())).rejects.toThrow('removed')
  })

  test('a link in its place is refused', () => {
    const elsewhere = join(state, 'elsewhere')
    writeFileSync(elsewhere, '')
    openLog({ dir, head: HEAD })
    rmSync(join(dir, 'audit-0.jsonl'))
    symlinkSync(elsewhere, join(dir, 'audit-0.jsonl'))
    expect(() => openLog({ dir, head: HEAD })).toThrow(expect.objectContaining(unwritten))
    expect(readFileSync(elsewhere, 'utf8')).toBe('')
  })

  test.skipIf(process.getuid?.() === 0)(
    'a folder that is read-only is refused (root may write it all the same)',
    () => {
      chmodSync(state, 0o500)
      expect(() => openLog({ dir, head: HEAD })).toThrow(expect.objectContaining(unwritten))
      chmodSync(state, 0o700)
    },
  )

  test('a file where the folder should be is refused', () => {
    writeFileSync(join(state, 'log'), '')
    expect(() => openLog({ dir, head: HEAD })).toThrow(expect.objectContaining(unwritten))
    expect(existsSync(dir)).toBe(false)
  })
})
