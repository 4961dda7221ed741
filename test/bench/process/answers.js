/* oxlint-disable typescript/no-unsafe-assignment, typescript/no-unsafe-call, typescript/no-unsafe-member-access, typescript/no-unsafe-return -- plain JavaScript, so that Node starts it as fast as it can: there are no types */
/** What the bench's upstreams say, as JSON texts: one fixed answer, a list of tools, who they are. */
export const ANSWER =
  '{"content":[{"type":"text","text":"vendor 4711 approved in class B, reference PROC-1182"}],"isError":false}'

const SCHEMA = {
  type: 'object',
  properties: {
    vendor_class: { type: 'string' },
    amount: { type: 'number' },
    to: { type: 'string' },
    file: { type: 'string' },
    note: { type: 'string' },
  },
}

/** The number after a flag of the command line. */
export function count(flag, otherwise) {
  const at = process.argv.indexOf(flag)
  return at === -1 ? otherwise : Number(process.argv[at + 1])
}

/** `approve` first, then alternately tools to read with and tools that a narrow mandate hides. */
export function tools(total) {
  const list = [{ name: 'approve', description: 'Approve a vendor', inputSchema: SCHEMA }]
  for (let index = 1; index < total; index += 1) {
    const name = `${index % 2 === 1 ? 'read' : 'delete'}_${String(index).padStart(4, '0')}`
    list.push({ name, description: `Tool ${index}`, inputSchema: SCHEMA })
  }
  return list
}

export const ABOUT = JSON.stringify({
  protocolVersion: '2025-11-25',
  capabilities: { tools: {} },
  serverInfo: { name: 'bench-upstream', version: '1.0.0' },
})

/** In the modern era a result says that it is one, and a list for how long it holds (MCP 2026-07-28). */
export const MODERN_ANSWER = `{"resultType":"complete",${ANSWER.slice(1)}`

export function listText(offered, modern) {
  const list = JSON.stringify(offered)
  if (!modern) return `{"tools":${list}}`
  return `{"resultType":"complete","ttlMs":60000,"cacheScope":"public","tools":${list}}`
}

export const DISCOVERED = JSON.stringify({
  resultType: 'complete',
  supportedVersions: ['2026-07-28'],
  capabilities: { tools: {} },
  ttlMs: 60_000,
  cacheScope: 'public',
})
