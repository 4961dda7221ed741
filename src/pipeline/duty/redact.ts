/**
 * The duty to take something out of a result before an agent sees it: what stands under a path, and what a detector finds in
 * any text of it, names of members and numbers included. A text that is JSON itself is read as such, and so is the text in a
 * `blob` or `data` that is Base64 of UTF-8. What is taken out of `structuredContent` by its path is taken out of the JSON texts
 * that repeat it, too. What is not found: a secret in two parts, in two texts; one in an image, in
 * another encoding, or in a text that was encrypted or compressed.
 */
import { isUtf8 } from 'node:buffer'
import { DETECTORS, type Detector, type Obligation } from '../../model/policy.ts'
import { holdsSecret } from '../../model/secret-shape.ts'
import { cleaned, markOf } from './detector.ts'
import { edited, type Literal, textOf } from './literals.ts'

export type Redaction = Pick<Extract<Obligation, { type: 'redact' }>, 'detectors' | 'paths'>

const MARK = '[redacted]'
/** Of JSON texts in texts; nobody nests so deep, and what does is taken out. */
const MOST_NESTED = 8

/**
 * The JSON text without what these duties take out; the same text where that is nothing. Undefined where it cannot be read:
 * then it may not be handed on. `kept`: a top-level member that is not text of an upstream.
 */
export function redacted(
  json: string,
  duties: readonly Redaction[],
  kept?: string,
): string | undefined {
  const detectors = DETECTORS.filter((one) => duties.some((duty) => duty.detectors.includes(one)))
  const paths = duties.flatMap((duty) => duty.paths.map((path) => path.split('.')))
  if (detectors.length === 0 && paths.length === 0) return json
  try {
    JSON.parse(json)
    return new Redacting(detectors).json(json, { paths, kept, depth: 0 })
  } catch {
    return undefined
  }
}

interface Inside {
  readonly paths: readonly (readonly string[])[]
  readonly kept?: string | undefined
  readonly depth: number
}

class Redacting {
  readonly #detectors: readonly Detector[]
  /** Names of members that were taken out: what takes their place has to differ. */
  #names = 0

  constructor(detectors: readonly Detector[]) {
    this.#detectors = detectors
  }

  json(json: string, inside: Inside): string {
    const { paths, kept, depth } = inside
    // What is structured is most often repeated as a text: there, too, nothing may stand under the path.
    const twins = depth > 0 ? [] : paths.flatMap(([first, ...rest]) => twinOf(first, rest))
    return edited(json, {
      literal: (literal) => {
        if (kept !== undefined && literal.path[0] === kept) return undefined
        const repeats = literal.kind === 'text' && isContentText(literal.path)
        return this.#literal(literal, { paths: repeats ? twins : [], depth })
      },
      ...(paths.length > 0 && {
        value: (path) =>
          paths.some((one) => leadsTo(one, path)) ? JSON.stringify(MARK) : undefined,
      }),
    })
  }

  #literal(literal: Literal, inside: Inside): string | undefined {
    switch (literal.kind) {
      case 'text':
        return this.#member(literal, inside)
      case 'name': {
        const name = textOf(literal)
        const shown = this.#text(name, inside)
        if (shown === name) return undefined
        this.#names += 1
        return JSON.stringify(this.#names === 1 ? shown : `${shown} ${this.#names}`)
      }
      case 'number': {
        const shown = cleaned(literal.source, this.#detectors)
        return shown === literal.source ? undefined : JSON.stringify(shown)
      }
      case 'other':
        return undefined
    }
  }

  #member(literal: Literal, inside: Inside): string | undefined {
    const text = textOf(literal)
    const name = literal.path.at(-1) ?? ''
    const shown = this.#text(text, inside)
    if (shown !== text) return JSON.stringify(shown)
    const bytes = name === 'blob' || name === 'data' ? this.#encoded(text, inside) : undefined
    if (bytes !== undefined) return JSON.stringify(bytes)
    // A key that has no shape of its own is told by the name before it.
    if (!/secret/i.test(name) || text.length > LONGEST_KEY) return undefined
    return this.#detectors.includes('secrets') && holdsSecret(`${name}=${text}`)
      ? JSON.stringify(markOf('secrets'))
      : undefined
  }

  #text(text: string, inside: Inside): string {
    const inner = this.#inner(text, inside)
    if (inner !== undefined) return inner
    const shown = cleaned(text, this.#detectors)
    if (!shown.includes('\\')) return shown
    // No JSON, and yet something may be written in escapes: nothing is left of a text that holds it when it is read.
    const plain = unescaped(shown)
    const found = this.#detectors.find((detector) => cleaned(plain, [detector]) !== plain)
    return found === undefined ? shown : markOf(found)
  }

  /** Of a text that is JSON; undefined of one that is not. */
  #inner(text: string, { paths, depth }: Inside): string | undefined {
    if (!/^\s*[{["]/.test(text) || !isJson(text)) return undefined
    if (depth >= MOST_NESTED) return MARK
    return this.json(text, { paths, depth: depth + 1 })
  }

  #encoded(text: string, inside: Inside): string | undefined {
    const bytes = Buffer.from(text, 'base64')
    if (bytes.length === 0 || !isUtf8(bytes)) return undefined
    const plain = bytes.toString('utf8')
    const shown = this.#text(plain, { ...inside, depth: inside.depth + 1 })
    return shown === plain ? undefined : Buffer.from(shown).toString('base64')
  }
}

const LONGEST_KEY = 256

function isContentText([first, , last, more]: readonly string[]): boolean {
  return first === 'content' && last === 'text' && more === undefined
}

function twinOf(
  first: string | undefined,
  rest: readonly string[],
): readonly (readonly string[])[] {
  return first === 'structuredContent' ? [rest] : []
}

function leadsTo(pattern: readonly string[], path: readonly string[]): boolean {
  return (
    pattern.length === path.length &&
    pattern.every((name, index) => name === '*' || name === path[index])
  )
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const ESCAPE = /\\(?:u\{0{0,4}([0-9a-f]{1,6})\}|u([0-9a-f]{4})|x([0-9a-f]{2})|([^ux]))/gi
const PLAIN: ReadonlyMap<string, string> = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['b', '\b'],
  ['f', '\f'],
])

/** Read as most languages would, again and again while it hides more behind it. */
function unescaped(text: string): string {
  let plain = text
  for (let round = 0; round < MOST_NESTED && plain.includes('\\'); round += 1) {
    plain = plain.replace(ESCAPE, (all, ...codes: readonly (string | undefined)[]) => {
      const [long, short, byte, letter] = codes
      const hex = long ?? short ?? byte
      if (hex === undefined) return letter === undefined ? all : (PLAIN.get(letter) ?? letter)
      const code = Number.parseInt(hex, 16)
      return code <= 0x10_ff_ff ? String.fromCodePoint(code) : all
    })
  }
  return plain
}
