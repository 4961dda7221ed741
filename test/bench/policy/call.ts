/** The calls that are decided: twelve kinds with the answer that each must get, and one of each of the other tools. */
import { hash } from 'node:crypto'
import type { CallContext } from '../../../src/model/call.ts'
import { callId, instant, sha256 } from '../../../src/model/id.ts'
import type { JsonObject } from '../../../src/model/json.ts'
import type { ToolDefinition } from '../../../src/model/tool.ts'
import { AGENT, ELSEWHERE, KITS, type Kit, LONGEST_REPORT, PARTNERS, REPORTS } from './table.ts'

export interface Asked {
  readonly kind: string
  readonly tool: ToolDefinition
  readonly call: CallContext
  readonly expected: 'permit' | 'deny'
}

/** A Tuesday at ten in Berlin, and the Saturday after. */
export const TUESDAY: number = Date.UTC(2026, 10, 24, 9, 0, 0)
const SATURDAY = TUESDAY + 4 * 86_400_000

interface Kind {
  readonly name: string
  readonly tool: readonly [server: string, name: string]
  readonly expected: 'permit' | 'deny'
  readonly args: (index: number) => JsonObject
  readonly at?: number
  readonly agent?: string
  readonly labels?: readonly string[]
}

const vendor = (index: number): JsonObject => ({
  vendor_id: `v-${index}`,
  vendor_class: 'B',
  amount: (index * 7) % 1000,
})
const mail = (index: number): JsonObject => ({
  to: [`lee${index % 97}@acme.example`, `kim@${PARTNERS[index % PARTNERS.length]}`],
  subject: 'The intake of this week',
  body: `As agreed, vendor ${index} is in.`,
})
const file = (index: number): JsonObject => ({
  path: `${REPORTS}/2026/q4/vendor-${index}.md`,
  content: `# Vendor ${index}\n\nApproved.\n`,
})

/** Three permitted, nine denied. */
export const KINDS: readonly Kind[] = [
  { name: 'vendor of class B', tool: ['vendors', 'approve'], expected: 'permit', args: vendor },
  {
    name: 'vendor of class A',
    tool: ['vendors', 'approve'],
    expected: 'deny',
    args: (index) => ({ ...vendor(index), vendor_class: 'A' }),
  },
  {
    name: 'vendor on a Saturday',
    tool: ['vendors', 'approve'],
    expected: 'deny',
    args: vendor,
    at: SATURDAY,
  },
  {
    name: 'vendor by another agent',
    tool: ['vendors', 'approve'],
    expected: 'deny',
    args: vendor,
    agent: 'support-agent-007',
  },
  { name: 'mail to two partners', tool: ['mail', 'send'], expected: 'permit', args: mail },
  {
    name: 'mail to a stranger',
    tool: ['mail', 'send'],
    expected: 'deny',
    args: (index) => ({ ...mail(index), to: ['lee@acme.example', `x${index}@evil.example`] }),
  },
  {
    name: 'mail after untrusted content',
    tool: ['mail', 'send'],
    expected: 'deny',
    args: mail,
    labels: ['untrusted'],
  },
  {
    name: 'mail to a text',
    tool: ['mail', 'send'],
    expected: 'deny',
    args: (index) => ({ ...mail(index), to: 'lee@acme.example' }),
  },
  { name: 'report', tool: ['files', 'write'], expected: 'permit', args: file },
  {
    name: 'report elsewhere',
    tool: ['files', 'write'],
    expected: 'deny',
    args: (index) => ({ ...file(index), path: `${REPORTS}/../keys/${index}.md` }),
  },
  {
    name: 'report too long',
    tool: ['files', 'write'],
    expected: 'deny',
    args: (index) => ({ ...file(index), content: 'x'.repeat(LONGEST_REPORT + 1 + (index % 7)) }),
  },
  { name: 'unknown tool', tool: ['shell', 'exec'], expected: 'deny', args: () => ({ run: 'ls' }) },
]

/** Definitions by `server/name`: the compiled mandate remembers the latest of each name. */
const definitions = new Map<string, ToolDefinition>()

function definitionOf(server: string, name: string): ToolDefinition {
  const key = `${server}/${name}`
  const known = definitions.get(key)
  if (known) return known
  const raw = { name, inputSchema: { type: 'object' } }
  const made = { server, name, raw, definition: sha256(hash('sha256', key)) }
  definitions.set(key, made)
  return made
}

/** So many calls, the kinds in turns; no two have the same arguments or moment. */
export function kindCalls(count: number): readonly Asked[] {
  return Array.from({ length: count }, (_, index) => {
    const kind = KINDS[index % KINDS.length]!
    const tool = definitionOf(...kind.tool)
    const call = callOf(tool, index, kind.args(index), kind)
    return { kind: kind.name, tool, call, expected: kind.expected }
  })
}

export function permittedCalls(count: number): readonly Asked[] {
  return [...kindCalls(KINDS.length * count), ...kitCalls(2 * count)]
    .filter(({ expected }) => expected === 'permit')
    .slice(0, count)
}

/** Every third call of the other 297 tools fails one rule of its tool. */
export function kitCalls(count: number): readonly Asked[] {
  return Array.from({ length: count }, (_, index) => {
    const kit = KITS[index % KITS.length]!
    const fault = index % 3 === 0 ? FAULTS[Math.floor(index / 3) % FAULTS.length]! : SOUND
    const tool = definitionOf(kit.server, kit.name)
    const { name, expected } = fault
    const region = kit.regions[index % 2] ?? ''
    const given = { id: `item-${index}`, amount: 100 + (index % 800), region }
    const args = { ...given, note: 'as agreed on the phone', ...fault.args(kit, index) }
    return { kind: `other tool, ${name}`, tool, call: callOf(tool, index, args, {}), expected }
  })
}

interface Fault {
  readonly name: string
  readonly expected: 'permit' | 'deny'
  readonly args: (kit: Kit, index: number) => JsonObject
}

const SOUND: Fault = { name: 'sound', expected: 'permit', args: () => ({}) }
const FAULTS: readonly Fault[] = [
  {
    name: 'too much',
    expected: 'deny',
    args: ({ limit }, index) => ({ amount: limit + 1 + (index % 50) }),
  },
  { name: 'elsewhere', expected: 'deny', args: () => ({ region: ELSEWHERE }) },
  {
    name: 'a word',
    expected: 'deny',
    args: ({ word }, index) => ({ note: `about item ${index}: ${word} as agreed` }),
  },
]

function callOf(
  tool: ToolDefinition,
  index: number,
  args: JsonObject,
  { at = TUESDAY, agent = AGENT, labels = [] }: Pick<Kind, 'at' | 'agent' | 'labels'>,
): CallContext {
  const { server, name, definition } = tool
  return {
    id: callId(`call-${index}`),
    at: instant(at + index * 37),
    principal: { agent, assurance: 'launch_line' },
    action: 'tools/call',
    resource: { kind: 'tool', server, name, definition },
    // Parsed, as arguments arrive: objects made by a parser are not laid out as literals are.
    args: JSON.parse(JSON.stringify(args)) as JsonObject,
    environment: 'prod',
    risk: 'normal',
    session: { id: 'task', labels },
    mandate: UNDER,
  }
}

const UNDER = {
  name: 'purchasing',
  purpose: { text: 'Approve class B vendors for the Q4 intake', ref: 'PROC-1182' },
  owner: 'dana@acme.example',
}
