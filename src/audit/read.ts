/** Reads a record: one log, or all logs of a state folder merged by time, in memory that does not grow with it. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { GuardError } from '../model/error.ts'
import { type Changes, watchFolders } from './changes.ts'
import { LogCursor, unreadable, type Damage, type Item } from './cursor.ts'
import { logFiles } from './tail.ts'

export type { Damage, EntryItem, Item } from './cursor.ts'

const BATCH = 512

export interface Follow {
  /** Ends the reading. */
  readonly signal?: AbortSignal
  readonly changes?: (signal: AbortSignal | undefined) => Changes
}

/** A part of the record; `upToDate` once, with the last of what stood there when the reading began. */
export interface Batch {
  readonly items: readonly Item[]
  readonly upToDate: boolean
}

/**
 * `place` is a state folder, its `log` folder, or the folder of one log. With `follow` it goes on with whatever is
 * appended, also by guards that start later, until the signal stops it.
 *
 * @throws GuardError ERR_AUDIT_READ when there is no record there, or it cannot be read.
 */
export async function* readRecord(place: string, follow?: Follow): AsyncGenerator<Batch> {
  const root = await rootOf(place)
  const cursors = new Map<string, LogCursor>()
  const changes = follow && (follow.changes ?? watchFolders)(follow.signal)
  try {
    const opened = await openAll(root, cursors, changes)
    if (opened.length === 0) throw noRecord(place)
    yield* merged(opened)
    yield { items: changes ? [] : unfinished(cursors), upToDate: true }
    if (!changes) return
    for (;;) {
      await changes.next()
      await openAll(root, cursors, changes)
      yield* appended(cursors)
      if (follow?.signal?.aborted === true) break
    }
    yield { items: unfinished(cursors), upToDate: false }
  } finally {
    changes?.close()
    await Promise.all([...cursors.values()].map((cursor) => cursor.close()))
  }
}

/** The folders of the logs there, by name. @throws GuardError ERR_AUDIT_READ when there is none */
export async function logFolders(place: string): Promise<readonly string[]> {
  const root = await rootOf(place)
  const names = root.many ? await namesIn(root.folder) : ['.']
  const folders: string[] = []
  for (const name of names.toSorted()) {
    const folder = join(root.folder, name)
    if (await isLog(folder, undefined)) folders.push(folder)
  }
  if (folders.length === 0) throw noRecord(place)
  return folders
}

interface Root {
  readonly folder: string
  /** True where the folder holds logs, false where it is one. */
  readonly many: boolean
}

async function rootOf(place: string): Promise<Root> {
  const names = await namesIn(place)
  if (logFiles(names).length > 0) return { folder: place, many: false }
  return { folder: names.includes('log') ? join(place, 'log') : place, many: true }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') throw noRecord(folder)
    throw unreadable(folder, cause)
  }
}

function noRecord(place: string): GuardError {
  return new GuardError(
    'ERR_AUDIT_READ',
    `no record in \`${place}\` (run a guard first, or name its state folder)`,
  )
}

/** Opens the logs that were not open yet, each watched before it is read so that nothing falls in between. */
async function openAll(
  root: Root,
  cursors: Map<string, LogCursor>,
  changes: Changes | undefined,
): Promise<readonly LogCursor[]> {
  changes?.add(root.folder)
  const names = root.many ? await namesIn(root.folder) : ['.']
  const opened: LogCursor[] = []
  for (const name of names.toSorted()) {
    const folder = join(root.folder, name)
    if (cursors.has(folder) || !(await isLog(folder, changes))) continue
    const cursor = new LogCursor(folder)
    cursors.set(folder, cursor)
    opened.push(cursor)
  }
  return opened
}

async function isLog(folder: string, changes: Changes | undefined): Promise<boolean> {
  try {
    if (!(await stat(folder)).isDirectory()) return false
    changes?.add(folder)
    return logFiles(await readdir(folder)).length > 0
  } catch (cause) {
    throw unreadable(folder, cause)
  }
}

async function* merged(cursors: readonly LogCursor[]): AsyncGenerator<Batch> {
  const waiting = await byBeginning(cursors)
  const active: LogCursor[] = []
  let items: Item[] = []
  for (;;) {
    const earliest = await leastOf(active)
    const next = waiting[0]
    if (next && (!earliest || next.begins <= timeOf(earliest))) {
      active.push(next.cursor)
      waiting.shift()
      continue
    }
    const item = earliest?.take()
    if (!item) break
    items.push(item)
    if (items.length < BATCH) continue
    yield { items, upToDate: false }
    items = []
  }
  if (items.length > 0) yield { items, upToDate: false }
}

interface Beginning {
  readonly cursor: LogCursor
  readonly begins: string
}

/** A log is opened for good when the reading comes to its first entry: most of them never overlap. */
async function byBeginning(cursors: readonly LogCursor[]): Promise<Beginning[]> {
  const found: Beginning[] = []
  for (const cursor of cursors) {
    const first = new LogCursor(cursor.folder)
    try {
      found.push({ cursor, begins: (await first.fill()) ? timeOf(first) : '' })
    } finally {
      await first.close()
    }
  }
  return found.sort((a, b) => (a.begins < b.begins ? -1 : a.begins > b.begins ? 1 : 0))
}

function timeOf(cursor: LogCursor): string {
  return cursor.head?.time ?? ''
}

/** The one with the earliest head; those that have no more are dropped. */
async function leastOf(active: LogCursor[]): Promise<LogCursor | undefined> {
  let least: LogCursor | undefined
  for (let index = active.length - 1; index >= 0; index -= 1) {
    const cursor = active[index]
    if (cursor && !cursor.head && !(await cursor.fill())) active.splice(index, 1)
    else if (cursor && (!least || isBefore(cursor, least))) least = cursor
  }
  return least
}

function isBefore(one: LogCursor, other: LogCursor): boolean {
  const [a, b] = [timeOf(one), timeOf(other)]
  return a === b ? one.folder < other.folder : a < b
}

async function* appended(cursors: ReadonlyMap<string, LogCursor>): AsyncGenerator<Batch> {
  for (const cursor of cursors.values()) {
    while (await cursor.fill()) {
      const items: Item[] = []
      for (let item = cursor.take(); item; item = cursor.take()) items.push(item)
      yield { items, upToDate: false }
    }
  }
}

function unfinished(cursors: ReadonlyMap<string, LogCursor>): readonly Damage[] {
  return [...cursors.values()].flatMap((cursor) => cursor.unfinished() ?? [])
}
