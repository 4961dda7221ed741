/**
 * Waits for others that write. SQLite waits between two looks for up to a tenth of a second, in which those who are quicker
 * take turns: here it looks every millisecond, so that nobody waits for long.
 */
import { isBusy } from './sqlite-fault.ts'

/** How long SQLite itself waits, in milliseconds. */
export const BUSY_MS = 2
/** Two seconds in all. */
const TRIES = 1000
/** More: it is opened once, and whoever starts beside it may be mending what a crash has left. */
export const OPENING_TRIES = 5000

/** @throws what `act` throws last, where it is still locked after that */
export function patiently<T>(act: () => T, tries: number = TRIES): T {
  for (let tried = 1; ; tried += 1) {
    try {
      return act()
    } catch (error) {
      if (!isBusy(error) || tried === tries) throw error
      // Not all that is locked is waited for by SQLite.
      if (tried % 10 === 0) Atomics.wait(PAUSE, 0, 0, BUSY_MS)
    }
  }
}

const PAUSE = new Int32Array(new SharedArrayBuffer(4))
