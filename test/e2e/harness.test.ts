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
