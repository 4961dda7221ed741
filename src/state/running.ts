/** Which guards run, as far as one can tell from outside. */
import type { Instant } from '../model/id.ts'

/** One that has not said so for as long is not running. */
const SILENT_MS = 30_000
/** One that is not heard of for as long is gone, though a process has its number: that is another's by now. */
const GONE_MS = 3_600_000

/** Tells whether a process with that number is there. */
export type IsRunning = (pid: number) => boolean

/** What a guard said last of itself. */
export interface LastSaid {
  readonly pid: number
  readonly heartbeatAt: Instant
}

export function isAlive(last: LastSaid, now: Instant, isRunning: IsRunning): boolean {
  return isRunning(last.pid) && now - last.heartbeatAt <= SILENT_MS
}

/** Will it ever settle what it holds? A guard whose machine sleeps for a while is not gone. */
export function isGone(last: LastSaid, now: Instant, isRunning: IsRunning): boolean {
  return !isRunning(last.pid) || now - last.heartbeatAt > GONE_MS
}

export const processRuns: IsRunning = (pid) => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // It is there, and belongs to somebody else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
