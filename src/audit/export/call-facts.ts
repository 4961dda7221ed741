/** What of a call may be exported: names that the guard knows, never a value of an argument, a URI or a text from outside. */
import { ACTIONS, EFFECT_CLASSES, type EffectClass } from '../../model/call.ts'
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
