/** Budgets compiled: what a call takes from each, and whose counter that is. Pure: nothing is counted here. */
import type { Amount } from '../expression/amount.ts'
import { type CalendarWindow, calendarWindows } from '../expression/calendar.ts'
import { compileGlob } from '../expression/glob.ts'
import { zoneOf } from '../expression/zone.ts'
import type { BudgetSource, BudgetTarget } from '../model/budget.ts'
import type { CallContext } from '../model/call.ts'
import { Problems } from '../model/document.ts'
import { canonical } from '../model/json.ts'
import { minorUnitsOf } from '../model/minor-units.ts'
import type { Debit } from '../model/state.ts'
import { seen } from '../model/veil.ts'

/** A budget as far as it is the same for every tool. */
export interface PreparedBudget {
  readonly source: BudgetSource
  /** Is it about this tool? */
  readonly names: (server: string, tool: string) => boolean
  readonly window: (at: CallContext['at']) => CalendarWindow
  /** The name of the counter. */
  readonly key: (call: CallContext) => string
}

/** `key`: where its counter is named by more than the budget itself. */
export function prepareBudget(source: BudgetSource, key: PreparedBudget['key']): PreparedBudget {
  const zone = zoneOf(source.timezone)
  if (!zone) throw new TypeError(`\`${source.timezone}\` is no time zone`)
  const { of } = source
  return {
    source,
    names: of ? namesAny(of) : () => true,
    window: calendarWindows(source.per, zone),
    key,
  }
}

function namesAny(targets: readonly BudgetTarget[]): PreparedBudget['names'] {
  const globs = targets.map(({ server, name, place }) => ({
    server: compileGlob({ text: server, place }, 'server', new Problems()),
    name: compileGlob({ text: name, place }, 'tool', new Problems()),
  }))
  return (server, tool) =>
    globs.some((one) => one.server?.matches(server) === true && one.name?.matches(tool) === true)
}

/**
 * Whose calls count together, as canonical JSON. A budget of a mandate is its own, whoever shares it; one of a policy
 * (`own: false`) is of all mandates, but where it says `mandate` or `session`.
 */
export function counterOf(
  { each, id }: Pick<BudgetSource, 'each' | 'id'>,
  mandate: string,
  { own }: { readonly own: boolean },
): PreparedBudget['key'] {
  const within = own ? [mandate] : []
  switch (each) {
    case 'mandate':
      return always(canonical(['mandate', mandate, id]))
    case 'everyone':
      return always(canonical(['everyone', ...within, id]))
    case 'session':
      return ({ principal, session }) =>
        canonical(['session', mandate, principal.agent, session.id, id])
    case 'agent':
      return ({ principal }) => canonical(['agent', ...within, principal.agent, id])
    case 'principal':
      return ({ principal }) =>
        canonical(['principal', ...within, principal.agent, principal.onBehalfOf ?? null, id])
  }
}

function always(key: string): PreparedBudget['key'] {
  return () => key
}

/** A budget as it stands for one tool. */
export interface BoundBudget {
  readonly source: BudgetSource
  readonly amount?: Amount
  /** What the call takes; a symbol says why that cannot be told. */
  readonly debit: (call: CallContext) => Debit | symbol
}

export function bindBudget(prepared: PreparedBudget, amount?: Amount): BoundBudget {
  const { source, window, key } = prepared
  const { name: budget, limit, scale } = source
  let latest: { readonly debit: Debit; readonly within: CalendarWindow } | undefined
  return {
    source,
    ...(amount && { amount }),
    debit: (call) => {
      const units = amount ? unitsOf(amount, scale ?? 0, call) : 1
      if (typeof units === 'symbol') return units
      const within = window(call.at)
      const counter = key(call)
      const known = latest?.within === within ? latest.debit : undefined
      if (known?.amount === units && known.key === counter) return known
      const { from, until } = within
      const debit: Debit = {
        budget,
        key: counter,
        amount: units,
        limit,
        ...(scale !== undefined && { scale }),
        from,
        ...(until !== undefined && { until }),
      }
      latest = { debit, within }
      return debit
    },
  }
}

const NEGATIVE = Symbol('the amount is negative')
const INEXACT = Symbol('the amount has more decimal places than are counted, or is too large')

function unitsOf(amount: Amount, scale: number, call: CallContext): number | symbol {
  const value = amount.value(call)
  if (typeof value === 'symbol') return value
  if (value < 0) return NEGATIVE
  return minorUnitsOf(value, scale) ?? INEXACT
}

/** All budgets that are about one tool, in the order of their names. */
export interface Budgets {
  readonly all: readonly BoundBudget[]
  /** Argument paths that amounts read. */
  readonly reads: readonly string[]
  /** What the call takes from all of them; undefined where that cannot be told of one, which denies. */
  readonly take: (call: CallContext) => readonly Debit[] | undefined
}

/** Undefined where there are none. */
export function budgetsOf(bound: readonly BoundBudget[]): Budgets | undefined {
  if (bound.length === 0) return undefined
  const all = bound.toSorted((a, b) => (a.source.name < b.source.name ? -1 : 1))
  const reads = [...new Set(all.flatMap(({ amount }) => amount?.reads ?? []))].toSorted()
  return { all, reads, take: takerOf(all) }
}

const NOTHING: readonly Debit[] = []

/** Half-typed values are not counted: completing them does nothing. */
function takerOf(all: readonly BoundBudget[]): Budgets['take'] {
  let latest = NOTHING
  return (call) => {
    if (call.action === 'completion/complete') return NOTHING
    let same = latest.length === all.length
    let debits: Debit[] | undefined
    for (let at = 0; at < all.length; at += 1) {
      const debit = all[at]?.debit(call)
      if (typeof debit !== 'object') return undefined
      if (same && latest[at] === debit) continue
      same = false
      debits ??= latest.slice(0, at)
      debits.push(debit)
    }
    if (debits) latest = debits
    return latest
  }
}

/** The budgets of which it cannot be told what the call takes. */
export function untold({ all }: Budgets, call: CallContext): readonly string[] {
  return all.filter(({ debit }) => typeof debit(call) === 'symbol').map(({ source }) => source.name)
}

/** Can it be told what the call takes from all of them? `unknown` where that hangs on what is not kept. */
export function canTake(budgets: Budgets | undefined, call: CallContext): boolean | 'unknown' {
  if (!budgets || call.action === 'completion/complete') return true
  const found = budgets.all.map(({ debit }) => seen(call, () => typeof debit(call) === 'object'))
  if (found.includes(false)) return false
  return found.includes('unknown') ? 'unknown' : true
}
