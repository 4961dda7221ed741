/**
 * The file of the store: made whole or not at all, for its owner alone; opened only where it is ours, of a form that is
 * known, and readable. Nothing is ever begun anew in the place of what cannot be read.
 */
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  closeSync,
  rmSync,
  type Stats,
} from 'node:fs'
import { dirname } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { makeFolders } from '../model/folder.ts'
import { damaged, lost, storeFault, unusable } from './sqlite-fault.ts'
import { loadSqlite } from './sqlite-load.ts'
import { isLost } from './sqlite-lost.ts'
import { BUSY_MS, OPENING_MS, patiently } from './sqlite-patience.ts'
import { APPLICATION_ID, MIGRATIONS } from './sqlite-schema.ts'

const OWNER_FOLDER = 0o700
const OWNER_FILE = 0o600
const OTHERS = 0o077
/** Of what the log of writes leaves behind when it begins anew, in bytes. */
const WAL_KEPT = 1024 * 1024

/**
 * Small pages: a call changes few rows, and each changed page is written whole. Checkpoints are a thread's work
 * (sqlite-wal.ts).
 */
const SETTINGS = `
  PRAGMA busy_timeout = ${BUSY_MS};
  PRAGMA trusted_schema = OFF;
  PRAGMA synchronous = NORMAL;
  PRAGMA wal_autocheckpoint = 0;
  PRAGMA journal_size_limit = ${WAL_KEPT};
`

export interface StoreFile {
  readonly raw: DatabaseSync
  /** Differs for a file that took its place. */
  readonly identity: string
  /** True where there was none before. */
  readonly made: boolean
}

/**
 * `anew`: one is made also where there was one.
 *
 * @throws GuardError ERR_STATE_UNUSABLE
 */
export function openFile(path: string, anew = false): StoreFile {
  try {
    if (!isThere(path) && isLost(path)) {
      if (!anew) throw lost(path)
      // SQLite would take what they hold for a part of the new one.
      for (const beside of ['-wal', '-shm']) rmSync(`${path}${beside}`, { force: true })
    }
    const made = !isThere(path) && make(path)
    const found = owned(path)
    return { raw: patiently(() => connect(path), OPENING_MS), identity: identityOf(found), made }
  } catch (error) {
    throw storeFault(path, error)
  }
}

/** @throws GuardError ERR_STATE_UNUSABLE where the file that was opened is no longer there. */
export function sameFile(path: string, identity: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found !== undefined && identityOf(found) === identity) return
  const what = found === undefined ? 'it was removed' : 'another file took its place'
  throw unusable(path, [what, 'put it back, then start every guard of this folder anew'])
}

function identityOf({ dev, ino }: Stats): string {
  return `${dev} ${ino}`
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

function owned(path: string): Stats {
  const found = lstatSync(path)
  if (!found.isFile()) throw damaged(path, 'it is no regular file')
  if (found.size === 0) throw damaged(path, 'it is empty')
  // What others may read or write was not left so by a guard.
  if (process.platform !== 'win32' && (found.mode & OTHERS) !== 0) chmodSync(path, OWNER_FILE)
  return found
}

/** It appears complete under its name, or not at all; of several that make it at once, one does. False for the others. */
function make(path: string): boolean {
  makeFolders(dirname(path), (folder) => mkdirSync(folder, OWNER_FOLDER))
  const fresh = `${path}.${process.pid}.${process.hrtime.bigint()}.new`
  closeSync(openSync(fresh, 'wx', OWNER_FILE))
  try {
    const { DatabaseSync: Database } = loadSqlite()
    const raw = new Database(fresh)
    try {
      raw.exec('PRAGMA page_size = 1024; PRAGMA journal_mode = WAL')
      raw.exec(`PRAGMA application_id = ${APPLICATION_ID}`)
      migrate(raw, fresh)
    } finally {
      raw.close()
    }
    linkSync(fresh, path)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(fresh, { force: true })
  }
}

function connect(path: string): DatabaseSync {
  const { DatabaseSync: Database } = loadSqlite()
  const raw = new Database(path)
  try {
    raw.exec(`PRAGMA busy_timeout = ${BUSY_MS}`)
    if (numberOf(raw, 'application_id') !== APPLICATION_ID)
      throw unusable(path, [
        'it is a database of another application',
        'name another state folder, or move it away',
      ])
    raw.exec(SETTINGS)
    migrate(raw, path)
    return raw
  } catch (error) {
    raw.close()
    throw error
  }
}

function migrate(raw: DatabaseSync, path: string): void {
  if (versionOf(raw, path) === MIGRATIONS.length) return
  raw.exec('BEGIN IMMEDIATE')
  try {
    // Another process may have done it in between.
    for (const change of MIGRATIONS.slice(versionOf(raw, path))) change(raw)
    raw.exec(`PRAGMA user_version = ${MIGRATIONS.length}; COMMIT`)
  } catch (error) {
    if (raw.isTransaction) raw.exec('ROLLBACK')
    throw error
  }
}

function versionOf(raw: DatabaseSync, path: string): number {
  const version = numberOf(raw, 'user_version')
  if (version <= MIGRATIONS.length) return version
  throw unusable(path, [
    `its form is ${version}, and this version knows ${MIGRATIONS.length}`,
    'use the chaperone that wrote it, or a newer one',
  ])
}

function numberOf(raw: DatabaseSync, pragma: string): number {
  const value = raw.prepare(`PRAGMA ${pragma}`).get()?.[pragma]
  if (typeof value !== 'number') throw new TypeError(`${pragma} is no number`)
  return value
}
