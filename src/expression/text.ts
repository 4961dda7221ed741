/** Constraints on a text: `length`, `bytes`, `prefix`, `suffix`, `glob`, `uuid`. */
import type { Json } from '../model/json.ts'
import { boundsOf, boundsText } from './bounds.ts'
import { type Clause, clause, type ClauseParser, TAKES, textSteps } from './clause.ts'
import { compileGlob } from './glob.ts'
import { codePoints, hasDotSegment, isVisible } from './characters.ts'
import { isTrue, listed, type PlacedText, textsOf } from './reader.ts'

/** Length in Unicode code points, as a person counts characters. */
export const length: ClauseParser = (node, { problems }) => {
  const bounds = boundsOf(node, 'count', problems)
  if (!bounds) return undefined
  const { min, max } = bounds
  const holds = (value: Json): boolean => {
    if (typeof value !== 'string') return false
    const units = value.length
    // A code point takes one unit or two.
    if (units < min || units > max * 2) return false
    if (units >= min * 2 && units <= max) return true
    const count = codePoints(value)
    return count >= min && count <= max
  }
  const describe = `has ${boundsText(bounds, 0)} characters`
  const cost = textSteps(5, 4)
  return { ...clause('length', describe, TAKES.text, holds), cost, lengths: bounds }
}

/** Size of a text in UTF-8. */
export const bytes: ClauseParser = (node, { problems }) => {
  const bounds = boundsOf(node, 'bytes', problems)
  if (!bounds) return undefined
  const { min, max } = bounds
  const holds = (value: Json): boolean => {
    if (typeof value !== 'string') return false
    const units = value.length
    // A UTF-16 unit takes one to three bytes.
    if (units > max || units * 3 < min) return false
    if (units >= min && units * 3 <= max) return true
    const size = Buffer.byteLength(value, 'utf8')
    return size >= min && size <= max
  }
  const describe = `has ${boundsText(bounds, 0)} bytes in UTF-8`
  const lengths = { min: Math.ceil(min / 4), max }
  const cost = textSteps(10, 16)
  return { ...clause('bytes', describe, TAKES.text, holds), cost, lengths }
}

export const prefix: ClauseParser = (node, { problems }) => {
  const texts = textsOf(node, problems)
  if (!texts) return undefined
  const wanted = texts.map((item) => item.text)
  const holds = (value: Json): boolean => {
    if (typeof value !== 'string') return false
    for (const text of wanted) if (value.startsWith(text)) return true
    return false
  }
  return literalEnd('prefix', `begins with ${listed(wanted)}`, wanted, holds)
}

export const suffix: ClauseParser = (node, { problems }) => {
  const texts = textsOf(node, problems)
  if (!texts) return undefined
  const wanted = texts.map((item) => item.text)
  const holds = (value: Json): boolean => {
    if (typeof value !== 'string') return false
    for (const text of wanted) if (value.endsWith(text)) return true
    return false
  }
  return literalEnd('suffix', `ends with ${listed(wanted)}`, wanted, holds)
}

function literalEnd(
  kind: string,
  describe: string,
  wanted: readonly string[],
  holds: (value: Json) => boolean,
): Clause {
  const min = Math.min(...wanted.map(codePoints))
  const cost = (): number => wanted.length
  return { ...clause(kind, describe, TAKES.text, holds), cost, lengths: { min, max: Infinity } }
}

/**
 * A text that one of the patterns matches whole. `*` and `?` stop at `/`, `**` crosses it. Because such a text names
 * something, one with dot segments, backslashes or invisible characters is refused whatever the pattern says.
 */
export const glob: ClauseParser = (node, { problems }) => {
  const texts = textsOf(node, problems)
  if (!texts) return undefined
  const globs = texts.map(({ text, node: item }: PlacedText) =>
    compileGlob({ text, place: item.place }, 'path', problems),
  )
  const compiled = globs.filter((found) => found !== undefined)
  if (compiled.length < globs.length) return undefined
  const holds = (value: Json): boolean =>
    typeof value === 'string' &&
    compiled.some((pattern) => pattern.matches(value)) &&
    isVisible(value) &&
    !value.includes('\\') &&
    !hasDotSegment(value)
  const describe = `matches ${listed(texts.map((item) => item.text))}`
  return { ...clause('glob', describe, TAKES.text, holds), cost: textSteps(20, 1) }
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** RFC 9562 section 4: five groups of hexadecimal digits, in either case, without braces or `urn:uuid:`. */
export const uuid: ClauseParser = (node, { problems }) =>
  isTrue(node, problems)
    ? {
        ...clause(
          'uuid',
          'is a UUID',
          TAKES.text,
          (value) => typeof value === 'string' && value.length === 36 && UUID.test(value),
        ),
        cost: () => 20,
        lengths: { min: 36, max: 36 },
      }
    : undefined
