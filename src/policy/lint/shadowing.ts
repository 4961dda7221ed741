/** Rules that change nothing, since another one matches whenever they do and does as much or more. */
import { impliedBy, scopeOfRule } from '../logic/rule-prop.ts'
import { selectsAll } from '../logic/selectors.ts'
import type { CompiledRule } from '../rule.ts'
import type { Findings, LintGiven } from './finding.ts'

export function lintShadowing({ policies }: LintGiven, findings: Findings): void {
  const rules = policies.rules
    .filter(({ source }) => source.mode === 'enforce')
    .map((rule) => ({ rule, scope: scopeOfRule(rule, policies), duty: dutyOf(rule) }))
  for (const narrow of rules) {
    const wide = rules.find(
      (other) =>
        other !== narrow &&
        (other.rule.source.effect === 'forbid' || other.duty === narrow.duty) &&
        selectsAll(other.rule.source, narrow.rule.source) &&
        impliedBy(other, narrow) === true &&
        // Of two that are alike, the later one is reported.
        (isBefore(other.rule, narrow.rule) ||
          other.duty !== narrow.duty ||
          !selectsAll(narrow.rule.source, other.rule.source) ||
          impliedBy(narrow, other) !== true),
    )
    if (!wide) continue
    const { name, place, effect } = narrow.rule.source
    const does = wide.rule.source.effect === 'forbid' && effect !== 'forbid' ? 'forbids' : 'does'
    const what = does === 'forbids' ? 'whatever this rule is about' : 'all that this rule does'
    const message = `the rule changes nothing: \`${wide.rule.source.name}\` already ${does} ${what}`
    findings.add('shadowed_rule', { place, rule: name }, message, 'remove it, or narrow the other')
  }
}

function isBefore(a: CompiledRule, b: CompiledRule): boolean {
  const [x, y] = [a.source.place, b.source.place]
  if (x.file !== y.file) return x.file < y.file
  return x.line - y.line < 0 || (x.line === y.line && x.column < y.column)
}

/** What it does where it matches; two rules with the same do the same. */
function dutyOf({ source }: CompiledRule): string {
  const { effect, approval, obligation } = source
  return JSON.stringify([effect, approval, obligation])
}
