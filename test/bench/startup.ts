/** Start-up: from the spawn to the answer to the first `tools/list`, of every target in turns. */
import { open } from './client.ts'
import { cpuOf } from './linux.ts'
import { median, medianDifference } from './numbers.ts'
import { DIRECT, RELAY, type Target } from './target.ts'
import type { Contender, Yardsticks } from './turns.ts'

export interface StartupResult {
  readonly name: string
  readonly kind: Target['kind']
  readonly failed?: string
  readonly note?: string
  readonly starts: number
  readonly firstListMs: number
  readonly slowestMs: number
  readonly overDirectMs: number
  readonly overBaselineMs: number
  /** CPU of the target's own process until then, without its upstream; steadier than the time. */
  readonly cpuMs: number | undefined
}

/** Something that can be started over and over. */
export interface Starter extends Omit<Contender, 'open' | 'share'> {
  /** @throws Error when it does not start or does not answer. */
  start(): Promise<Started>
}

export interface Started {
  readonly pid: number
  /** Milliseconds from the spawn to the answer to the first `tools/list`. */
  readonly firstListMs: number
  stop(): Promise<void>
}

export function measureStartup(
  targets: readonly Target[],
  rounds: number,
  say: (line: string) => void,
): Promise<readonly StartupResult[]> {
  const yardsticks = { direct: DIRECT, baseline: RELAY }
  return measureStarts(targets.map(starter), rounds, yardsticks, say)
}

function starter({ name, kind, missing, line }: Target): Starter {
  return {
    name,
    kind,
    ...(missing !== undefined && { missing }),
    start: async () => {
      const { client, firstListMs } = await open(line)
      return { pid: client.pid, firstListMs, stop: () => client.stop() }
    },
  }
}

/** The first round fills the page cache and is not counted. */
export async function measureStarts(
  starters: readonly Starter[],
  rounds: number,
  yardsticks: Yardsticks,
  say: (line: string) => void,
): Promise<readonly StartupResult[]> {
  const taken = new Map<string, Taken>(starters.map(({ name }) => [name, { ms: [], cpuMs: [] }]))
  const failed = new Map<string, string>()
  for (const { name, missing } of starters) {
    if (missing !== undefined) failed.set(name, missing)
  }
  for (let round = 0; round <= rounds; round += 1) {
    say(`start-up: round ${round} of ${rounds}`)
    for (const each of round % 2 === 0 ? starters : starters.toReversed()) {
      if (failed.has(each.name)) continue
      try {
        await takeStart(each, round > 0 ? taken.get(each.name) : undefined)
      } catch (error) {
        failed.set(each.name, error instanceof Error ? error.message : String(error))
      }
    }
  }
  const of = (name: string): readonly number[] => taken.get(name)?.ms ?? []
  return starters.map(({ name, kind, note }) => {
    const own = of(name)
    const cpuMs = taken.get(name)?.cpuMs ?? []
    const why = failed.get(name)
    return {
      name,
      kind,
      ...(why !== undefined && { failed: why }),
      ...(note !== undefined && { note }),
      starts: own.length,
      firstListMs: median(own),
      slowestMs: own.length === 0 ? Number.NaN : Math.max(...own),
      overDirectMs: medianDifference(own, of(yardsticks.direct)),
      overBaselineMs: medianDifference(own, of(yardsticks.baseline)),
      cpuMs: cpuMs.length === 0 ? undefined : median(cpuMs),
    }
  })
}

/** What the counted starts of one target took. */
interface Taken {
  readonly ms: number[]
  readonly cpuMs: number[]
}

async function takeStart(each: Starter, into: Taken | undefined): Promise<void> {
  const started = await each.start()
  const cpuUs = cpuOf(started.pid)
  await started.stop()
  into?.ms.push(started.firstListMs)
  if (cpuUs !== undefined) into?.cpuMs.push(cpuUs / 1000)
}
