/** Conditions: CEL under the profile of the design, type-checked, compiled to a predicate over a call. */
import type { CallContext } from '../model/call.ts'
import type { Conjunct } from '../model/decision.ts'
import type { DocNode, Problems } from '../model/document.ts'
import type { JsonObject } from '../model/json.ts'

export interface Condition {
  readonly source: string
  /** Argument paths it reads: `amount`, `to`. */
  readonly reads: readonly string[]
  /** Anything but a real boolean, and any throw, is `error`. */
  readonly evaluate: (call: CallContext) => boolean | 'error'
  /** The top-level `&&` conjuncts one by one, with the values they read. */
  readonly explain: (call: CallContext, rule: string) => readonly Conjunct[]
}

export interface ConditionScope {
  readonly purpose: string
  readonly ref?: string
  /** The tool's schema; absent: parse and profile are checked, arguments are untyped. */
  readonly inputSchema?: JsonObject
}

/** Compiles a condition; undefined when a problem was reported. */
export function compileCondition(
  node: DocNode,
  _scope: ConditionScope,
  problems: Problems,
): Condition | undefined {
  problems.error(node, 'invalid_condition', 'no condition is known yet')
  return undefined
}
