/** Comparison, arithmetic and membership in conditions. */
import { isList, type Json } from '../model/json.ts'
import { type Building, flaw, mismatch, suggestion } from './building.ts'
import {
  charge,
  compareTexts,
  deepEqual,
  type Frame,
  type Run,
  textCost,
  type Typed,
  type Value,
} from './run.ts'
import type { BinaryOperator, Expr } from './syntax.ts'
import {
  BOOL,
  DOUBLE,
  INT,
  KIND,
  kindsText,
  NUMBER,
  SPAN,
  TEXT,
  TIME,
  type Type,
} from './typing.ts'

type Binary = Extract<Expr, { kind: 'binary' }>

const TWO_KINDS = Symbol('two values of different kinds are compared')
const NO_NUMBER = Symbol('a result is no exact number')
const NO_DIVISOR = Symbol('a division by zero')

export function buildBinary(expr: Binary, building: Building): Typed | undefined {
  const left = building.build(expr.left, building)
  const right = building.build(expr.right, building)
  if (!left || !right) return undefined
  switch (expr.operator) {
    case '==':
    case '!=':
      return equality(expr, left, right, building)
    case '<':
    case '<=':
    case '>':
    case '>=':
      return ordering(expr, left, right, building)
    case 'in':
      return membership(expr, left, right, building)
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
      return arithmetic(expr, left, right, building)
  }
}

/** Kinds with the two kinds of numbers as one. */
function merged(type: Type): number {
  return (type.kinds & NUMBER) === 0 ? type.kinds : type.kinds | NUMBER
}

function common(left: Typed, right: Typed): number {
  return merged(left.type) & merged(right.type)
}

function incomparable(expr: Binary, left: Typed, right: Typed, building: Building): undefined {
  const [a, b] = [kindsText(left.type.kinds), kindsText(right.type.kinds)]
  return flaw(building, expr, 'type_mismatch', [
    `\`${expr.operator}\` between ${a} and ${b} can never hold`,
    'compare values of one kind; nothing is converted',
  ])
}

/**
 * Equality within one kind. Two kinds are a fault, not `false`: a list where a text is expected must not pass a `!=`.
 * Only `null`, written as such, may be compared with anything.
 */
function equality(expr: Binary, left: Typed, right: Typed, building: Building): Typed | undefined {
  const withNull = left.constant === null || right.constant === null
  if (!withNull && common(left, right) === 0) return incomparable(expr, left, right, building)
  checkTexts(expr, [left, right], building)
  checkTexts(expr, [right, left], building)
  const wanted = expr.operator === '=='
  const a = left.run
  const b = right.run
  const run: Run = (frame) => {
    const x = a(frame)
    const y = b(frame)
    if (typeof x === 'symbol') return x
    if (typeof y === 'symbol') return y
    if (x === null || y === null) return withNull || x === y ? (x === y) === wanted : TWO_KINDS
    if (typeof x !== typeof y) return TWO_KINDS
    if (typeof x === 'number' || typeof x === 'boolean') return (x === y) === wanted
    if (isList(x) !== isList(y)) return TWO_KINDS
    const same = deepEqual(x, y, frame)
    return typeof same === 'symbol' ? same : same === wanted
  }
  return { type: BOOL, run }
}

/** A text that is compared with what it can never be. */
function checkTexts(
  expr: Binary,
  [fixed, listed]: readonly [fixed: Typed, listed: Typed],
  building: Building,
): void {
  const { texts } = listed.type
  const value = fixed.constant
  if (!texts || typeof value !== 'string' || texts.includes(value) || listed.constant !== undefined)
    return
  building.doubts.push({
    id: 'impossible_value',
    start: expr.start,
    message: `\`${value}\` is none of the values that can stand there`,
    remedy: suggestion(value, texts.slice(0, 10)),
  })
}

const ORDERED = NUMBER | KIND.text | KIND.time | KIND.span

function ordering(expr: Binary, left: Typed, right: Typed, building: Building): Typed | undefined {
  if ((common(left, right) & ORDERED) === 0) return incomparable(expr, left, right, building)
  const a = left.run
  const b = right.run
  const holds = ORDER[expr.operator]
  if (!holds) return undefined
  const run: Run = (frame) => {
    const x = a(frame)
    const y = b(frame)
    if (typeof x === 'number' && typeof y === 'number') return holds(x - y)
    if (typeof x === 'symbol') return x
    if (typeof y === 'symbol') return y
    if (typeof x !== 'string' || typeof y !== 'string') return TWO_KINDS
    return charge(frame, 1 + (Math.min(x.length, y.length) >>> 2)) ?? holds(compareTexts(x, y))
  }
  return { type: BOOL, run }
}

const ORDER: Readonly<Partial<Record<BinaryOperator, (sign: number) => boolean>>> = {
  '<': (sign) => sign < 0,
  '<=': (sign) => sign <= 0,
  '>': (sign) => sign > 0,
  '>=': (sign) => sign >= 0,
}

function membership(
  expr: Binary,
  left: Typed,
  right: Typed,
  building: Building,
): Typed | undefined {
  if (!isListType(right.type))
    return mismatch(building, expr.right, '`in` needs a list on its right', right.type)
  const item = right.type.item
  if (item && (merged(item) & merged(left.type)) === 0)
    return incomparable(expr, left, { type: item, run: right.run }, building)
  for (const value of isList(right.constant) ? right.constant : [])
    checkTexts(expr, [{ type: TEXT, run: right.run, constant: value }, left], building)
  const a = left.run
  const b = right.run
  if (isList(right.constant) && right.constant.every(isScalar))
    return { type: BOOL, run: amongConstants(a, right.constant) }
  const run: Run = (frame) => {
    const x = a(frame)
    const list = b(frame)
    if (typeof x === 'symbol') return x
    if (typeof list === 'symbol') return list
    return isList(list) ? contains(list, x, frame) : TWO_KINDS
  }
  return { type: BOOL, run }
}

function isScalar(value: Json): boolean {
  return typeof value !== 'object'
}

/** A list that is written down, or a set: a value of a kind that none of its elements has is a fault. */
function amongConstants(of: Run, list: readonly Json[]): Run {
  const known: ReadonlySet<Value> = new Set(list)
  const kinds = new Set(list.map((item) => typeof item))
  const longest = Math.max(0, ...list.map((item) => (typeof item === 'string' ? item.length : 0)))
  return (frame) => {
    const value = of(frame)
    if (typeof value === 'symbol') return value
    if (typeof value !== 'string' || value.length <= longest) {
      const fault = typeof value === 'string' ? charge(frame, textCost(value)) : undefined
      if (fault) return fault
      if (known.has(value)) return true
    }
    return kinds.size === 0 || kinds.has(typeof value) ? false : TWO_KINDS
  }
}

function contains(list: readonly Json[], wanted: Json, frame: Parameters<Run>[0]): Value {
  let fault: symbol | undefined
  for (const item of list) {
    const same = deepEqual(item, wanted, frame)
    if (same !== false) return same
    if (typeof item !== typeof wanted) fault = TWO_KINDS
  }
  return fault ?? false
}

/** A list, or null; without a schema, whatever turns out to be a list. */
export function isListType(type: Type): boolean {
  const may = (type.kinds & KIND.list) !== 0
  return may && (type.unknown === true || (type.kinds & ~KIND.null) === KIND.list)
}

/**
 * Two whole numbers give a whole number (`7 / 2` is 3), a whole number beside another number is taken for that.
 * A result that is not exact below 2^53, or no number, is a fault.
 */
function arithmetic(
  expr: Binary,
  left: Typed,
  right: Typed,
  building: Building,
): Typed | undefined {
  const timed = timeArithmetic(expr.operator, left.type.kinds, right.type.kinds)
  if (timed) return { type: timed, run: numeric(left.run, right.run, MATH[expr.operator]) }
  const shared = common(left, right)
  if (expr.operator === '+' && (shared & KIND.text) !== 0 && (shared & NUMBER) === 0)
    return { type: TEXT, run: concatenation(left.run, right.run) }
  const unknown = left.type.unknown === true || right.type.unknown === true
  if (expr.operator === '+' && (shared & KIND.text) !== 0)
    return { type: unknown ? UNKNOWN_SUM : SUM, run: sum(left.run, right.run) }
  if ((shared & NUMBER) === 0) return incomparable(expr, left, right, building)
  const whole = isWhole(left.type) && isWhole(right.type)
  if (expr.operator === '%' && !whole && !unknown)
    return flaw(building, expr, 'type_mismatch', ['`%` needs whole numbers on both sides'])
  const math = expr.operator === '/' && !whole ? divide : MATH[expr.operator]
  const type = whole ? INT : unknown ? UNKNOWN_NUMBER : DOUBLE
  return { type, run: numeric(left.run, right.run, math) }
}

/** Without a schema: numbers of which it is seen only later whether they are whole. */
const UNKNOWN_NUMBER: Type = { ...DOUBLE, unknown: true }
/** Two texts joined or two numbers added: it is seen only later which. */
const SUM: Type = { kinds: KIND.text | KIND.double }
const UNKNOWN_SUM: Type = { ...SUM, unknown: true }

function divide(x: number, y: number): number {
  return x / y
}

function isWhole(type: Type): boolean {
  return (type.kinds & NUMBER) === KIND.int
}

type Math2 = (x: number, y: number) => number

const MATH: Readonly<Partial<Record<BinaryOperator, Math2>>> = {
  '+': add,
  '-': (x, y) => x - y,
  '*': (x, y) => x * y,
  '/': (x, y) => (x - (x % y)) / y,
  // Without a schema it is only seen here whether both are whole.
  '%': (x, y) => (Number.isInteger(x) && Number.isInteger(y) ? x % y : Number.NaN),
}

/** A time and a duration give a time, two times a duration. */
function timeArithmetic(operator: BinaryOperator, left: number, right: number): Type | undefined {
  const kinds = [left, right]
  if (operator === '-' && left === KIND.time && right === KIND.time) return SPAN
  if (operator === '-' && left === KIND.time && right === KIND.span) return TIME
  if (operator === '+' && kinds.includes(KIND.time) && kinds.includes(KIND.span)) return TIME
  const both = left === KIND.span && right === KIND.span
  return both && (operator === '+' || operator === '-') ? SPAN : undefined
}

function numeric(a: Run, b: Run, math: Math2 | undefined): Run {
  return (frame) => {
    const x = a(frame)
    const y = b(frame)
    if (typeof x === 'symbol') return x
    if (typeof y === 'symbol') return y
    return math ? calculate(x, y, math) : TWO_KINDS
  }
}

function calculate(x: Json, y: Json, math: Math2): Value {
  if (typeof x !== 'number' || typeof y !== 'number') return TWO_KINDS
  const result = math(x, y)
  if (Math.abs(result) <= Number.MAX_SAFE_INTEGER) return result === 0 ? 0 : result
  return y === 0 ? NO_DIVISOR : NO_NUMBER
}

function sum(a: Run, b: Run): Run {
  return (frame) => {
    const x = a(frame)
    const y = b(frame)
    if (typeof x === 'symbol') return x
    if (typeof y === 'symbol') return y
    return typeof x === 'string' ? join(x, y, frame) : calculate(x, y, add)
  }
}

function add(x: number, y: number): number {
  return x + y
}

function concatenation(a: Run, b: Run): Run {
  return (frame) => {
    const x = a(frame)
    const y = b(frame)
    if (typeof x === 'symbol') return x
    if (typeof y === 'symbol') return y
    return join(x, y, frame)
  }
}

function join(x: Json, y: Json, frame: Frame): Value {
  if (typeof x !== 'string' || typeof y !== 'string') return TWO_KINDS
  // What is joined is copied once somebody reads it.
  return charge(frame, 1 + ((x.length + y.length) >>> 2)) ?? x + y
}

export function buildMinus(
  expr: Extract<Expr, { kind: 'not' | 'minus' }>,
  building: Building,
): Typed | undefined {
  const of = building.build(expr.of, building)
  if (!of) return undefined
  const kinds = of.type.kinds & (NUMBER | KIND.span)
  if (kinds === 0) return mismatch(building, expr, '`-` needs a number', of.type)
  const run: Run = (frame) => {
    const value = of.run(frame)
    if (typeof value === 'symbol') return value
    return typeof value === 'number' ? (value === 0 ? 0 : -value) : TWO_KINDS
  }
  const constant = typeof of.constant === 'number' ? { constant: -of.constant } : {}
  return { type: { kinds }, run, ...constant }
}
