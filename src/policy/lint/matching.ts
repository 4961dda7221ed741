/** Rules that can never match, conditions that always hold, and windows that are no windows. */
import { EFFECT_CLASSES } from '../../model/call.ts'
import type { CompiledMandate } from '../../model/authority.ts'
import { type NameScope, type Prop, Terms } from '../logic/prop.ts'
import { conditionProp, rulePropOf, scopeOfRule } from '../logic/rule-prop.ts'
import type { Truth } from '../logic/sample.ts'
import { always, states, truthOf } from '../logic/states.ts'
import { type CompiledRule, concerns, isAbout } from '../rule.ts'
import type { OfferedTool } from './catalog.ts'
import { conditionsIn } from './expressions.ts'
import { type About, type Findings, type LintGiven, someOf } from './finding.ts'
import { hasWholeWeek } from './windows.ts'

export function lintMatching(
  given: LintGiven,
  offered: readonly OfferedTool[] | undefined,
  findings: Findings,
): void {
  for (const rule of given.policies.rules) {
    const { name, place } = rule.source
    const about = { place, rule: name }
    lintSelectors(rule, given, about, findings)
    if (offered) lintSelected(rule, offered, given, findings)
    lintConditions(rule, given, about, findings)
  }
}

/** What is said of one condition. */
interface Said {
  readonly id: 'never_matches' | 'always_matches'
  readonly member?: 'when' | 'unless'
  readonly message: string
}

const REMEDY = {
  never_matches: 'correct the condition, or remove the rule',
  always_matches: 'leave it out, or correct it',
} as const

function lintConditions(
  rule: CompiledRule,
  given: LintGiven,
  about: About,
  findings: Findings,
): void {
  const places = new Map(conditionsIn(rule).map(({ member, node }) => [member, node.place]))
  for (const { id, member, message } of saidOf(rule, given)) {
    const place = member && places.get(member)
    findings.add(id, { ...about, ...(place && { place }) }, message, REMEDY[id])
  }
}

function saidOf(rule: CompiledRule, given: LintGiven): readonly Said[] {
  const scope = scopeOfRule(rule, given.policies)
  const when = valuesOf(rule.when, scope)
  const unless = valuesOf(rule.unless, scope)
  const never = (message: string, member?: Said['member']): readonly Said[] => [
    { id: 'never_matches', message, ...(member && { member }) },
  ]
  if (when && !when.has(true) && !when.has('error'))
    return never('the rule never matches: `when` is always false', 'when')
  if (when && !when.has(true) && when.has(false))
    return never('`when` is never true: only what cannot be evaluated matches', 'when')
  if (unless && unless.size === 1 && unless.has(true))
    return never('the rule never matches: `unless` is always true', 'unless')
  if (unless && unless.has(true) && !unless.has(false))
    return never('`unless` is never false: only what cannot be evaluated matches', 'unless')
  if (neverTogether(rule, given))
    return never('what the rule asks for is never the case all at once')
  if (hasWholeWeek(rule, scope)) return []
  const always = (message: string, member: 'when' | 'unless'): Said => ({
    id: 'always_matches',
    member,
    message,
  })
  return [
    ...(when && !when.has(false)
      ? [always('`when` is never false, and says nothing', 'when')]
      : []),
    ...(unless && !unless.has(true)
      ? [always('`unless` is never true, and exempts nothing', 'unless')]
      : []),
  ]
}

/** All that the condition may come to; undefined where there is none, or it cannot be told. */
function valuesOf(
  condition: CompiledRule['when'],
  scope: NameScope,
): ReadonlySet<Truth> | undefined {
  if (!condition) return undefined
  if (condition.constant !== undefined) return new Set([condition.constant])
  const terms = new Terms()
  const prop = conditionProp(condition, scope, terms)
  const all = states(terms)
  if (!all) return undefined
  const found = new Set<Truth>()
  for (const state of all) {
    found.add(truthOf(prop, state))
    if (found.size === 3) break
  }
  return found
}

/** Each part alone may hold: posture, labels, `when`, and what `unless` exempts. */
function neverTogether(rule: CompiledRule, given: LintGiven): boolean {
  const terms = new Terms()
  const prop = rulePropOf(rule, scopeOfRule(rule, given.policies), terms)
  const asked: readonly (Prop | undefined)[] = [prop.when, prop.unless]
  const parts = asked.filter((one) => one !== undefined).length + Math.min(prop.risk.length, 1)
  if (parts < 2) return false
  return (
    always(terms, (state) => {
      if (prop.risk.length > 0 && !prop.risk.some((one) => one === state.values.get('risk')))
        return true
      if (prop.when && truthOf(prop.when, state) !== true) return true
      return prop.unless !== undefined && truthOf(prop.unless, state) === true
    }) === true
  )
}

/** Agents, purposes and environments that no mandate has. */
function lintSelectors(
  rule: CompiledRule,
  { mandates }: LintGiven,
  about: About,
  findings: Findings,
): void {
  const { agents, purposes, environments } = rule.source
  if (mandates.length === 0 || agents.length + purposes.length + environments.length === 0) return
  if (mandates.some((mandate) => environmentsOf(mandate).some((one) => meets(rule, mandate, one))))
    return
  const asked = [
    ...(agents.length > 0 ? ['agents'] : []),
    ...(purposes.length > 0 ? ['purposes'] : []),
    ...(environments.length > 0 ? ['environments'] : []),
  ]
  const message = `the rule never matches: no mandate is one of its ${asked.join(' and ')}`
  findings.add('never_matches', about, message, 'correct them, or give such a mandate')
}

const ALL = ['dev', 'test', 'staging', 'prod'] as const

export function environmentsOf({ mandate }: CompiledMandate): readonly (typeof ALL)[number][] {
  return mandate.environment.length > 0 ? mandate.environment : ALL
}

function meets(rule: CompiledRule, { mandate }: CompiledMandate, environment: string): boolean {
  return concerns(rule, mandate, environment)
}

/** Effects and data that none of the tools has which the rule names. */
function lintSelected(
  rule: CompiledRule,
  offered: readonly OfferedTool[],
  given: LintGiven,
  findings: Findings,
): void {
  const { source, targets } = rule
  const { effects, data, name, place } = source
  if (effects.length === 0 && data.length === 0) return
  // What is neither a tool nor named may be a resource or a prompt that a mandate grants.
  if (targets ? targets.some(({ kind }) => kind !== 'tool') : mayMeanOthers(rule, given)) return
  const named = offered.flatMap(({ subjects }) =>
    subjects.filter((one) =>
      isAbout({ ...rule, source: { ...source, effects: [], data: [] } }, one),
    ),
  )
  if (named.length === 0 || named.some((one) => isAbout(rule, one))) return
  const silent = targets ? undefined : [...(given.silent ?? [])][0]
  if (silent !== undefined) return
  const wanted = [...effects, ...data]
  const message = `the rule never matches: none of the tools that it names is ${someOf(wanted)}`
  const remedy = 'correct `effects` and `data`, or classify the tools'
  findings.add('never_matches', { place, rule: name }, message, remedy)
}

function mayMeanOthers({ source }: CompiledRule, { mandates }: LintGiven): boolean {
  if (mandates.length === 0) return true
  return mandates.some(({ mandate }) =>
    mandate.grants.some(({ kind, effect, data }) => {
      if (kind === 'tool') return false
      const effects = effect === undefined ? EFFECT_CLASSES : [effect]
      if (source.effects.length > 0 && !source.effects.some((one) => effects.includes(one)))
        return false
      return (
        source.data.length === 0 ||
        data.length === 0 ||
        source.data.some((one) => data.includes(one))
      )
    }),
  )
}
