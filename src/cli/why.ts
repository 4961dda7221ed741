/** What operators say with a command that changes something: why, and for how long. */
import { GuardError } from '../model/error.ts'
import { durationMs } from '../model/time.ts'
import { printable } from './io.ts'

const LONGEST_WHY = 500
const LONGEST_MS = 365 * 86_400_000

export function usage(what: string, remedy: string): GuardError {
  return new GuardError('ERR_USAGE', `${what} (${remedy})`)
}

/** @throws GuardError ERR_USAGE where nobody would know why */
export function reasonOf(why: string | undefined): string {
  if (why === undefined || why.trim() === '')
    throw usage('nobody would know why', 'say it: `--why "…"`')
  const text = why.trim()
  if (text.length <= LONGEST_WHY && printable(text) === text) return text
  throw usage('`--why` is no sentence', `one line of at most ${LONGEST_WHY} characters`)
}

/** @throws GuardError ERR_USAGE where it is no time, or a very long one */
export function lastingMs(text: string): number {
  const ms = durationMs(text)
  if (ms !== undefined && ms > 0 && ms <= LONGEST_MS) return ms
  throw usage(`--for is \`${printable(text)}\``, 'expected a time such as 1h or 30m, at most 365d')
}
