/** The policies in force, swapped as one: whoever asks gets one revision whole, and what was decided under it stays so. */
import type { CompiledMandate } from '../model/authority.ts'
import type { Environment } from '../model/call.ts'
import type { CompiledPolicies } from './compile.ts'
import { guarded } from './guarded.ts'

/** A mandate under whatever policies are in force. */
export interface LiveMandate extends CompiledMandate {
  /** From now on these are; nothing that was handed out before changes. */
  swap(policies: CompiledPolicies): void
}

export function liveMandate(
  mandate: CompiledMandate,
  policies: CompiledPolicies,
  environment: Environment,
): LiveMandate {
  let now = guarded(mandate, policies, environment)
  const listeners = new Set<() => void>()
  return {
    mandate: mandate.mandate,
    get revision() {
      return now.revision
    },
    get queries() {
      return now.queries
    },
    swap: (next) => {
      now = guarded(mandate, next, environment)
      for (const listener of listeners) listener()
    },
    onSwap: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    overheard: (server) => now.overheard(server),
    tool: (definition) => now.tool(definition),
    names: (server, tool) => now.names(server, tool),
    resource: (server, uri) => now.resource(server, uri),
    prompt: (server, name) => now.prompt(server, name),
    resourceListed: (server, uri) => now.resourceListed(server, uri),
    templateListed: (server, template) => now.templateListed(server, template),
    permitsRequest: (server, request) => now.permitsRequest(server, request),
    validity: (at) => now.validity(at),
    unmatched: (catalog) => now.unmatched(catalog),
  }
}
