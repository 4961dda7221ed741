/**
 * Reads YAML 1.2 (core schema) into a positioned tree; the only file that imports the YAML library. What
 * makes YAML surprising is refused: anchors, aliases, merge keys, tags, directives, several documents.
 */
import { Composer, CST, isMap, isScalar, isSeq, Lexer, Parser, type YAMLError } from 'yaml'
import type { DocEntry, DocNode, Place, Problems } from '../model/document.ts'
import { checkKey, checkNumber, MAX_DEPTH, memberPath, type Places } from './text.ts'

interface Reader {
  readonly text: string
  readonly places: Places
  readonly problems: Problems
}

/** The tree, or undefined when there is none or a problem was reported that leaves none. */
export function readYaml(text: string, places: Places, problems: Problems): DocNode | undefined {
  const reader: Reader = { text, places, problems }
  if (!checkTokens(reader)) return undefined
  const tokens = [...new Parser().parse(text)]
  if (!checkDepth(tokens, reader)) return undefined
  // Duplicate keys are found below in linear time; the library compares every pair of keys.
  const options = { version: '1.2', schema: 'core', merge: false, uniqueKeys: false } as const
  const composer = new Composer({ ...options, prettyErrors: false, logLevel: 'silent' })
  const [document, second] = [...composer.compose(tokens, true, text.length)]
  if (!document) return undefined
  if (second) {
    problems.error(
      { place: places.at(second.range[0]) },
      'several_documents',
      'a second document begins here',
      'put it in a file of its own',
    )
    return undefined
  }
  const [error] = [...document.errors, ...document.warnings]
  if (error) {
    syntax(error, reader)
    return undefined
  }
  return document.contents === null ? undefined : convert(document.contents, '', 0, reader)
}

const FORBIDDEN: Readonly<Partial<Record<CST.TokenType, readonly [string, string, string]>>> = {
  alias: [
    'alias',
    'aliases are not allowed',
    'write the value out; a pattern that begins with `*` needs quotes',
  ],
  anchor: ['anchor', 'anchors are not allowed', 'write the value out where it is meant'],
  tag: ['tag', 'tags are not allowed', 'remove the tag; put a text in quotes'],
  'directive-line': ['directive', 'directives are not allowed', 'remove the line'],
  'doc-end': ['several_documents', 'the end mark `...` is not allowed', 'remove the line'],
}

/** Without one of these no token is forbidden, and reading tokens twice is most of the time. */
const SUSPICIOUS = /[&*!%\t]|^\.\.\./m

/** Refuses what no document here may use, before any tree is built from it. */
function checkTokens(reader: Reader): boolean {
  if (!SUSPICIOUS.test(reader.text)) return true
  const { places, problems } = reader
  let offset = 0
  let scalarNext = false
  let good = true
  const refuse = (id: string, message: string, remedy: string): void => {
    problems.error({ place: places.at(offset) }, id, message, remedy)
    good = false
  }
  for (const token of new Lexer().lex(reader.text)) {
    if (token === CST.DOCUMENT || token === CST.FLOW_END) continue
    if (token === CST.SCALAR) {
      scalarNext = true
      continue
    }
    const type = scalarNext ? null : CST.tokenType(token)
    scalarNext = false
    const forbidden = type === null ? undefined : FORBIDDEN[type]
    if (forbidden) refuse(...forbidden)
    if (type === 'space' && token.includes('\t')) {
      refuse('tab', 'a tab stands between values', 'indent and separate with spaces')
    }
    offset += token.length
  }
  return good
}

/** The library descends recursively: too deep a nesting is refused before it does. */
function checkDepth(tokens: readonly CST.Token[], reader: Reader): boolean {
  const open = tokens.map((token) => ({ token, depth: 0 }))
  for (let next = open.pop(); next; next = open.pop()) {
    const { token, depth } = next
    if (token.type === 'document' && token.value) open.push({ token: token.value, depth })
    if (!CST.isCollection(token)) continue
    if (depth >= MAX_DEPTH) {
      reader.problems.error(
        { place: reader.places.at(token.offset) },
        'too_deep',
        `the document is nested deeper than ${MAX_DEPTH} levels`,
        'flatten it',
      )
      return false
    }
    for (const item of token.items) {
      if (item.key) open.push({ token: item.key, depth: depth + 1 })
      if (item.value) open.push({ token: item.value, depth: depth + 1 })
    }
  }
  return true
}

const REMEDIES: Readonly<Partial<Record<YAMLError['code'], string>>> = {
  BAD_INDENT: 'align it with its neighbours, by spaces',
  TAB_AS_INDENT: 'indent with spaces',
  MISSING_CHAR: 'add what is missing, or put the text in quotes',
  BAD_SCALAR_START: 'put the text in quotes',
  BAD_DQ_ESCAPE: 'double the backslash, or use single quotes',
  MULTIPLE_DOCS: 'put the second document in a file of its own',
  MULTILINE_IMPLICIT_KEY: 'check that the line before is complete, and quote texts that hold `: `',
  BLOCK_AS_IMPLICIT_KEY: 'put the text in quotes: it holds `: `',
}

function syntax(error: YAMLError, reader: Reader): void {
  const text = error.message.trim()
  const message = text.slice(0, 1).toLowerCase() + text.slice(1)
  reader.problems.error(
    { place: reader.places.at(error.pos[0]) },
    error.code === 'MULTIPLE_DOCS' ? 'several_documents' : 'syntax',
    `the YAML cannot be read: ${message}`,
    REMEDIES[error.code] ?? 'correct the YAML here',
  )
}

/** `fallback` is the offset to blame for a value that was left out: that of its key. */
function convert(node: unknown, path: string, fallback: number, reader: Reader): DocNode {
  const place = reader.places.at(offsetOf(node) ?? fallback)
  if (isSeq(node)) {
    const items = node.items.map((item, index) =>
      convert(item, `${path}[${index}]`, fallback, reader),
    )
    return { kind: 'list', place, path, items }
  }
  if (isMap(node)) {
    const seen = new Map<string, Place>()
    const entries: DocEntry[] = []
    for (const { key, value } of node.items) {
      const at = offsetOf(key) ?? fallback
      const keyPlace = reader.places.at(at)
      const name = keyText(key, keyPlace, reader)
      if (name === undefined) continue
      checkKey({ key: name, place: keyPlace }, seen, reader.problems)
      entries.push({
        key: name,
        keyPlace,
        value: convert(value, memberPath(path, name), at, reader),
      })
    }
    return { kind: 'map', place, path, entries }
  }
  return scalar(node, place, path, reader)
}

function offsetOf(node: unknown): number | undefined {
  // A value that was left out is a scalar of no characters.
  if (isScalar(node) && node.range?.[0] === node.range?.[1]) return undefined
  return isScalar(node) || isMap(node) || isSeq(node) ? node.range?.[0] : undefined
}

function keyText(key: unknown, place: Place, reader: Reader): string | undefined {
  const value = isScalar(key) ? key.value : undefined
  if (value === '<<' && isScalar(key) && key.type === 'PLAIN') {
    reader.problems.error(
      { place },
      'merge_key',
      'merge keys are not allowed',
      'write the members out where they are meant',
    )
    return undefined
  }
  if (typeof value === 'string') return value
  reader.problems.error({ place }, 'key_not_text', 'a key must be a text', 'put the key in quotes')
  return undefined
}

function scalar(node: unknown, place: Place, path: string, reader: Reader): DocNode {
  const value = isScalar(node) ? node.value : null
  if (typeof value === 'number') {
    const source = (isScalar(node) ? node.source : undefined) ?? String(value)
    checkNumber({ value, source, place }, reader.problems)
    return { kind: 'scalar', place, path, value, source }
  }
  if (typeof value === 'string') {
    if (!value.isWellFormed()) {
      reader.problems.error(
        { place },
        'encoding',
        'the text holds half of a surrogate pair',
        'write the whole character',
      )
    }
    return { kind: 'scalar', place, path, value }
  }
  return { kind: 'scalar', place, path, value: value === true || value === false ? value : null }
}
