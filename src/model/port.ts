/** The interfaces that the stages ask for. Whoever implements one imports it from here. */
import type { CallContext, RiskPosture, TaskFacts, UpstreamRequest } from './call.ts'
import type { CallId, Instant, Sha256 } from './id.ts'
import type { JsonObject } from './json.ts'
import type { EngineFact, HistoryQuery } from './policy.ts'
import type { EntryBody, Receipt } from './record.ts'
import type {
  BudgetState,
  Debit,
  Held,
  HoldId,
  Instance,
  OrphanHold,
  Restriction,
  Restrictions,
  Target,
} from './state.ts'

export interface Clock {
  /** Wall time. */
  now(): Instant
  /** Milliseconds that only ever grow; durations are measured on it. */
  monotonic(): number
}

export interface AuditLog {
  /**
   * Resolves once the entry has reached the kernel, or the disk where `until` says so. Entries appended in one turn of
   * the event loop share one write, in order; whatever waits for the disk at the same time shares one wait.
   *
   * @throws GuardError ERR_AUDIT_APPEND when it could not be written; whoever asked must refuse.
   */
  append(entry: EntryBody, until?: 'kernel' | 'disk'): Promise<Receipt>
  /**
   * Keeps the text that entries name by this hash, which is its SHA-256: once, and asked for only then. A log without one
   * keeps none.
   *
   * @throws GuardError ERR_AUDIT_APPEND when it could not be kept; whoever asked must refuse.
   */
  keep?(name: Sha256, text: () => string): void
  close(): Promise<void>
}

/** The operational log: what an operator reads when something is wrong. Never stdout. */
export interface OperationalLog {
  debug(facts: JsonObject, message: string): void
  info(facts: JsonObject, message: string): void
  warn(facts: JsonObject, message: string): void
  error(facts: JsonObject, message: string): void
}

/**
 * An upstream's answer. `text` is the JSON text of its `result` (or `error`) exactly as the upstream wrote it:
 * numbers keep their spelling and unknown members survive.
 */
export interface UpstreamAnswer {
  readonly kind: 'result' | 'error'
  readonly text: string
  /** For a result: is it a tool error, a request for input, or complete? */
  readonly outcome: 'complete' | 'input_required' | 'tool_error' | 'error'
  /** Of an error. */
  readonly code?: number
  /** What an `input_required` result asks the client for; `unknown` for a kind that is none of ours. */
  readonly asks?: readonly (UpstreamRequest | 'unknown')[]
}

/**
 * One request beside the conversation with an upstream, as the standard `fetch` makes it. No redirect is followed, and size
 * and time are bounded.
 *
 * @throws GuardError ERR_LOGIN_FAILED when no answer comes, or one that is too large
 */
export type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>

/**
 * What an upstream over HTTP is shown of the login that was made for it. One for each upstream of a guard, shared by all
 * connections to it.
 */
export interface Credential {
  /** Names the login that is shown now; another login has another name. Undefined where nobody has logged in. */
  readonly login: string | undefined
  /** The value of an `Authorization` header, or undefined for none. A promise, which never rejects, only where it is renewed. */
  authorization(): string | undefined | Promise<string | undefined>
  /**
   * The upstream refused what it was shown (HTTP 401 or 403), with this `WWW-Authenticate`. True when it can be shown
   * something else.
   */
  refused(shown: string | undefined, status: number, challenge: string | undefined): boolean
}

/** Timers, so that tests need not wait. */
export interface Timers {
  /** Runs `action` once after `ms`; the returned function takes it back. Does not keep the process alive. */
  after(ms: number, action: () => void): () => void
}

/** Tells somebody outside of a call, as a `notify` duty asks. */
export interface Notifier {
  /** `to`: its name in the settings. Never rejects. */
  notify(to: string, event: JsonObject): Promise<'delivered' | 'failed'>
}

/** Says that what lies at a path may have changed. A hint only: it may say nothing. The returned function ends it. */
export type Watch = (path: string, hint: () => void) => () => void

/** The risk posture from now on, with what the operator said of it. */
export interface PostureChange {
  readonly risk: RiskPosture
  readonly why?: string
  readonly until?: Instant
}

/** The risk posture, asked once for each call. */
export interface PosturePort {
  at(now: Instant): RiskPosture
  onChange(listener: (change: PostureChange) => void): void
  close(): void
}

/** An external policy engine, as `decide` asks it. Only asked where everything else permits. */
export interface PolicyEngine {
  readonly id: string
  /** Never rejects: whatever goes wrong is an `error`. */
  ask(question: EngineQuestion): Promise<EngineFact>
  close(): Promise<void>
}

/** The call as an engine is told of it. */
export interface EngineQuestion {
  readonly call: CallContext
  readonly effects: readonly string[]
  readonly data: readonly string[]
  /** The definition of the tool, for engines that are typed by it. */
  readonly inputSchema?: JsonObject
}

/** What is held for one call. */
export interface HoldRequest {
  readonly call: CallId
  readonly at: Instant
  readonly debits: readonly Debit[]
}

/** Names one task. */
export interface TaskName {
  /** By its name: an edited mandate goes on with what happened before. */
  readonly mandate: string
  readonly agent: string
  readonly task: string
}

/** What happened in a task, as far as it is told. */
export interface TaskSummary extends TaskName {
  readonly began: Instant
  readonly last: Instant
  readonly labels: readonly string[]
  readonly calls: number
  readonly completed: number
}

/** Who ended a task, and why. */
export interface TaskEnd {
  readonly at: Instant
  readonly by: string
  readonly why: string
}

export interface TaskOptions {
  readonly timers: Timers
  readonly operational?: OperationalLog
  /** Somebody ended the task while it was open: what is done from then on is done in a new one. */
  readonly onEnded?: (end: TaskEnd) => void
}

/**
 * The history of a task, as of now and of all guards.
 *
 * @throws GuardError ERR_STATE_UNUSABLE from everything but `completed` and `close` when it cannot be read or written; whoever
 * asked must refuse. RangeError from `label` for more labels than a task holds.
 */
export interface TaskHistory {
  /** Another object whenever the labels differ. */
  readonly facts: TaskFacts
  /** Adds labels, which stay. True when that changed something. */
  label(labels: readonly string[]): boolean
  /** A call leaves. The returned function takes it back, where nothing left after all. */
  begin(call: CallContext): () => void
  /** It came back without an error. */
  completed(call: CallContext): void
  /** What conditions may ask of the past from now on: calls that they ask of are written before `begin` returns. */
  track(queries: readonly HistoryQuery[]): void
  /** Writes what still waits. */
  close(): void
}

/** A guard process as it says of itself that it runs. */
export type RunningGuard = Omit<Instance, 'heartbeatAt' | 'alive' | 'seen' | 'seenAt'>

/**
 * What all guards of one user on one machine share. Every method is one transaction, takes effect before it returns, and is
 * seen by every other process from then on.
 *
 * @throws GuardError ERR_STATE_UNUSABLE from every method when the store cannot be read or written; whoever asked must refuse.
 */
export interface StateStore {
  /**
   * Takes every debit or none. A window that is newer than the counter's begins it anew; one that is older (the clock went
   * back) counts against the counter as it is. A hold of nothing needs not be settled. Whoever holds has registered before:
   * holds of nobody stay what they are, spent.
   */
  hold(request: HoldRequest): Held
  /** What was held is spent. */
  settle(hold: HoldId): void
  /** Nothing left the guard: what was held is given back, where its window still lasts. */
  release(hold: HoldId): void
  /** Holds of guards that are gone, for whoever can tell from their logs what became of the calls. */
  orphans(): readonly OrphanHold[]
  /** Counters whose key begins so; all of them for ''. */
  budgets(prefix: string): readonly BudgetState[]

  /** All that `act` does in the store, or nothing where it throws, and nobody else in between. It may not wait. */
  together<T>(act: () => T): T

  /**
   * Cheap enough to ask before every call: the same object as long as nothing changes. Also tells of suspensions whose `until`
   * has passed, as time is the caller's.
   */
  restrictions(): Restrictions
  /**
   * The later of two about one target counts, but a suspension never weakens a revocation: returns what stands from then on,
   * which is the revocation then, and no change.
   */
  restrict(restriction: Omit<Restriction, 'id'>): Restriction
  /**
   * Lifts what stands against exactly this target; `revoked`: also a revocation, but never of a mandate. Returns what was
   * lifted, undefined where there was nothing.
   */
  lift(
    target: Target,
    given: {
      readonly at: Instant
      readonly why: string
      readonly by: string
      readonly revoked: boolean
    },
  ): Restriction | undefined

  /** The task of this name, made where there is none. Whoever opens it closes it before the store. */
  openTask(who: TaskName, options: TaskOptions): TaskHistory
  tasks(): readonly TaskSummary[]
  /** What happened in it is forgotten, also by guards that have it open. False where there is none. */
  endTask(who: TaskName, end: TaskEnd): boolean

  /** Says that this guard runs. The returned heartbeat says it again; what stops saying so for long, or whose process is gone, is not running. */
  register(guard: RunningGuard): void
  heartbeat(instance: string, at: Instant, seen: number, seenAt?: Instant): void
  unregister(instance: string): void
  /** Those that are not running any more, too, for some days. */
  instances(): readonly Instance[]

  /** The latest wall time of any hold or heartbeat, also before a restart; a clock that is behind it went back. 0: none yet. */
  latest(): Instant
  /** An operator's word that the clock was wrong, and what it says now is right. */
  resetLatest(at: Instant): void
  /** How often that was said. */
  resets(): number
  close(): void
}
