/** screen: may this come back? An answer that is too large, or asks the agent for what the mandate does not permit, does not. */
import { refusal } from '../model/verdict.ts'
import type { Forwarded } from './forward.ts'
import type { StageRow } from './stage.ts'

export interface Screened {
  readonly forwarded: Forwarded
  readonly bytes: number
  readonly call: Forwarded['call']
  readonly request: Forwarded['request']
}

export const screen: StageRow<Forwarded, Screened> = {
  name: 'screen',
  question: 'may this come back?',
  codes: ['output_refused', 'request_not_permitted'],
  why: 'what comes back is read by a model; it is looked at before it is handed on',
  run: (forwarded, ports) => {
    const { answer, call } = forwarded
    const bytes = Buffer.byteLength(answer.text)
    if (bytes > ports.maxAnswerBytes)
      return refusal('screen', 'output_refused', `the answer has ${bytes} bytes`)
    for (const asked of answer.asks ?? []) {
      if (asked === 'unknown' || !ports.mandate.permitsRequest(call.resource.server, asked)) {
        return refusal('screen', 'request_not_permitted', `the upstream asked for ${asked}`)
      }
    }
    return { forwarded, bytes, call, request: forwarded.request }
  },
}
