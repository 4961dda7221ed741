/**
 * Finds where things stand in JSON text, without parsing it: the end of a string, the members of the
 * outermost object. What stands there is judged by whoever asks.
 */
import { stringEnd } from '../model/written-names.ts'

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/** A member of the outermost object: its name unescaped, and its value's place in the text. */
export interface Member {
  readonly key: string
  readonly start: number
  readonly end: number
}

/**
 * The members of the outermost object in the order written, duplicates included. Undefined when the text
 * is no object, nests deeper than `maxDepth`, or is found broken on the way; a text that `JSON.parse`
 * takes is never called broken.
 */
export function outerMembers(text: string, maxDepth: number): readonly Member[] | undefined {
  const members: Member[] = []
  let at = skipSpace(text, 0)
  if (text.charCodeAt(at) !== OPEN_OBJECT) return undefined
  at = skipSpace(text, at + 1)
  if (text.charCodeAt(at) === CLOSE_OBJECT) return closes(text, at) ? members : undefined
  for (;;) {
    const close = text.charCodeAt(at) === QUOTE ? stringEnd(text, at) : -1
    const key = close === -1 ? undefined : unescaped(text, at, close)
    const colon = skipSpace(text, close + 1)
    if (key === undefined || text.charCodeAt(colon) !== COLON) return undefined
    const start = skipSpace(text, colon + 1)
    const next = valueEnd(text, start, maxDepth - 1)
    if (next === -1) return undefined
    members.push({ key, start, end: trimEnd(text, start, next) })
    if (text.charCodeAt(next) === CLOSE_OBJECT) return closes(text, next) ? members : undefined
    at = skipSpace(text, next + 1)
  }
}

/** The comma or brace that follows the value at `start`, or -1. */
function valueEnd(text: string, start: number, maxDepth: number): number {
  let depth = 0
  for (let at = start; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      at = stringEnd(text, at)
      if (at === -1) return -1
    } else if (code === OPEN_OBJECT || code === OPEN_LIST) {
      depth += 1
      if (depth > maxDepth) return -1
    } else if (depth === 0) {
      if (code === COMMA || code === CLOSE_OBJECT) return at
    } else if (code === CLOSE_OBJECT || code === CLOSE_LIST) depth -= 1
  }
  return -1
}

function unescaped(text: string, open: number, close: number): string | undefined {
  const key = text.slice(open + 1, close)
  if (!key.includes('\\')) return key
  try {
    const parsed: unknown = JSON.parse(text.slice(open, close + 1))
    return typeof parsed === 'string' ? parsed : undefined
  } catch {
    return undefined
  }
}

function closes(text: string, brace: number): boolean {
  return skipSpace(text, brace + 1) === text.length
}

function skipSpace(text: string, from: number): number {
  let at = from
  while (at < text.length && isSpace(text.charCodeAt(at))) at += 1
  return at
}

function trimEnd(text: string, start: number, end: number): number {
  let at = end
  while (at > start && isSpace(text.charCodeAt(at - 1))) at -= 1
  return at
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d
}
