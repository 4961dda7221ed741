/** Which of several upstreams a URI is asked of, and that what is listed is what can be asked for. */
import { afterEach, describe, expect, test } from 'vitest'
import { isObject, type JsonObject } from '../../src/model/json.ts'
import { spans } from '../../src/proxy/template.ts'
import { memoryGuard, modern, type MemoryGuard, type Message } from '../fakes/guard.ts'
import { lockOf } from '../fakes/lock.ts'
import { type FakeUpstream, legacyUpstream } from '../fakes/upstream.ts'

const MANDATE = `
mandate: t
agent: bot
purpose: Test whose a resource is
valid: { until: 2026-12-01T00:00:00Z }
resources: { "*/**": {} }
`
const URI = 'x://docs/plan'
const TEMPLATE = { name: 't', uriTemplate: 'x://docs/{path}' }

interface Holding {
  readonly resources?: readonly string[]
  readonly templates?: readonly object[]
  /** False: it has no resources at all. */
  readonly has?: boolean
}

function holding({ resources = [], templates = [], has = true }: Holding): FakeUpstream {
  return legacyUpstream([], ({ id, method, params }, life) => {
    const capabilities = has
      ? { tools: {}, completions: {}, resources: { subscribe: true, listChanged: true } }
      : { tools: {} }
    const opening = { protocolVersion: params?.['protocolVersion'], capabilities, serverInfo: {} }
    const answers: Record<string, object> = {
      initialize: opening,
      'resources/list': { resources: resources.map((uri) => ({ uri, name: uri })) },
      'resources/templates/list': { resourceTemplates: templates },
      'resources/read': { contents: [] },
      'resources/subscribe': {},
      'completion/complete': { completion: { values: [] } },
    }
    const result = answers[method ?? '']
    if (result) life.say({ jsonrpc: '2.0', id, result })
    return result !== undefined
  })
}

let open: MemoryGuard[] = []
afterEach(async () => {
  await Promise.all(open.map((guard) => guard.hangUp()))
  open = []
})
async function start(...[mandate, upstreams, options]: Parameters<typeof memoryGuard>) {
  const guard = memoryGuard(mandate, upstreams, options)
  open.push(guard)
  await guard.open()
  return guard
}

const COMPLETION = {
  ref: { type: 'ref/resource', uri: TEMPLATE.uriTemplate },
  argument: { name: 'path', value: 'p' },
}
/** Each way in which a URI is asked for. */
const ASKING = [
  ['resources/read', { uri: URI }],
  ['resources/subscribe', { uri: URI }],
  ['completion/complete', COMPLETION],
] as const

function reason({ error }: Message): unknown {
  return error?.data?.['reason']
}
function reached(upstream: FakeUpstream): readonly unknown[] {
  return ASKING.flatMap(([method]) => upstream.calls(method))
}
async function listed(guard: MemoryGuard, method: string): Promise<readonly unknown[]> {
  const { result } = await guard.ask(method)
  const items = result?.['resources'] ?? result?.['resourceTemplates']
  return (items as readonly JsonObject[]).map((item) => item['uri'] ?? item['uriTemplate'])
}
function hidden(guard: MemoryGuard, event: string): readonly JsonObject[] {
  return guard.log.entries.flatMap(({ event: name, facts }) =>
    name === event && isObject(facts) ? [facts] : [],
  )
}

describe.each(ASKING)('%s, where several upstreams are granted the URI', (method, params) => {
  test('goes to the only one that has resources at all', async () => {
    const [a, b] = [holding({ has: false }), holding({})]
    const guard = await start(MANDATE, { a, b })
    expect(reason(await guard.ask(method, params))).toBeUndefined()
    expect(b.calls(method)).toHaveLength(1)
    expect(reached(a)).toEqual([])
  })

  test('goes to the only one whose template spans it', async () => {
    const other = { name: 'o', uriTemplate: 'x://other/{path}' }
    const [a, b] = [holding({ templates: [TEMPLATE] }), holding({ templates: [other] })]
    const guard = await start(MANDATE, { a, b })
    expect(reason(await guard.ask(method, params))).toBeUndefined()
    expect(a.calls(method)).toHaveLength(1)
    expect(reached(b)).toEqual([])
  })

  test('reaches none where the templates of two span it, and neither is listed', async () => {
    const same = { name: 's', uriTemplate: 'x://docs/{name}' }
    const [a, b] = [holding({ templates: [TEMPLATE] }), holding({ templates: [same] })]
    const guard = await start(MANDATE, { a, b })
    expect(await listed(guard, 'resources/templates/list')).toEqual([])
    expect(reason(await guard.ask(method, params))).toBe('unknown_resource')
    expect([...reached(a), ...reached(b)]).toEqual([])
    const why = '`a` and `b` both show it, and a URI names no server'
    const told = [
      { server: 'a', template: TEMPLATE.uriTemplate, why },
      { server: 'b', template: same.uriTemplate, why },
    ]
    expect(hidden(guard, 'template_hidden')).toEqual(told)
    await listed(guard, 'resources/templates/list')
    expect(hidden(guard, 'template_hidden')).toEqual(told)
  })

  test('reaches none where nothing tells which has it', async () => {
    const [a, b] = [holding({}), holding({})]
    const guard = await start(MANDATE, { a, b })
    expect(reason(await guard.ask(method, params))).toBe('unknown_resource')
    expect([...reached(a), ...reached(b)]).toEqual([])
  })

  test('is refused as changed where the only template that spans it has changed', async () => {
    const templates = [TEMPLATE]
    const [a, b] = [holding({ templates }), holding({})]
    const guard = await start(MANDATE, { a, b })
    await listed(guard, 'resources/templates/list')
    templates[0] = { ...TEMPLATE, name: 'u' }
    await listed(guard, 'resources/templates/list')
    expect(reason(await guard.ask(method, params))).toBe('definition_changed')
    expect([...reached(a), ...reached(b)]).toEqual([])
  })
})

describe('a resource that is listed', () => {
  test('by one is read of that one, whatever template of another spans it', async () => {
    const [a, b] = [holding({ resources: [URI] }), holding({ templates: [TEMPLATE] })]
    const guard = await start(MANDATE, { a, b })
    expect(await listed(guard, 'resources/list')).toEqual([URI])
    await guard.ask('resources/read', { uri: URI })
    expect(a.calls('resources/read')).toHaveLength(1)
    expect(reached(b)).toEqual([])
  })

  test('by two is shown of neither and read of neither, and that is told once', async () => {
    const own = 'x://own'
    const [a, b] = [holding({ resources: [URI, own] }), holding({ resources: [URI] })]
    const guard = await start(MANDATE, { a, b })
    expect(await listed(guard, 'resources/list')).toEqual([own])
    const answer = await guard.ask('resources/read', { uri: URI })
    expect(answer.error?.code).toBe(-32_002)
    expect([...reached(a), ...reached(b)]).toEqual([])
    await listed(guard, 'resources/list')
    expect(hidden(guard, 'resource_hidden')).toMatchObject([
      { server: 'a', resource: URI },
      { server: 'b', resource: URI },
    ])
    expect(guard.complaints.filter((text) => text === 'a resource is hidden')).toHaveLength(2)
  })

  test('by two, of which only one is granted, is shown and read of that one', async () => {
    const mandate = MANDATE.replace('"*/**"', '"a/**"')
    const [a, b] = [holding({ resources: [URI] }), holding({ resources: [URI] })]
    const guard = await start(mandate, { a, b })
    expect(await listed(guard, 'resources/list')).toEqual([URI])
    await guard.ask('resources/read', { uri: URI })
    expect(a.calls('resources/read')).toHaveLength(1)
    expect(reached(b)).toEqual([])
  })

  test('by two is as unknown to a modern agent', async () => {
    const [a, b] = [holding({ resources: [URI] }), holding({ resources: [URI] })]
    const guard = memoryGuard(MANDATE, { a, b })
    open.push(guard)
    const list = await guard.ask('resources/list', { _meta: modern() })
    expect(list.result?.['resources']).toEqual([])
    const answer = await guard.ask('resources/read', { uri: URI, _meta: modern() })
    expect(reason(answer)).toBe('unknown_resource')
    expect([...reached(a), ...reached(b)]).toEqual([])
  })
})

test('a template that nobody approved makes its upstream hold nothing', async () => {
  const [a, b] = [holding({ templates: [TEMPLATE] }), holding({ templates: [TEMPLATE] })]
  const lock = lockOf({ a: { templates: [TEMPLATE] }, b: {} })
  const guard = await start(MANDATE, { a, b }, { lock })
  expect(await listed(guard, 'resources/templates/list')).toEqual([TEMPLATE.uriTemplate])
  for (const [method, params] of ASKING) {
    expect(reason(await guard.ask(method, params))).toBeUndefined()
    expect(a.calls(method)).toHaveLength(1)
  }
  expect(reached(b)).toEqual([])
})

test('where one is down and the other has no resources, it is said that the one is down', async () => {
  const a = legacyUpstream([], (_message, life) => {
    life.die(1)
    return true
  })
  const b = holding({ has: false })
  const guard = await start(MANDATE, { a, b })
  const answer = await guard.ask('resources/read', { uri: URI })
  expect(reason(answer)).toBe('upstream_unavailable')
  expect([...reached(a), ...reached(b)]).toEqual([])
})

test.each([
  ['x://docs/{path}', 'x://docs/a/b', true],
  ['x://docs/{path}', 'x://other/a', false],
  ['x://{a}/mid/{b}.md', 'x://1/mid/2.md', true],
  ['x://{a}/mid/{b}.md', 'x://1/2.md', false],
  ['x://docs', 'x://docs', true],
  ['x://docs', 'x://docs/a', false],
  ['x://ab{a}ba', 'x://aba', false],
])('%s spans %s: %s', (template, uri, expected) => {
  expect(spans(template, uri)).toBe(expected)
})
