/**
 * A server on the v2 SDK that speaks both eras and does everything a server can do to a client: progress, log messages,
 * questions in either era, list changes, resource updates, structured results, templates with completion.
 */
import {
  fromJsonSchema,
  inputRequired,
  inputResponse,
  McpServer,
  ResourceTemplate,
  type CallToolResult,
  type InputRequest,
  type InputRequiredResult,
  type ServerContext,
} from '@modelcontextprotocol/server'
import { fileExists } from './file.ts'

const ANY = fromJsonSchema<Record<string, unknown>>({ type: 'object' })

function text(of: string): CallToolResult {
  return { content: [{ type: 'text', text: of }] }
}

/** Asks once, under one key, and returns the answer as text. */
function asking(request: InputRequest) {
  return (_args: unknown, { mcpReq }: ServerContext): CallToolResult | InputRequiredResult => {
    const answer = inputResponse(mcpReq.inputResponses, 'answer')
    if (answer.kind !== 'missing') return text(JSON.stringify(answer))
    return inputRequired({ inputRequests: { answer: request }, requestState: 'asked once' })
  }
}

const form = (field: string): InputRequest =>
  inputRequired.elicit({
    message: 'Which one?',
    requestedSchema: { type: 'object', properties: { [field]: { type: 'string' } } },
  })

function addTools(server: McpServer, note: Note, grown: Set<string>): void {
  const tool = (
    name: string,
    run: (
      args: Record<string, unknown>,
      context: ServerContext,
    ) => CallToolResult | InputRequiredResult | Promise<CallToolResult | InputRequiredResult>,
  ) => server.registerTool(name, { inputSchema: ANY }, run)

  tool('echo', (args) => text(JSON.stringify(args)))
  tool('hidden', () => text('nobody should see this'))
  tool('fail', () => ({ ...text('it went wrong'), isError: true }))
  server.registerTool(
    'structured',
    {
      inputSchema: ANY,
      outputSchema: fromJsonSchema({ type: 'object', properties: { sum: { type: 'number' } } }),
    },
    () => ({ ...text('{"sum":7}'), structuredContent: { sum: 7 } }),
  )
  // A client that is answered in the same breath drops progress it has not looked at yet: the answer waits for a file.
  tool('progress', async ({ until }, { mcpReq }) => {
    const progressToken = mcpReq['_meta']?.progressToken
    if (progressToken === undefined) return text('nobody asked')
    for (const progress of [1, 2, 3]) {
      const params = { progressToken, progress, total: 3 }
      await mcpReq.notify({ method: 'notifications/progress', params })
    }
    await fileExists(String(until))
    return text('done')
  })
  tool('wait', async (_args, { mcpReq }) => {
    note('wait: waiting')
    await new Promise<void>((resolve) => {
      mcpReq.signal.addEventListener('abort', () => resolve(), { once: true })
    })
    note('wait: called off')
    return text('called off')
  })
  tool('log', async (_args, { mcpReq }) => {
    await mcpReq.log('debug', 'a debug line')
    await mcpReq.log('error', 'an error line')
    return text('logged')
  })
  tool('ask', asking(form('colour')))
  tool('ask-secret', asking(form('password')))
  tool('sample', asking(sampling))
  tool('roots', asking(inputRequired.listRoots()))
  for (const name of grown) tool(name, () => text('grown'))
  tool('grow', ({ name }) => {
    grown.add(String(name))
    tool(String(name), () => text('grown'))
    return text('grown')
  })
  tool('touch', async ({ uri }) => {
    await server.server.sendResourceUpdated({ uri: String(uri) })
    return text('touched')
  })
}

const sampling: InputRequest = inputRequired.createMessage({
  messages: [{ role: 'user', content: { type: 'text', text: 'What is it?' } }],
  maxTokens: 10,
})

function addResources(server: McpServer, note: Note): void {
  const names = ['a', 'b', 'ab']
  for (const place of ['public', 'private']) {
    const uri = `notes://${place}/a`
    server.registerResource(`${place}-a`, uri, { mimeType: 'text/plain' }, () => ({
      contents: [{ uri, text: `${place} a` }],
    }))
    server.registerResource(
      `${place}-any`,
      new ResourceTemplate(`notes://${place}/{name}`, {
        list: undefined,
        complete: { name: (value) => names.filter((name) => name.startsWith(value)) },
      }),
      { mimeType: 'text/plain' },
      (read, variables) => ({
        contents: [{ uri: read.href, text: `${place} ${String(variables['name'])}` }],
      }),
    )
  }
  const { server: low } = server
  low.registerCapabilities({ resources: { subscribe: true } })
  low.setRequestHandler('resources/subscribe', () => ({}))
  low.setRequestHandler('resources/unsubscribe', () => {
    note('unsubscribed')
    return {}
  })
}

function addPrompts(server: McpServer): void {
  for (const name of ['greet', 'secret']) {
    server.registerPrompt(name, { argsSchema: ANY }, ({ who }) => ({
      messages: [{ role: 'user', content: { type: 'text', text: `${name} ${String(who)}` } }],
    }))
  }
}

/** What tells outside of it what it does, a line each. */
export type Note = (line: string) => void

/** One server; over HTTP in the modern era there is one for each request, and `grown` is what they share. */
export function bothEras(note: Note, grown: Set<string> = new Set()): McpServer {
  const server = new McpServer(
    { name: 'both-eras', version: '1' },
    { capabilities: { logging: {} } },
  )
  addTools(server, note, grown)
  addResources(server, note)
  addPrompts(server)
  return server
}
