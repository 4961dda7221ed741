/**
 * Policies with one mistake in them: a selector dropped, a comparison flipped, a value forgotten. Tests that all pass
 * under such a policy would not have noticed the mistake.
 */
import {
  type DocEntry,
  type DocMap,
  type DocNode,
  type Place,
  Problems,
} from '../../model/document.ts'
import type { PolicyFile } from '../language.ts'
import { parsePolicy } from '../parse.ts'
import { parseRule } from '../rule-form.ts'
import { conditionVariants } from './mutate-condition.ts'
import { constraintMutations } from './mutate-constraint.ts'
import { type Change, edit, listChanges, without } from './mutate-document.ts'

export interface Mutant {
  readonly kind: string
  /** The id of the rule; of sets, labels and classifications what they are: `sets.partners`, `labels[0]`. */
  readonly rule: string
  readonly place: Place
  /** What was written and what it says now. */
  readonly was: string
  readonly now: string
  /** One rule alone is another, or gone. */
  readonly local: boolean
  /** The policy with the mistake; undefined where it does not parse. */
  readonly make: (policy: PolicyFile) => PolicyFile | undefined
}

/** Each has one mistake; some may not compile, and some may mean the same. */
export function mutantsOf(document: DocNode): readonly Mutant[] {
  if (document.kind !== 'map') return []
  return document.entries.flatMap((entry): readonly Mutant[] => {
    const whole = (value: DocNode): Pick<Mutant, 'local' | 'make'> => ({
      local: false,
      make: ({ file }) =>
        parsed((problems) => parsePolicy({ node: edit(document, entry, value), file }, problems)),
    })
    switch (entry.key) {
      case 'rules':
        return itemsOf(entry.value).flatMap((item, at) =>
          ruleChanges(item).map(({ value, ...change }) => ({
            ...change,
            rule: idOf(item),
            local: true,
            make: (policy) => withRule(policy, at, value),
          })),
        )
      case 'labels':
      case 'classify':
        return itemsOf(entry.value).flatMap((item, at) =>
          rowChanges(item).map(({ value, ...change }) => ({
            ...change,
            rule: `${entry.key}[${at}]`,
            ...whole(withItem(entry.value, at, value)),
          })),
        )
      case 'sets':
        return setChanges(entry.value).flatMap(([name, changes]) =>
          changes.map(({ value, ...change }) => ({
            ...change,
            rule: `sets.${name}`,
            ...whole(value),
          })),
        )
      default:
        return []
    }
  })
}

function parsed<T>(parse: (problems: Problems) => T | undefined): T | undefined {
  const problems = new Problems()
  const found = parse(problems)
  return problems.bad ? undefined : found
}

/** The other rules stay the objects that they are, so that they need not be compiled again. */
function withRule(
  policy: PolicyFile,
  at: number,
  node: DocNode | undefined,
): PolicyFile | undefined {
  const { rules } = policy
  if (!node) return { ...policy, rules: rules.toSpliced(at, 1) }
  const rule = parsed((problems) => parseRule(node, policy, problems))
  return rule && { ...policy, rules: rules.with(at, rule) }
}

/** Without a value the item is gone. */
function withItem(list: DocNode, at: number, value: DocNode | undefined): DocNode {
  if (list.kind !== 'list') return list
  return { ...list, items: value ? list.items.with(at, value) : list.items.toSpliced(at, 1) }
}

type ItemChange = Omit<Change, 'value'> & { readonly value: DocNode | undefined }

function itemsOf(node: DocNode): readonly DocNode[] {
  return node.kind === 'list' ? node.items : []
}

function idOf(item: DocNode): string {
  const id = item.kind === 'map' ? item.entries.find(({ key }) => key === 'id')?.value : undefined
  return id?.kind === 'scalar' ? String(id.value) : ''
}

const SELECTORS: readonly string[] = [
  'tools',
  'resources',
  'prompts',
  'effects',
  'data',
  'agents',
  'purposes',
  'environments',
  'risk',
  'labels',
]

function ruleChanges(item: DocNode): readonly ItemChange[] {
  if (item.kind !== 'map') return []
  const gone = { kind: 'rule_dropped', place: item.place, was: idOf(item), now: 'no such rule' }
  return [
    { ...gone, value: undefined },
    ...flipped(item),
    ...item.entries.flatMap((entry) => memberChanges(item, entry)),
  ]
}

function memberChanges(item: DocMap, entry: DocEntry): readonly Change[] {
  const { key, value } = entry
  if (SELECTORS.includes(key))
    return [without(item, entry, 'selector_dropped'), ...listed(item, entry)]
  if (key === 'when' || key === 'unless') {
    const source = value.kind === 'scalar' && typeof value.value === 'string' ? value.value : ''
    const variants = conditionVariants(source).map(({ kind, text }) => ({
      kind,
      place: value.place,
      was: `${key}: ${source}`,
      now: `${key}: ${text}`,
      value: edit(item, entry, { ...value, kind: 'scalar', value: text } as const),
    }))
    return [without(item, entry, `${key}_dropped`), ...variants]
  }
  if (key !== 'unlessArgs') return []
  const rest = ['unlessArgs', 'otherArgs']
  const bare = { ...item, entries: item.entries.filter((one) => !rest.includes(one.key)) }
  return [
    { ...without(item, entry, 'exemption_dropped'), value: bare },
    ...constraintMutations(item, entry),
  ]
}

/** A selector with a value less. */
function listed(item: DocMap, entry: DocEntry): readonly Change[] {
  if (entry.value.kind !== 'list' || entry.value.items.length < 2) return []
  return listChanges(entry.value).map((change) => ({
    ...change,
    was: `${entry.key}: ${change.was}`,
    now: `${entry.key}: ${change.now}`,
    value: edit(item, entry, change.value),
  }))
}

/** What forbids asks, and what asks forbids; what was tried in shadow is in force. */
function flipped(item: DocMap): readonly Change[] {
  const find = (key: string): DocEntry | undefined => item.entries.find((one) => one.key === key)
  const effect = find('effect')
  const mode = find('mode')
  const shadow = mode?.value.kind === 'scalar' && mode.value.value === 'shadow'
  const changes: Change[] = []
  const value = effect?.value.kind === 'scalar' ? effect.value.value : undefined
  if (effect && !shadow && (value === 'forbid' || value === 'require_approval')) {
    const other = value === 'forbid' ? 'require_approval' : 'forbid'
    const entries = item.entries.filter(({ key }) => key !== 'approval')
    const asked = other === 'require_approval' ? [approvalBy(effect)] : []
    const turned = { ...item, entries: [...entries, ...asked] }
    changes.push({
      kind: 'effect',
      place: effect.value.place,
      was: `effect: ${value}`,
      now: `effect: ${other}`,
      value: edit(turned, effect, text(effect.value, other)),
    })
  }
  if (mode && shadow)
    changes.push({
      kind: 'mode',
      place: mode.value.place,
      was: 'mode: shadow',
      now: 'mode: enforce',
      value: edit(item, mode, text(mode.value, 'enforce')),
    })
  return changes
}

function text({ place, path }: DocNode, value: string): DocNode {
  return { kind: 'scalar', place, path, value }
}

function approvalBy({ value, keyPlace }: DocEntry): DocEntry {
  const { place, path } = value
  const from: DocNode = { kind: 'list', place, path, items: [text(value, 'somebody')] }
  const entries = [{ key: 'from', keyPlace, value: from }]
  return { key: 'approval', keyPlace, value: { kind: 'map', place, path, entries } }
}

/** A row of `labels` or `classify`: gone, or about less, or saying less. */
function rowChanges(item: DocNode): readonly ItemChange[] {
  if (item.kind !== 'map') return []
  const gone = { kind: 'row_dropped', place: item.place, was: 'this row', now: 'no such row' }
  return [{ ...gone, value: undefined }, ...item.entries.flatMap((entry) => listed(item, entry))]
}

function setChanges(sets: DocNode): readonly (readonly [string, readonly Change[]])[] {
  if (sets.kind !== 'map') return []
  return sets.entries.map((entry) => [entry.key, listed(sets, entry)] as const)
}
