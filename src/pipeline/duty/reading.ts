/** Other readings of a text or of bytes, in which something may stand that the text itself does not show. */

const QUOTE_ROUNDS = 8
const BACKSLASH = 0x5c

/**
 * Without characters that nobody sees, and with escapes read as most languages would, again and again while more is behind
 * them. The same text where there is neither.
 */
export function plainReading(text: string): string {
  return unescaped(isAscii(text) ? text : text.replaceAll(UNSEEN, ''))
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) if (text.charCodeAt(at) > 0x7f) return false
  return true
}

const UNSEEN = /\p{Default_Ignorable_Code_Point}/gu

function unescaped(text: string): string {
  if (!text.includes('\\')) return text
  const bytes = Buffer.from(text, 'utf16le')
  const codes = new Uint16Array(bytes.buffer, bytes.byteOffset, text.length)
  let length = text.length
  for (let round = 0; round < QUOTE_ROUNDS; round += 1) {
    const left = readEscapes(codes, length)
    if (left === length) break
    length = left
  }
  return bytes.toString('utf16le', 0, length * 2)
}

/** In place: what an escape stands for is never longer than it. */
function readEscapes(codes: Uint16Array, length: number): number {
  let written = codes.subarray(0, length).indexOf(BACKSLASH)
  if (written === -1) return length
  for (let at = written; at < length;) {
    const code = codes[at] ?? 0
    if (code !== BACKSLASH || at + 1 === length) {
      codes[written] = code
      written += 1
      at += 1
      continue
    }
    const { end, point } = escapeAt(codes, at, length)
    if (point > 0xff_ff) {
      codes[written] = 0xd8_00 + ((point - 0x1_00_00) >> 10)
      written += 1
    }
    codes[written] = point > 0xff_ff ? 0xdc_00 + ((point - 0x1_00_00) & 0x3_ff) : point
    written += 1
    at = end
  }
  return written
}

const PLAIN: ReadonlyMap<number, number> = new Map(
  Object.entries({ n: 0x0a, r: 0x0d, t: 0x09, b: 0x08, f: 0x0c }).map(([letter, code]) => [
    letter.charCodeAt(0),
    code,
  ]),
)

function escapeAt(
  codes: Uint16Array,
  at: number,
  length: number,
): { readonly end: number; readonly point: number } {
  const letter = codes[at + 1] ?? 0
  const lower = letter | 0x20
  if (lower !== 0x75 && lower !== 0x78) return { end: at + 2, point: PLAIN.get(letter) ?? letter }
  if (!mayBeDigits(codes[at + 2] ?? 0)) return { end: at + 1, point: BACKSLASH }
  const source = String.fromCharCode(...codes.subarray(at, Math.min(length, at + LONGEST_ESCAPE)))
  const match = ESCAPE.exec(source)
  const point = Number.parseInt(match?.[1] ?? match?.[2] ?? match?.[3] ?? 'none', 16)
  return match && point <= 0x10_ff_ff
    ? { end: at + match[0].length, point }
    : { end: at + 1, point: BACKSLASH }
}

/** A hexadecimal digit, or `{`. */
function mayBeDigits(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) ||
    (code >= 0x41 && code <= 0x46) ||
    (code >= 0x61 && code <= 0x66) ||
    code === 0x7b
  )
}

const ESCAPE = /^\\(?:u\{0{0,4}([0-9a-f]{1,6})\}|u([0-9a-f]{4})|x([0-9a-f]{2}))/i
const LONGEST_ESCAPE = 14

/** Of bytes that are no UTF-8, or hold zeros: Latin-1, which without the zeros is UTF-16 of ASCII characters, too. */
export function byteReading(bytes: Buffer): string {
  return bytes.toString('latin1').replaceAll('\0', '')
}

/** Nothing in it but what is written: in an image, chance makes addresses and numbers. */
export function isWriting(reading: string): boolean {
  // oxlint-disable-next-line no-control-regex -- what texts have none of
  return !/[\u0001-\u0008\u000B\u000E-\u001A\u001C-\u001F\u0080\u0081]/.test(reading)
}
