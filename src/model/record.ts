/**
 * What goes on record. One entry is one canonical JSON line (RFC 8785); an intent is written before a call
 * leaves, an outcome after it came back, a refusal in place of both. An intent without an outcome is a
 * fact (`unsettled`), not a bug.
 */
import type { CallContext, EffectClass, Principal } from './call.ts'
import type { Decision } from './decision.ts'
import type { CallId, Instant, Sha256 } from './id.ts'
import type { JsonObject } from './json.ts'
import type { Refusal, Verdict } from './verdict.ts'
import type { DenyReason } from './decision.ts'
import type { BudgetState } from './state.ts'

export type Era = 'legacy' | 'modern'

/** What of a request is on record whether it was forwarded or refused. */
export interface RequestFacts {
  readonly era: Era
  /** The MCP method, verbatim. */
  readonly method: string
  readonly server?: string
  /** The tool or prompt name, or the resource URI. */
  readonly name?: string
  readonly definition?: Sha256
  readonly effects?: readonly EffectClass[]
  /** The call that this one goes on with: its upstream had asked back. */
  readonly continues?: CallId
  /** W3C Trace Context, as the agent sent it in `_meta` (MCP 2026-07-28, Trace Context). */
  readonly traceparent?: string
}

export type EntryBody =
  | {
      readonly type: 'intent'
      readonly at: Instant
      readonly request: RequestFacts
      readonly call: CallContext
      readonly decision: Decision
      /** Counters after what this call takes from them. */
      readonly budgets?: readonly BudgetState[]
      /** What the agent answered to what the upstream had asked. */
      readonly input?: JsonObject
    }
  | {
      readonly type: 'outcome'
      readonly at: Instant
      readonly call: CallId
      readonly verdict: Verdict
      /** Milliseconds from the intent to the answer, and the answer's size in bytes. */
      readonly tookMs: number
      readonly bytes: number
    }
  | {
      readonly type: 'refusal'
      readonly at: Instant
      readonly request: RequestFacts
      readonly refusal: Refusal
      /** Present where the line got far enough to know it. */
      readonly call?: CallContext
      readonly decision?: Decision
    }
  | {
      /** A list was served from the compiled mandate. */
      readonly type: 'listed'
      readonly at: Instant
      readonly era: Era
      readonly method: string
      readonly offered: number
      readonly hidden: number
      readonly catalog: Sha256
    }
  | {
      /** An upstream asked the client for something (elicitation, sampling, roots). */
      readonly type: 'upstream_request'
      readonly at: Instant
      readonly server: string
      readonly method: string
      readonly verdict: 'passed' | 'declined'
      readonly reason?: DenyReason
    }
  | {
      /** Life of the guard and of what it holds: started, stopped, upstream ready, down, catalog fetched. */
      readonly type: 'event'
      readonly at: Instant
      readonly event: EventName
      readonly facts: JsonObject
    }

export type EventName =
  | 'guard_started'
  | 'guard_stopped'
  | 'mandate_loaded'
  | 'upstream_started'
  | 'upstream_ready'
  | 'upstream_failed'
  | 'upstream_exited'
  | 'upstream_garbage'
  | 'catalog_pinned'
  | 'catalog_changed'
  | 'tool_hidden'
  | 'credential_refused'
  | 'credential_renewed'
  | 'notifications_dropped'
  | 'request_turned_away'
  | 'prompt_hidden'
  | 'template_hidden'
  | 'resource_hidden'
  | 'log_recovered'
  | 'log_abandoned'
  | 'policies_loaded'
  | 'policies_refused'
  | 'risk_changed'
  | 'task_ended'
  | 'restricted'
  | 'lifted'
  | 'review_triggered'
  | 'holds_recovered'
  | 'state_begun'
  | 'record_erased'
  | 'settings_loaded'
  | 'catalog_listed'

/** Who acts, and under which mandate: what entries about one agent say alike. */
export interface Acting {
  readonly agent: string
  readonly assurance: Principal['assurance']
  readonly mandate: { readonly name: string; readonly digest: Sha256; readonly signed: boolean }
}

/** What every entry of this guard says alike: of one that serves several agents only its log's name. */
export interface RecordHead extends Partial<Acting> {
  /** Names this guard instance's log. */
  readonly log: string
}

/** Proof that an entry reached the kernel, or the disk where that was asked for. */
export interface Receipt {
  readonly seq: number
  /** RFC 6962 leaf hash: SHA-256(0x00 ‖ entry). */
  readonly leaf: Sha256
}

/** An entry read back. Unknown members are kept, so that an old reader shows a newer log. */
export interface Entry extends JsonObject {
  readonly v: number
  readonly seq: number
  readonly ts: string
  readonly type: string
}
