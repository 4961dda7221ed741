/** The real clock and timers; everything else gets them handed in. */
import { instant } from '../model/id.ts'
import type { Clock, Timers } from '../model/port.ts'

export const systemClock: Clock = {
  now: () => instant(Date.now()),
  monotonic: () => performance.now(),
}

export const systemTimers: Timers = {
  after: (ms, action) => {
    const timer = setTimeout(action, Math.min(ms, 2 ** 31 - 1))
    timer.unref()
    return () => clearTimeout(timer)
  },
}
