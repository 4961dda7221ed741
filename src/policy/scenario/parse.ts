/** Parses a policy test file: an unknown member, a wrong type or an empty list is a problem with its place. */
import {
  listOf,
  mapOf,
  membersOf,
  nameOf,
  required,
  textOf,
  wordOf,
  wrongType,
} from '../../document/form.ts'
import { parseTarget } from '../../mandate/grant.ts'
import type { DocNode, Problems } from '../../model/document.ts'
import { itemsOf } from '../form.ts'
import type { Pattern } from '../language.ts'
import { TARGET_MEMBERS } from '../target.ts'
import { CIRCUMSTANCES, ORDINARY, parseActed, parseCircumstances } from './circumstances-form.ts'
import { type Concrete, expand, SPREADING } from './expand.ts'
import { parseExpectation } from './expect-form.ts'
import {
  type Case,
  type Circumstances,
  EFFECTS,
  type Floor,
  type Invariant,
  type ScenarioFile,
  type ToolsSource,
} from './language.ts'

const MEMBERS = [
  'test',
  'policies',
  'mandate',
  'tools',
  'defaults',
  'cases',
  'invariants',
  'coverage',
]
const CASE_MEMBERS = [...SPREADING, ...CIRCUMSTANCES, 'call', 'args', 'expect']

/** The test file, or undefined when a problem of level error was reported. */
export function parseScenario(
  { node, file }: { readonly node: DocNode; readonly file: string },
  problems: Problems,
): ScenarioFile | undefined {
  const members = membersOf(node, MEMBERS, problems)
  if (!members) return undefined
  const remedy = 'name it: `test: vendor guardrails`'
  const name = nameOf(required(node, members, 'test', { problems, remedy }), problems)
  const given = members.get('defaults')
  const said = given && membersOf(given, CIRCUMSTANCES, problems)
  const defaults = said ? parseCircumstances(said, ORDINARY, problems) : ORDINARY
  const cases = itemsOf(members.get('cases'), problems).flatMap((item) =>
    parseCase(item, defaults, problems),
  )
  refuseTwins(cases, problems)
  const invariants = itemsOf(members.get('invariants'), problems).flatMap(
    (item) => parseInvariant(item, defaults, problems) ?? [],
  )
  if (cases.length + invariants.length === 0 && !problems.bad)
    problems.error(node, 'no_cases', 'nothing is tested', 'add `cases` or `invariants`')
  const mandate = parseMandate(members.get('mandate'), problems)
  const policies = members.get('policies')
  const paths = policies && pathsOf(policies, problems)
  const coverage = parseFloor(members.get('coverage'), problems)
  if (problems.bad || name === undefined) return undefined
  return {
    name,
    file,
    place: node.place,
    ...(paths && { policies: paths }),
    ...(mandate && { mandate }),
    tools: parseTools(members.get('tools'), problems),
    cases,
    invariants,
    ...(coverage && { coverage }),
    defaults,
  }
}

function parseCase(item: DocNode, defaults: Circumstances, problems: Problems): readonly Case[] {
  const members = membersOf(item, CASE_MEMBERS, problems)
  if (!members || item.kind !== 'map') return []
  const remedy = 'say what it shows: `name: class B in hours`'
  const name = nameOf(required(item, members, 'name', { problems, remedy }), problems)
  if (name === undefined) return []
  const before = problems.list.length
  return expand(name, item, problems).flatMap((one) => {
    // What is wrong with one of many is most often wrong with all: the first is enough.
    if (problems.list.length > before) return []
    return parseConcrete(one, defaults, problems) ?? []
  })
}

function parseConcrete(
  { name, place, node }: Concrete,
  defaults: Circumstances,
  problems: Problems,
): Case | undefined {
  const members = membersOf(node, CASE_MEMBERS, problems)
  if (!members) return undefined
  const called = required(node, members, 'call', {
    problems,
    remedy: 'say what is called: `call: { tool: vendors/approve, args: {} }`',
  })
  const expected = required(node, members, 'expect', {
    problems,
    remedy: 'say what is expected: `expect: deny`',
  })
  const within = called && membersOf(called, [...Object.values(TARGET_MEMBERS), 'args'], problems)
  const call = called && within && parseActed(called, within, problems)
  const circumstances = parseCircumstances(members, defaults, problems)
  const expect = expected && parseExpectation(expected, problems)
  return call && expect && { name, place, call, circumstances, expect }
}

function refuseTwins(cases: readonly Case[], problems: Problems): void {
  const known = new Map<string, Case>()
  for (const one of cases) {
    const before = known.get(one.name)
    if (before) {
      const message = `a case called \`${one.name}\` stands in line ${before.place.line} already`
      problems.error(one, 'duplicate_case', message, 'rename one of the two')
    }
    known.set(one.name, one)
  }
}

const NEVER_MEMBERS = [...Object.values(TARGET_MEMBERS), 'effect', 'when', ...CIRCUMSTANCES]

function parseInvariant(
  item: DocNode,
  defaults: Circumstances,
  problems: Problems,
): Invariant | undefined {
  const outer = membersOf(item, ['name', 'never'], problems)
  const remedy = 'write `never: { tool: mail/send, effect: permit, when: … }`'
  const never = outer && required(item, outer, 'never', { problems, remedy })
  const members = never && membersOf(never, NEVER_MEMBERS, problems)
  if (!outer || !never || !members) return undefined
  const kinds = Object.values(TARGET_MEMBERS).filter((kind) => members.has(kind))
  const [kind = 'tool', second] = kinds
  if (second !== undefined)
    problems.error(never, 'contradiction', '`never` names more than one thing', 'split it')
  const node = members.get(kind)
  const text = textOf(node, problems) ?? '**'
  const place = node?.place ?? never.place
  // `*` alone is whatever there is, as a reader would take it.
  const target = /^\*+$/.test(text)
    ? { server: '*', name: '**' }
    : parseTarget({ text, place }, kind, problems)
  const when = members.get('when')
  if (!target) return undefined
  const effect = wordOf(members.get('effect'), EFFECTS, problems) ?? 'permit'
  const given = nameOf(outer.get('name'), problems)
  return {
    name: given ?? `never ${effect} ${text}${when?.kind === 'scalar' ? ` when ${when.value}` : ''}`,
    place: item.place,
    kind,
    server: target.server,
    called: target.name,
    effect,
    ...(when && { when }),
    circumstances: parseCircumstances(members, defaults, problems),
    fixed: new Set(CIRCUMSTANCES.filter((one) => members.has(one))),
  }
}

const EVERYTHING = 'everything'

function parseMandate(node: DocNode | undefined, problems: Problems): Pattern | undefined {
  const text = textOf(node, problems)
  return !node || text === undefined || text === EVERYTHING
    ? undefined
    : { text, place: node.place }
}

function pathsOf(node: DocNode, problems: Problems): readonly Pattern[] {
  const list = listOf(node, problems)
  if (list?.items.length === 0)
    problems.error(list, 'empty_list', '`policies` is an empty list', 'name one, or remove it')
  return (list?.items ?? []).flatMap((item) => {
    const text = textOf(item, problems)
    return text === undefined ? [] : [{ text, place: item.place }]
  })
}

/** One file, or one for each server. */
function parseTools(node: DocNode | undefined, problems: Problems): readonly ToolsSource[] {
  if (!node) return []
  if (node.kind === 'scalar') {
    const text = textOf(node, problems)
    return text === undefined ? [] : [{ path: { text, place: node.place } }]
  }
  return (mapOf(node, problems)?.entries ?? []).flatMap(({ key, value }) => {
    const text = textOf(value, problems)
    return text === undefined ? [] : [{ server: key, path: { text, place: value.place } }]
  })
}

function parseFloor(node: DocNode | undefined, problems: Problems): Floor | undefined {
  const members = node && membersOf(node, ['rules', 'outcomes'], problems)
  if (!node || !members) return undefined
  const read = (key: string): number => {
    const member = members.get(key)
    return (member && percentOf(member, problems)) ?? 0
  }
  return { place: node.place, rules: read('rules'), outcomes: read('outcomes') }
}

function percentOf(node: DocNode, problems: Problems): number | undefined {
  const value = node.kind === 'scalar' ? node.value : undefined
  const number = typeof value === 'string' ? Number(/^(\d{1,3})%$/.exec(value)?.[1]) : value
  if (typeof number === 'number' && number >= 0 && number <= 100) return number
  return wrongType(node, 'a percentage', problems, 'write a number from 0 to 100')
}
