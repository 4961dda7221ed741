/** What `check`, `explain` and `pin` ask of the upstreams: to start, to say what they offer, and to end. */
import type { Offered } from '../config/approved.ts'
import type { Upstream } from '../config/mcp-json.ts'
import type { Settings } from '../config/settings.ts'
import type { CompiledMandate } from '../model/authority.ts'
import type { ToolDefinition } from '../model/tool.ts'

/** What the upstreams that could be asked offer. */
export interface Probed {
  readonly tools: readonly ToolDefinition[]
  readonly prompts: readonly { readonly server: string; readonly name: string }[]
  /** All of them, templates too, as they came. */
  readonly definitions: readonly Offered[]
  /** Those that could not be asked, and why, in words. */
  readonly failed: readonly { readonly server: string; readonly why: string }[]
}

/** Starts them, reads their lists and ends them again. Calls no tool, and never throws for what an upstream does. */
export type Probe = (given: {
  /** Says what the upstreams may ask of an agent: some of them offer more to one that can be asked. */
  readonly mandate?: CompiledMandate
  readonly upstreams: readonly Upstream[]
  readonly settings: Settings
  readonly signal?: AbortSignal
  /** Where logins are kept. */
  readonly stateDir?: string
}) => Promise<Probed>
