/** The interfaces that the stages ask for. Whoever implements one imports it from here. */
import type { CallContext, RiskPosture, UpstreamRequest } from './call.ts'
import type { Instant, Sha256 } from './id.ts'
import type { JsonObject } from './json.ts'
import type { EngineFact } from './policy.ts'
import type { EntryBody, Receipt } from './record.ts'

export interface Clock {
  /** Wall time. */
  now(): Instant
  /** Milliseconds that only ever grow; durations are measured on it. */
  monotonic(): number
}

export interface AuditLog {
  /**
   * Resolves once the entry has reached the kernel. Entries appended in one turn of the event loop
   * share one write, in order.
   *
   * @throws GuardError ERR_AUDIT_APPEND when it could not be written; whoever asked must refuse.
   */
  append(entry: EntryBody): Promise<Receipt>
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
