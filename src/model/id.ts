/** Branded identifiers: a value with a brand was checked or made by the function here that mints it. */

declare const brand: unique symbol
export type Branded<T, Name extends string> = T & { readonly [brand]: Name }

/** A SHA-256 in 64 lower-case hexadecimal digits. */
export type Sha256 = Branded<string, 'Sha256'>

/** Milliseconds since 1970-01-01T00:00:00Z. */
export type Instant = Branded<number, 'Instant'>

/** Names one call through the guard; its intent and outcome entries share it. */
export type CallId = Branded<string, 'CallId'>

const HEX_64 = /^[0-9a-f]{64}$/

/** @throws RangeError when the text is not 64 lower-case hexadecimal digits. */
export function sha256(text: string): Sha256 {
  if (!HEX_64.test(text)) throw new RangeError('not a SHA-256 in lower-case hexadecimal')
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the only place this brand is minted
  return text as Sha256
}

/** What a hash function just printed, and nothing else: it needs no check, and millions of them are made. */
export function hashed(hex: string): Sha256 {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the other place this brand is minted, for what a hash function printed
  return hex as Sha256
}

/** @throws RangeError when the number is not a whole number of milliseconds. */
export function instant(ms: number): Instant {
  if (!Number.isSafeInteger(ms))
    throw new RangeError('an instant is a whole number of milliseconds')
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the only place this brand is minted
  return ms as Instant
}

export function callId(text: string): CallId {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the only place this brand is minted
  return text as CallId
}
