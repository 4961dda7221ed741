/** Resident memory: idle over the bare runtime, and whether it stays flat over many calls. */
import { setTimeout as pause } from 'node:timers/promises'
import { pidOf, start, stop } from './child.ts'
import { open } from './client.ts'
import { residentOf } from './linux.ts'
import { median } from './numbers.ts'
import { BARE, type Target } from './target.ts'
import type { Caller, Contender } from './turns.ts'

export interface MemoryPlan {
  /** Calls before the first slice: V8 sizes its heap by what the first calls allocate. */
  readonly warmUp: number
  readonly calls: number
  /** After each slice of the calls the memory is read once. */
  readonly slices: number
  readonly quietMs: number
}

export interface MemoryResult {
  readonly name: string
  readonly kind: Target['kind']
  readonly failed?: string
  readonly calls: number
  readonly idleMb: number
  readonly overBareMb: number
  /** With everybody there who is there while the calls are made; absent where that is the client alone. */
  readonly crowdedMb?: number
  /** After each slice, in order. */
  readonly afterSliceMb: readonly number[]
  /** Median of the last quarter of the slices less the median of the second quarter. */
  readonly growthMb: number
}

/** Who makes the calls; a crowd arrives after idle memory is read. */
export interface Growing extends Caller {
  crowd?(): Promise<void>
  /** @throws Error when somebody of the crowd is no longer served. */
  stillThere?(): Promise<void>
}

export interface Grower extends Omit<Contender, 'open' | 'share'> {
  open(): Promise<Growing>
}

interface Memory {
  readonly bareMb: number
  readonly results: readonly MemoryResult[]
}

/** @throws Error where the system does not say how much memory a process has. */
export function measureMemory(
  targets: readonly Target[],
  plan: MemoryPlan,
  say: (line: string) => void,
): Promise<Memory> {
  const growers = targets.map(({ name, kind, missing, line }) => ({
    name,
    kind,
    ...(missing !== undefined && { missing }),
    open: async () => (await open(line)).client,
  }))
  return measureGrowth(growers, plan, say)
}

/** @throws Error where the system does not say how much memory a process has. */
export async function measureGrowth(
  growers: readonly Grower[],
  plan: MemoryPlan,
  say: (line: string) => void,
): Promise<Memory> {
  const bareMb = await bare(plan)
  const results: MemoryResult[] = []
  for (const grower of growers) {
    say(`memory: ${grower.name}, ${plan.calls} calls`)
    results.push(await memoryOf(grower, plan, bareMb))
  }
  return { bareMb, results }
}

async function bare(plan: MemoryPlan): Promise<number> {
  const child = start(BARE)
  try {
    // Long enough to have started, on a slow machine too.
    await pause(Math.max(500, plan.quietMs))
    return known(residentOf(pidOf(child)))
  } finally {
    await stop(child)
  }
}

function known(mb: number | undefined): number {
  if (mb === undefined) throw new Error('this system does not say how much memory a process has')
  return mb
}

async function memoryOf(grower: Grower, plan: MemoryPlan, bareMb: number): Promise<MemoryResult> {
  const { name, kind, missing } = grower
  const nothing = { idleMb: Number.NaN, overBareMb: Number.NaN, growthMb: Number.NaN }
  const empty = { name, kind, calls: 0, afterSliceMb: [], ...nothing }
  if (missing !== undefined) return { ...empty, failed: missing }
  try {
    const caller = await grower.open()
    try {
      return { name, kind, ...(await growthOf(caller, plan, bareMb)) }
    } finally {
      await caller.stop()
    }
  } catch (error) {
    return { ...empty, failed: error instanceof Error ? error.message : String(error) }
  }
}

async function growthOf(
  caller: Growing,
  plan: MemoryPlan,
  bareMb: number,
): Promise<Omit<MemoryResult, 'name' | 'kind' | 'failed'>> {
  await pause(plan.quietMs)
  const idleMb = known(residentOf(caller.pid))
  await caller.crowd?.()
  const crowdedMb = caller.crowd && known(residentOf(caller.pid))
  await caller.ready?.(64)
  await caller.calls(plan.warmUp, 64)
  const afterSliceMb: number[] = []
  for (let slice = 0; slice < plan.slices; slice += 1) {
    await caller.calls(Math.ceil(plan.calls / plan.slices), 64)
    afterSliceMb.push(known(residentOf(caller.pid)))
  }
  await caller.stillThere?.()
  const quarter = Math.max(1, Math.floor(plan.slices / 4))
  const early = median(afterSliceMb.slice(quarter, 2 * quarter))
  const late = median(afterSliceMb.slice(-quarter))
  return {
    calls: caller.checked,
    idleMb,
    overBareMb: idleMb - bareMb,
    ...(crowdedMb !== undefined && { crowdedMb }),
    afterSliceMb,
    growthMb: late - early,
  }
}
