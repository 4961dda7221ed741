/** Parses who calls, when, where, and after what. */
import {
  instantOf,
  mapOf,
  membersOf,
  type Members,
  nameOf,
  namesOf,
  textOf,
  wordOf,
  wordsOf,
  wrongType,
} from '../../document/form.ts'
import { parseTarget } from '../../mandate/grant.ts'
import { EFFECT_CLASSES, ENVIRONMENTS, RISK_POSTURES } from '../../model/call.ts'
import { type DocNode, plain, type Problems } from '../../model/document.ts'
import { instant, type Instant } from '../../model/id.ts'
import { isObject, type JsonObject } from '../../model/json.ts'
import type { Purpose } from '../../model/mandate.ts'
import { durationMs } from '../../model/time.ts'
import { labelsOf } from '../form.ts'
import { globOf, TARGET_MEMBERS } from '../target.ts'
import type { Acted, Circumstances, Classified, Past } from './language.ts'

export const CIRCUMSTANCES = [
  'clock',
  'environment',
  'risk',
  'agent',
  'owner',
  'purpose',
  'labels',
  'engines',
  'effects',
  'data',
  'history',
] as const

/** A Tuesday morning at the office, in production, with nothing amiss. */
export const ORDINARY: Circumstances = {
  clock: instant(Date.parse('2026-11-24T10:30:00+01:00')),
  environment: 'prod',
  risk: 'normal',
  labels: [],
  engines: new Map(),
  effects: [],
  data: [],
  history: [],
}

/** What the members say, and for the rest what held before. */
export function parseCircumstances(
  members: Members,
  before: Circumstances,
  problems: Problems,
): Circumstances {
  const clock = instantOf(members.get('clock'), problems) ?? before.clock
  const environment = wordOf(members.get('environment'), ENVIRONMENTS, problems)
  const risk = wordOf(members.get('risk'), RISK_POSTURES, problems)
  const labels = members.get('labels')
  const engines = members.get('engines')
  const effects = members.get('effects')
  const data = members.get('data')
  const history = members.get('history')
  return {
    ...before,
    ...parseWho(members, problems),
    clock,
    ...(environment && { environment }),
    ...(risk && { risk }),
    ...(labels && { labels: isEmpty(labels) ? [] : labelsOf(labels, problems) }),
    ...(engines && { engines: parseEngines(engines, problems) }),
    ...(effects && {
      effects: classifiedBy(effects, problems, (node) => wordsOf(node, EFFECT_CLASSES, problems)),
    }),
    ...(data && { data: classifiedBy(data, problems, (node) => namesOf(node, problems)) }),
    ...(history && { history: parseHistory(history, clock, problems) }),
  }
}

/** An empty list says that there are none, where a default said that there are some. */
export function isEmpty(node: DocNode): boolean {
  return node.kind === 'list' && node.items.length === 0
}

type Who = Pick<Circumstances, 'agent' | 'owner' | 'purpose' | 'whose'>

function parseWho(members: Members, problems: Problems): Who {
  const agent = nameOf(members.get('agent'), problems)
  const owner = nameOf(members.get('owner'), problems)
  const purpose = parsePurpose(members.get('purpose'), problems)
  const said = members.get('agent') ?? members.get('owner') ?? members.get('purpose')
  return {
    ...(agent !== undefined && { agent }),
    ...(owner !== undefined && { owner }),
    ...(purpose && { purpose }),
    ...(said && { whose: said.place }),
  }
}

function parsePurpose(node: DocNode | undefined, problems: Problems): Purpose | undefined {
  if (!node) return undefined
  if (node.kind === 'scalar') {
    const text = textOf(node, problems)
    return text === undefined ? undefined : { text }
  }
  const members = membersOf(node, ['text', 'ref'], problems)
  const text = textOf(members?.get('text'), problems) ?? 'test'
  const ref = nameOf(members?.get('ref'), problems)
  return { text, ...(ref !== undefined && { ref }) }
}

const ANSWERS = ['permit', 'deny', 'error'] as const

function parseEngines(node: DocNode, problems: Problems): Circumstances['engines'] {
  const engines = new Map<string, (typeof ANSWERS)[number]>()
  for (const { key, value } of mapOf(node, problems)?.entries ?? []) {
    const answer = wordOf(value, ANSWERS, problems)
    if (answer) engines.set(key, answer)
  }
  return engines
}

function classifiedBy<T>(
  node: DocNode,
  problems: Problems,
  read: (node: DocNode) => readonly T[] | undefined,
): readonly Classified<T>[] {
  return (mapOf(node, problems)?.entries ?? []).flatMap(({ key, keyPlace, value }) => {
    const found = parseTarget({ text: key, place: keyPlace }, 'tool', problems)
    const classes = read(value)
    if (!found || !classes) return []
    return [{ target: { kind: 'tool', ...found, place: keyPlace } as const, classes }]
  })
}

/** The classes of all targets that match; `kind` does not matter. */
export function classesOf<T>(
  rows: readonly Classified<T>[],
  { server, name }: Pick<Acted, 'server' | 'name'>,
): readonly T[] {
  return rows
    .filter(({ target: { server: one, name: other, place } }) => {
      const matches = (text: string, kind: 'server' | 'tool', value: string): boolean =>
        globOf({ text, place }, kind).matches(value)
      return matches(one, 'server', server) && matches(other, 'tool', name)
    })
    .flatMap(({ classes }) => classes)
}

const UNKNOWN = 'unknown'
const OUTCOMES = ['complete', 'tool_error'] as const

function parseHistory(node: DocNode, clock: Instant, problems: Problems): Circumstances['history'] {
  if (node.kind === 'scalar' && node.value === UNKNOWN) return UNKNOWN
  if (node.kind !== 'list')
    return (
      wrongType(
        node,
        'a list of calls',
        problems,
        'write `[{ tool: web/fetch, at: -5m }]`, or `unknown` where nobody keeps it',
      ) ?? []
    )
  const { items } = node
  return items.flatMap((item, index): readonly Past[] => {
    const members = membersOf(item, [...ACTED, 'at', 'outcome'], problems)
    const acted = members && parseActed(item, members, problems)
    if (!members || !acted) return []
    const outcome = wordOf(members.get('outcome'), OUTCOMES, problems) ?? 'complete'
    // Those that say no time came one after the other, just before.
    const agoMs = agoOf(members.get('at'), clock, problems) ?? (items.length - index) * 1000
    return [{ ...acted, agoMs, outcome }]
  })
}

/** `-5m` before the call, or a time before it. */
function agoOf(node: DocNode | undefined, clock: Instant, problems: Problems): number | undefined {
  if (!node) return undefined
  const text = textOf(node, problems)
  if (text === undefined) return undefined
  const ago = text.startsWith('-') ? durationMs(text.slice(1)) : undefined
  if (ago !== undefined) return ago
  if (/^\d{4}-/.test(text)) {
    const at = instantOf(node, problems)
    if (at === undefined) return undefined
    if (at <= clock) return clock - at
    problems.error(node, 'future_history', 'this call comes after the one that is tested')
    return undefined
  }
  const remedy = 'write how long before the call it was: `-5m`, or a time with its zone'
  problems.error(node, 'invalid_time', `\`${node.path}\` is no time: \`${text}\``, remedy)
  return undefined
}

export const ACTED: readonly string[] = [...Object.values(TARGET_MEMBERS), 'args']

/** What is called: a tool, resource or prompt of a server, with its arguments. */
export function parseActed(at: DocNode, members: Members, problems: Problems): Acted | undefined {
  const named = Object.values(TARGET_MEMBERS).flatMap((kind) => {
    const node = members.get(kind)
    return node ? [{ kind, node }] : []
  })
  const [only, second] = named
  if (!only || second) {
    const what = only ? 'more than one thing is called' : 'nothing is called'
    const remedy =
      'name one: `tool: vendors/approve`, `resource: server/uri`, `prompt: server/name`'
    problems.error(second?.node ?? at, 'missing_member', what, remedy)
    return undefined
  }
  const text = textOf(only.node, problems)
  if (text === undefined) return undefined
  const split = serverAndName(text)
  if (!split) {
    const remedy = `write \`server/${only.kind === 'resource' ? 'uri' : 'name'}\``
    const message = `\`${text}\` does not name a server and a ${only.kind}`
    problems.error(only.node, 'invalid_target', message, remedy)
    return undefined
  }
  return { kind: only.kind, ...split, args: argsOf(members.get('args'), problems) }
}

/** `server/name`, split at the first slash; undefined where one of them is missing. */
export function serverAndName(
  text: string,
): { readonly server: string; readonly name: string } | undefined {
  const slash = text.indexOf('/')
  if (slash < 1 || slash === text.length - 1) return undefined
  return { server: text.slice(0, slash), name: text.slice(slash + 1) }
}

function argsOf(node: DocNode | undefined, problems: Problems): JsonObject {
  const map = node && mapOf(node, problems)
  const value = map ? plain(map) : {}
  return isObject(value) ? value : {}
}
