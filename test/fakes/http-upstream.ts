/** A real HTTP server on loopback, scripted request by request, with everything that reached it kept. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Received } from './upstream.ts'
import { signals } from './signals.ts'

/** One request as it came. */
export interface Arrived {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  /** Names and values as they stood on the wire. */
  readonly rawHeaders: readonly string[]
  readonly text: string
  /** The JSON-RPC message in the body; empty where there is none. */
  readonly message: Received
  /** Counts the connections that requests came over. */
  readonly connection: number
  /** The client has closed the connection before the response was whole. */
  readonly isGone: () => boolean
}

export interface HttpUpstream {
  readonly origin: string
  readonly url: string
  readonly arrived: Arrived[]
  /** Those of one HTTP method, or of one method of JSON-RPC. */
  of(method: string): readonly Arrived[]
  /** Resolves when it holds; looked at whenever something arrives or ends. */
  until(holds: () => boolean): Promise<void>
  close(): Promise<void>
}

/** What is done with a request; whatever it does not end stays open. */
export type HttpScript = (request: Arrived, response: ServerResponse) => void

export async function httpUpstream(script: HttpScript): Promise<HttpUpstream> {
  const arrived: Arrived[] = []
  const changes = signals()
  const connections = new Map<Socket, number>()
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const { socket } = request
    if (!connections.has(socket)) connections.set(socket, connections.size + 1)
    const chunks: Buffer[] = []
    let gone = false
    response.on('close', () => {
      gone = !response.writableFinished
      changes.happened()
    })
    request.on('data', (chunk: Buffer) => void chunks.push(chunk))
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8')
      const one: Arrived = {
        method: request.method ?? '',
        path: request.url ?? '',
        headers: request.headers,
        rawHeaders: request.rawHeaders,
        text,
        message: text === '' ? {} : (JSON.parse(text) as Received),
        connection: connections.get(socket) ?? 0,
        isGone: () => gone,
      }
      arrived.push(one)
      script(one, response)
      changes.happened()
    })
  })
  const origin = await listening(server)
  return {
    origin,
    url: `${origin}/mcp`,
    arrived,
    of: (method) => arrived.filter((one) => one.method === method || one.message.method === method),
    until: (holds) => changes.until(holds),
    close: () => closed(server),
  }
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

/** One JSON body, as most servers answer. */
export function json(
  response: ServerResponse,
  body: unknown,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(typeof body === 'string' ? body : JSON.stringify(body))
}

/** The answer to a request. */
export function result(request: Arrived, value: object = {}): object {
  return { jsonrpc: '2.0', id: request.message.id, result: value }
}

/** A stream of events; each is a message, or text that is written as it is. */
export function events(
  response: ServerResponse,
  ...said: readonly (object | string)[]
): ServerResponse {
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.flushHeaders()
  for (const one of said)
    response.write(typeof one === 'string' ? one : `data: ${JSON.stringify(one)}\n\n`)
  return response
}
