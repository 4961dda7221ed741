/**
 * A document that a person wrote, with the place of every value, and the problems found in it.
 * The readers (`document/`) build the tree; the parsers of each room walk it.
 */
import type { Json } from './json.ts'

/** Lines and columns count from 1. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

interface DocBase {
  readonly place: Place
  /** Where the value stands, as a reader would say it: `tools.vendors/approve.args.amount`. */
  readonly path: string
}
export interface DocScalar extends DocBase {
  readonly kind: 'scalar'
  readonly value: string | number | boolean | null
  /** The text as written, where the value is a number: `20000.00` says two decimals. */
  readonly source?: string
}
export interface DocList extends DocBase {
  readonly kind: 'list'
  readonly items: readonly DocNode[]
}
export interface DocMap extends DocBase {
  readonly kind: 'map'
  readonly entries: readonly DocEntry[]
}
export interface DocEntry {
  readonly key: string
  readonly keyPlace: Place
  readonly value: DocNode
}
export type DocNode = DocScalar | DocList | DocMap

/** One thing wrong with a document, in words for the person who wrote it. */
export interface Problem {
  /** Stable snake_case name of the kind of problem: `unknown_member`, `empty_range`. */
  readonly id: string
  readonly level: 'error' | 'warning'
  readonly place?: Place
  readonly message: string
  /** What to do about it. */
  readonly remedy?: string
}

/** Collects problems while a parser goes on, so that a person sees all of them at once. */
export class Problems {
  readonly #list: Problem[] = []

  get list(): readonly Problem[] {
    return this.#list
  }

  get bad(): boolean {
    return this.#list.some((problem) => problem.level === 'error')
  }

  error(at: { readonly place: Place }, id: string, message: string, remedy?: string): void {
    this.#list.push(problem({ id, level: 'error', place: at.place, message }, remedy))
  }

  warning(at: { readonly place: Place }, id: string, message: string, remedy?: string): void {
    this.#list.push(problem({ id, level: 'warning', place: at.place, message }, remedy))
  }

  add(found: Problem): void {
    this.#list.push(found)
  }
}

function problem(base: Problem, remedy: string | undefined): Problem {
  return remedy === undefined ? base : { ...base, remedy }
}

/** `file:line:column: message (remedy)`, the way compilers write it. */
export function problemText(found: Problem): string {
  const where = found.place ? `${found.place.file}:${found.place.line}:${found.place.column}: ` : ''
  return `${where}${found.message}${found.remedy === undefined ? '' : ` (${found.remedy})`}`
}

/** The value without its places. */
export function plain(node: DocNode): Json {
  if (node.kind === 'scalar') return node.value
  if (node.kind === 'list') return node.items.map(plain)
  // fromEntries defines members: a key named __proto__ stays a plain member.
  return Object.fromEntries(node.entries.map((entry) => [entry.key, plain(entry.value)]))
}

/** The nearest of the candidates to what was written, or undefined when none is near. */
export function nearest(written: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined
  let least = Math.max(2, Math.floor(written.length / 3)) + 1
  for (const candidate of candidates) {
    const apart = distance(written, candidate)
    if (apart < least) {
      least = apart
      best = candidate
    }
  }
  return best
}

/** Levenshtein distance; both texts are short names, cut at 128 code units. */
function distance(from: string, to: string): number {
  const a = from.slice(0, 128)
  const b = to.slice(0, 128)
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, swap))
    }
    row = next
  }
  return row[b.length] ?? 0
}
