/**
 * What a compiled mandate says of one tool, resource or prompt. The list filter and the decision
 * both come from this one object, so that what is hidden cannot be called and what is listed is granted.
 */
import type { CallContext, EffectClass, UpstreamRequest } from './call.ts'
import type { Conjunct, Decision, Outcome } from './decision.ts'
import type { Problem } from './document.ts'
import type { Instant, Sha256 } from './id.ts'
import type { Mandate } from './mandate.ts'
import type { Detector, HistoryQuery } from './policy.ts'
import type { ToolDefinition } from './tool.ts'

export interface Authority {
  /** False hides it: there are no arguments with which it could be called. */
  readonly listed: boolean
  /** The strictest that the grants say; every class when none of them says one. */
  readonly effects: readonly EffectClass[]
  /** Every class that a grant or the lock file says; empty where none does. */
  readonly named: readonly EffectClass[]
  /** What kept it from compiling against the definition (a misspelt argument, a type error): it is hidden. */
  readonly problems: readonly Problem[]
  /** Pure and total: an error inside a rule denies with `evaluation_error`. */
  decide(call: CallContext): Decision
  /** The same decision without short-circuit, conjunct by conjunct. */
  explain(call: CallContext): readonly Conjunct[]
  /** What it touches, as the grants and policies that name it say; empty when none of them says. */
  readonly data: readonly string[]
  /** External engines that have to answer before `decide` can permit; absent where there are none. */
  readonly engines?: readonly string[]
  /** The decision as far as it does not depend on engines. */
  locally?(call: CallContext): Decision
  /** Every outcome that the decision may have, where not all that it reads is known; one where all of that is. */
  possible(call: CallContext): ReadonlySet<Outcome>
  /** The arguments that are read for a decision, and kept with it. */
  reads(): ArgumentReads
}

/** Arguments by their name, and paths into them that conditions name (`order.total`). */
export interface ArgumentReads {
  readonly names: readonly string[]
  readonly paths: readonly string[]
}

/** What an upstream says without being asked: which labels it leaves, and what is taken out of it. */
export interface Overheard {
  readonly labels: readonly string[]
  readonly detectors: readonly Detector[]
}

/** One mandate chain, compiled. */
export interface CompiledMandate {
  readonly mandate: Mandate
  /** Hash of the policy set in force beside it; absent where there is none. */
  readonly revision?: Sha256 | undefined
  /** What its conditions, and those of policies, may ask of the past of a task. */
  readonly queries: readonly HistoryQuery[]
  /** Hears that another policy set is in force from now on; the returned function ends that. */
  onSwap?(listener: () => void): () => void
  /** What policies say of everything that this server says by itself. */
  overheard(server: string): Overheard
  /** Memoised by server, name and definition hash. */
  tool(definition: ToolDefinition): Authority
  /** Does a grant name this tool, and no `never`? Says nothing of its definition, which may not be known yet. */
  names(server: string, tool: string): boolean
  resource(server: string, uri: string): Authority
  prompt(server: string, name: string): Authority
  /** True when some grant names this server at all, for a resource or template that it lists. */
  resourceListed(server: string, uri: string): boolean
  /** True when a template could produce a URI that some grant covers. */
  templateListed(server: string, uriTemplate: string): boolean
  permitsRequest(server: string, request: UpstreamRequest): boolean
  /** Half-open: from ≤ at < until. */
  validity(at: Instant): 'valid' | 'not_yet' | 'expired'
  /** Grants that name a tool, prompt or server that the catalog does not have; `check` fails on them. */
  unmatched(catalog: {
    readonly servers: readonly string[]
    readonly tools: readonly ToolDefinition[]
    readonly prompts: readonly { readonly server: string; readonly name: string }[]
  }): readonly Problem[]
}
