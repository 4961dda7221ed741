/** The harness itself: a guard starts, answers, refuses, records and ends, and what it wrote is read back. */
import { afterAll, expect, test } from 'vitest'
import { puppet, received, toolsNamed } from './folder.ts'
import { GuardPool, payload, reasonOf } from './guard.ts'

const pool = new GuardPool()
afterAll(() => pool.close())

test('a call goes through the guard to the upstream and back, and is on record', async () => {
  const guard = pool.start((path) => ({
    mandate: { tools: { 'p/say': {} } },
    upstreams: {
      p: puppet(path, 'p', {
        results: {
          'tools/list': toolsNamed('say', 'hidden'),
          'tools/call': '{"content":[{"type":"text","text":$PARAMS}]}',
        },
      }),
    },
  }))
  await guard.open()
  const list = await guard.request('tools/list')
  expect(list.result?.tools?.map(({ name }) => name)).toEqual(['say'])
  const answer = await guard.call('say', { word: 'hi' })
  expect(payload(answer)).toBe(
    '{"content":[{"type":"text","text":"{\\"name\\":\\"say\\",\\"arguments\\":{\\"word\\":\\"hi\\"}}"}]}',
  )
  const hidden = await guard.call('hidden')
  expect(hidden.error).toMatchObject({ code: -32_602 })
  expect(reasonOf(hidden)).toBe('unknown_tool')
  expect(await guard.close()).toEqual({ code: 0, signal: null })
  const calls = received(guard.folder.path, 'p').filter(
    ({ message }) => message.method === 'tools/call',
  )
  expect(calls).toHaveLength(1)
  expect(guard.folder.record().map(({ type }) => type)).toContain('intent')
})

test('before its time a mandate permits nothing, not even to look', async () => {
  const guard = pool.start((path) => ({
    mandate: {
      tools: { 'p/say': {} },
      valid: { from: '2998-01-01T00:00:00Z', until: '2999-01-01T00:00:00Z' },
    },
    upstreams: { p: puppet(path, 'p', { results: { 'tools/list': toolsNamed('say') } }) },
  }))
  await guard.open()
  expect(reasonOf(await guard.call('say'))).toBe('mandate_not_yet_valid')
  expect(reasonOf(await guard.request('tools/list'))).toBe('mandate_not_yet_valid')
  expect(reasonOf(await guard.call('hidden'))).toBe('mandate_not_yet_valid')
  const calls = received(guard.folder.path, 'p').filter(
    ({ message }) => message.method === 'tools/call',
  )
  expect(calls).toEqual([])
})

test('a mandate of another agent, or one that is over, starts nothing', async () => {
  const upstreams = (path: string) => ({ p: puppet(path, 'p', {}) })
  const other = pool.start((path) => ({
    mandate: { agent: 'agent-2', tools: { 'p/say': {} } },
    upstreams: upstreams(path),
  }))
  const over = pool.start((path) => ({
    mandate: { tools: { 'p/say': {} }, valid: { until: '2020-01-01T00:00:00Z' } },
    upstreams: upstreams(path),
  }))
  for (const guard of [other, over]) {
    expect((await guard.end()).code).toBe(1)
    expect(received(guard.folder.path, 'p')).toEqual([])
    expect(guard.folder.record()).toEqual([])
  }
  expect(other.stderr).toMatch(/agent-2/)
  expect(over.stderr).toMatch(/expired at 2020-01-01/)
})
