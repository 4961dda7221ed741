/** The named sets of a policy set, and their place in constraints: `$partners` stands for its values. */
import type { DocNode, Problems } from '../model/document.ts'
import type { NamedSet, PolicyFile } from './language.ts'

export type Sets = ReadonlyMap<string, NamedSet>

/** All sets of all files; a name that stands in two of them is a problem. */
export function setsOf(files: readonly PolicyFile[], problems: Problems): Sets {
  const all = new Map<string, NamedSet>()
  for (const { sets } of files) {
    for (const [name, set] of sets) {
      const before = all.get(name)?.place
      if (before) {
        const message = `the set \`${name}\` stands in \`${before.file}\` line ${before.line} already`
        problems.error(set, 'duplicate_set', message, 'keep one of the two, or rename it')
      }
      all.set(name, set)
    }
  }
  return all
}

const REFERENCE = /^\$([A-Za-z_]\w*)$/

/** The node with every `$name` replaced by the values of the set; in a list they become items of it. */
export function withSets(node: DocNode, sets: Sets, problems: Problems): DocNode {
  switch (node.kind) {
    case 'scalar': {
      const set = referenced(node, sets, problems)
      return set ? { kind: 'list', place: node.place, path: node.path, items: set.nodes } : node
    }
    case 'list':
      return {
        ...node,
        items: node.items.flatMap((item) => {
          const set = item.kind === 'scalar' ? referenced(item, sets, problems) : undefined
          return set ? set.nodes : [withSets(item, sets, problems)]
        }),
      }
    case 'map':
      return {
        ...node,
        entries: node.entries.map((entry) => ({
          ...entry,
          value: withSets(entry.value, sets, problems),
        })),
      }
  }
}

function referenced(node: DocNode, sets: Sets, problems: Problems): NamedSet | undefined {
  const name =
    node.kind === 'scalar' && typeof node.value === 'string'
      ? REFERENCE.exec(node.value)?.[1]
      : undefined
  if (name === undefined) return undefined
  const set = sets.get(name)
  if (!set) {
    const remedy = `write it under \`sets:\`, as \`${name}: […]\``
    problems.error(node, 'unknown_set', `there is no set \`${name}\``, remedy)
  }
  return set
}
