/** Compiles the conditions of grants against the tools' schemas, each text once for each schema. */
import { type Condition, compileCondition } from '../expression/condition.ts'
import { type DocNode, Problems } from '../model/document.ts'
import { canonical, type JsonObject } from '../model/json.ts'
import type { Mandate } from '../model/mandate.ts'

/** Compiles one condition; undefined when a problem was reported. */
export type CompileCondition = (node: DocNode, problems: Problems) => Condition | undefined

/** Schemas come from upstreams: what is shared is bounded. */
const MAX_SHARED = 4096

/** What is shared stays in the processor's cache, however many tools there are. */
export function conditionsOf(
  purpose: Mandate['purpose'],
): (schema: JsonObject | undefined) => CompileCondition {
  const shared = new Map<string, Condition>()
  return (schema) => {
    let schemaText: string | undefined
    const scope = {
      purpose: purpose.text,
      ...(purpose.ref !== undefined && { ref: purpose.ref }),
      ...(schema && { inputSchema: schema }),
    }
    return (node, problems) => {
      schemaText ??= schema ? canonical(schema) : ''
      const source = node.kind === 'scalar' ? node.value : undefined
      const key = JSON.stringify([source, schemaText])
      const known = shared.get(key)
      if (known) return known
      const found = new Problems()
      const condition = compileCondition(node, scope, found)
      for (const problem of found.list) problems.add(problem)
      // A problem names its own place: what has one is compiled again for the next.
      const clean = condition && found.list.length === 0 && typeof source === 'string'
      if (clean && shared.size < MAX_SHARED) shared.set(key, condition)
      return condition
    }
  }
}
