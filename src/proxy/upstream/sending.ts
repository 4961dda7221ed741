/** A request to an upstream: on whose behalf it goes, and what comes of it. */
import type { Errand } from '../errand.ts'
import type { OutboundRequest, UpstreamConnection } from './connection.ts'
import type { ProgressListener, RawAnswer } from './pending.ts'

export interface SendOptions {
  readonly timeoutMs?: number
  readonly progress?: ProgressListener | undefined
  /** On whose behalf; absent for what the guard asks for itself. */
  readonly errand?: Errand | undefined
  /** What an upstream over HTTP is told in headers as well. */
  readonly mirror?: Pick<OutboundRequest, 'version' | 'name' | 'params'> | undefined
}

/** A request under way. */
export interface Sent {
  readonly id: number
  readonly answer: Promise<RawAnswer | 'cancelled'>
}

/** A process that the system did not start. */
export function neverStarted({ pid, remote }: UpstreamConnection): boolean {
  return pid === undefined && remote !== true
}
