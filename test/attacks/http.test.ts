/** Attacks on the guard as an HTTP server, by clients of it and by what they bring. One test an attack (cases.ts). */
import { connect, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import type { JsonObject } from '../../src/model/json.ts'
import { modern } from '../fakes/guard.ts'
import { httpGuard, type LegacyClient, type TestHttpGuard } from '../fakes/http-guard.ts'
import {
  type FakeLife,
  type FakeUpstream,
  legacyUpstream,
  modernUpstream,
  type Received,
} from '../fakes/upstream.ts'

const MANDATE = `
mandate: t
agent: bot
purpose: Test the guard
valid: { until: 2026-12-01T00:00:00Z }
tools: { a/slow: {}, a/open: {} }
never: [a/hidden]
`
const OTHER = MANDATE.replace('a/open', 'a/other')
const TOOLS = ['slow', 'open', 'hidden', 'other'].map((name) => ({
  name,
  inputSchema: { type: 'object' },
}))
const [ONE, TWO] = ['k'.repeat(40), 'o'.repeat(40)]

interface Held {
  readonly message: Received
  readonly life: FakeLife
}

let open: TestHttpGuard[] = []
let sockets: Socket[] = []
afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  await Promise.all(open.map((guard) => guard.stop()))
  open = []
  sockets = []
})

async function start(...args: Parameters<typeof httpGuard>): Promise<TestHttpGuard> {
  const guard = await httpGuard(...args)
  open.push(guard)
  return guard
}

/** An upstream that answers `slow` when the test does. */
function holding(era: 'legacy' | 'modern'): { readonly up: FakeUpstream; readonly held: Held[] } {
  const held: Held[] = []
  const make = era === 'legacy' ? legacyUpstream : modernUpstream
  const up = make(TOOLS, (message, life) => {
    const slow = message.method === 'tools/call' && message.params?.['name'] === 'slow'
    if (slow) held.push({ message, life })
    return slow
  })
  return { up, held }
}

async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await new Promise((resolve) => setImmediate(resolve))
}
function finish({ message, life }: Held, said: string): void {
  const result = { content: [{ type: 'text', text: said }], resultType: 'complete' }
  life.say({ jsonrpc: '2.0', id: message.id, result })
}
function progress({ message, life }: Held, n: number, token?: unknown): void {
  const meta = message.params?.['_meta'] as JsonObject | undefined
  life.say({
    jsonrpc: '2.0',
    method: 'notifications/progress',
    params: { progressToken: token ?? meta?.['progressToken'], progress: n },
  })
}
const slow = (id: string | number, args: object = {}) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name: 'slow', arguments: args, _meta: { progressToken: 0 } },
})
function argument({ message }: Held): string {
  const args = message.params?.['arguments'] as { readonly own: string } | undefined
  return args?.own ?? ''
}
/** Numbers that look random and are the same in every run. */
function shuffler(): <T>(list: readonly T[]) => readonly T[] {
  let seed = 3
  const next = (): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return seed
  }
  return (list) =>
    list
      .map((one) => [next(), one] as const)
      .sort(([a], [b]) => a - b)
      .map(([, one]) => one)
}

test('G14: names of the prototype are no session, no key, no header and no event', async () => {
  const [before, list] = [Object.prototype, Array.prototype].map((one) => Reflect.ownKeys(one))
  const { up } = holding('legacy')
  const guard = await start(MANDATE, { a: up }, { keys: { [ONE]: MANDATE } })
  const client = await guard.open({ key: ONE })
  for (const name of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']) {
    const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'open' } }
    const key = ONE
    const session = await guard.send({ body, key, headers: { 'mcp-session-id': name } })
    expect(session.status).toBe(404)
    expect((await guard.send({ body, key: name })).status).toBe(401)
    expect((await client.listen(`${name}-1`)).status).toBe(400)
    const headers = {
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'open',
      [name]: 'x',
      [`mcp-param-${name}`]: 'x',
    }
    const call = { ...body, params: { ...body.params, _meta: modern() } }
    const served = await guard.send({ body: call, key, headers })
    await served.ended
    expect(served.messages[0]?.result?.['isError']).toBeUndefined()
  }
  expect(Reflect.ownKeys(Object.prototype)).toEqual(before)
  expect(Reflect.ownKeys(Array.prototype)).toEqual(list)
  expect(up.calls('tools/call')).toHaveLength(5)
})

test('G23: 1,000 rounds of clients with the same ids, in both eras at once and in any order: none gets what is another’s', async () => {
  const { up, held } = holding('legacy')
  const guard = await start(MANDATE, { a: up }, { keys: { [ONE]: MANDATE, [TWO]: MANDATE } })
  const legacy = [await guard.open({ key: ONE }), await guard.open({ key: TWO })]
  const shuffled = shuffler()
  for (let round = 0; round < 250; round += 1) {
    held.length = 0
    const asked = [
      ...legacy.map((client, n) => client.send(slow(1, { own: `legacy ${n} of ${round}` }))),
      ...[ONE, TWO].map((key, n) =>
        guard.begin(
          'tools/call',
          { name: 'slow', arguments: { own: `modern ${n} of ${round}` } },
          { id: 1, key, meta: { progressToken: 0 } },
        ),
      ),
    ]
    await until(() => held.length === asked.length)
    for (const one of shuffled(held)) finish(one, argument(one))
    const own = ['legacy 0', 'legacy 1', 'modern 0', 'modern 1'].map((who) => `${who} of ${round}`)
    for (const [n, response] of (await Promise.all(asked)).entries()) {
      await response.ended
      expect(response.messages.map(({ id, result }) => [id, result?.['content']])).toEqual([
        [1, [{ type: 'text', text: own[n] }]],
      ])
    }
  }
})

test('G23: an id under way is not taken twice in a session, and its call is answered once', async () => {
  const { up, held } = holding('legacy')
  const guard = await start(MANDATE, { a: up })
  const client = await guard.open()
  const first = client.send(slow(1))
  await until(() => held.length === 1)
  const second = await client.send(slow(1))
  expect(second.status).toBe(400)
  held.forEach((one) => finish(one, 'once'))
  const stream = await first
  await stream.ended
  expect(stream.messages).toHaveLength(1)
  expect(up.calls('tools/call')).toHaveLength(1)
})

test('G25: progress under the same token stays with the session of its call; guesses and late ones are nobody’s', async () => {
  const { up, held } = holding('legacy')
  const guard = await start(MANDATE, { a: up })
  const clients = [await guard.open(), await guard.open()]
  const asked = clients.map((client, n) => client.send(slow(1, { own: String(n) })))
  await until(() => held.length === 2)
  for (const one of held) {
    progress(one, 10 + Number(argument(one)))
    for (let guess = 0; guess < 50; guess += 1) progress(one, 666, `t${guess}`)
    progress(one, 666, '0')
  }
  held.forEach((one) => finish(one, argument(one)))
  held.forEach((one) => progress(one, 667))
  for (const [n, response] of (await Promise.all(asked)).entries()) {
    await response.ended
    const heard = response.messages.flatMap(({ params }) => params ?? [])
    expect(heard).toEqual([{ progressToken: 0, progress: 10 + n }])
  }
  const standing = await clients[0]?.listen()
  expect(standing?.messages).toEqual([])
})

test('G26: a cancellation reaches the call of its own session and no other, and each call has one outcome', async () => {
  const { up, held } = holding('legacy')
  const guard = await start(MANDATE, { a: up })
  const [mine, other] = [await guard.open(), await guard.open()]
  const cancel = (client: LegacyClient, requestId: string | number) =>
    client.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } })
  // Before there is such a call, and of the other session's.
  await cancel(other, 'mine')
  const response = mine.send(slow('mine'))
  await until(() => held.length === 1)
  await cancel(other, 'mine')
  expect(up.calls('notifications/cancelled')).toEqual([])
  // While it is under way, twice, and after it was called off.
  await cancel(mine, 'mine')
  await cancel(mine, 'mine')
  const stream = await response
  await stream.ended
  held.forEach((one) => finish(one, 'too late'))
  await cancel(mine, 'mine')
  expect(stream.messages).toEqual([])
  expect(up.calls('notifications/cancelled').map(({ params }) => params?.['requestId'])).toEqual([
    held[0]?.message.id,
  ])
  const ended = guard.log.entries.filter(({ type }) => type === 'outcome')
  expect(ended).toHaveLength(1)
})

test('G27: floods of notifications from an upstream are coalesced, and what is dropped is on record', async () => {
  const { up, held } = holding('legacy')
  const guard = await start(MANDATE, { a: up })
  const client = await guard.open()
  await client.ask('tools/list')
  const lists = up.calls('tools/list').length
  const standing = await client.listen()
  const call = client.send(slow(1))
  await until(() => held.length === 1)
  const [one] = held
  const life = up.lives[1]
  for (let n = 0; n < 30_000; n += 1) {
    life?.say({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })
    life?.say({
      jsonrpc: '2.0',
      method: 'notifications/message',
      params: { level: 'info', data: n },
    })
    if (one) progress(one, n)
  }
  // Somebody else is answered meanwhile.
  const other = await guard.open()
  expect((await other.ask('tools/call', { name: 'open' })).result?.['isError']).toBeUndefined()
  guard.clock.advance(11_000)
  if (one) {
    progress(one, 30_000)
    finish(one, 'done')
  }
  life?.say({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 0 } })
  const stream = await call
  await stream.ended
  const heard = (method: string): number =>
    [...stream.messages, ...standing.messages].filter((message) => message.method === method).length
  expect(heard('notifications/progress')).toBeLessThanOrEqual(10_001)
  expect(heard('notifications/message')).toBeLessThanOrEqual(1001)
  expect(up.calls('tools/list').length - lists).toBeLessThan(10)
  const dropped = guard.log.entries.filter(({ event }) => event === 'notifications_dropped')
  const counts = dropped.map(({ facts }) => facts as { kind: string; dropped: number })
  expect(counts).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ kind: 'notifications/message', dropped: 29_000 }),
      expect.objectContaining({ kind: 'notifications/progress', dropped: 20_000 }),
    ]),
  )
})

test('G27: a flood of cancellations by a client reaches no upstream and fills no record', async () => {
  const { up } = holding('legacy')
  const guard = await start(MANDATE, { a: up })
  const client = await guard.open()
  await client.ask('tools/list')
  const before = guard.log.entries.length
  for (let n = 0; n < 500; n += 1) {
    await client.send({
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: n },
    })
  }
  expect(up.calls('notifications/cancelled')).toEqual([])
  expect(guard.log.entries).toHaveLength(before)
})

test('G29: side doors of the modern era are closed over HTTP, too', async () => {
  const { up } = holding('modern')
  const guard = await start(MANDATE, { a: up })
  for (const method of [
    'tasks/get',
    'tasks/result',
    'tasks/cancel',
    'tasks/list',
    'resources/subscribe',
    'sampling/createMessage',
    'elicitation/create',
    'roots/list',
    'Tools/Call',
    'rpc.discover',
    'vendor/x',
    'notifications/tools/call',
  ]) {
    const response = await guard.begin(method, { name: 'open', taskId: 't' })
    await response.ended
    expect([response.status, response.messages[0]?.error?.code], method).toEqual([404, -32_601])
  }
  const hidden = await guard.ask('tools/call', { name: 'hidden', arguments: {} })
  expect(hidden.error?.code).toBe(-32_602)
  const task = await guard.ask('tools/call', { name: 'open', arguments: {}, task: { ttl: 1 } })
  expect(task.error).toBeDefined()
  const batch = `[${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'open' } })}]`
  expect((await guard.send({ body: batch })).status).toBe(400)
  expect(up.calls('tools/call')).toEqual([])
})

test('G30: what comes under another name is refused before its body is read, on every path', async () => {
  const { up } = holding('modern')
  const guard = await start(MANDATE, { a: up })
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'open', _meta: modern() },
  })
  const request = (target: string, headers: readonly string[]): Promise<string> =>
    guard.raw(
      [
        `POST ${target} HTTP/1.1`,
        ...headers,
        'content-type: application/json',
        'accept: application/json, text/event-stream',
        'mcp-protocol-version: 2026-07-28',
        'mcp-method: tools/call',
        'mcp-name: open',
        'connection: close',
        `content-length: ${body.length}`,
        '',
        body,
      ].join('\r\n'),
    )
  const own = `host: 127.0.0.1:${guard.port}`
  for (const [target, headers] of [
    ['/mcp', ['host: attacker.example']],
    ['/mcp', ['host: 127.0.0.1.nip.io']],
    ['/mcp', [`host: attacker.example:${guard.port}`]],
    ['/mcp', [`host: 127.0.0.1:${guard.port}@attacker.example`]],
    ['/mcp', [own, 'origin: null']],
    ['/mcp', [own, 'origin: http://evil.example']],
    ['/healthz', [own, 'origin: http://evil.example']],
    ['/readyz', [own, 'origin: null']],
    ['/admin', [own, 'origin: http://evil.example']],
    ['/metrics', ['host: attacker.example']],
    [`http://127.0.0.1:${guard.port}/mcp`, ['host: attacker.example']],
  ] as const) {
    expect(await request(target, headers), `${target} ${headers.join()}`).toMatch(
      /^HTTP\/1\.1 403 /,
    )
  }
  expect(up.calls('tools/call')).toEqual([])
  expect(await request('/mcp', [own])).toMatch(/^HTTP\/1\.1 200 /)
  expect(up.calls('tools/call')).toHaveLength(1)
})

test('G32: a session is of who opened it: not of another key, of none, nor of anybody once it is over', async () => {
  const { up } = holding('legacy')
  const guard = await start(MANDATE, { a: up }, { keys: { [ONE]: MANDATE, [TWO]: OTHER } })
  const client = await guard.open({ key: ONE })
  await client.ask('tools/list')
  const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'open' } }
  const as = async (key: string | undefined, session: string): Promise<number> => {
    const response = await guard.send({ body, key, headers: { 'mcp-session-id': session } })
    await response.ended
    return response.status
  }
  const lives = up.lives.length
  expect(await as(TWO, client.id)).toBe(404)
  expect(await as(undefined, client.id)).toBe(401)
  expect(await as(ONE, 'chosen')).toBe(404)
  expect(await as(ONE, client.id.slice(0, -1))).toBe(404)
  expect(await as(ONE, `${client.id}x`)).toBe(404)
  await client.end()
  expect(await as(ONE, client.id)).toBe(404)
  expect(up.calls('tools/call')).toEqual([])
  expect(up.lives).toHaveLength(lives)
})

test('G32: names of sessions are random, 256 bits of it', async () => {
  const { Conversation } = await import('../../src/proxy/downstream/http/conversation.ts')
  const front = { goDown: () => undefined } as never
  const ones = Array.from({ length: 256 }, () => 0)
  const names = new Set<string>()
  const count = 20_000
  for (let n = 0; n < count; n += 1) {
    const { id } = new Conversation({ open: () => front, onUnopened: () => undefined, now: 0 })
    names.add(id)
    const bytes = Buffer.from(id, 'base64url')
    expect(bytes).toHaveLength(32)
    for (let bit = 0; bit < 256; bit += 1)
      if (((bytes[bit >> 3] ?? 0) >> (bit & 7)) & 1) ones[bit] = (ones[bit] ?? 0) + 1
  }
  expect(names.size).toBe(count)
  // Seven standard deviations: a fair coin is out of that once in 10^11 or so, and a counter at once.
  const off = Math.max(...ones.map((n) => Math.abs(n - count / 2)))
  expect(off).toBeLessThan(7 * Math.sqrt(count / 4))
})

test('G33: what an agent presents to the guard reaches no upstream, no record and no log', async () => {
  const { up } = holding('legacy')
  const guard = await start(MANDATE, { a: up }, { keys: { [ONE]: MANDATE } })
  const client = await guard.open({ key: ONE })
  await client.ask('tools/call', { name: 'open', _meta: { authorization: `Bearer ${ONE}` } })
  await guard.ask('tools/call', { name: 'open', arguments: {} }, { key: ONE })
  await guard.send({ body: '{}', headers: { authorization: `Bearer ${'w'.repeat(40)}` } })
  expect(up.calls('tools/call')).toHaveLength(2)
  const seen = JSON.stringify(up.lives.map(({ received }) => received))
  for (const text of [seen, guard.log.lines.join(), guard.complaints.join()]) {
    expect(text).not.toContain(ONE)
    expect(text).not.toContain('w'.repeat(40))
    expect(text.toLowerCase()).not.toContain('bearer ')
  }
})

test('G44: clients that send or read slowly are cut off, and hold up nobody', async () => {
  const { up, held } = holding('legacy')
  const limits = { headMs: 300, requestMs: 600, stallMs: 300, maxAnswerBytes: 16 * 1024 * 1024 }
  const guard = await start(MANDATE, { a: up }, limits)
  const client = await guard.open()
  const slowly = (first: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect(guard.port, '127.0.0.1')
      sockets.push(socket)
      let text = ''
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1')
      })
      socket.on('error', () => resolve(text))
      socket.on('close', () => resolve(text))
      socket.write(first)
    })
  const head =
    'POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\naccept: */*\r\n'
  const heads = Array.from({ length: 500 }, () => slowly('POST /mcp HTTP/1.1\r\nhost: lo'))
  const bodies = Array.from({ length: 20 }, () =>
    slowly(`${head}content-length: 100\r\n\r\n{"jsonrpc":"2.0"`),
  )
  // One that asks for much and never reads it, and one that wants a stream and never reads that.
  const large = 'x'.repeat(14 * 1024 * 1024)
  const call = JSON.stringify(slow(1))
  const greedy = connect(guard.port, '127.0.0.1')
  sockets.push(greedy)
  greedy.pause()
  greedy.write(
    `${head}mcp-session-id: ${client.id}\r\ncontent-length: ${call.length}\r\n\r\n${call}`,
  )
  await until(() => held.length === 1)
  for (const one of held) finish(one, large)
  const deaf = connect(guard.port, '127.0.0.1')
  sockets.push(deaf)
  deaf.pause()
  deaf.write(
    `GET /mcp HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\nmcp-session-id: ${client.id}\r\n\r\n`,
  )
  const other = await guard.open()
  expect((await other.ask('tools/call', { name: 'open' })).result?.['isError']).toBeUndefined()
  for (const answer of await Promise.all([...heads, ...bodies])) {
    expect(answer).toMatch(/^(?:HTTP\/1\.1 408 |$)/)
  }
  expect((await other.ask('tools/call', { name: 'open' })).result?.['isError']).toBeUndefined()
  await until(() =>
    guard.log.entries.some(({ facts }) => JSON.stringify(facts ?? {}).includes('nobody took')),
  )
  // Who reads again by now gets what was in the wires, and no more.
  let length = 0
  const cut = new Promise<void>((resolve) => {
    greedy.on('data', (chunk: Buffer) => (length += chunk.length))
    greedy.on('error', () => undefined)
    greedy.on('close', () => resolve())
  })
  greedy.resume()
  await cut
  expect(length).toBeLessThan(large.length)
  expect(up.calls('tools/call')).toHaveLength(3)
})

test('G49: what another mandate permits, what is hidden and what does not exist are told alike', async () => {
  const { up } = holding('modern')
  const guard = await start(MANDATE, { a: up }, { keys: { [ONE]: MANDATE, [TWO]: OTHER } })
  const shown = async (name: string, key: string): Promise<string> => {
    const response = await guard.begin('tools/call', { name, arguments: {} }, { key, id: 'q' })
    await response.ended
    return `${response.status} ${response.text().replaceAll(name, '<name>')}`
  }
  const absent = await shown('nowhere', ONE)
  expect(await shown('hidden', ONE)).toBe(absent)
  expect(await shown('other', ONE)).toBe(absent)
  expect(await shown('open', TWO)).toBe(absent)
  expect(up.calls('tools/call')).toEqual([])
})
