/**
 * What a text names: its words, e-mail addresses, URLs, numbers and IBANs as whole tokens. A token ends at white
 * space; brackets, quotes and the punctuation of a sentence around it do not belong to it, everything else does. So
 * `notbob@acme.example`, `bob@acme.example.evil.net` and `120` name neither `bob@acme.example` nor `12`.
 */
import type { Json } from '../model/json.ts'
import { isExact } from './bounds.ts'
import type { Judgement } from './clause.ts'
import { readEmail } from './email.ts'
import { isVisible } from './characters.ts'
import { readUrl } from './url.ts'

export interface Names {
  /** Words as written, URLs and e-mail addresses in one spelling, IBANs without spaces. */
  readonly words: ReadonlySet<string>
  /** Numbers in one spelling, and those as written that could be read in two ways. */
  readonly numbers: ReadonlySet<string>
  /** Each text cut at white space, to find several words in a row. */
  readonly rows: readonly (readonly string[])[]
}

/** Longest value that can be named, in UTF-16 code units. */
const MAX_VALUE = 1024
const MAX_STRIPPED = 8

const OPENING = /^[([{<"'`“”‘’„‚«»‹›「『（【《¿¡]+/u
const CLOSING = /[)\]}>"'`“”‘’«»‹›」』）】》.,;:!?…。，、；：！？]+$/u
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/
const IBAN = /^[A-Z]{2}\d{2}[A-Z\d]{11,30}$/

export function namesIn(texts: readonly string[]): Names {
  const words = new Set<string>()
  const numbers = new Set<string>()
  const rows = texts.map((text) =>
    text
      .normalize('NFC')
      .split(/\s+/u)
      .filter((chunk) => chunk !== ''),
  )
  for (const row of rows) for (const at of row.keys()) addChunk(row, at, { words, numbers })
  return { words, numbers, rows }
}

function addChunk(
  row: readonly string[],
  at: number,
  names: { readonly words: Set<string>; readonly numbers: Set<string> },
): void {
  const chunk = row[at] ?? ''
  for (const word of bareForms(chunk)) names.words.add(word)
  for (const piece of chunk.split(/[,;]/u)) addEmail(bare(piece), names.words)
  const amount = isGrouped(row, at) ? undefined : numberIn(chunk)
  for (const spelling of amount === undefined ? [] : spellings(amount)) names.numbers.add(spelling)
  const iban = spacedIban(row, at)
  if (iban !== undefined) names.words.add(iban)
}

/** `asks` when the value is not named; `fails` when it is of no type that could be. */
export function isNamed(value: Json, names: Names): Judgement {
  if (typeof value === 'number') {
    if (!isExact(value)) return 'fails'
    return names.numbers.has(canonicalNumber(String(value))) ? 'holds' : 'asks'
  }
  if (typeof value !== 'string' || !isVisible(value.replaceAll(/[\t\n\r]/g, ' '))) return 'fails'
  if (value.length > MAX_VALUE || value.normalize('NFC') !== value) return 'asks'
  return standsIn(value, names) ? 'holds' : 'asks'
}

function standsIn(value: string, names: Names): boolean {
  if (NUMBER.test(value)) return names.numbers.has(value) || hasNumber(value, names)
  const email = readEmail(value)
  if (email) return names.words.has(`${email.local}@${email.domain}`)
  const url = urlSpelling(value)
  if (url !== undefined) return names.words.has(url)
  if (!/[\p{L}\p{N}]/u.test(value)) return false
  return value.includes(' ') ? hasPhrase(value.split(' '), names.rows) : names.words.has(value)
}

/** `12.0` is 12; but what ends in three decimals may be a grouped thousand, and is only its own spelling. */
function hasNumber(value: string, names: Names): boolean {
  return !/\.\d{3}$/.test(value) && names.numbers.has(canonicalNumber(value))
}

/** Leading and trailing punctuation taken off, all of it or, at the end, some of it: `Inc.,` also names `Inc.`. */
function bareForms(chunk: string): readonly string[] {
  const forms: string[] = []
  for (const start of new Set([0, OPENING.exec(chunk)?.[0].length ?? 0])) {
    const rest = chunk.slice(start)
    const closing = Math.min(CLOSING.exec(rest)?.[0].length ?? 0, MAX_STRIPPED)
    for (let end = 0; end <= closing; end += 1) {
      const form = rest.slice(0, rest.length - end)
      if (form !== '') forms.push(form, urlSpelling(form) ?? form)
    }
  }
  return forms
}

function bare(chunk: string): string {
  return chunk.replace(OPENING, '').replace(CLOSING, '')
}

function addEmail(text: string, words: Set<string>): void {
  const email = readEmail(text)
  if (email) words.add(`${email.local}@${email.domain}`)
}

function urlSpelling(text: string): string | undefined {
  const url = text.includes('://') ? readUrl(text) : undefined
  return url && `${url.scheme}://${url.host}:${url.port ?? ''}${url.path}${url.rest}`
}

/** A number that stands alone, perhaps with one currency sign; `<12` is not twelve. */
function numberIn(chunk: string): string | undefined {
  const core = chunk
    .replace(/^[([{"'“‘„«]+/u, '')
    .replace(/[)\]}"'”’».,;:!?…]+$/u, '')
    .replace(/^\p{Sc}|\p{Sc}$/u, '')
  return NUMBER.test(core) ? core : undefined
}

function spellings(amount: string): readonly string[] {
  return /\.\d{3}$/.test(amount) ? [amount] : [amount, canonicalNumber(amount)]
}

function canonicalNumber(text: string): string {
  const cut = text.includes('.') ? text.replace(/\.?0+$/, '') : text
  return cut === '-0' ? '0' : cut
}

/** Part of a number written with spaces between its thousands, `1 200`: neither half is a number of its own. */
function isGrouped(row: readonly string[], at: number): boolean {
  const chunk = row[at] ?? ''
  const before = row[at - 1] ?? ''
  const after = row[at + 1] ?? ''
  const leads = /(?:^|\D)\d{1,3}$/.test(chunk) && /^\d{3}(?!\d)/.test(after)
  return leads || (/^\d{3}(?!\d)/.test(chunk) && /(?:^|\D)\d{1,3}$/.test(before))
}

/** An IBAN in groups of four that begins here, by its check digits (ISO 13616), without its spaces. */
function spacedIban(row: readonly string[], at: number): string | undefined {
  const first = (row[at] ?? '').replace(OPENING, '')
  if (!/^[A-Z]{2}\d{2}$/.test(first)) return undefined
  let joined = first
  let longest: string | undefined
  for (let next = at + 1; next < row.length; next += 1) {
    const raw = row[next] ?? ''
    const group = raw.replace(CLOSING, '')
    if (!/^[A-Z\d]{1,4}$/.test(group)) break
    joined += group
    if (IBAN.test(joined) && checkDigits(joined) === 1) longest = joined
    if (group.length < 4 || group !== raw) break
  }
  return longest
}

function checkDigits(iban: string): number {
  let rest = 0
  for (const character of iban.slice(4) + iban.slice(0, 4)) {
    const digits = Number.parseInt(character, 36)
    rest = (rest * (digits > 9 ? 100 : 10) + digits) % 97
  }
  return rest
}

/** Several words in a row, with punctuation only before the first and after the last of them. */
function hasPhrase(words: readonly string[], rows: readonly (readonly string[])[]): boolean {
  if (words.includes('')) return false
  for (const row of rows)
    for (let at = 0; at + words.length <= row.length; at += 1)
      if (standsAt(words, row, at)) return true
  return false
}

function standsAt(words: readonly string[], row: readonly string[], at: number): boolean {
  const last = words.length - 1
  for (const [index, word] of words.entries()) {
    const chunk = row[at + index] ?? ''
    const fits =
      index === 0
        ? chunk.endsWith(word) && isOpening(chunk.slice(0, chunk.length - word.length))
        : index === last
          ? chunk.startsWith(word) && isClosing(chunk.slice(word.length))
          : chunk === word
    if (!fits) return false
  }
  return true
}

function isOpening(text: string): boolean {
  return text === '' || text.replace(OPENING, '') === ''
}

function isClosing(text: string): boolean {
  return text === '' || text.replace(CLOSING, '') === ''
}
