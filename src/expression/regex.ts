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
}

/** Compiles a pattern, or says what is wrong with it. */
export function compilePattern(source: string): Pattern | { readonly problem: string } {
  if (source.length > MAX_SOURCE) return { problem: `it is longer than ${MAX_SOURCE} characters` }
  try {
    const compiled = RE2JS.compile(source)
    if (compiled.programSize() > MAX_PROGRAM)
      return { problem: 'it repeats too much: write smaller counts' }
    return {
      matches: (text) =>
        text.length <= MAX_PATTERN_VALUE && text.isWellFormed() && compiled.matches(text),
    }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return { problem: message.replace(/^error parsing regexp: /, '') }
  }
}
