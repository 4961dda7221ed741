/** Who waits for the disk: many together, never for what was not asked, and after one failure nobody any more. */
import { describe, expect, test } from 'vitest'
import { openLog, type LogOptions } from '../../src/audit/log.ts'
import { HEAD } from '../fakes/audit-log.ts'
import { fakeClock } from '../fakes/clock.ts'
import { memoryDisk, type FakeDisk } from '../fakes/disk.ts'
import { intent, outcome } from '../fakes/entry-body.ts'

const DIR = '/state/log/one'
const FILE = `${DIR}/audit-0.jsonl`
const KEYS = `${DIR}/keys-0.bin`
const unwritten = { name: 'GuardError', code: 'ERR_AUDIT_APPEND' }

function open(disk: FakeDisk, options: Partial<LogOptions> = {}) {
  return openLog({ dir: DIR, head: HEAD, disk, ...options })
}

/** Of lines and of keys alike. */
function syncs(disk: FakeDisk): number {
  return (disk.asked.get('sync') ?? 0) / 2
}

test('an entry that waits for the disk is there with its key, and the names of both', async () => {
  const disk = memoryDisk()
  const log = open(disk)
  await log.append(intent(), 'disk')
  expect(disk.synced(FILE)).toBe(disk.content()[FILE])
  expect(disk.synced(KEYS)).toHaveLength(disk.content()[KEYS]?.length ?? 0)
  expect(disk.syncedAt).toEqual(expect.arrayContaining([DIR, '/state/log']))
  expect(syncs(disk)).toBe(1)
})

test('one that waits for the kernel does not wait for the disk', async () => {
  const disk = memoryDisk()
  const log = open(disk)
  await log.append(intent())
  expect(syncs(disk)).toBe(0)
})

test('64 that are appended in one turn share one wait', async () => {
  const disk = memoryDisk()
  const log = open(disk)
  await Promise.all(Array.from({ length: 64 }, () => log.append(intent(), 'disk')))
  expect(syncs(disk)).toBe(1)
})

test('whoever comes while the disk is busy shares the next wait, and is not served by this one', async () => {
  const disk = memoryDisk()
  const log = open(disk)
  const order: string[] = []
  const one = log.append(intent({ id: 'a' }), 'disk').then(() => order.push('a'))
  await log.append(intent({ id: 'k' }))
  expect(syncs(disk)).toBeLessThanOrEqual(1)
  const held = disk.holdSyncs()
  const rest = ['b', 'c', 'd'].map((id) =>
    log.append(intent({ id }), 'disk').then(() => order.push(id)),
  )
  await log.append(outcome('k'))
  held()
  await Promise.all([one, ...rest])
  expect(order[0]).toBe('a')
  expect(syncs(disk)).toBeLessThanOrEqual(3)
})

test('64 calls, each waiting for its own entries, share few', async () => {
  const disk = memoryDisk()
  const log = open(disk)
  const call = async (id: string) => {
    for (let round = 0; round < 10; round += 1) {
      await log.append(intent({ id }), 'disk')
      await log.append(outcome(id))
    }
  }
  await Promise.all(Array.from({ length: 64 }, (_, index) => call(`c${index}`)))
  expect(syncs(disk)).toBeLessThan(40)
  await log.close()
})

test('what was kept is on the disk by the time an entry is that names it', async () => {
  const disk = memoryDisk()
  const log = open(disk)
  const name = log.putObject(Buffer.from('mandate: m\n'))
  await log.append(intent(), 'disk')
  expect(disk.syncedAt).toEqual(
    expect.arrayContaining([`${DIR}/objects`, `${DIR}/objects/${name}`]),
  )
})

describe.each(['sync', 'syncAt'] as const)('a disk that fails to %s', (operation) => {
  test('rejects all that wait, and nothing is taken from then on: it may have forgotten', async () => {
    const disk = memoryDisk()
    const log = open(disk)
    disk.fail(operation, 'EIO', 1)
    const all = [log.append(intent(), 'disk'), log.append(intent(), 'disk')]
    expect(await Promise.allSettled(all)).toMatchObject([
      { status: 'rejected', reason: unwritten },
      { status: 'rejected', reason: unwritten },
    ])
    const before = disk.content()[FILE]
    expect(log.writable()).toBe(false)
    await expect(log.append(intent())).rejects.toThrow('start the guard again')
    await expect(log.append(intent(), 'disk')).rejects.toMatchObject(unwritten)
    expect(disk.content()[FILE]).toBe(before)
    await expect(log.close()).rejects.toMatchObject(unwritten)
  })

  test('also those who came while it was at it', async () => {
    const disk = memoryDisk()
    const log = open(disk)
    const held = disk.holdSyncs()
    const first = log.append(intent({ id: 'a' }), 'disk')
    await log.append(intent({ id: 'k' }))
    const second = log.append(intent({ id: 'b' }), 'disk')
    await log.append(outcome('k'))
    disk.fail(operation, 'EIO', 1)
    held()
    expect(await Promise.allSettled([first, second])).toMatchObject([
      { status: 'rejected' },
      { status: 'rejected' },
    ])
  })

  test('and a guard that starts again goes on with what is there', async () => {
    const disk = memoryDisk()
    const log = open(disk)
    disk.fail(operation, 'EIO', 1)
    await expect(log.append(intent(), 'disk')).rejects.toMatchObject(unwritten)
    await expect(open(disk).append(intent(), 'disk')).resolves.toHaveProperty('seq', 1)
  })
})

describe('a disk that does not answer', () => {
  test('has failed after ten seconds, for all that wait and for good, and the log closes', async () => {
    const disk = memoryDisk()
    const clock = fakeClock('2026-11-28T03:00:00.000Z')
    let released = 0
    const log = open(disk, { timers: clock, clock, release: () => void (released += 1) })
    disk.holdSyncs()
    const first = log.append(intent({ id: 'a' }), 'disk')
    await log.append(intent({ id: 'k' }))
    const second = log.append(intent({ id: 'b' }), 'disk')
    await log.append(outcome('k'))
    let ended = false
    void Promise.allSettled([first, second]).then(() => {
      ended = true
    })
    clock.advance(9999)
    await new Promise((resolve) => setImmediate(resolve))
    expect(ended).toBe(false)
    clock.advance(1)
    await expect(first).rejects.toThrow('did not answer for 10 s')
    await expect(second).rejects.toMatchObject(unwritten)
    expect(log.writable()).toBe(false)
    await expect(log.append(intent())).rejects.toThrow('start the guard again')
    await expect(log.close()).rejects.toMatchObject(unwritten)
    expect(released).toBe(1)
  })

  test('one that answers in time is not late afterwards', async () => {
    const disk = memoryDisk()
    const clock = fakeClock('2026-11-28T03:00:00.000Z')
    const log = open(disk, { timers: clock, clock })
    const held = disk.holdSyncs()
    const slow = log.append(intent({ id: 'a' }), 'disk')
    await log.append(intent({ id: 'k' }))
    clock.advance(9999)
    held()
    await slow
    clock.advance(60_000)
    await log.append(intent({ id: 'b' }), 'disk')
    await log.close()
    expect(disk.synced(FILE)).toBe(disk.content()[FILE])
  })
})

test('closing waits for the disk', async () => {
  const disk = memoryDisk()
  const log = open(disk)
  await log.append(intent())
  await log.close()
  expect(disk.synced(FILE)).toBe(disk.content()[FILE])
})
