/** Latency, throughput, CPU and memory of each target on the same call, all of them in one run, in turns. */
import { setTimeout as pause } from 'node:timers/promises'
import { open, type Client, type Window } from './client.ts'
import { cpuOf, machineBusy, residentOf, treeOf } from './linux.ts'
import { median, medianDifference, medianRatio, percentile } from './numbers.ts'
import { CHAPERONE, DIRECT, PERMITTED_TOOLS, RELAY, type Target } from './target.ts'

interface Level {
  readonly inFlight: number
  /** Calls in one window. */
  readonly calls: number
}

export interface StdioPlan {
  readonly rounds: number
  /** Calls before the first window. */
  readonly warmUp: number
  readonly levels: readonly Level[]
  /** How long a target is left alone before its idle memory is read. */
  readonly quietMs: number
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
  /** What it adds, as a multiple of what the parsing relay adds in the same round. */
  readonly addedToRelay: number
  /** Calls a second as a share of the parsing relay's. */
  readonly rateToRelay: number
  /** Windows in which other processes took more than NOISE of a core. */
  readonly noisyWindows: number
}

export interface StdioResult {
  readonly name: string
  readonly kind: Target['kind']
  /** Why there are no levels. */
  readonly failed?: string
  readonly residentIdleMb?: number | undefined
  readonly residentLoadedMb?: number | undefined
  readonly answersChecked: number
  readonly levels: readonly LevelResult[]
}

/** Above this share of one core, another process was at work and a window is called noisy. */
const NOISE = 0.25

/** One target while it is measured. */
interface Subject {
  readonly target: Target
  client: Client | undefined
  failed: string | undefined
  residentIdleMb: number | undefined
  residentLoadedMb: number | undefined
  /** By level, by round; */
  readonly samples: Sample[][]
}

/** Never throws for a target that fails: its row says why, the others are measured. */
export async function measureStdio(
  targets: readonly Target[],
  plan: StdioPlan,
  say: (line: string) => void,
): Promise<readonly StdioResult[]> {
  const subjects = targets.map((target) => subject(target, plan))
  try {
    for (const each of subjects) await attempt(each, () => prepare(each, plan))
    for (let round = 0; round < plan.rounds; round += 1) {
      say(`stdio: round ${round + 1} of ${plan.rounds}`)
      await takeRound(round % 2 === 0 ? subjects : subjects.toReversed(), plan)
    }
    for (const each of subjects) {
      if (each.client) each.residentLoadedMb = residentOf(each.client.pid)
    }
  } finally {
    for (const each of subjects) await each.client?.stop()
  }
  return subjects.map((each) => conclude(each, subjects, plan))
}

function subject(target: Target, plan: StdioPlan): Subject {
  return {
    target,
    client: undefined,
    failed: target.missing,
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
    await each.client?.stop()
  }
}

async function prepare(each: Subject, plan: StdioPlan): Promise<void> {
  const { client, tools } = await open(each.target.line)
  each.client = client
  if (each.target.name.startsWith(CHAPERONE)) await proveGuarded(client, tools)
  await pause(plan.quietMs)
  each.residentIdleMb = residentOf(client.pid)
  // Most of it in parallel, where a just-in-time compiler sees the most; the rest one by one.
  const alone = Math.floor(plan.warmUp / 4)
  await client.calls(plan.warmUp - alone, 64)
  await client.calls(Math.max(1, alone), 1)
}

/**
 * A guard that filters and refuses nothing would be measured as fast: both are seen to work first.
 *
 * @throws Error when the list is not filtered, or a call outside the mandate is answered.
 */
async function proveGuarded(client: Client, tools: readonly string[]): Promise<void> {
  if (tools.length !== PERMITTED_TOOLS) {
    throw new Error(`the list filter is off: ${tools.length} tools, not ${PERMITTED_TOOLS}`)
  }
  const outside = await client.request('tools/call', {
    name: 'approve',
    arguments: { vendor_class: 'A', amount: 5001 },
  })
  if (!(outside as { readonly isError?: unknown }).isError) {
    throw new Error('the argument rules are off: a call outside the mandate went through')
  }
}

/** All targets at one level before the next level: what is compared is measured within a second. */
async function takeRound(order: readonly Subject[], plan: StdioPlan): Promise<void> {
  for (const [index, level] of plan.levels.entries()) {
    for (const each of order) await attempt(each, () => takeWindow(each, index, level))
  }
}

async function takeWindow(each: Subject, index: number, level: Level): Promise<void> {
  const { client } = each
  if (client === undefined) return
  const tree = [process.pid, ...treeOf(client.pid)]
  const before = reading(client.pid, tree)
  const window = await client.calls(level.calls, level.inFlight)
  const after = reading(client.pid, tree)
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

function conclude(each: Subject, subjects: readonly Subject[], plan: StdioPlan): StdioResult {
  const { target, failed } = each
  const answersChecked = each.client?.checked ?? 0
  if (failed !== undefined) {
    return { name: target.name, kind: target.kind, failed, answersChecked, levels: [] }
  }
  const direct = subjects.find((other) => other.target.name === DIRECT)
  const relay = subjects.find((other) => other.target.name === RELAY)
  return {
    name: target.name,
    kind: target.kind,
    residentIdleMb: each.residentIdleMb,
    residentLoadedMb: each.residentLoadedMb,
    answersChecked,
    levels: plan.levels.map((level, index) =>
      levelResult(level.inFlight, {
        own: each.samples[index] ?? [],
        direct: direct?.samples[index] ?? [],
        relay: relay?.samples[index] ?? [],
      }),
    ),
  }
}

interface Compared {
  readonly own: readonly Sample[]
  readonly direct: readonly Sample[]
  readonly relay: readonly Sample[]
}

function levelResult(inFlight: number, { own, direct, relay }: Compared): LevelResult {
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
    addedToRelay: medianRatio(added(own), added(relay)),
    rateToRelay: medianRatio(rate(own), rate(relay)),
    noisyWindows: own.filter((one) => (one.foreign ?? 0) > NOISE).length,
  }
}
