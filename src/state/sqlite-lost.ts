/** A state that was there and is not any more: guards have left something in its folder, and none runs without a state. */
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** As the record names them: `src/audit` says what they are. */
const LOGS = 'log'
const LOG_LOCK = 'lock.db'
const LOG_VKEY = 'log.vkey'

/** True also where it cannot be looked up. Guards make their state before their record: who comes second finds both. */
export function isLost(path: string): boolean {
  return (existsSync(`${path}-wal`) || hasRecord(dirname(path))) && !existsSync(path)
}

function hasRecord(state: string): boolean {
  if (existsSync(join(state, LOG_VKEY))) return true
  const folder = join(state, LOGS)
  try {
    return readdirSync(folder).some((log) => existsSync(join(folder, log, LOG_LOCK)))
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ENOENT')
  }
}
