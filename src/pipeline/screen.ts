/**
 * screen: may this come back? An answer that is too large, or asks the agent for what the mandate does not permit, does not.
 * What duties take out of it is taken out here.
 */
import type { Obligation } from '../model/policy.ts'
import type { UpstreamAnswer } from '../model/port.ts'
import { refusal } from '../model/verdict.ts'
import { obligationsOf } from './commit.ts'
import { limited } from './duty/limit.ts'
import { redacted } from './duty/redact.ts'
import type { Forwarded } from './forward.ts'
import type { StageRow } from './stage.ts'

export interface Screened {
  readonly forwarded: Forwarded
  /** As the agent may have it. */
  readonly answer: UpstreamAnswer
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
    const obligations = obligationsOf(forwarded.equipped.committed)
    if (obligations.length === 0)
      return { forwarded, answer, bytes, call, request: forwarded.request }
    const text = fit(answer, obligations)
    if (text === undefined)
      return refusal('screen', 'output_refused', 'a duty about its result could not be met')
    const shown = text === answer.text ? answer : { ...answer, text }
    const left = Buffer.byteLength(text)
    return { forwarded, answer: shown, bytes: left, call, request: forwarded.request }
  },
}

/** Without what may not be seen, and then as short as it has to be; undefined where that cannot be. */
function fit(answer: UpstreamAnswer, obligations: readonly Obligation[]): string | undefined {
  const redactions = obligations.filter((duty) => duty.type === 'redact')
  const limits = obligations.filter((duty) => duty.type === 'limit_output')
  // The state of a question is the guard's own, sealed, or never shown to the agent; it comes back as it is.
  const kept = answer.outcome === 'input_required' ? 'requestState' : undefined
  const shown = redacted(answer.text, redactions, kept)
  return shown === undefined ? undefined : limited(shown, limits)
}
