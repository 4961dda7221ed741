/** Calls that wait for an approval which nobody under a mandate may give. */
import { approversOf } from '../guarded.ts'
import { concerns, isAbout } from '../rule.ts'
import type { OfferedTool } from './catalog.ts'
import type { Findings, LintGiven } from './finding.ts'
import { environmentsOf } from './matching.ts'

export function lintApprovers(
  { policies, mandates }: LintGiven,
  offered: readonly OfferedTool[] | undefined,
  findings: Findings,
): void {
  for (const rule of policies.rules) {
    const { approval, name, place } = rule.source
    if (!approval) continue
    for (const compiled of mandates) {
      const { mandate } = compiled
      if (!environmentsOf(compiled).some((one) => concerns(rule, mandate, one))) continue
      const may = offered?.filter(({ tool }) => compiled.tool(tool).listed)
      const about = may?.some(({ subjects }) => subjects.some((one) => isAbout(rule, one)))
      if (about === false && mandate.grants.every(({ kind }) => kind === 'tool')) continue
      const left = approversOf(rule, mandate)
      const grouped = left.some((one) => one.startsWith('group:'))
      if (left.length > 0 && (grouped || left.length >= approval.quorum)) continue
      const few = left.length === 0 ? 'nobody' : `only ${left.length} of ${approval.quorum}`
      const message = `under the mandate \`${mandate.name}\` ${few} may approve: \`except\` takes out who stands behind it`
      const remedy = 'name somebody else in `from`, or narrow `except`'
      findings.add('nobody_approves', { place, rule: name }, message, remedy)
    }
  }
}
