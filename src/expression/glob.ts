/** Globs of `*`, `**` and `?`, matched against a whole value in time linear in its length. */
import type { Place, Problems } from '../model/document.ts'
import { includes, intersect, matcher, type Token, type Tokens } from './automaton.ts'

/**
 * In a `server` and a `tool` name `*` and `?` cross `/`. In a `uri` and a `path` they stop there, and `**`, alone
 * between slashes, stands for any number of segments, also none.
 */
export type GlobKind = 'server' | 'tool' | 'uri' | 'path'

export interface Glob {
  readonly source: string
  /** True when it has no wildcard: it matches exactly its own text. */
  readonly literal: boolean
  /** The whole text, in code points; one longer than 4,096 UTF-16 units is matched by no wildcard. */
  readonly matches: (text: string) => boolean
}

/** Longest value that a wildcard matches, in UTF-16 code units. */
const MAX_VALUE = 4096
const MAX_PATTERN = 512

/** What other dialects read as classes, braces, negation or escapes. */
const FOREIGN = /[[\]\\!{(]/u
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u
const WILD = /[*?]/

/** Compiles a pattern; undefined when a problem was reported at its place. */
export function compileGlob(
  pattern: { readonly text: string; readonly place: Place },
  kind: GlobKind,
  problems: Problems,
): Glob | undefined {
  const source = pattern.text
  const wrong = refusalOf(source, kind)
  if (wrong) {
    problems.error(pattern, 'invalid_glob', `pattern \`${source}\` ${wrong[0]}`, wrong[1])
    return undefined
  }
  if (!WILD.test(source)) return { source, literal: true, matches: (text) => text === source }
  return { source, literal: false, matches: compile(tokenise(source, kind)) }
}

/** Is there any text that both patterns match? Decided exactly; a pattern that does not compile overlaps everything. */
export function globsOverlap(a: string, b: string, kind: GlobKind): boolean {
  if (refusalOf(a, kind) || refusalOf(b, kind)) return true
  return intersect(tokenise(a, kind), tokenise(b, kind))
}

/** Does each text that this pattern matches match one of the others, too? A no where it cannot be told. */
export function globsCover(wide: readonly string[], narrow: string, kind: GlobKind): boolean {
  if (wide.includes(narrow)) return true
  if (!wide.some((one) => WILD.test(one))) return false
  if ([...wide, narrow].some((one) => refusalOf(one, kind) !== undefined)) return false
  return includes(
    wide.map((one) => tokenise(one, kind)),
    tokenise(narrow, kind),
  )
}

/** What is wrong with a pattern and what to do about it. */
function refusalOf(source: string, kind: GlobKind): readonly [string, string] | undefined {
  const foreign = FOREIGN.exec(source)
  if (source === '') return ['is empty', 'write `**` to match everything']
  if (source.length > MAX_PATTERN)
    return [`is longer than ${MAX_PATTERN} characters`, 'write several shorter ones']
  if (foreign)
    return [
      `holds \`${foreign[0]}\`, which a glob here does not know`,
      'use only `*`, `**` and `?`, and write several patterns instead of one',
    ]
  if (INVISIBLE.test(source))
    return ['holds a character that cannot be seen', 'type the pattern anew']
  if (source.includes('***')) return ['holds `***`', 'use `*` or `**`']
  if (isName(kind)) return undefined
  const glued = source.split('/').some((segment) => segment.includes('**') && segment !== '**')
  if (glued)
    return [
      'joins `**` to other text',
      'put `**` alone between slashes; use `*` within one segment',
    ]
  return undefined
}

function isName(kind: GlobKind): boolean {
  return kind === 'server' || kind === 'tool'
}

function tokenise(source: string, kind: GlobKind): Tokens {
  const slash = isName(kind)
  const tokens: Token[] = []
  // A pattern that is no name holds `**` only alone between slashes.
  const parts = source.match(slash ? /\*\*|[^]/gu : /\*\*\/|\*\*|[^]/gu) ?? []
  for (const part of parts) {
    if (part === '**/')
      tokens.push({ kind: 'deep' }, { kind: 'many', slash: true }, { kind: 'exact', code: 47 })
    else if (part === '**') tokens.push({ kind: 'many', slash: true })
    else if (part === '*') tokens.push({ kind: 'many', slash })
    else if (part === '?') tokens.push({ kind: 'one', slash })
    else tokens.push({ kind: 'exact', code: part.codePointAt(0) ?? 0 })
  }
  return tokens
}

/** One `*` or `**` between two texts is compared at once; anything else goes through the automaton after its head. */
function compile(tokens: Tokens): (text: string) => boolean {
  const wild = tokens.findIndex((token) => token.kind !== 'exact')
  const head = exactText(tokens.slice(0, wild))
  const rest = tokens.slice(wild)
  const [first, ...after] = rest
  if (first?.kind === 'many' && after.every((token) => token.kind === 'exact'))
    return between(head, exactText(after), first.slash)
  const matches = matcher(rest)
  return (text) => text.length <= MAX_VALUE && text.startsWith(head) && matches(text, head.length)
}

function exactText(tokens: Tokens): string {
  return tokens
    .map((token) => (token.kind === 'exact' ? String.fromCodePoint(token.code) : ''))
    .join('')
}

function between(head: string, tail: string, slash: boolean): (text: string) => boolean {
  const least = head.length + tail.length
  return (text) => {
    if (text.length > MAX_VALUE || text.length < least) return false
    if (!text.startsWith(head) || !text.endsWith(tail)) return false
    if (slash) return true
    const stop = text.indexOf('/', head.length)
    return stop === -1 || stop >= text.length - tail.length
  }
}
