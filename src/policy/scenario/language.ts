/** A policy test file as parsed: who calls what, when, after what, and what policies have to make of it. */
import type { EffectClass, Environment, RiskPosture } from '../../model/call.ts'
import type { DenyReason } from '../../model/decision.ts'
import type { DocNode, Place } from '../../model/document.ts'
import type { Instant } from '../../model/id.ts'
import type { JsonObject } from '../../model/json.ts'
import type { Purpose } from '../../model/mandate.ts'
import type { EngineFact } from '../../model/policy.ts'
import type { Pattern, Target } from '../language.ts'

export interface ScenarioFile {
  readonly name: string
  readonly file: string
  readonly place: Place
  /** Paths beside this file; absent: all policies of the folder. */
  readonly policies?: readonly Pattern[]
  /** Path beside this file; absent: everything is permitted. */
  readonly mandate?: Pattern
  readonly tools: readonly ToolsSource[]
  readonly cases: readonly Case[]
  readonly invariants: readonly Invariant[]
  readonly coverage?: Floor
  /** What holds where a case says nothing else. */
  readonly defaults: Circumstances
}

/** Where definitions of tools are: a lock file, or what `tools/list` said. */
export interface ToolsSource {
  /** Of which server they are; absent: the file says it. */
  readonly server?: string
  readonly path: Pattern
}

/** Percentages that must be reached. */
export interface Floor {
  readonly place: Place
  readonly rules: number
  readonly outcomes: number
}

/** Everything about a call but the call itself. */
export interface Circumstances {
  readonly clock: Instant
  readonly environment: Environment
  readonly risk: RiskPosture
  /** Absent: that of the mandate. */
  readonly agent?: string
  readonly owner?: string
  readonly purpose?: Purpose
  /** Where one of these three is said: under a mandate of one's own they cannot be. */
  readonly whose?: Place
  readonly labels: readonly string[]
  /** What engines say; one that is not named permits. */
  readonly engines: ReadonlyMap<string, EngineFact['effect']>
  readonly effects: readonly Classified<EffectClass>[]
  readonly data: readonly Classified<string>[]
  readonly history: readonly Past[] | 'unknown'
}

/** What tools that match do, or touch. */
export interface Classified<T> {
  readonly target: Target
  readonly classes: readonly T[]
}

export interface Acted {
  readonly kind: Target['kind']
  readonly server: string
  /** Of a resource its URI. */
  readonly name: string
  readonly args: JsonObject
}

/** A call that was made before, so long before the one that is judged. */
export interface Past extends Acted {
  readonly agoMs: number
  readonly outcome: 'complete' | 'tool_error'
}

export interface Case {
  readonly name: string
  readonly place: Place
  readonly call: Acted
  readonly circumstances: Circumstances
  readonly expect: Expectation
}

export const EFFECTS = ['permit', 'deny', 'approval'] as const
/** `deny`: for good. A denial that an approval would lift is `approval`. */
export type Effect = (typeof EFFECTS)[number]

/** What is absent is not looked at; but errors are only all right where they are expected. */
export interface Expectation {
  readonly place: Place
  readonly effect?: Effect
  readonly reason?: DenyReason
  /** These rules and no other determined it; full names or ids. */
  readonly by?: readonly string[]
  readonly errors?: number
  /** These obliging rules and no other. */
  readonly obligations?: readonly string[]
  readonly shadow?: readonly string[]
  /** The labels that it leaves, from rules and from `labels:`. */
  readonly labels?: readonly string[]
  /** What it takes from these budgets and no other, by full name or id, as it is written: `120.50`. */
  readonly debits?: ReadonlyMap<string, string>
  readonly approvers?: readonly string[]
  readonly quorum?: number
  readonly listed?: boolean
}

/** What no call may get, whatever its arguments. */
export interface Invariant {
  readonly name: string
  readonly place: Place
  readonly kind: Target['kind']
  /** Globs. */
  readonly server: string
  readonly called: string
  readonly effect: Effect
  /** CEL as in a policy; absent: any call. */
  readonly when?: DocNode
  readonly circumstances: Circumstances
  /** Members of the circumstances that are as given; the others are made up. */
  readonly fixed: ReadonlySet<string>
}
