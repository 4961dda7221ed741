/** One rule in one of the two sets. */
import type { CompiledPolicies, EngineSelection } from '../compile.ts'
import type { NameScope } from '../logic/prop.ts'
import { scopeOfRule } from '../logic/rule-prop.ts'
import type { CompiledRule } from '../rule.ts'

export interface DiffSide {
  readonly policies: CompiledPolicies
  /** With whatever else of an engine decides, as one text. */
  readonly engines?: readonly (EngineSelection & { readonly fingerprint?: string })[]
}

export interface Version {
  readonly rule: CompiledRule
  readonly scope: NameScope
  readonly policies: CompiledPolicies
}

export function versionsOf(policies: CompiledPolicies): ReadonlyMap<string, Version> {
  return new Map(
    policies.rules.map((rule) => [
      rule.source.name,
      { rule, scope: scopeOfRule(rule, policies), policies },
    ]),
  )
}
