/** Budgets as intents say how they stood once the call had taken its part. */
import { instant } from '../model/id.ts'
import type { Entry } from '../model/record.ts'
import type { BudgetState } from '../model/state.ts'
import { momentIn, numberIn, objectsIn, textIn } from './said.ts'

export function budgetsIn(entry: Entry): readonly BudgetState[] {
  return objectsIn(entry, 'budgets').flatMap((one) => {
    const [budget, key] = [textIn(one, 'budget'), textIn(one, 'key')]
    const [used, limit, scale] = [
      numberIn(one, 'used'),
      numberIn(one, 'limit'),
      numberIn(one, 'scale'),
    ]
    const from = momentIn(one, 'from') ?? instant(0)
    const until = momentIn(one, 'until')
    if (budget === undefined || key === undefined || used === undefined || limit === undefined)
      return []
    const rest = { ...(scale !== undefined && { scale }), ...(until !== undefined && { until }) }
    return [{ budget, key, used, limit, from, ...rest }]
  })
}
