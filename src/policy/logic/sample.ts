/** One value of each range that conditions tell apart: whatever they say, they say of all values of a range alike. */
import { isList, type Json } from '../../model/json.ts'
import { compareTexts } from '../../expression/run.ts'

/** Not there, or what cannot be known: reading it is a fault. */
export const MISSING: unique symbol = Symbol('it is not there')
export type Sample = Json | typeof MISSING

/** What a condition may come to; a fault counts as a match where it restricts. */
export type Truth = boolean | 'error'

/** Which values may stand there: any, texts, whole numbers, only the ones that are named, or instants of a week. */
export type Kind = 'any' | 'text' | 'count' | 'fixed' | 'time'

/** Something that conditions read, with the values that they compare it with. */
export interface Term {
  readonly key: string
  readonly kind: Kind
  /** It may be absent, or not known. */
  readonly faulty: boolean
  readonly compared: Set<Json>
  /** Texts are ordered by a condition, and not only compared for being equal. */
  ordered: boolean
  /** Of a fixed one: all values. */
  readonly values: readonly Json[]
}

const OTHER_TEXTS = ['other', 'another', 'something else', 'x']

/** One value of each range. */
export function samplesOf(term: Term): readonly Sample[] {
  const { kind, compared, faulty, values } = term
  const missing: readonly Sample[] = faulty ? [MISSING] : []
  if (kind === 'fixed') return [...values, ...missing]
  const numbers = [...compared].filter((one) => typeof one === 'number').toSorted((a, b) => a - b)
  if (kind === 'time') return numbers
  if (kind === 'count') return [...countsAround(numbers), ...missing]
  const texts = [...compared].filter((one) => typeof one === 'string')
  const words = term.ordered ? orderedTexts(texts) : [...texts, otherText(texts)]
  if (kind === 'text') return [...words, ...missing]
  const booleans = [...compared].some((one) => typeof one === 'boolean') ? [true, false] : []
  const nothing = compared.has(null) ? [null] : []
  return [...numbersAround(numbers), ...words, ...booleans, ...nothing, [], ...missing]
}

function otherText(texts: readonly string[]): string {
  return OTHER_TEXTS.find((one) => !texts.includes(one)) ?? texts.join('')
}

/** Each text, and one between it and the next. */
function orderedTexts(texts: readonly string[]): readonly string[] {
  const all = texts.flatMap((one) => [one, `${one}\u0000`])
  return [...new Set(['', ...all])].toSorted(compareTexts)
}

function numbersAround(numbers: readonly number[]): readonly number[] {
  const [first] = numbers
  if (first === undefined) return [1]
  const after = numbers.map((one, at) => between(one, numbers[at + 1]))
  return [...new Set([first - far(first), ...numbers, ...after])]
}

function between(low: number, high: number | undefined): number {
  if (high === undefined) return low + far(low)
  const whole = Math.floor(low) + 1
  return whole > low && whole < high ? whole : (low + high) / 2
}

/** One more than a large number may be the same number. */
function far(from: number): number {
  return Math.max(1, Math.abs(from))
}

function countsAround(numbers: readonly number[]): readonly number[] {
  const all = numbers.flatMap((one) => [Math.floor(one), Math.ceil(one), Math.floor(one) + 1])
  return [...new Set([0, ...all])].filter((one) => one >= 0)
}

/** Compares as conditions do: two kinds of values are a fault, and only a written `null` goes with all of them. */
export function compared(
  value: Sample,
  operator: '==' | '!=' | '<' | '<=' | '>' | '>=',
  constant: Json,
): Truth {
  if (value === MISSING) return 'error'
  if (operator === '==' || operator === '!=') {
    const wanted = operator === '=='
    if (constant === null) return (value === null) === wanted
    if (value === null || typeof value !== typeof constant) return 'error'
    return (value === constant) === wanted
  }
  const sign = order(value, constant)
  if (sign === undefined) return 'error'
  if (operator === '<') return sign < 0
  if (operator === '<=') return sign <= 0
  return operator === '>' ? sign > 0 : sign >= 0
}

function order(value: Json, constant: Json): number | undefined {
  if (typeof value === 'number' && typeof constant === 'number') return value - constant
  if (typeof value !== 'string' || typeof constant !== 'string') return undefined
  return compareTexts(value, constant)
}

export function isAmong(value: Sample, list: readonly Json[]): Truth {
  if (value === MISSING) return 'error'
  if (!isList(value) && list.includes(value)) return true
  return list.length === 0 || list.some((one) => typeof one === typeof value) ? false : 'error'
}
