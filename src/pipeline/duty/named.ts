/** Secrets without a shape of their own, told by the name before them: members of objects, lines of settings. */
import { isSecretName } from '../../model/secret-name.ts'

/** A place in a list, or a number that the protocol counts with: without it an agent cannot go on. */
const PLACE = /^(?:(?:next|prev|previous)[-_]?(?:page[-_]?)?|page[-_]?|progress[-_]?)token$/i

export function namesSecret(name: string): boolean {
  return isSecretName(name) && !PLACE.test(name)
}

/** Goes along the values of a JSON text in their order, and knows which are below the name of a secret. */
export class NamedMembers {
  /** How long the path to the outermost such member is. */
  #depth = Infinity
  /** In a schema a name stands for a form, not for a value: below it nothing is secret. */
  #formOnly = false
  #names = new Map<string, boolean>()

  enter(path: readonly string[]): void {
    if (path.length > this.#depth) return
    this.#depth = this.#isSecret(path.at(-1) ?? '') ? path.length : Infinity
    const above = path.at(-2)
    this.#formOnly = above === 'properties' || (path.length === 2 && above === 'inputRequests')
  }

  holds({ length }: readonly string[]): boolean {
    return length === this.#depth || (length > this.#depth && !this.#formOnly)
  }

  /** More than one token is a number of them: `prompt_tokens`. */
  holdsNumber(path: readonly string[]): boolean {
    return this.holds(path) && !/tokens$/i.test(path[this.#depth - 1] ?? '')
  }

  #isSecret(name: string): boolean {
    const known = this.#names.get(name)
    if (known !== undefined) return known
    const names = namesSecret(name)
    if (this.#names.size < MOST_NAMES) this.#names.set(name, names)
    return names
  }
}

const MOST_NAMES = 1024

/** Lists the lines of a key file, if they are elements of a list. */
export class KeyFileLines {
  #length = 0
  #next = -1

  /** True for what follows its first line, up to its last. */
  holds(path: readonly string[], text: string): boolean {
    const index = indexOf(path)
    const inside = this.#next >= 0 && path.length === this.#length && index === this.#next
    const begins = !inside && index !== undefined && BEGIN.test(text)
    const goesOn = (inside || begins) && !text.includes('-----END')
    this.#length = path.length
    this.#next = goesOn ? (index ?? -2) + 1 : -1
    return inside
  }
}

const BEGIN = /-----BEGIN [A-Z ]{0,40}PRIVATE KEY/

function indexOf(path: readonly string[]): number | undefined {
  const name = path.at(-1) ?? ''
  return /^\d+$/.test(name) ? Number(name) : undefined
}

/**
 * The text with a mark for every value of `password: x` on a line of its own, and of `"password": "x"` anywhere. A value of
 * several words is prose, and what is a type or a reference in source or settings is none either.
 */
export function withoutNamed(text: string, mark: string): string {
  let shown = ''
  let kept = 0
  for (let colon = text.indexOf(':'); colon !== -1; colon = text.indexOf(':', colon + 1)) {
    if (!' \t"\''.includes(text.charAt(colon + 1))) continue
    const name = colon < kept ? undefined : nameBefore(text, colon)
    const value =
      name && namesSecret(name.text) ? valueAfter(text, colon + 1, name.quoted) : undefined
    if (!value) continue
    shown += text.slice(kept, value.start) + mark
    kept = value.end
  }
  return kept === 0 ? text : shown + text.slice(kept)
}

const LONGEST_NAME = 128

function nameBefore(
  text: string,
  colon: number,
): { readonly text: string; readonly quoted: boolean } | undefined {
  const quote = text.charAt(colon - 1)
  const quoted = quote === '"' || quote === "'"
  const end = quoted ? colon - 1 : colon
  let start = end
  while (start > 0 && end - start < LONGEST_NAME && isNamePart(text.charCodeAt(start - 1)))
    start -= 1
  if (start === end) return undefined
  const fits = quoted ? text.charAt(start - 1) === quote : beginsLine(text, start)
  return fits ? { text: text.slice(start, end), quoted } : undefined
}

function beginsLine(text: string, start: number): boolean {
  let at = start
  while (at > 0 && ' \t'.includes(text.charAt(at - 1))) at -= 1
  if (at < start && text.charAt(at - 1) === '-') at -= 1
  while (at > 0 && ' \t'.includes(text.charAt(at - 1))) at -= 1
  return at === 0 || '\r\n'.includes(text.charAt(at - 1))
}

function isNamePart(code: number): boolean {
  if (code >= 0x30 && code <= 0x39) return true
  return (
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x61 && code <= 0x7a) ||
    '_-.'.includes(String.fromCharCode(code))
  )
}

const QUOTED = /[ \t]*(["'])/y
const ONE_WORD = /[ \t]+([^\s"'`,;|>&*!%@{}[\]()<$#][^\s"'`,;(){}<>]*)[ \t]*(?=$|[\r\n]|[ \t]#)/y
const NO_VALUE =
  /^(?:true|false|yes|no|on|off|null|nil|none|undefined|never|any|unknown|required|optional|str(?:ing)?|text|bytes?|bool(?:ean)?|num(?:ber)?|int(?:eger)?|float|object|varchar|secret|password|token|[A-Z][A-Za-z]+|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+|[=~?-]+)$/

function valueAfter(
  text: string,
  from: number,
  quoted: boolean,
): { readonly start: number; readonly end: number } | undefined {
  QUOTED.lastIndex = from
  const quote = QUOTED.exec(text)?.[1]
  if (quote !== undefined) return quotedAt(text, QUOTED.lastIndex, quote)
  if (quoted) return undefined
  ONE_WORD.lastIndex = from
  const word = ONE_WORD.exec(text)?.[1]
  if (word === undefined || NO_VALUE.test(word)) return undefined
  const start = text.indexOf(word, from)
  return { start, end: start + word.length }
}

function quotedAt(
  text: string,
  start: number,
  quote: string,
): { readonly start: number; readonly end: number } | undefined {
  for (let end = start; end < text.length; end += 1) {
    const character = text.charAt(end)
    if (character === '\n') return undefined
    if (character === quote) return end === start ? undefined : { start, end }
    if (character === '\\') end += 1
  }
  return undefined
}
