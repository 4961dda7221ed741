/** Reads the members of a document: each with its type, its place when wrong, and nothing unknown ignored. */
import {
  type DocList,
  type DocMap,
  type DocNode,
  nearest,
  type Place,
  type Problems,
} from '../model/document.ts'
import type { Instant } from '../model/id.ts'
import { durationMs, rfc3339 } from '../model/time.ts'

/** The members of a map by name. */
export type Members = ReadonlyMap<string, DocNode>

const KINDS = { map: 'a map', list: 'a list', scalar: 'a text' } as const

/** What a reader would call the value that stands there. */
function found(node: DocNode): string {
  if (node.kind !== 'scalar') return KINDS[node.kind]
  if (node.value === null) return 'nothing'
  if (typeof node.value === 'number') return `the number \`${node.source ?? node.value}\``
  return typeof node.value === 'boolean' ? `\`${node.value}\`` : `the text \`${node.value}\``
}

/** The value's name for a message. */
export function named(node: DocNode): string {
  return node.path === '' ? 'the document' : `\`${node.path}\``
}

/** Reports that a value is not of the form wanted. */
export function wrongType(
  node: DocNode,
  wanted: string,
  problems: Problems,
  remedy: string,
): undefined {
  const message = `${named(node)} must be ${wanted}, found ${found(node)}`
  problems.error(node, 'wrong_type', message, remedy)
  return undefined
}

/** The map, or undefined when the problem was reported. */
export function mapOf(node: DocNode, problems: Problems): DocMap | undefined {
  if (node.kind === 'map') return node
  return wrongType(node, 'a map', problems, 'write `name: value` lines, or `{}` for none')
}

/** The members of a map whose names are all known; undefined when it is no map. */
export function membersOf(
  node: DocNode,
  known: readonly string[],
  problems: Problems,
): Members | undefined {
  const map = mapOf(node, problems)
  if (!map) return undefined
  const members = new Map<string, DocNode>()
  for (const { key, keyPlace, value } of map.entries) {
    if (known.includes(key)) members.set(key, value)
    else
      unknownName(
        { place: keyPlace },
        ['unknown_member', `unknown member \`${key}\``],
        known,
        problems,
      )
  }
  return members
}

/** Reports a name that is none of those known, with the nearest of them. */
export function unknownName(
  at: { readonly place: Place },
  [id, message]: readonly [id: string, message: string],
  known: readonly string[],
  problems: Problems,
): void {
  const written = message.slice(message.lastIndexOf('`', message.length - 2) + 1, -1)
  const near = nearest(written, known)
  const all = `use one of ${known.map((name) => `\`${name}\``).join(', ')}`
  problems.error(at, id, message, near === undefined ? all : `did you mean \`${near}\`?`)
}

/** The member, or undefined when its absence was reported. */
export function required(
  parent: DocNode,
  members: Members,
  key: string,
  { problems, remedy }: { readonly problems: Problems; readonly remedy: string },
): DocNode | undefined {
  const node = members.get(key)
  if (!node) {
    const where = parent.path === '' ? key : `${parent.path}.${key}`
    problems.error(parent, 'missing_member', `\`${where}\` is missing`, remedy)
  }
  return node
}

/** A text that is not empty and has nothing but white space around it trimmed away. */
export function textOf(node: DocNode | undefined, problems: Problems): string | undefined {
  if (!node) return undefined
  if (node.kind !== 'scalar' || typeof node.value !== 'string') {
    return wrongType(
      node,
      'a text',
      problems,
      'write a text; put it in quotes if it looks like a number',
    )
  }
  if (node.value.trim() === '') {
    problems.error(node, 'empty_text', `${named(node)} is empty`, 'write what it stands for')
    return undefined
  }
  return node.value
}

/** Longest name in UTF-16 code units. */
const MAX_NAME = 256

/** A text on one line that begins and ends with something: the name of a person, an agent, a list. */
export function nameOf(node: DocNode | undefined, problems: Problems): string | undefined {
  const text = textOf(node, problems)
  if (!node || text === undefined) return undefined
  // oxlint-disable-next-line no-control-regex -- a name has none of these
  if (text.trim() === text && text.length <= MAX_NAME && !/[\u0000-\u001F\u007F-\u009F]/.test(text))
    return text
  const message = `${named(node)} is not a name: one line, no space at its ends, at most ${MAX_NAME} characters`
  problems.error(node, 'invalid_name', message, 'write the name alone')
  return undefined
}

/** The list, or undefined when the problem was reported. */
export function listOf(node: DocNode, problems: Problems): DocList | undefined {
  if (node.kind === 'list') return node
  return wrongType(node, 'a list', problems, 'put the value in brackets: `[…]`')
}

/** A list of different names, at least one. */
export function namesOf(
  node: DocNode | undefined,
  problems: Problems,
): readonly string[] | undefined {
  return itemsOf(node, problems, (item) => nameOf(item, problems))
}

/** A list of different known words, at least one. */
export function wordsOf<T extends string>(
  node: DocNode | undefined,
  known: readonly T[],
  problems: Problems,
): readonly T[] | undefined {
  return itemsOf(node, problems, (item) => wordOf(item, known, problems))
}

function itemsOf<T extends string>(
  node: DocNode | undefined,
  problems: Problems,
  read: (item: DocNode) => T | undefined,
): readonly T[] | undefined {
  const list = node && listOf(node, problems)
  if (!list) return undefined
  if (list.items.length === 0) {
    problems.error(
      list,
      'empty_list',
      `${named(list)} is an empty list`,
      'name at least one, or remove it',
    )
    return undefined
  }
  const values = new Set<T>()
  for (const item of list.items) {
    const value = read(item)
    if (value === undefined) continue
    if (values.has(value)) {
      problems.error(
        item,
        'duplicate_item',
        `\`${value}\` stands twice in one list`,
        'keep one of the two',
      )
    }
    values.add(value)
  }
  return [...values]
}

/** One of the known words. */
export function wordOf<T extends string>(
  node: DocNode | undefined,
  known: readonly T[],
  problems: Problems,
): T | undefined {
  const text = textOf(node, problems)
  if (!node || text === undefined) return undefined
  const word = known.find((one) => one === text)
  if (word === undefined) {
    unknownName(node, ['unknown_word', `${named(node)} is unknown: \`${text}\``], known, problems)
  }
  return word
}

/** An RFC 3339 time with its zone offset. */
export function instantOf(node: DocNode | undefined, problems: Problems): Instant | undefined {
  const text = textOf(node, problems)
  if (!node || text === undefined) return undefined
  const at = rfc3339(text)
  if (at === undefined) {
    problems.error(
      node,
      'invalid_time',
      `${named(node)} is not a time with its zone: \`${text}\``,
      'write it as 2026-12-31T18:00:00Z or 2026-12-31T18:00:00+01:00',
    )
  }
  return at
}

/** A duration longer than nothing, in milliseconds. */
export function durationOf(node: DocNode | undefined, problems: Problems): number | undefined {
  const text = textOf(node, problems)
  if (!node || text === undefined) return undefined
  const ms = durationMs(text)
  if (ms !== undefined && ms > 0) return ms
  problems.error(
    node,
    'invalid_duration',
    `${named(node)} is not a duration: \`${text}\``,
    'write a whole number and its unit, such as 90s, 15m, 24h or 7d',
  )
  return undefined
}
