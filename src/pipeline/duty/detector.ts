/**
 * What is looked for in texts, by its form alone: secrets of known shapes, e-mail addresses, account and card numbers. Each
 * looks at any character a bounded number of times, whoever wrote the text.
 */
import type { Detector } from '../../model/policy.ts'
import { withoutSecrets } from '../../model/secret-shape.ts'
import { withoutNamed } from './named.ts'

/** The text with a mark in place of everything that was found; the same text where that is nothing. */
export function cleaned(text: string, detectors: readonly Detector[]): string {
  return ORDER.reduce(
    (shown, one) => (detectors.includes(one) ? withoutFound(shown, one) : shown),
    text,
  )
}

/** Addresses last: a number behind one would be read as a part of it. */
const ORDER: readonly Detector[] = ['secrets', 'ibans', 'card_numbers', 'emails']

export function markOf(detector: Detector): string {
  return `[redacted:${detector}]`
}

/** The shortest that each of them finds. */
const SHORTEST: Readonly<Record<Detector, number>> = {
  secrets: 5,
  emails: 6,
  ibans: 15,
  card_numbers: 13,
}

function withoutFound(text: string, detector: Detector): string {
  if (text.length < SHORTEST[detector]) return text
  const mark = markOf(detector)
  switch (detector) {
    case 'secrets':
      return withoutNamed(withoutSecrets(text, mark), mark)
    case 'emails':
      if (!text.includes('@') && !text.includes('%40')) return text
      return replaced(text, { mark, starts: AT, spanOf: addressAround })
    case 'ibans':
      return replaced(text, { mark, starts: IBAN_START, spanOf: ibanAt })
    case 'card_numbers':
      return replaced(replaced(text, { mark, starts: GROUPED_CARD, spanOf: groupedCard }), {
        mark,
        starts: CARD_START,
        spanOf: cardAt,
      })
  }
}

interface Span {
  readonly start: number
  readonly end: number
}

interface Search {
  readonly mark: string
  /** Where one could be. */
  readonly starts: RegExp
  /** The one that is there. `from`: nothing before it may be taken. */
  readonly spanOf: (text: string, place: Span, from: number) => Span | undefined
}

function replaced(text: string, { mark, starts, spanOf }: Search): string {
  let shown = ''
  let from = 0
  for (const match of text.matchAll(starts)) {
    const place = { start: match.index, end: match.index + match[0].length }
    const span = place.start < from ? undefined : spanOf(text, place, from)
    if (!span) continue
    shown += text.slice(from, span.start) + mark
    from = span.end
  }
  return from === 0 ? text : shown + text.slice(from)
}

const AT = /@|%40/g
const LOCAL = /[^\s"'`(),:;<>@[\]\\=&?/|{}#%]/
const DOMAIN = /[\p{L}\p{N}.-]/u
/** RFC 5321 section 4.5.3.1. */
const LONGEST_LOCAL = 64
const LONGEST_DOMAIN = 253
const WHOLE_DOMAIN =
  /^[\p{L}\p{N}][\p{L}\p{N}-]*(?:\.[\p{L}\p{N}-]+)*\.(?:\p{L}{2,}|xn--[a-z0-9-]+)$/iu

function addressAround(text: string, at: Span, from: number): Span | undefined {
  let { start, end } = at
  const first = Math.max(from, start - LONGEST_LOCAL)
  while (start > first && isLocal(text, start - 1)) start -= 1
  if (start === at.start) return undefined
  const last = Math.min(text.length, end + LONGEST_DOMAIN)
  while (end < last && isDomain(text, end)) end += 1
  while (end > at.end && '.-'.includes(text.charAt(end - 1))) end -= 1
  const domain = text.slice(at.end, end)
  return domain.includes('.') && WHOLE_DOMAIN.test(domain) ? { start, end } : undefined
}

const ASCII = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code))
const ASCII_LOCAL = ASCII.map((character) => LOCAL.test(character))
const ASCII_DOMAIN = ASCII.map((character) => DOMAIN.test(character))

function isLocal(text: string, at: number): boolean {
  return ASCII_LOCAL[text.charCodeAt(at)] ?? LOCAL.test(text.charAt(at))
}

function isDomain(text: string, at: number): boolean {
  return ASCII_DOMAIN[text.charCodeAt(at)] ?? DOMAIN.test(text.charAt(at))
}

/** What groups of characters are held apart by. */
const GAPS: ReadonlySet<number> = new Set([0x20, 0x2d, 0xa0, 0x20_2f])
const GAP = /[ \u00a0\u202f-]/g

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

function isAlphanumeric(code: number): boolean {
  return isDigit(code) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a)
}

/** Where each of the first characters of a kind ends, over single gaps; the first entry is where they start. */
function endsOf(
  text: string,
  start: number,
  { kind, most }: { readonly kind: (code: number) => boolean; readonly most: number },
): readonly number[] {
  const ends = [start]
  for (let at = start; ends.length <= most; ends.push(at)) {
    if (at > start && GAPS.has(text.charCodeAt(at))) at += 1
    if (!kind(text.charCodeAt(at))) break
    at += 1
  }
  return ends
}

const IBAN_START = /(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}/g

/** ISO 13616, the registry of national formats: country and length. */
const IBAN_LENGTHS: ReadonlyMap<string, number> = new Map(
  (
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ' +
    'ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 ' +
    'LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 ' +
    'PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30'
  )
    .split(' ')
    .map((one) => [one.slice(0, 2), Number(one.slice(2))]),
)

function ibanAt(text: string, { start }: Span): Span | undefined {
  const length = IBAN_LENGTHS.get(text.slice(start, start + 2).toUpperCase())
  if (length === undefined) return undefined
  let rest = 0
  let end = start
  for (let count = 0; count < length; count += 1) {
    if (count > 0 && GAPS.has(text.charCodeAt(end))) end += 1
    const code = text.charCodeAt(end)
    if (!isAlphanumeric(code)) return undefined
    if (count >= 4) rest = remainder(rest, code)
    end += 1
  }
  if (isAlphanumeric(text.charCodeAt(end))) return undefined
  for (let at = start; at < start + 4; at += 1) rest = remainder(rest, text.charCodeAt(at))
  return rest === 1 ? { start, end } : undefined
}

/** ISO 7064, MOD 97-10: letters are two digits. */
function remainder(rest: number, code: number): number {
  return isDigit(code) ? (rest * 10 + code - 0x30) % 97 : (rest * 100 + (code | 0x20) - 0x57) % 97
}

/** Behind a point there are the digits of a fraction. */
const CARD_START = /(?<![A-Za-z0-9_.])[2-6](?=(?:[ \u00A0\u202F-]?[0-9]){12})/g
/** As it stands on a card, whatever holds the groups apart. */
const GROUPED_CARD =
  /(?<![A-Za-z0-9_.])(?:[2-6]\d{3}([._/\u00B7\u2009\u2013]| {2})\d{4}\1\d{4}\1\d{4}|3\d{3}([._/\u00B7\u2009\u2013]| {2})\d{6}\2\d{5})(?![A-Za-z0-9_]|\.\d)/g
const LONGEST_CARD = 19
const SHORTEST_CARD = 13

function groupedCard(text: string, place: Span): Span | undefined {
  return isCard(text.slice(place.start, place.end).replaceAll(/\D/g, '')) ? place : undefined
}

function cardAt(text: string, { start }: Span): Span | undefined {
  const ends = endsOf(text, start, { kind: isDigit, most: LONGEST_CARD })
  if (ends.length <= SHORTEST_CARD) return undefined
  const digits = text.slice(start, ends.at(-1)).replaceAll(GAP, '')
  for (let length = digits.length; length >= SHORTEST_CARD; length -= 1) {
    const end = ends[length] ?? start
    if (!goesOn(text, end) && isCard(digits.slice(0, length))) return { start, end }
  }
  return undefined
}

/** Behind a number: it is the beginning of a name, a longer number, or one with a fraction. */
function goesOn(text: string, end: number): boolean {
  const next = text.charCodeAt(end)
  if (isAlphanumeric(next) || next === UNDERSCORE) return true
  return next === POINT && isDigit(text.charCodeAt(end + 1))
}

const UNDERSCORE = 0x5f
const POINT = 0x2e

/** ISO/IEC 7812: the ranges that are issued, with the lengths they are issued in. */
const CARD =
  /^(?:4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|220[0-4]\d{12,15}|3[47]\d{13}|3(?:0[0-59]|[689]\d)\d{11,16}|35\d{14,17}|(?:50|5[6-8]|6\d)\d{14,17})$/

/** With the check digit of Luhn. */
function isCard(digits: string): boolean {
  if (!CARD.test(digits)) return false
  let sum = 0
  for (let back = 1; back <= digits.length; back += 1) {
    const digit = Number(digits[digits.length - back])
    const weighed = back % 2 === 0 ? digit * 2 : digit
    sum += weighed > 9 ? weighed - 9 : weighed
  }
  return sum % 10 === 0
}
