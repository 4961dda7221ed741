/** The values that an argument had: texts, numbers, booleans and null, each told apart from the others. */
import { digestOf } from '../model/digest.ts'
import { isList, type Json } from '../model/json.ts'

/** What all values of a task may take up together. */
export interface Room {
  left: number
}

/** Longer texts are kept as their hash. */
const LONGEST = 128
const MOST_IN_A_LIST = 1000

export class Values {
  readonly #room: Room
  readonly #seen = new Map<string, number>()
  /** Some that were there are not kept. */
  #lost: boolean
  /** Calls whose argument holds what cannot be compared: an object, or a list in a list. */
  #opaque = 0

  /** `lost`: there were some before. */
  constructor(room: Room, lost: boolean) {
    this.#room = room
    this.#lost = lost
  }

  /** The returned function takes it back. Of a list, each element is a value. */
  add(value: Json): () => void {
    const { words, opaque } = partsOf(value)
    if (opaque) this.#opaque += 1
    const kept = words.filter((word) => this.#keep(word))
    return () => {
      if (opaque) this.#opaque -= 1
      for (const word of kept) this.#drop(word)
    }
  }

  /** Was it among them? Undefined where that is not known. */
  has(value: Json | undefined): boolean | undefined {
    const word = value === undefined ? undefined : wordOf(value)
    if (word === undefined) return undefined
    if (this.#seen.has(word)) return true
    return this.#lost || this.#opaque > 0 ? undefined : false
  }

  /** Gives back the room that it takes up. */
  clear(): void {
    this.#room.left += this.#seen.size
    this.#lost = true
    this.#seen.clear()
  }

  #keep(word: string): boolean {
    const count = this.#seen.get(word)
    if (count === undefined && this.#room.left <= 0) {
      this.#lost = true
      return false
    }
    if (count === undefined) this.#room.left -= 1
    this.#seen.set(word, (count ?? 0) + 1)
    return true
  }

  #drop(word: string): void {
    const count = this.#seen.get(word)
    if (count === undefined) return
    if (count > 1) this.#seen.set(word, count - 1)
    else if (this.#seen.delete(word)) this.#room.left += 1
  }
}

function partsOf(value: Json): { readonly words: readonly string[]; readonly opaque: boolean } {
  const items = isList(value) ? value.slice(0, MOST_IN_A_LIST) : [value]
  const words = items.map(wordOf).filter((word) => word !== undefined)
  const cut = isList(value) && value.length > MOST_IN_A_LIST
  return { words: [...new Set(words)], opaque: cut || words.length < items.length }
}

/** One word for one value, so that `"1"` is not `1`; undefined for what is no scalar. */
function wordOf(value: Json): string | undefined {
  if (typeof value === 'string')
    return value.length > LONGEST ? `hash ${digestOf(value)}` : `text ${value}`
  return typeof value === 'object' && value !== null ? undefined : `plain ${String(value)}`
}
