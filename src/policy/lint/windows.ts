/** Windows that hold at every minute of the week. */
import { parseWindow } from '../../expression/window.ts'
import type { Expr } from '../../expression/syntax.ts'
import { instant } from '../../model/id.ts'
import type { NameScope } from '../logic/prop.ts'
import { scopeOfRule } from '../logic/rule-prop.ts'
import type { CompiledRule } from '../rule.ts'
import { expressionsIn } from './expressions.ts'
import type { Findings, LintGiven } from './finding.ts'

export function lintWindows(given: LintGiven, findings: Findings): void {
  for (const rule of given.policies.rules) {
    const scope = scopeOfRule(rule, given.policies)
    for (const { expr, place } of expressionsIn(rule)) {
      const days = wholeWeek(expr, scope)
      if (days === undefined) continue
      const message = `\`${days}\` is the whole week: the window never ends`
      const about = { place, rule: rule.source.name }
      findings.add('whole_week_window', about, message, 'narrow it, or leave it out')
    }
  }
}

export function hasWholeWeek(rule: CompiledRule, scope: NameScope): boolean {
  return expressionsIn(rule).some(({ expr }) => wholeWeek(expr, scope) !== undefined)
}

const WEEK_MINUTES = 10_080
const MINUTE_MS = 60_000

function wholeWeek(expr: Expr, { timezone }: NameScope): string | undefined {
  if (expr.kind !== 'call' || expr.name !== 'within') return undefined
  const [, days, named] = expr.args
  if (days?.kind !== 'literal' || typeof days.value !== 'string') return undefined
  // Which zone it is does not matter for a whole week.
  const zone = named?.kind === 'literal' ? named.value : timezone
  const window = parseWindow(days.value, typeof zone === 'string' ? 'UTC' : '')
  if ('problem' in window) return undefined
  for (let minute = 0; minute < WEEK_MINUTES; minute += 1)
    if (!window.includes(instant(minute * MINUTE_MS))) return undefined
  return days.value
}
