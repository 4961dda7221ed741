/** What `chaperone.lock` approves: how upstreams are started, and every definition that a model may see. */
import type { EffectClass } from './call.ts'
import type { Exact } from './exact.ts'
import type { Sha256 } from './id.ts'
import type { JsonObject } from './json.ts'

/** What is pinned. Resources are content, as results are: a list of them changes with what it lists. */
export const DEFINITION_KINDS = ['tool', 'prompt', 'template'] as const
export type DefinitionKind = (typeof DEFINITION_KINDS)[number]

/** A definition as an upstream shows it: every member of it counts. */
export interface Definition {
  /** The name of a tool or prompt, the `uriTemplate` of a template. */
  readonly name: string
  readonly digest: Sha256
  readonly value: Exact
}

export interface ApprovedDefinition extends Definition {
  /** What a tool does to the world, as whoever approved it says; absent where nobody said. */
  readonly effect?: EffectClass
}

/** How an upstream is started, as `mcp.json` says it before variables are expanded, with whatever is secret left out. */
export interface WrittenLaunch {
  readonly digest: Sha256
  readonly written: JsonObject
}

export interface ApprovedUpstream {
  readonly launch: WrittenLaunch
  readonly definitions: Readonly<Record<DefinitionKind, ReadonlyMap<string, ApprovedDefinition>>>
}

export interface Lock {
  readonly file: string
  /** Hash of the exact bytes of the file. */
  readonly digest: Sha256
  readonly upstreams: ReadonlyMap<string, ApprovedUpstream>
}
