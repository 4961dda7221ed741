/**
 * `npm run conformance`: the official suite, once without the guard and once with it in between, and what is worse with it.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { killAll } from '../bench/child.ts'
import { LEFT_OUT } from './client/scenarios.ts'
import type { Row } from './compare.ts'
import { runLeg } from './legs.ts'
import { lookAt, type RunLeg } from './looks.ts'
import { HELP, readOptions, type Options } from './options.ts'
import { jsonText, regressions, text, type Comparison } from './report.ts'
import { readRequirements } from './requirements.ts'
import type { Mode } from './results.ts'

const OWN_BUILD = join(import.meta.dirname, '..', '..', 'dist', 'bin', 'chaperone.js')

/** Of all that is started and made, nothing outlives this process. */
const folder = mkdtempSync(join(tmpdir(), 'chaperone-conformance-'))
process.env['TMPDIR'] = folder
process.env['TEMP'] = folder
process.once('exit', () => {
  killAll()
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
})
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))

process.exitCode = await main(process.argv.slice(2))

async function main(argv: readonly string[]): Promise<number> {
  let options: Options | undefined
  try {
    options = readOptions(argv)
    if (options) mustBeUsable(options)
  } catch (error) {
    tell(messageOf(error))
    return 2
  }
  if (options === undefined) {
    process.stdout.write(HELP)
    return 0
  }
  try {
    const guard = options.against ?? OWN_BUILD
    if (!existsSync(guard)) throw new Error(`there is no ${guard}`)
    const comparison = await compareModes(options)
    process.stdout.write(options.json ? jsonText(comparison) : text(comparison))
    return regressions(comparison.rows).length === 0 ? 0 : 1
  } catch (error) {
    tell(messageOf(error))
    return 3
  }
}

/** @throws Error naming a scenario that is none of the revision's, or a folder that holds other results. */
function mustBeUsable({ revision, modes, only, keep }: Options): void {
  if (keep !== undefined && existsSync(keep)) throw new Error(`--keep ${keep} is there already`)
  const known = new Set(modes.flatMap((mode) => readRequirements(revision, mode).scenarios))
  const unknown = only.filter((name) => !known.has(name))
  if (unknown.length > 0) throw new Error(`${revision} has no scenario ${unknown.join(', ')}`)
}

async function compareModes(options: Options): Promise<Comparison> {
  const { revision } = options
  const rows: Row[] = []
  const unsteady: string[] = []
  const leftOut = new Map<string, string>()
  for (const mode of options.modes) {
    const requirements = readRequirements(revision, mode)
    const wanted = options.only.length === 0 ? requirements.scenarios : options.only
    const mine = wanted.filter((name) => requirements.scenarios.includes(name))
    for (const name of mine) {
      const why = mode === 'client' ? LEFT_OUT.get(name) : undefined
      if (why !== undefined) leftOut.set(name, why)
    }
    const only = options.only.length === 0 ? [] : mine.filter((name) => !leftOut.has(name))
    if (mine.every((name) => leftOut.has(name))) continue
    const looked = await lookAt({ mode, requirements, only, leftOut }, running(options, mode))
    rows.push(...looked.rows)
    unsteady.push(...looked.unsteady)
  }
  const reasons = [...leftOut].map(([scenario, why]) => ({ scenario, why }))
  return { revision, rows, unsteady, leftOut: reasons }
}

function running({ revision, keep, against }: Options, mode: Mode): RunLeg {
  return async (leg, only, look) => {
    const results = join(keep ?? join(folder, 'results'), mode, leg, look)
    mkdirSync(results, { recursive: true })
    const began = performance.now()
    tell(`${mode} ${leg}, ${look} look …`)
    const found = await runLeg({
      revision,
      mode,
      leg,
      only,
      folder: results,
      guard: against ?? OWN_BUILD,
    })
    const statuses = [...found.values()].flat().map(({ status }) => status)
    const passed = statuses.filter((status) => status === 'SUCCESS').length
    const seconds = ((performance.now() - began) / 1000).toFixed(1)
    tell(`… ${found.size} scenarios, ${passed} checks passed, ${seconds} s`)
    return found
  }
}

function tell(line: string): void {
  process.stderr.write(`conformance: ${line}\n`)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
