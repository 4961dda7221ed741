/** What an upstream answers reaches the agent byte for byte; what the agent asks reaches the upstream as the value judged. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { puppet, received } from './folder.ts'
import { type GuardProcess, GuardPool, payload } from './guard.ts'

const pool = new GuardPool()
afterAll(() => pool.close())

/** Results that a client library would round, reorder, strip or refuse. */
const RESULTS: readonly (readonly [string, string])[] = [
  [
    'unknown members',
    '{"content":[],"extra":{"a":[1,{"b":null}]},"_meta":{"x/y":1},"zebra":1,"apple":2}',
  ],
  [
    'an unknown content type',
    '{"content":[{"type":"hologram","voxels":[1,2]},{"type":"text","text":"x","tint":"red"}]}',
  ],
  [
    'integers beyond 2^53',
    '{"content":[],"structuredContent":{"n":9007199254740993,"m":-12345678901234567890}}',
  ],
  [
    'numbers as they were spelt',
    '{"content":[],"structuredContent":[1.0,1e2,1E+2,-0,0.10,1e400,123456789.123456789012345]}',
  ],
  ['white space between the tokens', '{ "content" : [ ] ,\t"n" : 1 }'],
  [
    'escapes as they were written',
    String.raw`{"content":[{"type":"text","text":"\u0041\/\t\u00e9\ud83d\ude00 \u2028"}]}`,
  ],
  [
    'unicode as it was written',
    '{"content":[{"type":"text","text":"é ü 日本語 😀 \u2028 \u2029 \u0085"}]}',
  ],
  [
    'a combining mark beside its composed twin',
    '{"content":[{"type":"text","text":"e\u0301 \u00e9"}]}',
  ],
  ['structuredContent that is a list', '{"content":[],"structuredContent":[[],{}]}'],
  ['structuredContent that is a text', '{"content":[],"structuredContent":"text"}'],
  ['structuredContent that is null', '{"content":[],"structuredContent":null}'],
  ['structuredContent that is a number', '{"content":[],"structuredContent":1.50}'],
  ['no content at all', '{}'],
  ['content that is no list', '{"content":"text"}'],
  [
    'members named like those of the prototype',
    '{"content":[],"__proto__":{"a":1},"constructor":{"prototype":1}}',
  ],
  ['members that are named twice', '{"content":[],"a":1,"a":2}'],
  ['a lone surrogate, escaped', String.raw`{"content":[{"type":"text","text":"\ud800"}]}`],
  ['a result of 40 levels', `{"content":[],"deep":${'['.repeat(40)}1${']'.repeat(40)}}`],
  ['1 MB of text', `{"content":[{"type":"text","text":"${'0123456789'.repeat(100_000)}"}]}`],
  [
    'a tool error of its own',
    '{"content":[{"type":"text","text":"no such vendor"}],"isError":true,"extra":1.0}',
  ],
]

const TOOLS = [
  '{"name":"puppet","inputSchema":{"type":"object"}}',
  '{"name":"say","inputSchema":{"type":"object"}}',
  '{"name":"plain","title":"Plain","description":"d","inputSchema":{"type":"object"},"x-vendor":{"a":[1]},"icons":[{"src":"data:,"}],"annotations":{"readOnlyHint":true,"x":1.0}}',
  '{"name":"big","inputSchema":{"type":"object","properties":{"n":{"type":"integer","maximum":18446744073709551615,"multipleOf":1.0,"default":1e2}}}}',
  '{"name":"odd","inputSchema":{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","$defs":{"a":{"$ref":"#/$defs/a"}},"allOf":[true,false]},"outputSchema":{"type":"array"},"execution":{"taskSupport":"forbidden"}}',
  '{"name":"é ü","description":"\u2028 😀 e\u0301","inputSchema":{"type":"object"}}',
]

const LISTS = {
  'resources/list':
    '{"resources":[{"uri":"notes://a","name":"a","size":9007199254740993,"x":1.0}]}',
  'resources/templates/list':
    '{"resourceTemplates":[{"uriTemplate":"notes://{n}","name":"t","x":1e2}]}',
  'prompts/list': '{"prompts":[{"name":"ask","arguments":[{"name":"a","x":1.0}],"y":1E5}]}',
}
const READ = '{"contents":[{"uri":"notes://a","text":"t","size":9007199254740993}],"x":1.0}'
const PROMPT =
  '{"messages":[{"role":"user","content":{"type":"new","n":1.0}}],"x":18446744073709551615}'

let guard: GuardProcess
beforeAll(async () => {
  guard = pool.start((path) => ({
    mandate: {
      tools: { 'p/*': {} },
      resources: { 'p/notes://**': {} },
      prompts: { 'p/*': {} },
    },
    upstreams: {
      p: puppet(path, 'p', {
        capabilities: { tools: {}, resources: {}, prompts: {} },
        results: {
          'tools/list': `{"tools":[${TOOLS.join(',')}],"nextCursor":"","x":1}`,
          ...LISTS,
          'resources/read': READ,
          'prompts/get': PROMPT,
          'tools/call': '{"content":[]}',
        },
      }),
    },
  }))
  await guard.open()
})

/** Calls the puppet, which answers with this text in that place. */
function answering(part: 'result' | 'error', text: string) {
  const write = `{"jsonrpc":"2.0","id":$ID,"${part}":${text}}`
  return guard.call('puppet', { steps: [{ write }] })
}

describe('a result arrives byte for byte', () => {
  test.each(RESULTS)('with %s', async (_what, text) => {
    expect(payload(await answering('result', text))).toBe(text)
  })

  test('of resources/read and prompts/get too', async () => {
    expect(payload(await guard.request('resources/read', { uri: 'notes://a' }))).toBe(READ)
    expect(payload(await guard.request('prompts/get', { name: 'ask' }))).toBe(PROMPT)
  })

  test('and so does an error of the upstream', async () => {
    const error = '{"code":-32000,"message":"é","data":{"n":9007199254740993,"m":1.0},"x":1}'
    expect(payload(await answering('error', error))).toBe(error)
  })
})

describe('a definition arrives whole', () => {
  test('with unknown members, schemas of any kind and numbers as they were spelt', async () => {
    const { text } = await guard.request('tools/list')
    for (const tool of TOOLS) expect(text).toContain(tool)
  })

  test.each(Object.entries(LISTS))('%s', async (method, list) => {
    expect(payload(await guard.request(method))).toBe(list)
  })
})

describe('a request leaves as the value that was judged, not as the bytes it came in', () => {
  test.each([
    [
      'numbers as ECMAScript prints them',
      '{"n":1E2,"m":1.0,"z":-0,"f":0.10}',
      '{"n":100,"m":1,"z":0,"f":0.1}',
    ],
    ['no white space', '{ "a" : [ 1 ,\t2 ] }', '{"a":[1,2]}'],
    ['no needless escapes', String.raw`{"\u0061":"\u0041\/é\ud83d\ude00"}`, '{"a":"A/é😀"}'],
    ['U+2028 kept', '{"a":"\u2028"}', '{"a":"\u2028"}'],
  ])('%s', async (_what, sent, expected) => {
    const id = guard.newId()
    guard.send(
      `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"say","arguments":${sent}}}`,
    )
    await guard.answer(id)
    const line = received(guard.folder.path, 'p').at(-1)?.line ?? ''
    const text = Buffer.from(line, 'latin1').toString('utf8')
    expect(text).toContain(`"arguments":${expected}`)
  })
})

describe('across eras', () => {
  const META = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  }

  test.each(['{"content":[],"n":9007199254740993,"m":1.0}', '{}', ' { "content" : [ ] }'])(
    'a legacy result %j reaches a modern agent with a result type in front, and else as it was',
    async (text) => {
      const modern = pool.start((path) => ({
        mandate: { tools: { 'p/say': {} } },
        upstreams: {
          p: puppet(path, 'p', {
            eras: ['legacy'],
            results: { 'tools/list': `{"tools":[${TOOLS[1]}]}`, 'tools/call': text },
          }),
        },
      }))
      const answer = await modern.request('tools/call', { name: 'say', arguments: {}, _meta: META })
      const rest = text.trim().slice(1).trimStart()
      expect(payload(answer)).toBe(
        rest === '}' ? '{"resultType":"complete"}' : `{"resultType":"complete",${rest}`,
      )
      const sent = received(modern.folder.path, 'p').at(-1)?.message
      expect(sent?.params).toEqual({ name: 'say', arguments: {} })
    },
  )

  /** A guard in front of an upstream of one era that answers `resources/read` with this error. */
  function failing(era: 'legacy' | 'modern', error: string): GuardProcess {
    return pool.start((path) => ({
      mandate: { resources: { 'p/notes://**': {} } },
      upstreams: {
        p: puppet(path, 'p', {
          eras: [era],
          capabilities: { resources: {} },
          results: LISTS,
          on: { 'resources/read': [{ write: `{"jsonrpc":"2.0","id":$ID,"error":${error}}` }] },
        }),
      },
    }))
  }

  test('a resource that a modern upstream does not have is -32002 to a legacy agent', async () => {
    const gone = '{"code":-32602,"message":"Resource not found","data":{"uri":"notes://a","n":1.0}}'
    const legacy = failing('modern', gone)
    await legacy.open()
    const answer = await legacy.request('resources/read', { uri: 'notes://a' })
    expect(payload(answer)).toBe(gone.replace('-32602', '-32002'))
    const other = await legacy.request('resources/read', { uri: 'notes://b' })
    expect(payload(other)).toBe(gone)
  })

  test('a resource that a legacy upstream does not have is -32602 to a modern agent, and named', async () => {
    const modern = failing('legacy', '{"code":-32002,"message":"gone","data":{"n":1.0}}')
    const answer = await modern.request('resources/read', { uri: 'notes://a', _meta: META })
    expect(payload(answer)).toBe(
      '{"code":-32602,"message":"gone","data":{"n":1.0,"uri":"notes://a"}}',
    )
  })
})
