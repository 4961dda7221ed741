/** What entries say of budgets: of each counter, all that does not change with every call is written once. */
import type { Instant } from '../model/id.ts'
import type { BudgetState, Debit } from '../model/state.ts'
import { numeral, quoted, timeWriter } from './part.ts'

/** Counters that are remembered with their text. */
const MOST_REMEMBERED = 512

/** Counters after what a call takes from them. */
export function budgetsWriter(): (budgets: readonly BudgetState[]) => string {
  // One that never begins anew has no beginning that means anything.
  const counter = counterWriter(({ from }) => from > 0)
  return (budgets) => listed(budgets.map((one) => `{${counter(one)},"used":${numeral(one.used)}}`))
}

/** What a call takes from budgets, and in which window; without `from` for one that never begins anew. */
export function debitsWriter(): (debits: readonly Debit[]) => string {
  const counter = counterWriter(({ until }) => until !== undefined)
  return (debits) =>
    listed(debits.map((one) => `{"amount":${numeral(one.amount)},${counter(one)}}`))
}

function listed(texts: readonly string[]): string {
  return `[${texts.join(',')}]`
}

type Counter = Pick<Debit, 'budget' | 'key' | 'limit' | 'scale' | 'from' | 'until'>

interface Written {
  readonly counter: Counter
  readonly text: string
}

/** The members of a counter in canonical order, those between `amount` and `used`. */
function counterWriter(isDated: (counter: Counter) => boolean): (counter: Counter) => string {
  const known = new Map<string, Written>()
  const time = timeWriter()
  return (counter) => {
    const found = known.get(counter.key)
    if (found && isSame(found.counter, counter)) return found.text
    const { budget, key, limit, scale, from, until } = counter
    const begins = isDated(counter) ? dated('from', from, time) : ''
    const scaled = scale === undefined ? '' : `,"scale":${numeral(scale)}`
    const ends = until === undefined ? '' : dated('until', until, time)
    const named = `"budget":${quoted(budget)}${begins},"key":${quoted(key)}`
    const text = `${named},"limit":${numeral(limit)}${scaled}${ends}`
    if (known.size >= MOST_REMEMBERED) known.clear()
    known.set(key, { counter, text })
    return text
  }
}

function dated(name: string, at: Instant, time: (at: number) => string): string {
  return `,"${name}":"${time(at)}"`
}

function isSame(a: Counter, b: Counter): boolean {
  return (
    a.budget === b.budget &&
    a.limit === b.limit &&
    a.scale === b.scale &&
    a.from === b.from &&
    a.until === b.until
  )
}
