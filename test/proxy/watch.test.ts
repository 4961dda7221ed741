/** Subscriptions and logging between ends of every pair of eras: each upstream is told once, and only who asked hears. */
import { afterEach, describe, expect, test } from 'vitest'
import type { JsonObject } from '../../src/model/json.ts'
import { liveMandate } from '../../src/policy/live.ts'
import { memoryGuard, modern, type MemoryGuard, type Message } from '../fakes/guard.ts'
import { mandateOf } from '../fakes/line.ts'
import {
  type FakeLife,
  type FakeUpstream,
  legacyUpstream,
  modernUpstream,
  type Received,
} from '../fakes/upstream.ts'
import { policies } from '../policy/written.ts'

const MANDATE = `
mandate: t
agent: bot
purpose: Test the guard
valid: { until: 2026-12-01T00:00:00Z }
tools: { a/slow: { effect: read } }
resources: { "a/notes://public/**": { effect: read } }
`
const SLOW = { name: 'slow', inputSchema: { type: 'object' } }
const URI = 'notes://public/a'
const HIDDEN = 'notes://private/a'
const UPDATED = 'notifications/resources/updated'
const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId'

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

async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await new Promise((resolve) => setImmediate(resolve))
}

/** A legacy upstream that takes subscriptions. */
function subscribing(): FakeUpstream {
  return legacyUpstream([SLOW], ({ id, method }, life) => {
    if (method !== 'resources/subscribe' && method !== 'resources/unsubscribe') return false
    life.say({ jsonrpc: '2.0', id, result: {} })
    return true
  })
}
const update = (uri: string, meta?: object) => ({
  jsonrpc: '2.0',
  method: UPDATED,
  params: { uri, ...(meta ? { _meta: meta } : {}) },
})
const updates = (guard: MemoryGuard): readonly Message[] =>
  guard.heard.filter(({ method }) => method === UPDATED)

function subscriptionOf(params: JsonObject | undefined): unknown {
  const meta = params?.['_meta'] as JsonObject | undefined
  return meta?.[SUBSCRIPTION]
}

function listen(guard: MemoryGuard, id: string, uris: readonly string[]): Promise<Message> {
  guard.send({
    jsonrpc: '2.0',
    id,
    method: 'subscriptions/listen',
    params: { _meta: modern(), notifications: { resourceSubscriptions: uris } },
  })
  return guard.hears(
    ({ method, params }) =>
      method === 'notifications/subscriptions/acknowledged' && subscriptionOf(params) === id,
  )
}

describe('a modern agent in front of a legacy upstream', () => {
  test('listens for what the mandate grants; the upstream is told of that and of nothing else', async () => {
    const a = subscribing()
    const guard = start(MANDATE, { a })
    const told = await listen(guard, 'l1', [URI, HIDDEN, URI])
    expect(told.params?.['notifications']).toEqual({ resourceSubscriptions: [URI] })
    expect(a.calls('resources/subscribe').map(({ params }) => params)).toEqual([{ uri: URI }])
    a.lives[0]?.say(update(HIDDEN))
    a.lives[0]?.say(update(URI))
    const heard = await guard.hears(({ method }) => method === UPDATED)
    expect(heard.params).toEqual({ uri: URI, _meta: { [SUBSCRIPTION]: 'l1' } })
    expect(updates(guard)).toHaveLength(1)
    const refused = guard.log.entries.filter(({ type }) => type === 'refusal')
    expect(refused).toMatchObject([{ request: { method: 'resources/subscribe', name: HIDDEN } }])
  })

  test('each subscription hears under its own id, and none that was taken back', async () => {
    const a = subscribing()
    const guard = start(MANDATE, { a })
    await listen(guard, 'l1', [URI])
    await listen(guard, 'l2', [URI])
    a.lives[0]?.say(update(URI))
    await until(() => updates(guard).length === 2)
    guard.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'l1' } })
    a.lives[0]?.say(update(URI))
    await until(() => updates(guard).length === 3)
    const ids = updates(guard).map(({ params }) => subscriptionOf(params))
    expect(ids).toEqual(['l1', 'l2', 'l2'])
    expect(a.calls('resources/unsubscribe')).toEqual([])
    guard.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'l2' } })
    await until(() => a.calls('resources/unsubscribe').length === 1)
  })

  test('an upstream that is started again is told again', async () => {
    const a = subscribing()
    const guard = start(MANDATE, { a })
    await listen(guard, 'l1', [URI])
    a.lives[0]?.die(1)
    await guard.ask('tools/call', { name: 'slow', _meta: modern() })
    await until(() => a.calls('resources/subscribe').length === 2)
    a.lives[1]?.say(update(URI))
    const heard = await guard.hears(({ method }) => method === UPDATED)
    expect(subscriptionOf(heard.params)).toBe('l1')
  })

  test('hears log messages of its call at the level that it asked for, and no others', async () => {
    const message = (level: string) => ({
      jsonrpc: '2.0',
      method: 'notifications/message',
      params: { level, data: 'x' },
    })
    const a = legacyUpstream([SLOW], ({ id, method }, life) => {
      if (method !== 'tools/call') return false
      for (const level of ['debug', 'warning', 'error']) life.say(message(level))
      life.say({ jsonrpc: '2.0', id, result: { content: [] } })
      return true
    })
    const guard = start(MANDATE, { a })
    const call = (level?: string) =>
      guard.ask('tools/call', {
        name: 'slow',
        _meta: { ...modern(), ...(level ? { 'io.modelcontextprotocol/logLevel': level } : {}) },
      })
    await call()
    const heard = () =>
      guard.heard
        .filter(({ method }) => method === 'notifications/message')
        .map(({ params }) => params?.['level'])
    expect(heard()).toEqual([])
    await call('warning')
    expect(heard()).toEqual(['warning', 'error'])
    await call('error')
    expect(heard()).toEqual(['warning', 'error', 'error'])
    // Told once, and again only for what it did not say before.
    expect(a.calls('logging/setLevel').map(({ params }) => params)).toEqual([{ level: 'warning' }])
  })
})

describe('a legacy agent in front of a modern upstream', () => {
  test('subscribes, hears, and unsubscribes; the upstream is listened to anew each time', async () => {
    const a = modernUpstream([SLOW])
    const guard = start(MANDATE, { a })
    await guard.open()
    expect((await guard.ask('resources/subscribe', { uri: URI })).result).toEqual({})
    const listens = a.calls('subscriptions/listen')
    const wanted = listens.map(({ params }) => params?.['notifications'])
    expect(wanted.at(-1)).toMatchObject({ toolsListChanged: true, resourceSubscriptions: [URI] })
    expect(a.calls('notifications/cancelled').map(({ params }) => params?.['requestId'])).toEqual([
      listens.at(-2)?.id,
    ])
    const echo = { [SUBSCRIPTION]: listens.at(-2)?.id }
    a.lives[0]?.say(update(URI, echo))
    a.lives[0]?.say(update(URI, { [SUBSCRIPTION]: listens.at(-1)?.id }))
    const heard = await guard.hears(({ method }) => method === UPDATED)
    expect(heard.params).toEqual({ uri: URI })
    expect((await guard.ask('resources/unsubscribe', { uri: URI })).result).toEqual({})
    const last = a.calls('subscriptions/listen').at(-1)?.params?.['notifications']
    expect(last).not.toHaveProperty('resourceSubscriptions')
    expect(updates(guard)).toHaveLength(1)
  })

  test('is told so where the upstream does not say what it honours', async () => {
    const a = modernUpstream([SLOW], ({ method }) => method === 'subscriptions/listen')
    const guard = start(MANDATE, { a })
    await guard.open()
    const asked = guard.ask('resources/subscribe', { uri: URI })
    await until(() => a.calls('subscriptions/listen').length === 2)
    guard.clock.advance(5000)
    expect((await asked).error?.code).toBe(-32_602)
  })

  test('is told where a resource cannot be watched', async () => {
    const a = modernUpstream([SLOW], ({ id, method }, life) => {
      if (method !== 'subscriptions/listen') return false
      const params = { _meta: { [SUBSCRIPTION]: id }, notifications: { toolsListChanged: true } }
      life.say({ jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params })
      return true
    })
    const guard = start(MANDATE, { a })
    await guard.open()
    const answer = await guard.ask('resources/subscribe', { uri: URI })
    expect(answer.error?.code).toBe(-32_602)
  })

  test('its level goes with every request from then on', async () => {
    const a = modernUpstream([SLOW])
    const guard = start(MANDATE, { a })
    await guard.open()
    await guard.ask('logging/setLevel', { level: 'error' })
    await guard.ask('tools/call', { name: 'slow' })
    expect(a.calls('tools/call')[0]?.params?.['_meta']).toMatchObject({
      'io.modelcontextprotocol/logLevel': 'error',
    })
    expect(a.calls('logging/setLevel')).toEqual([])
  })

  test('a subscription upstream that breaks off is opened again', async () => {
    const a = modernUpstream([SLOW])
    const guard = start(MANDATE, { a })
    await guard.open()
    await until(() => a.calls('subscriptions/listen').length === 1)
    const [first] = a.calls('subscriptions/listen')
    a.lives[0]?.say({ jsonrpc: '2.0', id: first?.id, result: { resultType: 'complete' } })
    await guard.ask('tools/call', { name: 'slow' })
    expect(a.calls('subscriptions/listen')).toHaveLength(1)
    guard.clock.advance(1000)
    expect(a.calls('subscriptions/listen')).toHaveLength(2)
  })
})

describe('a level', () => {
  test('is answered once the upstream has taken it, and not later than it has patience', async () => {
    const asked: Received[] = []
    const a = legacyUpstream([SLOW], (message) => {
      if (message.method !== 'logging/setLevel') return false
      asked.push(message)
      return true
    })
    const guard = start(MANDATE, { a })
    await guard.open()
    let answered = 0
    const set = () => guard.ask('logging/setLevel', { level: 'error' }).then(() => (answered += 1))
    const first = set()
    await until(() => asked.length === 1)
    await guard.ask('ping')
    expect(answered).toBe(0)
    a.lives[0]?.say({ jsonrpc: '2.0', id: asked[0]?.id, result: {} })
    await first
    const second = set()
    await until(() => asked.length === 2)
    guard.clock.advance(2000)
    await second
    expect(answered).toBe(2)
  })
})

describe('an acknowledgement to a modern agent', () => {
  const wanted = { toolsListChanged: true }
  const listenFor = (guard: MemoryGuard) =>
    guard.send({
      jsonrpc: '2.0',
      id: 'l',
      method: 'subscriptions/listen',
      params: { _meta: modern(), notifications: wanted },
    })
  const acknowledged = ({ method }: Message) =>
    method === 'notifications/subscriptions/acknowledged'

  test('comes after that of the upstream: from then on nothing is missed', async () => {
    const tools: object[] = [SLOW]
    const held: { readonly message: Received; readonly life: FakeLife }[] = []
    const a = modernUpstream(
      () => tools,
      (message, life) => {
        if (message.method !== 'subscriptions/listen') return false
        held.push({ message, life })
        return true
      },
    )
    const guard = start(MANDATE, { a })
    listenFor(guard)
    await until(() => held.length === 1)
    await guard.ask('tools/list', { _meta: modern() })
    expect(guard.heard.some(acknowledged)).toBe(false)
    const [one] = held
    const said = {
      _meta: { [SUBSCRIPTION]: one?.message.id },
      notifications: one?.message.params?.['notifications'],
    }
    one?.life.say({
      jsonrpc: '2.0',
      method: 'notifications/subscriptions/acknowledged',
      params: said,
    })
    await guard.hears(acknowledged)
    // Nobody has listed before this agent listened, and its first change is one.
    tools.pop()
    one?.life.say({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })
    await guard.hears(({ method }) => method === 'notifications/tools/list_changed')
  })

  test('knows what is listed before the first change, though nobody has listed', async () => {
    const tools: object[] = [SLOW]
    const a = legacyUpstream(() => tools)
    const guard = start(MANDATE, { a })
    listenFor(guard)
    await guard.hears(acknowledged)
    tools.pop()
    a.lives[0]?.say({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })
    const told = await guard.hears(({ method }) => method === 'notifications/tools/list_changed')
    expect(subscriptionOf(told.params)).toBe('l')
  })
})

describe('a subscription that would be refused by now', () => {
  const NOTHING = policies('policy: nothing')
  const FORBIDDEN = policies(
    'policy: p\nrules:\n  - { id: r, effect: forbid, resources: ["a/notes://public/a"] }',
  )
  const OTHER = 'notes://public/b'

  test('hears nothing of what policies forbid, until they do not', async () => {
    const a = subscribing()
    const live = liveMandate(mandateOf(MANDATE), NOTHING, 'dev')
    const guard = start(live, { a })
    await guard.open()
    await guard.ask('resources/subscribe', { uri: URI })
    await guard.ask('resources/subscribe', { uri: OTHER })
    live.swap(FORBIDDEN)
    a.lives[0]?.say(update(URI))
    a.lives[0]?.say(update(OTHER))
    await guard.ask('ping')
    expect(updates(guard).map(({ params }) => params)).toEqual([{ uri: OTHER }])
    live.swap(NOTHING)
    a.lives[0]?.say(update(URI))
    await guard.ask('ping')
    expect(updates(guard).at(-1)?.params).toEqual({ uri: URI })
  })

  test('hears nothing once the mandate has ended', async () => {
    const a = subscribing()
    const guard = start(MANDATE, { a })
    await listen(guard, 'l1', [URI])
    guard.clock.setWall('2026-12-01T00:00:00Z')
    a.lives[0]?.say(update(URI))
    await guard.ask('ping', { _meta: modern() })
    expect(updates(guard)).toEqual([])
  })
})

test('what one upstream says by itself is passed on within limits, and what is dropped is on record', async () => {
  const a = subscribing()
  const guard = start(MANDATE, { a })
  await guard.open()
  await guard.ask('resources/subscribe', { uri: URI })
  const message = {
    jsonrpc: '2.0',
    method: 'notifications/message',
    params: { level: 'info', data: 1 },
  }
  for (let n = 0; n < 5000; n += 1) {
    a.lives[0]?.say(message)
    a.lives[0]?.say(update(URI))
  }
  await guard.ask('ping')
  const heard = (method: string): number =>
    guard.heard.filter((one) => one.method === method).length
  expect([heard('notifications/message'), heard(UPDATED)]).toEqual([1000, 1000])
  guard.clock.advance(10_000)
  a.lives[0]?.say(message)
  await guard.ask('ping')
  expect(heard('notifications/message')).toBe(1001)
  const dropped = guard.log.entries.filter(({ event }) => event === 'notifications_dropped')
  expect(dropped.map(({ facts }) => facts)).toMatchObject([
    { kind: 'notifications/message', dropped: 1 },
    { kind: UPDATED, dropped: 1 },
    { kind: 'notifications/message', dropped: 4000 },
  ])
})
