/** What one decision by 1,004 rules costs, beside hand-written closures and other engines, all in one process. */
import { median, medianRatio, percentile } from '../numbers.ts'
import { BATCH, clockCost, takeWindow, timed } from '../timing.ts'
import { kindCalls, kitCalls, type Asked } from './call.ts'
import { CLOSURES } from './closures.ts'
import type { Decider, Engine, Missing } from './engine.ts'

export interface EnginePlan {
  readonly windows: number
  readonly windowMs: number
  /** Timed batches for the percentiles. */
  readonly samples: number
  /** Decisions before anything is timed. */
  readonly warmUp: number
}

/** The twelve kinds of calls in turns, or one call of each of the other 297 tools in turns. */
export type Workload = 'twelve kinds' | 'every tool'

export interface EngineResult {
  readonly name: string
  readonly workload: Workload
  /** Why there are no figures. */
  readonly missing?: string
  /** Decisions in one second of CPU, garbage collection on other threads included. */
  readonly perCpuSecond: number
  /** CPU of a decision over that of the closures in the same window: the median over all windows. */
  readonly overClosures: number
  /** Of batches of BATCH decisions, divided by as many. */
  readonly p50Us: number
  readonly p99Us: number
  /** p99 of decisions timed one by one, the cost of reading the clock taken off. */
  readonly singleP99Us: number
  /** All of them gave the expected answer. */
  readonly decisions: number
}

/** Calls that are decided in turns. */
const POOL = 1020
/** Engines that take tens of microseconds are given fewer samples and a shorter warm-up. */
const SLOW_SHARE = 0.1
const SLOW_US = 10

interface Subject {
  readonly engine: Engine
  readonly decider: Decider
  readonly share: number
  readonly rates: number[]
  decisions: number
}

/**
 * All of them are checked and warm before the first is timed, and their windows take turns: each meets the same
 * just-in-time compiler.
 *
 * @throws Error for an engine that gives one wrong answer: a wrong answer has no speed
 */
export function measureEngines(
  engines: readonly (Engine | Missing)[],
  workload: Workload,
  plan: EnginePlan,
): readonly EngineResult[] {
  const calls = workload === 'twelve kinds' ? kindCalls(POOL) : kitCalls(POOL)
  const present = engines.filter((one): one is Engine => 'prepare' in one)
  const subjects = [CLOSURES, ...present].map((engine) => prepare(engine, calls, plan))
  for (let window = 0; window < plan.windows; window += 1) {
    const order = window % 2 === 0 ? subjects : subjects.toReversed()
    for (const each of order) countWindow(each, plan)
  }
  const floor = subjects[0]?.rates ?? []
  const absent = engines.filter((one): one is Missing => 'missing' in one)
  return [
    ...subjects.map((each) => conclude(each, floor, workload, plan)),
    ...absent.map((one) => ({ ...NOTHING, ...one, workload })),
  ]
}

const NOTHING = {
  perCpuSecond: Number.NaN,
  overClosures: Number.NaN,
  p50Us: Number.NaN,
  p99Us: Number.NaN,
  singleP99Us: Number.NaN,
  decisions: 0,
}

function prepare(engine: Engine, calls: readonly Asked[], plan: EnginePlan): Subject {
  const decider = engine.prepare(calls)
  insistRight(engine, decider, calls)
  const before = process.cpuUsage()
  decider.run(0, POOL)
  const used = process.cpuUsage(before)
  const share = (used.user + used.system) / POOL > SLOW_US ? SLOW_SHARE : 1
  decider.run(0, Math.ceil(plan.warmUp * share))
  return { engine, decider, share, rates: [], decisions: 0 }
}

function insistRight({ name }: Engine, decider: Decider, calls: readonly Asked[]): void {
  const wrong = calls.find((_, at) => decider.run(at, 1) > 0)
  if (wrong) throw new Error(`${name} does not say ${wrong.expected}: ${wrong.kind}`)
}

function countWindow(each: Subject, { windowMs }: EnginePlan): void {
  const { name } = each.engine
  const { done, wrong, perCpuSecond } = takeWindow(
    (from, count) => each.decider.run(from, count),
    windowMs,
    Math.ceil(1000 * each.share),
  )
  if (wrong > 0) throw new Error(`${name} gave ${wrong} wrong answers`)
  each.rates.push(perCpuSecond)
  each.decisions += done
}

function conclude(
  { engine, decider, share, rates, decisions }: Subject,
  floor: readonly number[],
  workload: Workload,
  plan: EnginePlan,
): EngineResult {
  const samples = Math.ceil(plan.samples * share)
  const run = (from: number, count: number): number => decider.run(from, count)
  const batches = timed(run, samples, BATCH)
  const singles = timed(run, samples, 1)
  const wrong = batches.wrong + singles.wrong
  if (wrong > 0) throw new Error(`${engine.name} gave ${wrong} wrong answers`)
  return {
    name: engine.name,
    workload,
    perCpuSecond: median(rates),
    overClosures: medianRatio(floor, rates),
    p50Us: percentile(batches.sortedUs, 0.5) / BATCH,
    p99Us: percentile(batches.sortedUs, 0.99) / BATCH,
    singleP99Us: Math.max(0, percentile(singles.sortedUs, 0.99) - clockCost()),
    decisions: decisions + samples * (BATCH + 1),
  }
}
