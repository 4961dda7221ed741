/** Timing of what takes less than a microsecond: by CPU, and by the clock where nobody took the core away meanwhile. */
import { percentile } from './numbers.ts'

/** Does so many of them from there on; returns how many went wrong. */
export type Run = (from: number, count: number) => number

/** So few that the slowest in a hundred still shows, so many that reading the clock does not (about 30 ns). */
export const BATCH = 8

export interface Counted {
  readonly done: number
  readonly wrong: number
  readonly perCpuSecond: number
}

/** CPU of the whole process, so that garbage collected on other threads is paid for too. */
export function takeWindow(run: Run, windowMs: number, chunk: number): Counted {
  let done = 0
  let wrong = 0
  const until = performance.now() + windowMs
  const before = process.cpuUsage()
  do {
    wrong += run(done, chunk)
    done += chunk
  } while (performance.now() < until)
  const used = process.cpuUsage(before)
  return { done, wrong, perCpuSecond: (done / (used.user + used.system)) * 1_000_000 }
}

export interface Timed {
  readonly sortedUs: Float64Array
  readonly wrong: number
}

/** Samples that are kept or thrown away together. */
const TOGETHER = 50
/** A core that is taken away all the time: what there is then counts. */
const MOST_TRIES = 20

/**
 * Times batches one by one. Where the system gave the core to somebody else meanwhile, that would be what is timed: such
 * samples are thrown away and taken again.
 */
export function timed(run: Run, samples: number, batch: number): Timed {
  const took = new Float64Array(samples)
  let wrong = 0
  let tries = 0
  for (let from = 0; from < samples;) {
    const to = Math.min(samples, from + TOGETHER)
    const before = process.resourceUsage().involuntaryContextSwitches
    for (let index = from; index < to; index += 1) {
      const began = performance.now()
      wrong += run(index * batch, batch)
      took[index] = (performance.now() - began) * 1000
    }
    tries += 1
    const switched = process.resourceUsage().involuntaryContextSwitches > before
    if (switched && tries < MOST_TRIES) continue
    tries = 0
    from = to
  }
  return { sortedUs: took.sort(), wrong }
}

/** What it costs to read the clock twice, µs. */
export function clockCost(): number {
  return percentile(timed(() => 0, 10_000, 1).sortedUs, 0.5)
}
