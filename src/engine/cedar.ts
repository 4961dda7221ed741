/** Cedar: what the guard's own thread does of it. */
import type { JsonObject } from '../model/json.ts'
import type { EngineQuestion, Timers } from '../model/port.ts'
import { type Asking, failed } from './said.ts'
import { evaluationOf, fits, MOST_BYTES, type Telling } from './told.ts'
import { type CedarText, openThread } from './thread.ts'

export interface CedarOptions {
  readonly policies: readonly CedarText[]
  readonly telling: Telling
}

/** @throws GuardError ERR_CONFIG_INVALID when a policy does not parse */
export async function cedarEngine(
  { policies, telling }: CedarOptions,
  timers: Timers,
): Promise<Asking<EngineQuestion>> {
  const thread = await openThread({ kind: 'cedar', policies, send: telling.send }, timers)
  const texts = new WeakMap<JsonObject, string>()
  const schemaText = (schema: JsonObject): string => {
    const text = texts.get(schema) ?? JSON.stringify(schema)
    texts.set(schema, text)
    return text
  }
  return {
    ask: async (question, signal) => {
      const input = JSON.stringify(evaluationOf(question, telling))
      if (!fits(input)) return failed(`the question is longer than ${MOST_BYTES} bytes`)
      const { inputSchema } = question
      const schema = inputSchema && { schema: schemaText(inputSchema) }
      return thread.ask({ input, ...schema }, signal)
    },
    close: () => thread.close(),
  }
}
