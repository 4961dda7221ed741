/** Resident memory: idle over the bare runtime, and whether it stays flat over many calls. */
import { setTimeout as pause } from 'node:timers/promises'
import { pidOf, start, stop } from './child.ts'
import { open } from './client.ts'
import { residentOf } from './linux.ts'
import { median } from './numbers.ts'
import { BARE, type Target } from './target.ts'

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
  /** After each slice, in order. */
  readonly afterSliceMb: readonly number[]
  /** Median of the last quarter of the slices less the median of the second quarter. */
  readonly growthMb: number
}

/** @throws Error where the system does not say how much memory a process has. */
export async function measureMemory(
  targets: readonly Target[],
  plan: MemoryPlan,
  say: (line: string) => void,
): Promise<{ readonly bareMb: number; readonly results: readonly MemoryResult[] }> {
  const bareMb = await bare(plan)
  const results: MemoryResult[] = []
  for (const target of targets) {
    say(`memory: ${target.name}, ${plan.calls} calls`)
    results.push(await memoryOf(target, plan, bareMb))
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

async function memoryOf(target: Target, plan: MemoryPlan, bareMb: number): Promise<MemoryResult> {
  const nothing = { idleMb: Number.NaN, overBareMb: Number.NaN, growthMb: Number.NaN }
  const empty = { name: target.name, kind: target.kind, calls: 0, afterSliceMb: [], ...nothing }
  if (target.missing !== undefined) return { ...empty, failed: target.missing }
  try {
    const { client } = await open(target.line)
    try {
      await pause(plan.quietMs)
      const idleMb = known(residentOf(client.pid))
      await client.calls(plan.warmUp, 64)
      const afterSliceMb: number[] = []
      for (let slice = 0; slice < plan.slices; slice += 1) {
        await client.calls(Math.ceil(plan.calls / plan.slices), 64)
        afterSliceMb.push(known(residentOf(client.pid)))
      }
      const quarter = Math.max(1, Math.floor(plan.slices / 4))
      const early = median(afterSliceMb.slice(quarter, 2 * quarter))
      const late = median(afterSliceMb.slice(-quarter))
      return {
        name: target.name,
        kind: target.kind,
        calls: client.checked,
        idleMb,
        overBareMb: idleMb - bareMb,
        afterSliceMb,
        growthMb: late - early,
      }
    } finally {
      await client.stop()
    }
  } catch (error) {
    return { ...empty, failed: error instanceof Error ? error.message : String(error) }
  }
}
