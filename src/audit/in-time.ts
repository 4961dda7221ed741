/** Work that somebody else does is given up when it takes too long. */
import type { Timers } from '../model/port.ts'

export interface Limit {
  readonly timers: Timers
  readonly ms: number
}

/**
 * As the work ends, or rejected with what `late` says once the time is up. What comes of the work after that is nobody's.
 *
 * The time is two halves: where the process itself stood still (a machine that slept), what is done by then is heard of
 * before the second one begins to count.
 */
export function inTime(
  work: Promise<void>,
  { timers, ms }: Limit,
  late: () => Error,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let stop = timers.after(ms / 2, () => {
      stop = timers.after(ms / 2, () => reject(late()))
    })
    work.then(
      () => {
        stop()
        resolve()
      },
      (error: unknown) => {
        stop()
        reject(error instanceof Error ? error : new Error(String(error)))
      },
    )
  })
}
