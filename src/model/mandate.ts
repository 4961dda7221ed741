/**
 * A mandate as parsed: signed, narrow, expiring delegation to an agent for one purpose.
 * Its constraints and conditions stay in source form here; `mandate/` compiles them.
 */
import type { BudgetSource } from './budget.ts'
import type { EffectClass, Environment, UpstreamRequest } from './call.ts'
import type { DocNode, Place } from './document.ts'
import type { Instant, Sha256 } from './id.ts'
import type { ReviewTrigger } from './review.ts'

export interface Purpose {
  readonly text: string
  /** The ticket, change or case that the purpose stands for. */
  readonly ref?: string
}

/** What a grant asks for before it permits; `when` narrows which calls need asking. */
export interface ApprovalDuty {
  /** CEL over the call; absent: every call needs an approval. */
  readonly when?: DocNode
  readonly from: readonly string[]
  readonly expiresInMs: number
}

export interface Grant {
  readonly kind: 'tool' | 'resource' | 'prompt'
  /** Where it stands in the document: `tools.vendors/approve`, or `role vendor-reader: tools.…`. */
  readonly rule: string
  readonly place: Place
  /** Server and name are matched apart, each by its own glob. */
  readonly server: string
  readonly name: string
  readonly effect?: EffectClass
  readonly data: readonly string[]
  /** Argument constraints by argument name, in source form. */
  readonly args: ReadonlyMap<string, DocNode>
  /**
   * Closed world: once one argument is constrained, unnamed ones are refused unless this says permit. A grant without
   * `args` has `permit`; one with an empty `args` has `refuse` and takes no argument at all.
   */
  readonly otherArgs: 'refuse' | 'permit'
  readonly when?: DocNode
  readonly approval?: ApprovalDuty
  /** Counts every call of what it names. */
  readonly limit?: BudgetSource
}

export interface Mandate {
  readonly name: string
  readonly agent: string
  readonly purpose: Purpose
  readonly owner?: string
  readonly environment: readonly Environment[]
  readonly approved?: { readonly by: readonly string[]; readonly at: Instant }
  readonly valid: { readonly from?: Instant; readonly until: Instant }
  /** Named lists of what was known before the task, for `named_in: context.<name>`. */
  readonly context: ReadonlyMap<string, readonly string[]>
  readonly grants: readonly Grant[]
  readonly never: readonly {
    readonly server: string
    readonly name: string
    readonly place: Place
  }[]
  /** Absent: none beside the limits of grants. */
  readonly budgets?: readonly BudgetSource[]
  readonly requests: ReadonlyMap<string, readonly UpstreamRequest[]>
  /** Where each server of `requests` is named. */
  readonly requestPlaces?: ReadonlyMap<string, Place>
  readonly roles: readonly {
    readonly name: string
    readonly file: string
    readonly digest: Sha256
  }[]
  /** What makes somebody look at it again. */
  readonly review?: readonly ReviewTrigger[]
  readonly file: string
  /** Hash of the exact bytes of the file. */
  readonly digest: Sha256
  /** An unsigned file is for development, and the record says so. */
  readonly signed: false
}
