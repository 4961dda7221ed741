/** Waiting, but not for ever. */
import type { Timers } from '../../../model/port.ts'

/** Resolves when the work is done, or after so long whether it is or not. */
export async function atMost(timers: Timers, ms: number, work: Promise<void>): Promise<void> {
  let takeBack = (): void => undefined
  const patience = new Promise<void>((resolve) => {
    takeBack = timers.after(ms, resolve)
  })
  await Promise.race([work, patience])
  takeBack()
}
