/** What `explain` says of budgets once it knows what is used: a permit that the store would refuse is none. */
import { minorText } from '../model/minor-units.ts'
import type { BudgetState, Debit } from '../model/state.ts'
import type { Judgement, Shown } from './explain-judge.ts'
import { type Standing, standingOf } from './standing.ts'

interface Found extends Standing {
  readonly debit: Debit
  readonly exhausted: boolean
}

/** Without counters, or for a call that is denied anyway, it stays as it is. */
export function withCounters(
  judgement: Judgement,
  counters: readonly BudgetState[] | undefined,
): Judgement {
  const { decision, shown } = judgement
  if (!counters || decision.effect === 'deny' || !decision.debits) return judgement
  const byKey = new Map(counters.map((one) => [one.key, one]))
  // Nobody knows in which task a supposed call would be made.
  const debits = decision.debits.filter(({ key }) => !key.startsWith('["session"'))
  const found = debits.map((debit): Found => {
    const standing = standingOf(debit, byKey.get(debit.key))
    return { ...standing, debit, exhausted: debit.amount > standing.left }
  })
  const known = shown.map((conjunct) => {
    const budget = found.find(({ debit }) => debit.budget === conjunct.rule)
    return budget ? shownWith(conjunct, budget) : conjunct
  })
  const exhausted = found.filter((one) => one.exhausted)
  if (exhausted.length === 0) return { ...judgement, shown: known }
  const { debits: _, ...denied } = decision
  const names = exhausted.map(({ debit }) => `\`${debit.budget}\``).join(', ')
  const resets = exhausted.map(({ until }) => until ?? Infinity)
  const latest = Math.max(...resets)
  const { duties: __, nearestMiss: ___, ...rest } = judgement
  return {
    ...rest,
    shown: known,
    decision: { ...denied, effect: 'deny', reason: 'budget_exhausted' },
    verdict: `denied: budget_exhausted by ${names}`,
    ...(latest < Infinity && { nearestMiss: `could be permitted from ${timeText(latest)} on` }),
  }
}

function shownWith(conjunct: Shown, { debit, used, left, until, exhausted }: Found): Shown {
  const { scale } = debit
  const read = `${minorText(used, scale)} used, ${minorText(left, scale)} left`
  if (!exhausted) return { ...conjunct, read }
  const hint =
    until === undefined ? 'it does not begin anew' : `it begins anew at ${timeText(until)}`
  return { ...conjunct, read, result: 'fails', hint, decides: true }
}

function timeText(at: number): string {
  return new Date(at).toISOString()
}
