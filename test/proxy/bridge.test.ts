/** Questions of upstreams between ends of every pair of eras: who is asked, what goes back, and what never does. */
import { afterEach, describe, expect, test } from 'vitest'
import type { JsonObject } from '../../src/model/json.ts'
import { memoryGuard, modern, type MemoryGuard, type Message } from '../fakes/guard.ts'
import {
  legacyUpstream,
  modernUpstream,
  type FakeLife,
  type FakeUpstream,
  type Received,
} from '../fakes/upstream.ts'

const MANDATE = `
mandate: t
agent: bot
purpose: Test the guard
valid: { until: 2026-12-01T00:00:00Z }
tools: { a/ask: { effect: write }, a/other: { effect: write } }
requests: { a: [elicitation, sampling] }
`
const SILENT = MANDATE.replace('requests: { a: [elicitation, sampling] }', '')
const TOOLS = ['ask', 'other'].map((name) => ({ name, inputSchema: { type: 'object' } }))
const FORM = {
  message: 'Which?',
  requestedSchema: { type: 'object', properties: { colour: { type: 'string' } } },
}
const ASKED = { elicitation: {} }
/** All that a client can declare of what the mandate lets the upstream ask for. */
const FULL = { elicitation: { form: {}, url: {} }, sampling: { tools: {}, context: {} } }
const RED = { action: 'accept', content: { colour: 'crimson' } }

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

/** Lets the event loop turn until something has happened; a test that waits in vain times out. */
async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await new Promise((resolve) => setImmediate(resolve))
}

function reasonOf({ result, error }: Message): unknown {
  const meta = result?.['_meta'] as JsonObject | undefined
  return meta?.['dev.chaperone/reason'] ?? error?.data?.['reason']
}

describe('a question without params', () => {
  const mandate = MANDATE.replace('sampling]', 'roots]')
  const ROOTS = { method: 'roots/list' }

  test('reaches a legacy agent without any, of an upstream of either era', async () => {
    const modern = modernUpstream(TOOLS, ({ id, method, params }, life) => {
      if (method !== 'tools/call') return false
      const result = params?.['inputResponses']
        ? { resultType: 'complete', content: [] }
        : { resultType: 'input_required', inputRequests: { q: ROOTS } }
      life.say({ jsonrpc: '2.0', id, result })
      return true
    })
    for (const a of [asksMidCall(ROOTS), modern]) {
      const guard = start(mandate, { a })
      await guard.open({ roots: {} })
      const answer = guard.ask('tools/call', { name: 'ask' })
      const question = await guard.hears(({ method }) => method === ROOTS.method)
      expect(question).toEqual({ jsonrpc: '2.0', id: question.id, ...ROOTS })
      guard.send({ jsonrpc: '2.0', id: question.id, result: { roots: [] } })
      expect(await answer).toHaveProperty('result.content')
    }
  })

  test('reaches a modern agent without any', async () => {
    const guard = start(mandate, { a: asksMidCall(ROOTS) })
    const params = { name: 'ask', _meta: modern({ roots: {} }) }
    const first = await guard.ask('tools/call', params)
    expect(first.result?.['inputRequests']).toEqual({ question: ROOTS })
  })
})

describe('what an upstream is told that it may ask for', () => {
  const told = (a: FakeUpstream, method: string): readonly unknown[] =>
    a.calls(method).map(({ params }) => {
      const meta = params?.['_meta'] as JsonObject | undefined
      return meta?.['io.modelcontextprotocol/clientCapabilities'] ?? params?.['capabilities']
    })

  test('on behalf of a legacy agent: what that agent declared, as it declared it', async () => {
    const declared = { elicitation: {}, sampling: { context: {} }, roots: { listChanged: true } }
    const [legacy, modern] = [legacyUpstream(TOOLS), modernUpstream(TOOLS)]
    for (const a of [legacy, modern]) {
      const guard = start(MANDATE, { a })
      await guard.open(declared)
      await guard.ask('tools/list')
    }
    const permitted = { elicitation: {}, sampling: { context: {} } }
    expect(told(legacy, 'initialize')).toEqual([permitted])
    expect(told(modern, 'tools/list')).toEqual([permitted])
  })

  test('with a list that all modern agents share: all that the mandate permits', async () => {
    const a = modernUpstream(TOOLS)
    const guard = start(MANDATE, { a })
    await guard.ask('tools/list', { _meta: modern() })
    expect(told(a, 'tools/list')).toEqual([FULL])
    const silent = modernUpstream(TOOLS)
    await start(SILENT, { a: silent }).ask('tools/list', { _meta: modern(ASKED) })
    expect(told(silent, 'tools/list')).toEqual([{}])
  })

  test('with a call: what its own agent can be asked', async () => {
    const a = modernUpstream(TOOLS)
    const guard = start(MANDATE, { a })
    await guard.ask('tools/call', { name: 'ask', arguments: {}, _meta: modern(ASKED) })
    expect(told(a, 'tools/call')).toEqual([ASKED])
  })
})

describe('a modern agent in front of a modern upstream', () => {
  /** Asks once with its own state, and answers with what comes back. */
  function asking(state: string | null = 'own state'): FakeUpstream {
    return modernUpstream(TOOLS, ({ id, method, params }, life) => {
      if (method !== 'tools/call') return false
      const { inputResponses, requestState } = params ?? {}
      const asks = {
        resultType: 'input_required',
        inputRequests: { q: { method: 'elicitation/create', params: FORM } },
        ...(state === null ? {} : { requestState: state }),
      }
      const done = {
        resultType: 'complete',
        content: [{ type: 'text', text: JSON.stringify({ inputResponses, requestState }) }],
      }
      life.say({ jsonrpc: '2.0', id, result: inputResponses === undefined ? asks : done })
      return true
    })
  }
  const call = (more: object = {}) => ({
    name: 'ask',
    arguments: { n: 1 },
    _meta: modern(ASKED),
    ...more,
  })

  test('the state of the upstream is sealed, and comes back to it word for word', async () => {
    const a = asking('{"n": 1.0}')
    const guard = start(MANDATE, { a })
    const { result } = await guard.ask('tools/call', call())
    const { requestState } = result ?? {}
    expect(requestState).not.toContain('1.0')
    const answer = await guard.ask(
      'tools/call',
      call({ requestState, inputResponses: { q: RED, smuggled: { action: 'accept' } } }),
    )
    // What was not asked for is left out.
    const said = { inputResponses: { q: RED }, requestState: '{"n": 1.0}' }
    expect(answer.result?.['content']).toEqual([{ type: 'text', text: JSON.stringify(said) }])
    const intents = guard.log.entries.filter(({ type }) => type === 'intent')
    expect(intents).toHaveLength(2)
    expect(intents[1]).toMatchObject({
      request: { continues: intents[0]?.['call'] },
      input_commit: expect.stringMatching(/^[0-9a-f]{64}$/) as unknown,
    })
    expect(JSON.stringify(guard.log.entries)).not.toContain('crimson')
  })

  test('an upstream without a state is sent none', async () => {
    const guard = start(MANDATE, { a: asking('') })
    const none = start(MANDATE, { a: asking(null) })
    expect((await none.ask('tools/call', call())).result).not.toHaveProperty('requestState')
    const answer = await none.ask('tools/call', call({ inputResponses: { q: RED } }))
    const said = { inputResponses: { q: RED } }
    expect(answer.result?.['content']).toEqual([{ type: 'text', text: JSON.stringify(said) }])
    // An empty one is one, too.
    const { result } = await guard.ask('tools/call', call())
    const { requestState } = result ?? {}
    const back = await guard.ask('tools/call', call({ requestState, inputResponses: { q: RED } }))
    expect(JSON.stringify(back.result)).toContain(String.raw`\"requestState\":\"\"`)
  })

  test.each([
    ['tampered with', (state: string) => ({ requestState: `${state}-TAMPERED` })],
    ['for other arguments', (state: string) => ({ requestState: state, arguments: { n: 2 } })],
    ['for another tool', (state: string) => ({ requestState: state, name: 'other' })],
    ['of no text', () => ({ requestState: 5 })],
    [
      'with answers that are none',
      (state: string) => ({ requestState: state, inputResponses: { q: 1 } }),
    ],
    ['with no map of answers', (state: string) => ({ requestState: state, inputResponses: [] })],
  ])('a state that is %s is refused, and nothing reaches the upstream', async (_what, more) => {
    const a = asking()
    const guard = start(MANDATE, { a })
    const { result } = await guard.ask('tools/call', call())
    const state = result?.['requestState']
    const retry = more(typeof state === 'string' ? state : '')
    const answer = await guard.ask('tools/call', call({ inputResponses: { q: RED }, ...retry }))
    expect(answer.error).toMatchObject({ code: -32_600, data: { reason: 'malformed' } })
    expect(a.calls('tools/call')).toHaveLength(1)
  })

  test('answers reach no upstream that may not ask', async () => {
    const a = asking()
    const guard = start(SILENT, { a })
    const answer = await guard.ask('tools/call', call({ inputResponses: { q: RED } }))
    expect(reasonOf(answer)).toBe('request_not_permitted')
    expect(a.calls('tools/call')).toEqual([])
  })

  test('a retry is decided as every call is: after the mandate has ended it is refused', async () => {
    const a = asking()
    const guard = start(MANDATE, { a })
    const { result } = await guard.ask('tools/call', call())
    guard.clock.setWall('2026-12-01T00:00:00Z')
    const { requestState } = result ?? {}
    const answer = await guard.ask('tools/call', call({ requestState, inputResponses: { q: RED } }))
    expect(reasonOf(answer)).toBe('mandate_expired')
    expect(a.calls('tools/call')).toHaveLength(1)
  })
})

/** A legacy upstream whose tool asks these, one after the other, and answers with what it was told. */
function asksMidCall(
  ...questions: readonly { readonly method: string; readonly params?: object }[]
) {
  let call: Received | undefined
  let at = 0
  const told: unknown[] = []
  const goOn = (life: FakeLife): void => {
    const question = questions[at]
    if (question) life.say({ jsonrpc: '2.0', id: `ask-${at}`, ...question })
    else {
      const text = JSON.stringify(told)
      life.say({ jsonrpc: '2.0', id: call?.id, result: { content: [{ type: 'text', text }] } })
    }
  }
  return legacyUpstream(TOOLS, (message, life) => {
    if (message.method === 'tools/call') {
      call = message
      goOn(life)
      return true
    }
    if (message.method !== undefined || String(message.id) !== `ask-${at}`) return false
    told.push(message.result ?? 'declined')
    at += 1
    goOn(life)
    return true
  })
}
const QUESTION = { method: 'elicitation/create', params: FORM }

describe('a modern agent in front of a legacy upstream', () => {
  const call = (more: object = {}) => ({ name: 'ask', _meta: modern(ASKED), ...more })
  const retry = ({ result }: Message, response: object | null = RED) =>
    call({
      requestState: result?.['requestState'],
      ...(response === null ? {} : { inputResponses: { question: response } }),
    })

  test('is asked by an answer, and its retry goes on with the same call upstream', async () => {
    const a = asksMidCall(QUESTION)
    const guard = start(MANDATE, { a })
    const first = await guard.ask('tools/call', call())
    expect(first.result).toMatchObject({
      resultType: 'input_required',
      inputRequests: { question: QUESTION },
    })
    const answer = await guard.ask('tools/call', retry(first))
    expect(answer.result).toMatchObject({
      resultType: 'complete',
      content: [{ text: JSON.stringify([RED]) }],
    })
    expect(a.calls('tools/call')).toHaveLength(1)
    expect(guard.log.entries.map(({ type }) => type).filter((type) => type !== 'event')).toEqual([
      'intent',
      'upstream_request',
      'outcome',
      'intent',
      'outcome',
    ])
  })

  test('what upstream it opens is told what the mandate lets it ask for, and no more', async () => {
    const a = asksMidCall()
    const guard = start(MANDATE, { a })
    await guard.ask('tools/list', { _meta: modern() })
    const [opening] = a.calls('initialize')
    expect(opening?.params?.['capabilities']).toEqual(FULL)
  })

  test('what was opened for anyone is declined where this agent cannot be asked with tools', async () => {
    const params = { messages: [], maxTokens: 1, tools: [], includeContext: 'thisServer' }
    const question = { method: 'sampling/createMessage', params }
    const able = { _meta: modern({ sampling: { tools: {} } }) }
    const asked = start(MANDATE, { a: asksMidCall(question) })
    const first = await asked.ask('tools/call', call(able))
    expect(first.result?.['inputRequests']).toEqual({ question })
    const a = asksMidCall(question)
    const guard = start(MANDATE, { a })
    const unable = { _meta: modern({ sampling: {}, elicitation: {} }) }
    const answer = await guard.ask('tools/call', call(unable))
    expect(answer.result).toMatchObject({ content: [{ text: '["declined"]' }] })
    expect(a.lives[0]?.received.find(({ id }) => String(id) === 'ask-0')).toMatchObject({
      error: { code: -31_403 },
    })
    const declined = guard.log.entries.filter(({ type }) => type === 'upstream_request')
    expect(declined).toMatchObject([{ verdict: 'declined', reason: 'unsupported' }])
  })

  test('is asked again and again, and again what it has not answered', async () => {
    const sampling = { method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } }
    const a = asksMidCall(QUESTION, sampling)
    const guard = start(MANDATE, { a })
    const both = { _meta: modern({ elicitation: {}, sampling: {} }) }
    const first = await guard.ask('tools/call', call(both))
    const same = await guard.ask('tools/call', { ...retry(first, null), ...both })
    expect(same.result?.['inputRequests']).toEqual({ question: QUESTION })
    const second = await guard.ask('tools/call', { ...retry(same), ...both })
    expect(second.result?.['inputRequests']).toEqual({ question: sampling })
    const last = await guard.ask('tools/call', { ...retry(second, { role: 'assistant' }), ...both })
    expect(last.result).toMatchObject({
      content: [{ text: JSON.stringify([RED, { role: 'assistant' }]) }],
    })
    expect(a.calls('tools/call')).toHaveLength(1)
  })

  test('may think longer than a call may take; the time of the call begins anew', async () => {
    const guard = start(MANDATE, { a: asksMidCall(QUESTION) }, { callTimeoutMs: 1000 })
    const first = await guard.ask('tools/call', call())
    guard.clock.advance(60_000)
    const answer = await guard.ask('tools/call', retry(first))
    expect(answer.result).toMatchObject({ resultType: 'complete' })
  })

  test('that does not come back in time is not waited for: the call is called off upstream', async () => {
    const a = asksMidCall(QUESTION)
    const guard = start(MANDATE, { a })
    const first = await guard.ask('tools/call', call())
    guard.clock.advance(10 * 60_000)
    await until(() => a.calls('notifications/cancelled').length === 1)
    const answers = a.lives[0]?.received.filter(({ id, method }) => method === undefined && id)
    expect(answers).toMatchObject([{ id: 'ask-0', error: { code: -31_403 } }])
    const late = await guard.ask('tools/call', retry(first))
    expect(reasonOf(late)).toBe('outcome_unknown')
    expect(a.calls('tools/call')).toHaveLength(1)
  })

  test('a state is good once', async () => {
    const a = asksMidCall(QUESTION)
    const guard = start(MANDATE, { a })
    const first = await guard.ask('tools/call', call())
    await guard.ask('tools/call', retry(first))
    expect(reasonOf(await guard.ask('tools/call', retry(first)))).toBe('outcome_unknown')
    expect(a.calls('tools/call')).toHaveLength(1)
  })

  test('hears of an upstream that ended meanwhile', async () => {
    const a = asksMidCall(QUESTION)
    const guard = start(MANDATE, { a })
    const first = await guard.ask('tools/call', call())
    a.lives[0]?.die(1)
    expect(reasonOf(await guard.ask('tools/call', retry(first)))).toBe('outcome_unknown')
    expect(a.calls('tools/call')).toHaveLength(1)
  })

  test('can take the retry back, which calls the call off upstream', async () => {
    const a = legacyUpstream(TOOLS, ({ method }, life) => {
      if (method !== 'tools/call') return false
      life.say({ jsonrpc: '2.0', id: 'ask-0', ...QUESTION })
      return true
    })
    const guard = start(MANDATE, { a })
    const first = await guard.ask('tools/call', call())
    guard.send({ jsonrpc: '2.0', id: 'r', method: 'tools/call', params: retry(first) })
    await until(() => a.lives[0]?.received.some(({ id }) => String(id) === 'ask-0') === true)
    guard.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'r' } })
    await until(() => a.calls('notifications/cancelled').length === 1)
    const [sent] = a.calls('tools/call')
    expect(a.calls('notifications/cancelled')[0]?.params).toMatchObject({ requestId: sent?.id })
  })

  test.each([
    ['what its client cannot be asked', MANDATE, {}, QUESTION],
    ['what the mandate does not permit', SILENT, ASKED, QUESTION],
    [
      'a secret',
      MANDATE,
      ASKED,
      {
        method: 'elicitation/create',
        params: { message: '?', requestedSchema: { properties: { password: {} } } },
      },
    ],
    [
      'a visit to an address, where it only shows forms',
      MANDATE,
      ASKED,
      {
        method: 'elicitation/create',
        params: { mode: 'url', url: 'https://x.example', message: '?' },
      },
    ],
    [
      'a visit to an address in clear',
      MANDATE,
      { elicitation: { url: {} } },
      {
        method: 'elicitation/create',
        params: { mode: 'url', url: 'http://x.example', message: '?' },
      },
    ],
  ])(
    'is not asked for %s: the upstream is declined, on record',
    async (_what, mandate, capabilities, question) => {
      const guard = start(mandate, { a: asksMidCall(question) })
      const answer = await guard.ask('tools/call', call({ _meta: modern(capabilities) }))
      expect(answer.result).toMatchObject({
        resultType: 'complete',
        content: [{ text: '["declined"]' }],
      })
      const asked = guard.log.entries.filter(({ type }) => type === 'upstream_request')
      expect(asked).toMatchObject([{ verdict: 'declined' }])
    },
  )

  test('a question that may belong to either of two calls is asked of neither', async () => {
    const calls: Received[] = []
    const a = legacyUpstream(TOOLS, (message, life) => {
      if (message.method === 'tools/call') {
        calls.push(message)
        if (calls.length === 2) life.say({ jsonrpc: '2.0', id: 'ask-0', ...QUESTION })
        return true
      }
      if (message.method !== undefined || message.error === undefined) return false
      for (const { id } of calls) life.say({ jsonrpc: '2.0', id, result: { content: [] } })
      return true
    })
    const guard = start(MANDATE, { a })
    const answers = await Promise.all([1, 2].map(() => guard.ask('tools/call', call())))
    for (const { result } of answers) expect(result).toMatchObject({ resultType: 'complete' })
  })

  test('a retry after the mandate has ended reaches nobody, and the call upstream ends in time', async () => {
    const a = asksMidCall(QUESTION)
    const guard = start(MANDATE, { a })
    const first = await guard.ask('tools/call', call())
    guard.clock.setWall('2026-12-01T00:00:00Z')
    expect(reasonOf(await guard.ask('tools/call', retry(first)))).toBe('mandate_expired')
    expect(a.lives[0]?.received.filter(({ id }) => String(id) === 'ask-0')).toEqual([])
    guard.clock.advance(10 * 60_000)
    await until(() => a.calls('notifications/cancelled').length === 1)
  })
})

describe('a legacy agent in front of a modern upstream', () => {
  /** Asks so many times, then answers with everything that came back. */
  function asking(rounds: number, request: object = QUESTION): FakeUpstream {
    const said: unknown[] = []
    return modernUpstream(TOOLS, ({ id, method, params }, life) => {
      if (method !== 'tools/call') return false
      const { inputResponses, requestState } = params ?? {}
      if (inputResponses !== undefined) said.push({ inputResponses, requestState })
      const result =
        said.length < rounds
          ? {
              resultType: 'input_required',
              inputRequests: { [`q${said.length}`]: request },
              requestState: `s${said.length}`,
            }
          : { resultType: 'complete', content: [{ type: 'text', text: JSON.stringify(said) }] }
      life.say({ jsonrpc: '2.0', id, result })
      return true
    })
  }
  const isQuestion = ({ method }: Message): boolean => method === 'elicitation/create'

  test('is asked by the guard, round by round, and its answers go back with the next request', async () => {
    const a = asking(2)
    const guard = start(MANDATE, { a })
    await guard.open(ASKED)
    const answer = guard.ask('tools/call', { name: 'ask', arguments: { n: 1 } })
    const first = await guard.hears(isQuestion)
    expect(first.params).toEqual(FORM)
    guard.send({ jsonrpc: '2.0', id: first.id, result: RED })
    const second = await guard.hears((message) => isQuestion(message) && message.id !== first.id)
    guard.send({ jsonrpc: '2.0', id: second.id, result: { action: 'decline' } })
    const said = [
      { inputResponses: { q0: RED }, requestState: 's0' },
      { inputResponses: { q1: { action: 'decline' } }, requestState: 's1' },
    ]
    expect((await answer).result).toMatchObject({ content: [{ text: JSON.stringify(said) }] })
    for (const { params } of a.calls('tools/call'))
      expect(params).toMatchObject({ name: 'ask', arguments: { n: 1 } })
    const intents = guard.log.entries.filter(({ type }) => type === 'intent')
    expect(intents).toHaveLength(3)
    expect(intents[2]).toMatchObject({ request: { continues: intents[1]?.['call'] } })
  })

  test('each round is decided anew', async () => {
    const a = asking(1)
    const guard = start(MANDATE, { a })
    await guard.open(ASKED)
    const answer = guard.ask('tools/call', { name: 'ask' })
    const question = await guard.hears(isQuestion)
    guard.clock.setWall('2026-12-01T00:00:00Z')
    guard.send({ jsonrpc: '2.0', id: question.id, result: RED })
    expect(reasonOf(await answer)).toBe('mandate_expired')
    expect(a.calls('tools/call')).toHaveLength(1)
  })

  test('who cannot show a form has cancelled it; who does not answer leaves the outcome unknown', async () => {
    const a = asking(1)
    const guard = start(MANDATE, { a })
    await guard.open(ASKED)
    const answer = guard.ask('tools/call', { name: 'ask' })
    const question = await guard.hears(isQuestion)
    guard.send({ jsonrpc: '2.0', id: question.id, error: { code: -32_601, message: 'no' } })
    expect(JSON.stringify((await answer).result)).toContain(String.raw`\"action\":\"cancel\"`)

    const late = start(MANDATE, { a: asking(1) })
    await late.open(ASKED)
    const unanswered = late.ask('tools/call', { name: 'ask' })
    await late.hears(isQuestion)
    late.clock.advance(10 * 60_000)
    expect(reasonOf(await unanswered)).toBe('input_unanswered')
  })

  test('an upstream that asks without end is not answered without end', async () => {
    const a = asking(1000)
    const guard = start(MANDATE, { a })
    await guard.open(ASKED)
    const answer = guard.ask('tools/call', { name: 'ask' })
    const seen = new Set<Message['id']>()
    const state = { ended: false }
    void answer.then(() => {
      state.ended = true
    })
    while (!state.ended) {
      for (const { id } of guard.heard.filter(isQuestion)) {
        if (!seen.has(id)) guard.send({ jsonrpc: '2.0', id, result: RED })
        seen.add(id)
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(reasonOf(await answer)).toBe('input_unanswered')
    expect(a.calls('tools/call')).toHaveLength(11)
  })

  test('is not asked for what its client did not declare, or the mandate does not permit', async () => {
    for (const [mandate, capabilities] of [
      [MANDATE, {}],
      [SILENT, ASKED],
    ] as const) {
      const guard = start(mandate, { a: asking(1) })
      await guard.open(capabilities)
      const answer = await guard.ask('tools/call', { name: 'ask' })
      expect(reasonOf(answer)).toBe('request_not_permitted')
      expect(guard.heard.some(isQuestion)).toBe(false)
    }
  })
})
