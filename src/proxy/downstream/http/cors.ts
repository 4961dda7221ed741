/**
 * What browsers ask before a page of another origin may use the guard (Fetch, CORS protocol). Only origins that the operator
 * named are told yes; what a request may do still depends on the key that it presents.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { GateRules } from './gate.ts'

const MAX_AGE_S = '600'
/** `*` stands for every header but this one. */
const HEADERS = 'authorization, *'

/** Lets a page read the response, where its origin is one that was named. */
export function shareWith(
  { headers }: IncomingMessage,
  response: ServerResponse,
  { origins }: Pick<GateRules, 'origins'>,
): void {
  const { origin } = headers
  if (origin === undefined || !origins.has(origin)) return
  response.setHeader('access-control-allow-origin', origin)
  response.setHeader('access-control-expose-headers', 'mcp-session-id, www-authenticate')
  response.setHeader('vary', 'origin')
}

/** True when the request was a browser's question whether a page may make another, and is answered: it carries no key. */
export function preflight(
  { method, headers }: IncomingMessage,
  response: ServerResponse,
  { origins }: Pick<GateRules, 'origins'>,
): boolean {
  const { origin } = headers
  if (method !== 'OPTIONS' || headers['access-control-request-method'] === undefined) return false
  if (origin === undefined || !origins.has(origin)) return false
  response
    .writeHead(204, {
      'access-control-allow-methods': 'POST, GET, DELETE',
      'access-control-allow-headers': HEADERS,
      'access-control-max-age': MAX_AGE_S,
    })
    .end()
  return true
}
