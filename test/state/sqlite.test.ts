import { spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { callId, instant } from '../../src/model/id.ts'
import { openStore, type SqliteStore, storePath } from '../../src/state/sqlite.ts'
import { hold } from '../../src/state/sqlite-budgets.ts'
import { Connection } from '../../src/state/sqlite-connection.ts'
import { openFile } from '../../src/state/sqlite-file.ts'
import { RestrictionTable } from '../../src/state/sqlite-restrictions.ts'
import { endTask, taskId } from '../../src/state/sqlite-tasks.ts'
import { MIGRATIONS } from '../../src/state/sqlite-schema.ts'
import { debit, guard, stateStoreContract } from '../contracts/state-store.ts'
import { fakeClock } from '../fakes/clock.ts'

const START = '2026-11-24T10:00:00.000Z'
const T0 = instant(Date.parse(START))
const clock = fakeClock(START)
let dir: string
let path: string
let opened: SqliteStore[] = []
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'chaperone-store-'))
  path = storePath(join(dir, 'state'))
})
afterEach(() => {
  for (const store of opened) store.close()
  opened = []
  rmSync(dir, { recursive: true, force: true })
})

function open(at = path): SqliteStore {
  const store = openStore({ path: at, clock })
  opened.push(store)
  return store
}

function take(store: SqliteStore, amount = 1): boolean {
  const debits = [debit({ amount, limit: 1000 })]
  return 'held' in store.hold({ call: callId('c'), at: T0, debits })
}

const unusable = (what: string | RegExp): object =>
  expect.objectContaining({
    code: 'ERR_STATE_UNUSABLE',
    message: expect.stringMatching(what) as string,
  }) as object

stateStoreContract('the database', (world) => {
  const file = join(mkdtempSync(join(dir, 'world-')), 'state.db')
  return (own) => openStore({ ...world, path: file, ...(own && { own }) })
})

test('the file and what is beside it are for their owner alone, also where they were not', () => {
  const store = open()
  take(store)
  const folder = join(dir, 'state')
  expect(statSync(folder).mode & 0o777).toBe(0o700)
  expect(readdirSync(folder).toSorted()).toEqual(['state.db', 'state.db-shm', 'state.db-wal'])
  for (const name of readdirSync(folder))
    expect(statSync(join(folder, name)).mode & 0o777, name).toBe(0o600)
  store.close()
  expect(readdirSync(folder)).toEqual(['state.db'])
  chmodSync(path, 0o644)
  take(open())
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

describe('what cannot be read is refused, and stays as it is', () => {
  test.each<[string, RegExp, (file: string) => void]>([
    ['no database', /no database/, (file) => writeFileSync(file, 'x'.repeat(8192))],
    ['an empty file', /it is empty/, (file) => writeFileSync(file, '')],
    ['a file that is cut off', /damaged/, (file) => truncateSync(file, 2048)],
    [
      'a page that is overwritten',
      /damaged/,
      (file) => {
        const bytes = readFileSync(file)
        bytes.fill(0x5a, 1024)
        writeFileSync(file, bytes)
      },
    ],
    [
      'a database of another application',
      /another application/,
      (file) => {
        rmSync(file)
        const other = new DatabaseSync(file)
        other.exec('CREATE TABLE t (x); PRAGMA user_version = 1')
        other.close()
      },
    ],
    [
      'a database of a newer version',
      /its form is 1000, and this version knows \d+\b.*chaperone that wrote it/,
      (file) => {
        const newer = new DatabaseSync(file)
        newer.exec('PRAGMA user_version = 1000')
        newer.close()
      },
    ],
    [
      'a link',
      /no regular file/,
      (file) => {
        renameSync(file, `${file}.real`)
        symlinkSync(`${file}.real`, file)
      },
    ],
  ])('%s', (_name, what, spoil) => {
    const store = open()
    take(store)
    store.close()
    spoil(path)
    const before = readFileSync(path)
    expect(() => {
      const again = open()
      take(again)
      again.restrictions()
    }).toThrow(unusable(what))
    expect(() => open().restrictions()).toThrow(unusable(path))
    expect(readFileSync(path)).toEqual(before)
  })

  test('a folder that cannot be made', () => {
    writeFileSync(join(dir, 'file'), '')
    expect(() => open(join(dir, 'file', 'state.db'))).toThrow(unusable(/file/))
  })
})

test('a file that is removed or replaced while it is open is noticed', () => {
  const store = open()
  take(store)
  renameSync(path, `${path}.old`)
  clock.advance(1000)
  expect(() => take(store)).toThrow(unusable(/it was removed/))
  expect(() => store.restrictions()).toThrow(unusable(/it was removed/))
  const other = openStore({ path, clock, anew: true })
  opened.push(other)
  take(other)
  expect(() => store.restrictions()).toThrow(unusable(/another file took its place/))
})

describe('a state that was taken away', () => {
  const record = (): void => {
    mkdirSync(join(dir, 'state', 'log', 'one'), { recursive: true })
    writeFileSync(join(dir, 'state', 'log', 'one', 'lock.db'), '')
  }

  test.each<[string, () => void]>([
    ['a log', record],
    ['the key of logs', () => writeFileSync(join(dir, 'state', 'log.vkey'), '')],
    ['a log of its writes', () => writeFileSync(`${path}-wal`, 'x')],
  ])('is not begun anew in silence where there is %s', (_what, make) => {
    open().close()
    rmSync(path)
    make()
    expect(() => open()).toThrow(unusable(/it is not there.*resume state/))
    expect(existsSync(path)).toBe(false)
    const anew = openStore({ path, clock, anew: true })
    opened.push(anew)
    expect(take(anew)).toBe(true)
    expect(take(open())).toBe(true)
  })

  test('is none where the folder has no record, or one of a form without a state', () => {
    mkdirSync(join(dir, 'state', 'log', 'old'), { recursive: true })
    writeFileSync(join(dir, 'state', 'log', 'old', 'audit-0.jsonl'), '')
    expect(take(open())).toBe(true)
    record()
    expect(take(open())).toBe(true)
  })
})

test('what is taken back, and the end of a task, wait for the disk; calls do not', () => {
  open().close()
  const { raw } = openFile(path)
  const level = (): unknown => raw.prepare('PRAGMA synchronous').get()?.['synchronous']
  const levels: unknown[] = []
  raw.function('note_level', () => {
    levels.push(level())
    return 0
  })
  for (const change of ['INSERT ON restrictions', 'UPDATE ON tasks', 'INSERT ON holds'])
    raw.exec(`CREATE TEMP TRIGGER "${change}" AFTER ${change} BEGIN SELECT note_level(); END`)
  const connection = new Connection(raw, path)
  const restrictions = new RestrictionTable(connection)
  const said = { at: T0, why: 'x', by: 'dana' }
  const who = { mandate: 'm', agent: 'a', task: 't' }
  taskId(connection, who, T0)
  restrictions.restrict({ ...said, target: { kind: 'everything' }, kind: 'suspended' })
  restrictions.lift({ kind: 'everything' }, { ...said, revoked: false })
  endTask(connection, who, said)
  // FULL: also the log of writes is on the disk when a transaction ends.
  expect(levels).toEqual([2, 2, 2])
  expect(level()).toBe(1)
  const holder = { instance: 'a', log: 'a' }
  hold(connection, { call: callId('c'), at: T0, debits: [debit()] }, holder)
  expect(levels.at(-1)).toBe(1)
  connection.close()
})

test('the form of a new store is the latest', () => {
  open().close()
  const raw = new DatabaseSync(path)
  expect(raw.prepare('PRAGMA user_version').get()).toEqual({ user_version: MIGRATIONS.length })
  raw.close()
})

test('what was written down of a task is still there in the form that has a table for it', () => {
  const raw = new DatabaseSync(':memory:')
  for (const change of MIGRATIONS.slice(0, 2)) change(raw)
  const make = raw.prepare(
    'INSERT INTO tasks (mandate, agent, task, began, last, seq, base, written) VALUES (?, ?, ?, 1, 2, 9, 7, ?)',
  )
  make.run('m', 'a', 'long', '{}')
  make.run('m', 'a', 'short', null)
  for (const change of MIGRATIONS.slice(2)) change(raw)
  expect(raw.prepare('SELECT * FROM task_written').all()).toEqual([{ task: 1, written: '{}' }])
  expect(raw.prepare('SELECT task, seq, base FROM tasks').all()).toEqual([
    { task: 'long', seq: 9, base: 7 },
    { task: 'short', seq: 9, base: 7 },
  ])
  raw.close()
})

test('who waits for a writer for too long is refused', () => {
  const store = open()
  const other = new DatabaseSync(path)
  other.exec('BEGIN IMMEDIATE')
  expect(() => take(store)).toThrow(unusable(/keeps it locked/))
  // Reading waits for nobody.
  expect(store.restrictions()).toEqual({ revision: 0, all: [] })
  other.exec('ROLLBACK')
  other.close()
  expect(take(store)).toBe(true)
})

test('one that was forgotten while it slept is there again with its next heartbeat; one that runs is not', () => {
  const running = new Set([1, 2])
  const store = (): SqliteStore => {
    const one = openStore({ path, clock, isRunning: (pid) => running.has(pid) })
    opened.push(one)
    return one
  }
  const [a, b, c] = [store(), store(), store()]
  a.register(guard('a', 1))
  b.register(guard('b', 2))
  running.delete(2)
  clock.advance(8 * 86_400_000)
  c.register(guard('c', 3))
  const names = (): unknown[] => c.instances().map(({ instance }) => instance)
  expect(names()).toEqual(['a', 'c'])
  running.add(2)
  const at = clock.now()
  b.heartbeat('b', at, 7, at)
  const known = c.instances().find(({ instance }) => instance === 'b')
  expect(known).toEqual({ ...guard('b', 2), heartbeatAt: at, seen: 7, seenAt: at, alive: true })
  b.unregister('b')
  b.heartbeat('b', clock.now(), 7)
  expect(names()).toEqual(['a', 'c'])
})

test('what others write is found, and what is gone for long is forgotten', () => {
  const store = openStore({ path, clock, isRunning: () => false })
  opened.push(store)
  store.register(guard('old'))
  store.register(guard('holds'))
  store.hold({ call: callId('c'), at: T0, debits: [debit()] })
  clock.advance(8 * 86_400_000)
  store.register(guard('new'))
  expect(store.instances().map(({ instance }) => instance)).toEqual(['holds', 'new'])
})

test('the log of writes stays bounded, and a thread that carries it over keeps nobody', async () => {
  const spender = fileURLToPath(new URL('../fakes/store-writer.ts', import.meta.url))
  const child = spawn(process.execPath, [spender, path, '6000'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const largest = await outputOf(child)
  expect(Number(largest)).toBeGreaterThan(0)
  expect(Number(largest)).toBeLessThan(24 * 1024 * 1024)
  expect(take(open())).toBe(true)
})

describe.each([2, 4])('%i processes with one budget', (count) => {
  test('take exactly what it has', async () => {
    const spender = fileURLToPath(new URL('../fakes/store-spender.ts', import.meta.url))
    const limit = 400
    const children = Array.from({ length: count }, () =>
      spawn(process.execPath, [spender, path, String(limit)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    )
    const taken = await Promise.all(children.map(outputOf))
    expect(taken.map(Number).reduce((sum, one) => sum + one, 0)).toBe(limit)
    expect(open().budgets('')).toMatchObject([{ used: limit }])
  })
})

async function outputOf(child: ReturnType<typeof spawn>): Promise<string> {
  let text = ''
  child.stdout?.on('data', (part: Buffer) => {
    text += part.toString()
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  expect(code).toBe(0)
  return text
}
