/** An MCP server on loopback that serves who has a token of its authorization server, and says to everybody else where to get one. */
import type { ServerResponse } from 'node:http'
import type { AuthorizationServer } from './authorization-server.ts'
import { httpUpstream, json, result, type Arrived, type HttpUpstream } from './http-upstream.ts'

export interface ProtectedServer extends HttpUpstream {
  /** Its metadata (RFC 9728), as it is now; undefined: there is none. */
  metadata: object | undefined
  /** What a method, or a tool, needs a token to be good for beside being one. */
  needs: Readonly<Record<string, string>>
  /** Methods for which no token is needed. */
  open: readonly string[]
  /** What stands in a `WWW-Authenticate` beside `resource_metadata` and `scope`; undefined: there is none. */
  challenge: string | undefined
  /** What is served in place of what this server would serve; true where it was. */
  instead: (request: Arrived, response: ServerResponse) => boolean
  /** Requests of one method with the token that each of them had. */
  tokensOf(method: string): readonly (string | undefined)[]
}

export const METADATA_PATH = '/.well-known/oauth-protected-resource/mcp'
const TOOLS = ['echo', 'write'].map((name) => ({ name, inputSchema: { type: 'object' } }))
const OPENED = { protocolVersion: '2025-11-25', capabilities: { tools: {} } }

export async function protectedServer(auth: AuthorizationServer): Promise<ProtectedServer> {
  const server = await httpUpstream((request, response) => serve(request, response))
  const own: ProtectedServer = {
    ...server,
    metadata: { resource: server.url, authorization_servers: [auth.issuer] },
    needs: {},
    open: [],
    challenge: '',
    instead: () => false,
    tokensOf: (method) => server.of(method).map(tokenIn),
  }
  const serve = (request: Arrived, response: ServerResponse): void => {
    if (own.instead(request, response)) return
    if (request.path === METADATA_PATH && own.metadata) json(response, own.metadata)
    else if (request.path !== '/mcp') response.writeHead(404).end()
    else if (request.method !== 'POST') response.writeHead(405).end()
    else if (own.open.includes(request.message.method ?? '')) answer(request, response)
    else admit(request, response)
  }
  const admit = (request: Arrived, response: ServerResponse): void => {
    const grant = auth.grantOf(tokenIn(request) ?? '')
    const { method = '', params } = request.message
    const needed = own.needs[toolIn(params)] ?? own.needs[method]
    if (!grant) refuse(response, 401, needed)
    else if (needed !== undefined && !grant.scope.split(' ').includes(needed))
      refuse(response, 403, needed)
    else answer(request, response)
  }
  const refuse = (response: ServerResponse, status: number, scope: string | undefined): void => {
    const parts = [
      `resource_metadata="${server.origin}${METADATA_PATH}"`,
      ...(scope === undefined ? [] : [`scope="${scope}"`]),
      ...(status === 403 ? ['error="insufficient_scope"'] : []),
    ]
    const bearer = own.challenge ?? ''
    const header = `Bearer ${[...parts, ...(bearer === '' ? [] : [bearer])].join(', ')}`
    response
      .writeHead(status, own.challenge === undefined ? {} : { 'www-authenticate': header })
      .end()
  }
  return own
}

function toolIn(params: Arrived['message']['params']): string {
  const name = params?.['name']
  return typeof name === 'string' ? name : ''
}

function tokenIn({ headers }: Arrived): string | undefined {
  return headers.authorization?.replace(/^Bearer /, '')
}

function answer(request: Arrived, response: ServerResponse): void {
  const { id, method } = request.message
  const results: Readonly<Record<string, object>> = {
    initialize: OPENED,
    'tools/list': { tools: TOOLS },
    'tools/call': { content: [{ type: 'text', text: 'done' }] },
  }
  const found = results[method ?? '']
  if (id === undefined) response.writeHead(202).end()
  else if (found) json(response, result(request, found))
  else json(response, { jsonrpc: '2.0', id, error: { code: -32_601, message: 'unknown' } })
}
