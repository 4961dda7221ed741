/** One HTTP request and its response, as far as a connection needs to know of them: whoever sends it is behind this. */

export interface Outgoing {
  readonly method: 'POST' | 'GET' | 'DELETE'
  /** Path and query. */
  readonly path: string
  /** Names and values, in turns; whoever sends it keeps them. */
  readonly headers: string[]
  readonly body?: string
  /** How long the other end may be silent; absent: whoever sent it looks after the time. */
  readonly silenceMs?: number
}

/** As Node gives them: names in lower case, what came several times in a list. */
export type ResponseHeaders = Readonly<Record<string, string | readonly string[] | undefined>>

/** None of these may throw; none is called after `abort`, and only `onLeaving` before the exchange has been returned. */
export interface ExchangeEvents {
  /** The request begins to leave: from here on the other end may have seen it. */
  onLeaving(): void
  onHead(status: number, headers: ResponseHeaders): void
  onData(chunk: Buffer): void
  /** The response is whole. */
  onEnd(): void
  /** There will be no response, or no more of it. */
  onBroken(error: unknown): void
}

export interface Exchange {
  /** Lets go of it, wherever it stands. */
  abort(): void
}

/** Connections to one origin, kept alive and used again. */
export interface Pool {
  send(outgoing: Outgoing, events: ExchangeEvents): Exchange
  /** Ends every connection at once. */
  close(): Promise<void>
}

/** The only value of a header; undefined where there is none, or several. */
export function headerOf(headers: ResponseHeaders, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : undefined
}

/** True for a body in any form but its own; several headers are several forms. */
export function isPacked(headers: ResponseHeaders): boolean {
  const encoding = headers['content-encoding'] ?? 'identity'
  return typeof encoding !== 'string' || encoding.toLowerCase() !== 'identity'
}

/** What the body is, without its parameters. */
export function mediaType(headers: ResponseHeaders): string | undefined {
  return headerOf(headers, 'content-type')?.split(';', 1)[0]?.trim().toLowerCase()
}
