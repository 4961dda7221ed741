/** The store in memory: for guards of one process, and for tests. */
import { GuardError } from '../model/error.ts'
import { type CallId, type Instant, instant } from '../model/id.ts'
import type {
  Clock,
  HoldRequest,
  RunningGuard,
  StateStore,
  TaskEnd,
  TaskHistory,
  TaskName,
  TaskOptions,
  TaskSummary,
} from '../model/port.ts'
import type {
  BudgetState,
  Held,
  HoldId,
  Instance,
  OrphanHold,
  Restriction,
  Restrictions,
  Target,
} from '../model/state.ts'
import { checkDebits, debited, windowOf } from './budget.ts'
import {
  isAlive,
  type IsRunning,
  type Own,
  ownProcess,
  processRuns,
  type Runs,
  runsBeside,
} from './running.ts'
import { summaryOf, taskKey } from './task.ts'
import { MemoryTask, type OpenTask } from './memory-task.ts'
import {
  apply,
  type Change,
  liftable,
  type Lift,
  restrictionsOf,
  type Standing,
  stronger,
} from './standing.ts'

export interface MemoryOptions {
  readonly clock: Pick<Clock, 'now'>
  /** What several stores share; absent: one of its own. */
  readonly memory?: Memory
  readonly isRunning?: IsRunning
  /** Absent: this process. */
  readonly own?: Own
}

interface Taken {
  readonly key: string
  readonly from: Instant
  readonly amount: number
}

interface OpenHold {
  readonly call: CallId
  readonly instance: string
  readonly log: string
  readonly taken: readonly Taken[]
}

/** What stands in place of the database. */
export interface Memory {
  counters: ReadonlyMap<string, BudgetState>
  holds: ReadonlyMap<HoldId, OpenHold>
  standing: Standing
  guards: ReadonlyMap<string, Omit<Instance, 'alive'>>
  restrictions: Restrictions
  readonly tasks: Map<string, OpenTask>
  lastHold: HoldId
  latest: Instant
  resets: number
}

export function emptyMemory(): Memory {
  return {
    counters: new Map(),
    holds: new Map(),
    standing: new Map(),
    guards: new Map(),
    restrictions: { revision: 0, all: [] },
    tasks: new Map(),
    lastHold: 0,
    latest: instant(0),
    resets: 0,
  }
}

export function memoryStore(options: MemoryOptions): StateStore {
  return new MemoryStore(options)
}

class MemoryStore implements StateStore {
  readonly #clock: Pick<Clock, 'now'>
  readonly #runs: Runs
  readonly #memory: Memory
  #holder = { instance: '', log: '' }
  #closed = false

  constructor({ clock, memory = emptyMemory(), isRunning = processRuns, own }: MemoryOptions) {
    this.#clock = clock
    this.#memory = memory
    this.#runs = runsBeside(own ?? ownProcess(clock.now()), isRunning)
  }

  hold({ call, at, debits }: HoldRequest): Held {
    const memory = this.#open()
    if (debits.length === 0) return { held: 0, after: [] }
    checkDebits(debits)
    const counters = new Map(memory.counters)
    const after: BudgetState[] = []
    const taken: Taken[] = []
    for (const debit of debits) {
      const known = counters.get(debit.key)
      const state = debited(known, debit)
      if (!state) return { exhausted: windowOf(known, debit), asked: debit.amount }
      counters.set(debit.key, state)
      after.push(state)
      taken.push({ key: debit.key, from: state.from, amount: debit.amount })
    }
    memory.counters = counters
    memory.lastHold += 1
    memory.holds = new Map(memory.holds).set(memory.lastHold, { call, ...this.#holder, taken })
    this.#note(at)
    return { held: memory.lastHold, after }
  }

  settle(hold: HoldId): void {
    const memory = this.#open()
    const holds = new Map(memory.holds)
    holds.delete(hold)
    memory.holds = holds
  }

  release(hold: HoldId): void {
    const memory = this.#open()
    const counters = new Map(memory.counters)
    for (const { key, from, amount } of memory.holds.get(hold)?.taken ?? []) {
      const known = counters.get(key)
      if (known?.from === from && known.used >= amount)
        counters.set(key, { ...known, used: known.used - amount })
    }
    memory.counters = counters
    this.settle(hold)
  }

  together<T>(act: () => T): T {
    const memory = this.#open()
    const before = { ...memory, standing: new Map(memory.standing) }
    try {
      return act()
    } catch (error) {
      Object.assign(memory, before)
      throw error
    }
  }

  orphans(): readonly OrphanHold[] {
    const { guards, holds } = this.#open()
    const gone = (instance: string): boolean => {
      const guard = guards.get(instance)
      return instance !== '' && (!guard || !this.#runs(guard))
    }
    return [...holds]
      .filter(([, { instance }]) => gone(instance))
      .map(([hold, { call, instance, log }]) => ({ hold, call, instance, log }))
  }

  budgets(prefix: string): readonly BudgetState[] {
    return [...this.#open().counters.values()]
      .filter(({ key }) => key.startsWith(prefix))
      .toSorted((a, b) => (a.key < b.key ? -1 : 1))
  }

  restrictions(): Restrictions {
    return this.#open().restrictions
  }

  restrict(restriction: Omit<Restriction, 'id'>): Restriction {
    const counts = stronger(this.#open().standing, restriction)
    return counts ?? { ...restriction, id: this.#change(restriction) }
  }

  lift(target: Target, { revoked, ...said }: Lift): Restriction | undefined {
    const found = liftable(this.#open().standing, target, revoked)
    if (found) this.#change({ ...said, target, kind: 'lifted' })
    return found
  }

  openTask(who: TaskName, options: TaskOptions): TaskHistory {
    this.#open()
    return new MemoryTask(this.#memory.tasks, who, { ...options, now: () => this.#clock.now() })
  }

  tasks(): readonly TaskSummary[] {
    return [...this.#open().tasks.values()].map(({ who, began, last, task }) => ({
      ...who,
      began,
      last,
      ...summaryOf(task),
    }))
  }

  endTask(who: TaskName, end: TaskEnd): boolean {
    const { tasks } = this.#open()
    const key = taskKey(who)
    const known = tasks.get(key)
    if (known) known.ended = end
    return tasks.delete(key)
  }

  register(guard: RunningGuard): void {
    const memory = this.#open()
    const now = this.#clock.now()
    const said = { ...guard, heartbeatAt: now, seen: 0 }
    memory.guards = new Map(memory.guards).set(guard.instance, said)
    this.#holder = { instance: guard.instance, log: guard.log }
    this.#note(now)
  }

  heartbeat(instance: string, at: Instant, seen: number, seenAt?: Instant): void {
    const memory = this.#open()
    const known = memory.guards.get(instance)
    const said = { heartbeatAt: at, seen, ...(seenAt !== undefined && { seenAt }) }
    if (known) memory.guards = new Map(memory.guards).set(instance, { ...known, ...said })
    this.#note(at)
  }

  unregister(instance: string): void {
    const memory = this.#open()
    const guards = new Map(memory.guards)
    guards.delete(instance)
    memory.guards = guards
  }

  instances(): readonly Instance[] {
    const now = this.#clock.now()
    return [...this.#open().guards.values()]
      .map((guard) => ({ ...guard, alive: isAlive(guard, now, this.#runs) }))
      .toSorted((a, b) => a.startedAt - b.startedAt || (a.instance < b.instance ? -1 : 1))
  }

  latest(): Instant {
    return this.#open().latest
  }

  resets(): number {
    return this.#open().resets
  }

  resetLatest(at: Instant): void {
    const memory = this.#open()
    memory.latest = at
    memory.resets += 1
  }

  close(): void {
    this.#closed = true
  }

  #open(): Memory {
    if (this.#closed)
      throw new GuardError('ERR_STATE_UNUSABLE', 'the state cannot be used: it is closed')
    return this.#memory
  }

  #note(at: Instant): void {
    if (at > this.#memory.latest) this.#memory.latest = at
  }

  #change(made: Omit<Change, 'id'>): number {
    const { restrictions, standing } = this.#memory
    const id = restrictions.revision + 1
    const lifted = [...(restrictions.lifted ?? [])]
    apply(standing, { ...made, id }, lifted)
    this.#memory.restrictions = restrictionsOf(id, standing, lifted)
    return id
  }
}
