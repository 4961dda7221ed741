/**
 * File paths judged by their text alone. A path is understood as a POSIX file system reads it; whatever a shell, a
 * decoder, Windows or a careless server might read differently is in doubt and refused, never repaired.
 */
import { isUnambiguous, isVisible } from './characters.ts'

/** PATH_MAX on Linux counts the final NUL. */
const MAX_BYTES = 4095
/** A text that is still encoded after so many rounds was made to confuse. */
const MAX_ROUNDS = 5

/** Segments of unsuspicious characters only: most paths take this way and no other. */
const PLAIN = /^(?:\/[A-Za-z0-9_][A-Za-z0-9_.-]*)+$/
/** The same beside dot segments: nothing of it is in doubt but the names of devices. */
const DOTTED = /^(?:\/(?:[A-Za-z0-9_][A-Za-z0-9_.-]*|\.\.?))+$/
/** Names that Windows takes for devices, whatever their extension. */
const DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$) *(?:\.|$)/i
const DEVICE_INSIDE = /\/(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|\/|$)/i
/** `$HOME`, `${x}`, `$(x)`, `%APPDATA%`, back-quotes: expanded by shells and by some servers. */
const EXPANDED = /\$[\w{(]|`|%(?![0-9A-Fa-f]{2}%)[A-Za-z_]\w*%/
const WILD = /[*?[\]{}]/
const DOT_DOT = /(?:^|\/)\.\.(?:\/|$)/
const ESCAPES = /(?:%[0-9A-Fa-f]{2})+/g
const UNICODE_ESCAPE = /%u[0-9A-Fa-f]{4}/i

/** Where an absolute path leads, without dot segments and doubled slashes; undefined where that is in doubt. */
export function readPath(text: string): string | undefined {
  if (text.length <= MAX_BYTES && PLAIN.test(text))
    return DEVICE_INSIDE.test(text) ? undefined : text
  return pathDoubt(text) === undefined ? normalisePath(text) : undefined
}

/** Steps that reading it takes at most, of some ten nanoseconds each: what is encoded is decoded again and again. */
export function pathSteps(text: string): number {
  if (text.length > MAX_BYTES) return STEPS
  if (PLAIN.test(text)) return STEPS + text.length / 8
  return STEPS + text.length * (text.includes('%') ? 12 : 4)
}

const STEPS = 28

/** Why it is in doubt where an absolute path leads, or undefined when its text says it. */
export function pathDoubt(text: string): string | undefined {
  if (text.length <= MAX_BYTES && DOTTED.test(text))
    return DEVICE_INSIDE.test(text) ? 'it names a Windows device' : undefined
  if (text === '') return 'it is empty'
  if (text.length > MAX_BYTES || Buffer.byteLength(text) > MAX_BYTES)
    return `it is longer than ${MAX_BYTES} bytes`
  if (!text.startsWith('/')) return 'it is not absolute'
  if (text.startsWith('//')) return 'it begins with two slashes: a network path elsewhere'
  let level = text
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const doubt = doubtAt(level)
    if (doubt !== undefined) return doubt
    const decoded = decode(level)
    if (decoded === level) return undefined
    if (decoded === undefined || !sameShape(level, decoded))
      return 'it hides a separator, a dot segment or stray bytes behind percent signs'
    level = decoded
  }
  return 'it is percent-encoded again and again'
}

function doubtAt(text: string): string | undefined {
  if (!isVisible(text)) return 'it holds an invisible character'
  if (text.includes('\\')) return 'it holds a backslash'
  if (text.includes(':')) return 'it holds a colon: a drive, a URL or an alternate stream elsewhere'
  if (!isUnambiguous(text)) return 'it holds a character that reads as another'
  if (EXPANDED.test(text)) return 'it holds what a shell would expand'
  if (WILD.test(text) && DOT_DOT.test(text)) return 'it mixes wildcards and `..`'
  for (const segment of text.split('/')) {
    if (DEVICE.test(segment)) return 'it names a Windows device'
    if (segment.startsWith('.') && /^\.{1,2}(?: |;)/.test(segment))
      return 'it holds a segment that some servers trim to a dot segment'
  }
  return undefined
}

/** Undefined for escapes that do not spell UTF-8. */
function decode(text: string): string | undefined {
  if (!text.includes('%')) return text
  if (UNICODE_ESCAPE.test(text)) return undefined
  try {
    return text.replaceAll(ESCAPES, (escapes) => decodeURIComponent(escapes))
  } catch {
    return undefined
  }
}

/** Decoding must neither make separators nor dot segments. */
function sameShape(text: string, decoded: string): boolean {
  const before = text.split('/')
  const after = decoded.split('/')
  return (
    before.length === after.length &&
    after.every((segment, at) => segment === before[at] || (segment !== '.' && segment !== '..'))
  )
}

/** Takes dot segments and doubled slashes out of an absolute path that is not in doubt. */
export function normalisePath(text: string): string {
  if (PLAIN.test(text)) return text
  const kept: string[] = []
  for (const segment of text.split('/')) {
    if (segment === '..') kept.pop()
    else if (segment !== '' && segment !== '.') kept.push(segment)
  }
  return `/${kept.join('/')}`
}

/** The extension of the last segment, without its dot; undefined for a folder, `.hidden` and `name`. */
export function extensionOf(text: string): string | undefined {
  const name = text.slice(text.lastIndexOf('/') + 1)
  const dot = name.lastIndexOf('.')
  return dot <= 0 || dot === name.length - 1 ? undefined : name.slice(dot + 1)
}
