/** The store of all guards of one user on one machine: a SQLite database in the state folder. */
import { join } from 'node:path'
import type { Instant } from '../model/id.ts'
import type {
  Clock,
  HoldRequest,
  OperationalLog,
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
import {
  type IsRunning,
  type Own,
  ownProcess,
  processRuns,
  type Runs,
  runsBeside,
} from './running.ts'
import { budgets, hold, type Holder, orphans, release, settle } from './sqlite-budgets.ts'
import { Connection, instantIn, known, numberIn } from './sqlite-connection.ts'
import { openFile, sameFile } from './sqlite-file.ts'
import { InstanceTable } from './sqlite-instances.ts'
import { RestrictionTable } from './sqlite-restrictions.ts'
import { PersistedTask, summaries } from './sqlite-task.ts'
import { endTask } from './sqlite-tasks.ts'
import type { Lift } from './standing.ts'
import { Checkpoints } from './sqlite-wal.ts'

export interface StoreOptions {
  /** Of the database; see `storePath`. */
  readonly path: string
  readonly clock: Clock
  readonly operational?: OperationalLog
  readonly isRunning?: IsRunning
  /** Absent: this process. */
  readonly own?: Own
  /** One is made also where there was one: an operator says so. */
  readonly anew?: boolean
}

export function storePath(stateDir: string): string {
  return join(stateDir, 'state.db')
}

/**
 * Opens the store, and makes it where there never was one.
 *
 * @throws GuardError ERR_STATE_UNUSABLE where it was taken away, is damaged, of a newer form or of another application, or cannot be read
 */
export function openStore(options: StoreOptions): SqliteStore {
  return new SqliteStore(options)
}

/** How long a look at the file holds, in milliseconds. */
const LOOK_MS = 1000
const LATEST = 'SELECT latest FROM marks WHERE id = 1'
const RESETS = 'SELECT resets FROM marks WHERE id = 1'
const RESET = 'UPDATE marks SET latest = ?, resets = resets + 1 WHERE id = 1'
const NOBODY: Holder = { instance: '', log: '' }

export class SqliteStore implements StateStore {
  readonly #clock: Clock
  readonly #connection: Connection
  readonly #identity: string
  readonly #runs: Runs
  readonly #restrictions: RestrictionTable
  readonly #instances: InstanceTable
  readonly #checkpoints: Checkpoints
  #holder = NOBODY
  #lookedAt: number

  constructor(options: StoreOptions) {
    const { path, clock, operational, isRunning = processRuns, anew } = options
    const { raw, identity, made } = openFile(path, anew)
    this.#clock = clock
    this.#identity = identity
    this.#runs = runsBeside(options.own ?? ownProcess(clock.now()), isRunning)
    this.#lookedAt = clock.monotonic()
    this.#connection = new Connection(raw, path)
    this.#restrictions = new RestrictionTable(this.#connection)
    this.#instances = new InstanceTable(this.#connection, this.#runs)
    this.#checkpoints = new Checkpoints(path, operational)
    if (made) operational?.info({ path }, 'a state was made: nothing was used or revoked before')
  }

  hold(request: HoldRequest): Held {
    this.#look()
    return this.#written(() => hold(this.#connection, request, this.#holder))
  }

  settle(id: HoldId): void {
    this.#written(() => settle(this.#connection, id))
  }

  release(id: HoldId): void {
    this.#written(() => release(this.#connection, id))
  }

  together<T>(act: () => T): T {
    this.#look()
    return this.#written(() => this.#connection.transaction(act))
  }

  orphans(): readonly OrphanHold[] {
    return orphans(this.#connection, this.#runs)
  }

  budgets(prefix: string): readonly BudgetState[] {
    return budgets(this.#connection, prefix)
  }

  restrictions(): Restrictions {
    this.#look()
    return this.#restrictions.restrictions()
  }

  restrict(restriction: Omit<Restriction, 'id'>): Restriction {
    this.#look()
    return this.#restrictions.restrict(restriction)
  }

  lift(target: Target, given: Lift): Restriction | undefined {
    this.#look()
    return this.#restrictions.lift(target, given)
  }

  openTask(who: TaskName, options: TaskOptions): TaskHistory {
    this.#look()
    const now = (): Instant => this.#clock.now()
    return new PersistedTask(this.#connection, who, { ...options, now })
  }

  tasks(): readonly TaskSummary[] {
    return summaries(this.#connection)
  }

  endTask(who: TaskName, end: TaskEnd): boolean {
    this.#look()
    return endTask(this.#connection, who, end)
  }

  register(guard: RunningGuard): void {
    this.#look()
    this.#instances.register(guard, this.#clock.now())
    this.#holder = { instance: guard.instance, log: guard.log }
  }

  heartbeat(instance: string, at: Instant, seen: number, seenAt?: Instant): void {
    this.#look()
    this.#written(() => this.#instances.heartbeat(instance, at, seen, seenAt))
  }

  unregister(instance: string): void {
    this.#instances.unregister(instance)
  }

  instances(): readonly Instance[] {
    return this.#instances.instances(this.#clock.now())
  }

  latest(): Instant {
    return this.#connection.guarded(() =>
      instantIn(known(this.#connection.sql(LATEST).get()), 'latest'),
    )
  }

  resets(): number {
    return this.#connection.guarded(() =>
      numberIn(known(this.#connection.sql(RESETS).get()), 'resets'),
    )
  }

  resetLatest(at: Instant): void {
    this.#connection.durably(() => this.#connection.write(RESET, at))
  }

  close(): void {
    this.#checkpoints.close()
    this.#connection.close()
  }

  #written<T>(act: () => T): T {
    const result = act()
    this.#checkpoints.after(this.#connection.writes)
    return result
  }

  /** A file that was taken away is still there for those who opened it, and no longer shared with those who did not. */
  #look(): void {
    const now = this.#clock.monotonic()
    if (now - this.#lookedAt < LOOK_MS) return
    sameFile(this.#connection.path, this.#identity)
    this.#lookedAt = now
  }
}
