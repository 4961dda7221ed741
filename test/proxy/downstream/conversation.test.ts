/** Sessions of legacy clients over HTTP: opened, bound to who opened them, taken up again where they broke, and ended. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { JsonObject } from '../../../src/model/json.ts'
import {
  httpGuard,
  type LegacyClient,
  type Response,
  type TestHttpGuard,
} from '../../fakes/http-guard.ts'
import {
  type FakeLife,
  type FakeUpstream,
  legacyUpstream,
  type Received,
} from '../../fakes/upstream.ts'

const MANDATE = `
mandate: t
agent: bot
purpose: Test the guard
valid: { until: 2026-12-01T00:00:00Z }
tools: { a/slow: {}, a/open: {} }
requests: { a: [elicitation] }
`
const TOOLS = [
  { name: 'slow', inputSchema: { type: 'object' } },
  { name: 'open', inputSchema: { type: 'object' } },
]

interface Held {
  readonly message: Received
  readonly life: FakeLife
}
let up: FakeUpstream
let tools: object[]
let held: Held[]
let guard: TestHttpGuard
beforeEach(async () => {
  held = []
  tools = [...TOOLS]
  up = legacyUpstream(
    () => tools,
    (message, life) => {
      const slow = message.method === 'tools/call' && message.params?.['name'] === 'slow'
      if (slow) held.push({ message, life })
      return slow
    },
  )
  guard = await httpGuard(MANDATE, { a: up })
})
afterEach(() => guard.stop())

async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await new Promise((resolve) => setImmediate(resolve))
}
const text = (said: string) => ({ content: [{ type: 'text', text: said }] })
function finish({ message, life }: Held, said = 'done'): void {
  life.say({ jsonrpc: '2.0', id: message.id, result: text(said) })
}
function argument({ message }: Held, name: string): string {
  const args = message.params?.['arguments'] as Readonly<Record<string, string>> | undefined
  return args?.[name] ?? ''
}
function progress({ message, life }: Held, n: number): void {
  const meta = message.params?.['_meta'] as JsonObject
  life.say({
    jsonrpc: '2.0',
    method: 'notifications/progress',
    params: { progressToken: meta['progressToken'], progress: n },
  })
}
/** Sends a call that takes its time, and waits until its stream has begun. */
async function begin(client: LegacyClient, message: object): Promise<Response> {
  const count = held.length
  const response = client.send(message)
  await next(count + 1)
  guard.clock.advance(500)
  return response
}
async function next(count = 1): Promise<Held> {
  await until(() => held.length >= count)
  const one = held[count - 1]
  if (!one) throw new Error('nothing came')
  return one
}
const slow = (id: string | number, token?: string | number, args: object = {}) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: {
    name: 'slow',
    arguments: args,
    ...(token === undefined ? {} : { _meta: { progressToken: token } }),
  },
})

describe('opening', () => {
  test('gives a session a name that nobody can guess, and upstreams of its own', async () => {
    const names = new Set<string>()
    for (let n = 0; n < 20; n += 1) {
      const client = await guard.open()
      expect(client.id).toMatch(/^[\w-]{43}$/)
      names.add(client.id)
    }
    expect(names.size).toBe(20)
    // One for the listener itself, and one for each session.
    expect(up.lives).toHaveLength(21)
  })

  test('is answered as a stream, also to a client of an old revision', async () => {
    const client = await guard.open({ version: '2025-03-26' })
    const list = await client.send({ jsonrpc: '2.0', id: 1, method: 'tools/list' })
    await list.ended
    expect(list.headers['content-type']).toBe('text/event-stream')
    // Empty events could not be read by clients of before 2025-11-25.
    expect(list.text()).not.toContain('data: \n')
    expect(list.messages).toHaveLength(1)
  })

  test('that fails leaves no session behind', async () => {
    const response = await guard.send({
      body: { jsonrpc: '2.0', id: 1, method: 'initialize', params: {} },
    })
    await response.ended
    expect(response.status).toBe(400)
    expect(response.messages[0]?.error?.code).toBe(-32_602)
    expect(response.headers['mcp-session-id']).toBeUndefined()
    // Nothing was started for it.
    expect(up.lives).toHaveLength(1)
  })

  test('under a name that the client chose is refused, and no session has that name', async () => {
    const before = up.lives.length
    const response = await guard.send({
      body: {
        jsonrpc: '2.0',
        id: 1,
        method: 'initialize',
        params: { protocolVersion: '2025-11-25', capabilities: {} },
      },
      headers: { 'mcp-session-id': 'mine' },
    })
    expect(response.status).toBe(400)
    expect(response.headers['mcp-session-id']).toBeUndefined()
    const after = await guard.send({
      body: { jsonrpc: '2.0', id: 2, method: 'tools/list' },
      headers: { 'mcp-session-id': 'mine' },
    })
    expect(after.status).toBe(404)
    expect(up.lives).toHaveLength(before)
  })

  test('has a limit, and one that ends makes room', async () => {
    const few = await httpGuard(MANDATE, { a: up }, { maxSessions: 2 })
    const [first] = [await few.open(), await few.open()]
    const third = await few.send({
      body: { jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: 'x' } },
    })
    expect(third.status).toBe(503)
    expect(third.headers['retry-after']).toBeDefined()
    await first?.end()
    expect((await few.open()).id).toHaveLength(43)
    await few.stop()
  })
})

describe('a name of a session', () => {
  test.each(['__proto__', 'constructor', 'x', '', 'A'.repeat(43)])(
    '%j that was never given is not found, whatever is asked of it',
    async (name) => {
      const headers = { 'mcp-session-id': name }
      const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'open' } }
      expect((await guard.send({ body, headers })).status).toBe(404)
      expect((await guard.send({ method: 'GET', headers })).status).toBe(404)
      expect((await guard.send({ method: 'DELETE', headers })).status).toBe(404)
      expect(up.calls('tools/call')).toEqual([])
    },
  )

  test('is due for everything but the opening', async () => {
    const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'open' } }
    const response = await guard.send({ body })
    await response.ended
    expect(response.status).toBe(400)
    expect(response.messages[0]?.id).toBe(1)
    expect(up.calls('tools/call')).toEqual([])
  })

  test('opens nothing to who presents another key, or none', async () => {
    const keys = { ['k'.repeat(32)]: MANDATE, ['o'.repeat(32)]: MANDATE }
    const keyed = await httpGuard(MANDATE, { a: up }, { keys })
    const client = await keyed.open({ key: 'k'.repeat(32) })
    const headers = { 'mcp-session-id': client.id }
    const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'open' } }
    for (const [key, status] of [
      ['o'.repeat(32), 404],
      [undefined, 401],
    ] as const) {
      expect((await keyed.send({ body, headers, key })).status).toBe(status)
      expect((await keyed.send({ method: 'GET', headers, key })).status).toBe(status)
      expect((await keyed.send({ method: 'DELETE', headers, key })).status).toBe(status)
    }
    expect(up.calls('tools/call')).toEqual([])
    expect((await client.ask('tools/call', { name: 'open' })).result).toEqual(text('null'))
    await keyed.stop()
  })

  test('is over once it was ended, and its upstreams with it', async () => {
    const client = await guard.open()
    await client.ask('tools/list')
    const life = up.lives.at(-1)
    const call = client.send(slow(1))
    await next()
    const ended = await client.end()
    expect(ended.status).toBe(204)
    const body = { jsonrpc: '2.0', id: 2, method: 'tools/list' }
    expect((await client.send(body)).status).toBe(404)
    const stream = await call
    await stream.ended
    expect(life?.received.at(-1)?.method).toBe('notifications/cancelled')
    await until(() => guard.log.entries.some(({ event }) => event === 'upstream_exited'))
  })

  test('is over when nobody used it for long, but not while somebody listens', async () => {
    const [used, left] = [await guard.open(), await guard.open()]
    const stream = await used.listen()
    guard.clock.advance(1_799_000)
    await left.ask('ping')
    guard.clock.advance(1_799_000)
    expect((await used.ask('ping')).result).toEqual({})
    expect((await left.ask('ping')).result).toEqual({})
    stream.close()
    // By the time that another connection was answered twice, the end of this one was seen.
    await guard.send({ method: 'GET', path: '/healthz' })
    await guard.send({ method: 'GET', path: '/healthz' })
    guard.clock.advance(1_900_000)
    for (const client of [used, left]) {
      const response = await client.send({ jsonrpc: '2.0', id: 1, method: 'ping' })
      expect(response.status).toBe(404)
    }
  })
})

describe('what belongs to a call', () => {
  test('comes on the stream of that call, before its answer', async () => {
    const client = await guard.open({ capabilities: { elicitation: {} } })
    const standing = await client.listen()
    const stream = await begin(client, slow(1, 'p'))
    const one = await next()
    progress(one, 1)
    one.life.say({
      jsonrpc: '2.0',
      id: 'ask',
      method: 'elicitation/create',
      params: {
        message: 'Which?',
        requestedSchema: { type: 'object', properties: { c: { type: 'string' } } },
      },
    })
    const question = await stream.hears(({ method }) => method === 'elicitation/create')
    const answered = await client.send({
      jsonrpc: '2.0',
      id: question.id,
      result: { action: 'accept', content: { c: 'red' } },
    })
    await answered.ended
    expect([answered.status, answered.text()]).toEqual([202, ''])
    await until(() => one.life.received.some(({ result }) => result !== undefined))
    finish(one)
    expect(await stream.ended).toBe('whole')
    expect(stream.messages.map(({ method }) => method)).toEqual([
      'notifications/progress',
      'elicitation/create',
      undefined,
    ])
    expect(standing.messages).toEqual([])
  })

  test('is told there also where the upstream cannot say which call it is about', async () => {
    const client = await guard.open()
    const standing = await client.listen()
    const stream = await begin(client, slow(1))
    const one = await next()
    const message = { level: 'info', data: 'x' }
    one.life.say({ jsonrpc: '2.0', method: 'notifications/message', params: message })
    const told = await stream.hears(({ method }) => method === 'notifications/message')
    expect(told.params).toEqual(message)
    finish(one)
    await stream.ended
    expect(standing.messages).toEqual([])
  })

  test('is taken up again where the connection broke: nothing twice, nothing lost', async () => {
    const client = await guard.open()
    const first = await begin(client, slow(1, 'p'))
    const one = await next()
    progress(one, 1)
    await first.hears(({ method }) => method === 'notifications/progress')
    const last = first.ids().at(-1)
    first.close()
    await first.ended
    progress(one, 2)
    finish(one, 'after all')
    await until(() => guard.log.entries.some(({ type }) => type === 'outcome'))
    const again = await client.listen(last)
    expect(await again.ended).toBe('whole')
    expect(again.messages.map(({ params, result }) => params?.['progress'] ?? result)).toEqual([
      2,
      text('after all'),
    ])
    // A connection that is gone took nothing back.
    expect(up.calls('notifications/cancelled')).toEqual([])
    // Once more, as the client may not have got it.
    const third = await client.listen(again.ids()[0])
    await third.ended
    expect(third.messages.map(({ result }) => result)).toEqual([text('after all')])
  })

  test('is primed for that from the first event on', async () => {
    const client = await guard.open()
    const first = await begin(client, slow(1))
    await until(() => first.text().includes('data: \n\n'))
    expect(first.text()).toMatch(/^id: \S+\nretry: \d+\ndata: \n\n$/)
    first.close()
    finish(await next())
    const again = await client.listen(first.ids()[0])
    expect((await again.hears(() => true)).id).toBe(1)
  })

  test('is not there for another session, nor under a made-up event', async () => {
    const [client, other] = [await guard.open(), await guard.open()]
    const stream = await begin(client, slow(1))
    await until(() => stream.ids().length > 0)
    for (const event of [stream.ids()[0], '9-1', 'standing', '__proto__-1', '1-0x', '']) {
      const response = await other.listen(event)
      expect(response.status).toBe(400)
    }
    finish(await next())
    await stream.ended
    expect(stream.messages).toHaveLength(1)
  })

  test('is kept for a while and not without end', async () => {
    const client = await guard.open()
    const events: (string | undefined)[] = []
    for (let n = 0; n < 30; n += 1) {
      const response = await client.send({ jsonrpc: '2.0', id: n, method: 'ping' })
      await response.ended
      events.push(response.ids()[0])
    }
    const statuses = await Promise.all(
      events.map(async (event) => (await client.listen(event)).status),
    )
    expect(statuses.filter((status) => status === 200)).toHaveLength(16)
    expect(statuses.slice(-16).every((status) => status === 200)).toBe(true)
  })
})

describe('the standing stream', () => {
  test('hears what belongs to no call, and is one for each session', async () => {
    const [client, other] = [await guard.open(), await guard.open()]
    await client.ask('tools/list')
    const stream = await client.listen()
    expect(stream.status).toBe(200)
    expect((await client.listen()).status).toBe(409)
    const elsewhere = await other.listen()
    tools.pop()
    up.lives[1]?.say({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })
    await stream.hears(({ method }) => method === 'notifications/tools/list_changed')
    expect(elsewhere.messages).toEqual([])
  })

  test('is told what came while nobody listened, from where it broke', async () => {
    const client = await guard.open()
    await client.ask('tools/list')
    const life = up.lives.at(-1)
    const first = await client.listen()
    tools.pop()
    life?.say({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })
    await first.hears(() => true)
    first.close()
    await first.ended
    tools.push({ name: 'open', inputSchema: { type: 'object' } })
    guard.clock.advance(2000)
    const lists = up.calls('tools/list').length
    life?.say({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })
    await until(() => up.calls('tools/list').length > lists)
    await until(() => true)
    const again = await client.listen(first.ids().at(-1))
    await again.hears(({ method }) => method === 'notifications/tools/list_changed')
    expect(again.messages).toHaveLength(1)
    expect(again.ids()[0]).not.toBe(first.ids()[0])
  })

  test('does not say twice what it has said, to a client that comes back without an event', async () => {
    const client = await guard.open()
    await client.ask('tools/list')
    const first = await client.listen()
    tools.pop()
    up.lives[1]?.say({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })
    await first.hears(() => true)
    first.close()
    await first.ended
    await client.ask('ping')
    const again = await client.listen()
    tools.push({ name: 'open', inputSchema: { type: 'object' } })
    guard.clock.advance(2000)
    up.lives[1]?.say({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })
    await again.hears(() => true)
    expect(again.messages).toHaveLength(1)
    expect(again.ids()).toEqual(['standing-2'])
  })

  test('has to be wanted as a stream, and is none of a modern client', async () => {
    const client = await guard.open()
    const headers = { 'mcp-session-id': client.id, accept: 'application/json' }
    expect((await guard.send({ method: 'GET', headers })).status).toBe(406)
    for (const version of ['2026-07-28', '1999-01-01']) {
      const wrong = { 'mcp-session-id': client.id, 'mcp-protocol-version': version }
      expect((await guard.send({ method: 'GET', headers: wrong })).status).toBe(400)
    }
    expect((await guard.send({ method: 'GET' })).status).toBe(405)
  })
})

test('a client that reads nothing is not waited for, and holds up no other', async () => {
  const [deaf, other] = [await guard.open(), await guard.open()]
  await deaf.ask('tools/list')
  const head = `GET /mcp HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\nmcp-session-id: ${deaf.id}\r\n\r\n`
  const { connect } = await import('node:net')
  const socket = connect(guard.port, '127.0.0.1')
  socket.pause()
  socket.write(head)
  await other.ask('tools/list')
  const life = up.lives[1]
  const message = { level: 'error', data: 'x'.repeat(60_000) }
  for (let n = 0; n < 200; n += 1)
    life?.say({ jsonrpc: '2.0', method: 'notifications/message', params: message })
  expect((await other.ask('tools/call', { name: 'open' })).result).toEqual(text('null'))
  socket.destroy()
})

test('1,000 rounds: sessions that use the same ids and tokens never get what is another’s', async () => {
  const clients = [await guard.open(), await guard.open(), await guard.open(), await guard.open()]
  let seed = 11
  const random = (): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return seed
  }
  for (let round = 0; round < 250; round += 1) {
    held = []
    const streams = clients.map((client, n) => client.send(slow(1, 0, { own: `${n} of ${round}` })))
    await until(() => held.length === clients.length)
    for (const one of held.toSorted(() => (random() % 3) - 1)) {
      progress(one, round)
      finish(one, argument(one, 'own'))
    }
    for (const [n, response] of (await Promise.all(streams)).entries()) {
      await response.ended
      expect(response.messages.map(({ id, params, result }) => [id, params ?? result])).toEqual([
        [undefined, { progressToken: 0, progress: round }],
        [1, text(`${n} of ${round}`)],
      ])
    }
  }
})

test('a cancellation takes back the call of its own session alone', async () => {
  const [one, two] = [await guard.open(), await guard.open()]
  const [first, second] = [await begin(one, slow(1)), await begin(two, slow(1))]
  await next(2)
  const taken = await two.send({
    jsonrpc: '2.0',
    method: 'notifications/cancelled',
    params: { requestId: 1 },
  })
  expect(taken.status).toBe(202)
  expect(await second.ended).toBe('whole')
  expect(second.messages).toEqual([])
  const off = up.calls('notifications/cancelled')
  expect(off.map(({ params }) => params?.['requestId'])).toEqual([held[1]?.message.id])
  held.forEach((call) => finish(call))
  expect((await first.hears(() => true)).result).toEqual(text('done'))
})

test('an id that is under way is not taken twice in one session', async () => {
  const client = await guard.open()
  const stream = await begin(client, slow(1))
  await next()
  const twice = await client.send({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'open' },
  })
  await twice.ended
  expect(twice.status).toBe(400)
  expect(up.calls('tools/call')).toHaveLength(1)
  finish(await next())
  await stream.ended
  expect(stream.messages).toHaveLength(1)
})

test('an answer to no request is told so', async () => {
  const client = await guard.open()
  const response = await client.send({ jsonrpc: '2.0', id: 'none', result: {} })
  expect(response.status).toBe(400)
  const refused = guard.log.entries.filter(({ type }) => type === 'refusal')
  expect(refused).toMatchObject([{ reason: 'malformed', detail: 'an answer to no request' }])
})

test('a question is answered by the session that was asked, not by another', async () => {
  const [client, other] = [
    await guard.open({ capabilities: { elicitation: {} } }),
    await guard.open({ capabilities: { elicitation: {} } }),
  ]
  const stream = await begin(client, slow(1))
  const one = await next()
  one.life.say({
    jsonrpc: '2.0',
    id: 'ask',
    method: 'elicitation/create',
    params: {
      message: 'x',
      requestedSchema: { type: 'object', properties: { c: { type: 'string' } } },
    },
  })
  const question = await stream.hears(({ method }) => method === 'elicitation/create')
  const answer = {
    jsonrpc: '2.0',
    id: question.id,
    result: { action: 'accept', content: { c: 'x' } },
  }
  expect((await other.send(answer)).status).toBe(400)
  expect(one.life.received.some(({ result }) => result !== undefined)).toBe(false)
  expect((await client.send(answer)).status).toBe(202)
  await until(() => one.life.received.some(({ result }) => result !== undefined))
  finish(one)
  await stream.ended
})

test('on a stop, what is under way in sessions is done, and their streams end whole', async () => {
  const client = await guard.open()
  const standing = await client.listen()
  const stream = await begin(client, slow(1))
  const one = await next()
  const stopping = guard.guard.stop('enough')
  await until(() => true)
  finish(one, 'to the end')
  expect((await stream.hears(() => true)).result).toEqual(text('to the end'))
  expect(await standing.ended).toBe('whole')
  await stopping
})
