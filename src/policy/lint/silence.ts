/** Findings that somebody looked at and lets stand. */
import { nearest } from '../../model/document.ts'
import type { Ignored, PolicyFile } from '../language.ts'
import { type Finding, type FindingId, FINDINGS, Findings, type LintGiven } from './finding.ts'

/** Silences `chaperone test --mutate`, all kinds of mistakes or one. */
const OF_MISTAKES = /^mutant(?::|$)/

/** Only found where the upstreams were asked. */
const OF_TOOLS: readonly FindingId[] = [
  'unknown_server',
  'unknown_tool',
  'unknown_argument',
  'type_mismatch',
  'impossible_value',
  'optional_without_has',
  'never_matches',
  'unconstrained_argument',
  'mandate_unusable',
  'nobody_approves',
]

/** The findings that are left, and those about an `ignore` that silences nothing although it was looked for. */
export function silenced(found: readonly Finding[], given: LintGiven): readonly Finding[] {
  const { policies, tools, silent, tests } = given
  const unsought: readonly string[] = [
    ...(tools && (silent?.size ?? 0) === 0 ? [] : OF_TOOLS),
    ...(tests ? [] : ['no_test']),
  ]
  const rows = policies.files.flatMap((file) =>
    file.ignore.map((row) => ({ row, file, used: false })),
  )
  const left = found.filter((finding) => {
    const matching = rows.filter(({ row, file }) => isSilenced(finding, row, file))
    for (const one of matching) one.used = true
    return matching.length === 0
  })
  const findings = new Findings()
  for (const { row, used } of rows)
    if (!used && !unsought.includes(row.finding) && !OF_MISTAKES.test(row.finding))
      reportUnused(row, findings)
  return [...left, ...findings.list]
}

/** Without a rule: everywhere in its own file. With one: of this file by its id, or whatever has this name. */
function isSilenced({ id, rule, place }: Finding, row: Ignored, file: PolicyFile): boolean {
  if (row.finding !== id) return false
  if (row.rule === undefined) return place?.file === file.file
  return rule === row.rule || rule === `${file.name}#${row.rule}`
}

function reportUnused({ finding, rule, place }: Ignored, findings: Findings): void {
  const about = { place, ...(rule !== undefined && { rule }) }
  const known = Object.keys(FINDINGS)
  const near = known.includes(finding) ? undefined : nearest(finding, known)
  const where = rule === undefined ? '' : ` of \`${rule}\``
  const remedy = near === undefined ? 'remove it' : `did you mean \`${near}\`?`
  findings.add('unused_ignore', about, `there is no \`${finding}\`${where} to silence`, remedy)
}
