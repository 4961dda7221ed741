/** What was taken back or put on hold, as the record says it. */
import type { Instant } from '../model/id.ts'
import { canonical, type JsonObject } from '../model/json.ts'
import { rfc3339 } from '../model/time.ts'
import { momentIn, numberIn, objectIn, textIn } from './said.ts'

export interface SeenRestriction {
  readonly id?: number
  readonly kind: 'revoked' | 'suspended'
  readonly target: JsonObject
  readonly by: string
  readonly why: string
  readonly since?: Instant
  readonly until?: Instant
}

export function restrictionIn(facts: JsonObject, ts: string): SeenRestriction | undefined {
  const kind = (['revoked', 'suspended'] as const).find((one) => one === facts['kind'])
  if (!kind) return undefined
  const [id, until] = [numberIn(facts, 'id'), momentIn(facts, 'until')]
  const since = momentIn(facts, 'at') ?? rfc3339(ts)
  return {
    kind,
    target: objectIn(facts, 'target'),
    by: textIn(facts, 'by') ?? 'nobody that is named',
    why: textIn(facts, 'why') ?? '',
    ...(id !== undefined && { id }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
  }
}

/** The same for whatever is about the same target. */
export function targetKey(target: JsonObject): string {
  const { kind = null, server = null, name = null } = target
  return canonical([kind, server, name])
}

/** `tool vendors/approve`, `everything`. */
export function targetText(target: JsonObject): string {
  const [kind, server, name] = [
    textIn(target, 'kind'),
    textIn(target, 'server'),
    textIn(target, 'name'),
  ]
  const what = [server, name].filter((one) => one !== undefined).join('/')
  return [kind ?? 'something', what].filter((one) => one !== '').join(' ')
}
