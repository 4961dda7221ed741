/**
 * Values that are secrets by their shape, whatever the field is called: issued keys with a known prefix,
 * signed tokens, key files, and what a URI carries beside its address.
 */
import { isSecretName } from './secret-name.ts'

const SHORTEST = 16

// No two neighbouring parts can take the same character, and a part that may fail late begins at the edge of a
// word: matching stays linear in the length of the text, whoever wrote it.
const SHAPES = [
  '(?:AKIA|ASIA)[0-9A-Z]{16}',
  'gh[pousr]_[A-Za-z0-9]{20,}',
  'github_pat_[A-Za-z0-9_]{20,}',
  'gl(?:pat|agent|cbt|dt|ft|imt|oas|ptt|rt|soat)-[A-Za-z0-9_-]{16,}',
  'xox[a-z]-[A-Za-z0-9-]{10,}',
  'xapp-[A-Za-z0-9-]{10,}',
  '(?:sk|rk|pk)[-_](?:live|test|proj|ant|or|svcacct|admin)[-_A-Za-z0-9]{12,}',
  'sk-[A-Za-z0-9]{20,}',
  'hooks\\.slack\\.com/[a-z]{4,16}/[A-Za-z0-9_/-]{16,}',
  'AIza[A-Za-z0-9_-]{35}',
  'GOCSPX-[A-Za-z0-9_-]{20,}',
  'ya29\\.[A-Za-z0-9_-]{16,}',
  'npm_[A-Za-z0-9]{30,}',
  'pypi-[A-Za-z0-9_-]{16,}',
  'hf_[A-Za-z0-9]{20,}',
  'dop_v1_[a-f0-9]{32,}',
  '(?<![A-Za-z0-9_-])SG\\.[A-Za-z0-9_-]{16,}\\.[A-Za-z0-9_-]{16,}',
  'hv[sb]\\.[A-Za-z0-9_-]{20,}',
  'shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}',
  '(?<![0-9])[0-9]{8,10}:AA[A-Za-z0-9_-]{32,}',
  'whsec_[A-Za-z0-9+/=]{16,}',
  // It has no shape of its own: forty characters under this name.
  '(?:secret_access_key|SECRET_ACCESS_KEY|[sS]ecretAccessKey)[\'"\\s:=]{1,8}[A-Za-z0-9/+]{40}',
  'AGE-SECRET-KEY-1[0-9A-Z]{20,}',
  '(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,4096}\\.[A-Za-z0-9_.-]{8,}',
  // What follows the first line of a key file is the key.
  '-----BEGIN [A-Z ]{0,40}PRIVATE KEY[^]*',
  '(?:[Bb]earer|BEARER) [A-Za-z0-9._~+/=-]{16,}',
  '[Aa]uthorization: ?[Bb]asic [A-Za-z0-9+/=]{8,}',
]

// V8 counts a loop that has a least number on a stack, which ends before the longest text does; a plain loop needs none.
const PLAIN_SHAPES = SHAPES.join('|').replaceAll(/(\[[^\]]+\])\{(\d+),\}/g, '$1{$2}$1*')
const SHAPE = new RegExp(PLAIN_SHAPES)
const EVERY_SHAPE = new RegExp(PLAIN_SHAPES, 'g')

/** RFC 3986 section 3.2.1, also where a parser takes `\\` for `/`. */
const USER_INFO = /((?:^|:)[\\/]{2,})[^\s\\/?#]*@/g
/** `name=value` in a query, a fragment, path parameters, or a connection string. */
const NAMED_VALUE = /(^|[?&;#\s])([^=&;#?\s]{1,128})=([^&;#\s]+)/g
/** Query names that carry a secret although they are no secret's name elsewhere: signed links, API keys. */
const QUERY_SECRET = /(?:^|[-_.])(?:key|sig|signature)$/i
const MASK = '***'
const NESTING = 3

/** True when the text holds something that an issuer of secrets would recognise as its own. */
export function holdsSecret(text: string): boolean {
  return text.length >= SHORTEST && SHAPE.test(text)
}

/**
 * The text with a mask in place of every secret that can be told by its shape, of the user information of every URI,
 * and of every `name=value` whose name says that it is a secret. The same text when there is nothing to hide.
 */
export function withoutSecrets(text: string, mask: string = MASK): string {
  const shown = without(text, 0, mask)
  if (!shown.includes('%')) return shown
  // Percent-encoding hides a shape: nothing is left of a text that holds one when it is read.
  return holdsSecret(decoded(shown)) ? mask : shown
}

/** Lines of the longest key file that is hidden whole; what claims to be longer is none. */
const KEY_FILE_LINES = 128

/** Masks lines one by one, and every line of a key file from its first to its last. */
export function lineMask(): (line: string) => string {
  let left = 0
  return (line) => {
    if (left > 0) {
      left = line.includes('-----END') ? 0 : left - 1
      return MASK
    }
    if (/-----BEGIN [A-Z ]{0,40}PRIVATE KEY/.test(line) && !line.includes('-----END'))
      left = KEY_FILE_LINES
    return withoutSecrets(line)
  }
}

function without(text: string, depth: number, mask: string): string {
  const shapeless = holdsSecret(text) ? text.replace(EVERY_SHAPE, mask) : text
  const anonymous = shapeless.includes('@') ? shapeless.replace(USER_INFO, `$1${mask}@`) : shapeless
  if (!anonymous.includes('=')) return anonymous
  return anonymous.replace(NAMED_VALUE, (all, before: string, name: string, value: string) =>
    isSecretPair(name, value, depth) ? `${before}${name}=${mask}` : all,
  )
}

/** A value may be a URI of its own, percent-encoded or not, with a secret in it. */
function isSecretPair(name: string, value: string, depth: number): boolean {
  const plainName = decoded(decoded(decoded(name)))
  if (QUERY_SECRET.test(plainName) || isSecretName(plainName)) return true
  if (depth === NESTING) return value.includes('=') || value.includes('%')
  let plain = value
  for (let round = 0; round < NESTING; round += 1) {
    if (without(plain, depth + 1, MASK) !== plain) return true
    const next = decoded(plain)
    if (next === plain) return false
    plain = next
  }
  return true
}

function decoded(text: string): string {
  if (!text.includes('%')) return text
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCodePoint(Number.parseInt(hex, 16)),
  )
}
