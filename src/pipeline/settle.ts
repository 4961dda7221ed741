/** settle: nothing comes back before its outcome is recorded; then what was held for it is spent, whatever it was. */
import { GuardError } from '../model/error.ts'
import type { UpstreamAnswer } from '../model/port.ts'
import { refusal, type Refusal } from '../model/verdict.ts'
import type { LinePorts } from './port.ts'
import type { Screened } from './screen.ts'
import type { StageRow } from './stage.ts'

export interface Settled {
  readonly screened: Screened
  readonly answer: UpstreamAnswer
  readonly call: Screened['call']
  readonly request: Screened['request']
}

export const settle: StageRow<Screened, Settled> = {
  name: 'settle',
  question: 'is the outcome recorded, and its budget settled?',
  codes: ['audit_unavailable', 'state_unavailable'],
  why: 'an answer whose outcome is not on record is withheld',
  run: (screened, ports) => recorded(screened, ports),
}

function recorded(screened: Screened, ports: LinePorts): Promise<Settled | Refusal> {
  const { answer, call, request } = screened
  const { equipped } = screened.forwarded
  if (answer.outcome === 'complete') ports.task.completed(call)
  const { startedMs } = equipped.committed.steppedUp.decided.resolved.bound.identified.admitted
  const entry = {
    type: 'outcome',
    at: ports.time.read().at,
    call: call.id,
    verdict: { outcome: 'forwarded', result: answer.outcome },
    tookMs: Math.max(0, ports.clock.monotonic() - startedMs),
    bytes: screened.bytes,
  } as const
  return ports.log.append(entry).then(
    () => {
      equipped.committed.spend()
      return { screened, answer, call, request }
    },
    (error: unknown) => {
      if (error instanceof GuardError) return refusal('settle', 'audit_unavailable', error.message)
      throw error
    },
  )
}
