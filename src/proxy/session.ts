/** What the guard knows of the agent at the other end of one connection: its era, what it can be asked, what is under way. */
import type { UpstreamRequest } from '../model/call.ts'
import { isObject, type JsonObject } from '../model/json.ts'
import type { Era } from '../model/record.ts'
import type { CancelSignal } from '../pipeline/port.ts'
import type { RequestId } from './protocol.ts'

/** The client capability that stands for each kind of request. */
export const CAPABILITY: Readonly<Record<UpstreamRequest, string>> = {
  elicitation: 'elicitation',
  sampling: 'sampling',
  roots: 'roots',
}

/** A cancellation that costs one small object per call until somebody asks for it. */
export class Cancellation implements CancelSignal {
  #aborted = false
  #listener: (() => void) | undefined

  get aborted(): boolean {
    return this.#aborted
  }

  onAbort(listener: () => void): void {
    if (this.#aborted) listener()
    else this.#listener = listener
  }

  /** The call is over: what was to be called off is let go of, whoever still holds this. */
  release(): void {
    this.#listener = undefined
  }

  abort(): void {
    if (this.#aborted) return
    this.#aborted = true
    this.#listener?.()
  }
}

/** One `subscriptions/listen` of a modern agent: what it wants to hear of. */
export interface Listening {
  readonly id: RequestId
  readonly kinds: ReadonlySet<ChangeKind>
}
export type ChangeKind = 'tools' | 'prompts' | 'resources'

export class Session {
  /** The era of the latest message that showed one; `initialize` settles it for a legacy agent. */
  era: Era = 'legacy'
  /** True once the agent has shown its era. */
  opened = false
  version: string | undefined
  capabilities: JsonObject = {}
  readonly inflight: Map<RequestId, Cancellation> = new Map()
  readonly listening: Map<RequestId, Listening> = new Map()
  /** Which upstream a resource is watched at. */
  readonly subscribed: Map<string, string> = new Map()
  /** The least severity that a legacy agent wants to hear of, once it has said so. */
  logLevel: number | undefined

  /** What of the agent's capabilities an upstream is told of: only kinds that the mandate permits it to ask for. */
  offered(declared: JsonObject, permits: (request: UpstreamRequest) => boolean): JsonObject {
    const offered: Record<string, JsonObject> = {}
    for (const kind of ['elicitation', 'sampling', 'roots'] as const) {
      const capability = declared[CAPABILITY[kind]]
      if (isObject(capability) && permits(kind)) offered[CAPABILITY[kind]] = capability
    }
    return offered
  }
}
