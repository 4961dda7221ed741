/** Which counters a budget has, and what is left of each. */
import { prepareBudget } from '../mandate/budget.ts'
import type { BudgetSource } from '../model/budget.ts'
import type { Instant } from '../model/id.ts'
import { isList } from '../model/json.ts'
import { minorText } from '../model/minor-units.ts'
import type { BudgetState } from '../model/state.ts'
import { standingOf } from './standing.ts'

/** One counter, in units as people write them. */
export interface BudgetRow {
  readonly budget: string
  /** Whose calls count together: `mandate intake`, `task t1 of agent-1 under intake`. */
  readonly counts: string
  readonly used: string
  readonly limit: string
  readonly left: string
  readonly unit: 'calls' | 'amount'
  /** When it begins anew; absent: never, or nothing was taken since. */
  readonly resetsAt?: Instant
}

/** Every counter of the store, by the limit that was last taken from it. */
export function rowsOf(counters: readonly BudgetState[], now: Instant): readonly BudgetRow[] {
  return counters.map((counter) => {
    const over = counter.until !== undefined && counter.until <= now
    return rowOf(counter, over ? { from: counter.until } : counter, counter)
  })
}

/** The counters of these budgets, also those of which nothing was taken yet. */
export function rowsFor(
  budgets: readonly BudgetSource[],
  whose: { readonly mandate: string; readonly agent: string },
  counters: readonly BudgetState[],
  now: Instant,
): readonly BudgetRow[] {
  return budgets.flatMap((budget) => {
    const window = prepareBudget(budget, () => '').window(now)
    const { name, limit, scale } = budget
    const own = counters.filter(({ key }) => isOf(budget, keyParts(key), whose))
    const none = { key: fresh(budget, whose) }
    return (own.length > 0 ? own : [none]).map((counter) =>
      rowOf(
        { budget: name, key: counter.key, limit, ...(scale !== undefined && { scale }) },
        window,
        'used' in counter ? counter : undefined,
      ),
    )
  })
}

function rowOf(
  { budget, key, limit, scale }: Pick<BudgetState, 'budget' | 'key' | 'limit' | 'scale'>,
  window: { readonly from: Instant; readonly until?: Instant },
  counter: BudgetState | undefined,
): BudgetRow {
  const { used, left, until } = standingOf({ limit, ...window }, counter)
  return {
    budget,
    counts: countsText(keyParts(key)),
    used: minorText(used, scale),
    limit: minorText(limit, scale),
    left: minorText(left, scale),
    unit: scale === undefined ? 'calls' : 'amount',
    ...(until !== undefined && { resetsAt: until }),
  }
}

/** The list that names a counter; what is none names itself. */
function keyParts(key: string): readonly string[] {
  try {
    const parts: unknown = JSON.parse(key)
    return isList(parts) ? parts.map((part) => (typeof part === 'string' ? part : '')) : [key]
  } catch {
    return [key]
  }
}

function isOf(
  { id, each }: BudgetSource,
  parts: readonly string[],
  { mandate, agent }: { readonly mandate: string; readonly agent: string },
): boolean {
  if (parts[0] !== each || parts.at(-1) !== id) return false
  if (each === 'everyone') return true
  const ofPolicy = id.includes('#') && (each === 'agent' || each === 'principal')
  return parts[1] === (ofPolicy ? agent : mandate)
}

/** The counter that a call would begin, as far as that is known. */
function fresh(
  { id, each }: BudgetSource,
  { mandate, agent }: { readonly mandate: string; readonly agent: string },
): string {
  return JSON.stringify(
    each === 'everyone' ? [each, id] : each === 'mandate' ? [each, mandate, id] : [each, agent, id],
  )
}

function countsText(parts: readonly string[]): string {
  const [each, ...names] = parts.slice(0, -1)
  switch (each) {
    case 'everyone':
      return 'everybody'
    case 'mandate':
      return `mandate ${names.join(' ')}`
    case 'session': {
      const [mandate = '', agent = '', task] = names
      return task === undefined
        ? `each task of ${mandate}`
        : `task ${task} of ${agent} under ${mandate}`
    }
    case 'agent':
      return names.length === 1
        ? `agent ${names[0] ?? ''}`
        : `agent ${names[1] ?? ''} under ${names[0] ?? ''}`
    case 'principal': {
      const whom = names.at(-1)
      const agent = names.slice(0, -1).toReversed().join(' under ')
      if (names.length === 1) return `agent ${names[0] ?? ''}`
      return `agent ${agent}${whom === '' ? '' : ` for ${whom ?? ''}`}`
    }
    default:
      return parts.join(' ')
  }
}

/** In how long, for people: `in 3 h 12 min`. */
export function untilText(until: Instant, now: Instant): string {
  const minutes = Math.max(1, Math.ceil((until - now) / 60_000))
  if (minutes < 60) return `in ${minutes} min`
  const hours = Math.floor(minutes / 60)
  const rest = minutes % 60
  return rest === 0 ? `in ${hours} h` : `in ${hours} h ${rest} min`
}
