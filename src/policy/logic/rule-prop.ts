/** A rule as far as it can be reasoned about: what has to hold at a call that it is about. */
import type { Condition } from '../../expression/condition.ts'
import { RISK_POSTURES } from '../../model/call.ts'
import { plain } from '../../model/document.ts'
import { canonical } from '../../model/json.ts'
import type { CompiledPolicies } from '../compile.ts'
import type { CompiledRule } from '../rule.ts'
import { labelKey, type NameScope, type Prop, propOf, Terms } from './prop.ts'
import { always, type State, truthOf } from './states.ts'

export interface RuleProp {
  readonly when?: Prop
  readonly unless?: Prop
  /** The question whether the arguments exempt the call. */
  readonly exempt?: string
  readonly risk: readonly string[]
  readonly labels: readonly string[]
}

/** What the names in conditions of this rule stand for. */
export function scopeOfRule(rule: CompiledRule, policies: CompiledPolicies): NameScope {
  const { name } = rule.source
  const file = policies.files.find((one) => name === `${one.name}#${rule.source.id}`)
  const sets = new Map([...policies.sets].map(([key, { values }]) => [key, values]))
  return { sets, ...(file?.timezone !== undefined && { timezone: file.timezone }) }
}

export function conditionProp(condition: Condition, scope: NameScope, terms: Terms): Prop {
  return condition.conjuncts
    .map((expr) => propOf(expr, scope, terms))
    .reduce((left, right) => ({ kind: 'and', left, right }))
}

export function rulePropOf(rule: CompiledRule, scope: NameScope, terms: Terms): RuleProp {
  const { source, when, unless, exempt } = rule
  const { risk, labels } = source
  if (risk.length > 0) terms.term('risk', 'fixed', false, RISK_POSTURES)
  for (const label of labels) terms.ask(labelKey(label), [true, false])
  const key = exempt && exemptKey(source, scope)
  if (key !== undefined) terms.ask(key, [true, false])
  return {
    ...(when && { when: conditionProp(when, scope, terms) }),
    ...(unless && { unless: conditionProp(unless, scope, terms) }),
    ...(key !== undefined && { exempt: key }),
    risk,
    labels,
  }
}

/** The same constraints over the same sets are the same question. */
export function exemptKey({ unlessArgs }: CompiledRule['source'], { sets }: NameScope): string {
  const args = [...(unlessArgs?.args ?? [])].map(([name, node]) => [name, plain(node)] as const)
  const text = canonical([Object.fromEntries(args), unlessArgs?.otherArgs ?? 'refuse'])
  const used = [...sets].filter(([name]) => text.includes(`"$${name}"`))
  return `unlessArgs ${text} ${JSON.stringify(used)}`
}

/** Whether it matches, a fault counted as a match. */
export function matchesIn(prop: RuleProp, state: State): boolean {
  const { when, unless, exempt, risk, labels } = prop
  if (risk.length > 0 && !risk.some((one) => one === state.values.get('risk'))) return false
  if (labels.some((one) => state.answers.get(labelKey(one)) === false)) return false
  if (when && truthOf(when, state) === false) return false
  if (unless && truthOf(unless, state) === true) return false
  return exempt === undefined || state.answers.get(exempt) !== true
}

/** Does the first match whenever the second does, whatever they are about? Undefined where it cannot be told. */
export function impliedBy(
  wide: { readonly rule: CompiledRule; readonly scope: NameScope },
  narrow: { readonly rule: CompiledRule; readonly scope: NameScope },
): boolean | undefined {
  const terms = new Terms()
  const a = rulePropOf(wide.rule, wide.scope, terms)
  const b = rulePropOf(narrow.rule, narrow.scope, terms)
  return always(terms, (state) => !matchesIn(b, state) || matchesIn(a, state))
}
