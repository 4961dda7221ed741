/** Serves what was counted at GET /metrics, on a listener of its own: who may look at it is not who may call tools. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hostNamed, LOOPBACK_NAMES } from '../../model/host-header.ts'
import { CONTENT_TYPE } from './prometheus.ts'

export interface MetricsServerOptions {
  readonly host: string
  /** 0: whichever is free. */
  readonly port: number
  /** Names by which it is reached beside those of this machine for itself, in lower case. */
  readonly hosts: ReadonlySet<string>
  readonly loopback: boolean
  /** What is answered; called for each request. */
  readonly text: () => string
}

export interface MetricsServer {
  readonly port: number
  close(): Promise<void>
}

/** Who scrapes does it every few seconds, on a connection or two. */
const MOST_CONNECTIONS = 32
const MOST_REQUESTS = 1000
const LARGEST_HEAD = 8192
const HEAD_MS = 5000
const IDLE_MS = 65_000

/** Resolves once it listens. @throws Error of the system when it cannot */
export async function serveMetrics(options: MetricsServerOptions): Promise<MetricsServer> {
  const server = createServer(
    {
      maxHeaderSize: LARGEST_HEAD,
      headersTimeout: HEAD_MS,
      requestTimeout: HEAD_MS,
      keepAliveTimeout: IDLE_MS,
      requireHostHeader: false,
    },
    (request, response) => answer(request, response, options),
  )
  server.maxConnections = MOST_CONNECTIONS
  server.maxRequestsPerSocket = MOST_REQUESTS
  server.on('connect', (_request, socket) => socket.destroy())
  server.on('clientError', (_error, socket) => socket.destroy())
  const port = await listening(server, options)
  // It is no reason for the process to go on.
  server.unref()
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function listening(server: Server, { host, port }: MetricsServerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', reject)
      const address: AddressInfo | string | null = server.address()
      resolve(typeof address === 'object' && address ? address.port : port)
    })
  })
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: MetricsServerOptions,
): void {
  const refused = faultOf(request, options)
  if (refused) {
    const [status, why] = refused
    const allow = status === 405 ? { allow: 'GET' } : {}
    // What comes with a request that is refused is not read.
    send(response, status, { ...HEADERS, ...allow, connection: 'close' }, `${why}\n`)
    return
  }
  try {
    send(response, 200, { ...HEADERS, 'content-type': CONTENT_TYPE }, options.text())
  } catch {
    send(response, 500, HEADERS, 'it could not be collected\n')
  }
}

const HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/plain; charset=utf-8',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
}

function send(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  text: string,
): void {
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

/** Looked at in this order on every path, as for agents: a page in a browser learns nothing. */
function faultOf(
  { method, url, headers, rawHeaders }: IncomingMessage,
  { hosts, loopback }: MetricsServerOptions,
): readonly [status: number, why: string] | undefined {
  if (headers.origin !== undefined) return [403, 'pages may not look at this']
  const names = rawHeaders.filter((name, at) => at % 2 === 0 && /^host$/i.test(name))
  const host = names.length === 1 ? hostNamed(headers.host ?? '') : undefined
  if (host === undefined) return [403, 'one `Host` header is due']
  if (!hosts.has(host) && !(loopback && LOOPBACK_NAMES.has(host)))
    return [403, 'the `Host` header names another host']
  if (url !== '/metrics') return [404, 'there is nothing at this path']
  if (method !== 'GET') return [405, 'GET is all there is']
  const body =
    headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
  return body ? [400, 'a body is not expected'] : undefined
}
