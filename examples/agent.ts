/** An agent as the examples play it: a real MCP client (SDK v2), and what it was told, in words that can be compared. */
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { Client, ProtocolError, type Transport } from '@modelcontextprotocol/client'
import { getDefaultEnvironment, StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { REASON_META } from '../src/pipeline/refusal.ts'

/** What came of a call, as the agent saw it. */
export interface Told {
  /** `ok`, the tool server's own `tool_error`, the guard's reason, or `error -32602`. */
  readonly outcome: string
  /** The first text of the answer, or the error's message. */
  readonly text: string
}

export interface Agent {
  listTools(): Promise<readonly string[]>
  call(tool: string, args: Readonly<Record<string, unknown>>): Promise<Told>
  close(): Promise<void>
}

/** The program that the agent starts, and what it says on stderr (which no agent reads). */
export interface ServerLine {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

/** Starts a server as a client on a desk would, over stdio. */
export async function agentOf(line: ServerLine, onStderr?: (text: string) => void): Promise<Agent> {
  const transport = new StdioClientTransport({
    command: line.command,
    args: [...line.args],
    env: { ...getDefaultEnvironment(), ...line.env },
    stderr: 'pipe',
    ...(line.cwd === undefined ? {} : { cwd: line.cwd }),
  })
  transport.stderr?.on('data', (chunk: Buffer) => onStderr?.(chunk.toString('utf8')))
  return connected(transport)
}

/** Speaks to a guard in this very process: lines out, lines in. */
export async function agentOver(toGuard: Writable, fromGuard: Readable): Promise<Agent> {
  return connected(lineTransport(toGuard, fromGuard))
}

function lineTransport(toGuard: Writable, fromGuard: Readable): Transport {
  const transport: Transport = {
    start: async () => {
      const lines = createInterface({ input: fromGuard, crlfDelay: Number.POSITIVE_INFINITY })
      lines.on('line', (line) => transport.onmessage?.(JSON.parse(line)))
      lines.on('close', () => transport.onclose?.())
    },
    send: async (message) => {
      toGuard.write(`${JSON.stringify(message)}\n`)
    },
    close: async () => {
      toGuard.end()
    },
  }
  return transport
}

async function connected(transport: Transport): Promise<Agent> {
  const client = new Client({ name: 'example-agent', version: '1.0.0' })
  await client.connect(transport)
  return {
    listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: (tool, args) => call(client, tool, args),
    close: () => client.close(),
  }
}

async function call(
  client: Client,
  name: string,
  args: Readonly<Record<string, unknown>>,
): Promise<Told> {
  try {
    const result = await client.callTool({ name, arguments: { ...args } })
    const text = result.content.find((item) => item.type === 'text')?.text ?? ''
    if (result.isError !== true) return { outcome: 'ok', text }
    const { _meta: meta } = result
    const reason = meta?.[REASON_META]
    return { outcome: typeof reason === 'string' ? reason : 'tool_error', text }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    return { outcome: `error ${error.code}`, text: error.message }
  }
}
