/** Which guards run, as far as one can tell from outside. */
import { instant, type Instant } from '../model/id.ts'

/** One that has not said so for as long is not running. */
const SILENT_MS = 30_000
/** Tells whether a process with that number is there. */
export type IsRunning = (pid: number) => boolean

/** What a guard said last of itself. */
export interface LastSaid {
  readonly pid: number
  readonly heartbeatAt: Instant
}

/** Tells whether the process of one that said this is there. */
export type Runs = (last: LastSaid) => boolean

/** The process that asks. */
export interface Own {
  readonly pid: number
  /** When it began. */
  readonly since: Instant
}

export function ownProcess(now: Instant): Own {
  return { pid: process.pid, since: instant(now - Math.ceil(process.uptime() * 1000)) }
}

/** Where numbers are given out anew, as in a container, a predecessor had that of this process: it is gone. */
export function runsBeside(own: Own, isRunning: IsRunning): Runs {
  return ({ pid, heartbeatAt }) => (pid !== own.pid || heartbeatAt >= own.since) && isRunning(pid)
}

export function isAlive(last: LastSaid, now: Instant, runs: Runs): boolean {
  return runs(last) && now - last.heartbeatAt <= SILENT_MS
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
