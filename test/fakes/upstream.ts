/** Upstreams in memory: what a child process would be, scripted, with everything it received kept. */
import type { JsonObject } from '../../src/model/json.ts'
import type { Connect } from '../../src/proxy/upstream/connection.ts'

export interface Received {
  readonly id?: number
  readonly method?: string
  readonly params?: JsonObject
  readonly result?: unknown
  readonly error?: unknown
}

/** One life of a fake upstream. */
export interface FakeLife {
  readonly received: Received[]
  /** Writes one message as the upstream would. */
  say(message: object | string): void
  die(code?: number): void
}

export interface FakeUpstream {
  readonly start: Connect
  readonly lives: FakeLife[]
  /** Everything that reached it over all its lives, requests by method. */
  calls(method: string): readonly Received[]
}

export type Script = (message: Received, life: FakeLife) => void

const CAPABILITIES = {
  tools: { listChanged: true },
  resources: { subscribe: true, listChanged: true },
  prompts: { listChanged: true },
  completions: {},
  logging: {},
}

/** Answers the opening, lists and calls of a legacy upstream; `script` sees every message first and returns true to take it. */
export function legacyUpstream(
  tools: readonly object[] | (() => readonly object[]),
  script: (message: Received, life: FakeLife) => boolean = () => false,
): FakeUpstream {
  return fakeUpstream((message, life) => {
    if (script(message, life) || message.id === undefined || message.method === undefined) return
    const answers: Record<string, unknown> = {
      initialize: {
        protocolVersion: message.params?.['protocolVersion'],
        capabilities: CAPABILITIES,
        serverInfo: { name: 'fake', version: '1' },
      },
      'tools/list': { tools: typeof tools === 'function' ? tools() : tools },
      'resources/list': { resources: [] },
      'resources/templates/list': { resourceTemplates: [] },
      'prompts/list': { prompts: [] },
      'tools/call': {
        content: [{ type: 'text', text: JSON.stringify(message.params?.['arguments'] ?? null) }],
      },
      'logging/setLevel': {},
    }
    const result = answers[message.method]
    if (result === undefined)
      life.say({
        jsonrpc: '2.0',
        id: message.id,
        error: { code: -32_601, message: 'Method not found' },
      })
    else life.say({ jsonrpc: '2.0', id: message.id, result })
  })
}

/** Answers the opening, lists, subscriptions and calls of a modern upstream; `script` sees every message first and returns true to take it. */
export function modernUpstream(
  tools: readonly object[] | (() => readonly object[]),
  script: (message: Received, life: FakeLife) => boolean = () => false,
): FakeUpstream {
  const rule = { resultType: 'complete', ttlMs: 9, cacheScope: 'public' }
  return fakeUpstream((message, life) => {
    if (script(message, life) || message.id === undefined || message.method === undefined) return
    const { id, method, params } = message
    if (method === 'subscriptions/listen') {
      life.say({
        jsonrpc: '2.0',
        method: 'notifications/subscriptions/acknowledged',
        params: {
          _meta: { 'io.modelcontextprotocol/subscriptionId': id },
          notifications: params?.['notifications'],
        },
      })
      return
    }
    const answers: Record<string, unknown> = {
      'server/discover': {
        ...rule,
        supportedVersions: ['2026-07-28'],
        capabilities: CAPABILITIES,
      },
      'tools/list': { ...rule, tools: typeof tools === 'function' ? tools() : tools },
      'resources/list': { ...rule, resources: [] },
      'resources/templates/list': { ...rule, resourceTemplates: [] },
      'prompts/list': { ...rule, prompts: [] },
      'tools/call': {
        resultType: 'complete',
        content: [{ type: 'text', text: JSON.stringify(params?.['arguments'] ?? null) }],
      },
    }
    const result = answers[method]
    if (result === undefined)
      life.say({ jsonrpc: '2.0', id, error: { code: -32_601, message: 'Method not found' } })
    else life.say({ jsonrpc: '2.0', id, result })
  })
}

export function fakeUpstream(script: Script): FakeUpstream {
  const lives: FakeLife[] = []
  return {
    lives,
    calls: (method) =>
      lives.flatMap(({ received }) => received.filter((message) => message.method === method)),
    start: (_launch, events) => {
      let ended = false
      const end = (code: number | null): void => {
        if (ended) return
        ended = true
        events.onExit({ code, signal: null })
      }
      const life: FakeLife = {
        received: [],
        say: (message) => {
          if (!ended)
            events.onLine(
              Buffer.from(typeof message === 'string' ? message : JSON.stringify(message)),
            )
        },
        die: (code = 1) => end(code),
      }
      lives.push(life)
      return {
        pid: 1000 + lives.length,
        send: (frame) => {
          if (ended) return false
          const message = JSON.parse(frame) as Received
          life.received.push(message)
          // An upstream answers in its own time, never inside the guard's own turn.
          queueMicrotask(() => script(message, life))
          return true
        },
        stop: async () => end(0),
      }
    },
  }
}
