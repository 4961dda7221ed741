/** Exemptions by arguments with one mistake in them. */
import type { DocEntry, DocMap, DocNode } from '../../model/document.ts'
import { type Change, edit, listChanges, textOf, without } from './mutate-document.ts'

/** `entry` is the rule's `unlessArgs`. */
export function constraintMutations(rule: DocMap, entry: DocEntry): readonly Change[] {
  const args = entry.value
  if (args.kind !== 'map') return []
  const all = args.entries.flatMap((arg): readonly Change[] => [
    ...(args.entries.length > 1 ? [without(args, arg, 'argument_dropped')] : []),
    ...constraintChanges(arg.value).map((change) => ({
      ...change,
      was: `${arg.key}: ${change.was}`,
      now: `${arg.key}: ${change.now}`,
      value: edit(args, arg, change.value),
    })),
  ])
  const inside = all.map((change) => ({ ...change, value: edit(rule, entry, change.value) }))
  return [...inside, ...otherArgs(rule, entry)]
}

/** Whether arguments that are not named exempt, too. */
function otherArgs(rule: DocMap, { keyPlace }: DocEntry): readonly Change[] {
  const given = rule.entries.find(({ key }) => key === 'otherArgs')
  const permits = given?.value.kind === 'scalar' && given.value.value === 'permit'
  const [was, now] = permits ? ['permit', 'refuse'] : ['refuse', 'permit']
  const place = given?.value.place ?? keyPlace
  const value: DocNode = { kind: 'scalar', place, path: 'otherArgs', value: now }
  const others = rule.entries.filter((one) => one !== given)
  return [
    {
      kind: 'other_args',
      place,
      was: `otherArgs: ${was}`,
      now: `otherArgs: ${now}`,
      value: { ...rule, entries: [...others, { key: 'otherArgs', keyPlace, value }] },
    },
  ]
}

const DEEPEST = 8
/** Say nothing of a value, but whether there is one. */
const PRESENCE: readonly string[] = ['present', 'optional', 'absent']

/** A mapping of constraints: one taken away, or with another number, or with a value less. */
function constraintChanges(node: DocNode, depth = 0): readonly Change[] {
  if (node.kind !== 'map' || depth > DEEPEST) return []
  return node.entries.flatMap((entry): readonly Change[] => {
    const { key, value } = entry
    const put = (changes: readonly Change[]): readonly Change[] =>
      changes.map((change) => ({
        ...change,
        was: `${key}: ${change.was}`,
        now: `${key}: ${change.now}`,
        value: edit(node, entry, change.value),
      }))
    const gone = loosened(node, entry)
    if (key === 'each' || key === 'any')
      return [...gone, ...put(constraintChanges(value, depth + 1))]
    if (key === 'fields' && value.kind === 'map')
      return value.entries.flatMap((field) =>
        put(
          constraintChanges(field.value, depth + 1).map((change) => ({
            ...change,
            value: edit(value, field, change.value),
          })),
        ),
      )
    return [...gone, ...put(valueChanges(value))]
  })
}

/** Without this constraint; one that stands alone leaves anything, also nothing. */
function loosened(node: DocMap, entry: DocEntry): readonly Change[] {
  const { place, path } = node
  const gone = without(node, entry, 'constraint_dropped')
  if (node.entries.some((one) => one !== entry && !PRESENCE.includes(one.key))) return [gone]
  if (PRESENCE.includes(entry.key) && node.entries.length > 1) return [gone]
  const other = entry.key === 'optional' ? 'present' : 'optional'
  const value: DocNode = { kind: 'scalar', place, path, value: true }
  const entries = [{ key: other, keyPlace: entry.keyPlace, value }]
  return [{ ...gone, now: `${other}: true`, value: { ...node, entries } }]
}

/** Numbers, also those in `1..5`, one up and one down; a list with a value less; a member of a constraint left out. */
function valueChanges(node: DocNode): readonly Change[] {
  switch (node.kind) {
    case 'scalar':
      return scalarChanges(node)
    case 'list':
      return node.items.length > 1 ? listChanges(node) : []
    case 'map':
      return node.entries.flatMap((entry) => [
        ...(node.entries.length > 1 ? [without(node, entry, 'constraint_dropped')] : []),
        ...valueChanges(entry.value).map((change) => ({
          ...change,
          was: `${entry.key}: ${change.was}`,
          now: `${entry.key}: ${change.now}`,
          value: edit(node, entry, change.value),
        })),
      ])
  }
}

function scalarChanges(node: Extract<DocNode, { kind: 'scalar' }>): readonly Change[] {
  const { value, place } = node
  const changed = (now: string | number): Change => {
    const { source: _, ...bare } = node
    const other: DocNode = {
      ...bare,
      value: now,
      ...(typeof now === 'number' && { source: `${now}` }),
    }
    return { kind: 'constant', place, was: textOf(node), now: textOf(other), value: other }
  }
  if (typeof value === 'number') return [value - 1, value + 1].map(changed)
  const range = typeof value === 'string' ? /^(\d+)\.\.(\d+)$/.exec(value) : null
  if (!range) return []
  const [from, to] = [Number(range[1]), Number(range[2])]
  return [
    ...(from > 0 ? [[from - 1, to] as const] : []),
    [from + 1, to] as const,
    [from, to - 1] as const,
    [from, to + 1] as const,
  ]
    .filter(([least, most]) => least <= most)
    .map(([least, most]) => changed(`${least}..${most}`))
}
