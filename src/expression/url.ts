/**
 * URLs read strictly (RFC 3986, ASCII, with an authority): only what every parser takes apart in the same way is
 * read at all, so that the host judged here is the host that an upstream connects to.
 */
import { readHost } from './host.ts'
import { hasDotSegment } from './characters.ts'

export interface Url {
  /** In lower case, without the colon. */
  readonly scheme: string
  /** In lower case; see `readHost`. */
  readonly host: string
  /** The port that is connected to; undefined where the scheme has no default and none is written. */
  readonly port: number | undefined
  /** Begins with a slash. */
  readonly path: string
  /** Query and fragment as written, with their `?` and `#`. */
  readonly rest: string
}

/** Longest URL, in characters. */
export const MAX_URL = 4096

export const DEFAULT_PORTS: Readonly<Record<string, number>> = {
  http: 80,
  https: 443,
  ws: 80,
  wss: 443,
  ftp: 21,
}

/** No user information, no backslash, no white space; what may stand in a path, then query and fragment. */
const SHAPE =
  /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([A-Za-z0-9.-]+|\[[0-9a-f:]+\])(?::([1-9]\d{0,4}))?(\/[\w.~!$&'()*+,;=:@%/-]*)?([?#][!#-;=?-[\]_a-z{|}~^]*)?$/

/** Undefined for what is no such URL. */
export function readUrl(text: string): Url | undefined {
  if (text.length > MAX_URL) return undefined
  const match = SHAPE.exec(text)
  if (!match) return undefined
  const scheme = (match[1] ?? '').toLowerCase()
  const host = readHost(match[2] ?? '')
  if (host === undefined) return undefined
  const port = match[3] === undefined ? DEFAULT_PORTS[scheme] : Number(match[3])
  if (port !== undefined && port > 65_535) return undefined
  return { scheme, host, port, path: match[4] ?? '/', rest: match[5] ?? '' }
}

/** Malformed escapes, and those of separators, of controls, and of what needs no escape. */
const BAD_ESCAPE =
  /%(?![0-9A-Fa-f]{2})|%(?:[01][0-9A-Fa-f]|7[Ff]|25|2[DdEeFf]|3[0-9]|4[1-9A-Fa-f]|5[0-9AaCcFf]|6[1-9A-Fa-f]|7[0-9AaEe])/

/** Can a path be read in one way only: no dot or empty segments, no needless or double escapes? */
export function isPlainUrlPath(path: string): boolean {
  if (path.includes('//') || hasDotSegment(path) || /\/\.{1,2};/.test(path)) return false
  return !path.includes('%') || (!BAD_ESCAPE.test(path) && isUtf8(path))
}

function isUtf8(path: string): boolean {
  try {
    return decodeURIComponent(path).length > 0
  } catch {
    return false
  }
}
