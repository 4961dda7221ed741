/**
 * Changes single values of a JSON text and leaves every other character as it is: numbers keep their spelling, members that
 * stand twice are both seen, and nothing has to be held beside the text. The text has to be JSON; whoever asks has made sure.
 */

/** A value, or the name of a member. */
export interface Literal {
  readonly kind: 'name' | 'text' | 'number' | 'other'
  readonly start: number
  readonly end: number
  /** As it stands, quotes and escapes included. */
  readonly source: string
  /** The names and places above it, and its own; of a name, those of the object it is in. Good only while it is asked about. */
  readonly path: readonly string[]
}

export interface Edit {
  /** Another JSON text for it; undefined leaves it. */
  readonly literal: (literal: Literal) => string | undefined
  /** Another JSON text for a whole value, whatever is in it: asked before anything within is. */
  readonly value?: (path: readonly string[]) => string | undefined
}

export function edited(json: string, edit: Edit): string {
  return new Editing(json, edit).run()
}

/** The text that a literal stands for. */
export function textOf({ source }: Literal): string {
  if (!source.includes('\\')) return source.slice(1, -1)
  const text: unknown = JSON.parse(source)
  return String(text)
}

const QUOTE = 34
const BACKSLASH = 92

class Editing {
  readonly #json: string
  readonly #edit: Edit
  readonly #path: string[] = []
  /** Of each list and object that is open: the place of the next element, or -1. */
  readonly #open: number[] = []
  #at = 0
  #done = 0
  #out = ''
  /** Set while a value is left out: how deep it began. */
  #skipped: { readonly depth: number; readonly start: number; readonly by: string } | undefined

  constructor(json: string, edit: Edit) {
    this.#json = json
    this.#edit = edit
  }

  run(): string {
    let naming = false
    while (this.#at < this.#json.length) {
      const character = this.#json.charAt(this.#at)
      if (isSpace(character) || character === ':') {
        naming = naming && character !== ':'
        this.#at += 1
      } else if (character === ',') {
        naming = this.#open.at(-1) === -1
        this.#at += 1
      } else if (character === '}' || character === ']') {
        this.#close()
        naming = false
      } else if (naming) {
        this.#name()
        naming = false
      } else {
        naming = this.#value(character)
      }
    }
    return this.#done === 0 ? this.#json : this.#out + this.#json.slice(this.#done)
  }

  #name(): void {
    const literal = this.#literal('name')
    this.#change(literal)
    this.#path.push(textOf(literal))
  }

  /** True where the name of a member comes next. */
  #value(character: string): boolean {
    this.#place()
    this.#skip()
    if (character === '{' || character === '[') {
      this.#open.push(character === '{' ? -1 : 0)
      this.#at += 1
      return character === '{'
    }
    this.#change(this.#literal(character === '"' ? 'text' : kindOf(character)))
    this.#ended()
    return false
  }

  #close(): void {
    this.#open.pop()
    this.#at += 1
    this.#ended()
  }

  /** An element of a list has its place for a name. */
  #place(): void {
    const place = this.#open.at(-1)
    if (place === undefined || place === -1) return
    this.#path.push(String(place))
    this.#open[this.#open.length - 1] = place + 1
  }

  #ended(): void {
    const skipped = this.#skipped
    if (skipped && this.#open.length === skipped.depth) {
      this.#skipped = undefined
      this.#replace(skipped.start, this.#at, skipped.by)
    }
    this.#path.pop()
  }

  #skip(): void {
    if (this.#skipped) return
    const by = this.#edit.value?.(this.#path)
    if (by !== undefined) this.#skipped = { depth: this.#open.length, start: this.#at, by }
  }

  #literal(kind: Literal['kind']): Literal {
    const start = this.#at
    const end = kind === 'name' || kind === 'text' ? this.#endOfText(start) : this.#endOfWord(start)
    this.#at = end
    return { kind, start, end, source: this.#json.slice(start, end), path: this.#path }
  }

  #endOfText(start: number): number {
    let at = start + 1
    for (;;) {
      const code = this.#json.charCodeAt(at)
      if (code === QUOTE || Number.isNaN(code)) return at + 1
      at += code === BACKSLASH ? 2 : 1
    }
  }

  #endOfWord(start: number): number {
    let at = start + 1
    while (at < this.#json.length && !endsWord(this.#json.charAt(at))) at += 1
    return at
  }

  #change(literal: Literal): void {
    const by = this.#skipped ? undefined : this.#edit.literal(literal)
    if (by !== undefined && by !== literal.source) this.#replace(literal.start, literal.end, by)
  }

  #replace(start: number, end: number, by: string): void {
    this.#out += this.#json.slice(this.#done, start) + by
    this.#done = end
  }
}

function isSpace(character: string): boolean {
  return character === ' ' || character === '\n' || character === '\r' || character === '\t'
}

function endsWord(character: string): boolean {
  return character === ',' || character === ']' || character === '}' || isSpace(character)
}

function kindOf(character: string): 'number' | 'other' {
  return /[-0-9]/.test(character) ? 'number' : 'other'
}
