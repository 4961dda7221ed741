/** The index of one log: opened, brought up to date, asked. Whatever goes wrong with it, the log itself can be read. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync, SQLInputValue, SQLOutputValue } from 'node:sqlite'
import { isObject } from '../../model/json.ts'
import { matches, type RowFilter } from '../filter.ts'
import { type Row, rowOf } from '../row.ts'
import { catchUp, type CaughtUp } from './catch-up.ts'
import { openDatabase } from './load.ts'
import { EntryReader, type StandingEntry } from './place.ts'
import { conditionOf, wordsOf } from './query.ts'
import { prepare } from './schema.ts'
import { Tiles } from './tiles.ts'
import { KINDS } from './writer.ts'

const FILE = 'index.db'

/** What is in the index is not in the log any more. */
export class Stale extends Error {}

export interface Counted {
  readonly verdict: string | undefined
  readonly kind: Row['kind']
  readonly count: number
}

const COLUMNS = `row.seq, row.time, row.kind, one.name AS file, row.offset, row.size,
  row.seq2, two.name AS file2, row.offset2, row.size2, row.time2`
const FILES = 'JOIN file one ON one.id = row.file LEFT JOIN file two ON two.id = row.file2'

export class LogIndex {
  readonly folder: string
  readonly #db: DatabaseSync
  readonly #reader: EntryReader
  readonly tiles: Tiles

  private constructor(folder: string, db: DatabaseSync) {
    this.folder = folder
    this.#db = db
    this.#reader = new EntryReader(folder)
    this.tiles = new Tiles(db)
  }

  /**
   * `where`: beside the log, or in memory for as long as it is open. A file that is no index is removed.
   *
   * @throws Error where it cannot be made
   */
  static open(folder: string, where: 'beside' | 'memory'): LogIndex {
    if (where === 'memory') return LogIndex.#opened(folder, ':memory:')
    const path = join(folder, FILE)
    try {
      return LogIndex.#opened(folder, path)
    } catch (error) {
      if (!isBroken(error)) throw error
      for (const end of ['', '-wal', '-shm']) rmSync(`${path}${end}`, { force: true })
      return LogIndex.#opened(folder, path)
    }
  }

  static #opened(folder: string, path: string): LogIndex {
    const db = openDatabase(path)
    try {
      prepare(db)
      return new LogIndex(folder, db)
    } catch (error) {
      db.close()
      throw error
    }
  }

  /** How many entries it has, one after the other. */
  get size(): number {
    const text = this.#db.prepare("SELECT value FROM meta WHERE key = 'progress'").get()?.['value']
    const progress: unknown = typeof text === 'string' ? JSON.parse(text) : undefined
    return isObject(progress) && typeof progress['seq'] === 'number' ? progress['seq'] : 0
  }

  catchUp(signal?: AbortSignal): Promise<CaughtUp> {
    return catchUp(this.#db, this.folder, signal)
  }

  /** How many rows match, by what came of them. @throws Stale */
  count(filter: RowFilter): readonly Counted[] {
    const { sql, values, loose, through } = conditionOf(this.#db, filter)
    const sure = loose === undefined ? sql : `${sql} AND NOT (${loose})`
    const verdicts = new Map(wordsOf(this.#db, 'verdict'))
    const counted = this.#db
      .prepare(
        `SELECT verdict, kind, count(*) AS count FROM row ${through} WHERE ${sure} GROUP BY kind, verdict`,
      )
      .all(...values)
      .map(({ verdict, kind, count }): Counted => {
        return {
          verdict: typeof verdict === 'number' ? verdicts.get(verdict) : undefined,
          kind: KINDS[numberOf(kind)] ?? 'other',
          count: numberOf(count),
        }
      })
    if (loose === undefined) return counted
    const others = this.#rows(`${sql} AND (${loose})`, values)
    const fit = [...others].filter((row) => matches(row, filter))
    return [...counted, ...fit.map(({ verdict, kind }) => ({ verdict, kind, count: 1 }))]
  }

  /** The last rows that match, the latest first. @throws Stale */
  last(filter: RowFilter, count: number): readonly Row[] {
    const { sql, values } = conditionOf(this.#db, filter)
    const found: Row[] = []
    for (const row of this.#rows(sql, values)) {
      if (found.length >= count) break
      if (matches(row, filter)) found.push(row)
    }
    return found
  }

  /** The entry at which a row begins, as it stands in the log. @throws Stale */
  entry(seq: number): StandingEntry | undefined {
    const found = this.#db.prepare(`SELECT ${COLUMNS} FROM row ${FILES} WHERE row.seq = ?`).get(seq)
    return found && this.#read(found, '')
  }

  *#rows(sql: string, values: readonly SQLInputValue[]): Generator<Row> {
    const statement = this.#db.prepare(
      `SELECT ${COLUMNS} FROM row ${sql.includes('short = ?') ? '' : 'NOT INDEXED'} ${FILES} WHERE ${sql} ORDER BY row.seq DESC`,
    )
    for (const found of statement.iterate(...values)) {
      const first = this.#read(found, '')
      const outcome = found['seq2'] === null ? undefined : this.#read(found, '2')
      const row = rowOf(outcome ? [first.item, outcome.item] : [first.item])
      if (row) yield row
    }
  }

  #read(found: Record<string, SQLOutputValue>, which: '' | '2'): StandingEntry {
    const seq = numberOf(found[`seq${which}`])
    const file = found[`file${which}`]
    const place = {
      file: typeof file === 'string' ? file : '',
      offset: numberOf(found[`offset${which}`]),
      size: numberOf(found[`size${which}`]),
    }
    const time = new Date(numberOf(found[`time${which}`])).toISOString()
    const entry = this.#reader.read(place, time)
    if (entry?.leaf !== this.tiles.leaf(seq) || entry.item.entry.seq !== seq)
      throw new Stale(`record ${seq} of \`${this.folder}\` is not the one that was indexed`)
    return entry
  }

  close(): void {
    this.#reader.close()
    this.#db.close()
  }
}

function numberOf(value: SQLOutputValue | undefined): number {
  return typeof value === 'number' ? value : 0
}

/** https://www.sqlite.org/rescode.html: a file that is damaged, or none of its own. */
const BROKEN: ReadonlySet<number> = new Set([11, 26])
/** Another is at it, nobody may write there, the disk fails or is full, it cannot be opened. */
const IN_THE_WAY: ReadonlySet<number> = new Set([5, 6, 8, 10, 13, 14])

function isBroken(error: unknown): boolean {
  return BROKEN.has(primaryCode(error))
}

/** Is it the world that keeps an index from being had, rather than a fault in here? */
export function cannotBeHad(error: unknown): boolean {
  if (error instanceof Stale) return true
  const code = primaryCode(error)
  if (code > 0) return BROKEN.has(code) || IN_THE_WAY.has(code)
  return error instanceof Error && 'code' in error && 'syscall' in error
}

/** The extended codes of SQLite have theirs in the lowest byte. 0: it is no error of SQLite. */
function primaryCode(error: unknown): number {
  if (!(error instanceof Error) || !('errcode' in error)) return 0
  return typeof error.errcode === 'number' ? error.errcode & 0xff : 0
}
