/** The headers of the requests to one address (MCP 2026-07-28, Request Metadata; 2025-11-25, Session Management). */
import { encodedHeader } from '../../mirror.ts'
import type { Address, OutboundRequest } from '../connection.ts'
import type { Agreement } from '../handshake.ts'

const AGENT = 'mcp-chaperone'
const JSON_TYPE = 'application/json'
export const EVENT_STREAM = 'text/event-stream'
/** Visible ASCII. */
const SESSION = /^[!-~]{1,1024}$/

export class RequestHead {
  readonly #configured: readonly string[]
  #agreement: Agreement | undefined
  #session: string | undefined

  constructor({ headers }: Pick<Address, 'headers'>) {
    const names = Object.keys(headers).map((name) => name.toLowerCase())
    this.#configured = [
      ...(names.includes('user-agent') ? [] : ['user-agent', AGENT]),
      // Whatever is packed would have to be unpacked, to a size that nobody knows.
      'accept-encoding',
      'identity',
      ...Object.entries(headers).flat(),
    ]
  }

  agreed(agreement: Agreement): void {
    this.#agreement = agreement
  }

  /** The session that the upstream opened, where it did. */
  get session(): string | undefined {
    return this.#session
  }

  /** False for a session id that is none. */
  opened(session: string): boolean {
    if (!SESSION.test(session)) return false
    this.#session = session
    return true
  }

  /** Of a POST: of a request, or of a notification or an answer. */
  post(request?: OutboundRequest): readonly string[] {
    const headers = [
      ...this.#configured,
      'content-type',
      JSON_TYPE,
      'accept',
      `${JSON_TYPE}, ${EVENT_STREAM}`,
    ]
    this.#addConversation(headers, request?.version)
    if (request && (this.#agreement?.era ?? 'modern') === 'modern' && this.#speaks(request))
      addMirror(headers, request)
    return headers
  }

  /** Of a GET that opens a stream, or takes one up again behind an event. */
  get(lastId?: string): readonly string[] {
    const headers = [...this.#configured, 'accept', EVENT_STREAM]
    this.#addConversation(headers)
    // Node writes headers in Latin-1: one character for each byte of the id.
    if (lastId !== undefined)
      headers.push('last-event-id', Buffer.from(lastId, 'utf8').toString('latin1'))
    return headers
  }

  /** Of a DELETE that ends the session. */
  delete(): readonly string[] {
    const headers = [...this.#configured]
    this.#addConversation(headers)
    return headers
  }

  /** What a request says in its body it is written in stands in the header, too. */
  #speaks(request: OutboundRequest): boolean {
    return this.#agreement !== undefined || request.version !== undefined
  }

  #addConversation(headers: string[], asked?: string): void {
    const version = this.#agreement?.version ?? asked
    if (version !== undefined) headers.push('mcp-protocol-version', version)
    if (this.#session !== undefined && this.#agreement?.era !== 'modern')
      headers.push('mcp-session-id', this.#session)
  }
}

function addMirror(headers: string[], { method, name, params = [] }: OutboundRequest): void {
  headers.push('mcp-method', encodedHeader(method))
  if (name !== undefined) headers.push('mcp-name', encodedHeader(name))
  for (const [header, value] of params) headers.push(header, encodedHeader(value))
}
