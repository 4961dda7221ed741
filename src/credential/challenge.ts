/** Reads the `WWW-Authenticate` of an upstream (RFC 9110 §11.6.1, RFC 6750 §3, RFC 9728 §5.1): it is written by whoever refuses. */
import type { Challenge } from '../model/login.ts'
import { scopesIn } from '../model/scope.ts'

const LONGEST = 8192
const LONGEST_URL = 2048

// The parts of a challenge; none of them can match in two ways.
const SEPARATORS = /[\s,]*/y
const PARAMETER = /([\w!#$%&'*+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))/y
const SCHEME = /([\w!#$%&'*+.^`|~-]+)(?=[\s,]|$)/y
const ERROR = /^[a-z_]{1,64}$/

/** What the first challenge for a bearer token says; what of it is malformed or too large is left out. */
export function readChallenge(header: string | undefined): Challenge {
  const said = bearerParameters(header ?? '')
  const url = said.get('resource_metadata')
  const error = said.get('error')
  const scopes = scopesIn(said.get('scope') ?? '')
  return {
    ...(url !== undefined && isWebUrl(url) && { metadataUrl: url }),
    ...(scopes && { scopes }),
    ...(error !== undefined && ERROR.test(error) && { error }),
  }
}

export function isWebUrl(text: string): boolean {
  if (text.length > LONGEST_URL || !URL.canParse(text)) return false
  return /^https?:$/.test(new URL(text).protocol)
}

/** Of a parameter given twice the first counts. */
function bearerParameters(header: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  if (header.length > LONGEST) return found
  let scheme = ''
  for (let at = 0; at < header.length;) {
    at += matchAt(SEPARATORS, header, at)?.[0].length ?? 0
    const parameter = matchAt(PARAMETER, header, at)
    const name = parameter ? undefined : matchAt(SCHEME, header, at)
    if (parameter && scheme === 'bearer') {
      const [, key = '', quoted, plain = ''] = parameter
      const value = quoted === undefined ? plain : quoted.replaceAll(/\\(.)/g, '$1')
      if (!found.has(key.toLowerCase())) found.set(key.toLowerCase(), value)
    } else if (name && scheme === 'bearer') {
      return found
    } else if (name) {
      scheme = name[0].toLowerCase()
    }
    const read = parameter ?? name
    if (!read) return found
    at += read[0].length
  }
  return found
}

function matchAt(part: RegExp, text: string, at: number): RegExpExecArray | null {
  part.lastIndex = at
  return part.exec(text)
}
