/**
 * What the guard knows of one conversation with an agent: its era, what its client can be asked, what is under way. On
 * stdio that is the connection, over HTTP a session of the legacy era or a single request of the modern one.
 */
import type { UpstreamRequest } from '../model/call.ts'
import { isObject, type JsonObject } from '../model/json.ts'
import type { DenyReason } from '../model/decision.ts'
import type { Era } from '../model/record.ts'
import type { CancelSignal } from '../pipeline/port.ts'
import type { RequestId } from './protocol.ts'

/** The client capability that stands for each kind of request. */
export const CAPABILITY: Readonly<Record<UpstreamRequest, string>> = {
  elicitation: 'elicitation',
  sampling: 'sampling',
  roots: 'roots',
}

/** Where what is said to an agent goes. */
export interface Outlet {
  /** The answer to a request, and the last that is said of it. `code`: of an error, for a carrier that has codes too. */
  answer(id: RequestId | null, part: 'result' | 'error', text: string, code?: number): void
  /** Any other message; `about`: the agent's request that it belongs to. */
  say(frame: string, about?: RequestId): void
  /** The request was taken back: it gets no answer. */
  drop(id: RequestId): void
  /** The answer comes later, and the agent may ask for it then (MCP 2025-11-25, SSE polling). */
  pause(id: RequestId, retryMs: number): void
}

/** A request of an agent that waits for its answer. Costs one small object until somebody calls it off. */
export class Underway implements CancelSignal {
  readonly session: Session
  readonly id: RequestId
  #aborted = false
  #answered = true
  #why: DenyReason | undefined
  #listener: (() => void) | undefined
  #over: PromiseWithResolvers<void> | undefined
  #isOver = false

  constructor(session: Session, id: RequestId) {
    this.session = session
    this.id = id
  }

  get aborted(): boolean {
    return this.#aborted
  }

  /** False once the agent has taken it back, and waits for nothing any more. */
  get answered(): boolean {
    return this.#answered
  }

  get why(): DenyReason | undefined {
    return this.#why
  }

  onAbort(listener: () => void): void {
    if (this.#aborted) listener()
    else this.#listener = listener
  }

  /** The call is over: what was to be called off is let go of, whoever still holds this. */
  release(): void {
    this.#listener = undefined
    this.#isOver = true
    this.#over?.resolve()
  }

  /** Resolves when it is concluded, and on record. */
  over(): Promise<void> {
    if (this.#isOver) return Promise.resolve()
    this.#over ??= Promise.withResolvers()
    return this.#over.promise
  }

  /** The agent takes it back. */
  abort(): void {
    this.#answered = false
    this.callOff()
  }

  /** The guard calls it off, and the agent is told why, or what came of it. */
  callOff(why?: DenyReason): void {
    if (this.#aborted) return
    this.#aborted = true
    this.#why = why
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
  readonly outlet: Outlet
  /** The era of the latest message that showed one; `initialize` settles it for a legacy agent. */
  era: Era
  /** True once the agent has shown its era. */
  opened: boolean
  version: string | undefined
  capabilities: JsonObject = {}
  readonly inflight: Map<RequestId, Underway> = new Map()
  readonly listening: Map<RequestId, Listening> = new Map()
  /** The least severity that a legacy agent wants to hear of, once it has said so. */
  logLevel: string | undefined

  constructor(outlet: Outlet, era: Era = 'legacy') {
    this.outlet = outlet
    this.era = era
    this.opened = era === 'modern'
  }
}

/**
 * Everything that a client can declare of these kinds (MCP 2025-11-25 and 2026-07-28, ClientCapabilities). An earlier
 * revision knows the kinds alone, and leaves their members aside.
 */
const ALL: JsonObject = {
  elicitation: { form: {}, url: {} },
  sampling: { tools: {}, context: {} },
  roots: {},
}

/**
 * What an upstream is told on behalf of agents that are not known yet, or are many: some servers offer more to a client
 * that can be asked. What the one agent of a call cannot be asked is declined all the same.
 */
export function offeredForAnyone(permits: (request: UpstreamRequest) => boolean): JsonObject {
  return offered(ALL, permits)
}

/** What of an agent's capabilities an upstream is told of: only kinds that the mandate permits it to ask for. */
export function offered(
  declared: JsonObject,
  permits: (request: UpstreamRequest) => boolean,
): JsonObject {
  const offered: Record<string, JsonObject> = {}
  for (const kind of ['elicitation', 'sampling', 'roots'] as const) {
    const capability = declared[CAPABILITY[kind]]
    if (isObject(capability) && permits(kind)) offered[CAPABILITY[kind]] = capability
  }
  return offered
}
