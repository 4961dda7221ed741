/** Exemptions that free a whole call for the sake of one good element. */
import { placeWithin } from '../../expression/condition.ts'
import { type Expr, exprText, parts } from '../../expression/syntax.ts'
import { argumentPath } from '../logic/prop.ts'
import { conditionsIn } from './expressions.ts'
import type { Findings, LintGiven } from './finding.ts'

export function lintExempting({ policies }: LintGiven, findings: Findings): void {
  for (const rule of policies.rules) {
    for (const { member, node, conjuncts } of conditionsIn(rule)) {
      if (member !== 'unless') continue
      for (const expr of conjuncts.flatMap(freeing)) {
        const list = exprText(expr.list)
        const message = `one element of \`${list}\` that fits exempts the whole call, whatever the others are`
        const remedy = `write \`${list}.all(${expr.variable}, …)\` if each has to fit`
        const about = { place: placeWithin(node, expr.start), rule: rule.source.name }
        findings.add('exists_exempts', about, message, remedy)
      }
    }
  }
}

/** Over a list of the call; what stands under `!` exempts the calls without such an element. */
function freeing(expr: Expr): readonly Extract<Expr, { kind: 'macro' }>[] {
  if (expr.kind === 'not') return []
  const own = expr.kind === 'macro' && expr.macro !== 'all' && argumentPath(expr.list) ? [expr] : []
  return [...own, ...parts(expr).flatMap(freeing)]
}
