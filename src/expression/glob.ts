/** Globs of `*`, `**` and `?`, matched against a whole value in time linear in its length. */
import type { Place, Problems } from '../model/document.ts'

/**
 * In a `tool` and a `server` name `*` crosses `/`; in a `uri` and a `path` it stops there and `**` crosses.
 */
export type GlobKind = 'server' | 'tool' | 'uri' | 'path'

export interface Glob {
  readonly source: string
  /** True when it has no wildcard: it matches exactly its own text. */
  readonly literal: boolean
  readonly matches: (text: string) => boolean
}

/** Compiles a pattern; undefined when a problem was reported at its place. */
export function compileGlob(
  pattern: { readonly text: string; readonly place: Place },
  _kind: GlobKind,
  problems: Problems,
): Glob | undefined {
  problems.error(pattern, 'invalid_glob', 'no glob is known yet')
  return undefined
}

/** Is there any text that both patterns match? Decided exactly; a pattern that does not compile overlaps everything. */
export function globsOverlap(_a: string, _b: string, _kind: GlobKind): boolean {
  return true
}
