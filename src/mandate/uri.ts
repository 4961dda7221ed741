/**
 * Canonical URIs. A resource is only matched when its URI has one spelling, so that no second spelling of
 * the same resource slips past a pattern; what is not canonical is refused, never repaired.
 */

/** Longest URI in UTF-16 code units. */
const MAX_URI = 4096

/** Schemes that the WHATWG URL standard calls special: their canonical text is what it serialises. */
const SPECIAL: ReadonlySet<string> = new Set(['http', 'https', 'ws', 'wss', 'ftp', 'file'])

const SCHEME = /^([a-z][a-z0-9+.-]*):/
/** White space, controls, format characters, and what RFC 3986 section 2 has no place for. */
const FOREIGN = /[\p{C}\p{Z}\\"<>^`{|}]/u
/** An escape that is no escape, is in lower case, or hides what need or must not be escaped. */
const BAD_ESCAPE =
  /%(?![0-9A-F]{2})|%(?:[01][0-9A-F]|7F|25|2[DEF]|3[0-9]|4[1-9A-F]|5[0-9ACF]|6[1-9A-F]|7[0-9AE])/
const DOT_SEGMENT = /(?:^|[/?#&=;:])\.{1,2}(?:$|[/?#&=;:])/

/** Why the URI is not canonical, or undefined when it is. */
export function notCanonical(uri: string): string | undefined {
  if (uri.length > MAX_URI) return `it is longer than ${MAX_URI} characters`
  const scheme = SCHEME.exec(uri)?.[1]
  if (scheme === undefined) return 'it has no scheme in lower case'
  if (FOREIGN.test(uri)) return 'it holds a character that a URI cannot hold'
  if (uri.normalize('NFC') !== uri) return 'it is not in Unicode normal form C'
  if (BAD_ESCAPE.test(uri))
    return 'it holds an escape that is malformed, needless or hides a separator'
  const rest = uri.slice(scheme.length + 1)
  if (rest.includes('#')) return 'it holds a fragment'
  if (DOT_SEGMENT.test(rest)) return 'it holds a dot segment'
  const hierarchical = rest.startsWith('//')
  const pathStart = hierarchical ? endOfAuthority(rest) : 0
  const authority = hierarchical ? rest.slice(2, pathStart) : ''
  if (authority.includes('@')) return 'it holds user information'
  if (pathOf(rest, pathStart).includes('//')) return 'it holds an empty path segment'
  if (hidesDots(rest)) return 'its escapes do not spell UTF-8, or spell a dot segment'
  if (!SPECIAL.has(scheme)) return undefined
  if (scheme === 'file' && rest.includes('?')) return 'a file URI has no query'
  return serialised(uri) ? undefined : 'it is not as a URL parser would write it'
}

function endOfAuthority(rest: string): number {
  const end = rest.slice(2).search(/[/?]/)
  return end === -1 ? rest.length : end + 2
}

function pathOf(rest: string, start: number): string {
  const end = rest.indexOf('?', start)
  return rest.slice(start, end === -1 ? rest.length : end)
}

/** A server may decode and fold what it is given; full-width dots become dots under NFKC. */
function hidesDots(rest: string): boolean {
  try {
    return DOT_SEGMENT.test(decodeURIComponent(rest).normalize('NFKC'))
  } catch {
    return true
  }
}

function serialised(uri: string): boolean {
  const url = URL.parse(uri)
  return url !== null && (url.href === uri || url.href === `${uri}/`)
}

/**
 * Why a URI pattern can match nothing that is canonical, judged by its literal parts; undefined where it may match or
 * that cannot be said.
 */
export function unreachable(pattern: string): string | undefined {
  if (!SCHEME.test(pattern)) return undefined
  const rest = pattern.slice(pattern.indexOf(':') + 1)
  if (DOT_SEGMENT.test(rest)) return 'it holds a dot segment'
  if (/[\\#]/.test(rest)) return 'it holds a backslash or a fragment'
  if (BAD_ESCAPE.test(rest))
    return 'it holds an escape that is malformed, needless or hides a separator'
  return undefined
}
