/** A running OPA, asked for the value of one rule: `POST /v1/data/<path>` with the call as `input`. */
import { isObject, member } from '../model/json.ts'
import type { EngineQuestion } from '../model/port.ts'
import type { Client } from './http.ts'
import { type Asking, failed, regoSaid } from './said.ts'
import { evaluationOf, fits, MOST_BYTES, type Telling } from './told.ts'

export interface OpaOptions {
  readonly url: URL
  readonly path: string
  readonly telling: Telling
}

export function opaEngine(
  { url, path, telling }: OpaOptions,
  client: Client,
): Asking<EngineQuestion> {
  const steps = path.split('/').map((step) => encodeURIComponent(step))
  // Without the parameter, a built-in function that fails is undefined, and a `deny` rule that calls it does not fire.
  const base = `${url.origin}${url.pathname.replace(/\/$/, '')}`
  const rule = new URL(`${base}/v1/data/${steps.join('/')}?strict-builtin-errors=true`)
  return {
    ask: async (question, signal) => {
      const body = `{"input":${JSON.stringify(evaluationOf(question, telling))}}`
      if (!fits(body)) return failed(`the question is longer than ${MOST_BYTES} bytes`)
      const outgoing = { method: 'POST', url: rule, body, call: question.call.id } as const
      const answered = await client.send(outgoing, signal)
      if ('wrong' in answered) return answered.wrong
      if (!isObject(answered.json)) return failed('its answer is no object')
      return regoSaid(member(answered.json, 'result'))
    },
    close: () => {
      client.close()
      return Promise.resolve()
    },
  }
}
