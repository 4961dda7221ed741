/** Budgets in the database: one counter for all that counts together, and a row for each hold that is not settled. */
import { callId, type Instant } from '../model/id.ts'
import { isList } from '../model/json.ts'
import type { HoldRequest } from '../model/port.ts'
import type { BudgetState, Debit, Held, HoldId, OrphanHold } from '../model/state.ts'
import { checkDebits, windowOf } from './budget.ts'
import {
  type Connection,
  instantIn,
  jsonIn,
  known,
  numberIn,
  optional,
  type Row,
  textIn,
} from './sqlite-connection.ts'
import type { Runs } from './running.ts'

/** The rules of budget.ts in one statement; no row comes back where the limit would be passed. */
const DEBIT = `
  INSERT INTO counters (key, budget, used, lim, scale, begins, ends) VALUES (?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (key) DO UPDATE SET
    budget = excluded.budget, lim = excluded.lim, scale = excluded.scale,
    used = iif(excluded.begins > counters.begins, 0, counters.used) + excluded.used,
    ends = iif(excluded.begins >= counters.begins, excluded.ends, counters.ends),
    begins = max(excluded.begins, counters.begins)
  WHERE iif(excluded.begins > counters.begins, 0, counters.used) + excluded.used <= excluded.lim
  RETURNING *`
const COUNTER = 'SELECT * FROM counters WHERE key = ?'
const COUNTERS = 'SELECT * FROM counters WHERE substr(key, 1, length(?)) = ? ORDER BY key'
const NEXT = 'UPDATE marks SET hold = hold + 1, latest = max(latest, ?) WHERE id = 1 RETURNING hold'
const HOLD = 'INSERT INTO holds (id, call, instance, log, debits) VALUES (?, ?, ?, ?, ?)'
const HELD = 'SELECT debits FROM holds WHERE id = ?'
const SETTLE = 'DELETE FROM holds WHERE id = ?'
const REFUND = 'UPDATE counters SET used = used - ? WHERE key = ? AND begins = ? AND used >= ?'
const OPEN = `
  SELECT h.id, h.call, h.instance, h.log, i.pid, i.heartbeat_at
  FROM holds h LEFT JOIN instances i ON i.instance = h.instance
  WHERE h.instance <> '' ORDER BY h.id`

/** Stands for a hold of nothing: nobody needs to settle it. */
const NOTHING: HoldId = 0

/** Says who holds; the names are empty where it did not say that it runs. */
export interface Holder {
  readonly instance: string
  readonly log: string
}

export function hold(connection: Connection, request: HoldRequest, holder: Holder): Held {
  if (request.debits.length === 0) return { held: NOTHING, after: [] }
  checkDebits(request.debits)
  return connection.transaction(
    () => takeAll(connection, request, holder),
    (held) => 'held' in held,
  )
}

function takeAll(connection: Connection, request: HoldRequest, holder: Holder): Held {
  const after: BudgetState[] = []
  const taken: [key: string, from: Instant, amount: number][] = []
  for (const debit of request.debits) {
    const state = take(connection, debit)
    if (!state) return { exhausted: counterFor(connection, debit), asked: debit.amount }
    after.push(state)
    taken.push([debit.key, state.from, debit.amount])
  }
  const id = numberIn(known(connection.sql(NEXT).get(request.at)), 'hold')
  const { instance, log } = holder
  connection.sql(HOLD).run(id, request.call, instance, log, JSON.stringify(taken))
  return { held: id, after }
}

function take(connection: Connection, debit: Debit): BudgetState | undefined {
  const { key, budget, amount, limit, scale, from, until } = debit
  // A counter that is new has nothing to compare with.
  if (amount > limit) return undefined
  const row = connection
    .sql(DEBIT)
    .get(key, budget, amount, limit, scale ?? null, from, until ?? null)
  return row && stateIn(row)
}

function counterFor(connection: Connection, debit: Debit): BudgetState {
  const row = connection.sql(COUNTER).get(debit.key)
  return windowOf(row && stateIn(row), debit)
}

export function settle(connection: Connection, id: HoldId): void {
  if (id === NOTHING) return
  connection.write(SETTLE, id)
}

export function release(connection: Connection, id: HoldId): void {
  if (id === NOTHING) return
  connection.transaction(() => {
    const row = connection.sql(HELD).get(id)
    if (!row) return
    for (const { key, from, amount } of takenIn(row))
      connection.sql(REFUND).run(amount, key, from, amount)
    connection.sql(SETTLE).run(id)
  })
}

/** Of guards that will never settle them. One whose machine sleeps for a while is not gone. */
export function orphans(connection: Connection, runs: Runs): readonly OrphanHold[] {
  const rows: readonly Row[] = connection.guarded(() => connection.sql(OPEN).all())
  const gone = (row: Row): boolean =>
    row['pid'] === null ||
    !runs({ pid: numberIn(row, 'pid'), heartbeatAt: instantIn(row, 'heartbeat_at') })
  return rows.filter(gone).map((row) => ({
    hold: numberIn(row, 'id'),
    call: callId(textIn(row, 'call')),
    instance: textIn(row, 'instance'),
    log: textIn(row, 'log'),
  }))
}

export function budgets(connection: Connection, prefix: string): readonly BudgetState[] {
  return connection.guarded(() => connection.sql(COUNTERS).all(prefix, prefix).map(stateIn))
}

function stateIn(row: Row): BudgetState {
  return {
    budget: textIn(row, 'budget'),
    key: textIn(row, 'key'),
    used: numberIn(row, 'used'),
    limit: numberIn(row, 'lim'),
    ...optional(row, 'scale', 'scale', numberIn),
    from: instantIn(row, 'begins'),
    ...optional(row, 'ends', 'until', instantIn),
  }
}

interface Taken {
  readonly key: string
  readonly from: number
  readonly amount: number
}

function takenIn(row: Row): readonly Taken[] {
  return jsonIn(row, 'debits', isList).map((one) => {
    const [key, from, amount] = isList(one) ? one : []
    if (typeof key !== 'string' || typeof from !== 'number' || typeof amount !== 'number')
      throw new TypeError('a hold is not of its form')
    return { key, from, amount }
  })
}
