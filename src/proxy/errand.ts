/** On whose behalf a request is under way upstream: whatever the upstream says about it belongs to that agent alone. */
import type { JsonObject } from '../model/json.ts'
import type { LetOut } from '../pipeline/again.ts'
import type { RequestId } from './protocol.ts'
import type { Session } from './session.ts'

export interface Errand {
  readonly session: Session
  /** The agent's own id of its request. */
  readonly request: RequestId
  /** What was let out for it, to be decided again where more of it is to leave. */
  readonly letOut: LetOut
  /** What its client says it can be asked for. */
  readonly declared: JsonObject
  /** The least severity that this request wants to hear of; undefined when it asked for none. */
  readonly logLevel?: number | undefined
}
