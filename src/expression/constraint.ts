/** Argument constraints (design: the closed vocabulary): a document node in, a compiled predicate out. */
import type { DocNode, Problems } from '../model/document.ts'
import type { Constraint, ConstraintScope } from './clause.ts'

export type { Constraint, ConstraintScope, Judgement } from './clause.ts'

/** Compiles what stands under an argument's name; undefined when a problem was reported. */
export function parseConstraint(
  node: DocNode,
  _scope: ConstraintScope,
  problems: Problems,
): Constraint | undefined {
  problems.error(node, 'unknown_constraint', 'no constraint is known yet')
  return undefined
}
