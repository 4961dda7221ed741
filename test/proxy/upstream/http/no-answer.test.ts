/** What is no answer over Streamable HTTP though it looks like one, and streams that are not taken up again. */
import { afterEach, describe, expect, test } from 'vitest'
import {
  events,
  httpUpstream,
  json,
  result,
  type HttpScript,
  type HttpUpstream,
} from '../../../fakes/http-upstream.ts'
import { MODERN, talk, type Talk } from './talk.ts'

const open: { server?: HttpUpstream; talk?: Talk } = {}

afterEach(async () => {
  await open.talk?.connection.stop(0)
  await open.server?.close()
})

async function against(
  script: HttpScript,
  options: Parameters<typeof talk>[1] = {},
): Promise<{ server: HttpUpstream; one: Talk }> {
  const server = await httpUpstream(script)
  open.server = server
  const one = talk(server.url, options)
  open.talk = one
  return { server, one }
}

describe('an answer that is packed', () => {
  test.each([
    ['gzip', json],
    ['identity, gzip', json],
    ['br', json],
    ['gzip', (response, body) => void events(response, body).end()],
  ] satisfies [string, (response: Parameters<HttpScript>[1], body: object) => void][])(
    'as %s is none, whatever stands in it',
    async (encoding, write) => {
      const { server, one } = await against(
        (request, response) => {
          response.setHeader('content-encoding', encoding)
          write(response, result(request))
        },
        { agreement: MODERN },
      )
      one.ask(1)
      expect(await one.outcome(1)).toBe('ERR_UPSTREAM_LOST')
      expect(one.failed[0]?.message).toBe('`far` packed its answer, which it was asked not to')
      expect(one.lines).toEqual([])
      expect(server.arrived).toHaveLength(1)
    },
  )

  test('twice over is none, and one that says it is not packed is taken', async () => {
    const { one } = await against(
      (request, response) => {
        const encodings = request.message.id === 1 ? ['identity', 'gzip'] : ['Identity']
        response.setHeader('content-encoding', encodings)
        json(response, result(request))
      },
      { agreement: MODERN },
    )
    one.ask(1)
    expect(await one.outcome(1)).toBe('ERR_UPSTREAM_LOST')
    one.ask(2)
    expect(await one.outcome(2)).toContain('"result":{}')
  })
})

test.each([
  ['of the modern era', 'tools/call', { agreement: MODERN }],
  ['of the opening', 'server/discover', {}],
] as const)('a stream %s that broke off is not taken up again', async (_what, method, options) => {
  const { server, one } = await against(
    (_, response) => void events(response, 'id: p-1\nretry: 500\ndata:\n\n').end(),
    options,
  )
  for (const id of [1, 2]) {
    one.ask(id, method)
    await one.until(() => one.failed.length + one.paused.length === id)
    one.clock.advance(60_000)
  }
  expect(one.failed).toMatchObject([{ code: 'ERR_UPSTREAM_LOST' }, { code: 'ERR_UPSTREAM_LOST' }])
  expect(server.of('GET')).toEqual([])
  expect(server.of('POST')).toHaveLength(2)
})
