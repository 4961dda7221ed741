/**
 * What a link speaks through: a child process, or HTTP. Frames go out, messages come in, and whatever carries them
 * knows nothing of what they mean.
 */
import type { GuardError } from '../../model/error.ts'
import type { LoginSettings } from '../../model/login.ts'
import type { Credential } from '../../model/port.ts'
import type { CutLine } from '../frame.ts'
import type { Agreement } from './handshake.ts'
import type { Exit, LaunchLine } from './process.ts'

/** An upstream that is reached over HTTP, as `mcp.json` says it. */
export interface Address {
  readonly server: string
  readonly url: string
  /** Sent with every request; values may be secrets. */
  readonly headers: Readonly<Record<string, string>>
  /** `auto`: Streamable HTTP, and where that is not spoken HTTP+SSE (MCP 2024-11-05). */
  readonly transport: 'auto' | 'streamable' | 'sse'
  /** How a login is made for it. */
  readonly oauth?: LoginSettings
  /** What it is shown of one, where its headers do not say that themselves. */
  readonly credential?: Credential
}

export type UpstreamDefinition = LaunchLine | Address

/** What a carrier that mirrors parts of a request into headers has to know of it (MCP 2026-07-28, Request Metadata). */
export interface OutboundRequest {
  readonly id: number
  readonly method: string
  /** The revision that this request is written in, while none has been agreed on: a modern probe says so itself. */
  readonly version?: string | undefined
  /** `params.name` or `params.uri`, for `Mcp-Name`. */
  readonly name?: string | undefined
  /** `Mcp-Param-…` headers with their values, not yet encoded. */
  readonly params?: readonly (readonly [header: string, value: string])[] | undefined
}

/** None of these may throw; none is called before the connection has been returned. */
export interface ConnectionEvents {
  /** One message. `about`: the request on whose own stream it came, where the carrier tells. */
  onLine(line: Buffer, about?: number): void
  /** One line of a child's stderr, cut and escaped; or, with their number, word of lines that were dropped. */
  onStderr(text: string, dropped: number): void
  /** A message over the cap was dropped. */
  onTooLong(bytes: number, cut: CutLine, about?: number): void
  /** The answer to this request will not come. */
  onFailed(id: number, error: GuardError): void
  /** The upstream closed the stream of this request for now; its answer comes after so long (MCP 2025-11-25, SSE polling). */
  onPaused(id: number, retryMs: number): void
  /** For a while nobody heard what the upstream says of itself, such as that a list changed. */
  onMissed(): void
  /** Whether somebody still waits for the answer to this request. */
  awaits(id: number): boolean
  /** Exactly once, after the last message. */
  onExit(exit: Exit): void
}

/** Members that only some carriers need are optional. */
export interface UpstreamConnection {
  readonly pid?: number | undefined
  /** No process of this machine's: there is none to have failed to start. */
  readonly remote?: true
  /** Sends one frame; false when it cannot be taken: ended, or too much is queued. */
  send(frame: string, request?: OutboundRequest): boolean
  /** What was agreed on: it stands in headers from now on. Told once, before anything else is sent. */
  agreed?(agreement: Agreement): void
  /** Nobody waits for this answer any more. True when the carrier has told the upstream so by itself. */
  abandon?(id: number): boolean
  /** Resolves when it has ended and was reported. */
  stop(graceMs?: number): Promise<void>
}

export type Connect = (
  definition: UpstreamDefinition,
  events: ConnectionEvents,
) => UpstreamConnection
