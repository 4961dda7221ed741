/** JSON values and their canonical form (RFC 8785), the bytes that every hash in Chaperone is taken over. */

export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [key: string]: Json
}

/** True for a JSON object: not null, not a list. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A member that the object itself has; what sits on the prototype is never seen. */
export function member(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined
}

/**
 * RFC 8785: members sorted by UTF-16 code units, numbers as ECMAScript prints them, no white space.
 *
 * @throws RangeError for a number that is not finite, which JSON cannot say.
 */
export function canonical(value: Json): string {
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new RangeError('JSON has no number that is not finite')
    return JSON.stringify(value)
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (isList(value)) return `[${value.map(canonical).join(',')}]`
  const keys = Object.keys(value).toSorted(byCodeUnits)
  let text = '{'
  for (const key of keys) {
    const item = value[key]
    if (item === undefined) continue
    text += `${text.length > 1 ? ',' : ''}${JSON.stringify(key)}:${canonical(item)}`
  }
  return `${text}}`
}

/** Array.isArray that narrows readonly lists. */
export function isList(value: unknown): value is readonly Json[] {
  return Array.isArray(value)
}

function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
