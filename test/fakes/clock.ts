/** A clock that stands still until told, and timers that fire when it is moved past them. */
import { instant, type Instant } from '../../src/model/id.ts'
import type { Clock, Timers } from '../../src/model/port.ts'

export interface FakeClock extends Clock, Timers {
  /** Moves wall and monotonic time, firing what falls due, in order. */
  advance(ms: number): void
  /** Sets wall time alone, as an operator or NTP would; monotonic time goes on. */
  setWall(iso: string): void
}

export function fakeClock(iso: string): FakeClock {
  let wall = Date.parse(iso)
  let mono = 0
  let timers: { readonly at: number; readonly action: () => void }[] = []
  const now = (): Instant => instant(wall)
  return {
    now,
    monotonic: () => mono,
    setWall: (to) => {
      wall = Date.parse(to)
    },
    after: (ms, action) => {
      const timer = { at: mono + ms, action }
      timers.push(timer)
      return () => {
        timers = timers.filter((other) => other !== timer)
      }
    },
    advance: (ms) => {
      const end = mono + ms
      for (;;) {
        const due = timers.filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)[0]
        if (!due) break
        timers = timers.filter((other) => other !== due)
        wall += due.at - mono
        mono = due.at
        due.action()
      }
      wall += end - mono
      mono = end
    },
  }
}
