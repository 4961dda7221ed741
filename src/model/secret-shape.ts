/**
 * Values that are secrets by their shape, whatever the field is called: issued keys with a known prefix,
 * signed tokens, key files, and what a URI carries beside its address.
 */
import { isSecretName } from './secret-name.ts'

const SHORTEST = 16

// No two neighbouring parts can take the same character, and a part that may fail late begins at the edge of a
// word: matching stays linear in the length of the text, whoever wrote it. Before each form are the three characters
// that one begins with (or has at its `SPOT`): only where these are is anything matched.
const SHAPES: readonly (readonly [spots: string, form: string])[] = [
  ['AKI ASI', '(?:AKIA|ASIA)[0-9A-Z]{16}'],
  ['ghp gho ghu ghs ghr', 'gh[pousr]_[A-Za-z0-9]{20,}'],
  ['git', 'github_pat_[A-Za-z0-9_]{20,}'],
  [
    'glp gla glc gld glf gli glo glr gls',
    'gl(?:pat|agent|cbt|dt|ft|imt|oas|ptt|rt|soat)-[A-Za-z0-9_-]{16,}',
  ],
  ['xox', 'xox[a-z]-[A-Za-z0-9-]{10,}'],
  ['xap', 'xapp-[A-Za-z0-9-]{10,}'],
  [
    'sk- sk_ rk- rk_ pk- pk_',
    '(?:sk|rk|pk)[-_](?:live|test|proj|ant|or|svcacct|admin)[-_A-Za-z0-9]{12,}',
  ],
  ['sk-', 'sk-[A-Za-z0-9]{20,}'],
  ['hoo', 'hooks\\.slack\\.com/[a-z]{4,16}/[A-Za-z0-9_/-]{16,}'],
  ['AIz', 'AIza[A-Za-z0-9_-]{35}'],
  ['GOC', 'GOCSPX-[A-Za-z0-9_-]{20,}'],
  ['ya2', 'ya29\\.[A-Za-z0-9_-]{16,}'],
  ['npm', 'npm_[A-Za-z0-9]{30,}'],
  ['pyp', 'pypi-[A-Za-z0-9_-]{16,}'],
  ['hf_', 'hf_[A-Za-z0-9]{20,}'],
  ['dop', 'dop_v1_[a-f0-9]{32,}'],
  ['SG.', '(?<![A-Za-z0-9_-])SG\\.[A-Za-z0-9_-]{16,}\\.[A-Za-z0-9_-]{16,}'],
  ['hvs hvb', 'hv[sb]\\.[A-Za-z0-9_-]{20,}'],
  ['shp', 'shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}'],
  [':AA', '(?<![0-9])[0-9]{8,10}:AA[A-Za-z0-9_-]{32,}'],
  ['whs', 'whsec_[A-Za-z0-9+/=]{16,}'],
  // It has no shape of its own: forty characters under this name.
  [
    'sec',
    '(?:secret_access_key|SECRET_ACCESS_KEY|[sS]ecretAccessKey)[\'"\\s:=]{1,8}[A-Za-z0-9/+]{40}',
  ],
  ['AGE', 'AGE-SECRET-KEY-1[0-9A-Z]{20,}'],
  ['eyJ', '(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,4096}\\.[A-Za-z0-9_.-]{8,}'],
  // What follows the first line of a key file is the key.
  ['BEG', '-----BEGIN [A-Z ]{0,40}PRIVATE KEY[^]*'],
  ['bea', '(?:[Bb]earer|BEARER) [A-Za-z0-9._~+/=-]{16,}'],
  ['aut', '[Aa]uthorization: ?[Bb]asic [A-Za-z0-9+/=]{8,}'],
]

/** Of three characters, five bits each: upper and lower case are the same, and a few others; the form tells. */
const SPOT_BITS = 0x7f_ff

function spotOf(before: number, code: number): number {
  return ((before << 5) | (code & 31)) & SPOT_BITS
}

// V8 counts a loop that has a least number on a stack, which ends before the longest text does; a plain loop needs none.
function plainForm(form: string): string {
  return form.replaceAll(/(\[[^\]]+\])\{(\d+),\}/g, '$1{$2}$1*')
}

const FORMS: ReadonlyMap<number, RegExp> = formsOfSpots()
const IS_SPOT = Uint8Array.from({ length: SPOT_BITS + 1 }, (_, spot) => (FORMS.has(spot) ? 1 : 0))

function formsOfSpots(): ReadonlyMap<number, RegExp> {
  const forms = new Map<number, string[]>()
  for (const [spots, form] of SHAPES) {
    for (const characters of spots.split(' ')) {
      let spot = 0
      for (let at = 0; at < characters.length; at += 1)
        spot = spotOf(spot, characters.charCodeAt(at))
      forms.set(spot, [...(forms.get(spot) ?? []), plainForm(form)])
    }
  }
  return new Map([...forms].map(([spot, all]) => [spot, new RegExp(all.join('|'), 'y')]))
}

const COLON = 0x3a
const DASHES = '-----'

/** Where a shape would begin whose spot this is. */
function startAt(text: string, at: number): number {
  if (text.charCodeAt(at) === COLON) {
    let start = at
    while (start > 0 && at - start < 11 && isDigit(text.charCodeAt(start - 1))) start -= 1
    return start
  }
  return text.startsWith(DASHES, at - DASHES.length) && /^beg/i.test(text.slice(at, at + 3))
    ? at - DASHES.length
    : at
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

/** The first shape from there on; nothing is matched but where one could be. */
function shapeFrom(
  text: string,
  from: number,
): { readonly start: number; readonly end: number } | undefined {
  let spot = 0
  for (let at = from; at < text.length; at += 1) {
    spot = ((spot << 5) | (text.charCodeAt(at) & 31)) & SPOT_BITS
    if (IS_SPOT[spot] !== 1) continue
    const form = FORMS.get(spot)
    const start = startAt(text, at - 2)
    if (!form || start < from) continue
    form.lastIndex = start
    if (form.test(text)) return { start, end: form.lastIndex }
  }
  return undefined
}

function withoutShapes(text: string, mask: string): string {
  let shown = ''
  let from = 0
  for (;;) {
    const shape = shapeFrom(text, from)
    if (!shape) return from === 0 ? text : shown + text.slice(from)
    shown += text.slice(from, shape.start) + mask
    from = shape.end
  }
}

/** RFC 3986 section 3.2.1, also where a parser takes `\\` for `/`. */
const USER_INFO = /((?:^|:)[\\/]{2,})[^\s\\/?#]*@/g
/** Of the name in a `name=value` in a query, a fragment, path parameters, or a connection string. */
const LONGEST_NAME = 128
/** Query names that carry a secret although they are no secret's name elsewhere: signed links, API keys. */
const QUERY_SECRET = /(?:^|[-_.])(?:key|sig|signature)$/i
const MASK = '***'
const NESTING = 3

/** True when the text holds something that an issuer of secrets would recognise as its own. */
export function holdsSecret(text: string): boolean {
  return text.length >= SHORTEST && shapeFrom(text, 0) !== undefined
}

/**
 * The text with a mask in place of every secret that can be told by its shape, of the user information of every URI,
 * and of every `name=value` whose name says that it is a secret. The same text when there is nothing to hide.
 */
export function withoutSecrets(text: string, mask: string = MASK): string {
  const shown = without(text, 0, mask)
  if (!shown.includes('%')) return shown
  // Percent-encoding hides them: nothing is left of a text that holds one when it is read.
  const read = decoded(shown)
  return read !== shown && without(read, 0, mask) !== read ? mask : shown
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
  const shapeless = text.length >= SHORTEST ? withoutShapes(text, mask) : text
  const anonymous = shapeless.includes('@') ? shapeless.replace(USER_INFO, `$1${mask}@`) : shapeless
  return anonymous.includes('=') ? withoutPairs(anonymous, depth, mask) : anonymous
}

/** Goes from one `=` to the next: most of a text is not looked at. */
function withoutPairs(text: string, depth: number, mask: string): string {
  let shown = ''
  let kept = 0
  let from = 0
  for (let at = text.indexOf('='); at !== -1; at = text.indexOf('=', Math.max(from, at + 1))) {
    const start = nameBefore(text, at, from)
    const end = start === undefined ? at : valueEnd(text, at + 1)
    if (start === undefined || end === at + 1) continue
    from = end
    if (!isSecretPair(text.slice(start, at), text.slice(at + 1, end), depth)) continue
    shown += text.slice(kept, at + 1) + mask
    kept = end
  }
  return kept === 0 ? text : shown + text.slice(kept)
}

/** Where the name before an `=` begins; undefined where none does. */
function nameBefore(text: string, at: number, from: number): number | undefined {
  let start = at
  while (start > from && at - start <= LONGEST_NAME && !endsName(text.charCodeAt(start - 1)))
    start -= 1
  if (start === at || at - start > LONGEST_NAME) return undefined
  return start === 0 || (start > from && text.charAt(start - 1) !== '=') ? start : undefined
}

function valueEnd(text: string, from: number): number {
  let end = from
  while (end < text.length && !endsValue(text.charCodeAt(end))) end += 1
  return end
}

function endsName(code: number): boolean {
  return code === 0x3d || code === 0x3f || endsValue(code)
}

function endsValue(code: number): boolean {
  if (code > 0x3b && code < 0xa0) return false
  return code === 0x26 || code === 0x3b || code === 0x23 || isSpace(code)
}

function isSpace(code: number): boolean {
  if (code <= 0x20) return code === 0x20 || (code >= 0x09 && code <= 0x0d)
  return code >= 0xa0 && /\s/.test(String.fromCharCode(code))
}

/** A value may be a URI of its own, percent-encoded or not, with a secret in it. */
function isSecretPair(name: string, value: string, depth: number): boolean {
  const plainName = decoded(decoded(decoded(name)))
  if (QUERY_SECRET.test(plainName) || isSecretName(plainName)) return true
  // Shapes were masked before; nothing else is in a value without one of these.
  if (!/[=%@]/.test(value)) return false
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
  const first = text.indexOf('%')
  if (first === -1) return text
  const codes = new Uint16Array(text.length)
  let length = 0
  for (let at = 0; at < text.length; at += 1) {
    let code = text.charCodeAt(at)
    if (code === PERCENT) {
      const byte = hexAt(text, at + 1) * 16 + hexAt(text, at + 2)
      if (byte >= 0) {
        code = byte
        at += 2
      }
    }
    codes[length] = code
    length += 1
  }
  if (length === text.length) return text
  return length <= SHORT
    ? String.fromCharCode(...codes.subarray(0, length))
    : UTF16.decode(codes.subarray(0, length))
}

const PERCENT = 0x25
const SHORT = 256
const UTF16 = new TextDecoder('utf-16le', { ignoreBOM: true })

/** NaN where there is none. */
function hexAt(text: string, at: number): number {
  const code = text.charCodeAt(at)
  if (isDigit(code)) return code - 0x30
  const letter = (code | 0x20) - 0x61
  return letter >= 0 && letter < 6 ? letter + 10 : Number.NaN
}
