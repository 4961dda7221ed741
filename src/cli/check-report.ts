/** How `check` says what it found: problems grouped by where they stand, the upstreams, and a verdict in one line. */
import { type Problem, problemText } from '../model/document.ts'
import type { Mandate } from '../model/mandate.ts'
import { type CliIo, paint, printable, shortPath } from './io.ts'

export interface UpstreamRow {
  readonly server: string
  /** How many tools it has, and how many of them the agent would be offered. */
  readonly tools: number
  readonly offered: number
  readonly failed: boolean
}

export interface CheckReport {
  readonly problems: readonly Problem[]
  readonly upstreams: readonly UpstreamRow[]
  /** Whether the upstreams were started. */
  readonly asked: boolean
  readonly offline: boolean
  readonly mandate?: Mandate
}

export function printReport(report: CheckReport, io: CliIo, form: 'json' | 'text'): void {
  if (form === 'json') io.stdout(`${JSON.stringify(jsonReport(report), undefined, 2)}\n`)
  else io.stdout(`${textReport(report, io).join('\n')}\n`)
}

function jsonReport({ problems, upstreams }: CheckReport): object {
  return {
    ok: !problems.some(({ level }) => level === 'error'),
    problems: problems.map(problemJson),
    upstreams: upstreams.map(({ server, tools, offered, failed }) =>
      failed ? { server, failed } : { server, tools, offered },
    ),
  }
}

/** A problem as `--json` shows it: its place flat, members that are absent left out. */
function problemJson({ level, id, place, message, remedy }: Problem): object {
  return { level, id, ...place, message, ...(remedy !== undefined && { remedy }) }
}

function textReport(report: CheckReport, io: CliIo): readonly string[] {
  const { mandate, problems, upstreams } = report
  const lines: string[] = []
  if (mandate) {
    const until = new Date(mandate.valid.until).toISOString()
    const file = shortPath(mandate.file, io.cwd)
    lines.push(
      `mandate ${paint(io, 'bold', mandate.name)} (${file}) for ${mandate.agent}, until ${until}`,
    )
  }
  if (upstreams.length > 0) {
    const width = Math.max(...upstreams.map(({ server }) => server.length))
    for (const row of upstreams) lines.push(`  ${row.server.padEnd(width)}  ${offerText(row, io)}`)
  }
  for (const [file, group] of Map.groupBy(problems, (problem) => problem.place?.file)) {
    if (lines.length > 0) lines.push('')
    if (file !== undefined) lines.push(paint(io, 'bold', shortPath(file, io.cwd)))
    lines.push(...group.map((problem) => problemLine(problem, io)))
  }
  if (lines.length > 0) lines.push('')
  lines.push(verdict(report, io))
  return lines
}

function offerText({ failed, offered, tools }: UpstreamRow, io: CliIo): string {
  if (failed) return paint(io, 'red', 'could not be asked')
  return `${offered} of ${counted(tools, 'tool')} offered`
}

/** `error  file:line:column: message (remedy)`, in colour by its level. */
export function problemLine(problem: Problem, io: Pick<CliIo, 'color' | 'cwd'>): string {
  const level =
    problem.level === 'error' ? paint(io, 'red', 'error  ') : paint(io, 'yellow', 'warning')
  const { place } = problem
  const shown = place
    ? { ...problem, place: { ...place, file: shortPath(place.file, io.cwd) } }
    : problem
  return `${level} ${printable(problemText(shown))}`
}

function verdict(report: CheckReport, io: CliIo): string {
  const { problems, upstreams } = report
  const errors = problems.filter(({ level }) => level === 'error')
  const warned = problems.length - errors.length
  const warnings = warned === 0 ? '' : `, ${counted(warned, 'warning')}`
  const failed = upstreams.filter((row) => row.failed)
  if (errors.length > failed.length) {
    const why = report.asked ? '' : '; the upstreams were not started'
    return `${paint(io, 'red', 'not ok')}: ${counted(errors.length, 'error')}${warnings}${why}`
  }
  if (failed.length > 0) {
    const names = failed.map(({ server }) => server).join(', ')
    return `${paint(io, 'yellow', 'could not check')}: ${names} could not be asked${warnings}`
  }
  const ok = paint(io, 'green', 'ok')
  if (!report.asked) {
    return `${ok}: the documents are in order${warnings}; tools and arguments were not checked (--offline)`
  }
  const offered = upstreams.reduce((sum, row) => sum + row.offered, 0)
  return `${ok}: this would run, with ${counted(offered, 'tool')} offered${warnings}`
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
