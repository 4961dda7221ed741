/** A budget as written: of a mandate, of a grant (`limit`), or of a policy. */
import type { DocNode, Place } from './document.ts'
import type { BudgetPeriod, BudgetShare } from './state.ts'

export interface BudgetSource {
  /** As its counter is called. */
  readonly id: string
  /** As people know it: `budgets.eur`, `tools.vendors/approve.limit`, `acme-guardrails#daily-mail`. */
  readonly name: string
  readonly place: Place
  /** Calls, or minor units of the amount. */
  readonly limit: number
  readonly per: BudgetPeriod
  readonly each: BudgetShare
  /** CEL over the call; absent: it counts calls. */
  readonly amount?: DocNode
  /** Decimal places of the amount; present where `amount` is. */
  readonly scale?: number
  /** Absent: every tool. */
  readonly of?: readonly BudgetTarget[]
  /** Whose days are meant. */
  readonly timezone: string
}

/** Server and tool are matched apart, each by its own glob. */
export interface BudgetTarget {
  readonly server: string
  readonly name: string
  readonly place: Place
}
