/** The policy section: everything that is measured in one process, and the loading, which wants fresh ones. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { celEngine } from './cel.ts'
import { cedarEngine } from './cedar.ts'
import type { Engine, Missing } from './engine.ts'
import { loadOnce, together, type LoadOnce, type LoadResult } from './load.ts'
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

export interface PolicyResult {
  readonly engines: readonly EngineResult[]
  readonly path: PathResult
  readonly load: LoadResult
  /** The worst first. */
  readonly worst: readonly WorstResult[]
}

/**
 * What can be asked of a process of its own: nothing else has warmed, or worn, its just-in-time compiler.
 *
 * @throws Error where our own engine gives one wrong answer; another that cannot be opened has a line that says why
 */
export const PARTS: {
  readonly [P in keyof Parts]: (plan: PolicyPlan) => Parts[P] | Promise<Parts[P]>
} = {
  engines: ({ engines }) => measureAll(engines),
  path: ({ path }) => measurePath(ownMandate(), path),
  worst: ({ runs }) => measureWorst(runs),
  yaml: () => loadOnce('yaml'),
  json: () => loadOnce('json'),
}

interface Parts {
  readonly engines: readonly EngineResult[]
  readonly path: PathResult
  readonly worst: readonly WorstResult[]
  readonly yaml: LoadOnce
  readonly json: LoadOnce
}

async function measureAll(plan: EnginePlan): Promise<readonly EngineResult[]> {
  const own = ownEngine()
  const others = [
    present('@bufbuild/cel', () => celEngine()),
    await attempted('opa-wasm', regoEngine),
    await attempted('cedar-wasm', cedarEngine),
  ]
  return [
    ...measureEngines([own, ...others], 'twelve kinds', plan),
    ...measureEngines([own], 'every tool', plan),
  ]
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
    const yaml = await printed('yaml', quick)
    const { jsonMs } = await printed('json', quick)
    once.push({ ...yaml, jsonMs })
  }
  say('policy: the engines, beside one another')
  const engines = await printed('engines', quick)
  say('policy: admit to commit')
  const path = await printed('path', quick)
  say('policy: the worst cases')
  const worst = await printed('worst', quick)
  return { engines, path, worst, load: together(once) }
}

function printed<P extends keyof Parts>(part: P, quick: boolean): Promise<Parts[P]> {
  const args = [part, ...(quick ? ['--quick'] : [])]
  const file = fileURLToPath(new URL('../process/policy.ts', import.meta.url))
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [file, ...args],
      { timeout: PATIENCE_MS, maxBuffer: 1 << 24 },
      (error, stdout, stderr) => {
        if (error) reject(new Error(/^\w*Error: (.*)$/m.exec(stderr)?.[1] ?? error.message))
        else resolve(JSON.parse(stdout) as Parts[P])
      },
    )
  })
}
