/** How `log` says what is on record: a table for people, the entries themselves for programs, and counts. */
import { byTime } from '../audit/cursor.ts'
import { ocsfEvent } from '../audit/export/ocsf.ts'
import { fullName, numberOf, objectOf, type Row, shortId } from '../audit/row.ts'
import { EFFECT_CLASSES } from '../model/call.ts'
import { canonical, type Json } from '../model/json.ts'
import { type CliIo, paint, printable, type Style } from './io.ts'

const GAP = '  '
const TOOK_WIDTH = 8
/** As of `2ca7237f-12`. */
const ID_WIDTH = 11
/** Narrower terminals are shown no year. */
const WIDE = 100

interface Bounds {
  readonly least: number
  readonly most: number
  /** When the rows are not known yet. */
  readonly any: number
}

const NAME: Bounds = { least: 12, most: 60, any: 60 }
const EFFECT: Bounds = { least: 6, most: 12, any: 7 }
const VERDICT: Bounds = { least: 8, most: 24, any: 20 }

interface Cells {
  readonly time: string
  readonly mark: string
  readonly style: Style
  readonly name: string
  readonly effect: string
  readonly verdict: string
  readonly took: string
  /** By which `explain --decision` finds the call. */
  readonly id: string
  /** In place of effect, verdict and time taken, for what has none. */
  readonly note: string
  /** Rules of policies, behind the rest. */
  readonly rules: string
}

export interface Table {
  readonly head: string
  readonly line: (row: Row) => string
}

/** A table as wide as these rows need it, or for any rows when they are not known yet. */
export function tableOf(io: CliIo, rows: readonly Row[] | 'any'): Table {
  const time = localTime(io.env['TZ'], io.columns < WIDE)
  const cellsOf = (row: Row): Cells => cells(row, time)
  const known = rows === 'any' ? undefined : rows.map(cellsOf)
  const width = {
    time: time(new Date(0).toISOString()).length,
    effect: widthOf(
      EFFECT,
      known?.map((row) => row.effect),
    ),
    verdict: widthOf(
      VERDICT,
      known?.map((row) => row.verdict),
    ),
    name: widthOf(
      NAME,
      known?.map((row) => row.name),
    ),
  }
  const fixed =
    width.time + 1 + width.effect + width.verdict + TOOK_WIDTH + ID_WIDTH + 6 * GAP.length
  const room = Math.max(io.columns - fixed, NAME.least)
  const name = Math.min(room, width.name)
  const line = (mark: string, row: Omit<Cells, 'mark' | 'style'>): string => {
    const left = [row.time.padEnd(width.time), mark, fit(row.name, name)]
    const right =
      row.note === ''
        ? [
            fit(row.effect, width.effect),
            fit(row.verdict, width.verdict),
            row.took.padStart(TOOK_WIDTH),
            row.id,
          ]
        : [fit(row.note, Math.max(io.columns - width.time - 1 - name - 3 * GAP.length, NAME.least))]
    const line = [...left, ...right].join(GAP)
    return row.rules === '' ? line.trimEnd() : under(line, row.rules, io)
  }
  const titles = {
    time: 'time',
    name: 'call',
    effect: 'effect',
    verdict: 'verdict',
    took: 'took',
    id: 'id',
  }
  return {
    head: paint(io, 'dim', line(' ', { ...titles, note: '', rules: '' })),
    line: (row) => {
      const found = cellsOf(row)
      return line(paint(io, found.style, found.mark), found)
    },
  }
}

function widthOf(bounds: Bounds, texts: readonly string[] | undefined): number {
  if (!texts) return bounds.any
  const longest = texts.reduce((most, text) => Math.max(most, text.length), 0)
  return Math.min(Math.max(longest, bounds.least), bounds.most)
}

function fit(text: string, width: number): string {
  return text.length <= width ? text.padEnd(width) : `${text.slice(0, width - 1)}…`
}

function cells(row: Row, time: (ts: string) => string): Cells {
  const { tookMs } = row
  return {
    time: time(row.ts),
    ...markOf(row),
    name: printable(fullName(row)),
    effect: printable(effectText(row.effects)),
    verdict: printable(row.reason ?? row.result ?? row.verdict ?? ''),
    note: printable(noteText(row)),
    id: printable(shortId(row.call ?? '')),
    took: tookMs === undefined ? '' : tookText(tookMs),
    rules: printable(rulesText(row)),
  }
}

/** What decided stands in a line of its own below the call, so that the columns stay what they are. */
function under(line: string, rules: string, io: CliIo): string {
  const most = Math.max(io.columns - INDENT.length, NAME.least)
  return `${line.trimEnd()}\n${INDENT}${paint(io, 'dim', fit(rules, most).trimEnd())}`
}

const INDENT = '    '

/** Labels that every call leaves would stand below every call: duties are shown where a rule forbade, or asked. */
function rulesText({ rules, shadow, verdict }: Row): string {
  const decided = verdict === 'refused' ? rules : []
  const all = [...decided.map((rule) => `by ${rule}`), ...shadow.map((rule) => `shadow ${rule}`)]
  return all.join(', ')
}

function markOf(row: Row): { readonly mark: string; readonly style: Style } {
  if (row.verdict === 'refused' || row.verdict === 'declined') return { mark: '✗', style: 'red' }
  if (row.verdict === 'unsettled') return { mark: '?', style: 'yellow' }
  if (row.verdict === undefined) return { mark: '·', style: 'dim' }
  const bad = row.result === 'tool_error' || row.result === 'error'
  return bad ? { mark: '!', style: 'yellow' } : { mark: '✓', style: 'green' }
}

function effectText(effects: readonly string[]): string {
  if (effects.length === EFFECT_CLASSES.length) return 'any'
  return effects.join(',')
}

function noteText(row: Row): string {
  const { entry } = row.items[0] ?? {}
  if (row.kind === 'list') {
    const [offered, hidden] = [numberOf(entry?.['offered']) ?? 0, numberOf(entry?.['hidden']) ?? 0]
    return `${offered} of ${offered + hidden} listed`
  }
  return row.kind === 'event' ? factsText(objectOf(entry?.['facts'])) : ''
}

function factsText(facts: Readonly<Record<string, Json>>): string {
  return Object.entries(facts)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : canonical(value)}`)
    .join(' ')
}

function tookText(ms: number): string {
  if (ms >= 10_000) return `${(ms / 1000).toFixed(0)} s`
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`
  return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`
}

/** `2026-11-22 03:10:11`, in the zone that TZ names or else the system's. */
function localTime(zone: string | undefined, short: boolean): (ts: string) => string {
  const format = formatIn(zone)
  return (ts) => {
    const ms = Date.parse(ts)
    if (Number.isNaN(ms)) return ''
    const text = format.format(ms)
    return short ? text.slice('2026-'.length) : text
  }
}

function formatIn(zone: string | undefined): Intl.DateTimeFormat {
  // Swedish writes a date as ISO 8601 does.
  const of = (timeZone?: string): Intl.DateTimeFormat =>
    new Intl.DateTimeFormat('sv-SE', {
      dateStyle: 'short',
      timeStyle: 'medium',
      ...(timeZone !== undefined && { timeZone }),
    })
  if (zone === undefined || zone === '') return of()
  try {
    return of(zone)
  } catch {
    // A TZ that only the C library understands.
    return of()
  }
}

/** The entries of the rows as they stand in the record, in its order; what a terminal would act on is escaped as JSON does. */
export function jsonLines(rows: readonly Row[]): string {
  const items = rows.flatMap((row) => row.items)
  const ordered = items.toSorted(byTime)
  return ordered.map(({ line }) => `${escaped(line)}\n`).join('')
}

/** The rows as events of OCSF, one a line. */
export function ocsfLines(rows: readonly Row[]): string {
  return rows
    .flatMap((row) => ocsfEvent(row) ?? [])
    .map((event) => `${escaped(canonical(event))}\n`)
    .join('')
}

// Beyond the controls that JSON escapes anyway: these may stand in a line of JSON, and a terminal acts on them.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

function escaped(line: string): string {
  return line.replace(UNPRINTABLE, (char) =>
    Array.from({ length: char.length }, (_, index) => {
      const unit = char.charCodeAt(index).toString(16).padStart(4, '0')
      return String.raw`\u` + unit
    }).join(''),
  )
}

/** The order in which counts are said, however they were found. */
const RANKS = ['forwarded', 'refused', 'passed', 'declined', 'events', 'lists', 'unsettled']

function rankOf(verdict: string): number {
  const rank = RANKS.indexOf(verdict)
  return rank < 0 ? RANKS.length : rank
}

/** Counts what was asked for, shown or not. */
export class Tally {
  readonly #verdicts = new Map<string, number>()
  #rows = 0
  #shown = 0

  count(row: Row): void {
    this.add(row.verdict, row.kind, 1)
  }

  /** So many rows of which this came. */
  add(verdict: string | undefined, kind: Row['kind'], count: number): void {
    this.#rows += count
    const counted = verdict ?? (kind === 'list' ? 'lists' : 'events')
    this.#verdicts.set(counted, (this.#verdicts.get(counted) ?? 0) + count)
  }

  showed(rows: number): void {
    this.#shown += rows
  }

  text(): string {
    if (this.#rows === 0) return 'nothing on record matches'
    const found = [...this.#verdicts].toSorted(
      ([a], [b]) => rankOf(a) - rankOf(b) || (a < b ? -1 : 1),
    )
    const counts = found.map(([verdict, count]) => `${count} ${printable(verdict)}`)
    const part = this.#shown < this.#rows ? `; the last ${this.#shown} are shown` : ''
    return `${this.#rows} on record: ${counts.join(', ')}${part}`
  }
}
