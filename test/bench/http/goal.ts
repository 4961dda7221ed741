/** The targets of the house over HTTP: beside the pass-through, beside the peers, and under attack. */
import type { Goal } from '../goal.ts'
import type { MemoryResult } from '../memory.ts'
import type { StartupResult } from '../startup.ts'
import { CHAPERONE } from '../target.ts'
import type { LevelResult, TurnsResult } from '../turns.ts'
import { CONTROL } from './attack.ts'
import type { HostileResult } from './hostile.ts'
import type { Era } from './request.ts'
import type { HttpResult } from './section.ts'

export interface HttpMeasured {
  readonly http?: readonly HttpResult[]
  readonly httpStartup?: readonly StartupResult[]
  readonly httpMemory?: readonly MemoryResult[]
  readonly hostile?: readonly HostileResult[]
}

type Open = Omit<Goal, 'met'>

/** What V8 and the sockets of a crowd take by themselves; a leak of 200 bytes a call shows in a million calls. */
const FLAT_MB = 8
/** What hundreds of open connections and full socket buffers come to, and no queue that grows. */
const HELD_MB = 64

/** Only the goals of the sections that were asked for. */
export function httpGoals(measured: HttpMeasured): readonly Open[] {
  return [
    ...(measured.http ?? []).flatMap(callGoals),
    ...(measured.httpStartup ? startupGoals(measured.httpStartup) : []),
    ...(measured.httpMemory ? memoryGoals(measured.httpMemory) : []),
    ...(measured.hostile ? hostileGoals(measured.hostile) : []),
  ]
}

function callGoals({ era, targets }: HttpResult): readonly Open[] {
  const own = targets.find((one) => one.name === CHAPERONE)
  const at = (inFlight: number): LevelResult | undefined => levelOf(own, inFlight)
  return [
    {
      id: `http_${era}_added_p50`,
      what: `HTTP, ${era}: p50 added at 1 in flight, over what the pass-through adds`,
      sense: 'at_most',
      limit: 1.4,
      unit: '×',
      measured: at(1)?.addedToBaseline,
    },
    {
      id: `http_${era}_rate`,
      what: `HTTP, ${era}: calls/s at 64 in flight, over the pass-through`,
      sense: 'at_least',
      limit: 0.6,
      unit: '×',
      measured: at(64)?.rateToBaseline,
    },
    {
      id: `http_${era}_calls`,
      what: `HTTP, ${era}: calls/s at 64 in flight`,
      sense: 'at_least',
      limit: 5_000,
      unit: '/s',
      measured: at(64)?.callsPerSecond,
    },
    ...aheadGoals(era, own, targets),
  ]
}

function levelOf(result: TurnsResult | undefined, inFlight: number): LevelResult | undefined {
  return result?.levels.find((level) => level.inFlight === inFlight)
}

/** Beside the best of the peers in each; without peers there is nothing to say. */
function aheadGoals(
  era: Era,
  own: TurnsResult | undefined,
  targets: readonly TurnsResult[],
): readonly Open[] {
  const peers = targets.filter((one) => isPeer(one) && one.levels.length > 0)
  if (peers.length === 0) return []
  const best = (figures: readonly (number | undefined)[], pick: typeof Math.min): number =>
    pick(...figures.filter((figure) => figure !== undefined))
  const p50 = best(
    peers.map((peer) => levelOf(peer, 1)?.p50Us),
    Math.min,
  )
  const rate = best(
    peers.map((peer) => levelOf(peer, 64)?.callsPerSecond),
    Math.max,
  )
  const resident = best(
    peers.map((peer) => peer.residentIdleMb),
    Math.min,
  )
  return [
    ahead(`http_${era}_p50_ahead`, `HTTP, ${era}: p50 at 1 in flight, over the best peer's`, {
      own: levelOf(own, 1)?.p50Us,
      best: p50,
    }),
    ahead(`http_${era}_rate_ahead`, `HTTP, ${era}: the best peer's calls/s at 64, over ours`, {
      own: rate,
      best: levelOf(own, 64)?.callsPerSecond,
    }),
    ahead(`http_${era}_memory_ahead`, `HTTP, ${era}: idle memory, over the smallest peer's`, {
      own: own?.residentIdleMb,
      best: resident,
    }),
  ]
}

/** Another build of ours is beside us, but nobody to be ahead of. */
function isPeer({ name, kind }: Pick<TurnsResult, 'name' | 'kind'>): boolean {
  return kind === 'peer' && !name.startsWith(CHAPERONE)
}

function ahead(
  id: string,
  what: string,
  { own, best }: { readonly own: number | undefined; readonly best: number | undefined },
): Open {
  const measured = own === undefined || best === undefined ? undefined : own / best
  return { id, what, sense: 'at_most', limit: 1, unit: '×', measured }
}

function startupGoals(results: readonly StartupResult[]): readonly Open[] {
  const own = results.find((one) => one.name === CHAPERONE)
  const peers = results.filter((one) => isPeer(one) && one.starts > 0)
  if (peers.length === 0) return []
  const best = Math.min(...peers.map((peer) => peer.firstListMs))
  return [
    ahead('http_startup_ahead', "HTTP: spawn to first tools/list, over the fastest peer's", {
      own: own?.firstListMs,
      best,
    }),
  ]
}

function memoryGoals(results: readonly MemoryResult[]): readonly Open[] {
  return [
    {
      id: 'http_memory_flat',
      what: 'HTTP: growth with 500 idle and 64 busy sessions, second quarter to last',
      sense: 'at_most',
      limit: FLAT_MB,
      unit: 'MB',
      measured: results.find((one) => one.name === CHAPERONE)?.growthMb,
    },
  ]
}

function hostileGoals(results: readonly HostileResult[]): readonly Open[] {
  const own = results.filter((one) => one.name === CHAPERONE && one.failed === undefined)
  const attacked = own.filter((one) => one.attack !== CONTROL)
  const control = own.find((one) => one.attack === CONTROL)?.growthMb ?? Number.NaN
  const worst = (figures: readonly number[]): number | undefined =>
    figures.length === 0 ? undefined : Math.max(...figures)
  return [
    {
      id: 'hostile_memory',
      what: 'hostile: the most that memory grew under any attack, over no attack',
      sense: 'at_most',
      limit: HELD_MB,
      unit: 'MB',
      measured: worst(attacked.map((one) => one.growthMb - control)),
    },
    {
      id: 'hostile_others',
      what: "hostile: p99 of somebody else's calls, worst, over that before the attack",
      sense: 'at_most',
      limit: 2,
      unit: '×',
      measured: worst(attacked.map((one) => one.slower)),
    },
  ]
}
