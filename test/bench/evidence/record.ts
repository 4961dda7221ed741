/** A long record, written by what guards write with; how fast it is verified, proven from and asked. */
import { readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { askIndexes } from '../../../src/audit/indexed/ask.ts'
import { matches, type RowFilter } from '../../../src/audit/filter.ts'
import { proveDecision } from '../../../src/audit/prove.ts'
import { readRecord } from '../../../src/audit/read.ts'
import { Joiner, type Row } from '../../../src/audit/row.ts'
import { verifyLog } from '../../../src/audit/verify/log.ts'
import { keysAt, logsIn } from '../../../src/audit/verify/place.ts'
import { percentile } from '../numbers.ts'
import { entriesOf, idOf, openEvidence } from './entries.ts'

export interface RecordPlan {
  readonly entries: number
  readonly proofs: number
  readonly questions: number
}

export interface WriteResult {
  readonly entries: number
  readonly bytes: number
  readonly files: number
}

const TOGETHER = 64

/** So many entries of calls, 64 of which are under way at a time. */
export async function writeRecord(stateDir: string, plan: RecordPlan): Promise<WriteResult> {
  const { log, dir } = openEvidence(stateDir)
  const { intent, outcome } = entriesOf()
  const calls = Math.ceil(plan.entries / 2)
  for (let from = 0; from < calls; from += TOGETHER) {
    const turn = Array.from(
      { length: Math.min(TOGETHER, calls - from) },
      (_, index) => from + index,
    )
    await Promise.all(turn.map((call) => log.append(intent(call))))
    await Promise.all(turn.map((call) => log.append(outcome(call))))
  }
  await log.close()
  const files = readdirSync(dir).filter((name) => name.endsWith('.jsonl'))
  const bytes = files.reduce((sum, name) => sum + statSync(join(dir, name)).size, 0)
  return { entries: 2 * calls, bytes, files: files.length }
}

export interface VerifyResult {
  readonly entries: number
  readonly perSecond: number
  readonly perCpuSecond: number
  /** The most memory that it ever had, and what the process had before it began. */
  readonly peakMb: number
  readonly beforeMb: number
}

const MEGABYTE = 1_000_000

/** @throws Error where it finds anything, or not all of what is there */
export async function measureVerify(stateDir: string): Promise<VerifyResult> {
  const [folder] = logsIn(stateDir).folders
  if (folder === undefined) throw new Error('there is no log')
  const beforeMb = process.memoryUsage().rss / MEGABYTE
  const cpu = process.cpuUsage()
  const began = performance.now()
  const report = await verifyLog({ folder, keys: keysAt(stateDir) })
  const seconds = (performance.now() - began) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const { verdict, records, signed, findings } = report
  if (verdict !== 'fine')
    throw new Error(`${verdict}: ${findings[0]?.message ?? 'nothing is signed'}`)
  if (signed !== records) throw new Error(`${signed} of ${records} records are signed`)
  return {
    entries: records,
    perSecond: records / seconds,
    perCpuSecond: (records / (user + system)) * 1_000_000,
    peakMb: (process.resourceUsage().maxRSS * 1024) / MEGABYTE,
    beforeMb,
  }
}

export interface ProveResult {
  /** The first proof makes the index: seconds, and CPU for one entry. */
  readonly indexSeconds: number
  readonly indexCpuUs: number
  readonly indexBytes: number
  readonly proveP50Ms: number
  readonly proveP99Ms: number
  readonly proofs: number
}

/** A stride that meets calls all over the record. */
const STRIDE = 0.618_033_988_7

/** @throws Error where a proof is of something else */
export async function measureProve(stateDir: string, plan: RecordPlan): Promise<ProveResult> {
  const [folder] = logsIn(stateDir).folders
  if (folder === undefined) throw new Error('there is no log')
  for (const end of INDEX_FILES) rmSync(join(folder, `index.db${end}`), { force: true })
  const calls = Math.ceil(plan.entries / 2)
  const one = async (call: number): Promise<void> => {
    const { proven } = await proveDecision(stateDir, idOf(call), keysAt(stateDir))
    if (proven.entry['call'] !== idOf(call) || proven.size < plan.entries)
      throw new Error(`the proof of ${idOf(call)} is of something else`)
  }
  const cpu = process.cpuUsage()
  const began = performance.now()
  await one(calls >> 1)
  const indexSeconds = (performance.now() - began) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const took = new Float64Array(plan.proofs)
  for (let index = 0; index < plan.proofs; index += 1) {
    const call = Math.floor(((index * STRIDE) % 1) * calls)
    const from = performance.now()
    await one(call)
    took[index] = performance.now() - from
  }
  took.sort()
  return {
    indexSeconds,
    indexCpuUs: (user + system) / plan.entries,
    indexBytes: INDEX_FILES.reduce((sum, end) => sum + sizeOf(join(folder, `index.db${end}`)), 0),
    proveP50Ms: percentile(took, 0.5),
    proveP99Ms: percentile(took, 0.99),
    proofs: plan.proofs,
  }
}

const INDEX_FILES = ['', '-wal', '-shm']

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

export interface QueryResult {
  readonly what: string
  readonly indexedP50Ms: number
  readonly indexedP99Ms: number
  /** The record is read from its beginning to its end. */
  readonly readSeconds: number
  readonly rows: number
}

const LAST = 50

/** The same questions through the index and without it. @throws Error where the answers differ */
export async function measureQueries(
  stateDir: string,
  plan: RecordPlan,
): Promise<readonly QueryResult[]> {
  const middle = Math.ceil(plan.entries / 4)
  const questions: readonly [string, RowFilter][] = [
    ['the last 50 calls', { all: false }],
    ['one decision', { all: true, call: idOf(middle) }],
    ['the last 50 of a tool and an effect', { all: false, tool: 'bench/tool_*', effect: 'write' }],
    ['what was refused: nothing', { all: false, verdict: 'refused' }],
  ]
  const results: QueryResult[] = []
  for (const [what, filter] of questions)
    results.push(await queryOf(stateDir, what, { filter, plan }))
  return results
}

async function queryOf(
  place: string,
  what: string,
  { filter, plan }: { readonly filter: RowFilter; readonly plan: RecordPlan },
): Promise<QueryResult> {
  const took = new Float64Array(plan.questions)
  let rows: readonly Row[] = []
  for (let index = 0; index < plan.questions; index += 1) {
    const began = performance.now()
    const answer = await askIndexes({ place, filter, last: LAST, least: 0 })
    took[index] = performance.now() - began
    if (!answer) throw new Error('there is no index')
    rows = answer.rows
  }
  took.sort()
  const began = performance.now()
  const read = await readAll(place, filter)
  const readSeconds = (performance.now() - began) / 1000
  const named = (list: readonly Row[]): string => list.map(({ call }) => call).join()
  if (named(read) !== named(rows)) throw new Error(`the index says something else of: ${what}`)
  return {
    what,
    indexedP50Ms: percentile(took, 0.5),
    indexedP99Ms: percentile(took, 0.99),
    readSeconds,
    rows: rows.length,
  }
}

async function readAll(place: string, filter: RowFilter): Promise<readonly Row[]> {
  const joiner = new Joiner()
  let kept: Row[] = []
  for await (const { items } of readRecord(place)) {
    for (const item of items) {
      if (item.kind === 'damage') throw new Error(item.message)
      kept.push(...joiner.add(item).filter((row) => matches(row, filter)))
    }
    if (kept.length > 2000) kept = kept.slice(-LAST)
  }
  return [...kept, ...joiner.unsettled().filter((row) => matches(row, filter))]
    .sort((a, b) => (a.items[0]?.entry.seq ?? 0) - (b.items[0]?.entry.seq ?? 0))
    .slice(-LAST)
}
