/** A whole guard behind a real HTTP listener on loopback, with fake upstreams; and clients of both eras on plain requests. */
import { hash } from 'node:crypto'
import { Agent, type IncomingMessage, request, type OutgoingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import { createHttpGuard, type HttpGuard, type HttpGuardOptions } from '../../src/guard.ts'
import type { Overheard } from '../../src/model/authority.ts'
import { hashed } from '../../src/model/id.ts'
import type { JsonObject } from '../../src/model/json.ts'
import { memoryLog, type MemoryLog } from './audit-log.ts'
import { fakeClock, type FakeClock } from './clock.ts'
import { type Message, modern } from './guard.ts'
import { mandateOf, overhearing } from './line.ts'
import { steadyPosture } from './posture.ts'
import { fakeStore } from './state-store.ts'
import type { FakeUpstream } from './upstream.ts'

export const ACCEPT = 'application/json, text/event-stream'

/** A response as it comes in. */
export interface Response {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  /** Its messages so far, of either form. */
  readonly messages: readonly Message[]
  /** All of it so far. */
  readonly text: () => string
  /** Ids of its events so far, in order. */
  readonly ids: () => readonly string[]
  /** The first message of which this is true, whether it has come or not. */
  readonly hears: (test: (message: Message) => boolean) => Promise<Message>
  /** It came to its end, or the connection broke. */
  readonly ended: Promise<'whole' | 'broken'>
  readonly close: () => void
}

export interface TestHttpGuard {
  readonly guard: HttpGuard
  /** Of the guard and of all agents, in order. */
  readonly log: MemoryLog
  readonly clock: FakeClock
  readonly complaints: string[]
  readonly port: number
  /** Resolves with the head of the response. */
  send(what: HttpRequest): Promise<Response>
  /** Sends a modern request with its headers, under this id, and waits for all of the response. */
  ask(method: string, params?: JsonObject, more?: Partial<Asking>): Promise<Message>
  /** The same, as it comes in. */
  begin(method: string, params?: JsonObject, more?: Partial<Asking>): Promise<Response>
  /** Opens a session of a legacy client. */
  open(more?: Opening): Promise<LegacyClient>
  /** Writes bytes on a connection of their own and waits for all that comes back. */
  raw(bytes: Uint8Array | string, pieces?: number): Promise<string>
  /** Asks the listener to stop, and forgets the connections. */
  stop(): Promise<void>
}

export interface HttpRequest {
  readonly method?: string
  readonly path?: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: string | object | Uint8Array
  readonly key?: string | undefined
}

export interface Asking {
  readonly id: string | number
  readonly headers: OutgoingHttpHeaders
  readonly capabilities: object
  readonly meta: object
  readonly key: string
}

export interface Opening {
  readonly key?: string
  readonly version?: string
  readonly capabilities?: object
}

export interface LegacyClient {
  readonly id: string
  /** Sends a message in the session and gives its response. */
  send(message: object, headers?: OutgoingHttpHeaders): Promise<Response>
  /** Sends a request under an id of its own, or the one given, and waits for its answer. */
  ask(method: string, params?: object, id?: string | number): Promise<Message>
  /** Opens the standing stream, or goes on after an event. */
  listen(lastEventId?: string): Promise<Response>
  end(): Promise<Response>
}

export interface HttpGuardSetup extends Partial<HttpGuardOptions> {
  /** Mandates by the key that stands for each. */
  readonly keys?: Readonly<Record<string, string>>
  /** What policies say of everything that an upstream says by itself. */
  readonly overheard?: Overheard
}

export async function httpGuard(
  mandate: string,
  upstreams: Readonly<Record<string, FakeUpstream>>,
  { keys, overheard = { labels: [], detectors: [] }, ...options }: HttpGuardSetup = {},
): Promise<TestHttpGuard> {
  const clock = fakeClock('2026-11-24T10:00:00Z')
  const log = memoryLog()
  const complaints: string[] = []
  const note = (_facts: JsonObject, message: string): void => void complaints.push(message)
  const principal = { agent: 'bot', assurance: 'bearer_key' } as const
  const own = { ...log, close: () => Promise.resolve() }
  const admissions = keys
    ? Object.entries(keys).map(([key, text]) => ({
        key: hashed(hash('sha256', key, 'hex')),
        mandate: overhearing(mandateOf(text), overheard),
        principal,
        log: own,
      }))
    : [{ mandate: overhearing(mandateOf(mandate), overheard), principal, log: own }]
  const guard = await createHttpGuard({
    admissions,
    upstreams: Object.keys(upstreams).map((server) => ({
      server,
      command: server,
      args: [],
      env: {},
    })),
    environment: 'dev',
    posture: steadyPosture('normal'),
    log,
    operational: { debug: () => undefined, info: () => undefined, warn: note, error: note },
    clock,
    timers: clock,
    start: (launch, events) => {
      const upstream = upstreams[launch.server]
      if (!upstream) throw new Error(`no fake for ${launch.server}`)
      return upstream.start(launch, events)
    },
    self: { name: 'chaperone', version: '0' },
    instance: 'i',
    store: fakeStore(clock),
    record: '/log/i',
    startTimeoutMs: 20_000,
    callTimeoutMs: 60_000,
    maxAnswerBytes: 1_000_000,
    host: '127.0.0.1',
    port: 0,
    rules: { hosts: new Set(), origins: new Set(), loopback: true },
    maxSessions: 100,
    sessionIdleMs: 1_800_000,
    ready: () => true,
    ...options,
  })
  const port = await guard.listen()
  const agent = new Agent({ keepAlive: true })
  const send = (what: HttpRequest): Promise<Response> => exchange(what, port, agent)
  let ids = 0
  const newId = (): string => {
    ids += 1
    return `q${ids}`
  }
  const self: TestHttpGuard = {
    guard,
    log,
    clock,
    complaints,
    port,
    send,
    begin: (method, params = {}, more = {}) => {
      const meta = { ...modern(more.capabilities ?? {}), ...more.meta }
      const name = params['name'] ?? params['uri']
      const named = /^(?:tools\/call|prompts\/get|resources\/read)$/.test(method)
      return send({
        body: {
          jsonrpc: '2.0',
          id: more.id ?? newId(),
          method,
          params: { ...params, _meta: meta },
        },
        headers: {
          'mcp-protocol-version': '2026-07-28',
          'mcp-method': method,
          ...(named && typeof name === 'string' && { 'mcp-name': name }),
          ...more.headers,
        },
        key: more.key,
      })
    },
    ask: async (method, params, more) => {
      const response = await self.begin(method, params, more)
      await response.ended
      return response.messages.at(-1) ?? {}
    },
    open: async ({ key, version = '2025-11-25', capabilities = {} } = {}) => {
      const opening = await send({
        body: {
          jsonrpc: '2.0',
          id: newId(),
          method: 'initialize',
          params: {
            protocolVersion: version,
            capabilities,
            clientInfo: { name: 'raw', version: '1' },
          },
        },
        key,
      })
      await opening.ended
      const id = String(opening.headers['mcp-session-id'])
      const headers = { 'mcp-session-id': id, 'mcp-protocol-version': version }
      const client: LegacyClient = {
        id,
        send: (message, more) => send({ body: message, headers: { ...headers, ...more }, key }),
        ask: async (method, params, given) => {
          const response = await client.send({
            jsonrpc: '2.0',
            id: given ?? newId(),
            method,
            ...(params && { params }),
          })
          return response.hears(
            (message) => message.method === undefined && message.id !== undefined,
          )
        },
        listen: (last) =>
          send({
            method: 'GET',
            headers: { ...headers, ...(last !== undefined && { 'last-event-id': last }) },
            key,
          }),
        end: () => send({ method: 'DELETE', headers, key }),
      }
      await client.send({ jsonrpc: '2.0', method: 'notifications/initialized' })
      return client
    },
    raw: (bytes, pieces) => raw(port, bytes, pieces),
    stop: async () => {
      // Whoever does not let go is waited for as long as the guard waits, by its own clock.
      const ticking = setInterval(() => clock.advance(100), 1)
      await guard.stop('the test is over')
      clearInterval(ticking)
    },
  }
  return self
}

/** The whole of what is written, in pieces of so many bytes, and all that comes back. */
function raw(port: number, bytes: Uint8Array | string, pieces?: number): Promise<string> {
  const all = Buffer.from(bytes)
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
    })
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' || error.code === 'EPIPE' ? resolve(text) : reject(error),
    )
    socket.on('close', () => resolve(text))
    const size = pieces ?? all.length
    const write = (at: number): void => {
      if (at >= all.length || socket.destroyed) return
      socket.write(all.subarray(at, at + size), () => write(at + size))
    }
    write(0)
  })
}

function exchange(what: HttpRequest, port: number, agent: Agent): Promise<Response> {
  const { method = 'POST', path = '/mcp', headers, body, key } = what
  const bytes =
    body === undefined
      ? undefined
      : typeof body === 'string' || body instanceof Uint8Array
        ? Buffer.from(body)
        : Buffer.from(JSON.stringify(body))
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        agent,
        host: '127.0.0.1',
        port,
        method,
        path,
        headers: {
          accept: ACCEPT,
          ...(bytes && { 'content-type': 'application/json', 'content-length': bytes.length }),
          ...(key !== undefined && { authorization: `Bearer ${key}` }),
          ...headers,
        },
      },
      (response) => resolve(reading(response)),
    )
    sent.on('error', reject)
    sent.end(bytes)
  })
}

function reading(response: IncomingMessage): Response {
  const messages: Message[] = []
  const ids: string[] = []
  const waiting: {
    readonly test: (message: Message) => boolean
    readonly resolve: (message: Message) => void
    readonly reject: (error: Error) => void
  }[] = []
  const streams = response.headers['content-type'] === 'text/event-stream'
  const chunks: string[] = []
  let rest = ''
  const heard = (message: Message): void => {
    messages.push(message)
    const at = waiting.findIndex(({ test }) => test(message))
    if (at >= 0) waiting.splice(at, 1)[0]?.resolve(message)
  }
  const look = (chunk: string): void => {
    const events = `${rest}${chunk}`.split('\n\n')
    rest = events.pop() ?? ''
    for (const lines of events) {
      const event = lines.split('\n')
      for (const line of event) if (line.startsWith('id: ')) ids.push(line.slice(4))
      const data = event.filter((line) => line.startsWith('data:')).map((line) => line.slice(5))
      if (data.join('').trim() !== '') heard(JSON.parse(data.join('\n')) as Message)
    }
  }
  response.setEncoding('utf8')
  response.on('data', (chunk: string) => {
    chunks.push(chunk)
    if (streams) look(chunk)
  })
  const text = (): string => chunks.join('')
  const ended = new Promise<'whole' | 'broken'>((resolve) => {
    response.on('end', () => {
      if (!streams && text().startsWith('{')) heard(JSON.parse(text()) as Message)
      resolve('whole')
    })
    response.on('error', () => resolve('broken'))
    response.on('close', () => resolve(response.complete ? 'whole' : 'broken'))
  })
  void ended.then((how) => {
    for (const { reject } of waiting)
      reject(new Error(`the response ended (${how}): ${text().slice(-300)}`))
  })
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    messages,
    text,
    ids: () => ids,
    hears: (test) =>
      new Promise((resolve, reject) => {
        const already = messages.find(test)
        if (already) resolve(already)
        else waiting.push({ test, resolve, reject })
      }),
    ended,
    close: () => response.destroy(),
  }
}
