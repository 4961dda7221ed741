/** The question a decision answers: may this principal do this action to this resource, now? */
import type { Applies } from './decision.ts'
import type { CallId, Instant, Sha256 } from './id.ts'
import type { JsonObject } from './json.ts'
import type { EngineFact, History } from './policy.ts'

/** What a tool does to the world. A rule that restricts takes an unclassified tool for all of them. */
export const EFFECT_CLASSES = [
  'read',
  'write',
  'send',
  'delete',
  'pay',
  'execute',
  'admin',
] as const
export type EffectClass = (typeof EFFECT_CLASSES)[number]

export const ENVIRONMENTS = ['dev', 'test', 'staging', 'prod'] as const
export type Environment = (typeof ENVIRONMENTS)[number]

export const RISK_POSTURES = ['normal', 'elevated', 'high'] as const
export type RiskPosture = (typeof RISK_POSTURES)[number]

/** What an upstream may ask of the client; nothing unless the mandate's `requests` names it. */
export const UPSTREAM_REQUESTS = ['elicitation', 'sampling', 'roots'] as const
export type UpstreamRequest = (typeof UPSTREAM_REQUESTS)[number]

/**
 * Who acts. `assurance` says how far that is known: `bearer_key` presented the key that the mandate's agent was given;
 * `launch_line` is the word of whoever started the guard (`--agent`, `CHAPERONE_AGENT`); `mandate` is weaker still: nobody
 * was named, and whoever uses the mandate is taken for the agent it was given to.
 */
export interface Principal {
  readonly agent: string
  readonly assurance: 'bearer_key' | 'launch_line' | 'mandate'
  readonly onBehalfOf?: string
}

/** The MCP methods that act on something and are decided one by one. */
export const ACTIONS = [
  'tools/call',
  'resources/read',
  'resources/subscribe',
  'prompts/get',
  'completion/complete',
] as const
export type Action = (typeof ACTIONS)[number]

export type Resource =
  | {
      readonly kind: 'tool'
      readonly server: string
      readonly name: string
      readonly definition: Sha256
    }
  | { readonly kind: 'resource'; readonly server: string; readonly uri: string }
  | { readonly kind: 'prompt'; readonly server: string; readonly name: string }

/** What results left behind in the task so far. Another object whenever the labels differ. */
export interface TaskFacts {
  readonly id: string
  readonly labels: readonly string[]
  /** Absent where nobody keeps one: a rule that asks for it cannot be evaluated. */
  readonly history?: History
}

/** Everything a decision may depend on. Nothing else is read while deciding. */
export interface CallContext {
  readonly id: CallId
  readonly at: Instant
  readonly principal: Principal
  readonly action: Action
  readonly resource: Resource
  readonly args: JsonObject
  readonly environment: Environment
  readonly risk: RiskPosture
  readonly session: TaskFacts
  /** The mandate it is made under: policies may read its name, purpose and owner. */
  readonly mandate?: {
    readonly name: string
    readonly purpose: { readonly text: string; readonly ref?: string }
    readonly owner?: string
  }
  /** What external engines said; absent until they were asked. */
  readonly engines?: readonly EngineFact[]
  /** Of a call that is taken from the record, where not everything is kept; absent: all is known. */
  readonly veil?: Veil
}

/** What is not known of a call that is taken from the record. */
export interface Veil {
  /** Grows whenever something is read that is not known: what was found out meanwhile is no answer. */
  readonly touched: number
  /** Is it known whether there is such an argument? */
  knows(name: string): boolean
  /** Are there arguments beside those of which that is known? */
  readonly others: 'none' | 'some' | 'unknown'
  /** The rules of then read these arguments, and found no second spelling of them. */
  readonly plain: ReadonlySet<string>
  /** Answers of rules, by their names, that are on record where what they read is not. */
  readonly told?: ReadonlyMap<string, Applies>
}
