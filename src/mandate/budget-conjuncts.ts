/** Budgets in words, and as `explain` shows them: what the call would take from each. */
import type { BudgetSource } from '../model/budget.ts'
import type { CallContext } from '../model/call.ts'
import type { Conjunct } from '../model/decision.ts'
import { minorText } from '../model/minor-units.ts'
import { isSecretName } from '../model/secret-name.ts'
import type { BudgetPeriod, BudgetShare, Debit } from '../model/state.ts'
import { NOT_KEPT, seen } from '../model/veil.ts'
import type { BoundBudget, Budgets } from './budget.ts'

const PERIODS: Readonly<Record<BudgetPeriod, string>> = {
  minute: 'a minute',
  hour: 'an hour',
  day: 'a day',
  mandate: 'in all',
}

const SHARES: Readonly<Record<BudgetShare, string>> = {
  session: 'by the task',
  mandate: 'by the mandate',
  agent: 'by the agent',
  principal: 'by the agent and whom it acts for',
  everyone: 'by everybody together',
}

/** `20000.00 a day in Europe/Berlin, by the mandate`; of what counts calls `200 calls an hour, by the agent`. */
export function limitText(budget: BudgetSource): string {
  const { limit, scale, per, each, timezone } = budget
  const unit = scale === undefined ? (limit === 1 ? ' call' : ' calls') : ''
  const zone = per === 'day' && timezone !== 'UTC' ? ` in ${timezone}` : ''
  return `${minorText(limit, scale)}${unit} ${PERIODS[per]}${zone}, ${SHARES[each]}`
}

/** One conjunct for each budget. Whether there is so much left is known to the store alone. */
export function budgetConjuncts(
  { all }: Pick<Budgets, 'all'>,
  call: CallContext,
): readonly Conjunct[] {
  if (call.action === 'completion/complete') return []
  return all.map((bound) => budgetConjunct(bound, call))
}

function budgetConjunct({ source, amount, debit }: BoundBudget, call: CallContext): Conjunct {
  const { name: rule } = source
  const found = seen(call, () => debit(call))
  const secret = amount?.reads.some((path) => path.split('.').some(isSecretName)) === true
  const what = amount ? `\`${amount.source}\`` : '1'
  if (typeof found === 'object') {
    const taken = amount && !secret ? `${what}, which is ${takenText(found)},` : what
    return { rule, expected: expectedOf(taken, source), result: 'holds', budget: true }
  }
  const expected = expectedOf(what, source)
  if (found === 'unknown')
    return { rule, expected, result: 'unknown', hint: NOT_KEPT, budget: true }
  const read = amount?.read(call) ?? ''
  return {
    rule,
    expected,
    ...(read !== '' && { read: secret ? '(secret)' : read }),
    result: 'error',
    budget: true,
    ...(found.description !== undefined && { hint: found.description }),
  }
}

function expectedOf(taken: string, source: BudgetSource): string {
  return `it takes ${taken} of ${limitText(source)}`
}

function takenText({ amount, scale }: Debit): string {
  return minorText(amount, scale)
}
