/** What the guard then did about a decision: it may be told no by a log, an upstream or an answer too large. */
import type { Decision, DenyReason } from './decision.ts'
import type { Instant } from './id.ts'

/** The stages of the line, in order; order is precedence. */
export const STAGES = [
  'admit',
  'identify',
  'bind',
  'resolve',
  'decide',
  'step-up',
  'commit',
  'equip',
  'forward',
  'screen',
  'settle',
] as const
export type StageName = (typeof STAGES)[number]

export type Verdict =
  | {
      readonly outcome: 'forwarded'
      readonly result: 'complete' | 'input_required' | 'tool_error' | 'error'
    }
  | { readonly outcome: 'refused'; readonly stage: StageName; readonly reason: DenyReason }

/** An expected no: which stage said it and why. Refusals are returned, faults are thrown. */
export interface Refusal {
  readonly refused: true
  readonly stage: StageName
  readonly reason: DenyReason
  /** For operators only, never sent to the agent. */
  readonly detail?: string
  /** What was refused, under its upstream's own name, where that was found out before; for the record alone. */
  readonly about?: { readonly server: string; readonly name: string }
  /** When the budget that is exhausted begins anew: agents are told. */
  readonly resetsAt?: Instant
  /** The decision that said no, where it was one. */
  readonly decision?: Decision
}

export function refusal(stage: StageName, reason: DenyReason, detail?: string): Refusal {
  return detail === undefined
    ? { refused: true, stage, reason }
    : { refused: true, stage, reason, detail }
}

export function isRefusal(value: object): value is Refusal {
  return 'refused' in value && value.refused === true
}
