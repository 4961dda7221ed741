/** An office in memory: what is private, what strangers write, and ways out, under flow rules and nothing else. */
import { digestOf } from '../../src/model/digest.ts'
import { liveMandate } from '../../src/policy/live.ts'
import { memoryGuard, type MemoryGuard, type Message } from '../fakes/guard.ts'
import { mandateOf } from '../fakes/line.ts'
import {
  type FakeLife,
  type FakeUpstream,
  legacyUpstream,
  type Received,
} from '../fakes/upstream.ts'
import { policies } from '../policy/written.ts'

/** Everything, of everybody. */
export const MANDATE = `mandate: m
agent: bot
purpose: Everything
valid: { until: 2026-12-31T00:00:00Z }
tools: { "*/*": {} }
resources: { "web/https://web.example/**": {}, "crm/crm://**": {}, "mail/mail://**": {} }
prompts: { "*/*": {} }
requests: { web: [elicitation] }
`

export const FLOW = `policy: flow
classify:
  - { tools: ["mail/*"], resources: ["mail/**"], prompts: ["mail/*"], effect: send }
  - { tools: ["crm/*", "web/*", "sink/*"], effect: read }
labels:
  - { tools: ["web/*"], add: [untrusted] }
  - { tools: ["crm/*"], add: [confidential] }
  - { tools: [all/work], add: [untrusted, confidential] }
rules:
  - id: no-exfiltration
    effect: forbid
    effects: [send]
    labels: [untrusted, confidential]
`

type Script = (message: Received, life: FakeLife) => boolean

export interface Office {
  readonly guard: MemoryGuard
  readonly upstreams: Readonly<Record<'crm' | 'web' | 'mail' | 'sink' | 'all', FakeUpstream>>
  call(name: string, args?: object): Promise<Message>
  /** How much has left by mail, by whatever method. */
  left(): number
}

const NOTHING: Script = () => false

/** What every server of it answers beside calls of tools. */
function more({ id, method }: Received, life: FakeLife): boolean {
  const results: Readonly<Record<string, object>> = {
    'resources/read': { contents: [{ uri: 'https://web.example/a', text: 'text' }] },
    'prompts/list': { prompts: [{ name: 'brief' }] },
    'prompts/get': { messages: [] },
    'completion/complete': { completion: { values: [] } },
  }
  const result = results[method ?? '']
  if (result) life.say({ jsonrpc: '2.0', id, result })
  return result !== undefined
}

const OUT = ['tools/call', 'resources/read', 'prompts/get', 'completion/complete']

/** `web` scripts the server whose words are not to be trusted. */
export function office(web: Script = NOTHING): Office {
  const one = (name: string, script: Script = NOTHING): FakeUpstream =>
    legacyUpstream(
      [{ name, inputSchema: { type: 'object' } }],
      (message, life) => script(message, life) || more(message, life),
    )
  const upstreams = {
    crm: one('read'),
    web: one('fetch', web),
    mail: one('send'),
    sink: one('put'),
    all: one('work'),
  }
  const live = liveMandate(mandateOf(MANDATE), policies(FLOW, [], digestOf(FLOW)), 'dev')
  const guard = memoryGuard(MANDATE, upstreams, { mandate: live })
  return {
    guard,
    upstreams,
    call: (name, args = {}) => guard.ask('tools/call', { name, arguments: args }),
    left: () => OUT.reduce((sum, method) => sum + upstreams.mail.calls(method).length, 0),
  }
}

/** Refused by a rule, whatever the method. */
export function isForbidden({ result, error }: Message): boolean {
  const said = JSON.stringify(result?.['_meta'] ?? error?.data ?? {})
  return said.includes('"forbidden"') && (error !== undefined || result?.['isError'] === true)
}
