/** The sections over HTTP that are measured in turns: calls in both eras, and start-up. */
import { measureStarts, type Starter, type StartupResult } from '../startup.ts'
import type { Workshop } from '../target.ts'
import { measureInTurns, type Contender, type TurnsPlan, type TurnsResult } from '../turns.ts'
import { openProven, openTarget, openUpstream } from './open.ts'
import { ERAS, type Era } from './request.ts'
import { YARDSTICKS, type HttpTarget, type Upstream } from './target.ts'

export interface HttpResult {
  readonly era: Era
  readonly targets: readonly TurnsResult[]
}

/** One era after the other, every target in a process of its own for each. */
export async function measureHttp(
  targets: readonly HttpTarget[],
  plan: TurnsPlan,
  workshop: Workshop,
  say: (line: string) => void,
): Promise<readonly HttpResult[]> {
  const upstream = await openUpstream('http-upstream', workshop.folder)
  try {
    const results: HttpResult[] = []
    for (const era of ERAS) {
      const contenders = targets.map((target) => contender(target, era, upstream))
      const tell = (line: string): void => say(`http, ${era}: ${line}`)
      const rows = await measureInTurns(contenders, plan, YARDSTICKS, tell)
      results.push({ era, targets: rows })
    }
    return results
  } finally {
    await upstream.stop()
  }
}

function contender(target: HttpTarget, era: Era, upstream: Upstream): Contender {
  const { name, kind, missing, note, share } = target
  const silent = target.eras.includes(era) ? undefined : `it does not speak the ${era} era`
  const why = missing ?? silent
  return {
    name,
    kind,
    ...(why !== undefined && { missing: why }),
    ...(note !== undefined && { note }),
    ...(share !== undefined && { share }),
    open: async () => (await openProven(target, era, upstream)).caller,
  }
}

/** In the legacy era, which every target speaks: `initialize`, the word that it is done, and the list. */
export async function measureHttpStartup(
  targets: readonly HttpTarget[],
  rounds: number,
  workshop: Workshop,
  say: (line: string) => void,
): Promise<readonly StartupResult[]> {
  const upstream = await openUpstream('http-upstream', workshop.folder)
  try {
    const starters = targets.map((target) => starter(target, upstream))
    return await measureStarts(starters, rounds, YARDSTICKS, (line) => say(`http, ${line}`))
  } finally {
    await upstream.stop()
  }
}

function starter(target: HttpTarget, upstream: Upstream): Starter {
  const { name, kind, missing, note } = target
  return {
    name,
    kind,
    ...(missing !== undefined && { missing }),
    ...(note !== undefined && { note }),
    start: async () => {
      const { caller, firstListMs } = await openTarget(target, 'legacy', upstream)
      return { pid: caller.pid, firstListMs, stop: () => caller.stop() }
    },
  }
}
