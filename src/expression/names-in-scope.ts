/** What a condition may name: `args`, `now`, `agent`, `purpose`, `purposeRef`, `environment`, `risk`, `session.labels`. */
import { ENVIRONMENTS, RISK_POSTURES } from '../model/call.ts'
import { isObject, type Json, type JsonObject } from '../model/json.ts'
import type { Typed } from './run.ts'
import { KIND, TEXT, TIME, type Type, typeOfSchema, UNDECLARED, UNKNOWN } from './typing.ts'

export interface ConditionScope {
  readonly purpose: string
  readonly ref?: string
  /** The tool's schema; absent: parse and profile are checked, arguments are untyped. */
  readonly inputSchema?: JsonObject
}

export function namesInScope(scope: ConditionScope): ReadonlyMap<string, Typed> {
  const names: [string, Typed][] = [
    ['args', { type: argsType(scope.inputSchema), run: (frame) => frame.call.args }],
    ['now', { type: TIME, run: (frame) => frame.call.at }],
    ['agent', { type: TEXT, run: (frame) => frame.call.principal.agent }],
    ['purpose', constant(scope.purpose)],
    ['environment', { type: oneOf(ENVIRONMENTS), run: (frame) => frame.call.environment }],
    ['risk', { type: oneOf(RISK_POSTURES), run: (frame) => frame.call.risk }],
  ]
  if (scope.ref !== undefined) names.push(['purposeRef', constant(scope.ref)])
  return new Map(names)
}

/** `session` is no value of its own: only what stands below it can be read. */
export const SESSION: ReadonlyMap<string, Typed> = new Map([
  ['labels', { type: { kinds: KIND.list, item: TEXT }, run: (frame) => frame.call.session.labels }],
])

function constant(value: Json): Typed {
  return { type: TEXT, run: () => value, constant: value }
}

function oneOf(texts: readonly string[]): Type {
  return { kinds: KIND.text, texts }
}

/** Arguments are always an object; without a schema, one of which nothing is known. */
function argsType(schema: JsonObject | undefined): Type {
  if (!schema) return { kinds: KIND.object, others: UNKNOWN }
  const type = typeOfSchema(schema, schema)
  const known = isObject(schema) && (type.members ?? type.others) !== undefined
  const { members, others } = known ? type : { members: undefined, others: UNDECLARED }
  return { kinds: KIND.object, ...(members && { members }), ...(others && { others }) }
}
