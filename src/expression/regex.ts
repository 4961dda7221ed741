/** Regular expressions in RE2 syntax, anchored, in time linear in the text; the only file that imports the engine. */
import { RE2JS } from 're2js'

const MAX_SOURCE = 1000
/** Instructions of a compiled pattern: time grows with instructions × text. */
const MAX_PROGRAM = 500
/** Longest text that is matched at all, in UTF-16 code units. */
const MAX_PATTERN_VALUE = 16_384

export interface Pattern {
  /** The whole text; one that is too long or not well-formed Unicode does not match. */
  readonly matches: (text: string) => boolean
  /** Can a text be judged at all? */
  readonly takes: (text: string) => boolean
  /** Steps of matching a text of that length, of some ten nanoseconds each. */
  readonly steps: (length: number) => number
}

/** Compiles a pattern, or says what is wrong with it. */
export function compilePattern(source: string): Pattern | { readonly problem: string } {
  if (source.length > MAX_SOURCE) return { problem: `it is longer than ${MAX_SOURCE} characters` }
  try {
    const compiled = RE2JS.compile(source)
    if (compiled.programSize() > MAX_PROGRAM)
      return { problem: 'it repeats too much: write smaller counts' }
    const unit = isWide(source) ? compiled.programSize() * STEPS_OF_WIDE : 1
    const takes = (text: string): boolean => text.length <= MAX_PATTERN_VALUE && text.isWellFormed()
    return {
      takes,
      matches: (text) => takes(text) && compiled.matches(text),
      steps: (length) => 10 + length * unit,
    }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return { problem: message.replace(/^error parsing regexp: /, '') }
  }
}

/** Steps for each character and instruction, where most characters lead to a state that was never seen. */
const STEPS_OF_WIDE = 8
/** A count from which on there are too many states to meet each only once. */
const LARGE_COUNT = 8

/** True for `.*x.{100}`: what is counted may begin anywhere, so that nearly every text is in states of its own. */
function isWide(source: string): boolean {
  const counts = [...source.matchAll(/\{(\d+)(?:,(\d*))?\}/g)]
  const endless = /[*+]/.test(source) || counts.some(([, , most]) => most === '')
  return (
    endless &&
    counts.some(([, least, most]) => Math.max(Number(least), Number(most ?? 0)) >= LARGE_COUNT)
  )
}
