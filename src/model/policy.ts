/** What policies add to a decision: nouns that the deciding core, the record, the engines and the line share. */
import type { Instant, Sha256 } from './id.ts'
import type { Json } from './json.ts'

/** A policy only takes away: it forbids, asks for an approval, or lays on a duty. */
export const RULE_EFFECTS = ['forbid', 'require_approval', 'oblige'] as const
export type RuleEffect = (typeof RULE_EFFECTS)[number]

/** `shadow`: what it would have done is recorded and changes nothing. */
export const POLICY_MODES = ['enforce', 'shadow'] as const
export type PolicyMode = (typeof POLICY_MODES)[number]

/** What a `redact` obligation looks for in texts. */
export const DETECTORS = ['secrets', 'emails', 'ibans', 'card_numbers'] as const
export type Detector = (typeof DETECTORS)[number]

/** A duty that comes with a permit. One that cannot be met denies the call, or withholds its result. */
export type Obligation =
  | {
      readonly type: 'redact'
      /** The rule that lays it on: `acme-guardrails#redact-secrets`. */
      readonly rule: string
      readonly detectors: readonly Detector[]
      /** Members of the result, as `structuredContent.user.token`; `*` stands for every element or member. */
      readonly paths: readonly string[]
    }
  | {
      readonly type: 'limit_output'
      readonly rule: string
      /** Most bytes of the result's JSON text. */
      readonly bytes: number
      /** `cut` shortens texts and says so; what cannot be cut is withheld. */
      readonly over: 'refuse' | 'cut'
    }
  | {
      readonly type: 'notify'
      readonly rule: string
      /** A webhook of the settings, by its name. */
      readonly to: string
    }
  | { readonly type: 'label'; readonly rule: string; readonly add: readonly string[] }

/** What an external engine said, or that it did not: recorded, so that a replay does not ask again. */
export interface EngineFact {
  /** Its id in `engines.yaml`. */
  readonly engine: string
  /** `error`: no answer in time, one that cannot be understood, or one with an obligation nobody here can meet. */
  readonly effect: 'permit' | 'deny' | 'error'
  /** For operators: which policies decided, or what went wrong. At most 256 characters. */
  readonly detail?: string
  /** How long it took, in milliseconds. */
  readonly tookMs: number
}

/** What policies did to one decision. Lists that are empty are left out. */
export interface PolicyTrace {
  /** Hash of the policy set that decided. */
  readonly revision: Sha256
  /** Rules that forbade, or asked for an approval, as `policy#rule`; of an engine as `engine:id`. */
  readonly determining?: readonly string[]
  /** Of these, and of obliging rules, the ones that could not be evaluated, which counts as a match. */
  readonly errors?: readonly string[]
  readonly obligations?: readonly Obligation[]
  /** Rules and engines in shadow mode that would have matched, with what they would have done. */
  readonly shadow?: readonly { readonly rule: string; readonly effect: RuleEffect }[]
  readonly engines?: readonly EngineFact[]
}

/** What a condition asks of the task's history. */
export interface HistoryQuery {
  /** As it stands in the condition, and in the facts of a decision: `session.calls("mail/send", "1h")`. */
  readonly key: string
  /** Calls that were let out; of these the ones that came back without an error; whether one had a value as argument. */
  readonly kind: 'calls' | 'completed' | 'called_with'
  readonly matches: (server: string, tool: string) => boolean
  /** Absent: since the task began. */
  readonly windowMs?: number
  /** Of `called_with`: the name of a top-level argument. */
  readonly argument?: string
}

/** What happened before in the task. */
export interface History {
  /** Undefined where it is not known, which no rule takes for a no. */
  read(query: HistoryQuery, at: Instant, value?: Json): number | boolean | undefined
}
