import { describe, expect, test } from 'vitest'
import type { JsonObject } from '../../src/model/json.ts'
import { bridgedError, bridgedResult, nextMeta, progressToken } from '../../src/proxy/envelope.ts'

const SELF = { name: 'chaperone', version: '1' }
const LEGACY = { era: 'legacy', version: '2025-11-25', self: SELF } as const
const MODERN = { era: 'modern', version: '2026-07-28', self: SELF } as const
const V = 'io.modelcontextprotocol/protocolVersion'
const C = 'io.modelcontextprotocol/clientCapabilities'

test('the fields of a hop stay on it; of the rest only the trace travels', () => {
  const params = {
    _meta: {
      [V]: '2026-07-28',
      [C]: { sampling: {} },
      progressToken: 'theirs',
      traceparent: '00',
      tracestate: { not: 'a text' },
      baggage: 'user=dana',
      'io.modelcontextprotocol/logLevel': 'info',
      'x/y': [1],
    },
  }
  expect(nextMeta(params, LEGACY, { token: 7, capabilities: {} })).toEqual({
    traceparent: '00',
    progressToken: 7,
  })
  expect(nextMeta(params, MODERN, { capabilities: { roots: {} } })).toEqual({
    traceparent: '00',
    'io.modelcontextprotocol/logLevel': 'info',
    [V]: '2026-07-28',
    [C]: { roots: {} },
    'io.modelcontextprotocol/clientInfo': SELF,
  })
})

test('where there is nothing to say there is no _meta', () => {
  expect(nextMeta({}, LEGACY, { capabilities: {} })).toBeUndefined()
  expect(nextMeta({ _meta: { progressToken: 1 } }, LEGACY, { capabilities: {} })).toBeUndefined()
})

test('a progress token is a string or a number', () => {
  expect(progressToken({ _meta: { progressToken: 0 } })).toBe(0)
  for (const params of [
    {},
    { _meta: null },
    { _meta: { progressToken: {} } },
    { _meta: { progressToken: true } },
  ]) {
    expect(progressToken(params)).toBeUndefined()
  }
})

describe('a legacy result for a modern agent', () => {
  test('gets its type, and a cache rule where one is due, and keeps its own text', () => {
    expect(bridgedResult('{"n":1.0}', { n: 1 }, 'tools/call', 'modern')).toBe(
      '{"resultType":"complete","n":1.0}',
    )
    expect(bridgedResult('{ }', {}, 'tools/call', 'modern')).toBe('{"resultType":"complete"}')
    expect(
      JSON.parse(bridgedResult('{"contents":[]}', { contents: [] }, 'resources/read', 'modern')),
    ).toEqual({
      resultType: 'complete',
      cacheScope: 'private',
      ttlMs: 0,
      contents: [],
    })
  })

  test('is left alone where it has a type, or the agent is legacy', () => {
    expect(bridgedResult('{"resultType":"x"}', { resultType: 'x' }, 'tools/call', 'modern')).toBe(
      '{"resultType":"x"}',
    )
    expect(bridgedResult('{}', {}, 'tools/call', 'legacy')).toBe('{}')
  })
})

describe('an error', () => {
  const URI = 'notes://public/gone'
  const TO_LEGACY = { from: 'modern', to: 'legacy', uri: URI } as const
  const TO_MODERN = { from: 'legacy', to: 'modern', uri: URI } as const
  const bridged = (text: string, crossing: Parameters<typeof bridgedError>[2]) =>
    bridgedError(text, JSON.parse(text) as JsonObject, crossing)
  const missing = (data: string) => `{ "code": -32602, "message": "gone", "data": ${data} }`

  test('of a modern upstream that names the resource asked for says -32002 to a legacy agent', () => {
    expect(bridged(missing(`{"uri":"${URI}","n":1.0}`), TO_LEGACY)).toEqual({
      code: -32_002,
      text: `{"code":-32002,"message":"gone","data":{"uri":"${URI}","n":1.0}}`,
    })
  })

  test.each([
    ['without data', '{ "code": -32602, "message": "gone" }', TO_LEGACY],
    ['with data that is no object', missing(`"${URI}"`), TO_LEGACY],
    ['with data without a uri', missing('{"n":1.0}'), TO_LEGACY],
    ['that names another resource', missing('{"uri":"notes://public/other"}'), TO_LEGACY],
    ['of a request for no resource', missing(`{"uri":"${URI}"}`), { ...TO_LEGACY, uri: undefined }],
    ['of another code', '{ "code": -32603, "message": "x", "data": {} }', TO_LEGACY],
    ['between legacy ends', missing(`{"uri":"${URI}"}`), { ...TO_LEGACY, from: 'legacy' }],
    ['between modern ends', missing(`{"uri":"${URI}"}`), { ...TO_LEGACY, to: 'modern' }],
    ['of a legacy upstream that only has -32602', missing('{"n":1.0}'), TO_MODERN],
  ] as const)('%s stays byte for byte', (_what, text, crossing) => {
    expect(bridged(text, crossing)).toEqual({
      text,
      code: text.includes('-32603') ? -32_603 : -32_602,
    })
  })

  test.each([
    ['no data', '', `,"data":{"uri":"${URI}"}`],
    ['null', ',"data":null', `,"data":{"uri":"${URI}"}`],
    ['its own data', ',"data":{"n":1.0}', `,"data":{"n":1.0,"uri":"${URI}"}`],
    ['another uri', ',"data":{"uri":"x","n":1e2}', `,"data":{"uri":"${URI}","n":1e2}`],
    ['data that is no object', ',"data":"gone"', ',"data":"gone"'],
  ])('-32002 with %s says -32602 and which resource to a modern agent', (_what, had, has) => {
    expect(bridged(`{"code":-32002,"message":"m"${had}}`, TO_MODERN)).toEqual({
      code: -32_602,
      text: `{"code":-32602,"message":"m"${has}}`,
    })
  })

  test('-32002 of what is no resource loses only its code on the way to a modern agent', () => {
    const { text, code } = bridged('{"code":-32002,"message":"m"}', {
      ...TO_MODERN,
      uri: undefined,
    })
    expect([text, code]).toEqual(['{"code":-32602,"message":"m"}', -32_602])
  })

  test.each([-32_020, -32_021, -32_022])('%i is unknown to a legacy agent', (code) => {
    expect(bridged(`{"code":${code},"message":"m"}`, TO_LEGACY)).toEqual({
      code: -32_602,
      text: '{"code":-32602,"message":"m"}',
    })
  })
})
