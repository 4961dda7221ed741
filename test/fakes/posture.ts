/** A risk posture that stays as it is. */
import type { RiskPosture } from '../../src/model/call.ts'
import type { PosturePort } from '../../src/model/port.ts'

export function steadyPosture(risk: RiskPosture): PosturePort {
  return { at: () => risk, onChange: () => undefined, close: () => undefined }
}
