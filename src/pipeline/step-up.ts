/** step-up: a denial that a human could lift is refused as `approval_required`, with how it could be lifted. */
import type { Decision } from '../model/decision.ts'
import { refusal } from '../model/verdict.ts'
import type { Decided } from './decide.ts'
import type { StageRow } from './stage.ts'

export interface SteppedUp {
  readonly decided: Decided
  readonly decision: Extract<Decision, { effect: 'permit' }>
  readonly call: Decided['call']
  readonly request: Decided['request']
}

export const stepUp: StageRow<Decided, SteppedUp> = {
  name: 'step-up',
  question: 'a granted, unspent approval for this exact call?',
  codes: ['approval_required'],
  why: 'an approval lifts only a denial that says so, so the decision comes first',
  run: (decided) => {
    const { decision } = decided
    if (decision.effect === 'permit') {
      return { decided, decision, call: decided.call, request: decided.request }
    }
    return { ...refusal('step-up', 'approval_required'), decision }
  },
}
