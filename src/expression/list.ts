/** Constraints on a list: `size`, `each`, `any`, `subset_of`. */
import type { Conjunct } from '../model/decision.ts'
import { isList, type Json } from '../model/json.ts'
import { boundsOf, boundsText } from './bounds.ts'
import {
  type Clause,
  clause,
  type ClauseParser,
  type Constraint,
  type Judgement,
  TAKES,
} from './clause.ts'
import { valuesOf } from './reader.ts'
import { MAX_STEPS } from './run.ts'
import { shown } from './show.ts'
import { among, listedValues } from './value.ts'

/** Elements that an explanation shows one by one. */
const MAX_EXPLAINED = 20

export const size: ClauseParser = (node, { problems }) => {
  const bounds = boundsOf(node, 'count', problems)
  if (!bounds) return undefined
  const { min, max } = bounds
  return clause(
    'size',
    `has ${boundsText(bounds, 0)} elements`,
    TAKES.list,
    (value) => isList(value) && value.length >= min && value.length <= max,
  )
}

/** Every element holds. An empty list holds: `size` says otherwise where that matters. */
export const each: ClauseParser = (node, { nested }) => {
  const inner = nested(node)
  return inner && quantified('each', `each element ${inner.describe}`, inner, judgeEach)
}

/** At least one element holds. An empty list fails. */
export const any: ClauseParser = (node, { nested }) => {
  const inner = nested(node)
  return inner && quantified('any', `some element ${inner.describe}`, inner, judgeAny)
}

/** Every element is one of the values listed; an empty list holds. */
export const subsetOf: ClauseParser = (node, { problems }) => {
  const values = valuesOf(node, problems)
  if (!values) return undefined
  const within = among(values)
  return {
    cost: (value) => (isList(value) ? value.length : 0),
    ...clause(
      'subset_of',
      `has only elements that are ${listedValues(values)}`,
      TAKES.list,
      (value) => isList(value) && value.every(within),
    ),
    hint: (value) => {
      const wrong = isList(value) ? value.find((item) => !within(item)) : undefined
      return wrong === undefined ? undefined : `\`${shown(wrong, '')}\` is not among them`
    },
  }
}

function quantified(
  kind: string,
  describe: string,
  inner: Constraint,
  judge: (list: readonly Json[], inner: Constraint) => Judgement,
): Clause {
  return {
    kind,
    describe,
    takes: TAKES.list,
    judge: (value) => (isList(value) ? judge(value, inner) : 'fails'),
    cost: (value) => (isList(value) ? costOfList(value, inner) : 0),
    explain: (value, rule) => explainElements(value, rule, describe, { inner, judge }),
    inner: [inner],
  }
}

function costOfList(list: readonly Json[], inner: Constraint): number {
  let steps = 0
  for (const item of list) {
    steps += inner.cost(item)
    if (steps > MAX_STEPS) break
  }
  return steps
}

/** A list that takes too long to judge does not hold. */
function judgeEach(list: readonly Json[], inner: Constraint): Judgement {
  let all: Judgement = 'holds'
  let steps = 0
  for (const item of list) {
    steps += inner.cost(item)
    if (steps > MAX_STEPS) return 'fails'
    const judgement = inner.judge(item)
    if (judgement === 'fails') return 'fails'
    if (judgement === 'asks') all = 'asks'
  }
  return all
}

function judgeAny(list: readonly Json[], inner: Constraint): Judgement {
  let best: Judgement = 'fails'
  let steps = 0
  for (const item of list) {
    steps += inner.cost(item)
    if (steps > MAX_STEPS) return 'fails'
    const judgement = inner.judge(item)
    if (judgement === 'holds') return 'holds'
    if (judgement === 'asks') best = 'asks'
  }
  return best
}

/** The list as a whole, then the first elements that do not hold, one by one. */
function explainElements(
  value: Json,
  rule: string,
  describe: string,
  asked: {
    readonly inner: Constraint
    readonly judge: (list: readonly Json[], inner: Constraint) => Judgement
  },
): readonly Conjunct[] {
  const { inner, judge } = asked
  const result = isList(value) ? judge(value, inner) : 'fails'
  const whole: Conjunct = { rule, expected: describe, read: shown(value, rule), result }
  if (!isList(value)) return [{ ...whole, hint: 'the value is no list' }]
  if (result === 'holds') return [whole]
  const parts: Conjunct[] = []
  for (const [index, item] of value.entries()) {
    if (parts.length >= MAX_EXPLAINED) break
    if (inner.judge(item) !== 'holds') parts.push(...inner.explain(item, `${rule}[${index}]`))
  }
  if (costOfList(value, inner) > MAX_STEPS)
    return [{ ...whole, hint: 'the list takes too much work to judge' }, ...parts]
  return [whole, ...parts]
}
