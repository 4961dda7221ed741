/** The linter: what loads, and yet is hardly meant. Pure; nothing that it says changes a decision. */
import { lintApprovers } from './approvers.ts'
import { lintArguments } from './arguments.ts'
import { offeredTools } from './catalog.ts'
import { lintCompared } from './compared.ts'
import { lintExempting } from './exempting.ts'
import { type Finding, Findings, type LintGiven } from './finding.ts'
import { lintLabels } from './labels.ts'
import { lintMandates } from './mandates.ts'
import { lintMatching } from './matching.ts'
import { lintPast } from './past.ts'
import { lintShadowing } from './shadowing.ts'
import { silenced } from './silence.ts'
import { lintTargets } from './targets.ts'
import { lintTexts } from './texts.ts'
import { lintSets, lintTests } from './upkeep.ts'
import { lintWindows } from './windows.ts'

/** All findings, without those that a policy file silences; by where they stand. */
export function lint(given: LintGiven): readonly Finding[] {
  const findings = new Findings()
  const offered = offeredTools(given)
  lintTargets(given, findings)
  if (offered) lintArguments(given, offered, findings)
  lintPast(given, findings)
  lintCompared(given, findings)
  lintMatching(given, offered, findings)
  lintWindows(given, findings)
  lintLabels(given, findings)
  lintShadowing(given, findings)
  lintTexts(given, findings)
  lintExempting(given, findings)
  lintMandates(given, findings)
  lintApprovers(given, offered, findings)
  lintSets(given, findings)
  lintTests(given, findings)
  return silenced(onceEach(findings.list), given).toSorted(byPlace)
}

/** Two mandates may have a role in common. */
function onceEach(found: readonly Finding[]): readonly Finding[] {
  return [...new Map(found.map((one) => [JSON.stringify(one), one])).values()]
}

function byPlace({ place: a }: Finding, { place: b }: Finding): number {
  if (!a || !b) return 0
  if (a.file !== b.file) return a.file < b.file ? -1 : 1
  return a.line - b.line || a.column - b.column
}
