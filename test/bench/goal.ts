/** The targets of the house, beside what was measured. A goal that is missed is a fact, never a failure. */
import type { DecideResult } from './decide.ts'
import type { WaitResult } from './evidence/append.ts'
import { evidenceGoals, heldGoals, heldMemoryGoals } from './evidence/goal.ts'
import type { EvidenceResult } from './evidence/run.ts'
import { httpGoals, type HttpMeasured } from './http/goal.ts'
import type { MemoryResult } from './memory.ts'
import { policyGoals } from './policy/goal.ts'
import type { PolicyResult } from './policy/run.ts'
import type { StartupResult } from './startup.ts'
import type { TurnsResult } from './turns.ts'
import { CHAPERONE } from './target.ts'

export interface Measured extends HttpMeasured {
  readonly decide?: readonly DecideResult[]
  readonly policy?: PolicyResult
  readonly stdio?: readonly TurnsResult[]
  /** Of the disk that the record of the stdio section is on. */
  readonly stdioWait?: WaitResult
  readonly startup?: readonly StartupResult[]
  readonly memory?: readonly MemoryResult[]
  readonly evidence?: EvidenceResult
}

export interface Goal {
  readonly id: string
  readonly what: string
  readonly sense: 'at_most' | 'at_least'
  readonly limit: number
  readonly unit: string
  /** Undefined where it was not measured. */
  readonly measured: number | undefined
  readonly met: boolean | undefined
}

export type Open = Omit<Goal, 'met'>

/** How far apart two figures may be and still be called flat, beside the noise of a shared machine. */
const FLAT = 1.25
/** What V8 takes and gives back by itself; a leak of 200 bytes a call shows as more in a million calls. */
const FLAT_MB = 8

/** Only the goals of the sections that were asked for. */
export function goals(measured: Measured): readonly Goal[] {
  return [
    ...(measured.decide ? decideGoals(measured.decide) : []),
    ...(measured.policy ? policyGoals(measured.policy) : []),
    ...(measured.stdio ? stdioGoals(measured.stdio) : []),
    ...(measured.stdio ? heldGoals(measured.stdio, measured.stdioWait) : []),
    ...(measured.startup ? startupGoals(measured.startup) : []),
    ...(measured.memory ? memoryGoals(measured.memory) : []),
    ...(measured.memory ? heldMemoryGoals(measured.memory) : []),
    ...(measured.evidence ? evidenceGoals(measured.evidence) : []),
    ...httpGoals(measured),
  ].map(judge)
}

function judge(goal: Open): Goal {
  const { measured } = goal
  if (measured === undefined || !Number.isFinite(measured)) {
    return { ...goal, measured: undefined, met: undefined }
  }
  return {
    ...goal,
    met: goal.sense === 'at_most' ? measured <= goal.limit : measured >= goal.limit,
  }
}

function decideGoals(results: readonly DecideResult[]): readonly Open[] {
  const most = Math.max(...results.map((one) => one.grants))
  const row = (grants: number, args: DecideResult['args']): DecideResult | undefined =>
    results.find(
      (one) =>
        one.grants === grants &&
        one.args === args &&
        one.rules === 'constraints and when' &&
        one.expected === 'permit' &&
        one.tools === 'one',
    )
  const main = row(most, 'small')
  return [
    {
      id: 'decide_rate',
      what: `decisions a CPU second, ${most} grants`,
      sense: 'at_least',
      limit: 1_000_000,
      unit: '/s',
      measured: main?.perCpuSecond,
    },
    {
      id: 'decide_p50',
      what: `one decision, p50, ${most} grants`,
      sense: 'at_most',
      limit: 1,
      unit: 'µs',
      measured: main?.p50Us,
    },
    {
      id: 'decide_p99',
      what: `one decision, p99, ${most} grants`,
      sense: 'at_most',
      limit: 5,
      unit: 'µs',
      measured: main?.p99Us,
    },
    {
      id: 'decide_flat_in_grants',
      what: `CPU a decision, ${most} grants over one`,
      sense: 'at_most',
      limit: FLAT,
      unit: '×',
      measured: over(row(1, 'small'), main),
    },
    {
      id: 'decide_flat_in_size',
      what: 'CPU a decision, 64 KiB unconstrained over small',
      sense: 'at_most',
      limit: FLAT,
      unit: '×',
      measured: over(main, row(most, '64 KiB')),
    },
  ]
}

function over(less: DecideResult | undefined, more: DecideResult | undefined): number | undefined {
  return less && more ? less.perCpuSecond / more.perCpuSecond : undefined
}

function stdioGoals(results: readonly TurnsResult[]): readonly Open[] {
  const levels = results.find((one) => one.name === CHAPERONE)?.levels ?? []
  return [
    {
      id: 'stdio_added_p50',
      what: 'p50 added to a call at 1 in flight, over what the relay adds',
      sense: 'at_most',
      limit: 1.4,
      unit: '×',
      measured: levels.find((level) => level.inFlight === 1)?.addedToBaseline,
    },
    {
      id: 'stdio_rate',
      what: 'calls/s at 64 in flight, over the relay (40,000 where it makes 80,000)',
      sense: 'at_least',
      limit: 0.5,
      unit: '×',
      measured: levels.find((level) => level.inFlight === 64)?.rateToBaseline,
    },
  ]
}

function startupGoals(results: readonly StartupResult[]): readonly Open[] {
  return [
    {
      id: 'startup',
      what: 'spawn to first tools/list, over the relay',
      sense: 'at_most',
      limit: 100,
      unit: 'ms',
      measured: results.find((one) => one.name === CHAPERONE)?.overBaselineMs,
    },
  ]
}

function memoryGoals(results: readonly MemoryResult[]): readonly Open[] {
  const own = results.find((one) => one.name === CHAPERONE)
  return [
    {
      id: 'memory_idle',
      what: 'resident memory idle, over the bare runtime',
      sense: 'at_most',
      limit: 60,
      unit: 'MB',
      measured: own?.overBareMb,
    },
    {
      id: 'memory_flat',
      what: 'growth from the second quarter of the calls to the last',
      sense: 'at_most',
      limit: FLAT_MB,
      unit: 'MB',
      measured: own?.growthMb,
    },
  ]
}
