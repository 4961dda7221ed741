/** What is wrong with a store, for the person who can mend it. */
import { GuardError } from '../model/error.ts'

/** What is the matter, and what to do about it. */
type Matter = readonly [what: string, remedy: string]

const RESTORE =
  'put a backup in its place, or move it away and say that what was used, revoked and seen begins anew: `chaperone resume state --why …`'

/** By SQLite's primary result codes: https://www.sqlite.org/rescode.html */
const MATTERS: ReadonlyMap<number, Matter> = new Map([
  [5, ['another process keeps it locked', 'end that process, or try again']],
  [6, ['another process keeps it locked', 'end that process, or try again']],
  [8, ['it cannot be written', 'check the permissions of the file and of its folder']],
  [10, ['the disk does not read or write it', 'check the disk']],
  [11, ['it is damaged', RESTORE]],
  [13, ['the disk is full', 'make room on it']],
  [14, ['it cannot be opened', 'check the permissions of the file and of its folder']],
  [26, ['it is no database, or damaged', RESTORE]],
])

export function unusable(path: string, [what, remedy]: Matter, cause?: unknown): GuardError {
  const message = `the state \`${path}\` cannot be used: ${what} (${remedy})`
  return new GuardError('ERR_STATE_UNUSABLE', message, cause === undefined ? {} : { cause })
}

export function lost(path: string): GuardError {
  return unusable(path, [
    'it is not there, and guards have left something beside it',
    'put it back from a backup, or say that what was used, revoked and seen begins anew: `chaperone resume state --why …`',
  ])
}

export function damaged(path: string, what: string): GuardError {
  return unusable(path, [what, RESTORE])
}

/** What SQLite or the system threw, as a fault of the store; a fault that is one already stays as it is. */
export function storeFault(path: string, error: unknown): GuardError {
  if (error instanceof GuardError) return error
  const known = MATTERS.get(resultOf(error) ?? -1)
  if (known) return unusable(path, known, error)
  const said = error instanceof Error ? error.message : String(error)
  return unusable(path, [said, 'start the guard anew; if it stays, check the file'], error)
}

/** True where waiting may help. */
export function isBusy(error: unknown): boolean {
  const result = resultOf(error)
  return result === 5 || result === 6
}

/** SQLite's primary result code; undefined for what is no error of SQLite. */
function resultOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined
  return typeof error.errcode === 'number' ? error.errcode & 0xff : undefined
}
