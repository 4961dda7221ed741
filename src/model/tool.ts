/** What an upstream says it offers, kept whole: unknown members are part of the definition and of its hash. */
import type { EffectClass } from './call.ts'
import type { Sha256 } from './id.ts'
import { isObject, type JsonObject } from './json.ts'

export interface ToolDefinition {
  readonly server: string
  /** The name upstream; what the agent sees may carry the server's name before it. */
  readonly name: string
  /** The definition as the upstream sent it. */
  readonly raw: JsonObject
  /** Hash of the canonical definition: key order and white space do not matter. */
  readonly definition: Sha256
  /** The canonical text that the hash is taken over; absent where nobody fetched it. */
  readonly text?: () => string
  /** What the lock file says that it does to the world; absent where it does not say, or there is none. */
  readonly lockedEffect?: EffectClass
}

/** The tool's `inputSchema`, or an empty object where it has none. */
export function inputSchema(tool: ToolDefinition): JsonObject {
  const schema = tool.raw['inputSchema']
  return isObject(schema) ? schema : {}
}
