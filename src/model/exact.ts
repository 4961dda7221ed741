/**
 * JSON with its number text kept: `1.0`, `1e2` and integers beyond 2^53 come out as they went in. For what is parsed,
 * changed in one member and written again, and for hashes that must not take two numbers for one.
 */
import { isList } from './json.ts'

/** A number that a double cannot hold as it was spelt. Node prints it back verbatim. */
interface RawJson {
  readonly rawJSON: string
}
interface JsonWithSource {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown
  rawJSON(text: string): RawJson
  isRawJSON(value: unknown): value is RawJson
}

/** A value whose numbers print as they were written; only good for writing. */
export type Exact = unknown

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Node >= 22 has all three; the library types do not yet
const exactJson = JSON as unknown as JsonWithSource

/** @throws SyntaxError when the text is not JSON. */
export function parseExact(text: string): Exact {
  return exactJson.parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && String(value) !== source
      ? exactJson.rawJSON(source)
      : value,
  )
}

export function printExact(value: Exact): string {
  return JSON.stringify(value)
}

/** True for an object with members: not a list, and not a number whose text was kept. */
export function isExactObject(value: Exact): value is Readonly<Record<string, Exact>> {
  return (
    typeof value === 'object' && value !== null && !isList(value) && !exactJson.isRawJSON(value)
  )
}

/**
 * The canonical form (RFC 8785) of a value with its number text kept: how a number is spelt does not matter (`1.0` is
 * `1`, `1E2` is `100`), but unlike a double it keeps every digit, so that no two numbers have one form.
 */
export function canonicalExact(value: Exact): string {
  if (exactJson.isRawJSON(value)) return decimal(value.rawJSON)
  if (isList(value)) return `[${value.map(canonicalExact).join(',')}]`
  if (!isExactObject(value)) return JSON.stringify(value)
  const members = Object.keys(value)
    .toSorted()
    .map((key) => `${JSON.stringify(key)}:${canonicalExact(value[key])}`)
  return `{${members.join(',')}}`
}

const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,9}))?$/

/** As ECMAScript prints it where a double holds exactly this number, else its digits and a power of ten. */
function decimal(source: string): string {
  const exact = scientific(source)
  // An exponent beyond all measure: nobody means two numbers by it.
  if (exact === undefined) return source
  const near = Number(source)
  return Number.isFinite(near) && scientific(String(near)) === exact ? JSON.stringify(near) : exact
}

/** One text for one number; undefined where its exponent has more than nine digits. */
function scientific(source: string): string | undefined {
  const match = NUMBER.exec(source)
  if (!match) return undefined
  const [, sign = '', whole = '', fraction = '', power = '0'] = match
  const digits = `${whole}${fraction}`.replace(/^0+/, '')
  let end = digits.length
  while (end > 0 && digits[end - 1] === '0') end -= 1
  if (end === 0) return '0'
  return `${sign}${digits.slice(0, end)}e${Number(power) - fraction.length + digits.length - end}`
}

/** Every text in a value: names of members, too. */
export function textsIn(value: Exact): readonly string[] {
  if (typeof value === 'string') return [value]
  if (isList(value)) return value.flatMap(textsIn)
  if (!isExactObject(value)) return []
  return Object.entries(value).flatMap(([key, item]) => [key, ...textsIn(item)])
}
