/** A lock that one process holds and the system lets go of when it dies: nobody has to find out whether it is stale. */
import { existsSync, writeFileSync } from 'node:fs'
import { loadSqlite } from './sqlite-load.ts'

const OWNER_FILE = 0o600
/** SQLITE_BUSY, https://www.sqlite.org/rescode.html */
const BUSY = 5

/**
 * Holds the file, a database of its own that nothing is written to, until the returned function lets go of it; undefined
 * where somebody else does.
 *
 * @throws what SQLite says where it cannot be opened.
 */
export function hold(path: string): (() => void) | undefined {
  const { DatabaseSync } = loadSqlite()
  if (!existsSync(path)) writeFileSync(path, '', { mode: OWNER_FILE, flag: 'a' })
  const database = new DatabaseSync(path)
  try {
    // An exclusive transaction holds a lock of the system on the file, and needs no journal as it writes nothing.
    database.exec('PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if (error instanceof Error && 'errcode' in error && error.errcode === BUSY) return undefined
    throw error
  }
  return () => {
    if (database.isOpen) database.close()
  }
}
