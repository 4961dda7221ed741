/** The sections over HTTP as the bench's command runs them: which targets, how much, and what could not be measured. */
import { join } from 'node:path'
import {
  hostilePlan,
  httpMemoryPlan,
  httpPlan,
  httpStartupRounds,
  type Options,
} from '../options.ts'
import { memoryText, startupText } from '../report.ts'
import { recordSize, type RecordSize, type Workshop } from '../target.ts'
import type { HttpMeasured } from './goal.ts'
import { measureHostile } from './hostile.ts'
import { measureHttpMemory } from './memory.ts'
import { installPeers } from './peer.ts'
import { hostileText, httpText } from './report.ts'
import { measureHttp, measureHttpStartup } from './section.ts'
import { httpBaselines, httpChaperone, httpOther, PASS, type HttpTarget } from './target.ts'

/** What the command keeps of the sections over HTTP. */
export type HttpResults = { -readonly [Name in keyof HttpMeasured]: HttpMeasured[Name] } & {
  httpBareMb?: number
  /** What the guard had put on record when its calls over HTTP were done. */
  httpRecord?: RecordSize & { readonly calls: number }
}

/** A row of any section, as far as it may have failed. */
export interface Row {
  readonly name: string
  readonly kind: HttpTarget['kind']
  readonly failed?: string
}

export interface HttpRun {
  readonly options: Options
  readonly workshop: Workshop
  readonly results: HttpResults
  readonly say: (line: string) => void
  /** What a section could not measure is said of it. */
  readonly gaps: (section: string, rows: readonly Row[]) => void
}

type HttpSection = 'http' | 'http-startup' | 'http-memory' | 'hostile'

export function httpSections(run: HttpRun): Readonly<Record<HttpSection, () => Promise<void>>> {
  return {
    http: () => calls(run),
    'http-startup': () => startup(run),
    'http-memory': () => memory(run),
    hostile: () => hostile(run),
  }
}

async function calls(run: HttpRun): Promise<void> {
  const { options, workshop, results, say } = run
  const targets = [...httpBaselines(), ...guards(run, 'http'), ...(await peers(run))]
  const measured = await measureHttp(targets, httpPlan(options.quick), workshop, say)
  results.http = measured
  for (const { era, targets: rows } of measured) run.gaps(`http, ${era}`, rows)
  const own = measured.flatMap((one) => one.targets).filter((one) => one.kind === 'chaperone')
  if (own.some(({ failed }) => failed !== undefined)) return
  const made = own.reduce((sum, one) => sum + one.answersChecked, 0)
  const stateDir = join(workshop.folder, stateOf('http'))
  const record = { ...recordSize({ ...workshop, stateDir }), calls: made }
  results.httpRecord = record
  if (record.entries >= 2 * made) return
  const failed = `the record holds ${record.entries} entries of ${made} calls`
  run.gaps('http', [{ name: 'record', kind: 'chaperone', failed }])
}

async function startup(run: HttpRun): Promise<void> {
  const { options, workshop, say } = run
  const targets = [...httpBaselines(), ...guards(run, 'startup'), ...(await peers(run))]
  const rows = await measureHttpStartup(targets, httpStartupRounds(options.quick), workshop, say)
  run.results.httpStartup = rows
  run.gaps('http-startup', rows)
}

async function memory(run: HttpRun): Promise<void> {
  const { options, workshop, say } = run
  const targets = [...pass(), ...guards(run, 'memory')]
  const measured = await measureHttpMemory(targets, httpMemoryPlan(options), workshop, say)
  run.results.httpBareMb = measured.bareMb
  run.results.httpMemory = measured.results
  run.gaps('http-memory', measured.results)
}

async function hostile(run: HttpRun): Promise<void> {
  const { options, workshop, say } = run
  const targets = [...pass(), ...guards(run, 'hostile')]
  const rows = await measureHostile(targets, hostilePlan(options.quick), workshop, say)
  run.results.hostile = rows
  run.gaps('hostile', rows)
}

function pass(): readonly HttpTarget[] {
  return httpBaselines().filter((target) => target.name === PASS)
}

/** Each section's record by itself. */
function stateOf(section: string): string {
  return `state-${section}`
}

function guards({ options, workshop }: HttpRun, section: string): readonly HttpTarget[] {
  const { against } = options
  const state = stateOf(section)
  const others = against === undefined ? [] : [httpOther(against, workshop, state)]
  return [httpChaperone(workshop, state), ...others]
}

async function peers({ options, workshop, say }: HttpRun): Promise<readonly HttpTarget[]> {
  return options.peers ? installPeers(workshop, say) : []
}

export function httpReport(results: HttpResults): readonly string[] {
  const { http, httpRecord, httpStartup, httpBareMb, httpMemory } = results
  return [
    ...(http ? [httpText(http)] : []),
    ...(httpRecord
      ? [`http, record: ${httpRecord.entries} entries of ${httpRecord.calls} calls`]
      : []),
    ...(httpStartup ? [startupText(httpStartup, 'http, start-up', 'pass')] : []),
    ...(httpMemory
      ? [memoryText(httpBareMb ?? Number.NaN, httpMemory, 'http, memory with a crowd')]
      : []),
    ...(results.hostile ? [hostileText(results.hostile)] : []),
  ]
}
