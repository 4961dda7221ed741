/**
 * Reads JSON (RFC 8259) into a positioned tree, strictly; with `comments`, also the comments and trailing
 * commas that editors allow in their settings files.
 */
import type { DocEntry, DocNode, Place, Problems } from '../model/document.ts'
import { checkKey, checkNumber, MAX_DEPTH, memberPath, type Places } from './text.ts'

interface Reader {
  readonly text: string
  readonly places: Places
  readonly problems: Problems
  readonly comments: boolean
  at: number
}

/** Thrown inside this file only, to leave the descent at the first syntax error. */
class SyntaxStop extends Error {
  override readonly name = 'SyntaxStop'
  readonly offset: number
  readonly remedy: string

  constructor(offset: number, message: string, remedy: string) {
    super(message)
    this.offset = offset
    this.remedy = remedy
  }
}

/** The tree, or undefined when a syntax error was reported. */
export function readJson(
  text: string,
  comments: boolean,
  places: Places,
  problems: Problems,
): DocNode | undefined {
  const reader: Reader = { text, places, problems, comments, at: 0 }
  try {
    blank(reader)
    const node = readValue(reader, '', 1)
    blank(reader)
    if (reader.at < text.length) throw unexpected(reader, 'the end of the document')
    return node
  } catch (error) {
    if (!(error instanceof SyntaxStop)) throw error
    problems.error({ place: places.at(error.offset) }, 'syntax', error.message, error.remedy)
    return undefined
  }
}

function unexpected(reader: Reader, wanted: string): SyntaxStop {
  const found = reader.text[reader.at]
  const seen = found === undefined ? 'the end of the document' : `\`${found}\``
  return new SyntaxStop(
    reader.at,
    `expected ${wanted}, found ${seen}`,
    reader.comments
      ? 'correct the JSON here'
      : 'write strict JSON: no comments, no trailing commas',
  )
}

/** Skips white space, and comments where they are allowed. */
function blank(reader: Reader): void {
  const { text } = reader
  for (;;) {
    const char = text[reader.at]
    if (char === ' ' || char === '\n' || char === '\r' || char === '\t') {
      reader.at += 1
    } else if (reader.comments && char === '/') {
      skipComment(reader)
    } else {
      return
    }
  }
}

function skipComment(reader: Reader): void {
  const { text, at } = reader
  const next = text[at + 1]
  if (next !== '/' && next !== '*') throw unexpected(reader, 'a value')
  const end = next === '/' ? text.indexOf('\n', at) : text.indexOf('*/', at + 2)
  if (end === -1 && next === '*') {
    throw new SyntaxStop(at, 'the comment is not closed', 'close it with `*/`')
  }
  reader.at = end === -1 ? text.length : end + (next === '/' ? 1 : 2)
}

function readValue(reader: Reader, path: string, depth: number): DocNode {
  const start = reader.at
  const place = reader.places.at(start)
  const char = reader.text[start]
  if (char === '{' || char === '[') {
    if (depth > MAX_DEPTH) {
      throw new SyntaxStop(
        start,
        `the document is nested deeper than ${MAX_DEPTH} levels`,
        'flatten it',
      )
    }
    reader.at += 1
    return char === '{' ? readMap(reader, place, path, depth) : readList(reader, place, path, depth)
  }
  if (char === '"') return { kind: 'scalar', place, path, value: readString(reader) }
  return readWord(reader, place, path)
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+-])/y
const WORD = /(?:true|false|null)(?!\w)/y

function readWord(reader: Reader, place: Place, path: string): DocNode {
  const word = matchAt(WORD, reader)
  if (word !== undefined) {
    return { kind: 'scalar', place, path, value: word === 'null' ? null : word === 'true' }
  }
  const source = matchAt(NUMBER, reader)
  if (source === undefined) throw unexpected(reader, 'a value')
  const value = Number(source)
  checkNumber({ value, source, place }, reader.problems)
  return { kind: 'scalar', place, path, value, source }
}

function matchAt(pattern: RegExp, reader: Reader): string | undefined {
  pattern.lastIndex = reader.at
  const found = pattern.exec(reader.text)?.[0]
  if (found !== undefined) reader.at += found.length
  return found
}

// oxlint-disable-next-line no-control-regex -- JSON forbids them unescaped in a string
const STRING = /"(?:[^"\\\u0000-\u001F]+|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y

function readString(reader: Reader): string {
  const start = reader.at
  const source = matchAt(STRING, reader)
  const value: unknown = source === undefined ? undefined : JSON.parse(source)
  if (typeof value === 'string' && value.isWellFormed()) return value
  throw new SyntaxStop(
    start,
    'the string is not closed on its line, or holds a wrong escape',
    'close it with `"` and write line ends as `\\n`',
  )
}

/** Reads members until the closing character; handles commas alike for maps and lists. */
function readItems(reader: Reader, close: '}' | ']', item: () => void): void {
  blank(reader)
  while (reader.text[reader.at] !== close) {
    item()
    blank(reader)
    if (reader.text[reader.at] === close) break
    if (reader.text[reader.at] !== ',') throw unexpected(reader, `\`,\` or \`${close}\``)
    const comma = reader.at
    reader.at += 1
    blank(reader)
    if (reader.text[reader.at] === close && !reader.comments) {
      reader.at = comma
      throw unexpected(reader, `\`${close}\``)
    }
  }
  reader.at += 1
}

function readList(reader: Reader, place: Place, path: string, depth: number): DocNode {
  const items: DocNode[] = []
  readItems(reader, ']', () => {
    items.push(readValue(reader, `${path}[${items.length}]`, depth + 1))
  })
  return { kind: 'list', place, path, items }
}

function readMap(reader: Reader, place: Place, path: string, depth: number): DocNode {
  const entries: DocEntry[] = []
  const seen = new Map<string, Place>()
  readItems(reader, '}', () => {
    const keyPlace = reader.places.at(reader.at)
    if (reader.text[reader.at] !== '"') throw unexpected(reader, 'a key in double quotes')
    const key = readString(reader)
    checkKey({ key, place: keyPlace }, seen, reader.problems)
    blank(reader)
    if (reader.text[reader.at] !== ':') throw unexpected(reader, '`:`')
    reader.at += 1
    blank(reader)
    entries.push({ key, keyPlace, value: readValue(reader, memberPath(path, key), depth + 1) })
  })
  return { kind: 'map', place, path, entries }
}
