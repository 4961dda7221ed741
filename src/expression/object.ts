/** The constraint `fields`: what the members of an object may be. */
import type { Conjunct } from '../model/decision.ts'
import { isObject, type Json, type JsonObject, member } from '../model/json.ts'
import { type Clause, type ClauseParser, type Constraint, type Judgement, TAKES } from './clause.ts'
import { wrongForm } from './reader.ts'
import { shown, shownText } from './show.ts'

/** `refuse` is the closed world: a member that no constraint names fails. */
export type OtherFields = 'refuse' | 'permit'

interface Fields {
  readonly byName: ReadonlyMap<string, Constraint>
  readonly other: OtherFields
  readonly describe: string
}

/** Reads the constraints by member name; `other` says what becomes of members that none of them names. */
export function fields(
  node: Parameters<ClauseParser>[0],
  scope: Parameters<ClauseParser>[1],
  other: OtherFields,
): Clause | undefined {
  if (node.kind !== 'map' || node.entries.length === 0)
    return wrongForm(
      node,
      scope.problems,
      'a mapping of member names to constraints',
      'write `{ country: { one_of: [DE, FR] } }`',
    )
  const byName = new Map<string, Constraint>()
  for (const entry of node.entries) {
    const inner = scope.nested(entry.value)
    if (inner) byName.set(entry.key, inner)
  }
  if (byName.size < node.entries.length) return undefined
  const parts = [...byName].map(([name, inner]) => `\`${name}\` ${inner.describe}`)
  const closing = other === 'refuse' ? ', and no other members' : ''
  const asked: Fields = { byName, other, describe: `has members: ${parts.join('; ')}${closing}` }
  return {
    kind: 'fields',
    describe: asked.describe,
    takes: TAKES.object,
    judge: (value) => (isObject(value) ? judgeFields(value, asked) : 'fails'),
    cost: (value) => (isObject(value) ? costOfFields(value, asked) : 0),
    explain: (value, rule) => explainFields(value, rule, asked),
    inner: [...byName.values()],
  }
}

function judgeFields(value: JsonObject, asked: Fields): Judgement {
  let all: Judgement = 'holds'
  let found = 0
  for (const [name, inner] of asked.byName) {
    const item = member(value, name)
    if (item !== undefined) found += 1
    const judgement = inner.judge(item)
    if (judgement === 'fails') return 'fails'
    if (judgement === 'asks') all = 'asks'
  }
  if (asked.other === 'permit') return all
  return Object.keys(value).length === found ? all : 'fails'
}

/** Steps for an object whose members are listed, and for each of those. */
const LISTED_STEPS = 25

function costOfFields(value: JsonObject, { byName, other }: Fields): number {
  let steps = LISTED_STEPS
  for (const [name, inner] of byName) {
    const item = member(value, name)
    if (item !== undefined) steps += inner.cost(item)
  }
  return other === 'permit' ? steps : steps + LISTED_STEPS * Object.keys(value).length
}

function explainFields(value: Json, rule: string, asked: Fields): readonly Conjunct[] {
  if (!isObject(value)) {
    const hint = 'the value is no object'
    return [{ rule, expected: asked.describe, read: shown(value, rule), result: 'fails', hint }]
  }
  const parts = [...asked.byName].flatMap(([name, inner]) =>
    inner.explain(member(value, name), `${rule}.${name}`),
  )
  if (asked.other === 'permit') return parts
  const unnamed = Object.keys(value).filter((name) => !asked.byName.has(name))
  const closed: Conjunct = {
    rule,
    expected: 'has no member that the constraint does not name',
    read: shownText(Object.keys(value).join(', ')),
    result: unnamed.length === 0 ? 'holds' : 'fails',
  }
  const hint = `leave out ${unnamed
    .slice(0, 5)
    .map((name) => `\`${shownText(name)}\``)
    .join(', ')}`
  return [...parts, unnamed.length === 0 ? closed : { ...closed, hint }]
}
