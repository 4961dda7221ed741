/** Start-up: from the spawn to the answer to the first `tools/list`, of every target in turns. */
import { open } from './client.ts'
import { cpuOf } from './linux.ts'
import { median, medianDifference } from './numbers.ts'
import { DIRECT, RELAY, type Target } from './target.ts'

export interface StartupResult {
  readonly name: string
  readonly kind: Target['kind']
  readonly failed?: string
  readonly starts: number
  readonly firstListMs: number
  readonly slowestMs: number
  readonly overDirectMs: number
  readonly overRelayMs: number
  /** CPU of the target's own process until then, without its upstream; steadier than the time. */
  readonly cpuMs: number | undefined
}

/** The first round fills the page cache and is not counted. */
export async function measureStartup(
  targets: readonly Target[],
  rounds: number,
  say: (line: string) => void,
): Promise<readonly StartupResult[]> {
  const times = new Map<string, number[]>(targets.map((target) => [target.name, []]))
  const cpu = new Map<string, number[]>(targets.map((target) => [target.name, []]))
  const failed = new Map<string, string>()
  for (const target of targets) {
    if (target.missing !== undefined) failed.set(target.name, target.missing)
  }
  const takeStart = async (target: Target, counted: boolean): Promise<void> => {
    try {
      const { client, firstListMs } = await open(target.line)
      const cpuUs = cpuOf(client.pid)
      await client.stop()
      if (!counted) return
      times.get(target.name)?.push(firstListMs)
      if (cpuUs !== undefined) cpu.get(target.name)?.push(cpuUs / 1000)
    } catch (error) {
      failed.set(target.name, error instanceof Error ? error.message : String(error))
    }
  }
  for (let round = 0; round <= rounds; round += 1) {
    say(`start-up: round ${round} of ${rounds}`)
    for (const target of round % 2 === 0 ? targets : targets.toReversed()) {
      if (!failed.has(target.name)) await takeStart(target, round > 0)
    }
  }
  const of = (name: string): readonly number[] => times.get(name) ?? []
  return targets.map((target) => {
    const own = of(target.name)
    const cpuUsed = cpu.get(target.name) ?? []
    const why = failed.get(target.name)
    return {
      name: target.name,
      kind: target.kind,
      ...(why === undefined ? {} : { failed: why }),
      starts: own.length,
      firstListMs: median(own),
      slowestMs: own.length === 0 ? Number.NaN : Math.max(...own),
      overDirectMs: medianDifference(own, of(DIRECT)),
      overRelayMs: medianDifference(own, of(RELAY)),
      cpuMs: cpuUsed.length === 0 ? undefined : median(cpuUsed),
    }
  })
}
