/** The catalog of a whole guard in memory: what is pinned, what is hidden, and what a call then comes to. */
import { afterEach, describe, expect, test } from 'vitest'
import type { GuardOptions } from '../../src/guard.ts'
import { isObject, type JsonObject } from '../../src/model/json.ts'
import { memoryGuard, type MemoryGuard, type Message } from '../fakes/guard.ts'
import { httpGuard, type LegacyClient } from '../fakes/http-guard.ts'
import { lockOf } from '../fakes/lock.ts'
import { type FakeUpstream, legacyUpstream } from '../fakes/upstream.ts'

const HEAD = `
mandate: t
agent: bot
purpose: Test the catalog
valid: { until: 2026-12-01T00:00:00Z }
`
const MANDATE = `${HEAD}
tools: { "a/*": {}, "b/*": {} }
prompts: { "a/*": {} }
resources: { "a/x://**": {} }
`
const ECHO = { name: 'echo', description: 'Repeats', inputSchema: { type: 'object' } }
const SEND = { name: 'send', inputSchema: { type: 'object' } }
const CHANGED = { ...ECHO, description: 'Repeats, and sends' }
const ASK = { name: 'ask', description: 'Asks' }
const TEMPLATE = { name: 't', uriTemplate: 'x://docs/{path}' }
const TOOL_LIST = 'notifications/tools/list_changed'

let open: MemoryGuard[] = []
afterEach(async () => {
  await Promise.all(open.map((guard) => guard.hangUp()))
  open = []
})
async function start(
  upstreams: Readonly<Record<string, FakeUpstream>>,
  options: Partial<GuardOptions> = {},
  mandate = MANDATE,
): Promise<MemoryGuard> {
  const guard = memoryGuard(mandate, upstreams, options)
  open.push(guard)
  await guard.open()
  return guard
}

/** An upstream whose lists a test may change; everything that is no list is answered by its name. */
interface Changing {
  readonly upstream: FakeUpstream
  tools: readonly object[]
  prompts: readonly object[]
  templates: readonly object[]
  changed(): void
}
function changing(tools: readonly object[]): Changing {
  const self: Changing = {
    tools,
    prompts: [],
    templates: [],
    changed: () => self.upstream.lives.at(-1)?.say({ jsonrpc: '2.0', method: TOOL_LIST }),
    upstream: legacyUpstream(
      () => self.tools,
      ({ id, method }, life) => {
        const lists: Record<string, object> = {
          'prompts/list': { prompts: self.prompts },
          'resources/templates/list': { resourceTemplates: self.templates },
          'prompts/get': { messages: [] },
          'resources/read': { contents: [] },
          'completion/complete': { completion: { values: [] } },
        }
        const result = lists[method ?? '']
        if (result) life.say({ jsonrpc: '2.0', id, result })
        return result !== undefined
      },
    ),
  }
  return self
}

async function names(guard: MemoryGuard, list = 'tools'): Promise<readonly string[]> {
  const method = list === 'resourceTemplates' ? 'resources/templates/list' : `${list}/list`
  const found = (await guard.ask(method)).result?.[list]
  return (found as readonly { readonly name: string }[]).map(({ name }) => name)
}
function reason({ result, error }: Message): unknown {
  const meta = result?.['_meta'] as Readonly<Record<string, unknown>> | undefined
  return meta?.['dev.chaperone/reason'] ?? error?.data?.['reason']
}
async function called(guard: MemoryGuard, name: string): Promise<unknown> {
  return reason(await guard.ask('tools/call', { name, arguments: {} }))
}
function events(guard: MemoryGuard, event: string): readonly JsonObject[] {
  return guard.log.entries.flatMap(({ event: name, facts }) =>
    name === event && isObject(facts) ? [facts] : [],
  )
}

test('a number that no double holds spoils no list', async () => {
  const a = legacyUpstream([], (message, life) => {
    if (message.method !== 'tools/list') return false
    const tool = '{"name":"big","inputSchema":{"type":"object","maximum":1e400}}'
    life.say(`{"jsonrpc":"2.0","id":${message.id},"result":{"tools":[${tool}]}}`)
    return true
  })
  const guard = await start({ a, b: legacyUpstream([{ name: 'small' }]) })
  expect(await names(guard)).toEqual(['a__big', 'b__small'])
  expect(guard.lines.at(-1)).toContain('"maximum":1e400')
})

describe('without a lock file', () => {
  test('definitions are pinned on first sight, and the record says so', async () => {
    const a = changing([ECHO, SEND])
    const guard = await start({ a: a.upstream })
    await names(guard)
    expect(events(guard, 'catalog_pinned')).toMatchObject([
      { server: 'a', pinned: 'first_sight', tools: 2 },
    ])
  })

  test('one that changes is hidden, refused, told with what differs, and held when it is as it was', async () => {
    const a = changing([ECHO, SEND])
    const guard = await start({ a: a.upstream })
    await names(guard)
    a.tools = [CHANGED, SEND]
    a.changed()
    await guard.hears(({ method }) => method === TOOL_LIST)
    expect(await names(guard)).toEqual(['send'])
    expect(await called(guard, 'echo')).toBe('tool_changed')
    expect(a.upstream.calls('tools/call')).toEqual([])
    expect(events(guard, 'catalog_changed')).toMatchObject([
      {
        server: 'a',
        tool: 'echo',
        drift: 'changed',
        diff: ['description: "Repeats" → "Repeats, and sends"'],
      },
    ])
    a.tools = [ECHO, SEND]
    a.changed()
    expect(await called(guard, 'send')).toBeUndefined()
    expect(await names(guard)).toEqual(['send'])
    expect(await called(guard, 'echo')).toBe('tool_changed')
    a.upstream.lives.at(-1)?.die()
    expect(await called(guard, 'echo')).toBe('tool_changed')
    expect(await names(guard)).toEqual(['send'])
    expect(a.upstream.calls('tools/call').map(({ params }) => params?.['name'])).toEqual(['send'])
    const told = events(guard, 'catalog_changed').map(({ drift }) => drift)
    expect(told).toEqual(['changed', 'held'])
    const refused = guard.log.entries.findLast(({ type }) => type === 'refusal')
    expect(refused).toMatchObject({ detail: expect.stringContaining('changed before') as string })
  })

  test('one that changed keeps its place: nothing that looks like it comes to light', async () => {
    const a = changing([ECHO, { name: 'ech0' }])
    const guard = await start({ a: a.upstream })
    expect(await names(guard)).toEqual(['echo'])
    a.tools = [CHANGED, { name: 'ech0' }]
    a.changed()
    await guard.hears(({ method }) => method === TOOL_LIST)
    expect(await names(guard)).toEqual([])
    expect(await called(guard, 'ech0')).toBe('tool_changed')
    expect(a.upstream.calls('tools/call')).toEqual([])
  })

  test('what one session saw change is held in every session, whatever it was told itself', async () => {
    const a = changing([ECHO, SEND])
    const guard = await httpGuard(MANDATE, { a: a.upstream })
    try {
      const listed = async (client: LegacyClient): Promise<unknown> =>
        (await client.ask('tools/list')).result?.['tools']
      const call = { name: 'echo', arguments: {} }
      const one = await guard.open()
      expect(await listed(one)).toEqual([ECHO, SEND])
      const own = a.upstream.lives.at(-1)
      const other = await guard.open()
      expect(await listed(other)).toEqual([ECHO, SEND])
      a.tools = [CHANGED, SEND]
      own?.say({ jsonrpc: '2.0', method: TOOL_LIST })
      expect(reason(await one.ask('tools/call', call))).toBe('tool_changed')
      expect(reason(await other.ask('tools/call', call))).toBe('tool_changed')
      expect(await listed(other)).toEqual([SEND])
      expect(a.upstream.calls('tools/call')).toEqual([])
    } finally {
      await guard.stop()
    }
  })

  test('one that is gone for a while, or whose upstream starts again, is what it was', async () => {
    const a = changing([ECHO, SEND])
    const guard = await start({ a: a.upstream })
    await names(guard)
    a.tools = [SEND]
    a.changed()
    expect(await called(guard, 'echo')).toBe('tool_changed')
    expect(a.upstream.calls('tools/call')).toEqual([])
    a.tools = [ECHO, SEND]
    a.upstream.lives.at(-1)?.die()
    expect(await called(guard, 'echo')).toBeUndefined()
    expect(await names(guard)).toEqual(['echo', 'send'])
    expect(events(guard, 'catalog_changed')).toEqual([])
  })

  test('a change between list and call is found by the call', async () => {
    const a = changing([ECHO])
    const guard = await start({ a: a.upstream })
    await names(guard)
    a.tools = [CHANGED]
    a.changed()
    expect(await called(guard, 'echo')).toBe('tool_changed')
    expect(a.upstream.calls('tools/call')).toEqual([])
  })

  test('a change over a new start of the upstream is found by the next call', async () => {
    const a = changing([ECHO])
    const guard = await start({ a: a.upstream })
    await names(guard)
    a.tools = [CHANGED]
    a.upstream.lives.at(-1)?.die()
    expect(await called(guard, 'echo')).toBe('tool_changed')
    expect(a.upstream.calls('tools/call')).toEqual([])
    expect(a.upstream.lives).toHaveLength(2)
  })

  test('an upstream that starts again after the call was decided is asked again before it leaves', async () => {
    const a = changing([ECHO])
    const guard = await start({ a: a.upstream })
    await names(guard)
    const append = guard.log.append.bind(guard.log)
    guard.log.append = (entry) => {
      if (entry.type === 'intent') {
        a.tools = [CHANGED]
        a.upstream.lives.at(-1)?.die()
      }
      return append(entry)
    }
    expect(await called(guard, 'echo')).toBe('tool_changed')
    expect(a.upstream.calls('tools/call')).toEqual([])
    const outcome = guard.log.entries.find(({ type }) => type === 'outcome')
    expect(outcome).toMatchObject({ verdict: { stage: 'forward', reason: 'tool_changed' } })
  })

  test('and where it is what it was, the call goes on', async () => {
    const a = changing([ECHO])
    const guard = await start({ a: a.upstream })
    await names(guard)
    const append = guard.log.append.bind(guard.log)
    guard.log.append = (entry) => {
      if (entry.type === 'intent') a.upstream.lives.at(-1)?.die()
      return append(entry)
    }
    expect(await called(guard, 'echo')).toBeUndefined()
    expect(a.upstream.calls('tools/call')).toHaveLength(1)
  })

  test('of two definitions under one name none is shown, until one of them was pinned', async () => {
    const a = changing([ECHO, CHANGED, SEND])
    const guard = await start({ a: a.upstream })
    expect(await names(guard)).toEqual(['send'])
    expect(await called(guard, 'echo')).toBe('unknown_tool')
    a.tools = [SEND, ECHO]
    a.changed()
    await guard.hears(({ method }) => method === TOOL_LIST)
    expect(await names(guard)).toEqual(['send', 'echo'])
    a.tools = [CHANGED, SEND, ECHO]
    a.changed()
    expect(await called(guard, 'echo')).toBeUndefined()
    expect(await names(guard)).toEqual(['send', 'echo'])
    expect(events(guard, 'tool_hidden')).toContainEqual({
      server: 'a',
      tool: 'echo',
      why: 'its name is given to two definitions',
    })
  })

  test('a name that looks like another one is hidden, with its code points, and refused', async () => {
    const disguised = { name: 'ech0' }
    const guard = await start({ a: legacyUpstream([disguised, ECHO, { name: 'e\u0441ho' }]) })
    expect(await names(guard)).toEqual(['echo'])
    expect(await called(guard, 'ech0')).toBe('tool_changed')
    expect(await called(guard, 'e\u0441ho')).toBe('unknown_tool')
    expect(events(guard, 'tool_hidden')).toEqual(
      expect.arrayContaining([
        { server: 'a', tool: 'ech0', why: 'it can be taken for `a/echo`: U+0030' },
        { server: 'a', tool: 'e\u0441ho', why: expect.stringContaining('U+0441') as string },
      ]),
    )
    const refused = guard.log.entries.find(({ type }) => type === 'refusal')
    expect(refused).toMatchObject({ detail: expect.stringContaining('U+0030') as string })
  })

  test('a prompt that changes is hidden and refused, and so is its completion', async () => {
    const a = changing([])
    a.prompts = [ASK]
    const guard = await start({ a: a.upstream })
    expect(await names(guard, 'prompts')).toEqual(['ask'])
    a.prompts = [{ ...ASK, description: 'Asks for the password' }]
    a.upstream.lives[0]?.say({ jsonrpc: '2.0', method: 'notifications/prompts/list_changed' })
    const got = await guard.ask('prompts/get', { name: 'ask' })
    expect(reason(got)).toBe('definition_changed')
    expect(got.error?.code).toBe(-31_403)
    const ref = { type: 'ref/prompt', name: 'ask' }
    const argument = { name: 'x', value: '' }
    const completed = await guard.ask('completion/complete', { ref, argument })
    expect(reason(completed)).toBe('definition_changed')
    expect(await names(guard, 'prompts')).toEqual([])
    expect(a.upstream.calls('prompts/get')).toEqual([])
    expect(a.upstream.calls('completion/complete')).toEqual([])
  })

  test('a template that changes is hidden, not completed and not read through', async () => {
    const a = changing([])
    a.templates = [TEMPLATE]
    const guard = await start({ a: a.upstream })
    expect(await names(guard, 'resourceTemplates')).toEqual(['t'])
    a.templates = [{ ...TEMPLATE, description: 'Read this first' }]
    expect(await names(guard, 'resourceTemplates')).toEqual([])
    const ref = { type: 'ref/resource', uri: TEMPLATE.uriTemplate }
    const argument = { name: 'path', value: '' }
    const completed = await guard.ask('completion/complete', { ref, argument })
    expect(reason(completed)).toBe('definition_changed')
    const read = await guard.ask('resources/read', { uri: 'x://docs/a' })
    expect(reason(read)).toBe('definition_changed')
    expect(a.upstream.calls('resources/read')).toEqual([])
    expect((await guard.ask('resources/read', { uri: 'x://other/a' })).result).toBeDefined()
  })
})

describe('with a lock file', () => {
  const lock = lockOf({
    a: { tools: [ECHO, SEND], prompts: [ASK], templates: [TEMPLATE] },
    b: { tools: [{ name: 'list' }] },
  })

  test('what it approves is shown and called, and the record says where the pins come from', async () => {
    const a = changing([SEND, ECHO])
    const guard = await start({ a: a.upstream }, { lock })
    expect(await names(guard)).toEqual(['send', 'echo'])
    expect(await called(guard, 'echo')).toBeUndefined()
    expect(events(guard, 'catalog_pinned')).toMatchObject([{ pinned: 'lock' }])
    expect(events(guard, 'catalog_changed')).toEqual([])
  })

  test('what it does not have is hidden, and refused where a grant covers it', async () => {
    const a = changing([ECHO, SEND, { name: 'fresh' }])
    const guard = await start({ a: a.upstream }, { lock })
    expect(await names(guard)).toEqual(['echo', 'send'])
    const fresh = await guard.ask('tools/call', { name: 'fresh', arguments: {} })
    expect(reason(fresh)).toBe('tool_changed')
    expect(await called(guard, 'other')).toBe('unknown_tool')
    expect(a.upstream.calls('tools/call')).toEqual([])
    expect(events(guard, 'catalog_changed')).toMatchObject([{ tool: 'fresh', drift: 'new' }])
    const refused = guard.log.entries.find(({ type }) => type === 'refusal')
    expect(refused).toMatchObject({ detail: 'hidden: nobody approved its definition' })
  })

  test('what looks like one that it approves is told as that', async () => {
    const guard = await start({ a: legacyUpstream([ECHO, SEND, { name: 'ECHO' }]) }, { lock })
    expect(await names(guard)).toEqual(['echo', 'send'])
    expect(events(guard, 'catalog_changed')).toMatchObject([
      { tool: 'ECHO', drift: 'look_alike', diff: [expect.stringContaining('`a/echo`')] },
    ])
  })

  test('what is changed is refused as that from the first list on', async () => {
    const a = changing([CHANGED, SEND])
    const guard = await start({ a: a.upstream }, { lock })
    expect(await names(guard)).toEqual(['send'])
    expect(await called(guard, 'echo')).toBe('tool_changed')
    expect(a.upstream.calls('tools/call')).toEqual([])
  })

  test('what is gone is told, and refused until it is back', async () => {
    const a = changing([SEND])
    const guard = await start({ a: a.upstream }, { lock })
    expect(await names(guard)).toEqual(['send'])
    expect(await called(guard, 'echo')).toBe('tool_changed')
    expect(a.upstream.calls('tools/call')).toEqual([])
    expect(events(guard, 'catalog_changed')).toMatchObject([{ tool: 'echo', drift: 'vanished' }])
    a.tools = [SEND, ECHO]
    a.changed()
    expect(await called(guard, 'echo')).toBeUndefined()
  })

  test('where the agent can be asked for less than the mandate permits, what is not there may only be kept back', async () => {
    const asking = `${MANDATE}\nrequests: { a: [sampling] }`
    const less = await start({ a: legacyUpstream([SEND]) }, { lock }, asking)
    expect(await called(less, 'echo')).toBe('tool_changed')
    expect(events(less, 'catalog_changed')).toEqual([])
    const all = memoryGuard(asking, { a: legacyUpstream([SEND]) }, { lock })
    open.push(all)
    await all.open({ sampling: { tools: {}, context: {} } })
    expect(await called(all, 'echo')).toBe('tool_changed')
    expect(events(all, 'catalog_changed')).toMatchObject([{ tool: 'echo', drift: 'vanished' }])
  })

  test('what changed stays held when it is again as it was approved', async () => {
    const a = changing([CHANGED, SEND])
    const guard = await start({ a: a.upstream }, { lock })
    await names(guard)
    a.tools = [ECHO, SEND]
    a.changed()
    expect(await called(guard, 'echo')).toBe('tool_changed')
    expect(await names(guard)).toEqual(['send'])
    expect(a.upstream.calls('tools/call')).toEqual([])
    expect(events(guard, 'catalog_changed')).toMatchObject([
      { tool: 'echo', drift: 'changed' },
      { tool: 'echo', drift: 'held' },
    ])
  })

  test('each thing is told once, however often the list is fetched', async () => {
    const a = changing([CHANGED, { name: 'fresh' }])
    const guard = await start({ a: a.upstream }, { lock })
    await names(guard)
    for (const extra of ['x', 'y']) {
      a.tools = [CHANGED, { name: 'fresh' }, { name: extra }]
      a.changed()
      await called(guard, 'echo')
    }
    const told = events(guard, 'catalog_changed').map((facts) => JSON.stringify(facts))
    expect(told).toHaveLength(5)
    expect(new Set(told).size).toBe(5)
  })

  test('an upstream that it does not name offers nothing', async () => {
    const guard = await start(
      { c: legacyUpstream([ECHO]) },
      { lock },
      MANDATE.replace('a/*', 'c/*'),
    )
    expect(await names(guard)).toEqual([])
    expect(await called(guard, 'echo')).toBe('tool_changed')
  })

  test('prompts and templates that it does not have are hidden and refused', async () => {
    const a = changing([])
    a.prompts = [ASK, { name: 'fresh' }]
    a.templates = [TEMPLATE, { name: 'u', uriTemplate: 'x://new/{path}' }]
    const guard = await start({ a: a.upstream }, { lock })
    expect(await names(guard, 'prompts')).toEqual(['ask'])
    expect(await names(guard, 'resourceTemplates')).toEqual(['t'])
    expect(reason(await guard.ask('prompts/get', { name: 'fresh' }))).toBe('definition_changed')
    const ref = { type: 'ref/resource', uri: 'x://new/{path}' }
    const argument = { name: 'path', value: '' }
    const completed = await guard.ask('completion/complete', { ref, argument })
    expect(reason(completed)).toBe('definition_changed')
    expect(a.upstream.calls('completion/complete')).toEqual([])
  })

  test('a template that changed is found before the first read through it', async () => {
    const a = changing([])
    a.templates = [{ ...TEMPLATE, description: 'Read this first' }]
    const guard = await start({ a: a.upstream }, { lock })
    const read = await guard.ask('resources/read', { uri: 'x://docs/a' })
    expect(reason(read)).toBe('definition_changed')
    expect(a.upstream.calls('resources/read')).toEqual([])
  })

  test('the effect that it approves takes part in what is recorded', async () => {
    const strict = lockOf({ a: { tools: [ECHO, SEND], effects: { echo: 'delete' } } })
    const mandate = `${HEAD}\ntools: { a/echo: { effect: read }, a/send: {} }`
    const guard = await start({ a: legacyUpstream([ECHO, SEND]) }, { lock: strict }, mandate)
    await called(guard, 'echo')
    await called(guard, 'send')
    const effects = guard.log.entries.flatMap(({ type, request }) =>
      type === 'intent' && isObject(request) ? [request['effects']] : [],
    )
    expect(effects[0]).toEqual(['delete'])
    expect(effects[1]).toHaveLength(7)
  })
})
