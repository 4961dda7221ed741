/** Budgets as intents say how they stood once the call had taken its part. */
import type { Instant } from '../model/id.ts'
import type { Entry } from '../model/record.ts'
import { momentIn, numberIn, objectsIn, textIn } from './said.ts'

export interface SeenBudget {
  readonly budget: string
  readonly key: string
  readonly used: number
  readonly limit: number
  readonly scale?: number
  /** When it begins anew. */
  readonly until?: Instant
}

export function budgetsIn(entry: Entry): readonly SeenBudget[] {
  return objectsIn(entry, 'budgets').flatMap((one) => {
    const [budget, key] = [textIn(one, 'budget'), textIn(one, 'key')]
    const [used, limit, scale] = [
      numberIn(one, 'used'),
      numberIn(one, 'limit'),
      numberIn(one, 'scale'),
    ]
    const until = momentIn(one, 'until')
    if (budget === undefined || key === undefined || used === undefined || limit === undefined)
      return []
    const rest = { ...(scale !== undefined && { scale }), ...(until !== undefined && { until }) }
    return [{ budget, key, used, limit, ...rest }]
  })
}

/** What was left then: a window that had ended by then had begun anew. */
export function leftAt({ used, limit, until }: SeenBudget, at: Instant): number {
  if (until !== undefined && at >= until) return limit
  return Math.max(0, limit - used)
}

/** A whole number of minor units, as people write it: 12345 with a scale of 2 is 123.45. */
export function amountText(amount: number, scale = 0): string {
  if (scale <= 0 || scale > 12) return String(amount)
  const digits = String(amount).padStart(scale + 1, '0')
  return `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}
