/** Reads what stands under a constraint's name, with a problem at the place of whatever is not of the form asked. */
import { type DocEntry, type DocNode, nearest, plain, type Problems } from '../model/document.ts'
import type { Json } from '../model/json.ts'

/** Reports that a value is not of the form asked for. */
export function wrongForm(
  node: DocNode,
  problems: Problems,
  wanted: string,
  remedy: string,
): undefined {
  problems.error(node, 'wrong_type', `\`${node.path}\` must be ${wanted}`, remedy)
  return undefined
}

/** `true`, and nothing else: a constraint that is named is asked. */
export function isTrue(node: DocNode, problems: Problems): boolean {
  if (node.kind === 'scalar' && node.value === true) return true
  wrongForm(node, problems, '`true`', 'leave the line out when it is not meant')
  return false
}

export interface PlacedText {
  readonly text: string
  readonly node: DocNode
}

/** One text, or a list of at least one, none of them empty or twice. */
export function textsOf(node: DocNode, problems: Problems): readonly PlacedText[] | undefined {
  const items = node.kind === 'list' ? node.items : [node]
  if (items.length === 0) return empty(node, problems)
  const texts: PlacedText[] = []
  for (const item of items) {
    const value = item.kind === 'scalar' ? item.value : undefined
    if (typeof value !== 'string')
      return wrongForm(item, problems, 'a text', 'put a number or a word like `true` in quotes')
    if (value === '') {
      problems.error(item, 'empty_text', `\`${item.path}\` is empty`, 'write the text')
      return undefined
    }
    if (texts.some((other) => other.text === value)) return twice(item, value, problems)
    texts.push({ text: value, node: item })
  }
  return texts
}

/** A list of at least one JSON value. */
export function valuesOf(node: DocNode, problems: Problems): readonly Json[] | undefined {
  if (node.kind !== 'list')
    return wrongForm(node, problems, 'a list', 'write `[…]`, also around one value')
  if (node.items.length === 0) return empty(node, problems)
  const seen = new Set<string>()
  for (const item of node.items) {
    const text = JSON.stringify(plain(item))
    if (seen.has(text)) return twice(item, text, problems)
    seen.add(text)
  }
  return node.items.map(plain)
}

function empty(node: DocNode, problems: Problems): undefined {
  problems.error(
    node,
    'empty_list',
    `\`${node.path}\` is empty, so nothing could hold`,
    'name at least one value',
  )
  return undefined
}

function twice(node: DocNode, text: string, problems: Problems): undefined {
  problems.error(node, 'duplicate_value', `\`${text}\` stands here twice`, 'remove one of them')
  return undefined
}

/** The members of a mapping, all of them known; undefined when a problem was reported. */
export function membersOf(
  node: DocNode,
  known: readonly string[],
  problems: Problems,
): ReadonlyMap<string, DocNode> | undefined {
  const all = known.map((name) => `\`${name}\``).join(', ')
  if (node.kind !== 'map')
    return wrongForm(node, problems, `a mapping of ${all}`, 'write `{ name: value }`')
  const unknown = node.entries.filter((entry) => !known.includes(entry.key))
  for (const entry of unknown) unknownMember(entry, known, problems)
  if (unknown.length > 0) return undefined
  if (node.entries.length === 0)
    return wrongForm(node, problems, `a mapping of at least one of ${all}`, 'name one of them')
  return new Map(node.entries.map((entry) => [entry.key, entry.value]))
}

function unknownMember(entry: DocEntry, known: readonly string[], problems: Problems): void {
  const near = nearest(entry.key, known)
  const all = `use one of ${known.map((name) => `\`${name}\``).join(', ')}`
  problems.error(
    { place: entry.keyPlace },
    'unknown_member',
    `unknown member \`${entry.key}\``,
    near === undefined ? all : `did you mean \`${near}\`? ${all}`,
  )
}

/** `one of \`a\`, \`b\``, cut after a few. */
export function listed(texts: readonly string[]): string {
  const some = texts.slice(0, 5).map((text) => `\`${text}\``)
  const more = texts.length - some.length
  const all = more > 0 ? `${some.join(', ')} or ${more} more` : some.join(', ')
  return texts.length === 1 ? all : `one of ${all}`
}
