/** Brings an index up to what its log has, a piece at a time, so that two readers can do it at once. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { Damage } from '../cursor.ts'
import { type CursorStart, LogCursor } from '../cursor.ts'
import { leafHash } from '../digest.ts'
import { sha256 } from '../../model/id.ts'
import { isObject } from '../../model/json.ts'
import { EntryReader, type Place } from './place.ts'
import { clear } from './schema.ts'
import { Tiles } from './tiles.ts'
import { RowWriter } from './writer.ts'

/** Entries that are put in between two looks at what others did. */
const PIECE = 20_000

/** How far it went. */
interface Progress extends CursorStart {
  /** The entry that was read last, by which the log is known again. */
  readonly last: Place & { readonly leaf: string }
  /** False where the entries are not numbered one after the other: there is no tree over them then. */
  readonly sound: boolean
}

export interface CaughtUp {
  /** Something is wrong with the log before its end: rows cannot be told from the index alone. */
  readonly damaged: boolean
  /** What stands behind the last line end. */
  readonly unfinished: Damage | undefined
}

/** @throws what the system or SQLite says */
export async function catchUp(
  db: DatabaseSync,
  folder: string,
  signal?: AbortSignal,
): Promise<CaughtUp> {
  let first = true
  for (;;) {
    db.exec('BEGIN IMMEDIATE')
    try {
      const step = await onePiece(db, folder, first)
      db.exec('COMMIT')
      first = false
      if (step.done) return step
    } catch (error) {
      db.exec('ROLLBACK')
      throw error
    }
    signal?.throwIfAborted()
  }
}

async function onePiece(
  db: DatabaseSync,
  folder: string,
  first: boolean,
): Promise<CaughtUp & { readonly done: boolean }> {
  let before = readProgress(db)
  if (first && before && !isSame(db, folder, before)) {
    clear(db)
    before = undefined
  }
  const cursor = new LogCursor(folder, { opens: false, ...(before && { start: before }) })
  try {
    const taken = await take(db, cursor, before)
    const { position } = cursor
    const last = taken.last ?? before?.last
    if (position && last) {
      const progress = { ...position, last, sound: taken.sound }
      db.prepare("INSERT OR REPLACE INTO meta (key, value) VALUES ('progress', ?)").run(
        JSON.stringify(progress),
      )
      if (taken.done) closeFiles(db, folder, position.file)
    }
    return { done: taken.done, damaged: !taken.sound, unfinished: cursor.unfinished() }
  } finally {
    await cursor.close()
  }
}

interface Taken {
  readonly done: boolean
  readonly sound: boolean
  readonly last: Progress['last'] | undefined
}

async function take(
  db: DatabaseSync,
  cursor: LogCursor,
  before: Progress | undefined,
): Promise<Taken> {
  const rows = new RowWriter(db)
  const tiles = new Tiles(db)
  let sound = before?.sound ?? true
  tiles.load(sound ? (before?.seq ?? 0) : 0)
  let last: Progress['last'] | undefined
  let count = 0
  let done = false
  while (!done) {
    done = !(await cursor.fill())
    for (let item = cursor.take(); item; item = cursor.take()) {
      count += 1
      if (item.kind === 'damage') {
        sound = false
        continue
      }
      rows.add(item)
      const { file, offset, line, entry } = item
      const leaf = leafHash(line)
      last = { file, offset, size: Buffer.byteLength(line), leaf }
      if (entry.seq === tiles.size) tiles.push(leaf)
      else sound = false
    }
    if (count >= PIECE) break
  }
  rows.flush()
  tiles.save()
  return { done, sound, last }
}

function readProgress(db: DatabaseSync): Progress | undefined {
  const text = db.prepare("SELECT value FROM meta WHERE key = 'progress'").get()?.['value']
  if (typeof text !== 'string') return undefined
  const value: unknown = JSON.parse(text)
  if (!isObject(value)) return undefined
  const { file, offset, line, seq, leaf, time, sound } = value
  const last = placeOf(value['last'])
  if (typeof file !== 'string' || typeof time !== 'string' || !last) return undefined
  if (typeof offset !== 'number' || typeof line !== 'number' || typeof seq !== 'number')
    return undefined
  return {
    file,
    offset,
    line,
    seq,
    time,
    leaf: typeof leaf === 'string' ? sha256(leaf) : undefined,
    last,
    sound: sound === true,
  }
}

function placeOf(value: unknown): Progress['last'] | undefined {
  if (!isObject(value)) return undefined
  const { file, offset, size, leaf } = value
  if (typeof file !== 'string' || typeof leaf !== 'string') return undefined
  if (typeof offset !== 'number' || typeof size !== 'number') return undefined
  return { file, offset, size, leaf }
}

/** Is the log still the one that was read? The entry that was read last names, through others, all before it. */
function isSame(db: DatabaseSync, folder: string, { file, offset, last }: Progress): boolean {
  const reader = new EntryReader(folder)
  try {
    if (statSync(join(folder, file)).size < offset) return false
    for (const { name, size, mtime } of db.prepare('SELECT name, size, mtime FROM file').all()) {
      if (typeof name !== 'string') return false
      const found = statSync(join(folder, name))
      const known = size === null || (found.size === size && found.mtimeMs === mtime)
      if (!known) return false
    }
    return leafHash(reader.bytes(last).toString('utf8')) === last.leaf
  } catch {
    return false
  } finally {
    reader.close()
  }
}

/** Nothing is written to files before the last one any more. */
function closeFiles(db: DatabaseSync, folder: string, current: string): void {
  const set = db.prepare('UPDATE file SET size = ?, mtime = ? WHERE name = ? AND size IS NULL')
  const open = db.prepare('SELECT name FROM file WHERE size IS NULL AND name <> ?').all(current)
  for (const { name } of open) {
    if (typeof name !== 'string') continue
    const { size, mtimeMs } = statSync(join(folder, name))
    set.run(size, mtimeMs, name)
  }
}
