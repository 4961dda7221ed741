/**
 * Whether the name of a tool or prompt can be shown plainly: every character of it seen, read one way, and of letters
 * that people write together (UTS #39 "highly restrictive", UAX #31). A name that cannot is refused wherever it stands.
 */

const LONGEST_NAME = 128
/** What nearly every name is: printable ASCII, without a blank at either end. */
const PRINTABLE = /^[!-~](?:[ -~]*[!-~])?$/

/** Controls, formats, surrogates, private and unassigned characters, fillers and selectors, and blanks but the plain one. */
const UNSEEN = /[\p{C}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Z}/u
const EVERY_UNSEEN = new RegExp(UNSEEN, 'gu')

/** UAX #31 table 5: scripts in everyday use. Letters of no other script are shown. */
export const SCRIPTS = [
  'Arabic',
  'Armenian',
  'Bengali',
  'Bopomofo',
  'Cyrillic',
  'Devanagari',
  'Ethiopic',
  'Georgian',
  'Greek',
  'Gujarati',
  'Gurmukhi',
  'Han',
  'Hangul',
  'Hebrew',
  'Hiragana',
  'Kannada',
  'Katakana',
  'Khmer',
  'Lao',
  'Latin',
  'Malayalam',
  'Myanmar',
  'Oriya',
  'Sinhala',
  'Tamil',
  'Telugu',
  'Thaana',
  'Thai',
  'Tibetan',
] as const
/** Scripts that are written together: Japanese, Chinese and Korean, each also with Latin words. */
const TOGETHER = [
  ['Latin', 'Han', 'Hiragana', 'Katakana'],
  ['Latin', 'Han', 'Bopomofo'],
  ['Latin', 'Han', 'Hangul'],
]

/** Signs of phonetic alphabets, small capitals, and letters that only specialists use: most of them look like plain ones. */
export const PHONETIC: RegExp =
  /[\u0250-\u02AF\u1D00-\u1DBF\u2C60-\u2C7F\uA720-\uA7FF\uAB30-\uAB6F\u{10780}-\u{107BF}\u{1DF00}-\u{1DFFF}]/u

/** Letters outside of the basic plane, but for Han, are historic ones. */
export const HISTORIC: RegExp = /(?!\p{scx=Han})(?=[\u{10000}-\u{10FFFF}])[\p{L}\p{N}]/u

/** A mark that no letter is made for, or on what takes none. */
const LOOSE_MARK =
  /(?<=^|[\p{scx=Latin}\p{scx=Greek}\p{scx=Cyrillic}\p{scx=Common}])[\p{Mn}\p{Me}]/u

const permitted: RegExp[] = []

/** Made when a name first needs them: most catalogs are ASCII. */
function permittedScripts(): readonly RegExp[] {
  if (permitted.length === 0) {
    for (const scripts of [...SCRIPTS.map((script) => [script]), ...TOGETHER]) {
      const classes = scripts.map((script) => `\\p{scx=${script}}`).join('')
      permitted.push(new RegExp(`^[${classes}\\p{scx=Common}\\p{scx=Inherited}]*$`, 'u'))
    }
  }
  return permitted
}

/** Why the name cannot be shown plainly, with the code points that make it so; undefined when it can. */
export function nameFault(name: string): string | undefined {
  if (name.length <= LONGEST_NAME && PRINTABLE.test(name)) return undefined
  if (name === '') return 'it is empty'
  if (name.length > LONGEST_NAME) return `it is longer than ${LONGEST_NAME} characters`
  if (UNSEEN.test(name)) return `it holds what cannot be seen: ${those(UNSEEN, name)}`
  if (name.trim() !== name) return 'it begins or ends with a blank: U+0020'
  if (name.normalize('NFKC') !== name)
    return `it is not in the one form that Unicode composes (NFKC): ${foreign(name)}`
  if (LOOSE_MARK.test(name)) return `it holds marks that belong to no letter: ${foreign(name)}`
  if (PHONETIC.test(name))
    return `it holds letters that no language is written in: ${those(PHONETIC, name)}`
  if (!HISTORIC.test(name) && permittedScripts().some((one) => one.test(name))) return undefined
  return `its letters are not written together, or in no everyday script: ${foreign(name)}`
}

const MOST_SHOWN = 8

/** `U+0435 U+200B`, each once and no more than eight of them. */
export function points(chars: readonly string[]): string {
  const all = [...new Set(chars)].map(codePoint)
  const shown = all.slice(0, MOST_SHOWN).join(' ')
  return all.length > MOST_SHOWN ? `${shown} …` : shown
}

function codePoint(char: string): string {
  return `U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`
}

function those(pattern: RegExp, name: string): string {
  return points(Array.from(name).filter((char) => pattern.test(char)))
}

/** The code points of a name that are not printable ASCII; empty where there is none. */
export function foreign(name: string): string {
  return points(Array.from(name.slice(0, LONGEST_NAME)).filter((char) => !/[ -~]/.test(char)))
}

/** The text with whatever cannot be seen spelt out: `send[U+200B]_email`. For operators, wherever it is shown. */
export function spelt(text: string): string {
  return text.replaceAll(EVERY_UNSEEN, (char) => `[${codePoint(char)}]`)
}

/** What text in everyday use holds beside what is seen: line ends and tabs, and what joins the parts of an emoji. */
const USUAL = /[\n\r\t]|(?<=\p{Extended_Pictographic}|\uFE0F|\p{EMod})(?:\u200D|\uFE0F)/gu

/** The code points of a longer text that cannot be seen, but for the usual ones; empty where there is none. */
export function unseen(text: string): string {
  return points(text.replaceAll(USUAL, '').match(EVERY_UNSEEN) ?? [])
}
