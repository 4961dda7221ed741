/** Labels that rules ask for and that nothing ever leaves. */
import type { Expr } from '../../expression/syntax.ts'
import { nearest, type Place } from '../../model/document.ts'
import { expressionsIn } from './expressions.ts'
import { type Findings, type LintGiven, someOf } from './finding.ts'

export function lintLabels({ policies }: LintGiven, findings: Findings): void {
  const left = new Set([
    ...policies.files.flatMap(({ labels }) => labels.flatMap(({ add }) => add)),
    ...policies.rules.flatMap(({ source: { obligation, mode } }) =>
      obligation?.type === 'label' && mode === 'enforce' ? obligation.add : [],
    ),
  ])
  for (const rule of policies.rules) {
    const { name, place, labels } = rule.source
    const asked: (readonly [string, Place])[] = [
      ...labels.map((label) => [label, place] as const),
      ...expressionsIn(rule).flatMap(({ expr, place: at }) =>
        labelsAsked(expr).map((label) => [label, at] as const),
      ),
    ]
    for (const [label, at] of asked) {
      if (left.has(label)) continue
      const near = nearest(label, left)
      const known = left.size === 0 ? 'leave it: `labels: [ … ]`' : `there are ${someOf([...left])}`
      const remedy = near === undefined ? known : `did you mean \`${near}\`?`
      const message = `nothing leaves the label \`${label}\``
      findings.add('unknown_label', { place: at, rule: name }, message, remedy)
    }
  }
}

/** `"untrusted" in session.labels`. */
function labelsAsked(expr: Expr): readonly string[] {
  if (expr.kind !== 'binary' || expr.operator !== 'in' || expr.left.kind !== 'literal') return []
  const { right } = expr
  if (right.kind !== 'member' || right.name !== 'labels') return []
  return right.of.kind === 'name' && right.of.name === 'session' ? [String(expr.left.value)] : []
}
