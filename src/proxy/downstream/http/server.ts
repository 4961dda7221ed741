/** The HTTP server under a listener: how long clients may take, how many there may be, and what one connection may have under way. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { Outgoing, type OutgoingLimits } from './outgoing.ts'

export interface ServerOptions extends OutgoingLimits {
  /** Something was refused before it was anybody's. */
  readonly onRefused: (status: number, why: string) => void
  /** A client has this long to send the head of a request, and this long for all of it; by the system's clock. */
  readonly headMs?: number
  readonly requestMs?: number
  readonly maxConnections?: number
}

/** `waits`: the client waits to be told that it may send the body. */
export type Receive = (request: IncomingMessage, response: ServerResponse, waits: boolean) => void

const HEAD_MS = 10_000
const REQUEST_MS = 60_000
const KEEP_ALIVE_MS = 65_000
const LOOK_MS = 1000
const MOST_CONNECTIONS = 4096
/** Requests on one connection that are not answered yet: one that sends many and goes away would not be noticed. */
const MOST_PIPELINED = 16

export function httpServer(options: ServerOptions, receive: Receive): Server {
  const { onRefused } = options
  const outgoing = new Outgoing(() => onRefused(408, 'nobody took the answer'), options)
  const underWay = new WeakMap<Duplex, number>()
  const begin = (request: IncomingMessage, response: ServerResponse, waits: boolean): void => {
    const { socket } = request
    const count = underWay.get(socket) ?? 0
    if (count >= MOST_PIPELINED) {
      onRefused(429, 'too many requests at once on one connection')
      socket.destroy()
      return
    }
    underWay.set(socket, count + 1)
    response.on('prefinish', () => outgoing.ended(response))
    response.on('close', () => underWay.set(socket, (underWay.get(socket) ?? 1) - 1))
    receive(request, response, waits)
  }
  const server = createServer(
    {
      headersTimeout: options.headMs ?? HEAD_MS,
      requestTimeout: options.requestMs ?? REQUEST_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: LOOK_MS,
      requireHostHeader: false,
    },
    (request, response) => begin(request, response, false),
  )
  server.maxConnections = options.maxConnections ?? MOST_CONNECTIONS
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) =>
    begin(request, response, true),
  )
  server.on('drop', () => onRefused(503, 'too many connections are open'))
  // A wish for another protocol is not granted (RFC 9110 section 7.8), and nothing is tunnelled.
  server.on('connect', (_request, socket) => socket.destroy())
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    const status = STATUS.get(error.code ?? '') ?? 400
    onRefused(status, 'not HTTP as it should be')
    // Into a response that is under way nothing is written that is not its own.
    const free = socket.writable && (underWay.get(socket) ?? 0) === 0
    if (free) socket.end(`HTTP/1.1 ${status} \r\nconnection: close\r\n\r\n`)
    else socket.destroy()
  })
  return server
}

const STATUS: ReadonlyMap<string, number> = new Map([
  ['HPE_HEADER_OVERFLOW', 431],
  ['ERR_HTTP_REQUEST_TIMEOUT', 408],
])
