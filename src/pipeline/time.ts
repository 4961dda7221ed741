/** Wall time, read once per call: it never goes back for a decision, and a jump back of more than 5 s denies. */
import type { Instant } from '../model/id.ts'
import type { Clock } from '../model/port.ts'
import type { TimeKeeper } from './port.ts'

const TOLERATED_MS = 5000

export function timeKeeper(clock: Clock): TimeKeeper {
  let latest: Instant = clock.now()
  return {
    read: () => {
      const now = clock.now()
      const movedBack = now < latest - TOLERATED_MS
      // A small step back is a correction of the clock: time stands still until it has caught up.
      if (now > latest) latest = now
      return { at: latest, movedBack }
    },
  }
}
