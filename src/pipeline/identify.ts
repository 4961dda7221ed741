/** identify: who sent it? On stdio that is who the launch line says, the weakest thing that is recorded as known. */
import type { Principal } from '../model/call.ts'
import { refusal } from '../model/verdict.ts'
import type { Admitted } from './admit.ts'
import type { StageRow } from './stage.ts'

export interface Identified {
  readonly admitted: Admitted
  readonly principal: Principal
  readonly request: Admitted['request']
}

export const identify: StageRow<Admitted, Identified> = {
  name: 'identify',
  question: 'who sent it?',
  codes: ['unauthenticated'],
  why: 'a mandate is given to somebody; who asks must be known before it is looked up',
  run: (admitted, ports) =>
    ports.principal === undefined
      ? refusal('identify', 'unauthenticated', 'the launch line names no agent')
      : { admitted, principal: ports.principal, request: admitted.request },
}
