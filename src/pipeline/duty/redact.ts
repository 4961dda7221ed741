/**
 * The duty to take something out of a result before an agent sees it: what stands under a path, and what a detector finds in
 * any text of it, names of members and numbers included. JSON in a text is read as such, and so is the text in a `blob` or
 * `data`; one that is not UTF-8 is left out whole where something is found in it. What is taken out of `structuredContent` by
 * its path is taken out of the JSON in texts that repeat it, too. What is not found: a secret in two parts, in two texts; one in an image, in
 * another encoding, or in a text that was encrypted or compressed.
 */
import { isUtf8 } from 'node:buffer'
import { DETECTORS, type Detector, type Obligation } from '../../model/policy.ts'
import { holdsSecret } from '../../model/secret-shape.ts'
import { cleaned, markOf } from './detector.ts'
import { islandsOf } from './island.ts'
import { edited, type Literal, textOf } from './literals.ts'
import { KeyFileLines, NamedMembers } from './named.ts'
import { byteReading, isWriting, plainReading } from './reading.ts'

export type Redaction = Pick<Extract<Obligation, { type: 'redact' }>, 'detectors' | 'paths'>

const MARK = '[redacted]'
/** Of JSON texts in texts; nobody nests so deep, and what does is taken out. */
const MOST_NESTED = 8
/**
 * Of a result that detectors search; what is longer is withheld. One thread serves every session: whatever stands in a result
 * of this length, it is searched in about a quarter of a second, and ordinary text in much less.
 */
export const MOST_SEARCHED: number = 1024 * 1024
/** A text in a text is read once more; so often in all, then the result is withheld. */
const MOST_READ = 2 * MOST_SEARCHED

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
  if (detectors.length > 0 && json.length > MOST_SEARCHED) return undefined
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
  #left = MOST_READ
  readonly #secrets: boolean

  constructor(detectors: readonly Detector[]) {
    this.#detectors = detectors
    this.#secrets = detectors.includes('secrets')
  }

  json(json: string, inside: Inside): string {
    const { paths, kept, depth } = inside
    // What is structured is most often repeated as a text: there, too, nothing may stand under the path.
    const twins = depth > 0 ? [] : paths.flatMap(([first, ...rest]) => twinsOf(first, rest))
    const named = new NamedMembers()
    const keyFile = new KeyFileLines()
    return edited(json, {
      literal: (literal) => {
        if (kept !== undefined && literal.path[0] === kept) return undefined
        if (this.#secrets && isSecret(literal, named, keyFile)) return SECRET
        const repeats = literal.kind === 'text' && isContentText(literal.path)
        return this.#literal(literal, { paths: repeats ? twins : [], depth })
      },
      value: (path) => {
        named.enter(path)
        return paths.some((one) => leadsTo(one, path)) ? JSON.stringify(MARK) : undefined
      },
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
        const digits = wholeNumber(literal.source)
        const shown = cleaned(digits, this.#detectors)
        return shown === digits ? undefined : JSON.stringify(shown)
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
    if (!this.#secrets || text.length > LONGEST_KEY || !/secret/i.test(name)) return undefined
    return holdsSecret(`${name}=${text}`) ? SECRET : undefined
  }

  #text(text: string, inside: Inside): string {
    this.#left -= text.length
    if (this.#left < 0) throw new RangeError('more to read than one result may hold')
    if (text.length < SHORTEST_FOUND && inside.paths.length === 0) return text
    const inner = this.#inner(text, inside)
    if (inner !== undefined) return inner
    const shown = cleaned(this.#parts(text, inside), this.#detectors)
    // Something may be written in escapes, or between characters that are not seen: nothing is left of a text that holds it.
    const plain = plainReading(shown)
    if (plain === shown) return shown
    const found = this.#detectors.find((detector) => cleaned(plain, [detector]) !== plain)
    return found === undefined ? shown : markOf(found)
  }

  /** Of a text that is JSON; undefined of one that is not. */
  #inner(text: string, { paths, depth }: Inside): string | undefined {
    if (!/^\s*[{["]/.test(text) || !endsAsJson(text) || !isJson(text)) return undefined
    if (depth >= MOST_NESTED) return MARK
    return this.json(text, { paths, depth: depth + 1 })
  }

  /** The JSON that stands in a text, each part as if it stood alone. */
  #parts(text: string, { paths, depth }: Inside): string {
    if (!this.#secrets && paths.length === 0) return text
    // Without paths only names can tell, and names are in quotes.
    if (paths.length === 0 && !(text.includes('"') && text.includes('{'))) return text
    const islands = islandsOf(text)
    if (islands.length === 0) return text
    if (depth >= MOST_NESTED) return MARK
    let shown = ''
    let from = 0
    for (const { start, end } of islands) {
      const part = this.json(text.slice(start, end), { paths, depth: depth + 1 })
      shown += text.slice(from, start) + part
      from = end
    }
    return shown + text.slice(from)
  }

  #encoded(text: string, inside: Inside): string | undefined {
    const bytes = Buffer.from(text, 'base64')
    if (bytes.length === 0) return undefined
    const utf8 = isUtf8(bytes)
    if ((!utf8 || bytes.includes(0)) && this.#holds(byteReading(bytes), inside)) return ''
    if (!utf8) return undefined
    const plain = bytes.toString('utf8')
    const shown = this.#text(plain, { ...inside, depth: inside.depth + 1 })
    return shown === plain ? undefined : Buffer.from(shown).toString('base64')
  }

  #holds(reading: string, inside: Inside): boolean {
    if (isWriting(reading))
      return this.#text(reading, { ...inside, depth: inside.depth + 1 }) !== reading
    return this.#secrets && cleaned(reading, ['secrets']) !== reading
  }
}

const SECRET = JSON.stringify(markOf('secrets'))
/** Nothing shorter is found in any reading: `a=b`. */
const SHORTEST_FOUND = 5
const LONGEST_KEY = 256

/** By what stands around it, not by its form. An empty text hides nothing. */
function isSecret(literal: Literal, named: NamedMembers, keyFile: KeyFileLines): boolean {
  const { kind, path, source } = literal
  if (kind === 'number') return named.holdsNumber(path)
  if (kind !== 'text') return false
  return keyFile.holds(path, source) || (source !== '""' && named.holds(path))
}

/** `content[].text`, and what a resource in it holds. */
function isContentText([first, , third, fourth, more]: readonly string[]): boolean {
  if (first !== 'content' || more !== undefined) return false
  if (third === 'resource') return fourth === 'text' || fourth === 'blob'
  return third === 'text' && fourth === undefined
}

/** Whole, or one element of a list for itself. */
function twinsOf(
  first: string | undefined,
  rest: readonly string[],
): readonly (readonly string[])[] {
  if (first !== 'structuredContent') return []
  const parts = rest.flatMap((name, index) =>
    name === '*' || /^\d+$/.test(name) ? [rest.slice(index), rest.slice(index + 1)] : [],
  )
  return [rest, ...parts.filter(({ length }) => length > 0)]
}

/** Digits of a number that is whole however it is written: `4e3`, `4000.0`. */
function wholeNumber(source: string): string {
  const value = /[.e]/i.test(source) ? Number(source) : Number.NaN
  return Number.isSafeInteger(value) ? String(value) : source
}

function leadsTo(pattern: readonly string[], path: readonly string[]): boolean {
  return (
    pattern.length === path.length &&
    pattern.every((name, index) => name === '*' || name === path[index])
  )
}

/** What is no JSON is most often seen by its end. */
function endsAsJson(text: string): boolean {
  return /[}\]"]$/.test(text.slice(-64).trimEnd())
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
