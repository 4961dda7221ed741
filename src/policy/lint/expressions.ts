/** The expressions that stand in a rule's conditions, with their places. */
import { placeWithin } from '../../expression/condition.ts'
import { everyExpr, type Expr } from '../../expression/syntax.ts'
import type { DocNode, DocScalar, Place } from '../../model/document.ts'
import type { CompiledRule } from '../rule.ts'

export interface Written {
  readonly member: 'when' | 'unless'
  readonly node: DocScalar
  readonly conjuncts: readonly Expr[]
}

export function conditionsIn({ source, when, unless }: CompiledRule): readonly Written[] {
  const found: Written[] = []
  if (when && source.when?.kind === 'scalar')
    found.push({ member: 'when', node: source.when, conjuncts: when.conjuncts })
  if (unless && source.unless?.kind === 'scalar')
    found.push({ member: 'unless', node: source.unless, conjuncts: unless.conjuncts })
  return found
}

/** All expressions of a rule, each where it stands. */
export function expressionsIn(
  rule: CompiledRule,
): readonly { readonly expr: Expr; readonly place: Place }[] {
  return conditionsIn(rule).flatMap(({ node, conjuncts }) =>
    conjuncts.flatMap(everyExpr).map((expr) => ({ expr, place: placeWithin(node, expr.start) })),
  )
}

/** The values that stand under this member, anywhere within a constraint. */
export function clausesIn(node: DocNode, member: string): readonly DocScalar[] {
  if (node.kind === 'scalar') return []
  if (node.kind === 'list') return node.items.flatMap((item) => clausesIn(item, member))
  return node.entries.flatMap(({ key, value }) =>
    key === member && value.kind === 'scalar' ? [value] : clausesIn(value, member),
  )
}
