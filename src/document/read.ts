/**
 * Reads a document that a person wrote, YAML or JSON, into a tree that knows the place of every value.
 * Whatever could be read two ways is refused with its place and a remedy.
 */
import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { type DocNode, type Problem, Problems } from '../model/document.ts'
import { sha256, type Sha256 } from '../model/id.ts'
import { readJson } from './json.ts'
import { checkText, MAX_BYTES, placesOf } from './text.ts'
import { readYaml } from './yaml.ts'

export interface ReadOptions {
  /** Allow comments and trailing commas in JSON, as editors do in their settings. */
  readonly comments?: boolean
}

export interface ReadText {
  /** Absent when there is an error among the problems. */
  readonly node?: DocNode
  readonly problems: readonly Problem[]
}

export interface ReadDocument extends ReadText {
  /** Hash of the exact bytes, where they could be read. */
  readonly digest?: Sha256
}

/** Parses a text; strict JSON where the file's name ends in `.json` (or `.jsonc`, with comments), else YAML. */
export function readText(text: string, file: string, options: ReadOptions = {}): ReadText {
  const problems = new Problems()
  const places = placesOf(text, file)
  checkText(text, places, problems)
  if (problems.bad) return { problems: problems.list }
  const comments = options.comments === true || file.endsWith('.jsonc')
  const json = /\.jsonc?$/i.test(file)
  const node =
    text.trim() === ''
      ? undefined
      : json
        ? readJson(text, comments, places, problems)
        : readYaml(text, places, problems)
  if (problems.bad) return { problems: problems.list }
  if (!node || (node.kind === 'scalar' && node.value === null)) {
    problems.error(
      { place: places.at(0) },
      'empty_document',
      'the document is empty',
      'write the document, or give the path of one that is written',
    )
    return { problems: problems.list }
  }
  return { node, problems: problems.list }
}

/** Reads and parses a file. Whatever stands in the way is a problem, never a fault. */
export function readDocument(path: string, options: ReadOptions = {}): ReadDocument {
  const read = readBytes(path)
  if (!(read instanceof Uint8Array)) return { problems: [read] }
  const digest = sha256(createHash('sha256').update(read).digest('hex'))
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(read)
    return { digest, ...readText(text, path, options) }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return {
      digest,
      problems: [fileProblem(path, 'encoding', 'it is not UTF-8', 'save it as UTF-8')],
    }
  }
}

function readBytes(path: string): Uint8Array | Problem {
  try {
    const stat = statSync(path)
    if (stat.isDirectory()) {
      return fileProblem(path, 'not_a_file', 'it is a directory', 'give the path of a file')
    }
    if (!stat.isFile()) {
      return fileProblem(path, 'not_a_file', 'it is not a regular file', 'give the path of a file')
    }
    if (stat.size > MAX_BYTES) {
      const cause = `it is larger than ${MAX_BYTES} bytes`
      return fileProblem(path, 'too_large', cause, 'split it or remove what is not needed')
    }
    return readFileSync(path)
  } catch (error) {
    return unreadable(path, error)
  }
}

function unreadable(path: string, error: unknown): Problem {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return fileProblem(path, 'no_such_file', 'no such file', 'check the path')
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return fileProblem(
      path,
      'unreadable_file',
      'permission denied',
      'make it readable for the user who runs the guard',
    )
  }
  return fileProblem(path, 'unreadable_file', code.toLowerCase(), 'check the path')
}

function fileProblem(path: string, id: string, cause: string, remedy: string): Problem {
  return { id, level: 'error', message: `cannot read \`${path}\`: ${cause}`, remedy }
}
