/**
 * A small vendor server, as a purchasing department might run one: MCP over stdio, SDK v2. It knows nothing of
 * mandates and does what it is asked. What reached it is appended to the file that VENDOR_LOG names.
 */
import { appendFileSync } from 'node:fs'
import { fromJsonSchema, McpServer, type CallToolResult } from '@modelcontextprotocol/server'
import { serveStdio } from '@modelcontextprotocol/server/stdio'

interface Vendor {
  readonly id: string
  readonly name: string
  readonly class: 'A' | 'B' | 'C'
}

const VENDORS: readonly Vendor[] = [
  { id: 'V-1001', name: 'Nordwind Turbines', class: 'A' },
  { id: 'V-2002', name: 'Havel Paper', class: 'B' },
  { id: 'V-2003', name: 'Spree Logistics', class: 'B' },
  { id: 'V-3004', name: 'Elbe Cleaning', class: 'C' },
]

interface Approval {
  readonly vendor_id: string
  readonly vendor_class: string
  readonly amount: number
}

function vendorServer(): McpServer {
  const approved: Approval[] = []
  const server = new McpServer({ name: 'vendors', version: '1.0.0' })
  server.registerTool(
    'search',
    {
      description: 'Find vendors by name or class',
      inputSchema: fromJsonSchema<{ readonly query: string }>(object({ query: STRING })),
      annotations: { readOnlyHint: true },
    },
    ({ query }) => {
      note('search', { query })
      const found = VENDORS.filter(
        (vendor) => vendor.class === query || vendor.name.includes(query),
      )
      return said(found.map((vendor) => `${vendor.id} ${vendor.name} (${vendor.class})`).join('; '))
    },
  )
  server.registerTool(
    'approve',
    {
      description: 'Approve a vendor for orders up to an amount in EUR',
      inputSchema: fromJsonSchema<Approval>(
        object({ vendor_id: STRING, vendor_class: STRING, amount: { type: 'number' } }),
      ),
    },
    (approval) => {
      note('approve', approval)
      approved.push(approval)
      return said(`approved ${approval.vendor_id} up to ${approval.amount} EUR`)
    },
  )
  server.registerTool(
    'bank_details',
    {
      description: 'The bank account of a vendor',
      inputSchema: fromJsonSchema<{ readonly vendor_id: string }>(object({ vendor_id: STRING })),
    },
    ({ vendor_id }) => {
      note('bank_details', { vendor_id })
      return said(`${vendor_id}: DE02 1203 0000 0000 2020 51`)
    },
  )
  server.registerTool(
    'delete_all',
    { description: 'Delete every vendor', inputSchema: fromJsonSchema<object>(object({})) },
    () => {
      note('delete_all', {})
      approved.length = 0
      return said('everything is deleted')
    },
  )
  return server
}

const STRING = { type: 'string' } as const

function object(properties: Readonly<Record<string, { readonly type: string }>>): {
  readonly type: 'object'
  readonly properties: Record<string, { readonly type: string }>
  readonly required: string[]
} {
  return { type: 'object', properties: { ...properties }, required: Object.keys(properties) }
}

function said(text: string): CallToolResult {
  return { content: [{ type: 'text', text }] }
}

function note(tool: string, args: object): void {
  const file = process.env['VENDOR_LOG']
  if (file !== undefined && file !== '') appendFileSync(file, `${JSON.stringify({ tool, args })}\n`)
}

serveStdio(vendorServer)
