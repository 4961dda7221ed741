/**
 * What names look like: two names that share a look can be confused by a person or a model. Case, separators and marks
 * do not count; letters of other scripts, digits and signs are read as what they look like (UTS #39, confusable
 * detection).
 */
import { CONFUSABLE_ROWS } from './confusable.ts'

/** Names that share a look can be confused. One for each way of reading: `I`, `1` and `|` look like `l`, and like `i`. */
export function looksOf(name: string): readonly string[] {
  const letters = /^[ -~]*$/.test(name) ? name : name.normalize('NFKD').replaceAll(MARKS, '')
  let seen = ''
  let read = ''
  for (const char of letters) {
    const meant = char > '\u007F' ? foreignLetters(char) : (ASCII[char.charCodeAt(0)] ?? '')
    const strokes = LIKE_L.has(meant)
    seen += strokes ? 'l' : meant
    read += strokes ? 'i' : meant
  }
  const look = joined(seen)
  // A name without such a character reads one way only, and is compared in both.
  return [`l:${look}`, `i:${seen === read ? look : joined(read)}`]
}

/** The name without case, separators and marks, and nothing read into it: of two that share it only the style differs. */
export function styleOf(name: string): string {
  return folded(name.normalize('NFC')).replaceAll(NO_LETTER, '')
}

/** True where a character may stand for another: one that is not ASCII, or a digit or sign that reads as a letter. */
export function isDisguised(name: string): boolean {
  return /[^ -~]|[!$@|0-57-9]/.test(name)
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz'
/** Digits and signs that are read as letters, or as themselves. */
const STAND_FOR: ReadonlyMap<string, string> = new Map([
  ...Object.entries({
    0: 'o',
    1: '1',
    2: 'z',
    3: 'e',
    4: 'a',
    5: 's',
    6: '6',
    7: 't',
    8: 'b',
    9: 'g',
  }),
  ...Object.entries({ '!': '!', '|': '|', $: 's', '@': 'a' }),
])
/** Capital `I` is told apart by the caller: it looks like `l` and is an `i`. */
const ASCII: readonly string[] = Array.from({ length: 128 }, (_, code) => {
  const char = String.fromCharCode(code)
  const stands = STAND_FOR.get(char)
  if (stands !== undefined) return stands
  return char === 'I' ? char : LETTERS.includes(char.toLowerCase()) ? char.toLowerCase() : ''
})
const LIKE_L: ReadonlySet<string> = new Set(['1', '!', '|', 'I'])

/** Marks that are written on letters of any script; those of a script of its own tell its words apart. */
const MARKS =
  /[\u0300-\u036F]|[\u0591-\u05C7]|[\u064B-\u065F]|\u0670|[\u1AB0-\u1AFF]|[\u1DC0-\u1DFF]|[\u20D0-\u20FF]|[\uFE20-\uFE2F]/g
const NO_LETTER = /[^\p{L}\p{N}]|\p{Lm}/gu

const PAIRS = /rn|vv|cl/
const EVERY_PAIR = new RegExp(PAIRS, 'g')

/** Letters that together look like another: `rn` like `m`, `vv` like `w`, `cl` like `d`. */
function joined(letters: string): string {
  if (!PAIRS.test(letters)) return letters
  return letters.replaceAll(EVERY_PAIR, (pair) => (pair === 'rn' ? 'm' : pair === 'vv' ? 'w' : 'd'))
}

let confusable: ReadonlyMap<string, string> | undefined

/** What a character that is not ASCII reads as; nothing where it is no letter. */
function foreignLetters(char: string): string {
  // Made when a name first needs it: most catalogs are ASCII.
  confusable ??= new Map(
    CONFUSABLE_ROWS.split('\n').flatMap((row) => {
      const to = row.slice(0, Math.max(row.indexOf(' '), 0))
      return Array.from(row.slice(to.length + 1)).map((from) => [from, to] as const)
    }),
  )
  return folded(confusable.get(char) ?? char).replaceAll(NO_LETTER, '')
}

/** Upper case first: `ſ` and `ß` then meet what other languages' folding makes of them. */
function folded(text: string): string {
  return text.toUpperCase().toLowerCase()
}

/** `send_email_v1`, `sendEmailV2`, `send-email.2`: a number alone counts behind a separator, if it is no year. */
const VERSION =
  /^(.*?[\p{L}\p{N}])(?:[^\p{L}\p{N}]+(?:[vV](?:er(?:sion)?)?[^\p{L}\p{N}]?\d{1,9}|\d{1,2})|V(?:er(?:sion)?)?\d{1,9})(?:[._]\d{1,9})*$/su
/** `send_email2`, `send_emailv2`: only of a name long enough not to be `log2`, `atan2` or `ipv6`. */
const NUMBERED = /^(.{6,}?)(?<!ip)(?:v|ver)?\d$/isu
const DIVIDER = '__'
/** Dividers that are looked behind, from the end: a name may be all dividers. */
const MOST_TAILS = 4
const NOTHING: readonly string[] = []

/** Looks of the name that this one would be another version of: `send_email_v2` of `send_email`. */
export function versionedLooks(name: string): readonly string[] {
  const base = baseOf(name)
  return base === undefined ? NOTHING : looksBeside(name, [base])
}

/** Looks of the names that this one pretends to be, as if the guard had put a server's name before them. */
export function qualifiedLooks(name: string): readonly string[] {
  const tails = tailsOf(name)
  if (tails.length === 0) return NOTHING
  const bases = tails.map(baseOf).filter((base) => base !== undefined)
  return looksBeside(name, [...tails, ...bases])
}

function baseOf(name: string): string | undefined {
  if (!/\d$/.test(name)) return undefined
  return VERSION.exec(name)?.[1] ?? NUMBERED.exec(name)?.[1]
}

function looksBeside(name: string, others: readonly string[]): readonly string[] {
  const own = looksOf(name)
  return [...new Set(others.flatMap(looksOf))].filter((look) => !own.includes(look))
}

/** What stands behind each divider, as it would in a public name. */
function tailsOf(name: string): readonly string[] {
  if (!name.includes(DIVIDER)) return NOTHING
  const tails: string[] = []
  for (let at = name.lastIndexOf(DIVIDER); at > 0 && tails.length < MOST_TAILS;) {
    const tail = name.slice(at + DIVIDER.length)
    if (tail !== '') tails.push(tail)
    at = name.lastIndexOf(DIVIDER, at - 1)
  }
  return tails
}
