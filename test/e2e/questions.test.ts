/** What upstreams ask of the client, frame by frame: passed where the mandate permits it, declined and recorded otherwise. */
import { afterAll, expect, test } from 'vitest'
import { puppet, received, toolsNamed } from './folder.ts'
import { type GuardProcess, GuardPool, payload, reasonOf } from './guard.ts'

const pool = new GuardPool()
afterAll(() => pool.close())

const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': { elicitation: {}, sampling: {}, roots: {} },
}

const FORM = '{"message":"?","requestedSchema":{"type":"object","properties":{}},"n":1.0}'
const INPUT = `{"resultType":"input_required","inputRequests":{"q":{"method":"elicitation/create","params":${FORM}}},"requestState":"s"}`
const ASKING = {
  asks: `{"jsonrpc":"2.0","id":$ID,"result":${INPUT}}`,
  done: '{"jsonrpc":"2.0","id":$ID,"result":{"resultType":"complete","content":[]}}',
}

interface Options {
  readonly requests?: readonly string[]
  readonly eras?: readonly ('legacy' | 'modern')[]
}

function start({ requests, eras }: Options): GuardProcess {
  return pool.start((path) => ({
    mandate: {
      tools: { 'p/puppet': {}, 'p/asks': {} },
      ...(requests === undefined ? {} : { requests: { p: requests } }),
    },
    upstreams: {
      p: puppet(path, 'p', {
        ...(eras === undefined ? {} : { eras }),
        results: { 'tools/list': toolsNamed('puppet', 'asks') },
        on: { 'tools/call asks': [ASKING] },
      }),
    },
  }))
}

const ASK =
  '{"jsonrpc":"2.0","id":"u-1","method":"elicitation/create","params":{"message":"which?","requestedSchema":{"type":"object","properties":{"colour":{"type":"string"}}},"unknown":1.0}}'

/** Has the upstream ask, wait for the answer, and give it back as the result of the call. */
function askingCall(guard: GuardProcess, question: string, id = 'u-1'): Promise<unknown> {
  const steps = [
    { write: question },
    { answered: id },
    { write: '{"jsonrpc":"2.0","id":$ID,"result":{"content":[{"type":"text","text":$ANSWER}]}}' },
  ]
  return guard
    .call('puppet', { steps })
    .then(({ result }) => JSON.parse(result?.content?.[0]?.text ?? 'null') as unknown)
}

test('a question passes under an id of the guard, word for word, and its answer goes back', async () => {
  const guard = start({ requests: ['elicitation'] })
  await guard.open({ elicitation: {} })
  const call = askingCall(guard, ASK)
  const question = await guard.notification('elicitation/create')
  expect(question.text).toContain(
    '"params":{"message":"which?","requestedSchema":{"type":"object","properties":{"colour":{"type":"string"}}},"unknown":1.0}',
  )
  expect(question.id).not.toBe('u-1')
  // An id that the guard did not give, and the answer twice: only the first true one counts.
  guard.send({ jsonrpc: '2.0', id: 'u-1', result: { action: 'cancel' } })
  guard.send({ jsonrpc: '2.0', id: question.id, result: { action: 'accept', content: { n: 1 } } })
  guard.send({ jsonrpc: '2.0', id: question.id, result: { action: 'decline' } })
  expect(await call).toEqual({
    jsonrpc: '2.0',
    id: 'u-1',
    result: { action: 'accept', content: { n: 1 } },
  })
  const passed = guard.folder.record().filter(({ type }) => type === 'upstream_request')
  expect(passed).toMatchObject([{ server: 'p', method: 'elicitation/create', verdict: 'passed' }])
  await guard.settled()
  const answers = received(guard.folder.path, 'p').filter(({ message }) => message.id === 'u-1')
  expect(answers).toHaveLength(1)
})

test.each([
  ['the mandate is silent', {}, { elicitation: {} }, 'request_not_permitted'],
  [
    'the mandate permits another kind',
    { requests: ['roots'] },
    { elicitation: {} },
    'request_not_permitted',
  ],
  ['the client cannot be asked', { requests: ['elicitation'] }, {}, 'unsupported'],
])('a question is declined where %s', async (_why, options, capabilities, reason) => {
  const guard = start(options)
  await guard.open(capabilities)
  expect(await askingCall(guard, ASK)).toMatchObject({ id: 'u-1', error: { code: -31_403 } })
  expect(guard.frames.filter(({ method }) => method === 'elicitation/create')).toEqual([])
  const declined = guard.folder.record().filter(({ type }) => type === 'upstream_request')
  expect(declined).toMatchObject([{ verdict: 'declined', reason }])
  await guard.logged(/a request from an upstream was declined/)
})

test.each([
  ['a method of no kind', 'x/y', '{}'],
  ['tools/call, the wrong way round', 'tools/call', '{"name":"puppet"}'],
])('%s is refused as unknown', async (_what, method, params) => {
  const guard = start({ requests: ['elicitation', 'sampling', 'roots'] })
  await guard.open({ elicitation: {}, sampling: {}, roots: {} })
  const question = `{"jsonrpc":"2.0","id":"u-1","method":"${method}","params":${params}}`
  expect(await askingCall(guard, question)).toMatchObject({ error: { code: -32_601 } })
  expect(guard.frames.filter((frame) => frame.method === method)).toEqual([])
})

test.each([
  ['elicitation/create', { message: '?' }],
  ['sampling/createMessage', { messages: [], maxTokens: 1 }],
  ['roots/list', {}],
])(
  'a legacy upstream asks a modern client for %s by an answer, and the retry goes on with its call',
  async (method, question) => {
    const guard = start({ requests: ['elicitation', 'sampling', 'roots'], eras: ['legacy'] })
    await guard.request('server/discover', { _meta: META })
    const asks = { jsonrpc: '2.0', id: 7, method, params: question }
    const steps = [
      { write: JSON.stringify(asks) },
      { answered: 7 },
      { write: '{"jsonrpc":"2.0","id":$ID,"result":{"content":[{"type":"text","text":$ANSWER}]}}' },
    ]
    const params = { name: 'puppet', arguments: { steps }, _meta: META }
    const first = await guard.request('tools/call', params)
    const { requestState } = first.result ?? {}
    expect(first.result).toEqual({
      resultType: 'input_required',
      inputRequests: { question: { method, params: question } },
      requestState,
    })
    const inputResponses = { question: { said: 'so' } }
    const answer = await guard.request('tools/call', { ...params, requestState, inputResponses })
    expect(JSON.parse(answer.result?.content?.[0]?.text ?? '')).toEqual({
      jsonrpc: '2.0',
      id: 7,
      result: { said: 'so' },
    })
    expect(guard.frames.filter((frame) => frame.method === method)).toEqual([])
    const asked = guard.folder.record().filter(({ type }) => type === 'upstream_request')
    expect(asked).toMatchObject([{ method, verdict: 'passed' }])
    const calls = received(guard.folder.path, 'p').filter(
      ({ message }) => message.method === 'tools/call',
    )
    expect(calls).toHaveLength(1)
  },
)

test('a modern upstream asks a legacy client through the guard, word for word', async () => {
  const guard = start({ requests: ['elicitation'], eras: ['modern'] })
  await guard.open({ elicitation: {} })
  const call = guard.call('asks')
  const question = await guard.notification('elicitation/create')
  expect(question.text).toContain(`"params":${FORM}`)
  guard.send({ jsonrpc: '2.0', id: question.id, result: { action: 'accept', content: { a: 1 } } })
  expect((await call).result).toMatchObject({ content: [] })
  const calls = received(guard.folder.path, 'p').filter(
    ({ message }) => message.method === 'tools/call',
  )
  expect(calls[1]?.message.params).toMatchObject({
    name: 'asks',
    inputResponses: { q: { action: 'accept', content: { a: 1 } } },
    requestState: 's',
  })
})

test('in the modern era a question comes as a result, its state sealed, and its answer is decided anew', async () => {
  const guard = start({ requests: ['elicitation'], eras: ['modern'] })
  const call = { name: 'asks', _meta: META }
  const question = await guard.request('tools/call', call)
  const { requestState } = question.result ?? {}
  expect(payload(question)).toBe(INPUT.replace('"s"', JSON.stringify(requestState)))
  const inputResponses = { q: { action: 'accept', content: {} } }
  const retry = await guard.request('tools/call', { ...call, inputResponses, requestState })
  expect(retry.result).toMatchObject({ resultType: 'complete' })
  const calls = received(guard.folder.path, 'p').filter(
    ({ message }) => message.method === 'tools/call',
  )
  expect(calls[1]?.message.params).toMatchObject({ inputResponses, requestState: 's' })
  const types = guard.folder.record().map(({ type }) => type)
  expect(types.filter((type) => type === 'intent')).toHaveLength(2)
  // A retry for a tool that is not granted is as unknown as the first call.
  const smuggled = { ...call, name: 'other', inputResponses }
  expect(reasonOf(await guard.request('tools/call', smuggled))).toBe('unknown_tool')
})

test('a question that its upstream takes back is taken back from the client', async () => {
  const guard = start({ requests: ['elicitation'] })
  await guard.open({ elicitation: {} })
  const steps = [{ write: ASK }, { heard: 'notifications/never' }]
  void guard.call('puppet', { steps }, 'held').catch(() => undefined)
  const question = await guard.notification('elicitation/create')
  await guard.call('puppet', {
    steps: [
      {
        write: '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"u-1"}}',
      },
      { write: '{"jsonrpc":"2.0","id":$ID,"result":{"content":[]}}' },
    ],
  })
  const cancelled = await guard.notification('notifications/cancelled')
  expect(cancelled.params).toEqual({ requestId: question.id })
  guard.send({ jsonrpc: '2.0', id: question.id, result: { action: 'accept', content: {} } })
  await guard.settled()
  const answers = received(guard.folder.path, 'p').filter(({ message }) => message.id === 'u-1')
  expect(answers).toEqual([])
  guard.notify('notifications/cancelled', { requestId: 'held' })
})
