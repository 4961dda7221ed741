/** Constraints on a value as such: `equals`, `one_of`, `not_one_of`, `range`, `int`. */
import { plain } from '../model/document.ts'
import { isList, isObject, type Json, member } from '../model/json.ts'
import { boundsOf, boundsText, isExact } from './bounds.ts'
import { clause, type ClauseParser, TAKES, typeBit } from './clause.ts'
import { isTrue, listed, valuesOf } from './reader.ts'
import { shown } from './show.ts'

/** The same JSON value, without coercion; numbers that JSON readers do not agree on equal nothing. */
export const equals: ClauseParser = (node) => {
  const wanted = plain(node)
  const describe = `equals \`${shown(wanted, '')}\``
  const takes = typeBit(wanted)
  const values = [wanted]
  if (typeof wanted === 'object' || typeof wanted === 'number')
    return { ...clause('equals', describe, takes, (value) => sameJson(value, wanted)), values }
  return { ...clause('equals', describe, takes, (value) => value === wanted), values }
}

/** Any of the values listed. */
export const oneOf: ClauseParser = (node, { problems }) => {
  const values = valuesOf(node, problems)
  if (!values) return undefined
  const describe = `is ${listedValues(values)}`
  return { ...clause('one_of', describe, takesOf(values), among(values)), values }
}

/** None of the values listed, but of a type among theirs: a list is not "something else than `admin`". */
export const notOneOf: ClauseParser = (node, { problems }) => {
  const values = valuesOf(node, problems)
  if (!values) return undefined
  const takes = takesOf(values)
  const within = among(values)
  return clause(
    'not_one_of',
    `is none of ${values.map((value) => `\`${shown(value, '')}\``).join(', ')}`,
    takes,
    (value) => (typeBit(value) & takes) !== 0 && isPlain(value) && !within(value),
  )
}

/** A number between two bounds, both included. */
export const range: ClauseParser = (node, { problems }) => {
  const bounds = boundsOf(node, 'number', problems)
  if (!bounds) return undefined
  const { min, max } = bounds
  const text = boundsText(bounds, -Infinity)
  const describe = text.startsWith('between') ? `is ${text}` : `is a number of ${text}`
  const holds = (value: Json): boolean =>
    typeof value === 'number' && isExact(value) && value >= min && value <= max
  return { ...clause('range', describe, TAKES.number, holds), numbers: bounds }
}

/** A whole number that every JSON reader reads alike: at most 2^53 - 1 either way. */
export const int: ClauseParser = (node, { problems }) =>
  isTrue(node, problems)
    ? clause('int', 'is a whole number', TAKES.number, (value) => Number.isSafeInteger(value))
    : undefined

export function among(values: readonly Json[]): (value: Json) => boolean {
  const simple = new Set(values.filter((value) => typeof value !== 'object' && isPlain(value)))
  const compound = values.filter((value) => typeof value === 'object')
  if (compound.length === 0) return (value) => simple.has(value)
  return (value) => simple.has(value) || compound.some((wanted) => sameJson(value, wanted))
}

function takesOf(values: readonly Json[]): number {
  return values.reduce<number>((bits, value) => bits | typeBit(value), 0)
}

export function listedValues(values: readonly Json[]): string {
  return listed(values.map((value) => (typeof value === 'string' ? value : shown(value, ''))))
}

function isPlain(value: Json): boolean {
  return typeof value !== 'number' || isExact(value)
}

/** `wanted` comes from a document, so its depth is bounded. */
function sameJson(value: Json, wanted: Json): boolean {
  if (typeof wanted === 'number') return value === wanted && isExact(wanted)
  if (isList(wanted))
    return (
      isList(value) &&
      value.length === wanted.length &&
      wanted.every((item, index) => sameJson(value[index] ?? null, item))
    )
  if (!isObject(wanted)) return value === wanted
  const keys = Object.keys(wanted)
  if (!isObject(value) || Object.keys(value).length !== keys.length) return false
  return keys.every((key) => {
    const found = member(value, key)
    return found !== undefined && sameJson(found, wanted[key] ?? null)
  })
}
