/** A whole guard in memory: real relay, line and catalog between a raw client and fake upstreams. */
import { PassThrough } from 'node:stream'
import { createGuard, type Guard, type GuardOptions } from '../../src/guard.ts'
import type { CompiledMandate } from '../../src/model/authority.ts'
import type { JsonObject } from '../../src/model/json.ts'
import { memoryLog, type MemoryLog } from './audit-log.ts'
import { fakeClock, type FakeClock } from './clock.ts'
import { mandateOf } from './line.ts'
import { steadyPosture } from './posture.ts'
import { fakeStore } from './state-store.ts'
import type { FakeUpstream } from './upstream.ts'

export interface Message {
  readonly id?: string | number | null
  readonly method?: string
  readonly params?: JsonObject
  readonly result?: JsonObject
  readonly error?: { readonly code: number; readonly message: string; readonly data?: JsonObject }
}

export interface MemoryGuard {
  readonly guard: Guard
  readonly log: MemoryLog
  readonly clock: FakeClock
  /** Everything the agent was sent, in order. */
  readonly heard: Message[]
  /** The same as the lines that were written. */
  readonly lines: string[]
  readonly complaints: string[]
  /** Writes bytes as the agent would. */
  write(bytes: string | Uint8Array): void
  send(message: object): void
  /** Sends a request under a new id and waits for its answer. */
  ask(method: string, params?: object): Promise<Message>
  /** Waits for a message that the agent is sent. */
  hears(test: (message: Message) => boolean): Promise<Message>
  /** Opens the connection as a legacy client. */
  open(capabilities?: object): Promise<Message>
  hangUp(): Promise<void>
}

export function memoryGuard(
  mandate: string | CompiledMandate,
  upstreams: Readonly<Record<string, FakeUpstream>>,
  options: Partial<GuardOptions> = {},
): MemoryGuard {
  const clock = fakeClock('2026-11-24T10:00:00Z')
  const log = memoryLog()
  const complaints: string[] = []
  const input = new PassThrough()
  const output = new PassThrough()
  const heard: Message[] = []
  const written: string[] = []
  const waiting: {
    readonly test: (message: Message) => boolean
    readonly resolve: (message: Message) => void
  }[] = []
  let rest = ''
  output.on('data', (chunk: Buffer) => {
    rest += chunk.toString()
    const lines = rest.split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const message = JSON.parse(line) as Message
      heard.push(message)
      written.push(line)
      const index = waiting.findIndex(({ test }) => test(message))
      if (index >= 0) waiting.splice(index, 1)[0]?.resolve(message)
    }
  })
  const note = (_facts: JsonObject, message: string): void => void complaints.push(message)
  const guard = createGuard({
    mandate: typeof mandate === 'string' ? mandateOf(mandate) : mandate,
    upstreams: Object.keys(upstreams).map((server) => ({
      server,
      command: server,
      args: [],
      env: {},
    })),
    principal: { agent: 'bot', assurance: 'launch_line' },
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
    ...options,
  })
  const served = guard.serveStdio(input, output)
  let ids = 0
  const self: MemoryGuard = {
    guard,
    log,
    clock,
    heard,
    lines: written,
    complaints,
    write: (bytes) => void input.write(bytes),
    send: (message) => void input.write(`${JSON.stringify(message)}\n`),
    hears: (test) =>
      new Promise((resolve) => {
        const already = heard.find(test)
        if (already) resolve(already)
        else waiting.push({ test, resolve })
      }),
    ask: (method, params) => {
      ids += 1
      const id = `q${ids}`
      const answer = self.hears((message) => message.id === id && message.method === undefined)
      self.send({ jsonrpc: '2.0', id, method, ...(params ? { params } : {}) })
      return answer
    },
    open: async (capabilities = {}) => {
      const answer = await self.ask('initialize', {
        protocolVersion: '2025-11-25',
        capabilities,
        clientInfo: { name: 'raw', version: '1' },
      })
      self.send({ jsonrpc: '2.0', method: 'notifications/initialized' })
      return answer
    },
    hangUp: async () => {
      input.end()
      await served
    },
  }
  return self
}

/** Per-request metadata of a modern client. */
export function modern(capabilities: object = {}): object {
  return {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': capabilities,
  }
}
