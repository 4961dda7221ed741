/** What of a call may be exported: names that the guard knows, never a value of an argument, a URI or a text from outside. */
import { ACTIONS, EFFECT_CLASSES, type EffectClass } from '../../model/call.ts'
import { isObject, type Json, type JsonObject } from '../../model/json.ts'
import type { RequestFacts } from '../../model/record.ts'
import { withoutSecrets } from '../../model/secret-shape.ts'

const LONGEST_NAME = 128

/** A name as it is exported. */
export function shownName(name: string): string {
  return withoutSecrets(name.slice(0, LONGEST_NAME))
}

/** The method, where it is one that is decided about; agents may write any other. */
export function methodOf({ method }: Pick<RequestFacts, 'method'>): string | undefined {
  return ACTIONS.find((known) => known === method)
}

/** The tool, where an upstream has it: of what nobody has, the name is the agent's own text. */
export function toolOf(request: RequestFacts): string | undefined {
  if (request.method !== 'tools/call' || request.definition === undefined) return undefined
  return request.name === undefined ? undefined : shownName(request.name)
}

/** Its effect in one word. */
export function effectOf(effects: readonly EffectClass[] | undefined): string {
  if (effects === undefined || effects.length === 0) return 'none'
  if (effects.length === EFFECT_CLASSES.length) return 'any'
  return effects.length === 1 ? (effects[0] ?? 'none') : 'several'
}

/** What of an event's facts is exported: all that is none of these stays on record alone. */
const SHOWN = [
  'server',
  'kind',
  'target',
  'trigger',
  'why',
  'by',
  'until',
  'risk',
  'revision',
  'drift',
  'status',
  'count',
  'reason',
  'environment',
  'version',
] as const

export function shownFacts(facts: JsonObject): Readonly<Record<string, string | number>> {
  const shown = SHOWN.flatMap((key): readonly (readonly [string, string | number])[] => {
    const told = toldValue(Object.hasOwn(facts, key) ? facts[key] : undefined)
    return told === undefined ? [] : [[key, told]]
  })
  return Object.fromEntries(shown)
}

function toldValue(value: Json | undefined): string | number | undefined {
  if (typeof value === 'string') return shownName(value)
  if (typeof value === 'number') return value
  // What is taken back, by its kind and names.
  if (!isObject(value) || typeof value['kind'] !== 'string') return undefined
  const names = [value['server'], value['name']].filter((one) => typeof one === 'string')
  return shownName([value['kind'], names.join('/')].filter((part) => part !== '').join(':'))
}
