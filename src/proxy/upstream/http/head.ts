/** The headers of the requests to one address (MCP 2026-07-28, Request Metadata; 2025-11-25, Session Management). */
import { encodedHeader } from '../../mirror.ts'
import type { Address, OutboundRequest } from '../connection.ts'
import type { Agreement } from '../handshake.ts'

export const AGENT = 'mcp-chaperone'
export const EVENT_STREAM = 'text/event-stream'
const BODY = [
  'content-type',
  'application/json',
  'accept',
  `application/json, ${EVENT_STREAM}`,
] as const
/** Visible ASCII. */
const SESSION = /^[!-~]{1,1024}$/

export class RequestHead {
  readonly #configured: readonly string[]
  #agreement: Agreement | undefined
  #session: string | undefined
  /** What every POST has, until something else is agreed on. */
  #posted: readonly string[] | undefined

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
    this.#posted = undefined
  }

  /** The session that the upstream opened, where it did. */
  get session(): string | undefined {
    return this.#session
  }

  /** False for a session id that is none. */
  opened(session: string): boolean {
    if (!SESSION.test(session)) return false
    this.#session = session
    this.#posted = undefined
    return true
  }

  /** Of a POST: of a request, or of a notification or an answer. */
  post(request?: OutboundRequest): string[] {
    this.#posted ??= [...this.#conversation(), ...BODY]
    const headers = [...this.#posted]
    const isModern = this.#agreement
      ? this.#agreement.era === 'modern'
      : request?.version !== undefined
    if (!request || !isModern) return headers
    // Before there is an agreement a request says itself what it is written in.
    if (!this.#agreement) headers.push('mcp-protocol-version', request.version ?? '')
    addMirror(headers, request)
    return headers
  }

  /** Of a GET that opens a stream, or takes one up again behind an event. */
  get(lastId?: string): string[] {
    const headers = [...this.#conversation(), 'accept', EVENT_STREAM]
    // Node writes headers in Latin-1: one character for each byte of the id.
    if (lastId !== undefined)
      headers.push('last-event-id', Buffer.from(lastId, 'utf8').toString('latin1'))
    return headers
  }

  /** Of a DELETE that ends the session. */
  delete(): string[] {
    return [...this.#conversation()]
  }

  #conversation(): readonly string[] {
    const { version, era } = this.#agreement ?? {}
    return [
      ...this.#configured,
      ...(version === undefined ? [] : ['mcp-protocol-version', version]),
      ...(this.#session === undefined || era === 'modern' ? [] : ['mcp-session-id', this.#session]),
    ]
  }
}

function addMirror(headers: string[], { method, name, params = [] }: OutboundRequest): void {
  headers.push('mcp-method', encodedHeader(method))
  if (name !== undefined) headers.push('mcp-name', encodedHeader(name))
  for (const [header, value] of params) headers.push(header, encodedHeader(value))
}
