/**
 * What a call takes from budgets: held before it is on record, spent once it may have left, given back where nothing did. A
 * hold that is neither, because the guard ended, is settled by its log at the next start.
 */
import type { OperationalLog } from '../model/port.ts'
import type { BudgetState, Debit, HoldId } from '../model/state.ts'
import { refusal, type Refusal } from '../model/verdict.ts'
import type { BudgetsPort } from './port.ts'

export interface Hold {
  /** The counters after it; absent where nothing is held. */
  readonly after?: readonly BudgetState[]
  /** What is held is spent. Of this and `release`, what comes first counts. */
  readonly spend: () => void
  /** Nothing left the guard. */
  readonly release: () => void
}

/** Everything that a call asks for, or nothing of it. */
export interface Holding {
  readonly budgets: BudgetsPort
  readonly operational: OperationalLog
}

type Request = Parameters<BudgetsPort['hold']>[0]

/** @throws GuardError ERR_STATE_UNUSABLE when it is not known what is left */
export function hold(request: Request, { budgets, operational }: Holding): Hold | Refusal {
  if (request.debits.length === 0) return NOTHING_HELD
  const answer = budgets.hold(request)
  if ('exhausted' in answer) return exhausted(answer.exhausted, answer.asked, request.debits)
  const { held, after } = answer
  let open = true
  const end = (how: 'settle' | 'release'): void => {
    if (!open) return
    open = false
    endHold(how, held, { budgets, operational })
  }
  return { after, spend: () => end('settle'), release: () => end('release') }
}

function nothing(): void {
  return undefined
}

export const NOTHING_HELD: Hold = { spend: nothing, release: nothing }

/** What stays held counts as used: where the store cannot be reached, nobody gains by it. */
function endHold(how: 'settle' | 'release', held: HoldId, { budgets, operational }: Holding): void {
  try {
    budgets[how](held)
  } catch (error) {
    operational.error(
      { hold: held, error: error instanceof Error ? error.message : String(error) },
      `what a call took from budgets could not be ${how === 'settle' ? 'settled' : 'given back'}`,
    )
  }
}

/** The name of the budget is for operators: agents are told when it begins anew, and no more. */
function exhausted(
  { budget, used, limit, until }: BudgetState,
  asked: number,
  debits: readonly Debit[],
): Refusal {
  const scale = debits.find((debit) => debit.budget === budget)?.scale
  const shown = (amount: number): string => inUnits(amount, scale)
  const detail = `${budget}: ${shown(asked)} asked for, ${shown(used)} of ${shown(limit)} used`
  const refused = refusal('commit', 'budget_exhausted', detail)
  return until === undefined ? refused : { ...refused, resetsAt: until }
}

/** `1250` of a scale of 2 is `12.50`. */
function inUnits(amount: number, scale = 0): string {
  return scale === 0 ? String(amount) : (amount / 10 ** scale).toFixed(scale)
}
