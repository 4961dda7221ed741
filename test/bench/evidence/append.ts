/** What an entry costs, and how many there are a second: the real log on the real disk, as `run` opens it. */
import type { AuditLog } from '../../../src/model/port.ts'
import type { EntryBody } from '../../../src/model/record.ts'
import { median, percentile } from '../numbers.ts'
import { entriesOf, openEvidence } from './entries.ts'

export interface AppendPlan {
  readonly windows: number
  /** Entries of a window. */
  readonly entries: number
  readonly warmUp: number
}

export const KINDS = ['intent', 'intent with budgets', 'outcome'] as const
type Kind = (typeof KINDS)[number]

export interface EntryCost {
  readonly kind: Kind
  /** Of the whole process: with the write, the tree, the checkpoints and garbage collection. */
  readonly cpuUs: number
}

export interface AppendRate {
  readonly until: 'kernel' | 'disk'
  /** Entries of calls, intents and outcomes, by the clock. */
  readonly perSecond: number
  readonly cpuUs: number
}

export interface AppendResult {
  readonly costs: readonly EntryCost[]
  readonly rates: readonly AppendRate[]
  readonly inFlight: number
  readonly entries: number
}

const IN_FLIGHT = 64

export async function measureAppend(stateDir: string, plan: AppendPlan): Promise<AppendResult> {
  const { log } = openEvidence(stateDir)
  const bench = new Bench(log)
  const costs = new Map<Kind, number[]>(KINDS.map((kind) => [kind, []]))
  const rates = new Map<AppendRate['until'], [number[], number[]]>([
    ['kernel', [[], []]],
    ['disk', [[], []]],
  ])
  for (const kind of KINDS) await bench.many(kind, plan.warmUp)
  for (let window = 0; window < plan.windows; window += 1) {
    for (const kind of KINDS) costs.get(kind)?.push(await bench.cpuOf(kind, plan.entries))
    for (const [until, [perSecond, cpuUs]] of rates) {
      const found = await bench.rateOf(until, plan.entries)
      perSecond.push(found.perSecond)
      cpuUs.push(found.cpuUs)
    }
  }
  await log.close()
  return {
    costs: KINDS.map((kind) => ({ kind, cpuUs: median(costs.get(kind) ?? []) })),
    rates: [...rates].map(([until, [perSecond, cpuUs]]) => ({
      until,
      perSecond: median(perSecond),
      cpuUs: median(cpuUs),
    })),
    inFlight: IN_FLIGHT,
    entries: bench.appended,
  }
}

/** One entry until the disk has it, and nothing else under way: one group commit. */
export interface WaitResult {
  readonly p50Us: number
  readonly p99Us: number
  readonly waits: number
}

export async function measureWait(stateDir: string, waits: number): Promise<WaitResult> {
  const { log } = openEvidence(stateDir)
  const { intent } = entriesOf()
  const took = new Float64Array(waits)
  for (let call = 0; call < waits; call += 1) {
    const began = performance.now()
    await log.append(intent(call), 'disk')
    took[call] = (performance.now() - began) * 1000
  }
  await log.close()
  took.sort()
  return { p50Us: percentile(took, 0.5), p99Us: percentile(took, 0.99), waits }
}

class Bench {
  readonly #log: AuditLog
  readonly #make: (kind: Kind, call: number) => EntryBody
  #calls = 0
  appended = 0

  constructor(log: AuditLog) {
    this.#log = log
    const { intent, budgeted, outcome } = entriesOf()
    const makers = { intent, 'intent with budgets': budgeted, outcome } as const
    this.#make = (kind, call) => makers[kind](call)
  }

  /** So many of a kind, 64 at a time, as entries of one turn share a write. */
  async many(kind: Kind, count: number): Promise<void> {
    for (let done = 0; done < count; done += IN_FLIGHT) {
      const turn: Promise<unknown>[] = []
      for (let index = 0; index < IN_FLIGHT; index += 1)
        turn.push(this.#append(this.#make(kind, this.#next())))
      await Promise.all(turn)
    }
  }

  /** CPU of one entry, less what making up the entry itself takes. */
  async cpuOf(kind: Kind, count: number): Promise<number> {
    const made = cpu(() => {
      for (let index = 0; index < count; index += 1) this.#make(kind, index)
    })
    const before = process.cpuUsage()
    await this.many(kind, count)
    return (spent(before) - made) / count
  }

  /** 64 calls, each an intent and its outcome, one after the other. */
  async rateOf(until: AppendRate['until'], count: number): Promise<Omit<AppendRate, 'until'>> {
    const before = process.cpuUsage()
    const began = performance.now()
    const each = Math.ceil(count / IN_FLIGHT / 2)
    const one = async (): Promise<void> => {
      for (let index = 0; index < each; index += 1) {
        const call = this.#next()
        await this.#append(this.#make('intent', call), until)
        await this.#append(this.#make('outcome', call), until)
      }
    }
    await Promise.all(Array.from({ length: IN_FLIGHT }, one))
    const done = 2 * each * IN_FLIGHT
    const seconds = (performance.now() - began) / 1000
    return { perSecond: done / seconds, cpuUs: spent(before) / done }
  }

  #next(): number {
    this.#calls += 1
    return this.#calls
  }

  #append(entry: EntryBody, until?: AppendRate['until']): Promise<unknown> {
    this.appended += 1
    return this.#log.append(entry, until)
  }
}

function cpu(act: () => void): number {
  const before = process.cpuUsage()
  act()
  return spent(before)
}

function spent(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before)
  return user + system
}
