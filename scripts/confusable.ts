/**
 * Makes the table of letters that look like others, `src/model/confusable.ts`, from Unicode's own: give it
 * `confusables.txt` of https://www.unicode.org/Public/security/latest/ on its standard input.
 *
 * Left out is whatever `model/plain-name.ts` refuses anyway (other scripts, phonetic signs, compatibility forms), what
 * differs only in a mark outside the Latin script (those marks tell words apart there), and the jamo of Hangul.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { HISTORIC, PHONETIC, SCRIPTS } from '../src/model/plain-name.ts'

const OUT = join(import.meta.dirname, '..', 'src', 'model', 'confusable.ts')

/** Unicode takes these for letters of their own; beside a word in capitals they are taken for it. */
const SMALL_CAPITALS: ReadonlyMap<string, string> = new Map(
  Object.entries({ ᴛ: 't', ʜ: 'h', ʙ: 'b', ʍ: 'm', ĸ: 'k', ɢ: 'g', ʌ: 'v' }),
)

const text = readFileSync(0, 'utf8')
const version = /^# Version: (\S+)/m.exec(text)?.[1] ?? 'unknown'

function characters(codes: string): string {
  return String.fromCodePoint(
    ...codes
      .trim()
      .split(' ')
      .map((code) => Number.parseInt(code, 16)),
  )
}

const prototypes = new Map<string, string>()
for (const [, from = '', to = ''] of text.matchAll(/^([0-9A-F]+) ;\t([0-9A-F ]+) ;/gm)) {
  prototypes.set(characters(from), characters(to))
}

/** What is left of a text when only its letters count, as `model/look-alike.ts` reads names. */
function letters(of: string): string {
  return of
    .normalize('NFKD')
    .replaceAll(/\p{M}|\p{Lm}|[^\p{L}\p{N}]/gu, '')
    .toLowerCase()
}

const scripts = SCRIPTS.filter((script) => script !== 'Hangul')
const permitted = new RegExp(
  `^(?=[\\p{L}\\p{N}]$)(?:${scripts.map((one) => `\\p{scx=${one}}`).join('|')}|\\p{scx=Zyyy})$`,
  'u',
)

/** Whether the character may stand in a name at all, and needs an entry. */
function wanted(from: string, to: string): boolean {
  if (from <= '\u007F' || !permitted.test(from) || HISTORIC.test(from) || PHONETIC.test(from))
    return false
  // A name is taken apart (NFKD) and its marks are left out before it is looked up.
  if (from.normalize('NFKD') !== from || /\p{scx=Hangul}/u.test(to)) return false
  return /^\p{scx=Latin}$/u.test(from) || !/\p{M}/u.test(to.normalize('NFKD'))
}

const table = new Map<string, string[]>()
for (const [from, prototype] of prototypes) {
  const to = Array.from(prototype.normalize('NFKD'))
    .map((char) => SMALL_CAPITALS.get(char) ?? prototypes.get(char) ?? char)
    .join('')
  if (!wanted(from, prototype)) continue
  const seen = letters(to)
  // A letter that looks like a sign reads as none; one that looks like a sign with a mark is told apart by it.
  if (seen === letters(from) || (seen === '' && /\p{M}/u.test(prototype))) continue
  table.set(seen, [...(table.get(seen) ?? []), from])
}

const rows = [...table]
  .toSorted(([a], [b]) => (a < b ? -1 : 1))
  .map(([to, from]) => `${to} ${from.toSorted().join('')}`)
writeFileSync(
  OUT,
  `/**
 * Letters that look like others, by the text that they look like: one row is that text, a blank, and the letters.
 *
 * Made by \`scripts/confusable.ts\` from confusables.txt ${version} (Unicode Technical Standard #39, Unicode Security
 * Mechanisms), © Unicode, Inc., used under the Unicode License v3, https://www.unicode.org/license.txt
 */
export const CONFUSABLE_ROWS = \`
${rows.join('\n')}
\`
`,
)
