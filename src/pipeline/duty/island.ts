/** JSON objects and lists in a text that is not JSON as a whole: behind a word, in a fence, one a line. Every character is read once. */

export interface Island {
  readonly start: number
  readonly end: number
}

/** Nobody nests so deep; such a text cannot be read here. */
const MOST_OPEN = 1024

/**
 * The outermost ones, first to last; each is JSON.
 *
 * @throws RangeError where one nests too deep.
 */
export function islandsOf(text: string): readonly Island[] {
  const found: Island[] = []
  const opening = /[{[]/g
  for (let match = opening.exec(text); match; match = opening.exec(text)) {
    const walk = new Walk(text, match.index)
    opening.lastIndex = walk.run()
    for (const island of walk.whole) found.push(island)
  }
  return found
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const COMMA = 0x2c
const COLON = 0x3a
const WORD = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null/y

type Next = 'value' | 'value or end' | 'name' | 'name or end' | 'colon' | 'comma or end'

/** What is whole when it ends too early was read as JSON: what is still open then would fail again at the same place. */
class Walk {
  readonly whole: Island[] = []
  readonly #text: string
  /** Where each began, and by what it is closed. */
  readonly #starts: number[] = []
  readonly #closes: number[] = []
  #at: number
  #next: Next = 'value'
  /** Where to look on if what was read last, a string, was none: its quotes may be those of others. */
  #string = -1
  /** Where to look on, once it has failed. */
  #failed: number | undefined

  constructor(text: string, start: number) {
    this.#text = text
    this.#at = start
  }

  /** Where to look on. */
  run(): number {
    do {
      while (isSpace(this.#text.charCodeAt(this.#at))) this.#at += 1
      this.#step(this.#text.charCodeAt(this.#at))
    } while (this.#failed === undefined && this.#starts.length > 0)
    return this.#failed ?? this.#at
  }

  #fail(): void {
    this.#failed = this.#string === -1 ? this.#at : this.#string + 1
  }

  #step(code: number): void {
    const next = this.#next
    const close = this.#closes[this.#closes.length - 1]
    if (code === close && next.endsWith('or end')) {
      this.#close()
    } else if (next === 'comma or end') {
      this.#sign(code, COMMA, close === CLOSE_OBJECT ? 'name' : 'value')
    } else if (next === 'colon') {
      this.#sign(code, COLON, 'value')
    } else if (code === QUOTE) {
      this.#quoted(isName(next) ? 'colon' : 'comma or end')
    } else if (isName(next)) {
      this.#fail()
    } else {
      this.#value(code)
    }
  }

  #sign(code: number, wanted: number, next: Next): void {
    if (code !== wanted) {
      this.#fail()
      return
    }
    this.#at += 1
    this.#next = next
    this.#string = -1
  }

  #value(code: number): void {
    if (code === OPEN_OBJECT || code === OPEN_LIST) {
      const object = code === OPEN_OBJECT
      if (this.#starts.length === MOST_OPEN) throw new RangeError('JSON that nests too deep')
      this.#starts.push(this.#at)
      this.#closes.push(object ? CLOSE_OBJECT : CLOSE_LIST)
      this.#next = object ? 'name or end' : 'value or end'
      this.#at += 1
      return
    }
    WORD.lastIndex = this.#at
    if (WORD.test(this.#text)) {
      this.#at = WORD.lastIndex
      this.#next = 'comma or end'
    } else {
      this.#fail()
    }
  }

  #close(): void {
    const start = this.#starts.pop() ?? 0
    this.#closes.pop()
    this.#at += 1
    this.#next = 'comma or end'
    this.#string = -1
    while ((this.whole.at(-1)?.start ?? -1) > start) this.whole.pop()
    this.whole.push({ start, end: this.#at })
  }

  #quoted(next: Next): void {
    const start = this.#at
    for (let at = start + 1; ; at += 1) {
      const code = this.#text.charCodeAt(at)
      if (code === QUOTE) {
        this.#at = at + 1
        this.#next = next
        this.#string = start
        return
      }
      const length = code === BACKSLASH ? this.#escape(at) : 1
      if (length === 0 || Number.isNaN(code) || code < 0x20) {
        this.#failed = start + 1
        return
      }
      at += length - 1
    }
  }

  /** How long it is; 0 where it is none. */
  #escape(at: number): number {
    const letter = this.#text.charAt(at + 1)
    if (letter !== '' && '"\\/bfnrt'.includes(letter)) return 2
    return letter === 'u' && /^[0-9a-f]{4}$/i.test(this.#text.slice(at + 2, at + 6)) ? 6 : 0
  }
}

function isName(next: Next): boolean {
  return next === 'name' || next === 'name or end'
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09
}
