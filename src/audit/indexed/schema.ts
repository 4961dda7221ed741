/**
 * The file `index.db` beside a log: where each call stands in it, by whom, under which mandate, what it was for and what came of
 * it. No value of an argument. It is made from the log and can be removed at any time.
 */
import type { DatabaseSync } from 'node:sqlite'

/** An index of another form is made anew. */
export const FORM = 1

const TABLES = `
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS file (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, size INTEGER, mtime INTEGER);
CREATE TABLE IF NOT EXISTS word (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, text TEXT NOT NULL, UNIQUE (kind, text));
CREATE TABLE IF NOT EXISTS row (
  seq INTEGER PRIMARY KEY, file INTEGER NOT NULL, offset INTEGER NOT NULL, size INTEGER NOT NULL,
  time INTEGER NOT NULL, ts INTEGER NOT NULL, kind INTEGER NOT NULL, target INTEGER NOT NULL, effects INTEGER NOT NULL,
  agent INTEGER, mandate INTEGER, verdict INTEGER, result INTEGER, reason INTEGER, rules INTEGER NOT NULL,
  sealed INTEGER NOT NULL, short TEXT,
  seq2 INTEGER, file2 INTEGER, offset2 INTEGER, size2 INTEGER, time2 INTEGER);
CREATE INDEX IF NOT EXISTS row_short ON row (short) WHERE short IS NOT NULL;
CREATE INDEX IF NOT EXISTS row_kind ON row (kind, verdict);
CREATE TABLE IF NOT EXISTS tile (level INTEGER NOT NULL, place INTEGER NOT NULL, hashes BLOB NOT NULL,
  PRIMARY KEY (level, place)) WITHOUT ROWID;
`

/** Words by what they say, so that those of one kind can be gone through. */
export const WORD = {
  target: 0,
  effects: 1,
  agent: 2,
  mandate: 3,
  verdict: 4,
  result: 5,
  reason: 6,
  rules: 7,
} as const
export type WordKind = keyof typeof WORD

const PATIENCE_MS = 5000

/** Two readers may make it at once. */
export function prepare(db: DatabaseSync): void {
  db.exec(`PRAGMA busy_timeout = ${PATIENCE_MS}`)
  db.exec('PRAGMA journal_mode = WAL')
  // What is lost with the power is made again.
  db.exec('PRAGMA synchronous = OFF')
  db.exec('BEGIN IMMEDIATE')
  const form = db.prepare('PRAGMA user_version').get()?.['user_version']
  if (form !== FORM) clear(db)
  db.exec(TABLES)
  db.exec(`PRAGMA user_version = ${FORM}`)
  db.exec('COMMIT')
}

/** Within a transaction. */
export function clear(db: DatabaseSync): void {
  for (const table of ['meta', 'file', 'word', 'row', 'tile'])
    db.exec(`DROP TABLE IF EXISTS ${table}`)
  db.exec(TABLES)
}
