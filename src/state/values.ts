/**
 * The values that an argument had: texts, numbers, booleans and null, each told apart from the others. What an upstream may
 * take for one of them (another type, case or form of the letters, blanks around it) is neither the same nor another.
 */
import { digestOf } from '../model/digest.ts'
import { foldTrimmed } from '../model/fold.ts'
import { isList, type Json } from '../model/json.ts'

/** Of one question. */
const MOST_VALUES = 20_000
/** Longer texts are kept as their hash. */
const LONGEST = 64
const MOST_IN_A_LIST = 1000
/** UTF-16 code units of one argument that are compared with care; what is longer may be anything. */
const MOST_TEXT = 65_536

/** What is kept of one argument of a call. */
export interface Kept {
  /** Words for its values, each once. */
  readonly words: readonly string[]
  /** Reasons for which it is not known what its value was: there is none, or what cannot be compared, as an object. */
  readonly misses: number
}

/** Values as they are written down. */
export interface WrittenValues {
  readonly seen: readonly (readonly [word: string, times: number])[]
  readonly lost: boolean
  readonly opaque: number
}

/** How a word is kept: as it is, or as something that says nothing to whoever reads it. Equal for equal words only. */
export type Spell = (word: string) => string

export const plainly: Spell = (word) => word

export class Values {
  readonly #seen: Map<string, number>
  readonly #spell: Spell
  /** Some that were there are not kept. */
  #lost: boolean
  /** Calls of which it is not known what their value was. */
  #opaque: number

  /** As they were written, or without any; `lost`: there were some before. */
  constructor(
    { seen = [], lost, opaque = 0 }: Partial<WrittenValues> & { readonly lost: boolean },
    spell: Spell,
  ) {
    this.#seen = new Map(seen)
    this.#lost = lost
    this.#opaque = opaque
    this.#spell = spell
  }

  get written(): WrittenValues {
    return { seen: [...this.#seen], lost: this.#lost, opaque: this.#opaque }
  }

  /** The returned function takes it back, and is called once. */
  add({ words, misses }: Kept): () => void {
    this.#opaque += misses
    const kept = words.filter((word) => this.#keep(word))
    return () => this.remove({ words: kept, misses })
  }

  /** Takes back what was added, elsewhere or before. */
  remove({ words, misses }: Kept): void {
    this.#opaque -= misses
    for (const word of words) this.#drop(word)
  }

  /** A call was made whose value nobody kept. */
  lose(): void {
    this.#lost = true
  }

  /** Was it among them? Undefined where that is not known, or only one that may be taken for it was. */
  has(value: Json | undefined): boolean | undefined {
    if (value === undefined || (typeof value === 'object' && value !== null)) return undefined
    if (this.#seen.has(this.#spell(wordOf(value)))) return true
    const folded = foldedOf(value)
    if (folded === undefined || this.#lost || this.#opaque > 0) return undefined
    const like = [likeWord(folded), textWord(folded), plainWord(folded)]
    return like.some((word) => this.#seen.has(this.#spell(word))) ? undefined : false
  }

  /** Gives back the memory that it takes up. */
  clear(): void {
    this.#lost = true
    this.#seen.clear()
  }

  #keep(word: string): boolean {
    const count = this.#seen.get(word)
    if (count === undefined && this.#seen.size >= MOST_VALUES) {
      this.#lost = true
      return false
    }
    this.#seen.set(word, (count ?? 0) + 1)
    return true
  }

  #drop(word: string): void {
    const count = this.#seen.get(word)
    if (count === undefined) return
    if (count > 1) this.#seen.set(word, count - 1)
    else this.#seen.delete(word)
  }
}

type Scalar = Exclude<Json, object> | null

/** Of a list, each element is a value. */
export function keptOf(value: Json, spell: Spell): Kept {
  const items = isList(value) ? value.slice(0, MOST_IN_A_LIST) : [value]
  const words = new Set<string>()
  let opaque = isList(value) && value.length > MOST_IN_A_LIST
  let left = MOST_TEXT
  for (const item of items) {
    if (typeof item === 'object' && item !== null) {
      opaque = true
      continue
    }
    words.add(wordOf(item))
    left -= typeof item === 'string' ? item.length : 0
    const folded = left < 0 ? undefined : foldedOf(item)
    if (folded === undefined) opaque = true
    // What is its own folded form is found by that.
    else if (folded !== String(item)) words.add(likeWord(folded))
  }
  return { words: [...words].map(spell), misses: opaque ? 1 : 0 }
}

/** One word for one value, so that `"1"` is not `1`. */
function wordOf(value: Scalar): string {
  return typeof value === 'string' ? textWord(value) : plainWord(String(value))
}

function textWord(text: string): string {
  return text.length > LONGEST ? `hash ${digestOf(text)}` : `text ${text}`
}

function plainWord(text: string): string {
  return `plain ${text}`
}

function likeWord(folded: string): string {
  return `like ${textWord(folded)}`
}

/** A double tells apart all numbers that are written with fewer characters. */
const LONGEST_NUMBER = 16

/** Equal for values that may be taken for one another; undefined for a text that is too long to say. */
function foldedOf(value: Scalar): string | undefined {
  if (typeof value !== 'string') return String(value)
  if (value.length > MOST_TEXT) return undefined
  const folded = foldTrimmed(value)
  const number = folded === '' || folded.length > LONGEST_NUMBER ? Number.NaN : Number(folded)
  return Number.isFinite(number) && Math.abs(number) <= Number.MAX_SAFE_INTEGER
    ? String(number)
    : folded
}
