/** The functions that a condition may call. */
import { isList, isObject } from '../model/json.ts'
import { rfc3339 } from '../model/time.ts'
import { badCall, type Building, flaw, mismatch, suggestion } from './building.ts'
import { codePoints } from './characters.ts'
import { readEmail } from './email.ts'
import { buildHistory } from './history.ts'
import { compilePattern } from './regex.ts'
import { charge, countKeys, type Frame, type Run, textCost, type Typed, type Value } from './run.ts'
import { endsWith, includes, startsWith } from './search.ts'
import type { Expr } from './syntax.ts'
import { spanMs, TIME_PARTS, timePart, withinCall } from './time-functions.ts'
import { BOOL, INT, KIND, SPAN, TEXT, TIME, type Type } from './typing.ts'
import { MAX_URL, readUrl } from './url.ts'

type Call = Extract<Expr, { kind: 'call' }>

interface Fixed {
  /** Kinds of what the function is called on, if on anything, then of its arguments; one or two. */
  readonly takes: readonly number[]
  /** True when it is called on its first value: `text.startsWith(…)`. */
  readonly method: boolean
  readonly type: Type
  readonly run: (value: Value, other: Value, frame: Frame) => Value
}

interface Reader {
  readonly type: Type
  readonly read: (text: string) => number | string | undefined
  readonly wanted: string
  /** Steps of reading a text of that length. */
  readonly cost: (length: number) => number
}

const SIZED = KIND.text | KIND.list | KIND.object
const UNREADABLE = Symbol('a text is too long for a pattern, or holds half a character')
const WRONG_KIND = Symbol('a function is given a value of another kind')

const FIXED: Readonly<Record<string, Fixed>> = {
  startsWith: textTest(startsWith),
  endsWith: textTest(endsWith),
  contains: textTest(includes),
}

/** Functions that read a text as something else. */
const READERS: Readonly<Record<string, Reader>> = {
  timestamp: {
    type: TIME,
    read: rfc3339,
    wanted: 'an RFC 3339 time like `2026-11-22T10:00:00Z`',
    cost: () => 100,
  },
  duration: {
    type: SPAN,
    read: spanMs,
    wanted: 'a duration like `1h30m`, `90s` or `250ms`',
    cost: () => 50,
  },
  domain: {
    type: TEXT,
    read: (text) => readEmail(text)?.domain,
    wanted: 'a plain e-mail address like `bob@acme.example`',
    cost: (length) => 100 + (length >>> 6),
  },
  host: {
    type: TEXT,
    read: (text) => readUrl(text)?.host,
    wanted: 'a plain URL like `https://api.example.com/v1`',
    cost: (length) => 100 + Math.min(length, MAX_URL),
  },
}

/** All of them; `has` and what walks a list are part of the language itself. */
export const FUNCTION_NAMES: readonly string[] = [
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
  if (!FUNCTION_NAMES.includes(expr.name)) {
    const remedy = INSTEAD[expr.name] ?? suggestion(expr.name, FUNCTION_NAMES)
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
  const [first, second] = values.map((value) => value.run)
  const does = fixed.run
  const run: Run = (frame) => {
    const of = first?.(frame) ?? null
    if (typeof of === 'symbol') return of
    const other = second?.(frame) ?? null
    return typeof other === 'symbol' ? other : does(of, other, frame)
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
  const { type, read, wanted, cost } = reader
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
    return charge(frame, cost(text.length)) ?? read(text) ?? unreadable
  }
  return { type, run }
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
    const fault = charge(frame, compiled.steps(value.length))
    if (fault) return fault
    // Nothing is said of a text that is not matched at all: no padding makes `!pattern(…)` hold.
    return compiled.takes(value) ? compiled.matches(value) : UNREADABLE
  }
  return { type: BOOL, run }
}

/** Half of a character beyond the first 65,536. */
const PAIRED = /[\ud800-\udbff]/

const SIZE: Fixed = {
  takes: [SIZED],
  method: false,
  type: INT,
  run: (value, _, frame) => {
    if (typeof value === 'string') return sizeOfText(value, frame)
    if (isList(value)) return value.length
    return isObject(value) ? countKeys(value, frame) : WRONG_KIND
  },
}

function sizeOfText(text: string, frame: Frame): number | symbol {
  const fault = charge(frame, textCost(text))
  if (fault) return fault
  if (!PAIRED.test(text)) return text.length
  return charge(frame, text.length >>> 2) ?? codePoints(text)
}

type TextTest = (text: string, other: string, frame: Frame) => boolean | symbol

function textTest(holds: TextTest): Fixed {
  return {
    takes: [KIND.text, KIND.text],
    method: true,
    type: BOOL,
    run: (text, other, frame) =>
      typeof text === 'string' && typeof other === 'string'
        ? holds(text, other, frame)
        : WRONG_KIND,
  }
}
