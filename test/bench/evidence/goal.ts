/** The targets of the evidence section, and those of a call over stdio that is about evidence. */
import type { Open } from '../goal.ts'
import type { MemoryResult } from '../memory.ts'
import { BUDGET, CHAPERONE, WRITES } from '../target.ts'
import type { TurnsResult } from '../turns.ts'
import type { WaitResult } from './append.ts'
import type { EvidenceResult } from './run.ts'

/** What V8 takes and gives back by itself; a leak of 200 bytes a call shows as more in a million calls. */
const FLAT_MB = 8

export function evidenceGoals({ append, verify, prove, queries }: EvidenceResult): readonly Open[] {
  const cost = (kind: string): number | undefined =>
    append.costs.find((one) => one.kind === kind)?.cpuUs
  const entries = `${verify.entries.toLocaleString('en-US')} entries`
  return [
    atMost(
      'entry_intent',
      'CPU of an intent on record: sealed, in the tree',
      20,
      'µs',
      cost('intent'),
    ),
    atMost('entry_outcome', 'CPU of an outcome on record', 20, 'µs', cost('outcome')),
    {
      id: 'durable_rate',
      what: `entries/s that wait for the disk, ${append.inFlight} in flight`,
      sense: 'at_least',
      limit: 10_000,
      unit: '/s',
      measured: append.rates.find(({ until }) => until === 'disk')?.perSecond,
    },
    {
      id: 'verify_rate',
      what: `verify, a CPU second, ${entries}`,
      sense: 'at_least',
      limit: 100_000,
      unit: '/s',
      measured: verify.perCpuSecond,
    },
    atMost('prove', `one proof through the index, p50, ${entries}`, 10, 'ms', prove.proveP50Ms),
    atMost(
      'log_query',
      `the slowest question through the index, p50, ${entries}`,
      1000,
      'ms',
      Math.max(...queries.map((one) => one.indexedP50Ms)),
    ),
  ]
}

/** What budgets and the disk add to a call, each in units of the same run. */
export function heldGoals(
  results: readonly TurnsResult[],
  wait: WaitResult | undefined,
): readonly Open[] {
  const alone = (name: string): TurnsResult['levels'][number] | undefined =>
    results.find((one) => one.name === name)?.levels.find((level) => level.inFlight === 1)
  const [read, write] = [alone(CHAPERONE)?.addedP50Us, alone(WRITES)?.addedP50Us]
  const more = read === undefined || write === undefined ? undefined : write - read
  return [
    atMost(
      'stdio_added_p50_budget',
      'the same under two budgets',
      1.4,
      '×',
      alone(BUDGET)?.addedToBaseline,
    ),
    atMost(
      'stdio_added_p50_write',
      'p50 added to a call that writes over one that reads, in waits for the disk',
      1.25,
      '×',
      wait && more !== undefined ? more / wait.p50Us : undefined,
    ),
  ]
}

export function heldMemoryGoals(results: readonly MemoryResult[]): readonly Open[] {
  const held = results.find((one) => one.name === BUDGET)
  return [atMost('memory_flat_budget', 'the same under two budgets', FLAT_MB, 'MB', held?.growthMb)]
}

function atMost(
  id: string,
  what: string,
  limit: number,
  unit: string,
  measured: number | undefined,
): Open {
  return { id, what, sense: 'at_most', limit, unit, measured }
}
