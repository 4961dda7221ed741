/** What is taken back while a guard runs: calls under way, questions, subscriptions, lists and upstreams, in memory. */
import { describe, expect, test } from 'vitest'
import { instant } from '../../src/model/id.ts'
import type { Restriction, Target } from '../../src/model/state.ts'
import { memoryStore } from '../../src/state/memory.ts'
import { fakeClock } from '../fakes/clock.ts'
import { type MemoryGuard, type Message, memoryGuard, modern } from '../fakes/guard.ts'
import { fakeStore } from '../fakes/state-store.ts'
import { type FakeUpstream, legacyUpstream, modernUpstream } from '../fakes/upstream.ts'

const MANDATE = `
mandate: m
agent: bot
purpose: test
valid: { until: 2026-12-31T00:00:00Z }
tools:
  a/slow: {}
  a/quick: {}
  b/other: {}
resources: { "a/file:///**": {} }
requests: { a: [elicitation] }
`
const TOOL = (name: string) => ({ name, inputSchema: { type: 'object' } })
const TOOLS = [TOOL('slow'), TOOL('quick')]

const NAMED: Readonly<Record<string, Target>> = {
  mandate: { kind: 'mandate', name: 'm' },
  agent: { kind: 'agent', name: 'bot' },
  everything: { kind: 'everything' },
  upstream: { kind: 'upstream', name: 'a' },
  tool: { kind: 'tool', server: 'a', name: 'slow' },
}

const STEP_MS = 10
const nextTurn = (): Promise<void> => new Promise((next) => void setImmediate(next))

interface Scene extends MemoryGuard {
  readonly a: FakeUpstream
  readonly b: FakeUpstream
  readonly take: (target: Target, kind?: Restriction['kind'], forMs?: number) => Restriction
  readonly lift: (target: Target) => void
  readonly seen: () => readonly [number, number | undefined]
  /** Lets so much time pass by the guard's clock, and waits until everything that follows has. */
  readonly pass: (ms: number) => Promise<void>
}

/** `slow` is never answered by itself. */
function scene(kind: 'legacy' | 'modern' = 'legacy'): Scene {
  const make = kind === 'legacy' ? legacyUpstream : modernUpstream
  const a = make(TOOLS, ({ method, params, id }, life) => {
    if (method === 'resources/subscribe') {
      life.say({ jsonrpc: '2.0', id, result: {} })
      return true
    }
    return method === 'tools/call' && params?.['name'] === 'slow'
  })
  const b = make([TOOL('other')])
  const clock = fakeClock('2026-11-24T10:00:00Z')
  const store = memoryStore({ clock, isRunning: () => true })
  const guard = memoryGuard(MANDATE, { a, b }, { clock, timers: clock, store })
  const at = () => clock.now()
  return Object.assign(guard, {
    a,
    b,
    clock,
    take: (target: Target, kind: Restriction['kind'] = 'revoked', forMs?: number) =>
      store.restrict({
        target,
        kind,
        at: at(),
        why: 'w',
        by: 'operator lee',
        ...(forMs !== undefined && { until: instant(at() + forMs) }),
      }),
    lift: (target: Target) =>
      void store.lift(target, { at: at(), why: 'again', by: 'operator kim', revoked: true }),
    seen: () => {
      const [one] = store.instances()
      return [one?.seen ?? -1, one?.seenAt] as const
    },
    pass: async (ms: number) => {
      for (let left = ms; ; left -= STEP_MS) {
        clock.advance(Math.min(left, STEP_MS))
        for (let turn = 0; turn < 8; turn += 1) await nextTurn()
        if (left <= STEP_MS) return
      }
    },
  })
}

const reason = (message: Message | undefined): unknown =>
  (message?.result?.['_meta'] as Record<string, unknown> | undefined)?.['dev.chaperone/reason']
const textOf = (message: Message): string =>
  String((message.result?.['content'] as { text: string }[] | undefined)?.[0]?.text)
const heardOf = ({ heard }: Scene, method: string): number =>
  heard.filter((message) => message.method === method).length
const LIST_CHANGED = 'notifications/tools/list_changed'

async function reached(upstream: FakeUpstream, method: string, count = 1): Promise<void> {
  while (upstream.calls(method).length < count) await nextTurn()
}

/** It has left, and nobody answers it. */
async function slowCall(guard: Scene): Promise<{ readonly answer: Promise<Message> }> {
  const answer = guard.ask('tools/call', { name: 'a__slow', arguments: {} })
  await reached(guard.a, 'tools/call')
  return { answer }
}

const EXPECTED = {
  mandate: 'mandate_revoked',
  agent: 'mandate_revoked',
  everything: 'mandate_revoked',
  upstream: 'revoked',
  tool: 'revoked',
} as const

describe.each(Object.entries(NAMED))('%s', (name, target) => {
  const wanted = EXPECTED[name as keyof typeof EXPECTED]

  test('a call under way is called off within 250 ms, and on record as what came of its intent', async () => {
    const guard = scene()
    await guard.open()
    await guard.ask('tools/list')
    const { answer } = await slowCall(guard)
    const { id: revision } = guard.take(target)
    await guard.pass(100)
    const told = await answer
    expect(reason(told)).toBe(wanted)
    expect(textOf(told)).toContain('It had left by then; outcome unknown')
    const [sent] = guard.a.calls('tools/call')
    expect(guard.a.calls('notifications/cancelled').map(({ params }) => params)).toMatchObject([
      { requestId: sent?.id },
    ])
    const intent = guard.log.entries.find(({ type }) => type === 'intent')
    expect(guard.log.entries.find(({ type }) => type === 'outcome')).toMatchObject({
      call: intent?.['call'],
      verdict: { outcome: 'refused', reason: wanted },
    })
    expect(guard.log.entries.filter(({ type }) => type === 'outcome')).toHaveLength(1)
    // Its lists changed, and the guard says that it is done only after all of that.
    expect(heardOf(guard, LIST_CHANGED)).toBe(1)
    const [seen, seenAt = 0] = guard.seen()
    expect(seen).toBe(revision)
    expect(seenAt - Date.parse('2026-11-24T10:00:00Z')).toBeLessThanOrEqual(100)
    const said = guard.log.entries.filter(({ event }) => event === 'restricted')
    expect(said).toMatchObject([
      { facts: { id: revision, target, kind: 'revoked', why: 'w', by: 'operator lee' } },
    ])
    const [took] = said.map(({ facts }) => (facts as { effect_ms: number }).effect_ms)
    expect(took).toBeLessThanOrEqual(100)
    await guard.hangUp()
  })

  test('what its upstream answers later reaches nobody', async () => {
    const guard = scene()
    await guard.open()
    const { answer } = await slowCall(guard)
    guard.take(target)
    await guard.pass(100)
    await answer
    const heard = guard.heard.length
    const [sent] = guard.a.calls('tools/call')
    guard.a.lives[0]?.say({ jsonrpc: '2.0', id: sent?.id, result: { content: [] } })
    await guard.pass(0)
    expect(guard.heard).toHaveLength(heard)
    await guard.hangUp()
  })

  test('an answer that comes before anybody noticed is withheld, too', async () => {
    const guard = scene()
    await guard.open()
    const { answer } = await slowCall(guard)
    guard.take(target)
    const [sent] = guard.a.calls('tools/call')
    const content = [{ type: 'text', text: 'the secret' }]
    guard.a.lives[0]?.say({ jsonrpc: '2.0', id: sent?.id, result: { content } })
    expect(reason(await answer)).toBe(wanted)
    expect(guard.lines.join()).not.toContain('the secret')
    await guard.hangUp()
  })

  test('the next call is refused and reaches nobody, without a wait', async () => {
    const guard = scene()
    await guard.open()
    guard.take(target)
    const told = await guard.ask('tools/call', { name: 'a__slow', arguments: {} })
    expect(reason(told)).toBe(wanted)
    expect(guard.a.calls('tools/call')).toEqual([])
    await guard.hangUp()
  })
})

const names = (list: Message): unknown =>
  (list.result?.['tools'] as { name: string }[] | undefined)?.map(({ name }) => name)

describe('lists', () => {
  test.each([
    ['tool', ['a__quick', 'b__other']],
    ['upstream', ['b__other']],
  ] as const)('shrink by a %s, and are whole again after it', async (name, left) => {
    const guard = scene()
    await guard.open()
    const whole = ['a__slow', 'a__quick', 'b__other']
    expect(names(await guard.ask('tools/list'))).toEqual(whole)
    guard.take(NAMED[name] as Target, 'suspended')
    // Also in the moment before it is noticed.
    expect(names(await guard.ask('tools/list'))).toEqual(left)
    await guard.pass(100)
    guard.lift(NAMED[name] as Target)
    await guard.pass(100)
    expect(heardOf(guard, LIST_CHANGED)).toBeGreaterThan(0)
    expect(names(await guard.ask('tools/list'))).toEqual(whole)
    await guard.hangUp()
  })

  test.each(['revoked', 'suspended'] as const)(
    'of a mandate that is %s there are none',
    async (kind) => {
      const guard = scene()
      await guard.open()
      await guard.ask('tools/list')
      guard.take({ kind: 'mandate', name: 'm' }, kind)
      await guard.pass(100)
      const told = await guard.ask('tools/list')
      expect(told.result).toBeUndefined()
      expect(told.error?.data).toMatchObject({ reason: `mandate_${kind}` })
      await guard.hangUp()
    },
  )

  test('somebody who has seen no list hears of none, and others are left alone', async () => {
    const guard = scene()
    await guard.open()
    guard.take({ kind: 'mandate', name: 'another' })
    guard.take({ kind: 'upstream', name: 'c' })
    const { answer } = await slowCall(guard)
    await guard.pass(100)
    expect(guard.a.calls('notifications/cancelled')).toEqual([])
    expect(guard.log.entries.filter(({ event }) => event === 'restricted')).toEqual([])
    expect(guard.seen()[0]).toBe(2)
    guard.take({ kind: 'everything' })
    await guard.pass(100)
    expect(reason(await answer)).toBe('mandate_revoked')
    expect(heardOf(guard, 'notifications/prompts/list_changed')).toBe(0)
    await guard.hangUp()
  })
})

describe('upstreams', () => {
  const ended = ({ log }: Scene): unknown[] =>
    log.entries.filter(({ event }) => event === 'upstream_exited').map(({ facts }) => facts)

  test('end with their mandate, and are started again after it is lifted, when they are asked for', async () => {
    const guard = scene()
    await guard.open()
    await guard.ask('tools/list')
    guard.take({ kind: 'agent', name: 'bot' })
    await guard.pass(100)
    expect(ended(guard)).toHaveLength(2)
    await guard.ask('tools/call', { name: 'a__quick', arguments: {} })
    await guard.ask('ping')
    expect(guard.a.lives).toHaveLength(1)
    guard.lift({ kind: 'agent', name: 'bot' })
    await guard.pass(100)
    expect(guard.a.lives).toHaveLength(1)
    const answer = await guard.ask('tools/call', { name: 'a__quick', arguments: {} })
    expect(answer.result?.['content']).toEqual([{ type: 'text', text: '{}' }])
    expect(guard.a.lives).toHaveLength(2)
    expect(guard.log.entries.filter(({ event }) => event === 'lifted')).toMatchObject([
      {
        facts: {
          how: 'lifted',
          target: { kind: 'agent', name: 'bot' },
          by: 'operator kim',
          why: 'again',
        },
      },
    ])
    await guard.hangUp()
  })

  test('stay where it is suspended, and the call after it reaches the same one', async () => {
    const guard = scene()
    await guard.open()
    await guard.ask('tools/list')
    guard.take({ kind: 'mandate', name: 'm' }, 'suspended', 1000)
    await guard.pass(100)
    expect(reason(await guard.ask('tools/call', { name: 'a__quick', arguments: {} }))).toBe(
      'mandate_suspended',
    )
    // It ends by itself.
    await guard.pass(1000)
    expect(heardOf(guard, LIST_CHANGED)).toBe(2)
    await guard.ask('tools/call', { name: 'a__quick', arguments: {} })
    expect(guard.a.lives).toHaveLength(1)
    expect(ended(guard)).toEqual([])
    expect(guard.log.entries.filter(({ event }) => event === 'lifted')).toMatchObject([
      { facts: { how: 'over', effect_ms: expect.any(Number) as number } },
    ])
    await guard.hangUp()
  })

  test('of what was revoked before the guard began, none is started', async () => {
    const clock = fakeClock('2026-11-24T10:00:00Z')
    const store = memoryStore({ clock, isRunning: () => true })
    const target = { kind: 'mandate', name: 'm' } as const
    store.restrict({ target, kind: 'revoked', at: clock.now(), why: 'w', by: 'operator lee' })
    const a = legacyUpstream(TOOLS)
    const guard = memoryGuard(MANDATE, { a }, { clock, timers: clock, store })
    await guard.open()
    expect(reason(await guard.ask('tools/call', { name: 'slow' }))).toBe('mandate_revoked')
    expect(a.lives).toEqual([])
    await guard.hangUp()
  })
})

describe('what belongs to a call', () => {
  const FORM = { message: '?', requestedSchema: { type: 'object', properties: {} } }

  test('a question to its agent is taken back, and its upstream is told that nobody answered', async () => {
    const guard = scene()
    await guard.open({ elicitation: {} })
    const { answer } = await slowCall(guard)
    const [life] = guard.a.lives
    life?.say({ jsonrpc: '2.0', id: 'u1', method: 'elicitation/create', params: FORM })
    const asked = await guard.hears(({ method }) => method === 'elicitation/create')
    guard.take(NAMED['tool'] as Target)
    await guard.pass(100)
    expect(reason(await answer)).toBe('revoked')
    expect(
      guard.heard.find(({ method }) => method === 'notifications/cancelled')?.params,
    ).toMatchObject({ requestId: asked.id })
    // An answer that comes all the same goes nowhere.
    guard.send({ jsonrpc: '2.0', id: asked.id, result: { action: 'accept', content: {} } })
    await guard.pass(0)
    const replies = life?.received.filter(({ id }) => (id as unknown) === 'u1') ?? []
    expect(replies).toHaveLength(1)
    expect(replies[0]).toHaveProperty('error')
    await guard.hangUp()
  })

  test('a call that waits for its modern agent is called off at its upstream', async () => {
    const guard = scene()
    const meta = modern({ elicitation: {} })
    const answer = guard.ask('tools/call', { name: 'a__slow', arguments: {}, _meta: meta })
    await reached(guard.a, 'tools/call')
    const [life] = guard.a.lives
    life?.say({ jsonrpc: '2.0', id: 'u1', method: 'elicitation/create', params: FORM })
    const { result } = await answer
    expect(result?.['resultType']).toBe('input_required')
    guard.take(NAMED['mandate'] as Target, 'suspended')
    await guard.pass(100)
    expect(guard.a.calls('notifications/cancelled')).toHaveLength(1)
    const inputResponses = { question: { action: 'accept', content: {} } }
    const requestState = result?.['requestState']
    const retry = { name: 'a__slow', arguments: {}, _meta: meta, inputResponses, requestState }
    expect(reason(await guard.ask('tools/call', retry))).toBe('mandate_suspended')
    expect(guard.a.calls('tools/call')).toHaveLength(1)
    await guard.hangUp()
  })

  test('a call that still waits for its upstream to start is refused, and does not leave once that is up', async () => {
    let start = (): void => undefined
    const a = legacyUpstream(TOOLS, ({ id, method, params }, life) => {
      if (method !== 'initialize' || a.lives.length < 2) return false
      start = () =>
        life.say({
          jsonrpc: '2.0',
          id,
          result: {
            protocolVersion: params?.['protocolVersion'],
            capabilities: { tools: {} },
            serverInfo: { name: 'a', version: '1' },
          },
        })
      return true
    })
    const clock = fakeClock('2026-11-24T10:00:00Z')
    const store = memoryStore({ clock, isRunning: () => true })
    const guard = memoryGuard(MANDATE, { a }, { clock, timers: clock, store })
    await guard.open()
    await guard.ask('tools/list')
    a.lives[0]?.die()
    const target = NAMED['mandate'] as Target
    const answer = guard.ask('tools/call', { name: 'quick', arguments: {} })
    while (a.lives.length < 2) {
      clock.advance(10)
      await nextTurn()
    }
    store.restrict({ target, kind: 'suspended', at: clock.now(), why: 'w', by: 'operator lee' })
    await reached(a, 'initialize', 2)
    clock.advance(100)
    start()
    expect(reason(await answer)).toBe('mandate_suspended')
    expect(a.calls('tools/call')).toEqual([])
    await guard.hangUp()
  })
})

describe('subscriptions', () => {
  const URI = 'file:///x'
  const updated = {
    jsonrpc: '2.0',
    method: 'notifications/resources/updated',
    params: { uri: URI },
  }

  test('of a legacy agent end at its upstream, and nothing of the resource is heard after', async () => {
    const guard = scene()
    await guard.open()
    await guard.ask('resources/subscribe', { uri: URI })
    guard.a.lives[0]?.say(updated)
    await guard.hears(({ method }) => method === updated.method)
    guard.take(NAMED['upstream'] as Target, 'suspended')
    await guard.pass(100)
    expect(guard.a.calls('resources/unsubscribe')).toHaveLength(1)
    guard.lift(NAMED['upstream'] as Target)
    await guard.pass(100)
    guard.a.lives[0]?.say(updated)
    await guard.pass(0)
    expect(heardOf(guard, updated.method)).toBe(1)
    await guard.hangUp()
  })

  test.each([
    ['suspended', 1, 0],
    ['revoked', 1, 1],
  ] as const)('of a modern agent: %s', async (kind, changed, over) => {
    const guard = scene('modern')
    const listen = { jsonrpc: '2.0', id: 'l', method: 'subscriptions/listen' }
    const params = { _meta: modern(), notifications: { toolsListChanged: true } }
    guard.send({ ...listen, params })
    await guard.hears(({ method }) => method === 'notifications/subscriptions/acknowledged')
    guard.take(NAMED['mandate'] as Target, kind)
    await guard.pass(100)
    expect(heardOf(guard, LIST_CHANGED)).toBe(changed)
    expect(guard.heard.filter(({ id, result }) => id === 'l' && result)).toHaveLength(over)
    await guard.hangUp()
  })
})

test('what cannot be looked up is refused, withheld and not listed; what runs is left alone', async () => {
  const clock = fakeClock('2026-11-24T10:00:00Z')
  const store = fakeStore(clock)
  const a = legacyUpstream(
    TOOLS,
    ({ method, params }) => method === 'tools/call' && params?.['name'] === 'slow',
  )
  const guard = memoryGuard(MANDATE, { a }, { clock, timers: clock, store })
  await guard.open()
  await guard.ask('tools/list')
  const answer = guard.ask('tools/call', { name: 'slow', arguments: {} })
  await reached(a, 'tools/call')
  store.broken = true
  clock.advance(100)
  expect(a.calls('notifications/cancelled')).toEqual([])
  expect(reason(await guard.ask('tools/call', { name: 'quick' }))).toBe('state_unavailable')
  expect((await guard.ask('tools/list')).error?.data).toMatchObject({ reason: 'state_unavailable' })
  const [sent] = a.calls('tools/call')
  a.lives[0]?.say({ jsonrpc: '2.0', id: sent?.id, result: { content: [] } })
  expect(reason(await answer)).toBe('state_unavailable')
  store.broken = false
  clock.advance(100)
  expect((await guard.ask('tools/call', { name: 'quick' })).result).toHaveProperty('content')
  expect(a.lives).toHaveLength(1)
  await guard.hangUp()
})
