/** Changes to a document: one member replaced or taken away, one value of a list taken away. */
import {
  type DocEntry,
  type DocList,
  type DocMap,
  type DocNode,
  type Place,
  plain,
} from '../../model/document.ts'
import { fewOf } from './mutate-condition.ts'

export interface Change {
  readonly kind: string
  readonly place: Place
  readonly was: string
  readonly now: string
  /** What stands there now. */
  readonly value: DocNode
}

/** The map with another value in an entry. */
export function edit(map: DocMap, entry: DocEntry, value: DocNode): DocMap {
  const entries = map.entries.map((one) => (one === entry ? { ...entry, value } : one))
  return { ...map, entries }
}

export function without(map: DocMap, entry: DocEntry, kind: string): Change {
  return {
    kind,
    place: entry.keyPlace,
    was: `${entry.key}: ${textOf(entry.value)}`,
    now: `no \`${entry.key}\``,
    value: { ...map, entries: map.entries.filter((one) => one !== entry) },
  }
}

/** Of a long list only some. */
export function listChanges(list: DocList): readonly Change[] {
  return fewOf(list.items.length).flatMap((at) => {
    const item = list.items[at]
    if (!item) return []
    const value = { ...list, items: list.items.toSpliced(at, 1) }
    return [
      { kind: 'value_dropped', place: item.place, was: textOf(list), now: textOf(value), value },
    ]
  })
}

const MOST_SHOWN = 100

export function textOf(node: DocNode): string {
  const text =
    node.kind === 'scalar' && typeof node.value === 'string'
      ? node.value
      : JSON.stringify(plain(node))
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN - 1)}…` : text
}
