/** `npm run bench`: measures what a guarded call costs and prints it beside what was aimed for. Asserts no time. */
import { join } from 'node:path'
import { arch, cpus, loadavg, platform, release } from 'node:os'
import { killAll } from './child.ts'
import { open } from './client.ts'
import { runDecide } from './decide-process.ts'
import { evidenceText } from './evidence/report.ts'
import { printed, runEvidence } from './evidence/run.ts'
import { goals, type Measured } from './goal.ts'
import { profileHttp } from './http/profile.ts'
import { httpReport, httpSections, type HttpResults, type Row } from './http/run.ts'
import { httpFromSource } from './http/target.ts'
import { measureMemory } from './memory.ts'
import { figure } from './numbers.ts'
import {
  evidencePlan,
  HELP,
  memoryPlan,
  policyPlan,
  readOptions,
  startupRounds,
  stdioPlan,
  type Options,
  type Section,
} from './options.ts'
import { policyText } from './policy/report.ts'
import { runPolicy } from './policy/run.ts'
import { profileGuard, profileText } from './profile.ts'
import { decideText, goalsText, memoryText, startupText, stdioText } from './report.ts'
import { measureStartup } from './startup.ts'
import { measureStdio } from './stdio.ts'
import {
  baselines,
  chaperone,
  fromSource,
  openWorkshop,
  other,
  peers,
  recordSize,
  sourcePath,
  underPolicies,
  withBudget,
  withWrites,
  type RecordSize,
  type Target,
  type Workshop,
} from './target.ts'

interface Results extends Measured {
  bareMb?: number
  /** What the guard had put on record when its calls were done. */
  record?: RecordSize & { readonly calls: number }
  /** What could not be measured, and why; peers that are not installed are none of it. */
  readonly gaps: string[]
}
type Writable<T> = { -readonly [Name in keyof T]: T[Name] }

async function main(argv: readonly string[]): Promise<number> {
  let options: Options
  try {
    options = readOptions(argv)
  } catch (error) {
    process.stderr.write(`bench: ${messageOf(error)}\n`)
    return 2
  }
  if (options.help) {
    process.stdout.write(HELP)
    return 0
  }
  const workshop = openWorkshop()
  try {
    return await (options.profile ? profile(options, workshop) : measure(options, workshop))
  } finally {
    killAll()
    workshop.remove()
  }
}

/** Over HTTP, or under budgets, where that is the only section asked for. */
async function profile(options: Options, workshop: Workshop): Promise<number> {
  const calls = options.quick ? 50_000 : 300_000
  const only = options.sections.length === 1 ? options.sections[0] : undefined
  const overHttp = only === 'http'
  const stdio = only === 'evidence' ? withBudget(workshop, sourcePath()) : fromSource(workshop)
  const { name, missing } = overHttp ? httpFromSource(workshop) : stdio
  if (missing !== undefined) {
    process.stderr.write(`bench: ${name}: ${missing}\n`)
    return 3
  }
  const found = overHttp
    ? await profileHttp(calls, workshop)
    : await profileGuard(
        async (changed) => (await open(changed(stdio.line))).client,
        calls,
        workshop.folder,
      )
  process.stdout.write(options.json ? jsonText(found) : profileText(found))
  return 0
}

async function measure(options: Options, workshop: Workshop): Promise<number> {
  const results: Writable<Results> & HttpResults = { gaps: [] }
  const { against } = options
  const builds = against === undefined ? [] : [other(against, workshop)]
  const guards = [chaperone(workshop), ...builds, ...peers(workshop)]
  const held = [withWrites(workshop), withBudget(workshop)]
  const sections: Readonly<Record<Section, () => Promise<void>>> = {
    decide: () => decideSection(options, results),
    policy: () => policySection(options, results),
    stdio: () =>
      stdioSection(options, [...baselines(), ...guards, ...held, underPolicies(workshop)], {
        results,
        folder: join(workshop.folder, 'waits'),
      }),
    startup: () => startupSection(options, [...baselines(), ...guards], results),
    memory: () =>
      memorySection(options, [...baselines(), ...guards, withBudget(workshop)], results),
    evidence: () => evidenceSection(options, workshop, results),
    ...httpSections({
      options,
      workshop,
      results,
      say,
      gaps: (section, rows) => noteGaps(section, rows, results),
    }),
  }
  for (const name of options.sections) {
    try {
      await sections[name]()
      if (name === 'stdio') proveRecorded(workshop, results)
    } catch (error) {
      results.gaps.push(`${name}: ${messageOf(error)}`)
    }
  }
  process.stdout.write(options.json ? jsonText(document(options, results)) : text(results))
  return results.gaps.length === 0 ? 0 : 3
}

async function decideSection(options: Options, results: Writable<Results>): Promise<void> {
  results.decide = await runDecide(options.quick, say)
}

async function policySection(options: Options, results: Writable<Results>): Promise<void> {
  const { quick } = options
  results.policy = await runPolicy(quick, policyPlan(quick).loads, say)
}

async function stdioSection(
  options: Options,
  targets: readonly Target[],
  { results, folder }: { readonly results: Writable<Results>; readonly folder: string },
): Promise<void> {
  results.stdio = await measureStdio(targets, stdioPlan(options.quick), say)
  noteGaps('stdio', results.stdio, results)
  results.stdioWait = await printed(options.quick)('wait', folder)
}

async function evidenceSection(
  { quick }: Options,
  { folder }: Workshop,
  results: Writable<Results>,
): Promise<void> {
  const how = { plan: evidencePlan(quick), print: printed(quick) }
  results.evidence = await runEvidence(join(folder, 'evidence'), how, say)
}

async function startupSection(
  options: Options,
  targets: readonly Target[],
  results: Writable<Results>,
): Promise<void> {
  results.startup = await measureStartup(targets, startupRounds(options.quick), say)
  noteGaps('startup', results.startup, results)
}

async function memorySection(
  options: Options,
  targets: readonly Target[],
  results: Writable<Results>,
): Promise<void> {
  const { bareMb, results: list } = await measureMemory(targets, memoryPlan(options), say)
  results.bareMb = bareMb
  results.memory = list
  noteGaps('memory', list, results)
}

function noteGaps(section: string, list: readonly Row[], results: Results): void {
  for (const one of list) {
    if (one.failed === undefined || one.kind === 'peer') continue
    const gap = `${section}: ${one.name}: ${one.failed}`
    if (!results.gaps.includes(gap)) results.gaps.push(gap)
  }
}

/** The record was on: an intent and an outcome for each call that went through, or the figures are worth nothing. */
function proveRecorded(workshop: Workshop, results: Writable<Results>): void {
  const own = results.stdio?.find((one) => one.kind === 'chaperone')
  if (own === undefined || own.failed !== undefined) return
  const record = { ...recordSize(workshop), calls: own.answersChecked }
  results.record = record
  if (record.entries < 2 * record.calls) {
    results.gaps.push(`stdio: the record holds ${record.entries} entries of ${record.calls} calls`)
  }
}

function say(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\u001b[2K\r${line}`)
}

function machine(): object {
  return {
    node: process.version,
    system: `${platform()} ${release()} ${arch()}`,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    load: loadavg(),
  }
}

function document(options: Options, results: Results): object {
  return {
    bench: 1,
    at: new Date().toISOString(),
    machine: machine(),
    quick: options.quick,
    ...results,
    goals: goals(results),
  }
}

/** What was not measured is null, never a number. */
function jsonText(value: object): string {
  const plain = (_name: string, item: unknown): unknown =>
    typeof item === 'number' ? figure(item) : item
  return `${JSON.stringify(value, plain, 2)}\n`
}

function text(results: Results): string {
  const { record, bareMb } = results
  const parts = [
    `Chaperone bench: ${Object.entries(machine())
      .map(([name, value]) => `${name} ${String(value)}`)
      .join(', ')}`,
    ...(results.decide ? [decideText(results.decide)] : []),
    ...(results.policy ? [policyText(results.policy)] : []),
    ...(results.stdio ? [stdioText(results.stdio)] : []),
    ...(record ? [recordText(record)] : []),
    ...(results.startup ? [startupText(results.startup)] : []),
    ...(results.memory ? [memoryText(bareMb ?? Number.NaN, results.memory)] : []),
    ...(results.evidence ? [evidenceText(results.evidence)] : []),
    ...httpReport(results),
    goalsText(goals(results)),
    ...results.gaps.map((gap) => `could not measure ${gap}`),
  ]
  return `${process.stderr.isTTY ? '\n' : ''}${parts.join('\n\n')}\n`
}

function recordText(record: RecordSize & { readonly calls: number }): string {
  const bytes = Math.round(record.bytes / record.calls)
  return `record: ${record.entries} entries of ${record.calls} calls, ${bytes} bytes a call`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    killAll()
    process.exit(130)
  })
}
process.exitCode = await main(process.argv.slice(2))
