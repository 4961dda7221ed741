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

/** What is offered under one mandate. */
export interface AgentRow {
  readonly mandate: Mandate
  readonly upstreams: readonly UpstreamRow[]
}

/** Of a finding about policies also the rule that it is about. */
type Found = Problem & { readonly rule?: string }

export interface CheckReport {
  readonly problems: readonly Found[]
  readonly agents: readonly AgentRow[]
  /** Whether the upstreams were started. */
  readonly asked: boolean
  readonly offline: boolean
  /** Whether it is for `serve`, which may have several mandates. */
  readonly serves: boolean
  /** Warnings count as errors. */
  readonly strict: boolean
}

export function printReport(report: CheckReport, io: CliIo, form: 'json' | 'text'): void {
  if (form === 'json') io.stdout(`${JSON.stringify(jsonReport(report), undefined, 2)}\n`)
  else io.stdout(`${textReport(report, io).join('\n')}\n`)
}

function jsonReport({ problems, agents, serves, strict }: CheckReport): object {
  const common = {
    ok: !problems.some(({ level }) => level === 'error' || strict),
    problems: problems.map(problemJson),
  }
  const [only] = agents
  if (!serves) return { ...common, upstreams: only ? upstreamsJson(only) : [] }
  const mandates = agents.map((row) => {
    const { name, file, agent } = row.mandate
    return { mandate: name, file, agent, upstreams: upstreamsJson(row) }
  })
  return { ...common, mandates }
}

function upstreamsJson({ upstreams }: AgentRow): readonly object[] {
  return upstreams.map(({ server, tools, offered, failed }) =>
    failed ? { server, failed } : { server, tools, offered },
  )
}

/** A problem as `--json` shows it: its place flat, members that are absent left out. */
export function problemJson({ level, id, place, message, remedy, rule }: Found): object {
  return {
    level,
    id,
    ...(rule !== undefined && { rule }),
    ...place,
    message,
    ...(remedy !== undefined && { remedy }),
  }
}

function textReport(report: CheckReport, io: CliIo): readonly string[] {
  const { agents, problems } = report
  const lines: string[] = agents.flatMap((row) => agentLines(row, io))
  for (const [file, group] of Map.groupBy(problems, (problem) => problem.place?.file)) {
    if (lines.length > 0) lines.push('')
    if (file !== undefined) lines.push(paint(io, 'bold', shortPath(file, io.cwd)))
    lines.push(...group.map((problem) => `${problemLine(problem, io)} [${problem.id}]`))
  }
  if (lines.length > 0) lines.push('')
  lines.push(verdict(report, io))
  return lines
}

function agentLines({ mandate, upstreams }: AgentRow, io: CliIo): readonly string[] {
  const until = new Date(mandate.valid.until).toISOString()
  const file = shortPath(mandate.file, io.cwd)
  const width = Math.max(0, ...upstreams.map(({ server }) => server.length))
  return [
    `mandate ${paint(io, 'bold', mandate.name)} (${file}) for ${mandate.agent}, until ${until}`,
    ...upstreams.map((row) => `  ${row.server.padEnd(width)}  ${offerText(row, io)}`),
  ]
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
  const { agents, problems, serves } = report
  const upstreams = agents.flatMap((row) => row.upstreams)
  const errors = problems.filter(({ level }) => level === 'error')
  const warned = problems.length - errors.length
  const warnings = warned === 0 ? '' : `, ${counted(warned, 'warning')}`
  const failed = new Set(upstreams.flatMap((row) => (row.failed ? [row.server] : [])))
  if (errors.length > failed.size) {
    const why = report.asked ? '' : '; the upstreams were not started'
    return `${paint(io, 'red', 'not ok')}: ${counted(errors.length, 'error')}${warnings}${why}`
  }
  if (failed.size > 0) {
    const names = [...failed].join(', ')
    return `${paint(io, 'yellow', 'could not check')}: ${names} could not be asked${warnings}`
  }
  if (report.strict && warned > 0) {
    return `${paint(io, 'red', 'not ok')}: ${counted(warned, 'warning')} (--strict)`
  }
  const ok = paint(io, 'green', 'ok')
  if (!report.asked) {
    return `${ok}: the documents are in order${warnings}; tools and arguments were not checked (--offline)`
  }
  const offered = upstreams.reduce((sum, row) => sum + row.offered, 0)
  if (!serves) return `${ok}: this would run, with ${counted(offered, 'tool')} offered${warnings}`
  return `${ok}: this would be served, under ${counted(agents.length, 'mandate')}${warnings}`
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
