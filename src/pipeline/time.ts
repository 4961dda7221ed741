/**
 * Wall time, read once per call: it never goes back for a decision, and a jump back of more than 5 s denies, until it has
 * caught up. What another guard of this machine has seen counts, too.
 */
import type { Instant } from '../model/id.ts'
import type { Clock } from '../model/port.ts'
import type { TimeKeeper } from './port.ts'

const TOLERATED_MS = 5000

/** How often what other guards have seen is looked up. */
const LOOK_MS = 1000

/**
 * `seen`: the latest wall time that any guard knows of. It goes back only where an operator says that it was wrong, and then
 * this one follows: `resets` counts how often that was.
 *
 * @throws GuardError ERR_STATE_UNUSABLE where that is not known at the start; later, what was known last counts
 */
export function timeKeeper(
  clock: Clock,
  seen?: () => Instant,
  resets: () => number = () => 0,
): TimeKeeper {
  const start = clock.now()
  let followed = resets()
  let known: Instant = seen?.() ?? start
  let latest: Instant = known > start ? known : start
  let looked = clock.monotonic()
  const back = (now: Instant): boolean => now < latest - TOLERATED_MS
  const look = (now: Instant, see: () => Instant): void => {
    const before = known
    looked = clock.monotonic()
    let wasWrong: boolean
    try {
      // Before the time: a reset in between is followed with the next look.
      const count = resets()
      known = see()
      wasWrong = count !== followed
      followed = count
    } catch {
      return
    }
    if (known > latest || ((wasWrong || known < before) && back(now))) latest = known
  }
  return {
    read: () => {
      const now = clock.now()
      if (seen && (back(now) || clock.monotonic() - looked >= LOOK_MS)) look(now, seen)
      const movedBack = back(now)
      // A small step back is a correction of the clock: time stands still until it has caught up.
      if (now > latest) latest = now
      return { at: latest, movedBack }
    },
  }
}
