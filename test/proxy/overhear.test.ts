/** What upstreams say by themselves: it leaves labels before an agent hears it, and loses what policies take out of it. */
import { afterEach, describe, expect, test } from 'vitest'
import { memoryGuard, modern, type MemoryGuard, type Message } from '../fakes/guard.ts'
import { httpGuard } from '../fakes/http-guard.ts'
import { mandateOf, overhearing } from '../fakes/line.ts'
import { type FakeUpstream, legacyUpstream, modernUpstream } from '../fakes/upstream.ts'

const MANDATE = `
mandate: t
agent: bot
purpose: Test the guard
valid: { until: 2026-12-01T00:00:00Z }
tools: { a/slow: { effect: read } }
resources: { "a/notes://public/**": { effect: read } }
prompts: { a/hello: {} }
requests: { a: [elicitation] }
`
const KEY = `AKIA${'ABCDEFGH'.repeat(2)}`
const MARK = '[redacted:secrets]'
const HEARD = { labels: ['untrusted'], detectors: ['secrets'] } as const
const SLOW = { name: 'slow', description: `Slow ${KEY}`, inputSchema: { type: 'object' } }
const URI = 'notes://public/a'

let open: MemoryGuard[] = []
afterEach(async () => {
  await Promise.all(open.map((guard) => guard.hangUp()))
  open = []
})

function start(a: FakeUpstream, heard: Parameters<typeof overhearing>[1] = HEARD): MemoryGuard {
  const mandate = overhearing(mandateOf(MANDATE), heard)
  const guard = memoryGuard(MANDATE, { a }, { mandate })
  open.push(guard)
  return guard
}

/** The labels that the next call is decided with. */
async function labels(guard: MemoryGuard, meta?: object): Promise<unknown> {
  const params = { name: 'slow', arguments: {}, ...(meta && { _meta: meta }) }
  await guard.ask('tools/call', params)
  return lastLabels(guard)
}

function lastLabels({ log }: Pick<MemoryGuard, 'log'>): unknown {
  const intent = log.entries.findLast(({ type }) => type === 'intent')
  return /"labels":(\[[^\]]*\])/.exec(JSON.stringify(intent))?.[1]
}
const NONE = '[]'
const LEFT = '["untrusted"]'

describe('a log message', () => {
  const said = { level: 'info', data: { line: `key ${KEY}` } }
  const message = { jsonrpc: '2.0', method: 'notifications/message', params: said }
  const isMessage = ({ method }: Message): boolean => method === 'notifications/message'

  test('leaves its labels once it is passed on, and loses what is looked for', async () => {
    const a = legacyUpstream([SLOW])
    const guard = start(a)
    await guard.open()
    expect(await labels(guard)).toBe(NONE)
    a.lives[0]?.say(message)
    const heard = await guard.hears(isMessage)
    expect(heard.params).toEqual({ level: 'info', data: { line: `key ${MARK}` } })
    expect(await labels(guard)).toBe(LEFT)
  })

  test('that nobody wants to hear leaves none', async () => {
    const a = legacyUpstream([SLOW])
    const guard = start(a)
    await guard.open()
    await guard.ask('logging/setLevel', { level: 'error' })
    a.lives[0]?.say(message)
    expect(await labels(guard)).toBe(NONE)
    expect(guard.heard.filter(isMessage)).toEqual([])
  })

  test('is passed on as it is where policies say nothing of it', async () => {
    const a = legacyUpstream([SLOW])
    const guard = start(a, { labels: [], detectors: [] })
    await guard.open()
    a.lives[0]?.say(message)
    expect((await guard.hears(isMessage)).params).toEqual(said)
    expect(await labels(guard)).toBe(NONE)
  })

  test('whose labels cannot be left is dropped, and told of', async () => {
    const a = legacyUpstream([SLOW])
    const guard = start(a, { labels: ['x'.repeat(129)], detectors: [] })
    await guard.open()
    a.lives[0]?.say(message)
    expect(await labels(guard)).toBe(NONE)
    expect(guard.heard.filter(isMessage)).toEqual([])
    expect(guard.complaints).toContain('labels could not be left: what an upstream says is dropped')
  })
})

test('progress leaves its labels, and keeps the token of the agent', async () => {
  const a = legacyUpstream([SLOW], ({ id, method, params }, life) => {
    const meta = params?.['_meta'] as { progressToken?: number } | undefined
    if (method !== 'tools/call' || meta?.progressToken === undefined) return false
    const { progressToken } = meta
    life.say({
      jsonrpc: '2.0',
      method: 'notifications/progress',
      params: { progressToken, progress: 1, message: KEY },
    })
    life.say({ jsonrpc: '2.0', id, result: { content: [] } })
    return true
  })
  const guard = start(a)
  await guard.open()
  await guard.ask('tools/call', { name: 'slow', _meta: { progressToken: KEY } })
  expect(lastLabels(guard)).toBe(NONE)
  const { params } = await guard.hears(({ method }) => method === 'notifications/progress')
  expect(params).toEqual({ progressToken: KEY, progress: 1, message: MARK })
  expect(await labels(guard)).toBe(LEFT)
})

test('a change of what is watched leaves its labels', async () => {
  const a = legacyUpstream([SLOW], ({ id, method }, life) => {
    if (method !== 'resources/subscribe') return false
    life.say({ jsonrpc: '2.0', id, result: {} })
    return true
  })
  const guard = start(a)
  await guard.open()
  const updated = { jsonrpc: '2.0', method: 'notifications/resources/updated' }
  a.lives[0]?.say({ ...updated, params: { uri: URI } })
  expect(await labels(guard)).toBe(NONE)
  await guard.ask('resources/subscribe', { uri: URI })
  a.lives[0]?.say({ ...updated, params: { uri: URI } })
  await guard.hears(({ method }) => method === updated.method)
  expect(await labels(guard)).toBe(LEFT)
})

test('what was done at an address is told under its own id, or not at all', async () => {
  const a = legacyUpstream([SLOW])
  const guard = start(a)
  await guard.open()
  const method = 'notifications/elicitation/complete'
  const done = { jsonrpc: '2.0', method, params: { elicitationId: KEY } }
  a.lives[0]?.say(done)
  a.lives[0]?.say({ ...done, params: { elicitationId: 'e-1' } })
  const heard = await guard.hears((message) => message.method === method)
  expect(heard.params).toEqual({ elicitationId: 'e-1' })
  expect(await labels(guard)).toBe(LEFT)
})

describe('a question', () => {
  const FORM = {
    message: `Is it ${KEY}?`,
    requestedSchema: { type: 'object', properties: { yes: { type: 'boolean' } } },
  }
  const SHOWN = { ...FORM, message: `Is it ${MARK}?` }
  const ELICIT = { method: 'elicitation/create', params: FORM }

  const asksMidCall = (): FakeUpstream => {
    const waiting: number[] = []
    return legacyUpstream([SLOW], ({ id, method }, life) => {
      if (method === 'tools/call' && id !== undefined && waiting.length === 0) {
        waiting.push(id)
        life.say({ jsonrpc: '2.0', id: 'q', ...ELICIT })
        return true
      }
      if (method !== undefined) return false
      life.say({ jsonrpc: '2.0', id: waiting[0], result: { content: [] } })
      return true
    })
  }
  const asksBack = (): FakeUpstream => {
    let asked = false
    return modernUpstream([SLOW], ({ id, method }, life) => {
      if (method !== 'tools/call') return false
      const result = asked
        ? { resultType: 'complete', content: [] }
        : { resultType: 'input_required', inputRequests: { q: ELICIT }, requestState: KEY }
      asked = true
      life.say({ jsonrpc: '2.0', id, result })
      return true
    })
  }

  test.each([
    ['in the middle of a call', asksMidCall],
    ['by an answer', asksBack],
  ])('%s reaches a legacy agent so', async (_name, upstream) => {
    const guard = start(upstream())
    await guard.open({ elicitation: {} })
    const first = guard.ask('tools/call', { name: 'slow' })
    const question = await guard.hears(({ method }) => method === ELICIT.method)
    expect(question.params).toEqual(SHOWN)
    expect(lastLabels(guard)).toBe(NONE)
    guard.send({ jsonrpc: '2.0', id: question.id, result: { action: 'accept', content: {} } })
    expect(await first).toHaveProperty('result.content')
    expect(await labels(guard)).toBe(LEFT)
  })

  test.each([
    ['in the middle of a call', asksMidCall],
    ['by an answer', asksBack],
  ])('%s reaches a modern agent so', async (_name, upstream) => {
    const a = upstream()
    const guard = start(a)
    const params = { name: 'slow', _meta: modern({ elicitation: {} }) }
    const { result } = await guard.ask('tools/call', params)
    const [asked] = Object.values(result?.['inputRequests'] ?? {}) as unknown[]
    expect(asked).toEqual({ ...ELICIT, params: SHOWN })
    const [name = ''] = Object.keys(result?.['inputRequests'] ?? {})
    const inputResponses = { [name]: { action: 'accept', content: {} } }
    const retry = { ...params, inputResponses, requestState: result?.['requestState'] }
    expect(await guard.ask('tools/call', retry)).toHaveProperty('result.content')
    expect(lastLabels(guard)).toBe(LEFT)
  })
})

describe('a list', () => {
  const answers: Readonly<Record<string, object>> = {
    'resources/list': { resources: [{ uri: URI, name: 'a', description: KEY }] },
    'resources/templates/list': {
      resourceTemplates: [{ uriTemplate: 'notes://public/{x}', name: 'a', title: KEY }],
    },
    'prompts/list': { prompts: [{ name: 'hello', description: `"${KEY}"` }] },
  }
  const listing = (): FakeUpstream =>
    legacyUpstream([SLOW], ({ id, method = '' }, life) => {
      const result = answers[method]
      if (result) life.say({ jsonrpc: '2.0', id, result })
      return result !== undefined
    })

  test.each(Object.keys(answers))(
    '%s leaves its labels, and loses what is looked for',
    async (method) => {
      const guard = start(listing())
      await guard.open()
      expect(await labels(guard)).toBe(NONE)
      const shown = JSON.stringify((await guard.ask(method)).result)
      expect(shown).not.toContain(KEY)
      expect(shown).toContain(MARK)
      expect(await labels(guard)).toBe(LEFT)
    },
  )

  test('of tools shows definitions as they were approved, and leaves none', async () => {
    const guard = start(listing())
    await guard.open()
    expect(JSON.stringify((await guard.ask('tools/list')).result)).toContain(KEY)
    expect(await labels(guard)).toBe(NONE)
  })

  test('in which nothing is leaves none', async () => {
    const guard = start(legacyUpstream([SLOW]))
    await guard.open()
    await guard.ask('resources/list')
    expect(await labels(guard)).toBe(NONE)
  })
})

test('over HTTP labels outlive sessions, eras and keys, and stay with their mandate', async () => {
  const answers = { resources: [{ uri: URI, name: 'a' }] }
  const a = legacyUpstream([SLOW], ({ id, method }, life) => {
    if (method === 'resources/list') life.say({ jsonrpc: '2.0', id, result: answers })
    return method === 'resources/list'
  })
  const [one, two, other] = ['k'.repeat(40), 'o'.repeat(40), 'x'.repeat(40)]
  const guard = await httpGuard(
    MANDATE,
    { a },
    {
      keys: {
        [one]: MANDATE,
        [two]: MANDATE,
        [other]: MANDATE.replace('mandate: t', 'mandate: u'),
      },
      overheard: HEARD,
    },
  )
  try {
    const called = async (key: string): Promise<unknown> => {
      await guard.ask('tools/call', { name: 'slow', arguments: {} }, { key })
      return lastLabels(guard)
    }
    expect(await called(one)).toBe(NONE)
    const session = await guard.open({ key: one })
    await session.ask('resources/list')
    await session.end()
    expect(await called(one)).toBe(LEFT)
    expect(await called(two)).toBe(LEFT)
    expect(await called(other)).toBe(NONE)
    const again = await guard.open({ key: two })
    await again.ask('tools/call', { name: 'slow', arguments: {} })
    expect(lastLabels(guard)).toBe(LEFT)
  } finally {
    await guard.stop()
  }
})
