/** Parses a policy file: an unknown member, a wrong type or an empty list is a problem with its place. */
import {
  listOf,
  mapOf,
  membersOf,
  nameOf,
  namesOf,
  required,
  textOf,
  wordOf,
  wrongType,
} from '../document/form.ts'
import { zoneOf } from '../expression/zone.ts'
import { EFFECT_CLASSES } from '../model/call.ts'
import type { DocNode, Problems } from '../model/document.ts'
import { POLICY_MODES } from '../model/policy.ts'
import { idOf, itemsOf, labelsOf, missing } from './form.ts'
import { parsePolicyBudgets } from './budget-form.ts'
import { parseRule } from './rule-form.ts'
import type { Classification, Ignored, LabelRule, NamedSet, PolicyFile } from './language.ts'
import { patternsOf, targetsOf } from './target.ts'

export interface PolicySource {
  readonly node: DocNode
  readonly file: string
}

const MEMBERS = [
  'policy',
  'owner',
  'description',
  'mode',
  'timezone',
  'sets',
  'classify',
  'labels',
  'rules',
  'budgets',
  'ignore',
]

/** The policy, or undefined when a problem of level error was reported. */
export function parsePolicy(source: PolicySource, problems: Problems): PolicyFile | undefined {
  const { node, file } = source
  const members = membersOf(node, MEMBERS, problems)
  if (!members) return undefined
  const remedy = 'name it: `policy: acme-guardrails`'
  const name = idOf(required(node, members, 'policy', { problems, remedy }), problems)
  const mode = wordOf(members.get('mode'), POLICY_MODES, problems) ?? 'enforce'
  const owner = nameOf(members.get('owner'), problems)
  const description = textOf(members.get('description'), problems)
  const timezone = parseZone(members.get('timezone'), problems)
  const policy = { name: name ?? '', mode, ...(timezone !== undefined && { timezone }) }
  const parsed = {
    sets: parseSets(members.get('sets'), problems),
    classify: parseClassify(members.get('classify'), problems),
    labels: parseLabels(members.get('labels'), policy.name, problems),
    rules: itemsOf(members.get('rules'), problems).flatMap(
      (item) => parseRule(item, policy, problems) ?? [],
    ),
    budgets: parsePolicyBudgets(members.get('budgets'), policy, problems),
    ignore: parseIgnore(members.get('ignore'), problems),
  }
  if (problems.bad || name === undefined) return undefined
  return {
    name,
    file,
    place: node.place,
    mode,
    ...(owner !== undefined && { owner }),
    ...(description !== undefined && { description }),
    ...(timezone !== undefined && { timezone }),
    ...parsed,
  }
}

function parseZone(node: DocNode | undefined, problems: Problems): string | undefined {
  const zone = textOf(node, problems)
  if (!node || zone === undefined || zoneOf(zone)) return zone
  problems.error(
    node,
    'invalid_zone',
    `unknown time zone \`${zone}\``,
    'name one like `Europe/Berlin`',
  )
  return undefined
}

const SET_NAME = /^[A-Za-z_]\w{0,63}$/

function parseSets(node: DocNode | undefined, problems: Problems): ReadonlyMap<string, NamedSet> {
  const sets = new Map<string, NamedSet>()
  const map = node && mapOf(node, problems)
  for (const { key, keyPlace, value } of map?.entries ?? []) {
    if (!SET_NAME.test(key)) {
      const message = `\`${key}\` is no name of a set`
      const remedy = 'use letters, digits and `_`, as conditions read it as `sets.name`'
      problems.error({ place: keyPlace }, 'invalid_name', message, remedy)
    }
    const list = listOf(value, problems)
    if (list?.items.length === 0)
      problems.error(value, 'empty_list', `\`${value.path}\` is an empty list`, 'name its values')
    const values = (list?.items ?? []).flatMap((item) => setValue(item, problems) ?? [])
    if (new Set(values.map((one) => typeof one)).size > 1)
      problems.error(value, 'mixed_set', `\`${value.path}\` mixes kinds of values`, 'split it')
    sets.set(key, { place: keyPlace, values, nodes: list?.items ?? [] })
  }
  return sets
}

function setValue(node: DocNode, problems: Problems): string | number | boolean | undefined {
  if (node.kind === 'scalar' && node.value !== null) return node.value
  return wrongType(node, 'a text, a number or a boolean', problems, 'write the value alone')
}

function parseClassify(node: DocNode | undefined, problems: Problems): readonly Classification[] {
  return itemsOf(node, problems).flatMap((item) => {
    const members = membersOf(item, ['tools', 'resources', 'prompts', 'effect', 'data'], problems)
    if (!members) return []
    const targets = targetsOf(members, problems)
    const effect = wordOf(members.get('effect'), EFFECT_CLASSES, problems)
    const data = namesOf(members.get('data'), problems) ?? []
    if (!targets) missing(item, 'tools', 'name what is classified: `tools: ["mail/*"]`', problems)
    if (effect === undefined && data.length === 0)
      missing(item, 'effect', 'say what they do: `effect: send`, or `data: [personal]`', problems)
    return [{ place: item.place, targets: targets ?? [], ...(effect && { effect }), data }]
  })
}

function parseLabels(
  node: DocNode | undefined,
  policy: string,
  problems: Problems,
): readonly LabelRule[] {
  return itemsOf(node, problems).flatMap((item, index) => {
    const known = ['tools', 'resources', 'prompts', 'servers', 'add']
    const members = membersOf(item, known, problems)
    if (!members) return []
    const targets = targetsOf(members, problems)
    const servers = patternsOf(members.get('servers'), 'server', problems).map(({ text }) => text)
    const remedy = 'name the labels: `add: [untrusted]`'
    const add = labelsOf(required(item, members, 'add', { problems, remedy }), problems)
    if (!targets && servers.length === 0)
      missing(item, 'tools', 'name what leaves the label: `tools: ["web/*"]`', problems)
    const name = `${policy}#labels[${index}]`
    return [{ name, place: item.place, targets: targets ?? [], servers, add }]
  })
}

function parseIgnore(node: DocNode | undefined, problems: Problems): readonly Ignored[] {
  return itemsOf(node, problems).flatMap((item) => {
    const members = membersOf(item, ['finding', 'rule', 'reason'], problems)
    if (!members) return []
    const need = (key: string, remedy: string): DocNode | undefined =>
      required(item, members, key, { problems, remedy })
    const finding = nameOf(need('finding', 'name what is found: `finding: no_test`'), problems)
    const reason = textOf(need('reason', 'say why it is all right'), problems)
    const rule = nameOf(members.get('rule'), problems)
    if (finding === undefined || reason === undefined) return []
    return [{ place: item.place, finding, reason, ...(rule !== undefined && { rule }) }]
  })
}
