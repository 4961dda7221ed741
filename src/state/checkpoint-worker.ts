/**
 * The thread that carries what was written from the log of the database into the database itself: that waits for the disk,
 * which the guard must not.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { loadSqlite } from './sqlite-load.ts'

/** Writers are made to wait for no longer. */
const BUSY_MS = 250

function serve(path: string): void {
  const port = parentPort
  if (!port) return
  const { DatabaseSync: Database } = loadSqlite()
  const database = new Database(path)
  database.exec(`PRAGMA busy_timeout = ${BUSY_MS}`)
  port.on('message', (how: unknown) => {
    try {
      // Writers go on while it copies.
      database.exec('PRAGMA wal_checkpoint(PASSIVE)')
      // Writers wait for the little that came in between, so that the next one begins at the start of the file.
      if (how === 'truncate') database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
      port.postMessage({ done: true })
    } catch (error) {
      port.postMessage({ fault: error instanceof Error ? error.message : String(error) })
    }
  })
}

serve(String(workerData))
