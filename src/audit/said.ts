/** What an entry says, member by member, without trusting that it says it in the form that it should. */
import { type Instant, instant, type Sha256, sha256 } from '../model/id.ts'
import { isList, isObject, type Json, type JsonObject, member } from '../model/json.ts'
import { rfc3339 } from '../model/time.ts'

export function objectIn(object: JsonObject, key: string): JsonObject {
  const value = member(object, key)
  return isObject(value) ? value : {}
}

export function textIn(object: JsonObject, key: string): string | undefined {
  const value = member(object, key)
  return typeof value === 'string' ? value : undefined
}

export function numberIn(object: JsonObject, key: string): number | undefined {
  const value = member(object, key)
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

export function listIn(object: JsonObject, key: string): readonly Json[] {
  const value = member(object, key)
  return isList(value) ? value : []
}

export function objectsIn(object: JsonObject, key: string): readonly JsonObject[] {
  return listIn(object, key).filter(isObject)
}

export function textsIn(object: JsonObject, key: string): readonly string[] {
  return listIn(object, key).filter((one) => typeof one === 'string')
}

export function hashIn(object: JsonObject, key: string): Sha256 | undefined {
  const text = textIn(object, key)
  return text !== undefined && /^[0-9a-f]{64}$/.test(text) ? sha256(text) : undefined
}

/** A moment, as text or in milliseconds. */
export function momentIn(object: JsonObject, key: string): Instant | undefined {
  const ms = numberIn(object, key)
  if (ms !== undefined) return Number.isSafeInteger(ms) && ms >= 0 ? instant(ms) : undefined
  const text = textIn(object, key)
  return text === undefined ? undefined : rfc3339(text)
}
