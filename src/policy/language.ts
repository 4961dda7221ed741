/** A policy file as parsed: conditions and constraints in source form, with the place of everything. */
import type { BudgetSource } from '../model/budget.ts'
import type { EffectClass, Environment, RiskPosture } from '../model/call.ts'
import type { ApprovalAssurance } from '../model/decision.ts'
import type { DocNode, Place } from '../model/document.ts'
import type { Obligation, PolicyMode, RuleEffect } from '../model/policy.ts'

export interface PolicyFile {
  readonly name: string
  readonly file: string
  readonly place: Place
  readonly owner?: string
  readonly description?: string
  readonly mode: PolicyMode
  /** IANA zone of time windows that name none. */
  readonly timezone?: string
  readonly sets: ReadonlyMap<string, NamedSet>
  readonly classify: readonly Classification[]
  readonly labels: readonly LabelRule[]
  readonly rules: readonly RuleSource[]
  readonly budgets: readonly PolicyBudget[]
  readonly ignore: readonly Ignored[]
}

/** Values that conditions read as `sets.<name>` and constraints as `$<name>`; shared by all files of the set. */
export interface NamedSet {
  readonly place: Place
  readonly values: readonly (string | number | boolean)[]
  readonly nodes: readonly DocNode[]
}

/** `server/name` globs of one kind. */
export interface Target {
  readonly kind: 'tool' | 'resource' | 'prompt'
  readonly server: string
  readonly name: string
  readonly place: Place
}

export interface Classification {
  readonly place: Place
  readonly targets: readonly Target[]
  readonly effect?: EffectClass
  readonly data: readonly string[]
}

export interface LabelRule {
  /** `acme-guardrails#labels[0]`. */
  readonly name: string
  readonly place: Place
  readonly targets: readonly Target[]
  /** Globs of servers that leave it with whatever they say. */
  readonly servers: readonly string[]
  readonly add: readonly string[]
}

/** The duty that an `oblige` rule lays on, before it knows its rule. */
export type ObligationSource = WithoutRule<Obligation>
type WithoutRule<T> = T extends unknown ? Omit<T, 'rule'> : never

export interface ApprovalSource {
  readonly from: readonly string[]
  readonly quorum: number
  readonly expiresInMs: number
  readonly assurance?: ApprovalAssurance
  /** Separation of duties: who stands behind the mandate does not approve its calls. */
  readonly except: readonly ('owner' | 'approvers')[]
}

export interface RuleSource {
  readonly id: string
  /** `acme-guardrails#no-exfiltration`. */
  readonly name: string
  readonly place: Place
  readonly description?: string
  readonly effect: RuleEffect
  readonly mode: PolicyMode
  /** Absent: whatever is acted on. */
  readonly targets?: readonly Target[]
  /** Each of these lists empty: any. */
  readonly effects: readonly EffectClass[]
  readonly data: readonly string[]
  readonly agents: readonly Pattern[]
  readonly purposes: readonly Pattern[]
  readonly environments: readonly Environment[]
  readonly risk: readonly RiskPosture[]
  /** All of them have to be on the session. */
  readonly labels: readonly string[]
  readonly when?: DocNode
  readonly unless?: DocNode
  readonly unlessArgs?: {
    readonly place: Place
    readonly args: ReadonlyMap<string, DocNode>
    readonly otherArgs: 'refuse' | 'permit'
  }
  readonly approval?: ApprovalSource
  readonly obligation?: ObligationSource
}

/** A limit on tools, whatever mandate they are called under. In shadow it takes nothing. */
export interface PolicyBudget extends BudgetSource {
  readonly mode: PolicyMode
  /** Each of these lists empty: any. */
  readonly effects: readonly EffectClass[]
  readonly data: readonly string[]
  readonly agents: readonly Pattern[]
  readonly purposes: readonly Pattern[]
  readonly environments: readonly Environment[]
}

export interface Pattern {
  readonly text: string
  readonly place: Place
}

/** A finding of the linter that somebody looked at and lets stand. */
export interface Ignored {
  readonly place: Place
  readonly finding: string
  /** Absent: everywhere in this file. */
  readonly rule?: string
  readonly reason: string
}
