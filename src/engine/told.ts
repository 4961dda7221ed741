/**
 * What an engine is told of a call: one shape for all of them, that of an AuthZEN 1.0 evaluation with the names that the
 * MCP binding of COAZ gives. Arguments whose name says that they are secrets are never told.
 */
import { EFFECT_CLASSES, type Resource } from '../model/call.ts'
import type { Told } from '../model/engine.ts'
import { isList, isObject, type Json, type JsonObject } from '../model/json.ts'
import type { EngineQuestion } from '../model/port.ts'
import { isSecretName } from '../model/secret-name.ts'

/** Longest question in UTF-8 bytes: what an agent writes must not keep an engine busy. */
export const MOST_BYTES = 262_144

export interface Evaluation {
  readonly subject: JsonObject
  readonly action: JsonObject
  readonly resource: JsonObject & { readonly properties: JsonObject }
  readonly context: JsonObject
}

export interface Telling {
  readonly send: readonly Told[]
  readonly localTime: (ms: number) => JsonObject
}

export function evaluationOf(question: EngineQuestion, telling: Telling): Evaluation {
  const { principal, action, resource } = question.call
  const { agent, assurance, onBehalfOf } = principal
  return {
    subject: {
      type: 'identity',
      id: onBehalfOf ?? agent,
      properties: {
        agent,
        assurance,
        ...(onBehalfOf !== undefined && { on_behalf_of: onBehalfOf }),
      },
    },
    action: { name: action },
    resource: {
      type: resource.kind,
      id: `${resource.server}/${nameOf(resource)}`,
      properties: {
        server: resource.server,
        ...(resource.kind === 'resource' ? { uri: resource.uri } : { name: resource.name }),
        ...(resource.kind === 'tool' && { definition: resource.definition }),
        effects: effectsOf(question),
        data: [...question.data],
      },
    },
    context: contextOf(question, telling),
  }
}

export function nameOf(resource: Resource): string {
  return resource.kind === 'resource' ? resource.uri : resource.name
}

/** A tool that nobody classified could do anything. */
export function effectsOf({ effects }: EngineQuestion): string[] {
  return effects.length > 0 ? [...effects] : [...EFFECT_CLASSES]
}

function contextOf({ call }: EngineQuestion, { send, localTime }: Telling): JsonObject {
  const { mandate } = call
  return {
    agent: call.principal.agent,
    time: new Date(call.at).toISOString(),
    local: localTime(call.at),
    environment: call.environment,
    risk: call.risk,
    ...(mandate && { mandate: mandate.name }),
    ...(send.includes('labels') && { labels: [...call.session.labels] }),
    ...(mandate && send.includes('purpose') && { purpose: { ...mandate.purpose } }),
    ...(send.includes('arguments') &&
      call.resource.kind !== 'resource' && { arguments: withoutSecrets(call.args) }),
  }
}

/** Without the members whose names say that they are secrets, however deep. */
export function withoutSecrets(object: JsonObject): JsonObject {
  const kept = Object.entries(object).filter(([name]) => !isSecretName(name))
  return Object.fromEntries(kept.map(([name, value]) => [name, within(value)]))
}

function within(value: Json): Json {
  if (isList(value)) return value.map(within)
  return isObject(value) ? withoutSecrets(value) : value
}

/** False for a question that is longer than any engine is asked. */
export function fits(text: string): boolean {
  return text.length <= MOST_BYTES && Buffer.byteLength(text) <= MOST_BYTES
}
