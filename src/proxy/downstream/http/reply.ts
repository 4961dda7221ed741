/** What is answered to a request in the words of HTTP, and not in those of the protocol that it carries. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { answerFrame, CODE, errorText, type RequestId } from '../../protocol.ts'
import type { HttpRefusal } from './gate.ts'

export const NOT_ALLOWED: HttpRefusal = {
  status: 405,
  why: 'messages are sent by POST',
  headers: { allow: 'POST' },
}
export const NO_SESSION: HttpRefusal = { status: 404, why: 'there is no such session' }
export const NO_OPENING: HttpRefusal = {
  status: 400,
  why: '`initialize` without an id or `protocolVersion`',
  code: CODE.invalidParams,
}
export const NO_VERSION: HttpRefusal = {
  status: 400,
  why: '`MCP-Protocol-Version` names no version that is spoken here',
}
export const STOPPING: HttpRefusal = {
  status: 503,
  why: 'the guard is stopping',
  headers: { connection: 'close' },
}
export const BUSY: HttpRefusal = {
  status: 503,
  why: 'too much is being sent at once',
  headers: { connection: 'close', 'retry-after': '1' },
}

const SMALL_BYTES = 65_536

/** With an error of JSON-RPC, for clients that read nothing else. */
export function refuse(
  response: ServerResponse,
  { status, why, headers, code = CODE.invalidRequest }: HttpRefusal,
  id: RequestId | undefined,
): void {
  // What is left of a small body is read and dropped; a large one is not waited for.
  if (!response.req.complete && !isSmall(response.req)) response.shouldKeepAlive = false
  const text = answerFrame(id ?? null, 'error', errorText(code, why))
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    ...headers,
  })
  response.end(text)
}

/** A message that is answered by nothing was taken. */
export function accepted(response: ServerResponse): void {
  response.writeHead(202, { 'content-length': 0 }).end()
}

export function plain(response: ServerResponse, status: number, text: string): void {
  response
    .writeHead(status, {
      'content-type': 'text/plain',
      'cache-control': 'no-store',
      connection: 'close',
    })
    .end(text)
}

function isSmall({ headers }: IncomingMessage): boolean {
  return (
    headers['transfer-encoding'] === undefined &&
    Number(headers['content-length'] ?? 0) <= SMALL_BYTES
  )
}
