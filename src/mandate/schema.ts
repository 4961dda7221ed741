/** What a tool's `inputSchema` says about the names of its arguments. */
import { isObject, type JsonObject, member } from '../model/json.ts'

/** Keywords through which a schema may take members that its own `properties` do not name. */
const OPENING = [
  '$ref',
  '$dynamicRef',
  'allOf',
  'anyOf',
  'oneOf',
  'if',
  'patternProperties',
  'dependentSchemas',
] as const

/**
 * The names that the schema declares; undefined where it does not say them all. An `additionalProperties` that is
 * left out does not make a name known: upstreams rarely close their schemas, and a misspelt name must be found.
 */
export function argumentNames(schema: JsonObject): ReadonlySet<string> | undefined {
  if (OPENING.some((keyword) => Object.hasOwn(schema, keyword))) return undefined
  const additional = member(schema, 'additionalProperties')
  if (additional === true || isObject(additional)) return undefined
  const properties = member(schema, 'properties')
  return isObject(properties) ? new Set(Object.keys(properties)) : undefined
}
