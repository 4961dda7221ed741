/** Real servers over HTTP in the test's own process: the v2 SDK in both eras, and the v1 SDK over either of its transports. */
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node'
import { Server as ServerV1 } from '@modelcontextprotocol/sdk/server/index.js'
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js'
import { StreamableHTTPServerTransport as StreamableV1 } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import {
  CallToolRequestSchema,
  ElicitResultSchema,
  ListToolsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { signals } from '../signals.ts'
import { bothEras } from './both-eras-server.ts'
import { fileExists } from './file.ts'

export interface McpOverHttp {
  readonly url: string
  /** What the server says it does. */
  readonly notes: string[]
  /** Every request that reached it, as `METHOD path` and the headers. */
  readonly arrived: { readonly line: string; readonly headers: IncomingMessage['headers'] }[]
  /** Legacy sessions that are open. */
  readonly sessions: () => number
  /** Forgets every session, as a server that was started again has. */
  forget(): Promise<void>
  until(holds: () => boolean): Promise<void>
  close(): Promise<void>
}

type Handle = (request: IncomingMessage, response: ServerResponse, body: unknown) => Promise<void>

interface Transport {
  handleRequest(request: IncomingMessage, response: ServerResponse, body?: unknown): Promise<void>
  close(): Promise<void>
}

interface Sessions {
  readonly open: Map<string, Transport>
  readonly handle: Handle
}

/** Legacy sessions, each with a server of its own. */
function sessionful(begin: (opened: (id: string) => void) => Promise<Transport>): Sessions {
  const open = new Map<string, Transport>()
  return {
    open,
    handle: async (request, response, body) => {
      const id = request.headers['mcp-session-id']
      if (typeof id === 'string') {
        const known = open.get(id)
        if (known) await known.handleRequest(request, response, body)
        else refuse(response, 404, 'Session not found')
        return
      }
      const isOpening = typeof body === 'object' && body !== null && 'method' in body
      if (!isOpening || body.method !== 'initialize') {
        refuse(response, 400, 'Bad Request: no session')
        return
      }
      const begun: Transport = await begin((session) => void open.set(session, begun))
      await begun.handleRequest(request, response, body)
    },
  }
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -32_000, message } }))
}

/** The server of both eras on the v2 SDK. */
export function bothErasOverHttp(): Promise<McpOverHttp> {
  const grown = new Set<string>()
  return serve((note) => {
    const modern = createMcpHandler(() => bothEras(note, grown), { legacy: 'reject' })
    const node = toNodeHandler(modern)
    const legacy = sessionful(async (opened) => {
      const transport = new NodeStreamableHTTPServerTransport({
        sessionIdGenerator: () => randomUUID(),
        onsessioninitialized: opened,
        onsessionclosed: (id) => void legacy.open.delete(id),
      })
      await bothEras(note).connect(transport)
      return transport
    })
    return {
      open: legacy.open,
      handle: async (request, response, body) => {
        const { headers, method = '', url = '' } = request
        if (headers['mcp-method'] === undefined) await legacy.handle(request, response, body)
        else await node(Object.assign(request, { method, url }), response, body)
        // There is one server for a request: what one of them has learnt is told to all who listen.
        if (grown.size > 0) modern.notify.toolsChanged()
      },
    }
  })
}

/** A small server on the v1 SDK, over Streamable HTTP. */
export function v1OverStreamable(): Promise<McpOverHttp> {
  return serve((note) => {
    const sessions = sessionful(async (opened) => {
      const transport = new StreamableV1({
        sessionIdGenerator: () => randomUUID(),
        onsessioninitialized: opened,
        onsessionclosed: (id) => void sessions.open.delete(id),
      })
      await v1Server(note).connect(transport)
      return transport
    })
    return sessions
  })
}

/** The same over HTTP+SSE. */
export function v1OverEvents(): Promise<McpOverHttp> {
  return serve((note) => {
    const open = new Map<string, SSEServerTransport>()
    return {
      open: new Map(),
      handle: async (request, response, body) => {
        if (request.method === 'GET' && request.url === '/mcp') {
          const transport = new SSEServerTransport('/messages', response)
          open.set(transport.sessionId, transport)
          await v1Server(note).connect(transport)
          return
        }
        const { searchParams } = new URL(request.url ?? '', 'http://localhost')
        const transport = open.get(searchParams.get('sessionId') ?? '')
        if (transport) await transport.handlePostMessage(request, response, body)
        else refuse(response, 404, 'Cannot POST here')
      },
    }
  })
}

function v1Server(note: (line: string) => void): ServerV1 {
  const server = new ServerV1(
    { name: 'v1', version: '1' },
    { capabilities: { tools: { listChanged: true } } },
  )
  const text = (of: string) => ({ content: [{ type: 'text' as const, text: of }] })
  const names = new Set(['echo', 'hidden', 'progress', 'wait', 'ask', 'grow'])
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: [...names].map((name) => ({ name, inputSchema: { type: 'object' as const } })),
  }))
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
    note(`called ${params.name}`)
    switch (params.name) {
      case 'progress': {
        const progressToken = params['_meta']?.progressToken ?? ''
        for (const progress of [1, 2, 3])
          await extra.sendNotification({
            method: 'notifications/progress',
            params: { progressToken, progress, total: 3 },
          })
        await fileExists(String(params.arguments?.['until']))
        return text('done')
      }
      case 'wait':
        await new Promise<void>((resolve) => {
          extra.signal.addEventListener('abort', () => resolve(), { once: true })
        })
        note('wait: called off')
        return text('called off')
      case 'ask': {
        const requestedSchema = { type: 'object' as const, properties: {} }
        const question = { message: 'Which one?', requestedSchema }
        const answer = await extra.sendRequest(
          { method: 'elicitation/create', params: question },
          ElicitResultSchema,
        )
        return text(JSON.stringify(answer))
      }
      case 'grow':
        names.add('grown')
        await server.sendToolListChanged()
        return text('grown')
      default:
        return text(JSON.stringify(params.arguments ?? {}))
    }
  })
  return server
}

async function serve(begin: (note: (line: string) => void) => Sessions): Promise<McpOverHttp> {
  const notes: string[] = []
  const arrived: { line: string; headers: IncomingMessage['headers'] }[] = []
  const changes = signals()
  const { open, handle } = begin((line) => {
    notes.push(line)
    changes.happened()
  })
  const server = createServer((request, response) => {
    arrived.push({ line: `${request.method} ${request.url}`, headers: request.headers })
    changes.happened()
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => void chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8')
      handle(request, response, body === '' ? undefined : JSON.parse(body)).then(
        () => changes.happened(),
        (error: unknown) => {
          notes.push(`fault ${String(error)}`)
          response.destroy()
          changes.happened()
        },
      )
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const forget = async (): Promise<void> => {
    for (const [id, transport] of open) {
      open.delete(id)
      await transport.close()
    }
  }
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    notes,
    arrived,
    sessions: () => open.size,
    forget,
    until: (holds) => changes.until(holds),
    close: async () => {
      await forget()
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    },
  }
}
