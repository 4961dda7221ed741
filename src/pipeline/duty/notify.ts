/** The duty to tell somebody of a call before it leaves: who is told what. Nothing of its arguments is. */
import type { CallContext, EffectClass, Resource } from '../../model/call.ts'
import type { JsonObject } from '../../model/json.ts'
import type { Obligation } from '../../model/policy.ts'
import { withoutSecrets } from '../../model/secret-shape.ts'

export interface Notice {
  /** Whom, by the name in the settings. */
  readonly to: string
  readonly event: JsonObject
}

/** One for each rule that asks for it. */
export function noticesOf(
  obligations: readonly Obligation[],
  call: CallContext,
  effects: readonly EffectClass[],
): readonly Notice[] {
  return obligations.flatMap((duty) =>
    duty.type === 'notify' ? [{ to: duty.to, event: eventOf(duty.rule, call, effects) }] : [],
  )
}

function eventOf(rule: string, call: CallContext, effects: readonly EffectClass[]): JsonObject {
  return {
    type: 'chaperone.call',
    id: call.id,
    at: new Date(call.at).toISOString(),
    rule,
    agent: call.principal.agent,
    ...(call.mandate && { mandate: call.mandate.name }),
    action: call.action,
    resource: resourceOf(call.resource),
    effects,
    decision: 'permit',
  }
}

function resourceOf(resource: Resource): JsonObject {
  const { kind, server } = resource
  return kind === 'resource'
    ? { kind, server, uri: withoutSecrets(resource.uri) }
    : { kind, server, name: resource.name }
}
