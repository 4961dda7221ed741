/** `chaperone log`: reads the record as a person would, or as JSON lines for a program. */
import { resolve } from 'node:path'
import { matches, type RowFilter } from '../audit/filter.ts'
import { byTime } from '../audit/cursor.ts'
import { askIndexes, type IndexAnswer } from '../audit/indexed/ask.ts'
import { readRecord, type Batch, type Damage, type Follow } from '../audit/read.ts'
import { Joiner, type Row } from '../audit/row.ts'
import { stateDir } from '../config/state-dir.ts'
import { systemClock } from '../config/system.ts'
import { EFFECT_CLASSES } from '../model/call.ts'
import { DENY_REASONS } from '../model/decision.ts'
import { nearest } from '../model/document.ts'
import { GuardError } from '../model/error.ts'
import type { Clock } from '../model/port.ts'
import { durationMs, rfc3339 } from '../model/time.ts'
import { parseFlags } from './arguments.ts'
import { type CliIo, type Command, paint, printable } from './io.ts'
import { jsonLines, ocsfLines, Tally, tableOf, type Table } from './log-report.ts'

const DEFAULT_LAST = 50
const MOST_LAST = 100_000
/** A shorter record is read as fast as its index. */
const INDEX_FROM = 4 * 1024 * 1024
const RESULTS = ['complete', 'input_required', 'tool_error', 'error'] as const

const VERDICTS = ['forwarded', 'refused', 'unsettled', 'passed', 'declined', ...RESULTS]

const HELP = `usage: chaperone log [options]

Reads the record: every call with its outcome, every refusal with its reason, what upstreams asked of the client. All
guards that kept their record in the state folder are read as one, by time.

  --tool <name>           part of server/tool, or a pattern with * and ?
  --server <name>         this upstream
  --effect <class>        ${EFFECT_CLASSES.join(', ')}
  --reason <reason>       why it was refused: outside_mandate, approval_required, ...
  --verdict <verdict>     forwarded, refused, unsettled (no outcome on record), or what came back:
                          complete, input_required, tool_error, error; of upstreams' requests: passed, declined
  --agent <name>          what this agent did
  --mandate <name>        what was done under this mandate
  --decision <id>         this decision; the end of the id that is shown is enough (also --call)
  --rule <policy#rule>    what this rule decided, or would have in shadow mode; a policy for all of its rules, a pattern
                          with * and ?, or engine:id
  --since, --until <time> 2026-11-22T10:30:00+01:00, or so long ago: 90s, 15m, 2h, 7d
  --all                   also lists that were served, and events: starts, upstreams, recoveries
  -n, --last <count>      the last so many, or all; default ${DEFAULT_LAST}
  -f, --follow            go on with what is added, until Ctrl-C
  --json                  the entries as they stand in the record, one a line
  --format ocsf           the same for a SIEM: events of OCSF 1.8, one JSON object a line; with --all events of the guard, too
  --state-dir <folder>    where the record is kept (or CHAPERONE_STATE_DIR); also a folder of one log

A long record is read through an index, \`index.db\` beside each log: made and kept up by this command, and made anew when it
is removed.

Exit codes: 0 fine, 1 the record is damaged (what can be read is shown), 2 usage, 3 no record, or it cannot be read.
`

const OPTIONS = {
  tool: { type: 'string' },
  server: { type: 'string' },
  effect: { type: 'string' },
  reason: { type: 'string' },
  verdict: { type: 'string' },
  agent: { type: 'string' },
  mandate: { type: 'string' },
  call: { type: 'string' },
  decision: { type: 'string' },
  rule: { type: 'string' },
  since: { type: 'string' },
  until: { type: 'string' },
  all: { type: 'boolean' },
  last: { type: 'string', short: 'n' },
  follow: { type: 'boolean', short: 'f' },
  json: { type: 'boolean' },
  format: { type: 'string' },
  'state-dir': { type: 'string' },
} as const

/** What a test puts in place of the real thing. */
export interface LogParts {
  readonly clock: Pick<Clock, 'now'>
  readonly changes?: Follow['changes']
  /** Bytes of a record from which on it is read through an index. */
  readonly indexFrom?: number
}

/** The command over these parts. */
export function logCommand(parts: LogParts): Command {
  return {
    name: 'log',
    summary: 'read the record: what was called, what was refused, and why',
    help: HELP,
    run: (argv, io) => showLog(argv, io, parts),
  }
}

export const command: Command = logCommand({ clock: systemClock })

interface Question {
  readonly place: string
  readonly filter: RowFilter
  /** Infinity: all of them. */
  readonly last: number
  readonly follow: boolean
  /** How a program is shown it; absent: a person. */
  readonly lines?: (rows: readonly Row[]) => string
}

async function showLog(argv: readonly string[], io: CliIo, parts: LogParts): Promise<number> {
  const question = questionOf(argv, io, parts.clock)
  const follow: Follow | undefined = question.follow
    ? { ...(io.signal && { signal: io.signal }), ...(parts.changes && { changes: parts.changes }) }
    : undefined
  const screen = new Screen(question, io)
  const { filter, last, place } = question
  const least = parts.indexFrom ?? INDEX_FROM
  const answer =
    follow || last === Number.POSITIVE_INFINITY
      ? undefined
      : await askIndexes({ place, filter, last, least, ...(io.signal && { signal: io.signal }) })
  if (answer) {
    screen.answer(answer)
    return screen.end()
  }
  for await (const batch of readRecord(question.place, follow)) {
    screen.take(batch)
    if (io.signal?.aborted === true && !question.follow) {
      screen.end()
      io.stderr(`${paint(io, 'yellow', 'stopped')}: only a part of the record was read\n`)
      return 3
    }
  }
  return screen.end()
}

/** Keeps the last rows until the reading has come to the present, and shows what follows as it comes. */
class Screen {
  readonly #question: Question
  readonly #io: CliIo
  readonly #joiner = new Joiner()
  readonly #tally = new Tally()
  readonly #damage: Damage[] = []
  #kept: Row[] = []
  #keeping: boolean
  #table: Table | undefined

  constructor(question: Question, io: CliIo) {
    this.#question = question
    this.#io = io
    this.#keeping = question.last !== Number.POSITIVE_INFINITY
  }

  take({ items, upToDate }: Batch): void {
    const rows: Row[] = []
    for (const item of items) {
      if (item.kind === 'damage') this.#damage.push(item)
      else rows.push(...this.#joiner.add(item))
    }
    this.#want(rows)
    if (upToDate && this.#question.follow) this.#showKept()
  }

  /** What indexes found in place of reading all of it. */
  answer({ rows, counts, damage }: IndexAnswer): void {
    for (const { verdict, kind, count } of counts) this.#tally.add(verdict, kind, count)
    this.#kept = [...rows]
    this.#damage.push(...damage)
  }

  /** Says what is left to say; the exit code. */
  end(): number {
    this.#want(this.#joiner.unsettled())
    this.#showKept()
    if (!this.#question.lines) this.#io.stdout(`${paint(this.#io, 'dim', this.#tally.text())}\n`)
    const label = paint(this.#io, 'red', 'damaged')
    for (const { file, line, message } of this.#damage)
      this.#io.stderr(`${label}: ${printable(file)}:${line}: ${message}\n`)
    return this.#damage.length > 0 ? 1 : 0
  }

  #want(rows: readonly Row[]): void {
    const wanted = rows.filter((row) => matches(row, this.#question.filter))
    for (const row of wanted) this.#tally.count(row)
    if (!this.#keeping) {
      this.#show(wanted)
      return
    }
    this.#kept.push(...wanted)
    if (this.#kept.length > 2 * this.#question.last + 1000) this.#trim()
  }

  #trim(): void {
    this.#kept = this.#kept.sort(byBeginning).slice(-this.#question.last)
  }

  #showKept(): void {
    if (!this.#keeping) return
    this.#keeping = false
    this.#trim()
    this.#show(this.#kept)
    this.#kept = []
  }

  #show(rows: readonly Row[]): void {
    if (rows.length === 0) return
    this.#tally.showed(rows.length)
    const { lines } = this.#question
    this.#io.stdout(lines ? lines(rows) : this.#tableLines(rows))
  }

  #tableLines(rows: readonly Row[]): string {
    const lines: string[] = []
    if (!this.#table) {
      // Rows that come later have to fit the columns, too.
      const complete = rows === this.#kept && !this.#question.follow
      this.#table = tableOf(this.#io, complete ? rows : 'any')
      lines.push(this.#table.head)
    }
    for (const row of rows) lines.push(this.#table.line(row))
    return `${lines.join('\n')}\n`
  }
}

function byBeginning(a: Row, b: Row): number {
  const [one, other] = [a.items[0], b.items[0]]
  return one && other ? byTime(one, other) : 0
}

function questionOf(argv: readonly string[], io: CliIo, clock: LogParts['clock']): Question {
  const { values } = parseFlags({ args: [...argv], options: OPTIONS, strict: true })
  const { tool, server, rule, agent, mandate } = values
  if (values.call !== undefined && values.decision !== undefined)
    throw new GuardError('ERR_USAGE', '`--call` and `--decision` are both given (keep one)')
  const call = values.decision ?? values.call
  const effect = oneOf('--effect', values.effect, EFFECT_CLASSES)
  const reason = oneOf('--reason', values.reason, DENY_REASONS)
  const verdict = oneOf('--verdict', values.verdict, VERDICTS)
  const since = timeOf('--since', values.since, clock)
  const until = timeOf('--until', values.until, clock)
  const format = oneOf('--format', values.format, ['ocsf'])
  const state = values['state-dir']
  return {
    place: resolve(io.cwd, stateDir(io.env, state === undefined ? state : resolve(io.cwd, state))),
    filter: {
      ...(tool !== undefined && { tool }),
      ...(server !== undefined && { server }),
      ...(call !== undefined && { call }),
      ...(agent !== undefined && { agent }),
      ...(mandate !== undefined && { mandate }),
      ...(rule !== undefined && { rule }),
      ...(effect !== undefined && { effect }),
      ...(reason !== undefined && { reason }),
      ...(verdict !== undefined && { verdict }),
      ...(since !== undefined && { since }),
      ...(until !== undefined && { until }),
      all: values.all === true,
    },
    last: lastOf(values.last),
    follow: values.follow === true,
    ...(format === undefined ? values.json === true && { lines: jsonLines } : { lines: ocsfLines }),
  }
}

function oneOf(
  flag: string,
  given: string | undefined,
  choices: readonly string[],
): string | undefined {
  if (given === undefined || choices.includes(given)) return given
  const near = nearest(given, choices)
  const hint = near === undefined ? `one of ${choices.join(', ')}` : `did you mean \`${near}\`?`
  throw new GuardError('ERR_USAGE', `\`${flag} ${given}\` is no such value (${hint})`)
}

/** RFC 3339 in UTC of a moment, or of one so long ago. @throws GuardError ERR_USAGE */
export function timeOf(
  flag: string,
  given: string | undefined,
  clock: LogParts['clock'],
): string | undefined {
  if (given === undefined) return undefined
  const ago = durationMs(given)
  const at = ago === undefined ? rfc3339(given) : Math.max(0, clock.now() - ago)
  if (at !== undefined) return new Date(at).toISOString()
  const hint = 'write 2026-11-22T10:30:00+01:00, or so long ago: 90s, 15m, 2h, 7d'
  throw new GuardError('ERR_USAGE', `\`${flag} ${given}\` is no time (${hint})`)
}

function lastOf(given: string | undefined): number {
  if (given === undefined) return DEFAULT_LAST
  if (given === 'all') return Number.POSITIVE_INFINITY
  const count = /^\d{1,6}$/.test(given) ? Number(given) : 0
  if (count > 0 && count <= MOST_LAST) return count
  throw new GuardError(
    'ERR_USAGE',
    `\`--last ${given}\` is no count (write 1 to ${MOST_LAST}, or all)`,
  )
}
