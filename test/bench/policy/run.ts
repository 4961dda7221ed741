/** The policy section: everything that is measured in one process, and the loading, which wants fresh ones. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { celEngine } from './cel.ts'
import { cedarEngine } from './cedar.ts'
import type { Engine, Missing } from './engine.ts'
import { together, type LoadOnce, type LoadResult } from './load.ts'
import { measureEngines, type EnginePlan, type EngineResult } from './measure.ts'
import { ownEngine, ownMandate } from './own.ts'
import { measurePath, type PathPlan, type PathResult } from './path.ts'
import { regoEngine } from './rego.ts'
import { measureWorst, type WorstResult } from './worst.ts'

export interface PolicyPlan {
  readonly engines: EnginePlan
  readonly path: PathPlan
  /** Fresh processes that load, of each form. */
  readonly loads: number
  /** Decisions of each hard case. */
  readonly runs: number
}

export interface Measured {
  readonly engines: readonly EngineResult[]
  readonly path: PathResult
  readonly worst: readonly WorstResult[]
}

export interface PolicyResult extends Measured {
  readonly load: LoadResult
}

/** @throws Error where our own engine gives one wrong answer; another's is left out with the reason */
export async function measurePolicies(plan: PolicyPlan): Promise<Measured> {
  const mandate = ownMandate()
  const own = ownEngine(mandate)
  const others = [
    present('@bufbuild/cel', () => celEngine()),
    await attempted('opa-wasm', regoEngine),
    await attempted('cedar-wasm', cedarEngine),
  ]
  const engines = [
    ...measureEngines([own, ...others], 'twelve kinds', plan.engines),
    ...measureEngines([own], 'every tool', plan.engines),
  ]
  const path = await measurePath(mandate, plan.path)
  return { engines, path, worst: measureWorst(plan.runs) }
}

function present(name: string, open: () => Engine): Engine | Missing {
  try {
    return open()
  } catch (error) {
    return { name, missing: messageOf(error) }
  }
}

/** None of them is a dependency of the guard: one that is not installed has a line that says so. */
async function attempted(
  name: string,
  open: () => Promise<Engine | Missing>,
): Promise<Engine | Missing> {
  try {
    return await open()
  } catch (error) {
    return { name, missing: messageOf(error) }
  }
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? ''
}

const PATIENCE_MS = 600_000

/** @throws Error with what the process said when it failed */
export async function runPolicy(
  quick: boolean,
  loads: number,
  say: (line: string) => void,
): Promise<PolicyResult> {
  const once: LoadOnce[] = []
  for (let load = 0; load < loads; load += 1) {
    say(`policy: load ${load + 1} of ${loads}`)
    const yaml = await printed<LoadOnce>(['yaml'])
    const { jsonMs } = await printed<LoadOnce>(['json'])
    once.push({ ...yaml, jsonMs })
  }
  say('policy: engines, path and worst cases, in a process of their own')
  const measured = await printed<Measured>(quick ? ['--quick'] : [])
  return { ...measured, load: together(once) }
}

function printed<Result>(args: readonly string[]): Promise<Result> {
  const file = fileURLToPath(new URL('../process/policy.ts', import.meta.url))
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [file, ...args],
      { timeout: PATIENCE_MS, maxBuffer: 1 << 24 },
      (error, stdout, stderr) => {
        if (error) reject(new Error(/^\w*Error: (.*)$/m.exec(stderr)?.[1] ?? error.message))
        else resolve(JSON.parse(stdout) as Result)
      },
    )
  })
}
