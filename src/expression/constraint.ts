/** Argument constraints (design: the closed vocabulary): a document node in, a compiled predicate out. */
import type { Conjunct } from '../model/decision.ts'
import {
  type DocEntry,
  type DocMap,
  type DocNode,
  nearest,
  type Problems,
} from '../model/document.ts'
import type { Json } from '../model/json.ts'
import { cidr } from './cidr.ts'
import {
  type Clause,
  type ClauseParser,
  type Constraint,
  type ConstraintScope,
  explainClause,
  type Judgement,
  type ParseScope,
  TAKES,
} from './clause.ts'
import { contradiction } from './contradiction.ts'
import { date } from './date.ts'
import { email } from './email.ts'
import { host } from './host.ts'
import { any, each, size, subsetOf } from './list.ts'
import { namedIn } from './named.ts'
import { fields, type OtherFields } from './object.ts'
import { path } from './path-constraint.ts'
import { pattern } from './pattern.ts'
import { isTrue, wrongForm } from './reader.ts'
import { bytes, glob, length, prefix, suffix, uuid } from './text.ts'
import { url } from './url-constraint.ts'
import { equals, int, notOneOf, oneOf, range } from './value.ts'

export type { Constraint, ConstraintScope, Judgement } from './clause.ts'

/** Constraints nested deeper than this were not written by a person. */
const MAX_DEPTH = 12

const PARSERS: Readonly<Record<string, ClauseParser>> = {
  equals,
  one_of: oneOf,
  not_one_of: notOneOf,
  range,
  int,
  length,
  size,
  each,
  any,
  subset_of: subsetOf,
  prefix,
  suffix,
  glob,
  path,
  url,
  host,
  email,
  cidr,
  date,
  uuid,
  pattern,
  bytes,
  named_in: namedIn,
}
/** Names read here, because they say something about the constraints beside them. */
const OWN = ['present', 'absent', 'optional', 'fields', 'otherFields'] as const
const NAMES: readonly string[] = [...Object.keys(PARSERS), ...OWN]

/**
 * Compiles what stands under an argument's name; undefined when a problem was reported. Several constraints in one
 * mapping must all hold. An absent argument fails, unless `optional: true` stands beside them.
 */
export function parseConstraint(
  node: DocNode,
  scope: ConstraintScope,
  problems: Problems,
): Constraint | undefined {
  return parseNested(node, scope, problems, 0)
}

function parseNested(
  node: DocNode,
  constants: ConstraintScope,
  problems: Problems,
  depth: number,
): Constraint | undefined {
  if (depth > MAX_DEPTH) {
    problems.error(node, 'too_deep', 'constraints are nested too deep', 'flatten them')
    return undefined
  }
  if (node.kind !== 'map' || node.entries.length === 0)
    return wrongForm(
      node,
      problems,
      'a mapping of constraints',
      'write for example `{ equals: B }` or `{ present: true }`',
    )
  const nested = (inner: DocNode): Constraint | undefined =>
    parseNested(inner, constants, problems, depth + 1)
  return parseMembers(node, { constants, problems, nested })
}

function parseMembers(node: DocMap, scope: ParseScope): Constraint | undefined {
  const { problems } = scope
  const before = problems.list.filter((found) => found.level === 'error').length
  const clauses: Clause[] = []
  for (const entry of node.entries) {
    const parsed = parseClause(entry, node, scope)
    if (parsed) clauses.push(parsed)
  }
  const presence = presenceOf(node, problems)
  const after = problems.list.filter((found) => found.level === 'error').length
  if (after > before || !presence) return undefined
  const wrong = contradiction(clauses)
  if (wrong !== undefined) {
    const message = `\`${node.path}\` can never hold: ${wrong}`
    problems.error(node, 'impossible_constraint', message, 'change or remove one of them')
    return undefined
  }
  return combine(node, clauses, presence)
}

function parseClause(entry: DocEntry, node: DocMap, scope: ParseScope): Clause | undefined {
  const { key, value } = entry
  if (key === 'fields') return fields(value, scope, otherFieldsOf(node, scope.problems))
  const parser = Object.hasOwn(PARSERS, key) ? PARSERS[key] : undefined
  if (parser) return parser(value, scope)
  if (OWN.some((name) => name === key)) return undefined
  const near = nearest(key, NAMES)
  scope.problems.error(
    { place: entry.keyPlace },
    'unknown_constraint',
    `unknown constraint \`${key}\``,
    near === undefined ? `use one of ${NAMES.join(', ')}` : `did you mean \`${near}\`?`,
  )
  return undefined
}

function memberNode(node: DocMap, key: string): DocNode | undefined {
  return node.entries.find((entry) => entry.key === key)?.value
}

function otherFieldsOf(node: DocMap, problems: Problems): OtherFields {
  const other = memberNode(node, 'otherFields')
  if (!other) return 'refuse'
  const value = other.kind === 'scalar' ? other.value : undefined
  if (value === 'permit' || value === 'refuse') return value
  wrongForm(other, problems, '`permit` or `refuse`', 'leave it out to refuse other members')
  return 'refuse'
}

/** What an absent value is, and whether the constraint says that it must be absent. */
type Presence = 'required' | 'optional' | 'absent'

function presenceOf(node: DocMap, problems: Problems): Presence | undefined {
  const names = node.entries.map((entry) => entry.key)
  const has = (name: string): boolean => {
    const found = memberNode(node, name)
    return found !== undefined && isTrue(found, problems)
  }
  if (names.includes('otherFields') && !names.includes('fields'))
    return contradict(node, problems, '`otherFields` says nothing without `fields`')
  if (names.includes('absent') && names.length > 1)
    return contradict(node, problems, '`absent` leaves nothing for another constraint to say')
  if (names.includes('present') && names.includes('optional'))
    return contradict(node, problems, '`present` and `optional` exclude each other')
  if (has('absent')) return 'absent'
  // A `present` that is not true is a problem, whatever stands beside it.
  has('present')
  return has('optional') ? 'optional' : 'required'
}

function contradict(node: DocMap, problems: Problems, message: string): undefined {
  problems.error(node, 'contradiction', message, 'remove one of them')
  return undefined
}

function combine(node: DocMap, clauses: readonly Clause[], presence: Presence): Constraint {
  const inner = clauses.flatMap((asked) => asked.inner ?? [])
  const names = node.entries.map((entry) => entry.key).filter((name) => name !== 'otherFields')
  return {
    describe: describeAll(clauses, presence),
    kinds: new Set([...names, ...inner.flatMap((nested) => [...nested.kinds])]),
    judge: judgeAll(clauses, presence),
    cost: costOfAll(clauses),
    explain: (value, rule) => explainAll({ clauses, presence }, value, rule),
    pathsUnder: [
      ...clauses.flatMap((asked) => asked.pathsUnder ?? []),
      ...inner.flatMap((nested) => nested.pathsUnder),
    ],
  }
}

/** Of asking one more value, whatever is asked of it. */
const BASE_STEPS = 3

function costOfAll(clauses: readonly Clause[]): Constraint['cost'] {
  const base = BASE_STEPS * Math.max(1, clauses.length)
  const costs = clauses.flatMap(({ cost }) => cost ?? [])
  if (costs.length === 0) return () => base
  return (value) => costs.reduce((sum, cost) => sum + cost(value), base)
}

function describeAll(clauses: readonly Clause[], presence: Presence): string {
  if (presence === 'absent') return 'is absent'
  const words = clauses.map((asked) => asked.describe).join(' and ')
  if (presence === 'optional')
    return words === '' ? 'is anything or absent' : `${words}, or is absent`
  return words === '' ? 'is present and not null' : words
}

/** One closure for each form, so that the commonest forms cost one call. */
function judgeAll(
  clauses: readonly Clause[],
  presence: Presence,
): (value: Json | undefined) => Judgement {
  if (presence === 'absent') return (value) => (value === undefined ? 'holds' : 'fails')
  const missing: Judgement = presence === 'optional' ? 'holds' : 'fails'
  const [first, ...others] = clauses
  if (!first) return presenceJudge(presence)
  const judge = first.judge
  if (others.length === 0) return (value) => (value === undefined ? missing : judge(value))
  return (value) => {
    if (value === undefined) return missing
    let all = judge(value)
    for (const asked of others) {
      if (all === 'fails') return 'fails'
      const next = asked.judge(value)
      if (next !== 'holds') all = next
    }
    return all
  }
}

/** `null` is neither present nor absent: which of the two a tool takes it for is in doubt. */
function presenceJudge(presence: Presence): (value: Json | undefined) => Judgement {
  if (presence === 'optional') return () => 'holds'
  return (value) => (value === undefined || value === null ? 'fails' : 'holds')
}

function explainAll(
  asked: { readonly clauses: readonly Clause[]; readonly presence: Presence },
  value: Json | undefined,
  rule: string,
): readonly Conjunct[] {
  const { clauses, presence } = asked
  if (value === undefined && presence !== 'required')
    return [{ rule, expected: describeAll(clauses, presence), result: 'holds' }]
  if (clauses.length > 0) return clauses.flatMap((one) => explainClause(one, value, rule))
  return explainClause(
    {
      kind: 'present',
      describe: describeAll(clauses, presence),
      takes: TAKES.any,
      judge: judgeAll(clauses, presence),
    },
    value,
    rule,
  )
}
