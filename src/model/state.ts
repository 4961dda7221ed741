/** What guards of one machine share: budgets and holds on them, what is taken back, who is running. */
import type { CallId, Instant, Sha256 } from './id.ts'

/** How long a budget lasts before it begins anew; `mandate`: never. */
export const BUDGET_PERIODS = ['minute', 'hour', 'day', 'mandate'] as const
export type BudgetPeriod = (typeof BUDGET_PERIODS)[number]

/** Whose calls count together against one budget. */
export const BUDGET_SHARES = ['session', 'mandate', 'agent', 'principal', 'everyone'] as const
export type BudgetShare = (typeof BUDGET_SHARES)[number]

/** What one call takes from one budget: made while deciding, held in `commit`. */
export interface Debit {
  /** As people know it: `budgets.eur`, `tools.vendors/approve.limit`, `acme-guardrails#daily-mail`. */
  readonly budget: string
  /** Names the counter; everything that counts together has the same. */
  readonly key: string
  /** A whole number ≥ 0: calls, or minor units of an amount (cents where `scale` is 2). */
  readonly amount: number
  /** In the same unit. */
  readonly limit: number
  /** Decimal places of the unit, for people. Absent: it counts calls. */
  readonly scale?: number
  /** When its window began; 0 for one that lasts as long as the mandate. */
  readonly from: Instant
  /** When it begins anew; absent: never. */
  readonly until?: Instant
}

/** Names one hold in the store. */
export type HoldId = number

export type Held =
  | { readonly held: HoldId; readonly after: readonly BudgetState[] }
  /** Nothing was taken from any of them. */
  | { readonly exhausted: BudgetState; readonly asked: number }

/** One counter of the store. */
export interface BudgetState {
  readonly budget: string
  readonly key: string
  readonly used: number
  readonly limit: number
  readonly scale?: number
  readonly from: Instant
  readonly until?: Instant
}

/** What can be taken back, or put on hold. */
export type Target =
  | { readonly kind: 'everything' }
  | { readonly kind: 'mandate'; readonly name: string }
  | { readonly kind: 'agent'; readonly name: string }
  | { readonly kind: 'upstream'; readonly name: string }
  | { readonly kind: 'tool'; readonly server: string; readonly name: string }

/** Revoked is for good where it names a mandate; suspended ends with `resume`. */
export interface Restriction {
  /** Grows with every change of what is restricted. */
  readonly id: number
  readonly target: Target
  readonly kind: 'revoked' | 'suspended'
  readonly at: Instant
  readonly why: string
  /** Who said so: `operator <user>`, or `review <trigger>`. */
  readonly by: string
  /** A suspension that ends by itself: it stands no longer from then on, also where nobody has lifted it. */
  readonly until?: Instant
}

/** Everything that is taken back now. */
export interface Restrictions {
  /** The number of the latest change, also of one that lifted something. */
  readonly revision: number
  readonly all: readonly Restriction[]
  /** What was lifted lately, the latest last, so that guards can say who did it. Absent: it is not kept. */
  readonly lifted?: readonly Lifted[]
}

/** A restriction that somebody ended. */
export interface Lifted {
  /** The revision that this made. */
  readonly id: number
  readonly restriction: Restriction
  readonly at: Instant
  readonly why: string
  readonly by: string
}

/** A guard process that runs, as it says of itself. */
export interface Instance {
  readonly instance: string
  readonly pid: number
  readonly startedAt: Instant
  readonly heartbeatAt: Instant
  /** Its process is there, and it said so lately. */
  readonly alive: boolean
  /** The revision of the restrictions that it has put into effect. */
  readonly seen: number
  /** When it had, by its own clock. */
  readonly seenAt?: Instant
  readonly log: string
  readonly mandates: readonly {
    readonly name: string
    readonly digest: Sha256
    readonly agent: string
  }[]
  readonly upstreams: readonly string[]
}

/** A hold whose guard ended before it was settled. */
export interface OrphanHold {
  readonly hold: HoldId
  readonly call: CallId
  readonly instance: string
  readonly log: string
}
