/** What a constraint is once compiled: one predicate over one value, with the words to explain it. */
import type { Conjunct } from '../model/decision.ts'
import type { Json } from '../model/json.ts'

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
  /** The same judgement without short-circuit, one conjunct for each constraint asked. */
  readonly explain: (value: Json | undefined, rule: string) => readonly Conjunct[]
  /** Roots named by `path.under` anywhere in it. */
  readonly pathsUnder: readonly string[]
}
