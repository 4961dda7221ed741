/**
 * Second spellings of an argument: some upstreams match names without case or after Unicode normalisation, so that
 * `Amount` beside a judged `amount` would be what they act on.
 */
import { fold } from '../model/fold.ts'
import { isObject, type JsonObject, member } from '../model/json.ts'

/** The first argument that is a second spelling of a name that rules read; undefined when there is none. */
export type FindTwin = (args: JsonObject) => string | undefined

/** How many names are remembered, and how long ones; they come from agents. */
const MAX_REMEMBERED = 512
const MAX_NAME = 128

/** The arguments that a tool's schema declares: none of them is a second spelling of another. */
export function declaredNames(schema: JsonObject | undefined): readonly string[] {
  const properties = schema && member(schema, 'properties')
  return isObject(properties) ? Object.keys(properties) : []
}

/** Compiles the search for the names that rules read, in a tool that declares these. */
export function twinFinder(names: readonly string[], declared: readonly string[]): FindTwin {
  const folded = new Set(names.map(fold))
  const harmless = new Set([...names, ...declared])
  return (args) => {
    for (const key in args) {
      if (harmless.has(key)) continue
      if (folded.has(fold(key))) return key
      if (harmless.size < MAX_REMEMBERED && key.length <= MAX_NAME) harmless.add(key)
    }
    return undefined
  }
}
