/** What a constraint is once compiled: predicates over one value, with the words to explain them. */
import type { Conjunct } from '../model/decision.ts'
import type { DocNode, Problems } from '../model/document.ts'
import { isList, type Json } from '../model/json.ts'
import { shown } from './show.ts'

/** `asks` only arises from `named_in`: the grant's approval is then required. */
export type Judgement = 'holds' | 'fails' | 'asks'

/** Constants known when the mandate is compiled. */
export interface ConstraintScope {
  readonly purpose: string
  /** Named lists of what was known before the task. */
  readonly context: ReadonlyMap<string, readonly string[]>
}

export interface Constraint {
  /** In words, to be read after the argument's name: `is between 0 and 5000`. */
  readonly describe: string
  /** Every constraint name used in it, nested ones too. */
  readonly kinds: ReadonlySet<string>
  /** Total: never throws, never coerces. `undefined` says that the argument is absent. */
  readonly judge: (value: Json | undefined) => Judgement
  /** Steps that judging the value takes at most, of some ten nanoseconds each. */
  readonly cost: (value: Json) => number
  /** The same judgement without short-circuit, one conjunct for each constraint asked. */
  readonly explain: (value: Json | undefined, rule: string) => readonly Conjunct[]
  /** Roots named by `path.under` anywhere in it. */
  readonly pathsUnder: readonly string[]
}

/** The JSON types as bits, to see at compile time that two constraints can never hold together. */
export const TAKES = {
  null: 1,
  bool: 2,
  number: 4,
  text: 8,
  list: 16,
  object: 32,
  any: 63,
} as const

/** One named constraint, compiled; it is only asked about values that are present. */
export interface Clause {
  readonly kind: string
  readonly describe: string
  /** The JSON types it can hold for, as bits of TAKES. */
  readonly takes: number
  readonly judge: (value: Json) => Judgement
  /** Steps that judging one element of a list takes at most; absent: next to none. */
  readonly cost?: (value: Json) => number
  /** Absent: one conjunct that says what `judge` says. */
  readonly explain?: (value: Json, rule: string) => readonly Conjunct[]
  /** What would make it hold, where that can be said. */
  readonly hint?: (value: Json) => string | undefined
  /** Constraints nested in it. */
  readonly inner?: readonly Constraint[]
  readonly pathsUnder?: readonly string[]
  /** Fewest and most code points of a text that it can hold for. */
  readonly lengths?: Limits
  /** Least and greatest number that it can hold for. */
  readonly numbers?: Limits
  /** The only values that it can hold for. */
  readonly values?: readonly Json[]
}

interface Limits {
  readonly min: number
  readonly max: number
}

export interface ParseScope {
  readonly constants: ConstraintScope
  readonly problems: Problems
  /** Compiles a constraint that stands within this one. */
  readonly nested: (node: DocNode) => Constraint | undefined
}

export type ClauseParser = (node: DocNode, scope: ParseScope) => Clause | undefined

/** A clause that holds or fails, never asks. */
export function clause(
  kind: string,
  describe: string,
  takes: number,
  holds: (value: Json) => boolean,
): Clause {
  return { kind, describe, takes, judge: (value) => (holds(value) ? 'holds' : 'fails') }
}

/** Steps of a constraint that reads texts: so many for each of them, and one for so many of its units. */
export function textSteps(each: number, units: number): (value: Json) => number {
  return (value) => each + (typeof value === 'string' ? value.length / units : 0)
}

export function explainClause(
  asked: Clause,
  value: Json | undefined,
  rule: string,
): readonly Conjunct[] {
  if (value !== undefined && asked.explain) return asked.explain(value, rule)
  const result = value === undefined ? 'fails' : asked.judge(value)
  const hint =
    value === undefined
      ? 'the argument is absent'
      : result === 'holds'
        ? undefined
        : asked.hint?.(value)
  return [
    {
      rule,
      expected: asked.describe,
      ...(value !== undefined && { read: shown(value, rule) }),
      result,
      ...(hint !== undefined && { hint }),
    },
  ]
}

/** The bit of a value's JSON type. */
export function typeBit(value: Json): number {
  if (value === null) return TAKES.null
  if (typeof value === 'boolean') return TAKES.bool
  if (typeof value === 'number') return TAKES.number
  if (typeof value === 'string') return TAKES.text
  return isList(value) ? TAKES.list : TAKES.object
}
