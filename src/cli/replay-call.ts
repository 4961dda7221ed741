/** A call on record as it was decided about: what is kept of it, under the mandate and policies of that time. */
import type { Recorded } from '../audit/recorded.ts'
import { isCut, keptCall, type Veiled } from '../mandate/kept.ts'
import type { ArgumentReads, Authority, CompiledMandate } from '../model/authority.ts'
import type { CallContext, Resource, TaskFacts } from '../model/call.ts'
import type { Outcome } from '../model/decision.ts'
import type { JsonObject } from '../model/json.ts'
import { Altered, type Keepsakes, Unkept } from './keepsakes.ts'

/** @throws Unkept where the entry does not say what was acted on */
export function resourceOf(recorded: Recorded): Resource {
  const { action, server, name, definition, grants } = recorded
  switch (action) {
    case 'tools/call':
      if (definition === undefined) throw new Unkept('the entry does not name the definition')
      return { kind: 'tool', server, name, definition }
    case 'prompts/get':
      return { kind: 'prompt', server, name }
    case 'resources/read':
    case 'resources/subscribe':
      return { kind: 'resource', server, uri: name }
    case 'completion/complete': {
      const of = (kind: string): boolean => grants.some((one) => one.includes(`${kind}.`))
      if (of('prompts') && !of('resources')) return { kind: 'prompt', server, name }
      if (of('resources') && !of('prompts')) return { kind: 'resource', server, uri: name }
      throw new Unkept('the entry does not say whether a prompt or a resource was completed')
    }
  }
}

/** @throws Unkept */
export function authorityOf(
  mandate: CompiledMandate,
  recorded: Recorded,
  keepsakes: Keepsakes,
): Authority {
  const resource = resourceOf(recorded)
  switch (resource.kind) {
    case 'tool':
      return mandate.tool(keepsakes.tool(recorded))
    case 'prompt':
      return mandate.prompt(resource.server, resource.name)
    case 'resource':
      return mandate.resource(resource.server, resource.uri)
  }
}

/** Was it put to the policies, or did the mandate say no before them? */
export function askedPolicies({ outcome, policy }: Recorded): boolean {
  if (!policy) return false
  return outcome === 'permitted' || outcome === 'approval_required' || policy.determining.length > 0
}

/**
 * The call as far as it is kept; `base` and `whole` are what the mandate, and the mandate under policies, read then; absent
 * where that is not known any more.
 */
export function keptOf(
  recorded: Recorded,
  authorities: { readonly base: Authority; readonly whole: Authority } | undefined,
  check: Keepsakes['check'],
): Veiled {
  const { args, facts, erased, outcome } = recorded
  const verify = (given: JsonObject): boolean | undefined => argsAre(recorded, given, check)
  const reads = authorities && readsOf(recorded, authorities)
  // Captured arguments may be cut or masked: what the digest does not stand for was not given.
  const captured = args && verify(args) !== false ? args : undefined
  const passed = outcome === 'permitted' || outcome === 'approval_required'
  return keptCall({ facts, erased, reads, verify, passed }, captured)
}

/** Are these all arguments? Undefined where nobody can tell. */
function argsAre(
  { argsDigest, commits, format }: Recorded,
  given: JsonObject,
  check: Keepsakes['check'],
): boolean | undefined {
  return format === 1 ? check?.(given, argsDigest) : commits?.(given)
}

/**
 * All arguments that were given are there, and their digest is not the one on record; `outcomes`: what may have been decided
 * then, if there were others that nothing read.
 *
 * @throws Altered
 */
export function refuseAltered(
  recorded: Recorded,
  { veil }: Veiled,
  check: Keepsakes['check'],
  outcomes: () => ReadonlySet<Outcome>,
): void {
  const { args, outcome } = recorded
  const whole = args && !isCut(args) && argsAre(recorded, args, check) === false
  if (whole !== true && (veil.others !== 'some' || outcomes().has(outcome))) return
  const why = 'altered, or another key'
  throw new Altered(`its arguments are not those that their digest stands for: ${why}`)
}

function readsOf(
  recorded: Recorded,
  { base, whole }: { readonly base: Authority; readonly whole: Authority },
): ArgumentReads | undefined {
  // A fault on the way leaves no facts at all.
  const broken = recorded.outcome === 'evaluation_error'
  if (broken && Object.keys(recorded.facts).length === 0) return undefined
  return (askedPolicies(recorded) ? whole : base).reads()
}

export function callOf(
  recorded: Recorded,
  { mandate }: CompiledMandate,
  { args, veil, history }: Veiled,
  session: TaskFacts = { id: recorded.task, labels: recorded.labels, history },
): CallContext {
  const { call, at, agent, action, environment, risk, policy } = recorded
  return {
    id: call,
    at,
    principal: agent,
    action,
    resource: resourceOf(recorded),
    args,
    environment,
    risk,
    session,
    mandate,
    ...(policy && policy.engines.length > 0 && { engines: policy.engines }),
    veil,
  }
}
