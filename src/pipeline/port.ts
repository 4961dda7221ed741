/** What the line asks of the rest of the guard. `guard.ts` wires it; tests hand in fakes. */
import type { CompiledMandate } from '../model/authority.ts'
import type { CallContext, Environment, Principal, TaskFacts } from '../model/call.ts'
import type { DenyReason } from '../model/decision.ts'
import type { CallId, Instant } from '../model/id.ts'
import type { JsonObject } from '../model/json.ts'
import type {
  AuditLog,
  Clock,
  Notifier,
  OperationalLog,
  PolicyEngine,
  PosturePort,
  StateStore,
  UpstreamAnswer,
} from '../model/port.ts'
import type { HistoryQuery } from '../model/policy.ts'
import type { Era } from '../model/record.ts'
import type { ToolDefinition } from '../model/tool.ts'

/** One message from the agent, already parsed once and strictly; `malformed` says why it was not. */
export interface Inbound {
  readonly era: Era
  readonly method: string
  readonly params: JsonObject
  /** Set when the bytes were not one well-formed message. */
  readonly malformed?: string
  /** Set for what a message asks for beside other things: each is decided as if it came alone. */
  readonly within?: 'subscriptions/listen'
  /** Set when it answers what an upstream had asked back. */
  readonly continuation?: Continuation
  /** What the carrier said beside the message, to be compared with it once the tool is known. */
  readonly mirror?: HeaderMirror
  /** Aborted when the agent cancels the request or goes away. */
  readonly cancelled: CancelSignal
}

/** How a call goes on whose upstream had asked back (MCP 2026-07-28, Multi Round-Trip Requests). */
export interface Continuation {
  /** The call that was asked back; undefined where the agent does not say. */
  readonly continues?: CallId
  /** Whose question it answers; undefined where the agent does not say. */
  readonly server?: string
  readonly inputResponses?: JsonObject
  /** As the upstream wrote it. */
  readonly requestState?: string
  /** The call is still under way upstream, under this ticket. */
  readonly ticket?: string
}

/** Headers in which a client repeats arguments (MCP 2026-07-28, Custom Headers from Tool Parameters). */
export interface HeaderMirror {
  /** What is wrong with them, from a closed set of texts; undefined when they agree. */
  fault(tool: ToolDefinition, args: JsonObject): string | undefined
}

/** A cancellation that costs nothing until somebody asks for it. */
export interface CancelSignal {
  readonly aborted: boolean
  /** Why the guard called it off; undefined where the agent took it back. */
  readonly why?: DenyReason | undefined
  onAbort(listener: () => void): void
}

/** What a public name stands for, as the catalog knows it now. */
export type Found<T> =
  | { readonly state: 'found'; readonly target: T }
  /**
   * The definition is not the one that was approved, or seen first; or nobody approved it, its name passes for another's, or
   * it is gone: `detail` says which.
   */
  | { readonly state: 'changed'; readonly target: T; readonly detail?: string }
  /** Its upstream cannot be asked; `target` is what the name would stand for. */
  | {
      readonly state: 'unavailable'
      readonly target: T
      readonly reason: 'upstream_unavailable' | 'credential_unavailable'
      readonly detail: string
    }
  | { readonly state: 'unknown' }

export interface PromptTarget {
  readonly server: string
  readonly name: string
}

export interface CatalogPort {
  tool(publicName: string): Found<ToolDefinition> | Promise<Found<ToolDefinition>>
  prompt(publicName: string): Found<PromptTarget> | Promise<Found<PromptTarget>>
  /** The one upstream whose grants and lists say that it serves this URI. */
  resource(
    uri: string,
    mandate: CompiledMandate,
  ): Found<{ readonly server: string }> | Promise<Found<{ readonly server: string }>>
}

/** A request as it leaves for its upstream. */
export interface Departure {
  readonly call: CallContext
  readonly era: Era
  readonly server: string
  readonly method: string
  readonly params: JsonObject
  readonly cancelled: CancelSignal
  readonly continuation?: Continuation
  /** What is called, where that is a tool: its definition says what of a call stands elsewhere, too. */
  readonly tool?: ToolDefinition
}

/**
 * The upstreams as `forward` sees them.
 *
 * @throws GuardError ERR_UPSTREAM_DOWN (nothing left the guard), ERR_UPSTREAM_DENIED (the upstream says that it does not
 * take the guard's credential), ERR_UPSTREAM_REFUSED (it left, and the upstream says that it did nothing), ERR_UPSTREAM_TIMEOUT or ERR_UPSTREAM_LOST (it left, and what became of it is not
 * known)
 */
export interface ForwardPort {
  /** `cancelled`: nothing left the guard. `called_off`: it had left, and what became of it is not known. */
  forward(departure: Departure): Promise<UpstreamAnswer | 'cancelled' | 'called_off'>
}

/** Reads wall time once per call and notices when it went back. */
export interface TimeKeeper {
  read(): { readonly at: Instant; readonly movedBack: boolean }
}

/** The history of the task that calls belong to. */
export interface TaskPort {
  /** Another object whenever the labels differ. */
  readonly facts: TaskFacts
  /** Adds labels, which stay. True when that changed something. */
  label(labels: readonly string[]): boolean
  /** A call leaves. The returned function takes it back, where nothing left after all. */
  begin(call: CallContext): () => void
  /** It came back without an error. */
  completed(call: CallContext): void
  /** What conditions may ask of the past from now on. */
  track(queries: readonly HistoryQuery[]): void
}

/**
 * What calls take from budgets.
 *
 * @throws GuardError ERR_STATE_UNUSABLE when it cannot be looked up, or kept; whoever asked must refuse
 */
export type BudgetsPort = Pick<StateStore, 'hold' | 'settle' | 'release'>

/**
 * What is taken back, or on hold, for one mandate and agent. Asked more than once a call, so it has to be cheap.
 *
 * @throws GuardError ERR_STATE_UNUSABLE when it cannot be looked up; whoever asked must refuse
 */
export interface RestrictedPort {
  /** Everything, the mandate or the agent. */
  standing(): 'mandate_revoked' | 'mandate_suspended' | undefined
  /** An upstream, or one of its tools. */
  thing(server: string, tool?: string): 'revoked' | 'suspended' | undefined
}

export interface LinePorts {
  readonly clock: Clock
  readonly time: TimeKeeper
  readonly log: AuditLog
  readonly operational: OperationalLog
  /** Who the launch line says acts; undefined when it says nobody. */
  readonly principal: Principal | undefined
  readonly mandate: CompiledMandate
  readonly environment: Environment
  readonly posture: Pick<PosturePort, 'at'>
  readonly task: TaskPort
  readonly budgets: BudgetsPort
  readonly restricted: RestrictedPort
  /** Absent where nobody can be told: a duty to do so is not met then. */
  readonly notifier?: Notifier | undefined
  readonly catalog: CatalogPort
  readonly upstreams: ForwardPort
  /** External policy engines by their id; absent where policies name none. */
  readonly engines?: { get(id: string): PolicyEngine | undefined } | undefined
  readonly maxAnswerBytes: number
  newCallId(): CallId
  /** True once the guard is going down: nothing new leaves. */
  stopping(): boolean
}
