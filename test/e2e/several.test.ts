/** Several upstreams behind one guard: names that can be told apart, calls that reach the right one, and one that is down. */
import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { puppet, received, toolsNamed } from './folder.ts'
import { type GuardProcess, GuardPool, reasonOf } from './guard.ts'

const pool = new GuardPool()
afterAll(() => pool.close())

function resources(...uris: readonly string[]): string {
  return JSON.stringify({ resources: uris.map((uri) => ({ uri, name: uri })) })
}
function answers(name: string): string {
  return `{"content":[{"type":"text","text":"${name}"}]}`
}
const CAPABILITIES = { tools: {}, resources: {}, prompts: {}, completions: {} }

describe('two upstreams', () => {
  let guard: GuardProcess
  const calls = (name: string) =>
    received(guard.folder.path, name).filter(({ message }) => message.method === 'tools/call')

  beforeAll(async () => {
    guard = pool.start((path) => ({
      mandate: {
        tools: { 'a/*': {}, 'b/say': {}, 'b/only_b': {} },
        never: ['a/hidden'],
        resources: { 'a/x://**': {}, 'b/x://**': {}, 'b/y://**': {} },
        prompts: { 'a/ask': {}, 'b/ask': {} },
      },
      upstreams: {
        a: puppet(path, 'a', {
          capabilities: CAPABILITIES,
          results: {
            'tools/list': toolsNamed('say', 'hidden', 'b__say', 'x__y', 'say', ' say', 'sa\ty', ''),
            'tools/call': answers('a'),
            'resources/list': resources('x://a', 'x://both'),
            'resources/templates/list': '{"resourceTemplates":[]}',
            'resources/read': '{"contents":[{"uri":"x://a","text":"from a"}]}',
            'prompts/list': '{"prompts":[{"name":"ask"}]}',
            'prompts/get': '{"messages":[],"of":"a"}',
            'completion/complete': '{"completion":{"values":["a"]}}',
          },
        }),
        b: puppet(path, 'b', {
          capabilities: CAPABILITIES,
          results: {
            'tools/list': toolsNamed('say', 'only_b', 'say__x'),
            'tools/call': answers('b'),
            'resources/list': resources('x://b', 'x://both', 'y://b'),
            'resources/templates/list': '{"resourceTemplates":[]}',
            'resources/read': '{"contents":[{"uri":"y://b","text":"from b"}]}',
            'prompts/list': '{"prompts":[{"name":"ask"},{"name":"hidden"}]}',
            'prompts/get': '{"messages":[],"of":"b"}',
            'completion/complete': '{"completion":{"values":["b"]}}',
          },
        }),
      },
    }))
    await guard.open()
  })

  test('tools are listed under their server, once each, and only names that can be told apart', async () => {
    const list = await guard.request('tools/list')
    expect(list.result?.tools?.map(({ name }) => name)).toEqual([
      'a__say',
      'a__x__y',
      'b__say',
      'b__only_b',
    ])
    const hidden = guard.folder.record().filter(({ event }) => event === 'tool_hidden')
    const names = hidden.map(({ facts }) => (facts as { readonly tool: string }).tool)
    expect([...new Set(names)].toSorted()).toEqual(['', ' say', 'b__say', 'sa[U+0009]y', 'say'])
    for (const why of [
      /it is empty/,
      /it passes for `b\/say`/,
      /U\+0009/,
      /its name is given twice/,
    ])
      await guard.logged(why)
  })

  test.each([
    ['a__say', 'a', 'say'],
    ['b__say', 'b', 'say'],
    ['a__x__y', 'a', 'x__y'],
    ['b__only_b', 'b', 'only_b'],
  ])('%s goes to %s, under its own name', async (name, server, own) => {
    const before = { a: calls('a').length, b: calls('b').length }
    const answer = await guard.call(name, {}, `call ${name}`)
    expect(answer.result?.content?.[0]?.text).toBe(server)
    expect(calls(server).at(-1)?.message.params?.['name']).toBe(own)
    const other = server === 'a' ? 'b' : 'a'
    expect(calls(other)).toHaveLength(before[other])
    const intent = guard.folder.record().findLast(({ type }) => type === 'intent')
    expect(intent?.['request']).toMatchObject({ server, name: own })
  })

  test.each([
    'say',
    'c__say',
    'a_say',
    'A__say',
    'a__',
    '__say',
    'a__hidden',
    'b__hidden',
    'b__say__x',
    'a__ say',
    'a/say',
    'a__only_b',
  ])('%j stands for nothing here, and reaches nobody', async (name) => {
    const before = calls('a').length + calls('b').length
    expect(reasonOf(await guard.call(name))).toBe('unknown_tool')
    expect(calls('a').length + calls('b').length).toBe(before)
  })

  test('a name of one that passes for that of another is refused, and reaches nobody', async () => {
    const before = calls('a').length + calls('b').length
    expect(reasonOf(await guard.call('a__b__say'))).toBe('tool_changed')
    expect(calls('a').length + calls('b').length).toBe(before)
  })

  test('a resource goes to the one upstream that lists it; one that both list goes to nobody', async () => {
    const read = (uri: string) => guard.request('resources/read', { uri })
    expect((await read('x://a')).text).toContain('from a')
    expect((await read('y://b')).text).toContain('from b')
    expect((await read('x://b')).text).toContain('from b')
    expect(reasonOf(await read('x://both'))).toBe('unknown_resource')
    expect(reasonOf(await read('x://neither'))).toBe('unknown_resource')
    const uris = received(guard.folder.path, 'a')
      .filter(({ message }) => message.method === 'resources/read')
      .map(({ message }) => message.params?.['uri'])
    expect(uris).toEqual(['x://a'])
  })

  test('prompts and completions follow their server', async () => {
    const list = await guard.request('prompts/list')
    expect(list.result?.['prompts']).toEqual([{ name: 'a__ask' }, { name: 'b__ask' }])
    expect((await guard.request('prompts/get', { name: 'b__ask' })).result).toMatchObject({
      of: 'b',
    })
    expect(reasonOf(await guard.request('prompts/get', { name: 'b__hidden' }))).toBe(
      'unknown_prompt',
    )
    const completed = await guard.request('completion/complete', {
      ref: { type: 'ref/prompt', name: 'a__ask' },
      argument: { name: 'n', value: '' },
    })
    expect(completed.result).toEqual({ completion: { values: ['a'] } })
    const asked = received(guard.folder.path, 'a').at(-1)?.message.params
    expect(asked?.['ref']).toEqual({ type: 'ref/prompt', name: 'ask' })
  })
})

test('one upstream ends: its tools are gone from the list or come back, the other is not touched', async () => {
  const puppetTool = { results: { 'tools/list': toolsNamed('puppet') } }
  const guard = pool.start((path) => ({
    mandate: { tools: { 'a/puppet': {}, 'b/puppet': {} } },
    upstreams: { a: puppet(path, 'a', puppetTool), b: puppet(path, 'b', puppetTool) },
  }))
  await guard.open()
  const done = [{ write: '{"jsonrpc":"2.0","id":$ID,"result":{"content":[]}}' }]
  const held = guard.call('b__puppet', {
    steps: [{ file: guard.folder.file('go') }, ...done],
  })
  expect(reasonOf(await guard.call('a__puppet', { steps: [{ exit: 1 }] }))).toBe('outcome_unknown')
  expect((await guard.call('b__puppet', { steps: done })).result).toEqual({ content: [] })
  expect((await guard.call('a__puppet', { steps: done })).result).toEqual({ content: [] })
  expect(guard.frames.some(({ id }) => id === 2)).toBe(false)
  await guard.call('a__puppet', { steps: [{ serve: 'x', result: '' }, ...done] })
  writeFileSync(guard.folder.file('go'), '')
  expect((await held).result).toEqual({ content: [] })
})

// A subscription is kept by its address alone, not by whose it is.
test('an update counts only from the upstream that was subscribed to', async () => {
  const done = { write: '{"jsonrpc":"2.0","id":$ID,"result":{"content":[]}}' }
  const guard = pool.start((path) => ({
    mandate: { tools: { 'b/puppet': {} }, resources: { 'a/x://**': {} } },
    upstreams: {
      a: puppet(path, 'a', {
        capabilities: { resources: { subscribe: true } },
        results: { 'resources/subscribe': '{}' },
      }),
      b: puppet(path, 'b', { results: { 'tools/list': toolsNamed('puppet') } }),
    },
  }))
  await guard.open()
  await guard.request('resources/subscribe', { uri: 'x://a' })
  const update =
    '{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"x://a","note":"from b"}}'
  await guard.call('b__puppet', { steps: [{ write: update }, done] })
  await guard.settled()
  expect(guard.frames.filter(({ method }) => method !== undefined)).toEqual([])
})

test.each([
  ['two servers of one name', '{"mcpServers":{"a":{"command":"x"},"a":{"command":"y"}}}'],
  ['a server with the divider in its name', '{"mcpServers":{"a__b":{"command":"x"}}}'],
  ['a server whose name ends like the divider', '{"mcpServers":{"a_":{"command":"x"}}}'],
  ['a server without a name', '{"mcpServers":{"":{"command":"x"}}}'],
  [
    'a server with a name of 300 characters',
    `{"mcpServers":{"${'a'.repeat(300)}":{"command":"x"}}}`,
  ],
])('%s is refused before anything is started', async (_what, text) => {
  const folder = pool.folder({ mandate: { tools: { 'a/x': {} } }, upstreams: {} })
  writeFileSync(folder.file('mcp.json'), text)
  const guard = pool.launch(folder)
  expect(await guard.end()).toEqual({ code: 1, signal: null })
  expect(guard.stderr).toMatch(/mcp\.json:1:\d+/)
  expect(guard.frames).toEqual([])
})
