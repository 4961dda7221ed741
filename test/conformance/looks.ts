/** One mode of the suite on both legs, and a second look at what differs: a pass lost to a busy machine comes back. */
import { compare, type Row } from './compare.ts'
import type { Requirements } from './requirements.ts'
import type { Mode, Results } from './results.ts'

/** Without the guard, and with it in between. */
export type Leg = 'direct' | 'guarded'

/** Runs the suite on one leg: these scenarios, or all of them where none is named. */
export type RunLeg = (leg: Leg, only: readonly string[], look: Look) => Promise<Results>
export type Look = 'first' | 'second'

export interface Wanted {
  readonly mode: Mode
  readonly requirements: Requirements
  /** Empty for all. */
  readonly only: readonly string[]
  /** Scenarios that are not compared, and why. */
  readonly leftOut: ReadonlyMap<string, string>
}

export interface Looked {
  readonly rows: readonly Row[]
  /** Scenarios that were as they should be only at the second look. */
  readonly unsteady: readonly string[]
}

/** So many scenarios are looked at again; more of them are no accident. */
const MOST_AGAIN = 5

/** @throws Error when a required scenario does not pass without the guard: whatever it does with one says nothing then. */
export async function lookAt(wanted: Wanted, run: RunLeg): Promise<Looked> {
  const { mode, leftOut, requirements } = wanted
  const look = async (which: Look, only: readonly string[]): Promise<readonly Row[]> => {
    const direct = await run('direct', only, which)
    const guarded = await run('guarded', only, which)
    return compare(mode, direct, guarded).filter(({ scenario }) => !leftOut.has(scenario))
  }
  const first = await look('first', wanted.only)
  const isBad = (row: Row): boolean =>
    row.differences.length > 0 || (requirements.required.has(row.scenario) && hasFailed(row))
  const doubtful = first.filter(isBad).map(({ scenario }) => scenario)
  const again =
    doubtful.length > 0 && doubtful.length <= MOST_AGAIN ? await look('second', doubtful) : []
  const rows = first.map((row) => again.find(({ scenario }) => scenario === row.scenario) ?? row)
  mustHavePassed(wanted, rows)
  const unsteady = again.filter((row) => !isBad(row)).map(({ scenario }) => scenario)
  return { rows, unsteady }
}

function hasFailed({ direct }: Row): boolean {
  return direct.failed > 0 || direct.passed === 0
}

function mustHavePassed({ requirements, only, leftOut }: Wanted, rows: readonly Row[]): void {
  const passed = new Set(rows.filter((row) => !hasFailed(row)).map(({ scenario }) => scenario))
  const failed = [...requirements.required].filter(
    (name) => (only.length === 0 || only.includes(name)) && !leftOut.has(name) && !passed.has(name),
  )
  if (failed.length > 0)
    throw new Error(`without the guard already, it fails: ${failed.join(', ')}`)
}
