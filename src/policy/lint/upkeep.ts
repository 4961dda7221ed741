/** What a set of policies carries along: sets that nobody reads, rules without a test. */
import { plain } from '../../model/document.ts'
import { canonical } from '../../model/json.ts'
import type { CompiledRule } from '../rule.ts'
import { setsIn } from '../logic/prop.ts'
import { conditionsIn } from './expressions.ts'
import type { Findings, LintGiven } from './finding.ts'

export function lintSets({ policies }: LintGiven, findings: Findings): void {
  const used = new Set(policies.rules.flatMap(setsRead))
  for (const [name, { place }] of policies.sets) {
    if (used.has(name)) continue
    const message = `no rule reads the set \`${name}\``
    const remedy = `remove it, or read it: \`sets.${name}\`, \`$${name}\``
    findings.add('dead_set', { place }, message, remedy)
  }
}

function setsRead(rule: CompiledRule): readonly string[] {
  const conditions = conditionsIn(rule).flatMap(({ conjuncts }) => conjuncts.flatMap(setsIn))
  const constraints = [...(rule.source.unlessArgs?.args.values() ?? [])].flatMap((node) =>
    [...canonical(plain(node)).matchAll(/"\$([A-Za-z_]\w*)"/g)].map((match) => match[1] ?? ''),
  )
  return [...conditions, ...constraints]
}

export function lintTests({ policies, tests }: LintGiven, findings: Findings): void {
  if (!tests) return
  for (const { source } of policies.rules) {
    const { name, place, id } = source
    if (tests.has(name)) continue
    const remedy = `write a case that it decides: \`by: ${name}\``
    findings.add('no_test', { place, rule: name }, `no test names the rule \`${id}\``, remedy)
  }
}
