/** The mandates, tools and calls that decisions are measured on. */
import type { CallContext } from '../../src/model/call.ts'
import { callId, instant, sha256 } from '../../src/model/id.ts'
import type { JsonObject } from '../../src/model/json.ts'
import type { ToolDefinition } from '../../src/model/tool.ts'

export interface Case {
  /** Each grants one tool, all of them with the same rules. */
  readonly grants: number
  readonly rules: 'constraints' | 'when' | 'constraints and when'
  /** The large ones are 64 KiB in arguments that no constraint names. */
  readonly args: 'small' | '64 KiB'
  readonly expected: 'permit' | 'deny'
  /** One tool called again and again, or all of them in turns. */
  readonly tools: 'one' | 'all'
}

/** A Tuesday at ten in Berlin: inside of every window below. */
const AT = Date.UTC(2026, 10, 24, 9, 0, 0)

const CONSTRAINTS = `
      vendor_class: { one_of: [A, B] }
      amount: { range: { min: 0, max: 5000 } }
      to: { email: { domain: [acme.example, partner.example, supplier.example] } }
      file: { path: { under: [/srv/catalog, /srv/contracts] } }`

export function mandateText(one: Case): string {
  const lines = [
    'mandate: decisions',
    'agent: bench-agent',
    'purpose: { text: Measure what a decision costs, ref: BENCH-2 }',
    'environment: [dev]',
    'valid: { from: 2026-11-01T00:00:00Z, until: 2027-11-01T00:00:00Z }',
    'tools:',
  ]
  for (let index = 0; index < one.grants; index += 1) {
    lines.push(`  bench/${toolName(index)}:`, '    effect: write')
    if (one.rules !== 'when') lines.push(`    args:${CONSTRAINTS}`, '    otherArgs: permit')
    if (one.rules !== 'constraints') {
      lines.push('    when: within(now, "Mon-Fri 09:00-17:00", "Europe/Berlin")')
    }
  }
  return `${lines.join('\n')}\n`
}

function toolName(index: number): string {
  return `tool_${String(index).padStart(4, '0')}`
}

export function definitions(count: number): readonly ToolDefinition[] {
  return Array.from({ length: count }, (_, index) => ({
    server: 'bench',
    name: toolName(index),
    raw: { name: toolName(index), inputSchema: SCHEMA },
    definition: sha256(index.toString(16).padStart(64, '0')),
  }))
}

const SCHEMA: JsonObject = {
  type: 'object',
  properties: {
    vendor_class: { type: 'string' },
    amount: { type: 'number' },
    to: { type: 'string' },
    file: { type: 'string' },
    note: { type: 'string' },
    rows: { type: 'array' },
  },
}

/** One call for each tool given; no two have the same arguments or moment. */
export function callContexts(one: Case, tools: readonly ToolDefinition[]): readonly CallContext[] {
  return tools.map((tool, index) => ({
    id: callId(`call-${index}`),
    at: instant(AT + index * 37),
    principal: { agent: 'bench-agent', assurance: 'launch_line' },
    action: 'tools/call',
    resource: { kind: 'tool', server: tool.server, name: tool.name, definition: tool.definition },
    args: argumentsOf(one, index),
    environment: 'dev',
    risk: 'normal',
    session: { id: 'task', labels: [] },
  }))
}

/** A denied call fails at the last constraint that the mandate writes. */
function argumentsOf(one: Case, index: number): JsonObject {
  const folder = one.expected === 'permit' ? '/srv/catalog' : '/srv/elsewhere'
  const text = JSON.stringify({
    vendor_class: index % 2 === 0 ? 'A' : 'B',
    amount: (index * 7) % 5000,
    to: `lee${index % 97}@acme.example`,
    file: `${folder}/2026/vendor-${index}.pdf`,
    note: one.args === 'small' ? 'as agreed' : 'n'.repeat(32 * 1024),
    ...(one.args === 'small' ? {} : { rows: rows(32 * 1024) }),
  })
  // Parsed, as arguments arrive: objects made by a parser are not laid out as literals are.
  return JSON.parse(text) as JsonObject
}

function rows(bytes: number): readonly JsonObject[] {
  const one = { sku: 'A-1000', count: 12, price: 19.99, tags: ['red', 'large'] }
  return Array.from({ length: Math.ceil(bytes / JSON.stringify(one).length) }, () => one)
}
