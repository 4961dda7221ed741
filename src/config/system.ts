/** The real clock, timers and hints of the disk; everything else gets them handed in. */
import { watch } from 'node:fs'
import { instant } from '../model/id.ts'
import type { Clock, Timers, Watch } from '../model/port.ts'

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

/** Does not keep the process alive. Where the system cannot say what changes, or ceases to, there are no hints. */
export const systemWatch: Watch = (path, hint) => {
  try {
    const watcher = watch(path, { persistent: false }, () => hint())
    watcher.on('error', () => watcher.close())
    return () => watcher.close()
  } catch {
    return () => undefined
  }
}
