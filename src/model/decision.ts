/** What the policy says about a call. Two effects, never three: code that reads only `effect` fails closed. */
import type { JsonObject } from './json.ts'
import type { PolicyTrace, RuleEffect } from './policy.ts'
import type { Debit } from './state.ts'

/**
 * Why the guard refused: closed and append-only. A retired reason is never given a new meaning.
 * They are told to agents and written to the log; operators get the rest from `chaperone explain`.
 */
export const DENY_REASONS = [
  'malformed',
  'unsupported',
  'unauthenticated',
  'agent_mismatch',
  'environment_mismatch',
  'mandate_not_yet_valid',
  'mandate_expired',
  'clock_moved_back',
  'unknown_tool',
  'unknown_resource',
  'unknown_prompt',
  'tool_changed',
  'outside_mandate',
  'forbidden',
  'evaluation_error',
  'approval_required',
  'audit_unavailable',
  'credential_unavailable',
  'upstream_unavailable',
  'upstream_timeout',
  'outcome_unknown',
  'output_refused',
  'request_not_permitted',
  'cancelled',
  'guard_stopping',
  'internal_error',
  'header_mismatch',
  'input_unanswered',
  'definition_changed',
  'engine_unavailable',
  'obligation_unmet',
  'mandate_revoked',
  'mandate_suspended',
  'revoked',
  'suspended',
  'budget_exhausted',
  'state_unavailable',
] as const
export type DenyReason = (typeof DENY_REASONS)[number]

/** How a denial could be lifted. Holding one is not access: once met, the call is decided afresh. */
export interface Remedy {
  readonly kind: 'approval'
  /** Who may answer; empty when nobody was named, and then nobody can. */
  readonly approvers: readonly string[]
  readonly expiresInMs: number
  /** Which grants and rules asked for it. */
  readonly askedBy: readonly string[]
  /** How many of the approvers have to agree; absent: one. */
  readonly quorum?: number
  /** The least that has to be known of how they answered; absent: anything. */
  readonly assurance?: ApprovalAssurance
}

/** How an answer came, weakest first (design: the approver is out of the agent's reach). */
export const APPROVAL_ASSURANCES = ['client_asserted', 'local_user', 'passkey'] as const
export type ApprovalAssurance = (typeof APPROVAL_ASSURANCES)[number]

/** What a decision says in one word. */
export type Outcome = Decision['reason']

export type Decision =
  | {
      readonly effect: 'permit'
      readonly reason: 'permitted'
      /** The grants that cover the call, as `tools.vendors/approve`. */
      readonly grants: readonly string[]
      /** The argument values that rules read, by path: enough to decide again. */
      readonly facts: JsonObject
      /** Absent where no policy is in force. */
      readonly policy?: PolicyTrace
      /** What it takes from which budgets; absent where no budget is about it. */
      readonly debits?: readonly Debit[]
    }
  | {
      readonly effect: 'deny'
      readonly reason: DenyReason
      readonly grants: readonly string[]
      readonly facts: JsonObject
      readonly remedy?: Remedy
      readonly policy?: PolicyTrace
    }

/** One conjunct of a decision as `explain` shows it: what was asked, of which value, and the answer. */
export interface Conjunct {
  /** Which part of which document: `tools.vendors/approve.args.amount`. */
  readonly rule: string
  /** In words: `amount is between 0 and 5000`. */
  readonly expected: string
  /** The value it read, already cut and with secrets left out; undefined when the value is absent. */
  readonly read?: string
  /** `unknown`: it read a value that is not kept. */
  readonly result: 'holds' | 'fails' | 'error' | 'asks' | 'unknown'
  /** What would make it hold, where that can be said. */
  readonly hint?: string
  /** Of a policy's rule: what it does, and whether it applies to this call. What its own conditions said follows it. */
  readonly effect?: RuleEffect
  readonly applies?: Applies
  /** A condition of this rule of a policy: it says whether the rule applies, and nothing is wrong where it does not hold. */
  readonly of?: string
  /** The rule is in shadow mode: on record, and without effect. */
  readonly shadow?: true
  /** It is what the call takes from a budget. */
  readonly budget?: true
}

/** Whether a rule applies to a call; `error` counts as a yes, `unknown` hangs on a value that is not kept. */
export type Applies = 'yes' | 'no' | 'error' | 'unknown'
