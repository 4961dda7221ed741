/** What every document text must be before a parser sees it, and the places of its characters. */
import type { Place, Problems } from '../model/document.ts'

/** Longest document in UTF-8 bytes. */
export const MAX_BYTES = 1_048_576
/** Deepest nesting of lists and maps. */
export const MAX_DEPTH = 32

/** Turns offsets of a text into places. Columns count UTF-16 code units from 1. */
export interface Places {
  at(offset: number): Place
}

export function placesOf(text: string, file: string): Places {
  const starts = [0]
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return {
    at(offset) {
      let low = 0
      let high = starts.length - 1
      while (low < high) {
        const middle = (low + high + 1) >> 1
        if ((starts[middle] ?? 0) <= offset) low = middle
        else high = middle - 1
      }
      return { file, line: low + 1, column: offset - (starts[low] ?? 0) + 1 }
    },
  }
}

/** C0 but tab and line ends, DEL, C1, bidirectional controls: what a reviewer would not see. */
// oxlint-disable-next-line no-control-regex -- these are what it looks for
const HIDDEN = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069]/

/** Reports what no document may hold, in whatever form it is written. */
export function checkText(text: string, places: Places, problems: Problems): void {
  if (Buffer.byteLength(text) > MAX_BYTES) {
    problems.error(
      { place: places.at(0) },
      'too_large',
      `the document is larger than ${MAX_BYTES} bytes`,
      'split it or remove what is not needed',
    )
    return
  }
  const mark = text.indexOf('\uFEFF')
  if (mark !== -1) {
    problems.error(
      { place: places.at(mark) },
      'byte_order_mark',
      'the document holds a byte order mark',
      'save the file as UTF-8 without a byte order mark',
    )
  }
  const hidden = HIDDEN.exec(text)
  if (hidden) {
    const code = hidden[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')
    problems.error(
      { place: places.at(hidden.index) },
      'hidden_character',
      `the document holds the invisible character U+${code}`,
      'delete it; where it is meant, write it as an escape in double quotes',
    )
  }
  if (!text.isWellFormed()) {
    problems.error(
      { place: places.at(0) },
      'encoding',
      'the document is not valid Unicode text',
      'save the file as UTF-8',
    )
  }
}

/** Keys that reach the prototype of a JavaScript object in careless code. */
const DANGEROUS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/** Reports a key that no map may have, or has already; remembers it. */
export function checkKey(
  entry: { readonly key: string; readonly place: Place },
  seen: Map<string, Place>,
  problems: Problems,
): void {
  const { key, place } = entry
  if (DANGEROUS.has(key)) {
    problems.error(entry, 'dangerous_key', `the key \`${key}\` is not allowed`, 'rename it')
  }
  const first = seen.get(key)
  if (first) {
    problems.error(
      { place },
      'duplicate_key',
      `the key \`${key}\` stands twice in one map, first at line ${first.line}`,
      'keep one of the two',
    )
    return
  }
  seen.set(key, place)
}

/** Reports a number that JavaScript would change while reading it. */
export function checkNumber(
  number: { readonly value: number; readonly source: string; readonly place: Place },
  problems: Problems,
): void {
  const { value, source } = number
  const exact = Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value)
  if (exact) return
  problems.error(
    number,
    'number_range',
    `the number \`${source}\` cannot be kept exactly`,
    'write it in quotes where a text is meant, or use a number within ±9007199254740991',
  )
}

/** The path of a member: `tools.vendors/approve`, `never[0]`. */
export function memberPath(parent: string, key: string): string {
  return parent === '' ? key : `${parent}.${key}`
}
