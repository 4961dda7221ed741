/** An agent's answer to an upstream's question leaves only while the call on whose account it was asked would leave, too. */
import { afterEach, describe, expect, test } from 'vitest'
import { type LiveMandate, liveMandate } from '../../src/policy/live.ts'
import { memoryLog, type MemoryLog } from '../fakes/audit-log.ts'
import { memoryGuard, type MemoryGuard, type Message } from '../fakes/guard.ts'
import { httpGuard } from '../fakes/http-guard.ts'
import { mandateOf } from '../fakes/line.ts'
import { type FakeUpstream, legacyUpstream, type Received } from '../fakes/upstream.ts'
import { policies } from '../policy/written.ts'

const MANDATE = `
mandate: m
agent: bot
purpose: Everything
valid: { until: 2026-12-01T00:00:00Z }
tools: { "*/*": {} }
requests: { mail: [elicitation, roots] }
`
const FLOW = `policy: flow
classify:
  - { tools: ["mail/send"], effect: send }
  - { tools: ["mail/find", "crm/*", "web/*"], effect: read }
labels:
  - { tools: ["web/*"], add: [untrusted] }
  - { tools: ["crm/*"], add: [confidential] }
rules:
  - { id: no-exfiltration, effect: forbid, effects: [send], labels: [untrusted, confidential] }
`
const NOTHING = 'policy: nothing'
const ruled = (rule: string): string => `policy: p\nrules:\n  - { id: r, ${rule} }\n`
const FORM = {
  message: 'body?',
  requestedSchema: { type: 'object', properties: { body: { type: 'string' } } },
}
const SECRET = { action: 'accept', content: { body: 'THE SECRET' } }

let ends: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(ends.map((end) => end()))
  ends = []
})

function offering(...names: readonly string[]): readonly object[] {
  return names.map((name) => ({ name, inputSchema: { type: 'object' } }))
}

/** Upstreams of which `mail` asks in each `send`, and ends no call by itself. */
function upstreams(): Readonly<Record<'crm' | 'web' | 'mail', FakeUpstream>> {
  const mail = legacyUpstream(offering('send', 'find'), ({ id, method, params }, life) => {
    if (method !== 'tools/call') return method === undefined
    if (params?.['name'] === 'send')
      life.say({ jsonrpc: '2.0', id: `q${id}`, method: 'elicitation/create', params: FORM })
    return true
  })
  return { crm: legacyUpstream(offering('read')), web: legacyUpstream(offering('fetch')), mail }
}

/** What `mail` was answered to its questions. */
async function answers(mail: FakeUpstream, count = 1): Promise<readonly Received[]> {
  const all = (): readonly Received[] =>
    mail.lives.flatMap(({ received }) => received.filter(({ method }) => method === undefined))
  while (all().length < count) await new Promise((resolve) => setImmediate(resolve))
  return all()
}

function declined({ log }: { readonly log: MemoryLog }): readonly unknown[] {
  return log.entries
    .filter(({ type, verdict }) => type === 'upstream_request' && verdict === 'declined')
    .map(({ server, method, reason }) => ({ server, method, reason }))
}
const because = (reason: string, method = 'elicitation/create'): readonly object[] => [
  { server: 'mail', method, reason },
]

interface House {
  readonly guard: MemoryGuard
  readonly mail: FakeUpstream
  readonly live: LiveMandate
}

async function opened(policy: string): Promise<House> {
  const ups = upstreams()
  const live = liveMandate(mandateOf(MANDATE), policies(policy), 'dev')
  const guard = memoryGuard(live, ups)
  ends.push(() => guard.hangUp())
  await guard.open({ elicitation: {}, roots: {} })
  await guard.ask('tools/list')
  return { guard, mail: ups.mail, live }
}

const isQuestion = ({ method }: Message): boolean => method === 'elicitation/create'
function call(guard: MemoryGuard, id: string, name: string): void {
  const params = { name, arguments: {} }
  guard.send({ jsonrpc: '2.0', id, method: 'tools/call', params })
}
function answer(guard: MemoryGuard, question: Message): void {
  guard.send({ jsonrpc: '2.0', id: question.id, result: SECRET })
}
async function asked(guard: MemoryGuard): Promise<Message> {
  call(guard, 'send', 'mail__send')
  return guard.hears(isQuestion)
}

/** The answer to what `send` asked, after something else has happened. */
async function answeredAfter(policy: string, change: (house: House) => unknown): Promise<House> {
  const house = await opened(policy)
  const question = await asked(house.guard)
  await change(house)
  answer(house.guard, question)
  return house
}

/** What became of an answer that was kept back. */
async function ending({ guard, mail }: House): Promise<object> {
  const told = (await answers(mail)).map(({ result, error }) => result ?? error)
  const leaked = JSON.stringify(mail.lives).includes('THE SECRET')
  return { told, leaked, declined: declined(guard) }
}
function keptBack(reason: string): object {
  const told = [{ message: 'Declined: the mandate does not permit this request' }]
  return { told, leaked: false, declined: because(reason) }
}

describe('does not leave once', () => {
  test('what was read meanwhile forbids the call', async () => {
    const house = await answeredAfter(FLOW, async ({ guard }) => {
      await guard.ask('tools/call', { name: 'crm__read', arguments: {} })
      await guard.ask('tools/call', { name: 'web__fetch', arguments: {} })
    })
    expect(await ending(house)).toMatchObject(keptBack('forbidden'))
  })

  test.each([
    ['forbid it', 'effect: forbid, tools: ["mail/*"]', 'forbidden'],
    [
      'have it wait',
      'effect: require_approval, tools: ["mail/*"], approval: { from: [dana@acme.example] }',
      'approval_required',
    ],
  ])('policies %s', async (_name, rule, reason) => {
    const house = await answeredAfter(NOTHING, ({ live }) => live.swap(policies(ruled(rule))))
    expect(await ending(house)).toMatchObject(keptBack(reason))
  })

  test('the mandate has ended', async () => {
    const house = await answeredAfter(NOTHING, ({ guard }) =>
      guard.clock.setWall('2026-12-01T00:00:00Z'),
    )
    expect(await ending(house)).toMatchObject(keptBack('mandate_expired'))
  })

  test('the call is over', async () => {
    const house = await answeredAfter(NOTHING, ({ guard }) => {
      const params = { requestId: 'send' }
      guard.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params })
      return guard.ask('ping')
    })
    expect(await ending(house)).toMatchObject(keptBack('request_not_permitted'))
  })

  test('one of the calls that it may belong to is forbidden', async () => {
    const house = await opened(NOTHING)
    const { guard, mail, live } = house
    call(guard, 'find', 'mail__find')
    while (mail.calls('tools/call').length < 1) await guard.ask('ping')
    const question = await asked(guard)
    live.swap(policies(ruled('effect: forbid, tools: ["mail/find"]')))
    answer(guard, question)
    expect(await ending(house)).toMatchObject(keptBack('forbidden'))
  })
})

describe('leaves', () => {
  test('where several calls may be meant, and each is permitted', async () => {
    const { guard, mail } = await opened(NOTHING)
    call(guard, 'find', 'mail__find')
    while (mail.calls('tools/call').length < 1) await guard.ask('ping')
    answer(guard, await asked(guard))
    expect(await answers(mail)).toMatchObject([{ result: SECRET }])
  })

  test.each(['session.calls("mail/send") >= 1', 'session.calls("mail/*", "1h") >= 1'])(
    'where its own call is the last for which %s does not hold',
    async (when) => {
      const rule = `effect: forbid, tools: ["mail/*"], when: '${when}'`
      const { guard, mail } = await answeredAfter(ruled(rule), () => undefined)
      expect(await answers(mail)).toMatchObject([{ result: SECRET }])
      const next = await guard.ask('tools/call', { name: 'mail__send', arguments: {} })
      expect(next.result).toMatchObject({ _meta: { 'dev.chaperone/reason': 'forbidden' } })
    },
  )
})

describe('while no call is under way', () => {
  const say = (mail: FakeUpstream, method: string, params: object): void =>
    mail.lives[0]?.say({ jsonrpc: '2.0', id: 'q', method, params })

  test('nobody is asked for words', async () => {
    const { guard, mail } = await opened(NOTHING)
    say(mail, 'elicitation/create', FORM)
    expect(await answers(mail)).toMatchObject([{ id: 'q', error: {} }])
    expect(guard.heard.filter(isQuestion)).toEqual([])
    expect(declined(guard)).toEqual(because('request_not_permitted'))
  })

  test('roots are told, for as long as the mandate binds', async () => {
    const { guard, mail } = await opened(NOTHING)
    const roots = { roots: [{ uri: 'file:///here' }] }
    const isRoots = ({ method }: Message): boolean => method === 'roots/list'
    say(mail, 'roots/list', {})
    const { id } = await guard.hears(isRoots)
    guard.send({ jsonrpc: '2.0', id, result: roots })
    expect(await answers(mail)).toMatchObject([{ id: 'q', result: roots }])
    say(mail, 'roots/list', {})
    const second = await guard.hears((message) => isRoots(message) && message.id !== id)
    guard.clock.setWall('2026-12-01T00:00:00Z')
    guard.send({ jsonrpc: '2.0', id: second.id, result: roots })
    expect((await answers(mail, 2))[1]).toMatchObject({ error: {} })
    expect(declined(guard)).toEqual(because('mandate_expired', 'roots/list'))
  })
})

test('over HTTP it is decided again as well', async () => {
  const ups = upstreams()
  const mandate = liveMandate(mandateOf(MANDATE), policies(FLOW), 'dev')
  const principal = { agent: 'bot', assurance: 'bearer_key' } as const
  const log = memoryLog()
  const own = { ...log, close: () => Promise.resolve() }
  const guard = await httpGuard(MANDATE, ups, { admissions: [{ mandate, principal, log: own }] })
  ends.push(() => guard.stop())
  const client = await guard.open({ capabilities: { elicitation: {} } })
  await client.ask('tools/list')
  const params = { name: 'mail__send', arguments: {} }
  const stream = await client.send({ jsonrpc: '2.0', id: 'send', method: 'tools/call', params })
  const question = await stream.hears(isQuestion)
  await client.ask('tools/call', { name: 'crm__read', arguments: {} })
  await client.ask('tools/call', { name: 'web__fetch', arguments: {} })
  await client.send({ jsonrpc: '2.0', id: question.id, result: SECRET })
  expect(await answers(ups.mail)).toMatchObject([{ error: {} }])
  expect(JSON.stringify(ups.mail.lives)).not.toContain('THE SECRET')
  expect(declined({ log })).toEqual(because('forbidden'))
})
