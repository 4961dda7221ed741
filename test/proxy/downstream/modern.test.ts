/** Clients of the modern era over HTTP: every request stands alone, its headers agree with it, and its response is all it has. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { JsonObject } from '../../../src/model/json.ts'
import { modern } from '../../fakes/guard.ts'
import { httpGuard, type TestHttpGuard } from '../../fakes/http-guard.ts'
import {
  type FakeLife,
  type FakeUpstream,
  modernUpstream,
  type Received,
} from '../../fakes/upstream.ts'

const MANDATE = `
mandate: t
agent: bot
purpose: Test the guard
valid: { until: 2026-12-01T00:00:00Z }
tools: { a/slow: {}, a/region: {}, a/open: {} }
resources: { "a/notes://public/**": { effect: read } }
`
const TOOLS = [
  { name: 'slow', inputSchema: { type: 'object' } },
  { name: 'open', inputSchema: { type: 'object' } },
  {
    name: 'region',
    inputSchema: {
      type: 'object',
      properties: { region: { type: 'string', 'x-mcp-header': 'Region' } },
    },
  },
]

let up: FakeUpstream
let held: { readonly message: Received; readonly life: FakeLife }[]
let guard: TestHttpGuard
beforeEach(async () => {
  held = []
  up = modernUpstream(TOOLS, (message, life) => {
    const slow = message.method === 'tools/call' && message.params?.['name'] === 'slow'
    if (slow) held.push({ message, life })
    return slow
  })
  guard = await httpGuard(MANDATE, { a: up })
})
afterEach(() => guard.stop())

async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await new Promise((resolve) => setImmediate(resolve))
}

function finish({ message, life }: { message: Received; life: FakeLife }, text: string): void {
  life.say({
    jsonrpc: '2.0',
    id: message.id,
    result: { resultType: 'complete', content: [{ type: 'text', text }] },
  })
}

const calls = (): number => up.calls('tools/call').length
const open: JsonObject = { name: 'open', arguments: {} }

test('an answer that is all there is to say is JSON, of its own length', async () => {
  const response = await guard.begin('tools/call', open)
  await response.ended
  expect(response.headers['content-type']).toBe('application/json')
  expect(Number(response.headers['content-length'])).toBe(response.text().length)
  expect(response.headers['mcp-session-id']).toBeUndefined()
  expect(response.messages[0]?.result?.['resultType']).toBe('complete')
})

test.each([
  ['its version', { 'mcp-protocol-version': undefined }],
  ['another version', { 'mcp-protocol-version': '2025-11-25' }],
  ['its method', { 'mcp-method': undefined }],
  ['another method', { 'mcp-method': 'tools/list' }],
  ['its method in another case', { 'mcp-method': 'Tools/Call' }],
  ['its name', { 'mcp-name': undefined }],
  ['another name', { 'mcp-name': 'hidden' }],
  ['its name twice', { 'mcp-name': ['open', 'open'] }],
  ['a name that is no base64', { 'mcp-name': '=?base64?b3Blbg?=' }],
])(
  'headers without or with %s do not agree with the body: refused, and on record',
  async (_what, headers) => {
    const given = Object.fromEntries(
      Object.entries({
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'tools/call',
        'mcp-name': 'open',
        ...headers,
      }).filter(([, value]) => value !== undefined),
    )
    const body = {
      jsonrpc: '2.0',
      id: 7,
      method: 'tools/call',
      params: { ...open, _meta: modern() },
    }
    const response = await guard.send({ body, headers: given })
    await response.ended
    expect(response.status).toBe(400)
    expect(response.messages[0]?.error?.code).toBe(-32_020)
    expect(response.messages[0]?.id).toBe(7)
    expect(calls()).toBe(0)
    expect(guard.log.entries.at(-1)).toMatchObject({ type: 'refusal', reason: 'header_mismatch' })
  },
)

test('names of headers come in any case, and blanks around values say nothing', async () => {
  const answer = await guard.ask('tools/call', open, {
    headers: { 'MCP-Method': 'tools/call', 'mcp-name': '  open ' },
  })
  expect(answer.error).toBeUndefined()
  expect(calls()).toBe(1)
  const encoded = await guard.ask('tools/call', open, {
    headers: { 'mcp-name': `=?base64?${Buffer.from('open').toString('base64')}?=` },
  })
  expect(encoded.error).toBeUndefined()
})

describe('arguments that stand in headers, too', () => {
  test.each([
    ['eu', 'eu', true],
    ['eu', '=?base64?ZXU=?=', true],
    ['=?base64?ZXU=', '=?base64?ZXU=', true],
    ['eu', undefined, false],
    ['eu', 'us', false],
    ['eu', '=?base64?ZXU?=', false],
    ['eu', '=?base64?Z!U=?=', false],
  ])('an argument %s with the header %s', async (region, header, good) => {
    const answer = await guard.ask(
      'tools/call',
      { name: 'region', arguments: { region } },
      { headers: header === undefined ? {} : { 'mcp-param-region': header } },
    )
    expect(answer.error?.code).toBe(good ? undefined : -32_020)
    expect(calls()).toBe(good ? 1 : 0)
  })
})

test.each([
  ['server/discover', {}, undefined],
  ['tools/list', {}, 'io.modelcontextprotocol/protocolVersion'],
  ['tools/list', {}, 'io.modelcontextprotocol/clientCapabilities'],
])('%s without whole metadata is a bad request', async (method, params, missing) => {
  const meta = Object.fromEntries(
    Object.entries(modern()).filter(([name]) => missing !== undefined && name !== missing),
  )
  const response = await guard.send({
    body: {
      jsonrpc: '2.0',
      id: 101,
      method,
      params: missing === undefined ? params : { ...params, _meta: meta },
    },
    headers: { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method },
  })
  await response.ended
  expect(response.status).toBe(400)
  expect(response.messages[0]).toMatchObject({ id: 101, error: { code: -32_602 } })
})

test('a version that is not spoken is refused by name, once its headers agree', async () => {
  const send = async (header: string, meta: string) => {
    const response = await guard.begin(
      'tools/list',
      {},
      {
        headers: { 'mcp-protocol-version': header },
        meta: { 'io.modelcontextprotocol/protocolVersion': meta },
      },
    )
    await response.ended
    return [response.status, response.messages[0]?.error]
  }
  expect(await send('v999.0.0', 'v999.0.0')).toMatchObject([
    400,
    { code: -32_022, data: { supported: ['2026-07-28'], requested: 'v999.0.0' } },
  ])
  expect(await send('2026-07-28', 'v999.0.0')).toMatchObject([400, { code: -32_020 }])
})

test.each([
  'initialize',
  'ping',
  'logging/setLevel',
  'resources/subscribe',
  'tasks/get',
  'no/such',
])('there is no method %s in this era, and no session comes of it', async (method) => {
  const response = await guard.begin(method)
  await response.ended
  expect(response.status).toBe(404)
  expect(response.messages[0]?.error?.code).toBe(-32_601)
  expect(response.headers['mcp-session-id']).toBeUndefined()
})

test('what is wrong with a message is told as an error of HTTP, too', async () => {
  for (const body of ['{', '[]', '{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', '"x"', '']) {
    const response = await guard.send({ body })
    await response.ended
    expect(response.status).toBe(400)
    expect(response.messages[0]?.error?.code).toBeOneOf([-32_700, -32_600])
  }
  expect(calls()).toBe(0)
})

test('a body over the limit is cut off', async () => {
  const big = await guard.send({ body: `"${'x'.repeat(9 * 1024 * 1024)}"` }).catch(() => undefined)
  expect(big?.status ?? 413).toBe(413)
  const sent = `POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\naccept: */*\r\ntransfer-encoding: chunked\r\n\r\n`
  const chunk = `${(1024 * 1024).toString(16)}\r\n${'x'.repeat(1024 * 1024)}\r\n`
  const answer = await guard.raw(sent + chunk.repeat(12))
  expect(answer === '' || answer.startsWith('HTTP/1.1 413 ')).toBe(true)
  expect(calls()).toBe(0)
})

describe('a response that says more than the answer', () => {
  test('is a stream: progress under the token that was given, then the answer, then its end', async () => {
    const response = guard.begin('tools/call', { name: 'slow' }, { meta: { progressToken: 'p' } })
    await until(() => held.length === 1)
    const [one] = held
    if (!one) throw new Error('nothing came')
    const meta = one.message.params?.['_meta'] as JsonObject
    const progress = (n: number) => ({
      jsonrpc: '2.0',
      method: 'notifications/progress',
      params: { progressToken: meta['progressToken'], progress: n },
    })
    one.life.say(progress(1))
    one.life.say(progress(2))
    const stream = await response
    expect(stream.headers['content-type']).toBe('text/event-stream')
    await stream.hears(({ params }) => params?.['progress'] === 2)
    finish(one, 'done')
    expect(await stream.ended).toBe('whole')
    expect(stream.messages.map(({ method }) => method)).toEqual([
      'notifications/progress',
      'notifications/progress',
      undefined,
    ])
    expect(stream.messages[0]?.params?.['progressToken']).toBe('p')
    // A stream of this era is never taken up again: its events have no ids.
    expect(stream.ids()).toEqual([])
    expect(stream.text()).not.toContain('retry')
  })

  test('is kept open by beats while the call takes its time', async () => {
    const response = guard.begin('tools/call', { name: 'slow' })
    await until(() => held.length === 1)
    guard.clock.advance(15_000)
    const stream = await response
    await until(() => stream.text().includes(':\n\n'))
    held.forEach((one) => finish(one, 'done'))
    await stream.ended
    expect(stream.messages).toHaveLength(1)
  })
})

test('who closes the response takes the request back, and no other with it', async () => {
  const first = guard.begin('tools/call', { name: 'slow' }, { id: 1, meta: { progressToken: 1 } })
  await until(() => held.length === 1)
  const second = guard.begin('tools/call', { name: 'slow' }, { id: 1, meta: { progressToken: 1 } })
  await until(() => held.length === 2)
  const [one, other] = held
  if (!one || !other) throw new Error('nothing came')
  const meta = one.message.params?.['_meta'] as JsonObject
  one.life.say({
    jsonrpc: '2.0',
    method: 'notifications/progress',
    params: { progressToken: meta['progressToken'], progress: 1 },
  })
  const stream = await first
  stream.close()
  await until(() => up.calls('notifications/cancelled').length > 0)
  expect(up.calls('notifications/cancelled').map(({ params }) => params?.['requestId'])).toEqual([
    one.message.id,
  ])
  finish(other, 'the other')
  const answered = await second
  await answered.ended
  expect(answered.messages.at(-1)?.result?.['content']).toEqual([
    { type: 'text', text: 'the other' },
  ])
  await until(() => guard.log.entries.filter(({ type }) => type === 'outcome').length === 2)
})

test('a response that is closed before anything was said takes the request back as well', async () => {
  const response = guard.begin('tools/call', { name: 'slow' })
  await until(() => held.length === 1)
  guard.clock.advance(15_000)
  ;(await response).close()
  await until(() => up.calls('notifications/cancelled').length > 0)
  expect(up.calls('notifications/cancelled')).toHaveLength(1)
})

test('1,000 requests with the same id and token, answered in any order, each get their own', async () => {
  const rounds = 50
  const width = 20
  let seed = 7
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return seed % below
  }
  for (let round = 0; round < rounds; round += 1) {
    held = []
    const asked = Array.from({ length: width }, (_, n) =>
      guard.begin(
        'tools/call',
        { name: 'slow', arguments: { n: round * width + n } },
        { id: 1, meta: { progressToken: 1 } },
      ),
    )
    await until(() => held.length === width)
    const order = held.toSorted(() => random(3) - 1)
    for (const one of order) {
      const args = one.message.params?.['arguments'] as { readonly n: number } | undefined
      const n = args?.n ?? -1
      const meta = one.message.params?.['_meta'] as JsonObject
      one.life.say({
        jsonrpc: '2.0',
        method: 'notifications/progress',
        params: { progressToken: meta['progressToken'], progress: n, message: String(n) },
      })
      finish(one, String(n))
    }
    const streams = await Promise.all(asked)
    await Promise.all(streams.map(({ ended }) => ended))
    for (const [n, { messages }] of streams.entries()) {
      const own = String(round * width + n)
      expect(
        messages.map(({ params, result }) => params?.['message'] ?? result?.['content']),
      ).toEqual([own, [{ type: 'text', text: own }]])
    }
  }
  expect(calls()).toBe(rounds * width)
})

describe('subscriptions', () => {
  const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId'
  const listen = (kinds: object, id: string | number = 'l') =>
    guard.begin('subscriptions/listen', { notifications: kinds as JsonObject }, { id })

  test('are acknowledged first, hear only of what they asked for, and end with the guard', async () => {
    await guard.ask('tools/list')
    const stream = await listen({ toolsListChanged: true, promptsListChanged: true })
    const first = await stream.hears(() => true)
    expect(first.method).toBe('notifications/subscriptions/acknowledged')
    expect(first.params?.['_meta']).toEqual({ [SUBSCRIPTION]: 'l' })
    const stopping = guard.stop()
    expect(await stream.ended).toBe('whole')
    await stopping
    expect(stream.messages.at(-1)).toMatchObject({ id: 'l', result: { resultType: 'complete' } })
  })

  test('of two clients with the same id do not meet, and one that ends leaves the other', async () => {
    const tools: object[] = [...TOOLS]
    up = modernUpstream(() => tools)
    const other = await httpGuard(MANDATE, { a: up })
    const ask = (kinds: JsonObject) =>
      other.begin('subscriptions/listen', { notifications: kinds }, { id: 'same' })
    await other.ask('tools/list')
    const [one, two] = await Promise.all([ask({ toolsListChanged: true }), ask({})])
    const third = await ask({ toolsListChanged: true })
    await Promise.all([one, two, third].map((stream) => stream.hears(() => true)))
    third.close()
    await third.ended
    tools.splice(1, 1)
    up.lives[0]?.say({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })
    const told = await one.hears(({ method }) => method === 'notifications/tools/list_changed')
    expect(told.params?.['_meta']).toEqual({ [SUBSCRIPTION]: 'same' })
    expect(two.messages).toHaveLength(1)
    expect(third.messages).toHaveLength(1)
    await other.stop()
  })
})

test('a notification has no answer, and cancels nothing of another connection', async () => {
  const response = guard.begin('tools/call', { name: 'slow' }, { id: 5 })
  await until(() => held.length === 1)
  const cancelled = await guard.send({
    body: {
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: 5, _meta: modern() },
    },
    headers: { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'notifications/cancelled' },
  })
  await cancelled.ended
  expect([cancelled.status, cancelled.text()]).toEqual([202, ''])
  held.forEach((one) => finish(one, 'whole'))
  const stream = await response
  await stream.ended
  expect(stream.messages.at(-1)?.result?.['content']).toEqual([{ type: 'text', text: 'whole' }])
  expect(up.calls('notifications/cancelled')).toEqual([])
})

test('on a stop what is under way is done, and what is new is turned away', async () => {
  const response = guard.begin('tools/call', { name: 'slow' })
  await until(() => held.length === 1)
  let stopped = false
  const stopping = guard.guard.stop('enough').then(() => {
    stopped = true
  })
  await new Promise((resolve) => setImmediate(resolve))
  expect(stopped).toBe(false)
  await expect(guard.send({ method: 'GET', path: '/healthz' })).rejects.toThrow(/ECONNREFUSED/)
  held.forEach((one) => finish(one, 'to the end'))
  const stream = await response
  await stream.ended
  expect(stream.messages.at(-1)?.result?.['content']).toEqual([
    { type: 'text', text: 'to the end' },
  ])
  await stopping
  expect(guard.log.entries.at(-1)).toMatchObject({ event: 'guard_stopped' })
})

test('on a stop a call that does not end is called off, and its outcome is on record', async () => {
  const response = guard.begin('tools/call', { name: 'slow' })
  await until(() => held.length === 1)
  await guard.stop()
  const stream = await response
  await stream.ended
  expect(stream.text()).toContain('outcome unknown')
  expect(up.calls('notifications/cancelled')).toHaveLength(1)
  expect(
    guard.log.entries.filter(({ type }) => type === 'intent' || type === 'outcome'),
  ).toHaveLength(2)
})
