/** The figures as tables for people: aligned, with units, ratios against the baseline of the same run. */
import type { DecideResult } from './decide.ts'
import type { Goal } from './goal.ts'
import type { MemoryResult } from './memory.ts'
import type { StartupResult } from './startup.ts'
import type { TurnsResult } from './turns.ts'
import { DIRECT } from './target.ts'

type Cell = string | number | undefined

/** Text to the left, figures to the right; what is not known is n/a. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const cells = rows.map((row) => row.map(text))
  const widths = head.map((title, column) =>
    Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)),
  )
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0
        return column === 0 ? cell.padEnd(width) : cell.padStart(width)
      })
      .join('  ')
      .trimEnd()
  const rule = widths.map((width) => '─'.repeat(width)).join('──')
  return [line(head), rule, ...cells.map(line)].join('\n')
}

function text(cell: Cell): string {
  if (cell === undefined) return 'n/a'
  return typeof cell === 'string' ? cell : number(cell)
}

/** Three digits that mean something; a count is given whole, thousands apart. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return 'n/a'
  if (Number.isInteger(value)) return value.toLocaleString('en-US')
  const size = Math.abs(value)
  if (size >= 1000) return Math.round(value).toLocaleString('en-US')
  if (size >= 100) return value.toFixed(0)
  if (size >= 10) return value.toFixed(1)
  return value.toFixed(2)
}

export function stdioText(results: readonly TurnsResult[]): string {
  return turnsText('stdio', '÷ relay', results)
}

/** `ratio` heads the columns that compare with the baseline. */
export function turnsText(section: string, ratio: string, results: readonly TurnsResult[]): string {
  const parts: string[] = []
  const inFlight = results.find((one) => one.levels.length > 0)?.levels ?? []
  for (const [index, level] of inFlight.entries()) {
    const rows = results.map((one) => {
      const own = one.levels[index]
      if (own === undefined) return [one.name]
      return [
        one.name,
        own.p50Us,
        own.p95Us,
        own.p99Us,
        ...(one.name === DIRECT ? ['', ''] : [own.addedP50Us, own.addedToBaseline]),
        own.callsPerSecond,
        own.rateToBaseline,
        own.cpuUsPerCall,
        `${own.noisyWindows}/${own.windows}`,
      ]
    })
    const head = ['', 'p50 µs', 'p95 µs', 'p99 µs', 'added µs', ratio]
    const title = `${section}, ${level.inFlight} in flight (medians of ${level.windows} windows of ${number(level.callsPerWindow)} calls)`
    parts.push(
      `${title}\n${table([...head, 'calls/s', ratio, 'CPU µs/call', 'noisy'], measured(rows))}`,
    )
  }
  parts.push(residentText(results), ...notes(results), ...failures(results))
  return parts.join('\n\n')
}

function notes(
  results: readonly { readonly name: string; readonly note?: string; readonly failed?: string }[],
): readonly string[] {
  const lines = results
    .filter(({ note, failed }) => note !== undefined && failed === undefined)
    .map(({ name, note }) => `${name}: ${note}`)
  return lines.length === 0 ? [] : [lines.join('\n')]
}

function measured(rows: readonly (readonly Cell[])[]): readonly (readonly Cell[])[] {
  return rows.filter((row) => row.length > 1)
}

function residentText(results: readonly TurnsResult[]): string {
  const rows = results
    .filter((one) => one.failed === undefined)
    .map((one) => [one.name, one.residentIdleMb, one.residentLoadedMb, one.answersChecked])
  return table(['', 'RSS idle MB', 'RSS after load MB', 'answers checked'], rows)
}

export function failures(
  results: readonly { readonly name: string; readonly failed?: string }[],
): readonly string[] {
  const lines = results
    .filter((one) => one.failed !== undefined)
    .map((one) => `${one.name}: not measured: ${one.failed}`)
  return lines.length === 0 ? [] : [lines.join('\n')]
}

export function startupText(
  results: readonly StartupResult[],
  section = 'start-up',
  baseline = 'relay',
): string {
  const rows = results
    .filter((one) => one.failed === undefined)
    .map((one) => [
      one.name,
      one.firstListMs,
      one.slowestMs,
      one.overDirectMs,
      one.overBaselineMs,
      one.cpuMs,
      one.starts,
    ])
  const over = ['over direct ms', `over ${baseline} ms`]
  const head = ['', 'median ms', 'slowest ms', ...over, 'CPU ms', 'starts']
  const title = `${section}, spawn to the answer to the first tools/list`
  return [`${title}\n${table(head, rows)}`, ...notes(results), ...failures(results)].join('\n\n')
}

export function memoryText(
  bareMb: number,
  results: readonly MemoryResult[],
  section = 'memory',
): string {
  const rows = results
    .filter((one) => one.failed === undefined)
    .map((one) => [
      one.name,
      one.idleMb,
      one.overBareMb,
      ...(one.crowdedMb === undefined ? [] : [one.crowdedMb]),
      one.afterSliceMb.at(0),
      one.afterSliceMb.at(-1),
      one.growthMb,
      one.calls,
    ])
  const crowd = results.some((one) => one.crowdedMb !== undefined) ? ['with sessions MB'] : []
  const head = ['', 'idle MB', 'over bare MB', ...crowd, 'first slice MB', 'last slice MB']
  const title = `${section}, resident (the bare runtime takes ${number(bareMb)} MB)`
  return [`${title}\n${table([...head, 'growth MB', 'calls'], rows)}`, ...failures(results)].join(
    '\n\n',
  )
}

export function decideText(results: readonly DecideResult[]): string {
  const rows = results.map((one) => [
    `${number(one.grants)} grant${one.grants === 1 ? '' : 's'}, ${one.rules}`,
    one.args,
    one.tools,
    one.expected,
    one.perCpuSecond,
    one.p50Us,
    one.p99Us,
    one.singleP99Us,
    one.compileMs,
  ])
  const head = ['', 'args', 'tools', 'answer', 'decisions/CPU s', 'p50 µs', 'p99 µs']
  return `decide, one core\n${table([...head, 'p99 single µs', 'compile ms'], rows)}`
}

export function goalsText(list: readonly Goal[]): string {
  const rows = list.map((goal) => [
    goal.what,
    `${goal.sense === 'at_most' ? '≤' : '≥'} ${goal.limit.toLocaleString('en-US')} ${goal.unit}`,
    goal.measured === undefined ? undefined : `${number(goal.measured)} ${goal.unit}`,
    goal.met === undefined ? 'not measured' : goal.met ? 'met' : 'missed',
  ])
  return table(['targets', 'target', 'measured', ''], rows)
}
