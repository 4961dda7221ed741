import { describe, expect, test } from 'vitest'
import { bridgedResult, nextMeta, progressToken } from '../../src/proxy/envelope.ts'

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
