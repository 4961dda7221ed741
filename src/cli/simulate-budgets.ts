/** The budgets of a revision over the calls on record, in their order: what the store would have held, from nothing on. */
import type { EntryItem } from '../audit/read.ts'
import { isObject } from '../model/json.ts'
import type { Instant } from '../model/id.ts'
import type { Debit } from '../model/state.ts'
import { neverLeft } from './simulate-task.ts'

/** Calls without an outcome that are remembered; the oldest are taken for spent. */
const MOST_OPEN = 10_000

interface Counter {
  readonly from: Instant
  readonly used: number
}

export class SimulatedBudgets {
  readonly #counters = new Map<string, Counter>()
  readonly #open = new Map<string, readonly Debit[]>()
  /** Calls of which it is not known what they would have taken. */
  uncounted = 0

  /** To be told of every entry, in order. What never left the guard is given back. */
  note({ entry, log }: EntryItem): void {
    const { type, call, verdict } = entry
    if (type !== 'outcome' || typeof call !== 'string') return
    const key = `${log} ${call}`
    const debits = this.#open.get(key) ?? []
    this.#open.delete(key)
    if (!isObject(verdict) || !neverLeft(verdict['stage'], verdict['reason'])) return
    for (const { key: name, from, amount } of debits) {
      const counter = this.#counters.get(name)
      if (counter && from <= counter.from)
        this.#counters.set(name, { ...counter, used: Math.max(0, counter.used - amount) })
    }
  }

  /** Takes all of it or nothing: the names of the budgets that have not so much left. */
  take(call: string, debits: readonly Debit[]): readonly string[] {
    const exhausted = debits.filter(({ key, from, limit, amount }) => {
      const counter = this.#counters.get(key)
      const used = counter && from <= counter.from ? counter.used : 0
      return used + amount > limit
    })
    if (exhausted.length > 0) return exhausted.map(({ budget }) => budget)
    for (const { key, from, amount } of debits) {
      const counter = this.#counters.get(key)
      const goesOn = counter !== undefined && from <= counter.from
      this.#counters.set(
        key,
        goesOn ? { ...counter, used: counter.used + amount } : { from, used: amount },
      )
    }
    if (debits.length > 0) this.#open.set(call, debits)
    for (const oldest of this.#open.keys()) {
      if (this.#open.size <= MOST_OPEN) break
      this.#open.delete(oldest)
    }
    return []
  }
}
