/** The duty to keep a result short: what is longer is refused, or its texts are cut at their ends. */
import type { Obligation } from '../../model/policy.ts'
import { edited, type Literal, textOf } from './literals.ts'

export type Limit = Pick<Extract<Obligation, { type: 'limit_output' }>, 'bytes' | 'over'>

/**
 * The JSON text as short as all of these ask; the same text where it is. Undefined where it may not be handed on: one of
 * them refuses what is longer, or what makes it long is no text that could be cut.
 */
export function limited(json: string, limits: readonly Limit[]): string | undefined {
  const size = Buffer.byteLength(json)
  const over = limits.filter(({ bytes }) => size > bytes)
  if (over.length === 0) return json
  if (over.some((limit) => limit.over === 'refuse')) return undefined
  const most = Math.min(...over.map(({ bytes }) => bytes))
  try {
    JSON.parse(json)
    return shortened(json, size - most)
  } catch {
    return undefined
  }
}

/** Cuts the last text first. */
function shortened(json: string, excess: number): string | undefined {
  let left = excess
  const cuts = new Map<number, string>()
  for (const literal of textsOf(json).toReversed()) {
    if (left <= 0) break
    const cut = cutBy(literal, left)
    if (!cut) continue
    cuts.set(literal.start, cut.source)
    left -= cut.saved
  }
  return left > 0 ? undefined : edited(json, { literal: ({ start }) => cuts.get(start) })
}

function textsOf(json: string): readonly Literal[] {
  const found: Literal[] = []
  edited(json, {
    literal: (literal) => {
      if (literal.kind === 'text' && isCuttable(literal.path)) found.push(literal)
      return undefined
    },
  })
  return found
}

/** `content[].text` of a tool, `contents[].text` of a resource, `messages[].content.text` of a prompt. */
function isCuttable(path: readonly string[]): boolean {
  const [first, , third, fourth] = path
  if (path.length === 3 && (first === 'content' || first === 'contents')) return third === 'text'
  return path.length === 4 && first === 'messages' && third === 'content' && fourth === 'text'
}

/** Shorter by so many bytes, or by as many as there are; undefined where nothing would be gained. */
function cutBy(
  literal: Literal,
  excess: number,
): { readonly source: string; readonly saved: number } | undefined {
  const text = textOf(literal)
  const size = Buffer.byteLength(literal.source)
  const room = size - excess - QUOTES - LONGEST_NOTE
  const kept = room > 0 ? beginning(text, room) : ''
  const source = JSON.stringify(`${kept}${note(Buffer.byteLength(text.slice(kept.length)))}`)
  const saved = size - Buffer.byteLength(source)
  return saved > 0 ? { source, saved } : undefined
}

const QUOTES = 2
/** Whatever the number is. */
const LONGEST_NOTE = note(Number.MAX_SAFE_INTEGER).length

function note(bytes: number): string {
  return `[cut by policy: ${bytes} bytes left out]`
}

/** As many whole code points as take up so many bytes in JSON. */
function beginning(text: string, room: number): string {
  let left = room
  let end = 0
  for (const point of text) {
    left -= sizeOf(point.codePointAt(0) ?? 0)
    if (left < 0) break
    end += point.length
  }
  return text.slice(0, end)
}

const SHORT_ESCAPES: ReadonlySet<number> = new Set([0x08, 0x09, 0x0a, 0x0c, 0x0d, 0x22, 0x5c])

/** The bytes of a code point in JSON text, as it is written here: half a pair is escaped. */
function sizeOf(point: number): number {
  if (SHORT_ESCAPES.has(point)) return 2
  if (point < 0x20 || (point >= 0xd8_00 && point <= 0xdf_ff)) return 6
  if (point < 0x80) return 1
  if (point < 0x8_00) return 2
  return point < 0x1_00_00 ? 3 : 4
}
