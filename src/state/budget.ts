/** The rules by which a budget is debited, whoever keeps its counter. */
import { GuardError } from '../model/error.ts'
import type { BudgetState, Debit } from '../model/state.ts'

/** A counter as it is after a debit; undefined where that is more than the limit. */
export function debited(counter: BudgetState | undefined, debit: Debit): BudgetState | undefined {
  const before = windowOf(counter, debit)
  const used = before.used + debit.amount
  return used <= debit.limit ? { ...before, used } : undefined
}

/**
 * The counter as the debit finds it. A window that is newer than the counter's begins it anew; one that is older (the clock
 * went back) counts against the counter as it is.
 */
export function windowOf(counter: BudgetState | undefined, debit: Debit): BudgetState {
  const { budget, key, limit, scale } = debit
  const used = counter && debit.from <= counter.from ? counter.used : 0
  const { from, until } = counter && debit.from < counter.from ? counter : debit
  const rest = { ...(scale !== undefined && { scale }), ...(until !== undefined && { until }) }
  return { budget, key, used, limit, from, ...rest }
}

/**
 * Sums of amounts stay exact: each is a whole number from 0 to 2^53 - 1, and so is the limit, which no sum passes.
 *
 * @throws GuardError ERR_STATE_UNUSABLE for any other: a negative amount would give back what was used
 */
export function checkDebits(debits: readonly Debit[]): void {
  for (const { budget, amount, limit } of debits) {
    if (isCount(amount) && isCount(limit)) continue
    const what = `the amount ${amount} of the limit ${limit} is not two whole numbers from 0 on`
    throw new GuardError('ERR_STATE_UNUSABLE', `the budget \`${budget}\` cannot be used: ${what}`)
  }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
