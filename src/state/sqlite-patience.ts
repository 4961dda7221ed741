/**
 * Waits for others that write. SQLite waits between two looks for up to a tenth of a second, in which those who are quicker
 * take turns: here it looks every millisecond, so that nobody waits for long.
 */
import { isBusy } from './sqlite-fault.ts'

/** How long SQLite itself waits, in milliseconds. */
export const BUSY_MS = 2
/** How long it is tried, in milliseconds: the guard does nothing else meanwhile. */
const PATIENCE_MS = 2000
/** More: it is opened once, and whoever starts beside it may be mending what a crash has left. */
export const OPENING_MS = 10_000

/** @throws what `act` throws last, where it is still locked after that */
export function patiently<T>(act: () => T, patience: number = PATIENCE_MS): T {
  let end: number | undefined
  for (;;) {
    try {
      return act()
    } catch (error) {
      end ??= performance.now() + patience
      if (!isBusy(error) || performance.now() >= end) throw error
      // Not all that is locked is waited for by SQLite.
      Atomics.wait(PAUSE, 0, 0, 1)
    }
  }
}

const PAUSE = new Int32Array(new SharedArrayBuffer(4))
