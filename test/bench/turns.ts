/**
 * Latency, throughput, CPU and memory of each contender on the same call, all of them in one run, in turns. What a
 * contender is spoken to over, stdio or HTTP, is its own affair.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Window } from './client.ts'
import { cpuOf, machineBusy, residentOf, treeOf } from './linux.ts'
import { median, medianDifference, medianRatio, percentile } from './numbers.ts'
import type { Target } from './target.ts'

interface Level {
  readonly inFlight: number
  /** Calls in one window. */
  readonly calls: number
}

export interface TurnsPlan {
  readonly rounds: number
  /** Calls before the first window. */
  readonly warmUp: number
  readonly levels: readonly Level[]
  /** How long a target is left alone before its idle memory is read. */
  readonly quietMs: number
}

/** A running contender, and the client in front of it. */
export interface Caller {
  /** The process whose CPU and memory are read. */
  readonly pid: number
  /** Processes of the bench that work for it and that it did not start. */
  readonly helpers?: readonly number[]
  /** Answers to calls that were compared with what the upstream says. */
  readonly checked: number
  /** What has to be there before a window of so many calls in flight: none of it is measured. */
  ready?(inFlight: number): Promise<void>
  /** @throws Error when one answer is missing or is not what the upstream says. */
  calls(count: number, inFlight: number): Promise<Window>
  stop(): Promise<void>
}

export interface Contender {
  readonly name: string
  readonly kind: Target['kind']
  /** Why it cannot be measured here. */
  readonly missing?: string
  /** What a reader has to know to compare it. */
  readonly note?: string
  /** Share of the calls of a window: what is slow by itself need not take the run's time. */
  readonly share?: number
  /** @throws Error when it does not start, does not answer, or is not what it should be. */
  open(): Promise<Caller>
}

/** Whom the others are compared with, by name. */
export interface Yardsticks {
  /** The client on the upstream itself. */
  readonly direct: string
  /** The least that any proxy of the kind has to do. */
  readonly baseline: string
}

/** What one window at one level showed. */
interface Sample {
  readonly calls: number
  readonly p50Us: number
  readonly p95Us: number
  readonly p99Us: number
  readonly callsPerSecond: number
  readonly cpuUs: number | undefined
  /** Share of one core that processes outside of the bench used meanwhile. */
  readonly foreign: number | undefined
}

export interface LevelResult {
  readonly inFlight: number
  readonly windows: number
  readonly callsPerWindow: number
  readonly p50Us: number
  readonly p95Us: number
  readonly p99Us: number
  readonly callsPerSecond: number
  /** CPU of the target's own process, without the upstream that it started; not known outside Linux. */
  readonly cpuUsPerCall: number | undefined
  /** p50 over that of `direct`, µs. */
  readonly addedP50Us: number
  /** What it adds, as a multiple of what the baseline adds in the same round. */
  readonly addedToBaseline: number
  /** Calls a second as a share of the baseline's. */
  readonly rateToBaseline: number
  /** Windows in which other processes took more than NOISE of a core. */
  readonly noisyWindows: number
}

export interface TurnsResult {
  readonly name: string
  readonly kind: Target['kind']
  /** Why there are no levels. */
  readonly failed?: string
  readonly note?: string
  readonly residentIdleMb?: number | undefined
  readonly residentLoadedMb?: number | undefined
  readonly answersChecked: number
  readonly levels: readonly LevelResult[]
}

/** Above this share of one core, another process was at work and a window is called noisy. */
const NOISE = 0.25

/** One contender while it is measured. */
interface Subject {
  readonly contender: Contender
  caller: Caller | undefined
  failed: string | undefined
  residentIdleMb: number | undefined
  residentLoadedMb: number | undefined
  /** By level, by round. */
  readonly samples: Sample[][]
}

/** Never throws for a contender that fails: its row says why, the others are measured. */
export async function measureInTurns(
  contenders: readonly Contender[],
  plan: TurnsPlan,
  yardsticks: Yardsticks,
  say: (line: string) => void,
): Promise<readonly TurnsResult[]> {
  const subjects = contenders.map((contender) => subject(contender, plan))
  try {
    for (const each of subjects) await attempt(each, () => prepare(each, plan))
    for (let round = 0; round < plan.rounds; round += 1) {
      say(`round ${round + 1} of ${plan.rounds}`)
      await takeRound(round % 2 === 0 ? subjects : subjects.toReversed(), plan)
    }
    for (const each of subjects) {
      if (each.caller) each.residentLoadedMb = residentOf(each.caller.pid)
    }
  } finally {
    for (const each of subjects) await each.caller?.stop()
  }
  return subjects.map((each) => conclude(each, subjects, plan, yardsticks))
}

function subject(contender: Contender, plan: TurnsPlan): Subject {
  return {
    contender,
    caller: undefined,
    failed: contender.missing,
    residentIdleMb: undefined,
    residentLoadedMb: undefined,
    samples: plan.levels.map(() => []),
  }
}

async function attempt(each: Subject, work: () => Promise<void>): Promise<void> {
  if (each.failed !== undefined) return
  try {
    await work()
  } catch (error) {
    each.failed = error instanceof Error ? error.message : String(error)
    await each.caller?.stop()
  }
}

async function prepare(each: Subject, plan: TurnsPlan): Promise<void> {
  const caller = await each.contender.open()
  each.caller = caller
  await pause(plan.quietMs)
  each.residentIdleMb = residentOf(caller.pid)
  // Most of it in parallel, where a just-in-time compiler sees the most; the rest one by one.
  const alone = Math.floor(plan.warmUp / 4)
  await caller.ready?.(64)
  await caller.calls(plan.warmUp - alone, 64)
  await caller.ready?.(1)
  await caller.calls(Math.max(1, alone), 1)
}

/** All contenders at one level before the next level: what is compared is measured within a second. */
async function takeRound(order: readonly Subject[], plan: TurnsPlan): Promise<void> {
  for (const [index, level] of plan.levels.entries()) {
    for (const each of order) await attempt(each, () => takeWindow(each, index, level))
  }
}

async function takeWindow(each: Subject, index: number, level: Level): Promise<void> {
  const { caller, contender } = each
  if (caller === undefined) return
  const calls = Math.ceil(level.calls * (contender.share ?? 1))
  const tree = [process.pid, ...treeOf(caller.pid), ...(caller.helpers ?? [])]
  await caller.ready?.(level.inFlight)
  const before = reading(caller.pid, tree)
  const window = await caller.calls(calls, level.inFlight)
  const after = reading(caller.pid, tree)
  each.samples[index]?.push(sample(window, before, after))
}

interface Reading {
  readonly own: number | undefined
  readonly bench: number | undefined
  readonly machine: number | undefined
}

function reading(pid: number, tree: readonly number[]): Reading {
  const used = tree.map(cpuOf)
  const bench = used.every((us) => us !== undefined)
    ? used.reduce((sum, us) => sum + us, 0)
    : undefined
  return { own: cpuOf(pid), bench, machine: machineBusy() }
}

function sample(window: Window, before: Reading, after: Reading): Sample {
  const us = window.elapsedMs * 1000
  const bench = minus(after.bench, before.bench)
  const machine = minus(after.machine, before.machine)
  return {
    calls: window.calls,
    p50Us: percentile(window.sortedUs, 0.5),
    p95Us: percentile(window.sortedUs, 0.95),
    p99Us: percentile(window.sortedUs, 0.99),
    callsPerSecond: (window.calls / window.elapsedMs) * 1000,
    cpuUs: minus(after.own, before.own),
    foreign:
      bench === undefined || machine === undefined ? undefined : Math.max(0, machine - bench) / us,
  }
}

function minus(from: number | undefined, what: number | undefined): number | undefined {
  return from === undefined || what === undefined ? undefined : from - what
}

function conclude(
  each: Subject,
  subjects: readonly Subject[],
  plan: TurnsPlan,
  yardsticks: Yardsticks,
): TurnsResult {
  const { failed } = each
  const { name, kind, note } = each.contender
  const row = { name, kind, ...(note !== undefined && { note }) }
  const answersChecked = each.caller?.checked ?? 0
  if (failed !== undefined) return { ...row, failed, answersChecked, levels: [] }
  const of = (wanted: string): readonly Sample[][] =>
    subjects.find((other) => other.contender.name === wanted)?.samples ?? []
  return {
    ...row,
    residentIdleMb: each.residentIdleMb,
    residentLoadedMb: each.residentLoadedMb,
    answersChecked,
    levels: plan.levels.map((level, index) =>
      levelResult(level.inFlight, {
        own: each.samples[index] ?? [],
        direct: of(yardsticks.direct)[index] ?? [],
        baseline: of(yardsticks.baseline)[index] ?? [],
      }),
    ),
  }
}

interface Compared {
  readonly own: readonly Sample[]
  readonly direct: readonly Sample[]
  readonly baseline: readonly Sample[]
}

function levelResult(inFlight: number, { own, direct, baseline }: Compared): LevelResult {
  const p50 = (samples: readonly Sample[]): readonly number[] => samples.map((one) => one.p50Us)
  const rate = (samples: readonly Sample[]): readonly number[] =>
    samples.map((one) => one.callsPerSecond)
  const added = (samples: readonly Sample[]): readonly number[] =>
    samples.map((one, round) => one.p50Us - (direct[round]?.p50Us ?? Number.NaN))
  const calls = own.reduce((sum, one) => sum + one.calls, 0)
  const cpu = own.map((one) => one.cpuUs)
  return {
    inFlight,
    windows: own.length,
    callsPerWindow: own[0]?.calls ?? 0,
    p50Us: median(p50(own)),
    p95Us: median(own.map((one) => one.p95Us)),
    p99Us: median(own.map((one) => one.p99Us)),
    callsPerSecond: median(rate(own)),
    // The kernel's clock may be coarse: summed over all windows before it is divided.
    cpuUsPerCall: cpu.every((us) => us !== undefined)
      ? cpu.reduce((sum, us) => sum + us, 0) / calls
      : undefined,
    addedP50Us: medianDifference(p50(own), p50(direct)),
    addedToBaseline: medianRatio(added(own), added(baseline)),
    rateToBaseline: medianRatio(rate(own), rate(baseline)),
    noisyWindows: own.filter((one) => (one.foreign ?? 0) > NOISE).length,
  }
}
