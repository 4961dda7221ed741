/** How connections open: in either era, in both after one another, twice, and with calls that do not wait. */
import { afterAll, describe, expect, test } from 'vitest'
import { puppet, received, toolsNamed } from './folder.ts'
import { type GuardProcess, GuardPool } from './guard.ts'

const pool = new GuardPool()
afterAll(() => pool.close())

const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
  'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
}

function start(eras: readonly ('legacy' | 'modern')[]): GuardProcess {
  return pool.start((path) => ({
    mandate: { tools: { 'p/say': {} } },
    upstreams: {
      p: puppet(path, 'p', {
        eras,
        results: { 'tools/list': toolsNamed('say', 'hidden'), 'tools/call': '{"content":[]}' },
      }),
    },
  }))
}

function openings(guard: GuardProcess): readonly (string | undefined)[] {
  return received(guard.folder.path, 'p')
    .map(({ message }) => message.method)
    .filter((method) => method === 'initialize' || method === 'server/discover')
}

describe.each([
  ['of both eras', ['legacy', 'modern']],
  ['of the legacy era', ['legacy']],
  ['of the modern era', ['modern']],
] as const)('with an upstream %s', (_what, eras) => {
  test('a legacy agent opens, lists and calls', async () => {
    const guard = start(eras)
    const { result } = await guard.open()
    expect(result).toMatchObject({
      protocolVersion: '2025-11-25',
      serverInfo: { name: 'chaperone' },
      capabilities: { tools: { listChanged: true } },
    })
    expect(result).not.toHaveProperty('resultType')
    expect((await guard.request('tools/list')).result).toEqual({
      tools: [{ name: 'say', inputSchema: { type: 'object' } }],
    })
    expect((await guard.call('say')).result).toMatchObject({ content: [] })
    // Its own era is tried first: in it nothing is lost.
    expect(openings(guard)[0]).toBe('initialize')
  })

  test('a modern agent discovers, lists and calls', async () => {
    const guard = start(eras)
    const discovered = await guard.request('server/discover', { _meta: META })
    expect(discovered.result).toMatchObject({
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
      cacheScope: 'private',
    })
    const list = await guard.request('tools/list', { _meta: META })
    expect(list.result).toMatchObject({ resultType: 'complete', cacheScope: 'private' })
    expect(list.result?.tools?.map(({ name }) => name)).toEqual(['say'])
    const call = await guard.request('tools/call', { name: 'say', arguments: {}, _meta: META })
    expect(call.result).toMatchObject({ content: [] })
    expect(call.error).toBeUndefined()
    expect(openings(guard)[0]).toBe('server/discover')
  })

  test('an agent that discovers and then initializes is served in the legacy era', async () => {
    const guard = start(eras)
    await guard.request('server/discover', { _meta: META })
    await guard.open()
    const list = await guard.request('tools/list')
    expect(list.result?.tools?.map(({ name }) => name)).toEqual(['say'])
    expect(list.result).not.toHaveProperty('resultType')
    expect((await guard.call('say')).result).toMatchObject({ content: [] })
  })
})

test.each(['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'])(
  'a legacy agent of %s is answered in its own version',
  async (protocolVersion) => {
    const guard = start(['legacy'])
    const params = { protocolVersion, capabilities: {}, clientInfo: { name: 'x', version: '1' } }
    expect((await guard.request('initialize', params)).result).toMatchObject({ protocolVersion })
    guard.notify('notifications/initialized')
    expect((await guard.call('say')).result).toEqual({ content: [] })
  },
)

test('a version that nobody speaks is answered with one that the guard does', async () => {
  const guard = start(['legacy', 'modern'])
  const params = {
    protocolVersion: '1999-01-01',
    capabilities: {},
    clientInfo: { name: 'x', version: '1' },
  }
  expect((await guard.request('initialize', params)).result).toMatchObject({
    protocolVersion: '2025-11-25',
  })
  const meta = { ...META, 'io.modelcontextprotocol/protocolVersion': '2099-01-01' }
  const refused = await guard.request('tools/list', { _meta: meta })
  expect(refused.error).toMatchObject({
    code: -32_022,
    data: { supported: ['2026-07-28'], requested: '2099-01-01' },
  })
  const partial = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' }
  expect((await guard.request('tools/list', { _meta: partial })).error?.code).toBe(-32_602)
  expect((await guard.request('initialize', { capabilities: {} })).error?.code).toBe(-32_602)
})

test('calls that do not wait for the opening are decided all the same', async () => {
  const guard = start(['legacy'])
  const opening = guard.open()
  const [first, hidden, list] = await Promise.all([
    guard.call('say'),
    guard.call('hidden'),
    guard.request('tools/list'),
  ])
  expect(first.result).toEqual({ content: [] })
  expect(hidden.error?.code).toBe(-32_602)
  expect(list.result?.tools).toHaveLength(1)
  expect((await opening).result).toBeDefined()
  // Opening again changes nothing about what is permitted, nor starts the upstream again.
  await guard.open()
  expect((await guard.call('hidden')).error?.code).toBe(-32_602)
  expect(openings(guard)).toEqual(['initialize'])
})
