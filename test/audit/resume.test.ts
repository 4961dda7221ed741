/** A log goes on after whatever ended it: with the same tree, from its last checkpoint, or not at all. */
import { generateKeyPairSync, hash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { keyFrom } from '../../src/audit/log-key.ts'
import { openLog, type LogOptions } from '../../src/audit/log.ts'
import { opened } from '../../src/audit/note.ts'
import { Frontier } from '../../src/audit/tree.ts'
import { hashed } from '../../src/model/id.ts'
import { HEAD } from '../fakes/audit-log.ts'
import { fakeClock } from '../fakes/clock.ts'
import { memoryDisk, type FakeDisk } from '../fakes/disk.ts'
import { event, intent, outcome } from '../fakes/entry-body.ts'

const DIR = '/state/log/one'
const unreadable = { name: 'GuardError', code: 'ERR_AUDIT_READ' }

function newKey() {
  const { privateKey } = generateKeyPairSync('ed25519')
  return keyFrom(String(privateKey.export({ type: 'pkcs8', format: 'pem' })))
}
const KEY = newKey()

function open(disk: FakeDisk, options: Partial<LogOptions> = {}) {
  return openLog({
    dir: DIR,
    head: HEAD,
    disk,
    key: KEY,
    clock: fakeClock('2026-11-22T03:00:00.000Z'),
    ...options,
  })
}

const at = (name: string) => `${DIR}/${name}`

/** All lines of the log, file after file, each file beginning with the number it is named after. */
function lines(disk: FakeDisk): readonly string[] {
  const content = disk.content()
  const firsts = Object.keys(content)
    .flatMap((path) => /\/audit-(\d+)\.jsonl$/.exec(path)?.[1] ?? [])
    .map(Number)
    .toSorted((a, b) => a - b)
  const all: string[] = []
  for (const first of firsts) {
    expect(first).toBe(all.length)
    all.push(...(content[at(`audit-${first}.jsonl`)] ?? '').split('\n').slice(0, -1))
    // A fake that shows bytes as text cannot say how long they are.
    expect(disk.sizeOf(at(`keys-${first}.bin`))).toBe(32 * (all.length - first))
  }
  let prev = '0'.repeat(64)
  for (const [seq, line] of all.entries()) {
    expect(JSON.parse(line)).toMatchObject({ seq, prev })
    prev = hash('sha256', `\0${line}`, 'hex')
  }
  return all
}

function rootOf(all: readonly string[]): Buffer {
  const tree = new Frontier()
  for (const line of all) tree.add(hashed(hash('sha256', `\0${line}`, 'hex')))
  return tree.root()
}

/** Every checkpoint on the disk is of what stands there. */
function expectCheckpoints(disk: FakeDisk, least: number): void {
  const all = lines(disk)
  let count = 0
  for (const [path, text] of Object.entries(disk.content())) {
    const first = /\/checkpoints-(\d+)$/.exec(path)?.[1]
    if (first === undefined) continue
    for (const note of text.split(/(?<=\n\u2014 [^\n]*\n)\n/).filter((one) => one !== '')) {
      const said = opened(note, KEY)
      expect(said?.origin).toBe('chaperone.dev/log/memory')
      expect(said?.size).toBeGreaterThanOrEqual(Number(first))
      expect(said?.root).toEqual(rootOf(all.slice(0, said?.size)))
      count += 1
    }
  }
  expect(count).toBeGreaterThanOrEqual(least)
}

async function some(
  disk: FakeDisk,
  count: number,
  options: Partial<LogOptions> = {},
): Promise<void> {
  const log = open(disk, options)
  for (let index = 0; index < count; index += 1) await log.append(intent({ facts: { index } }))
  await log.close()
}

describe('checkpoints', () => {
  test('one when it ends, of all of it, and the latest of them under its own name', async () => {
    const disk = memoryDisk()
    for (const count of [3, 4, 1]) await some(disk, count)
    expectCheckpoints(disk, 4)
    expect(opened(disk.content()[at('checkpoint')] ?? '', KEY)).toMatchObject({ size: 8 })
  })

  test('one a second while it writes, and none while it does not', async () => {
    const disk = memoryDisk()
    const clock = fakeClock('2026-11-22T03:00:00.000Z')
    const log = open(disk, { timers: clock, clock })
    const notes = () => (disk.content()[at('checkpoints-0')] ?? '').split('\u2014').length - 1
    const signed = async () => {
      for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    }
    await log.append(intent())
    clock.advance(999)
    await signed()
    expect(notes()).toBe(1)
    clock.advance(1)
    await expect.poll(notes).toBe(2)
    clock.advance(60_000)
    await signed()
    expect(notes()).toBe(2)
    await log.append(outcome())
    clock.advance(1000)
    await expect.poll(notes).toBe(3)
    expectCheckpoints(disk, 3)
    await log.close()
    expect(notes()).toBe(3)
  })

  test('nothing is signed of what the disk did not take', async () => {
    const disk = memoryDisk()
    const log = open(disk)
    await log.append(intent())
    disk.fail('sync', 'EIO')
    await expect(log.close()).rejects.toMatchObject({ code: 'ERR_AUDIT_APPEND' })
    expect(opened(disk.content()[at('checkpoint')] ?? '', KEY)).toMatchObject({ size: 0 })
  })

  test('one that cannot be written is told, spoils no entry, and the next one is whole', async () => {
    const disk = memoryDisk()
    const told: string[] = []
    const trouble = (error: Error) => void told.push(error.message)
    const log = open(disk, { trouble })
    await log.append(intent())
    disk.takeOnly(20, at('checkpoints-0'))
    await log.close()
    expect(told).toMatchObject([expect.stringContaining('short write')])
    disk.grow(at('checkpoints-0'), 'chaperone.dev/log/mem')
    const again = open(disk, { trouble })
    await again.append(intent())
    await again.close()
    expect(told).toHaveLength(1)
    expectCheckpoints(disk, 1)
  })
})

describe('a log that is begun', () => {
  test('has a checkpoint of no entries on the disk before it takes the first', async () => {
    const disk = memoryDisk()
    open(disk)
    expect(opened(disk.synced(at('checkpoints-0')) ?? '', KEY)).toMatchObject({ size: 0 })
    expect(disk.syncedAt).toEqual(expect.arrayContaining([DIR, '/state/log']))
    expect(disk.sizeOf(at('audit-0.jsonl'))).toBe(0)
  })

  test('goes on after a kill with an entry of which nothing else was signed', async () => {
    const disk = memoryDisk()
    await open(disk).append(intent())
    disk.restart('kill')
    await some(disk, 1)
    expect(lines(disk)).toHaveLength(2)
    expectCheckpoints(disk, 2)
  })

  test('takes nothing where it cannot be signed', () => {
    const disk = memoryDisk()
    disk.fail('syncNow', 'EIO')
    expect(() => open(disk)).toThrow(expect.objectContaining({ code: 'ERR_AUDIT_APPEND' }))
    disk.restart('kill')
    disk.remove(at('checkpoint'))
    disk.remove(at('checkpoints-0'))
    open(disk)
    expect(opened(disk.synced(at('checkpoints-0')) ?? '', KEY)).toMatchObject({ size: 0 })
  })
})

describe('a file that is full is followed by the next', () => {
  const options = { rotateBytes: 3000 }

  test('numbered after its first entry, with keys and checkpoints of its own', async () => {
    const disk = memoryDisk()
    await some(disk, 20, options)
    const files = Object.keys(disk.content()).filter((path) => path.endsWith('.jsonl'))
    expect(files.length).toBeGreaterThan(3)
    expect(lines(disk)).toHaveLength(20)
    expectCheckpoints(disk, 2)
    for (const path of files) expect(disk.sizeOf(path)).toBeLessThanOrEqual(3000)
  })

  test('also over a restart, and what a crash left empty is filled', async () => {
    const disk = memoryDisk()
    await some(disk, 10, options)
    disk.put(at('audit-10.jsonl'), '')
    await some(disk, 10, options)
    expect(lines(disk)).toHaveLength(20)
    expectCheckpoints(disk, 2)
  })

  test('where the next one cannot be made, nothing is taken until it can', async () => {
    const disk = memoryDisk()
    const log = open(disk, { rotateBytes: 1 })
    await log.append(intent({ id: 'a' }))
    for (const times of [1, 2]) {
      disk.fail('open', 'ENOSPC', times)
      await expect(log.append(intent({ id: 'lost' }))).rejects.toThrow('ENOSPC')
      disk.fail('open', 'ENOSPC', 0)
    }
    await log.append(intent({ id: 'b' }))
    await log.close()
    expect(lines(disk).map((line) => (JSON.parse(line) as { call: string }).call)).toEqual([
      'a',
      'b',
    ])
  })
})

describe('a log that does not lead to its own last checkpoint is not gone on with', () => {
  const tamper = (disk: FakeDisk, change: (all: string[]) => void): void => {
    const all = (disk.content()[at('audit-0.jsonl')] ?? '').split('\n').slice(0, -1)
    change(all)
    disk.put(at('audit-0.jsonl'), all.map((line) => `${line}\n`).join(''))
  }

  /** As whoever knows how entries are chained would leave it. */
  const rechained = (all: string[]): void => {
    let prev = '0'.repeat(64)
    for (const [index, line] of all.entries()) {
      all[index] = line.replace(/"prev":"[0-9a-f]{64}"/, `"prev":"${prev}"`)
      prev = hash('sha256', `\0${all[index]}`, 'hex')
    }
  }

  test.each<[string, (all: string[]) => void]>([
    [
      'an entry was changed and chained anew',
      (all) => {
        all[2] = (all[2] ?? '').replace('permitted', 'outside_mandate')
        rechained(all)
      },
    ],
    [
      'the last entry was changed',
      (all) => {
        all[5] = (all[5] ?? '').replace('vendors', 'vendorz')
      },
    ],
    ['entries were cut off', (all) => void all.splice(4)],
    ['all of them were', (all) => void all.splice(0)],
    ['two were swapped', (all) => all.splice(1, 2, all[2] ?? '', all[1] ?? '')],
  ])('%s', async (_, change) => {
    const disk = memoryDisk()
    await some(disk, 6)
    tamper(disk, change)
    const before = disk.content()
    expect(() => open(disk)).toThrow(expect.objectContaining(unreadable))
    expect(() => open(disk)).toThrow('keep it as evidence')
    expect(disk.content()).toEqual(before)
  })

  test('all that was signed was removed, and the entries chained anew', async () => {
    const disk = memoryDisk()
    await some(disk, 6)
    for (const name of ['checkpoint', 'checkpoints-0', 'frontier.json']) disk.remove(at(name))
    tamper(disk, (all) => {
      all[2] = (all[2] ?? '').replace('permitted', 'outside_mandate')
      rechained(all)
    })
    const before = disk.content()
    expect(() => open(disk)).toThrow(expect.objectContaining(unreadable))
    expect(() => open(disk)).toThrow('6 entries and no checkpoint')
    expect(disk.content()).toEqual(before)
  })

  test('nor one whose checkpoint another key signed', async () => {
    const disk = memoryDisk()
    await some(disk, 3)
    expect(() => open(disk, { key: newKey() })).toThrow('not signed with the key')
  })

  test('nor one whose first file is missing, where the tree has to be hashed anew', async () => {
    const disk = memoryDisk()
    await some(disk, 20, { rotateBytes: 3000 })
    disk.remove(at('audit-0.jsonl'))
    disk.put(at('frontier.json'), '{}')
    expect(() => open(disk)).toThrow('first file is missing')
  })

  const rotated = { rotateBytes: 3000 }

  test('but a long one is taken from its frontier, and not read from the start', async () => {
    const disk = memoryDisk()
    await some(disk, 20, rotated)
    disk.put(at('audit-0.jsonl'), '{}\n')
    await open(disk, rotated).append(intent())
    disk.put(at('frontier.json'), '{}')
    expect(() => open(disk, rotated)).toThrow(expect.objectContaining(unreadable))
  })

  test.each<[string, (said: Record<string, unknown>) => unknown]>([
    ['is missing', () => ''],
    ['is none', () => '{'],
    ['is of another size', (said) => ({ ...said, size: 19 })],
    ['has other hashes', (said) => ({ ...said, hashes: ['a'.repeat(64), 'b'.repeat(64)] })],
    ['names another place', (said) => ({ ...said, offset: 1 })],
    ['names another file', (said) => ({ ...said, file: 'audit-1.jsonl' })],
    ['names another last entry', (said) => ({ ...said, leaf: 'a'.repeat(64) })],
  ])('and one whose frontier %s is hashed anew', async (_, change) => {
    const disk = memoryDisk()
    await some(disk, 20, rotated)
    const said = JSON.parse(disk.content()[at('frontier.json')] ?? '') as Record<string, unknown>
    const changed = change(said)
    disk.put(at('frontier.json'), typeof changed === 'string' ? changed : JSON.stringify(changed))
    await some(disk, 2, rotated)
    expect(lines(disk)).toHaveLength(22)
    expectCheckpoints(disk, 2)
  })
})

test('what a guard that was killed left unsynced is on the disk with the next entry that waits for it', async () => {
  const disk = memoryDisk()
  const options = { rotateBytes: 3000 }
  await some(disk, 2, options)
  const killed = open(disk, options)
  const held = disk.holdSyncs()
  const name = killed.putObject(Buffer.from('mandate: m\n'))
  for (let index = 0; index < 12; index += 1) await killed.append(intent({ facts: { index } }))
  disk.restart('kill')
  held()
  const next = open(disk, options)
  next.putObject(Buffer.from('mandate: m\n'))
  await next.append(intent(), 'disk')
  const content = disk.content()
  const left = Object.keys(content).filter((path) =>
    /\/(audit-\d+\.jsonl|keys-\d+\.bin|checkpoints-\d+)$/.test(path),
  )
  expect(left.length).toBeGreaterThan(6)
  for (const path of [...left, at(`objects/${name}`)])
    expect(disk.synced(path), path).toBe(content[path])
  disk.restart('power cut')
  await some(disk, 1, options)
  expect(lines(disk)).toHaveLength(16)
})

test('entries after the last checkpoint are part of the tree', async () => {
  const disk = memoryDisk()
  await some(disk, 5)
  const log = open(disk)
  await log.append(event())
  await log.append(event())
  disk.restart('kill')
  await some(disk, 1)
  expect(lines(disk)).toHaveLength(8)
  expectCheckpoints(disk, 2)
})

describe('whatever operation of the disk is the last one', () => {
  /** What a guard was told is there. */
  async function lived(disk: FakeDisk, promised: number[]): Promise<void> {
    const log = open(disk, { rotateBytes: 2500 })
    for (let round = 0; round < 4; round += 1) {
      log.putObject(Buffer.from(`object ${round}`))
      for (const entry of [intent({ facts: { round } }), outcome()])
        promised.push((await log.append(entry, 'disk')).seq)
    }
    await log.close()
  }

  async function total(): Promise<number> {
    const disk = memoryDisk()
    await lived(disk, [])
    return disk.operations()
  }

  test.each(['kill', 'power cut'] as const)(
    'after a %s the log goes on, with all that was promised, and at most one torn entry each time',
    async (after) => {
      const operations = await total()
      expect(operations).toBeGreaterThan(50)
      for (let last = 0; last < operations; last += 1) {
        const disk = memoryDisk()
        const promised: number[] = []
        disk.dieIn(last)
        await lived(disk, promised).catch(() => undefined)
        disk.restart(after)
        await some(disk, 2)
        const all = lines(disk)
        expect(all.length, `after ${last} operations`).toBeGreaterThanOrEqual(promised.length + 2)
        expectCheckpoints(disk, 1)
        const torn = Object.keys(disk.content()).filter((path) => path.endsWith('.torn'))
        expect(torn.length).toBeLessThanOrEqual(1)
      }
    },
    60_000,
  )
})
