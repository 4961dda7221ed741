/** The catalog of a whole guard in memory: what is pinned, what is hidden, and what a call then comes to. */
import { afterEach, expect, test } from 'vitest'
import { memoryGuard, type MemoryGuard } from '../fakes/guard.ts'
import { legacyUpstream } from '../fakes/upstream.ts'

const MANDATE = `
mandate: t
agent: bot
purpose: Test the catalog
valid: { until: 2026-12-01T00:00:00Z }
tools:
  a/*: {}
  b/*: {}
`

let open: MemoryGuard[] = []
afterEach(async () => {
  await Promise.all(open.map((guard) => guard.hangUp()))
  open = []
})
function start(...args: Parameters<typeof memoryGuard>): MemoryGuard {
  const guard = memoryGuard(...args)
  open.push(guard)
  return guard
}

test('a number that no double holds spoils no list', async () => {
  const a = legacyUpstream([], (message, life) => {
    if (message.method !== 'tools/list') return false
    const tool = '{"name":"big","inputSchema":{"type":"object","maximum":1e400}}'
    life.say(`{"jsonrpc":"2.0","id":${message.id},"result":{"tools":[${tool}]}}`)
    return true
  })
  const guard = start(MANDATE, { a, b: legacyUpstream([{ name: 'small' }]) })
  await guard.open()
  const list = await guard.ask('tools/list')
  const tools = list.result?.['tools'] as readonly { readonly name: string }[]
  expect(tools.map(({ name }) => name)).toEqual(['a__big', 'b__small'])
  expect(guard.lines.at(-1)).toContain('"maximum":1e400')
})
