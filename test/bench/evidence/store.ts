/** The store that guards share: what is held and settled for a call, asked before each, and by two processes at once. */
import { systemClock } from '../../../src/config/system.ts'
import { instant } from '../../../src/model/id.ts'
import type { StateStore } from '../../../src/model/port.ts'
import type { Debit } from '../../../src/model/state.ts'
import { openStore, storePath } from '../../../src/state/sqlite.ts'
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { percentile } from '../numbers.ts'
import { idOf } from './entries.ts'

export interface StorePlan {
  readonly pairs: number
  readonly warmUp: number
  readonly asks: number
}

export interface PairsResult {
  readonly pairs: number
  readonly perSecond: number
  /** Of the whole process, for one pair: a hold of two budgets, and its end. */
  readonly cpuUs: number
  readonly p50Us: number
  readonly p99Us: number
  readonly slowestUs: number
}

export interface StoreResult {
  readonly alone: PairsResult
  /** `restrictions()` while nothing changes, asked of the database each time. */
  readonly restrictionsCpuUs: number
}

const LIMIT = 1_000_000_000_000

/** A call, and an amount of it, of one mandate: two counters, as `chaperone, budget` over stdio has them. */
function debits(): readonly Debit[] {
  const day = instant(Math.floor(systemClock.now() / 86_400_000) * 86_400_000)
  return [
    {
      budget: 'budgets.calls',
      key: CALLS,
      amount: 1,
      limit: LIMIT,
      from: day,
      until: instant(day + 86_400_000),
    },
    {
      budget: 'budgets.eur',
      key: '["mandate","bench","eur"]',
      amount: 12_050,
      limit: LIMIT,
      scale: 2,
      from: instant(0),
    },
  ]
}

const CALLS = '["mandate","bench","calls"]'

function opened(stateDir: string, instance: string): StateStore {
  const store = openStore({ path: storePath(stateDir), clock: systemClock })
  store.register({
    instance,
    log: instance,
    pid: process.pid,
    startedAt: systemClock.now(),
    mandates: [],
    upstreams: [],
  })
  return store
}

/** @throws Error where a hold is refused */
function measurePairs(store: StateStore, { pairs, warmUp }: StorePlan): PairsResult {
  for (let call = 0; call < warmUp; call += 1) pair(store, call)
  const took = new Float64Array(pairs)
  const cpu = process.cpuUsage()
  const began = performance.now()
  let last = began
  for (let index = 0; index < pairs; index += 1) {
    pair(store, warmUp + index)
    const now = performance.now()
    took[index] = (now - last) * 1000
    last = now
  }
  const { user, system } = process.cpuUsage(cpu)
  took.sort()
  return {
    pairs,
    perSecond: (pairs / (last - began)) * 1000,
    cpuUs: (user + system) / pairs,
    p50Us: percentile(took, 0.5),
    p99Us: percentile(took, 0.99),
    slowestUs: percentile(took, 1),
  }
}

function pair(store: StateStore, call: number): void {
  const held = store.hold({ call: idOf(call), at: systemClock.now(), debits: debits() })
  if (!('held' in held)) throw new Error(`\`${held.exhausted.budget}\` is exhausted`)
  store.settle(held.held)
}

/** How many calls the store has counted. */
function counted(store: StateStore): number {
  return store.budgets(CALLS)[0]?.used ?? 0
}

/** @throws Error where a hold is refused, or not every call is counted */
export function measureStore(stateDir: string, plan: StorePlan): StoreResult {
  const store = opened(stateDir, 'alone')
  try {
    const alone = measurePairs(store, plan)
    const used = counted(store)
    if (used !== plan.warmUp + plan.pairs) throw new Error(`${used} calls are counted`)
    return { alone, restrictionsCpuUs: restrictionsCost(store, plan.asks) }
  } finally {
    store.close()
  }
}

const RIVALS = 2
/** For the other process to start. */
const PATIENCE_MS = 30_000
const LOOK_MS = 2

/** One of two processes on one store: both begin when both are there. @throws Error likewise */
export async function measureRival(stateDir: string, plan: StorePlan): Promise<RivalResult> {
  const store = opened(stateDir, `rival-${randomUUID()}`)
  try {
    const until = performance.now() + PATIENCE_MS
    while (store.instances().length < RIVALS) {
      if (performance.now() > until) throw new Error('the other process is not there')
      await pause(LOOK_MS)
    }
    const pairs = measurePairs(store, plan)
    return { ...pairs, counted: counted(store) }
  } finally {
    store.close()
  }
}

export interface RivalResult extends PairsResult {
  /** By both of them, when this one was done. */
  readonly counted: number
}

/** @throws Error where one of the calls of both is not counted */
export function together(results: readonly RivalResult[], plan: StorePlan): RivalsResult {
  const used = Math.max(...results.map((one) => one.counted))
  const expected = results.length * (plan.warmUp + plan.pairs)
  if (used !== expected) throw new Error(`${used} of ${expected} calls are counted`)
  return {
    perSecond: results.reduce((sum, one) => sum + one.perSecond, 0),
    cpuUs: Math.max(...results.map((one) => one.cpuUs)),
    p50Us: Math.max(...results.map((one) => one.p50Us)),
    p99Us: Math.max(...results.map((one) => one.p99Us)),
    slowestUs: Math.max(...results.map((one) => one.slowestUs)),
  }
}

/** Of both processes together; of what each has by itself, the worse. */
export type RivalsResult = Omit<PairsResult, 'pairs'>

/** What an operator took back stands there, as it would: a tool that nobody calls. */
function restrictionsCost(store: StateStore, asks: number): number {
  store.restrict({
    target: { kind: 'tool', server: 'bench', name: 'other' },
    kind: 'suspended',
    at: systemClock.now(),
    why: 'bench',
    by: 'bench',
  })
  const first = store.restrictions()
  const cpu = process.cpuUsage()
  for (let index = 0; index < asks; index += 1)
    if (store.restrictions() !== first) throw new Error('restrictions changed')
  const { user, system } = process.cpuUsage(cpu)
  return (user + system) / asks
}
