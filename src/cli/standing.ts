/** What of a budget is used now: the counter of the store, as a call would find it. */
import type { BudgetState, Debit } from '../model/state.ts'
import type { Instant } from '../model/id.ts'

export interface Standing {
  readonly used: number
  readonly left: number
  /** When it begins anew. */
  readonly until?: Instant
}

/**
 * As the store counts: a window that is newer than the counter's begins anew, one that is older (the clock went back) counts
 * against the counter as it is.
 */
export function standingOf(
  debit: Pick<Debit, 'limit' | 'from' | 'until'>,
  counter: BudgetState | undefined,
): Standing {
  const used = counter && debit.from <= counter.from ? counter.used : 0
  const { until } = counter && debit.from < counter.from ? counter : debit
  const left = Math.max(0, debit.limit - used)
  return { used, left, ...(until !== undefined && { until }) }
}
