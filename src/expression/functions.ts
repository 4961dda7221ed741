/** The functions that a condition may call. */
import { instant } from '../model/id.ts'
import { isList, isObject } from '../model/json.ts'
import { rfc3339 } from '../model/time.ts'
import { type Building, flaw, mismatch, suggestion } from './building.ts'
import { codePoints } from './characters.ts'
import { readEmail } from './email.ts'
import { buildHistory } from './history.ts'
import { compilePattern } from './regex.ts'
import { charge, type Frame, type Run, textCost, type Typed, type Value } from './run.ts'
import type { Expr } from './syntax.ts'
import { BOOL, INT, KIND, SPAN, TEXT, TIME, type Type } from './typing.ts'
import { readUrl } from './url.ts'
import { parseWindow } from './window.ts'
import { type Zone, zoneOf } from './zone.ts'

type Call = Extract<Expr, { kind: 'call' }>

interface Fixed {
  /** Kinds of what the function is called on, if on anything, then of its arguments. */
  readonly takes: readonly number[]
  /** True when it is called on its first value: `text.startsWith(…)`. */
  readonly method: boolean
  readonly type: Type
  readonly run: (values: readonly Value[], frame: Frame) => Value
}

interface Reader {
  readonly type: Type
  readonly read: (text: string) => number | string | undefined
  readonly wanted: string
}

const SIZED = KIND.text | KIND.list | KIND.object
const NO_DATE = Symbol('a time lies beyond the calendar')
const WRONG_KIND = Symbol('a function is given a value of another kind')

const FIXED: Readonly<Record<string, Fixed>> = {
  startsWith: textTest((text, other) => text.startsWith(other)),
  endsWith: textTest((text, other) => text.endsWith(other)),
  contains: textTest((text, other) => text.includes(other)),
}

/** Functions that read a text as something else. */
const READERS: Readonly<Record<string, Reader>> = {
  timestamp: { type: TIME, read: rfc3339, wanted: 'an RFC 3339 time like `2026-11-22T10:00:00Z`' },
  duration: { type: SPAN, read: spanMs, wanted: 'a duration like `1h30m`, `90s` or `250ms`' },
  domain: {
    type: TEXT,
    read: (text) => readEmail(text)?.domain,
    wanted: 'a plain e-mail address like `bob@acme.example`',
  },
  host: {
    type: TEXT,
    read: (text) => readUrl(text)?.host,
    wanted: 'a plain URL like `https://api.example.com/v1`',
  },
}

/** Parts of a time, in UTC or in the zone that is named. */
const TIME_PARTS: Readonly<Record<string, (local: Date) => number>> = {
  getFullYear: (local) => local.getUTCFullYear(),
  getMonth: (local) => local.getUTCMonth(),
  getDate: (local) => local.getUTCDate(),
  getDayOfMonth: (local) => local.getUTCDate() - 1,
  getDayOfWeek: (local) => local.getUTCDay(),
  getHours: (local) => local.getUTCHours(),
  getMinutes: (local) => local.getUTCMinutes(),
  getSeconds: (local) => local.getUTCSeconds(),
}

const NAMES = [
  'size',
  'within',
  'pattern',
  ...Object.keys(FIXED),
  ...Object.keys(READERS),
  ...Object.keys(TIME_PARTS),
]
const INSTEAD: Readonly<Record<string, string>> = {
  matches: 'use `pattern(text, "…")`: RE2 syntax, from end to end',
  dyn: 'leave it out: nothing is converted',
  int: 'compare the number itself: nothing is converted',
  uint: 'compare the number itself: nothing is converted',
  double: 'compare the number itself: nothing is converted',
  string: 'compare the value itself: nothing is converted',
}

export function buildCall(expr: Call, building: Building): Typed | undefined {
  if (expr.target?.kind === 'name' && expr.target.name === 'session')
    return buildHistory(expr, building)
  const operands = expr.target ? [expr.target, ...expr.args] : expr.args
  const values: Typed[] = []
  for (const operand of operands) {
    const value = building.build(operand, building)
    if (value) values.push(value)
  }
  if (!NAMES.includes(expr.name)) {
    const remedy = INSTEAD[expr.name] ?? suggestion(expr.name, NAMES)
    return flaw(building, expr, 'unknown_function', [
      `\`${expr.name}\` is no function of the profile`,
      remedy,
    ])
  }
  if (values.length < operands.length) return undefined
  if (expr.name === 'size')
    return fixedCall(expr, { ...SIZE, method: expr.target !== undefined }, values, building)
  if (expr.name === 'within') return withinCall(expr, values, building)
  if (expr.name === 'pattern') return patternCall(expr, values, building)
  const part = Object.hasOwn(TIME_PARTS, expr.name) ? TIME_PARTS[expr.name] : undefined
  if (part) return timePart(expr, part, values, building)
  const reader = Object.hasOwn(READERS, expr.name) ? READERS[expr.name] : undefined
  if (reader) return readerCall(expr, reader, values, building)
  const fixed = FIXED[expr.name]
  return fixed && fixedCall(expr, fixed, values, building)
}

function badCall(expr: Call, building: Building, usage: string): undefined {
  return flaw(building, expr, 'invalid_call', [`\`${expr.name}\` is not called like this`, usage])
}

function fixedCall(
  expr: Call,
  fixed: Fixed,
  values: readonly Typed[],
  building: Building,
): Typed | undefined {
  if (values.length !== fixed.takes.length || fixed.method !== (expr.target !== undefined)) {
    const usage = fixed.method ? `text.${expr.name}("…")` : `${expr.name}(…)`
    return badCall(expr, building, `write \`${usage}\` with ${fixed.takes.length} value(s) in all`)
  }
  for (const [index, value] of values.entries())
    if ((value.type.kinds & (fixed.takes[index] ?? 0)) === 0)
      return mismatch(building, expr, `\`${expr.name}\` takes another kind of value`, value.type)
  const runs = values.map((value) => value.run)
  const run: Run = (frame) => {
    const given: Value[] = []
    for (const each of runs) {
      const value = each(frame)
      if (typeof value === 'symbol') return value
      given.push(value)
    }
    return fixed.run(given, frame)
  }
  return { type: fixed.type, run }
}

/** A text that is written in the condition is read at once, so that `timestamp("tomorrow")` is refused. */
function readerCall(
  expr: Call,
  reader: Reader,
  values: readonly Typed[],
  building: Building,
): Typed | undefined {
  const [value] = values
  if (!value || values.length !== 1 || expr.target)
    return badCall(expr, building, `write \`${expr.name}("…")\``)
  if ((value.type.kinds & KIND.text) === 0)
    return mismatch(building, expr, `\`${expr.name}\` takes a text`, value.type)
  const { type, read, wanted } = reader
  const unreadable = Symbol(`a text is not ${wanted}`)
  if (typeof value.constant === 'string') {
    const result = read(value.constant)
    if (result === undefined)
      return badCall(expr, building, `\`${value.constant}\` is not ${wanted}`)
    return { type, run: () => result, constant: result }
  }
  const run: Run = (frame) => {
    const text = value.run(frame)
    if (typeof text === 'symbol') return text
    if (typeof text !== 'string') return WRONG_KIND
    return charge(frame, textCost(text)) ?? read(text) ?? unreadable
  }
  return { type, run }
}

function withinCall(expr: Call, values: readonly Typed[], building: Building): Typed | undefined {
  const [time, days, zone] = values
  const usage = 'write `within(now, "Mon-Fri 09:00-17:00", "Europe/Berlin")`, both texts in full'
  const known = zone ? zone.constant : building.scope.timezone
  if (!time || values.length > 3 || expr.target || typeof days?.constant !== 'string')
    return badCall(expr, building, usage)
  if (!zone && known === undefined)
    return flaw(building, expr, 'invalid_call', ['`within` names no time zone', usage])
  if (typeof known !== 'string') return badCall(expr, building, usage)
  if (time.type.kinds !== KIND.time)
    return mismatch(building, expr, '`within` takes a time first', time.type)
  const window = parseWindow(days.constant, known)
  if ('problem' in window) {
    const { problem, remedy } = window
    return flaw(
      building,
      expr,
      'invalid_window',
      remedy === undefined ? [problem] : [problem, remedy],
    )
  }
  const run: Run = (frame) => {
    const at = time.run(frame)
    if (typeof at === 'symbol') return at
    return Number.isSafeInteger(at) ? window.includes(instant(Number(at))) : WRONG_KIND
  }
  return { type: BOOL, run }
}

function patternCall(expr: Call, values: readonly Typed[], building: Building): Typed | undefined {
  const [text, source] = values
  const usage = 'write `pattern(text, "[A-Z]{2}")`, the pattern in full'
  if (!text || values.length !== 2 || expr.target || typeof source?.constant !== 'string')
    return badCall(expr, building, usage)
  if ((text.type.kinds & KIND.text) === 0)
    return mismatch(building, expr, '`pattern` takes a text first', text.type)
  const compiled = compilePattern(source.constant)
  if ('problem' in compiled) {
    const message = `the pattern does not compile: ${compiled.problem}`
    return flaw(building, expr, 'invalid_pattern', [message, 'write it in RE2 syntax'])
  }
  const run: Run = (frame) => {
    const value = text.run(frame)
    if (typeof value === 'symbol') return value
    if (typeof value !== 'string') return WRONG_KIND
    return charge(frame, value.length) ?? compiled.matches(value)
  }
  return { type: BOOL, run }
}

function timePart(
  expr: Call,
  part: (local: Date) => number,
  values: readonly Typed[],
  building: Building,
): Typed | undefined {
  const [time, name] = values
  const usage = `write \`now.${expr.name}("Europe/Berlin")\`, the zone in full, or none for UTC`
  if (!time || !expr.target || values.length > 2) return badCall(expr, building, usage)
  if (time.type.kinds !== KIND.time)
    return mismatch(building, expr, `\`${expr.name}\` is asked of a time`, time.type)
  const zone: Zone | undefined =
    name && typeof name.constant === 'string' ? zoneOf(name.constant) : undefined
  if (name && !zone) return badCall(expr, building, usage)
  const run: Run = (frame) => {
    const at = time.run(frame)
    if (typeof at === 'symbol') return at
    if (!Number.isSafeInteger(at)) return WRONG_KIND
    const when = instant(Number(at))
    const found = part(new Date(when + (zone?.offset(when) ?? 0)))
    return Number.isInteger(found) ? found : NO_DATE
  }
  return { type: INT, run }
}

/** `1h30m`, `90s`, `250ms`, perhaps with a sign. */
function spanMs(text: string): number | undefined {
  const match = /^(-?)(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?(?:(\d{1,9})ms)?$/.exec(text)
  if (!match || !/\d/.test(text)) return undefined
  const [hours, minutes, seconds, ms] = match.slice(2).map((part) => Number(part ?? 0))
  const total = (((hours ?? 0) * 60 + (minutes ?? 0)) * 60 + (seconds ?? 0)) * 1000 + (ms ?? 0)
  return match[1] === '-' ? -total : total
}

const SIZE: Fixed = {
  takes: [SIZED],
  method: false,
  type: INT,
  run: ([value], frame) => {
    if (typeof value === 'string') return charge(frame, textCost(value) * 8) ?? codePoints(value)
    if (isList(value)) return value.length
    return isObject(value) ? Object.keys(value).length : WRONG_KIND
  },
}

function textTest(holds: (text: string, other: string) => boolean): Fixed {
  return {
    takes: [KIND.text, KIND.text],
    method: true,
    type: BOOL,
    run: ([text, other], frame) => {
      if (typeof text !== 'string' || typeof other !== 'string') return WRONG_KIND
      return charge(frame, textCost(text)) ?? holds(text, other)
    },
  }
}
