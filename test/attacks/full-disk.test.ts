/** Attacks on what is kept: a disk that is full, read-only or broken, under a whole guard. Nothing leaves unrecorded. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openLog } from '../../src/audit/log.ts'
import type { AuditLog, StateStore } from '../../src/model/port.ts'
import { openStore, storePath } from '../../src/state/sqlite.ts'
import { HEAD } from '../fakes/audit-log.ts'
import { fakeClock } from '../fakes/clock.ts'
import { type FakeDisk, memoryDisk } from '../fakes/disk.ts'
import { memoryGuard, type MemoryGuard } from '../fakes/guard.ts'
import { fakeStore } from '../fakes/state-store.ts'
import { type FakeUpstream, legacyUpstream } from '../fakes/upstream.ts'

const MANDATE = `
mandate: m
agent: bot
purpose: Look and pay
valid: { until: 2026-12-01T00:00:00Z }
tools: { a/look: { effect: read }, a/pay: { effect: pay } }
budgets: [{ id: calls, limit: 100, per: day }]
`
const TOOLS = ['look', 'pay'].map((name) => ({ name, inputSchema: { type: 'object' } }))
const DIR = '/state/log/one'
const FILE = `${DIR}/audit-0.jsonl`
const CLOCK = fakeClock('2026-11-24T10:00:00Z')

interface Running {
  readonly guard: MemoryGuard
  readonly store: StateStore
  readonly upstream: FakeUpstream
}

let open: MemoryGuard[] = []
afterEach(async () => {
  await Promise.all(open.map((guard) => guard.hangUp()))
  open = []
})

async function start(log: AuditLog, store: StateStore): Promise<Running> {
  const upstream = legacyUpstream(TOOLS)
  const guard = memoryGuard(MANDATE, { a: upstream }, { clock: CLOCK, timers: CLOCK, log, store })
  open.push(guard)
  await guard.open()
  await guard.ask('tools/list')
  return { guard, store, upstream }
}

function onDisk(disk: FakeDisk): AuditLog {
  return openLog({ dir: DIR, head: HEAD, disk, clock: CLOCK })
}

async function call({ guard }: Running, name: string): Promise<unknown> {
  const { result } = await guard.ask('tools/call', { name })
  const meta = result?.['_meta'] as Readonly<Record<string, unknown>> | undefined
  return meta?.['dev.chaperone/reason'] ?? 'permitted'
}

const reached = ({ upstream }: Running): number => upstream.calls('tools/call').length
const used = ({ store }: Running): number => store.budgets('')[0]?.used ?? 0

/** Both tools, one after the other and at once. */
async function refused(running: Running, reason: string): Promise<void> {
  const before = reached(running)
  for (const name of ['look', 'pay']) expect(await call(running, name)).toBe(reason)
  const flood = Array.from({ length: 20 }, (_, n) => call(running, n % 2 === 0 ? 'look' : 'pay'))
  expect(new Set(await Promise.all(flood))).toEqual(new Set([reason]))
  expect(reached(running)).toBe(before)
}

async function permitted(running: Running): Promise<void> {
  const before = reached(running)
  for (const name of ['look', 'pay']) expect(await call(running, name)).toBe('permitted')
  expect(reached(running)).toBe(before + 2)
}

describe('G40: a record that cannot be written', () => {
  test.each(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EACCES'])(
    'G40: by %s: refused, nothing forwarded, nothing spent; and calls go on when it can be',
    async (code) => {
      const disk = memoryDisk()
      const running = await start(onDisk(disk), fakeStore(CLOCK))
      await permitted(running)
      disk.fail('write', code, Number.MAX_SAFE_INTEGER)
      await refused(running, 'audit_unavailable')
      expect(used(running)).toBe(2)
      disk.fail('write', code, 0)
      await permitted(running)
      expect(used(running)).toBe(4)
    },
  )

  test('G40: that takes half of an entry: it is cut back, and the call refused', async () => {
    const disk = memoryDisk()
    const running = await start(onDisk(disk), fakeStore(CLOCK))
    for (const bytes of [0, 1, 200]) {
      const before = reached(running)
      disk.takeOnly(bytes, FILE)
      disk.fail('write', 'ENOSPC', 0)
      const answer = await call(running, 'pay')
      // What is written in two parts is written; what is not is refused.
      expect(['permitted', 'audit_unavailable']).toContain(answer)
      expect(reached(running)).toBe(before + (answer === 'permitted' ? 1 : 0))
    }
    await permitted(running)
    const lines = (disk.content()[FILE] ?? '').split('\n').slice(0, -1)
    for (const [seq, line] of lines.entries()) expect(JSON.parse(line)).toMatchObject({ seq })
    expect(lines.filter((line) => line.includes('"type":"intent"'))).toHaveLength(reached(running))
  })

  test('G40: whose disk fails when it is waited for: nothing passes any more, reads included, until a restart', async () => {
    const disk = memoryDisk()
    const store = fakeStore(CLOCK)
    const running = await start(onDisk(disk), store)
    await permitted(running)
    disk.fail('sync', 'EIO')
    expect(await call(running, 'pay')).toBe('audit_unavailable')
    expect(reached(running)).toBe(2)
    // Nobody knows what the disk lost, so that it works again says nothing.
    await refused(running, 'audit_unavailable')
    expect(used(running)).toBe(2)
    await running.guard.hangUp()
    disk.restart('kill')
    await permitted(await start(onDisk(disk), store))
  })
})

describe('G40: a store that cannot be used', () => {
  let root: string
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'chaperone-full-'))
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  test('G40: that cannot be read or written: refused, on record, nothing forwarded; and calls go on when it can be', async () => {
    const disk = memoryDisk()
    const store = fakeStore(CLOCK)
    const running = await start(onDisk(disk), store)
    await permitted(running)
    store.broken = true
    await refused(running, 'state_unavailable')
    expect(disk.content()[FILE]).toContain('state_unavailable')
    store.broken = false
    expect(used(running)).toBe(2)
    await permitted(running)
  })

  test('G40: that somebody keeps locked: refused and nothing forwarded, until they let go', async () => {
    const path = storePath(root)
    const store = openStore({ path, clock: CLOCK })
    const running = await start(onDisk(memoryDisk()), store)
    await permitted(running)
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    expect(await call(running, 'pay')).toBe('state_unavailable')
    expect(reached(running)).toBe(2)
    other.exec('ROLLBACK')
    other.close()
    await permitted(running)
    expect(used(running)).toBe(4)
    await running.guard.hangUp()
    store.close()
  })
})
