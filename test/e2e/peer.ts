/** Real MCP clients in front of the guard: the v2 SDK in both eras and the v1 SDK, behind one small face; and the Inspector. */
import { execFile, spawn } from 'node:child_process'
import { join } from 'node:path'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport as HttpTransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { type Folder, ROOT } from './folder.ts'

/** What a call came to: a result, or a JSON-RPC error. */
export interface Called {
  readonly text?: string
  readonly isError?: boolean
  readonly reason?: unknown
  readonly structured?: unknown
  /** Code of a JSON-RPC error. */
  readonly code?: number
}

/** What clients answer when they are asked, and what they were told. */
export interface Heard {
  readonly asked: string[]
  readonly notifications: string[]
}

/** One client connected through one guard. */
export interface Connection {
  readonly era: 'legacy' | 'modern'
  readonly heard: Heard
  tools(): Promise<readonly string[]>
  resources(): Promise<readonly string[]>
  templates(): Promise<readonly string[]>
  prompts(): Promise<readonly string[]>
  call(name: string, args?: Record<string, unknown>, options?: CallOptions): Promise<Called>
  read(uri: string): Promise<Called>
  prompt(name: string, args?: Record<string, string>): Promise<Called>
  complete(ref: Ref, name: string, value: string): Promise<readonly string[] | Called>
  setLevel(level: 'debug' | 'error'): Promise<unknown>
  subscribe(uri: string): Promise<unknown>
  unsubscribe(uri: string): Promise<unknown>
  /** Resolves when a notification of this method has come, the nth of its kind. */
  told(method: string, times?: number): Promise<void>
  /** What the guard said on stderr matches. */
  logged(pattern: RegExp): Promise<void>
  close(): Promise<void>
}

export type Ref =
  | { readonly type: 'ref/prompt'; readonly name: string }
  | { readonly type: 'ref/resource'; readonly uri: string }

export interface CallOptions {
  readonly onprogress?: (progress: { readonly progress: number }) => void
  readonly signal?: AbortSignal
}

export interface Peer {
  readonly name: string
  readonly era: 'legacy' | 'modern'
  readonly over: Over
  connect(folder: Folder): Promise<Connection>
}

type Over = 'stdio' | 'HTTP'

const CAPABILITIES = { elicitation: {}, sampling: {}, roots: {} }
const ANSWERS = {
  'elicitation/create': { action: 'accept' as const, content: { colour: 'red' } },
  'sampling/createMessage': {
    role: 'assistant' as const,
    model: 'm',
    content: { type: 'text' as const, text: 'a guess' },
  },
  'roots/list': { roots: [{ uri: 'file:///root' }] },
}

function v2(name: string, mode: 'legacy' | 'auto' | { readonly pin: string }, over: Over): Peer {
  const era = mode === 'legacy' ? 'legacy' : 'modern'
  return {
    name: over === 'stdio' ? name : `${name}, over HTTP`,
    era,
    over,
    connect: async (folder) => {
      const ears = new Ears()
      const onChanged = (): void => ears.hear('notifications/tools/list_changed')
      const client = new Client(
        { name: 'e2e', version: '1' },
        {
          capabilities: CAPABILITIES,
          versionNegotiation: { mode },
          listChanged: { tools: { autoRefresh: false, debounceMs: 0, onChanged } },
        },
      )
      const asked = <T>(method: keyof typeof ANSWERS, answer: T) => {
        ears.asked.push(method)
        return answer
      }
      client.setRequestHandler('elicitation/create', () =>
        asked('elicitation/create', ANSWERS['elicitation/create']),
      )
      client.setRequestHandler('sampling/createMessage', () =>
        asked('sampling/createMessage', ANSWERS['sampling/createMessage']),
      )
      client.setRequestHandler('roots/list', () => asked('roots/list', ANSWERS['roots/list']))
      for (const method of ['notifications/message', 'notifications/resources/updated'] as const) {
        client.setNotificationHandler(method, () => ears.hear(method))
      }
      const served = over === 'HTTP' ? await serve(folder, ears) : undefined
      if (served) {
        await ears.during(client.connect(new StreamableHTTPClientTransport(served.url)))
      } else {
        const transport = new StdioClientTransport({ ...parameters(folder), stderr: 'pipe' })
        transport.stderr?.on('data', (chunk: Buffer) => ears.note(chunk))
        await ears.during(client.connect(transport))
      }
      if (client.getProtocolEra() !== era) throw new Error(`opened in ${client.getProtocolEra()}`)
      return connection(client, era, ears, served)
    },
  }
}

const v1 = (over: Over): Peer => ({
  name: over === 'stdio' ? 'SDK v1' : 'SDK v1, over HTTP',
  era: 'legacy',
  over,
  connect: async (folder) => {
    const client = new ClientV1({ name: 'e2e', version: '1' }, { capabilities: CAPABILITIES })
    const ears = new Ears()
    const asked = <T>(method: keyof typeof ANSWERS, answer: T) => {
      ears.asked.push(method)
      return answer
    }
    client.setRequestHandler(ElicitRequestSchema, () =>
      asked('elicitation/create', ANSWERS['elicitation/create']),
    )
    client.setRequestHandler(CreateMessageRequestSchema, () =>
      asked('sampling/createMessage', ANSWERS['sampling/createMessage']),
    )
    client.setRequestHandler(ListRootsRequestSchema, () =>
      asked('roots/list', ANSWERS['roots/list']),
    )
    for (const schema of [
      ToolListChangedNotificationSchema,
      LoggingMessageNotificationSchema,
      ResourceUpdatedNotificationSchema,
    ]) {
      client.setNotificationHandler(schema, ({ method }) => ears.hear(method))
    }
    const served = over === 'HTTP' ? await serve(folder, ears) : undefined
    if (served) {
      const transport = new HttpTransportV1(served.url)
      await ears.during(client.connect(transport))
    } else {
      const transport = new TransportV1({ ...parameters(folder), stderr: 'pipe' })
      transport.stderr?.on('data', (chunk: Buffer) => ears.note(chunk))
      await ears.during(client.connect(transport))
    }
    return connection(client, 'legacy', ears, served)
  },
})

export const PEERS: readonly Peer[] = (['stdio', 'HTTP'] as const).flatMap((over) => [
  v2('SDK v2, legacy', 'legacy', over),
  v2('SDK v2, auto', 'auto', over),
  v2('SDK v2, pinned', { pin: '2026-07-28' }, over),
  v1(over),
])

interface Served {
  readonly url: URL
  readonly end: () => Promise<void>
}

/** Starts the guard of a folder as a server, with the flags that it has on stdio. */
async function serve(folder: Folder, ears: Ears): Promise<Served> {
  const { command, args, env, cwd } = folder.launch
  const line = args.flatMap((arg) => (arg === 'run' ? ['serve', '--port', '0'] : [arg]))
  const child = spawn(command, line, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  child.stderr.on('data', (chunk: Buffer) => ears.note(chunk))
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()))
  const end = async (): Promise<void> => {
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
    await ended
    clearTimeout(timer)
  }
  const listens = ears.logged(/"url":"[^"]+"/)
  await Promise.race([
    listens,
    ended.then(() => Promise.reject(new Error('the guard ended before it listened'))),
  ])
  return { url: new URL(ears.said(/"url":"([^"]+)"/)), end }
}

function parameters({ launch }: Folder) {
  return {
    command: launch.command,
    args: [...launch.args],
    env: { PATH: process.env['PATH'] ?? '', ...launch.env },
    cwd: launch.cwd,
  }
}

/** What both SDKs' clients have in common, as far as the tests use it. */
interface SdkClient {
  listTools(): Promise<{ readonly tools: readonly { readonly name: string }[] }>
  listResources(): Promise<{ readonly resources: readonly { readonly uri: string }[] }>
  listResourceTemplates(): Promise<{
    readonly resourceTemplates: readonly { readonly uriTemplate: string }[]
  }>
  listPrompts(): Promise<{ readonly prompts: readonly { readonly name: string }[] }>
  readResource(params: { readonly uri: string }): Promise<unknown>
  getPrompt(params: { name: string; arguments?: Record<string, string> }): Promise<unknown>
  complete(params: {
    readonly ref: Ref
    readonly argument: { readonly name: string; readonly value: string }
  }): Promise<{ readonly completion: { readonly values: readonly string[] } }>
  setLoggingLevel(level: 'debug' | 'error'): Promise<unknown>
  subscribeResource(params: { readonly uri: string }): Promise<unknown>
  unsubscribeResource(params: { readonly uri: string }): Promise<unknown>
  close(): Promise<void>
}

function connection(
  client: Client | ClientV1,
  era: Peer['era'],
  ears: Ears,
  served: Served | undefined,
): Connection {
  const sdk = client as unknown as SdkClient
  return {
    era,
    heard: ears,
    tools: async () => (await sdk.listTools()).tools.map(({ name }) => name),
    resources: async () => (await sdk.listResources()).resources.map(({ uri }) => uri),
    templates: async () =>
      (await sdk.listResourceTemplates()).resourceTemplates.map((one) => one.uriTemplate),
    prompts: async () => (await sdk.listPrompts()).prompts.map(({ name }) => name),
    call: (name, args = {}, options = {}) =>
      called(
        client instanceof Client
          ? client.callTool({ name, arguments: args }, options)
          : client.callTool({ name, arguments: args }, undefined, options),
      ),
    read: (uri) => called(sdk.readResource({ uri })),
    prompt: (name, args = {}) => called(sdk.getPrompt({ name, arguments: args })),
    complete: async (ref, name, value) => {
      try {
        return (await sdk.complete({ ref, argument: { name, value } })).completion.values
      } catch (error) {
        return failed(error)
      }
    },
    setLevel: (level) => sdk.setLoggingLevel(level),
    subscribe: (uri) => called(sdk.subscribeResource({ uri })),
    unsubscribe: (uri) => called(sdk.unsubscribeResource({ uri })),
    told: (method, times) => ears.told(method, times),
    logged: (pattern) => ears.logged(pattern),
    close: async () => {
      await sdk.close()
      await served?.end()
    },
  }
}

async function called(promise: Promise<unknown>): Promise<Called> {
  try {
    const result = (await promise) as {
      readonly content?: readonly { readonly text?: string }[]
      readonly contents?: readonly { readonly text?: string }[]
      readonly messages?: readonly { readonly content: { readonly text?: string } }[]
      readonly isError?: boolean
      readonly structuredContent?: unknown
      readonly [member: string]: unknown
    }
    const first = result.content?.[0] ?? result.contents?.[0] ?? result.messages?.[0]?.content
    const meta = result['_meta'] as { readonly [name: string]: unknown } | undefined
    const reason = meta?.['dev.chaperone/reason']
    return {
      ...(first?.text === undefined ? {} : { text: first.text }),
      ...(result.isError === undefined ? {} : { isError: result.isError }),
      ...(result.structuredContent === undefined ? {} : { structured: result.structuredContent }),
      ...(reason === undefined ? {} : { reason }),
    }
  } catch (error) {
    return failed(error)
  }
}

function failed(error: unknown): Called {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'number') throw error
  const data =
    'data' in error ? (error.data as { readonly reason?: unknown } | undefined) : undefined
  return { code: error.code, ...(data?.reason === undefined ? {} : { reason: data.reason }) }
}

const PATIENCE_MS = 40_000

/** What a client heard, and those who wait to hear it. */
class Ears implements Heard {
  readonly asked: string[] = []
  readonly notifications: string[] = []
  #stderr = ''
  readonly #waiting = new Set<() => void>()

  hear(method: string): void {
    this.notifications.push(method)
    for (const look of this.#waiting) look()
  }

  note(chunk: Buffer): void {
    this.#stderr += chunk.toString('utf8')
    for (const look of this.#waiting) look()
  }

  told(method: string, times = 1): Promise<void> {
    return this.#until(
      () => this.notifications.filter((one) => one === method).length >= times,
      method,
    )
  }

  logged(pattern: RegExp): Promise<void> {
    return this.#until(() => pattern.test(this.#stderr), String(pattern))
  }

  /** What the group in the pattern matched. */
  said(pattern: RegExp): string {
    return pattern.exec(this.#stderr)?.[1] ?? ''
  }

  /** What the guard said goes with the error. */
  async during(connecting: Promise<void>): Promise<void> {
    try {
      await connecting
    } catch (cause) {
      throw new Error(`the client could not connect\n${this.#stderr}`, { cause })
    }
  }

  #until(holds: () => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(look)
        reject(new Error(`waited too long for ${what}\n${this.#stderr}`))
      }, PATIENCE_MS)
      const look = (): void => {
        if (!holds()) return
        clearTimeout(timer)
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
      look()
    })
  }
}

export interface Inspected {
  readonly code: number
  /** What it printed, parsed; undefined where it printed no JSON. */
  readonly output: Readonly<Record<string, unknown>> | undefined
  readonly stderr: string
}

/** Runs the Inspector's command-line mode once, with the guard as the server it starts. */
export function inspect(folder: Folder, ...args: readonly string[]): Promise<Inspected> {
  const { command, args: line } = folder.launch
  return inspector(folder, [...args, '--', command, ...line])
}

/** Runs it once, with the guard as a server that it reaches by URL. */
export async function inspectOverHttp(
  folder: Folder,
  ...args: readonly string[]
): Promise<Inspected> {
  const { url, end } = await serve(folder, new Ears())
  try {
    return await inspector(folder, [url.href, '--transport', 'http', ...args])
  } finally {
    await end()
  }
}

function inspector(folder: Folder, args: readonly string[]): Promise<Inspected> {
  const { launch } = folder
  const file = join(
    ROOT,
    'node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js',
  )
  const home = { HOME: folder.path, MCP_CATALOG_PATH: folder.file('inspector.json') }
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [file, '--cli', ...args],
      { cwd: launch.cwd, env: { ...process.env, ...home, ...launch.env }, timeout: PATIENCE_MS },
      (_error, stdout, stderr) => {
        resolve({ code: child.exitCode ?? -1, output: parsed(stdout), stderr })
      },
    )
    child.stdin?.end()
  })
}

function parsed(text: string): Inspected['output'] {
  try {
    return JSON.parse(text) as Inspected['output']
  } catch {
    return undefined
  }
}
