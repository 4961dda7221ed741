/** What the legacy era has beside requests: sessions, streams that are taken up again, the end. */
import { afterEach, describe, expect, test } from 'vitest'
import { events, json, result } from '../../../fakes/http-upstream.ts'
import { closeAll, eventId, opened } from './opened.ts'

afterEach(closeAll)

describe("a request's stream that breaks off before its answer", () => {
  const PRIMED = 'id: p-1\nretry: 500\ndata:\n\n'

  test('is taken up again after the time that the server gave, and the answer is its own', async () => {
    const { server, one } = await opened({
      onPost: (_, response) => void events(response, PRIMED).end(),
      onGet: (request, response) => {
        if (eventId(request) === undefined) response.writeHead(405).end()
        else events(response, 'id: p-2\n', { jsonrpc: '2.0', id: 2, result: { late: true } })
      },
    })
    one.ask(2)
    await one.until(() => one.paused.length === 1)
    expect(one.paused).toEqual([[2, 500]])
    one.clock.advance(499)
    expect(server.of('GET')).toHaveLength(1)
    one.clock.advance(1)
    expect(await one.outcome(2)).toContain('late')
    expect(one.lines.at(-1)?.about).toBe(2)
    expect(eventId(server.of('GET')[1])).toBe('p-1')
    expect(server.of('tools/call')).toHaveLength(1)
  })

  test('is taken up after half a minute where the server asks for days', async () => {
    const { one } = await opened({
      onPost: (_, response) => void events(response, 'id: p-1\nretry: 999999999\ndata:\n\n').end(),
      onGet: (request, response) => {
        if (eventId(request) === undefined) response.writeHead(405).end()
        else events(response, { jsonrpc: '2.0', id: 2, result: { late: true } })
      },
    })
    one.ask(2)
    await one.until(() => one.paused.length === 1)
    // What the agent is told to wait is the same.
    expect(one.paused).toEqual([[2, 30_000]])
    one.clock.advance(30_000)
    expect(await one.outcome(2)).toContain('late')
  })

  test('is taken up as often as the server likes to be polled', async () => {
    let polls = 0
    const { one } = await opened({
      onPost: (_, response) => void events(response, PRIMED).end(),
      onGet: (request, response) => {
        if (eventId(request) === undefined) {
          response.writeHead(405).end()
          return
        }
        polls += 1
        if (polls < 20) events(response, `id: poll-${polls}\ndata: {}\n\n`).end()
        else events(response, { jsonrpc: '2.0', id: 2, result: {} }).end()
      },
    })
    one.ask(2)
    for (let poll = 1; poll <= 20; poll += 1) {
      await one.until(() => one.paused.length === poll)
      one.clock.advance(500)
    }
    await one.outcome(2)
    expect(one.failed).toEqual([])
  })

  test('is given up when it brings nothing time after time', async () => {
    const { server, one } = await opened({
      onPost: (_, response) => void events(response).write(PRIMED, () => response.destroy()),
      onGet: (request, response) => {
        if (eventId(request) === undefined) response.writeHead(405).end()
        else response.destroy()
      },
    })
    one.ask(2)
    for (let poll = 1; poll <= 5; poll += 1) {
      await one.until(() => one.paused.length === poll)
      one.clock.advance(60_000)
    }
    expect(await one.outcome(2)).toBe('ERR_UPSTREAM_LOST')
    expect(server.of('GET')).toHaveLength(6)
    expect(server.of('tools/call')).toHaveLength(1)
  })

  test.each([
    ['has no event with an id', ': \n\n', 200],
    ['is not kept by the server', PRIMED, 405],
  ])('is lost where it %s', async (_what, said, status) => {
    const { one } = await opened({
      onPost: (_, response) => void events(response, said).end(),
      onGet: (_, response) => void response.writeHead(status === 200 ? 405 : status).end(),
    })
    one.ask(2)
    const failed = one.until(() => one.failed.length === 1)
    if (status !== 200) {
      await one.until(() => one.paused.length === 1)
      one.clock.advance(500)
    }
    await failed
    expect(one.failed).toMatchObject([{ id: 2, code: 'ERR_UPSTREAM_LOST' }])
  })

  test('is lost where what takes it up is packed', async () => {
    const { server, one } = await opened({
      onPost: (_, response) => void events(response, PRIMED).end(),
      onGet: (request, response) => {
        if (eventId(request) === undefined) response.writeHead(405).end()
        else {
          response.setHeader('content-encoding', 'gzip')
          events(response, { jsonrpc: '2.0', id: 2, result: {} })
        }
      },
    })
    one.ask(2)
    await one.until(() => one.paused.length === 1)
    one.clock.advance(500)
    expect(await one.outcome(2)).toBe('ERR_UPSTREAM_LOST')
    expect(server.of('tools/call')).toHaveLength(1)
  })

  test('is not taken up once nobody waits', async () => {
    const { server, one } = await opened({
      onPost: (_, response) => void events(response, PRIMED).end(),
    })
    one.ask(2)
    await one.until(() => one.paused.length === 1)
    expect(one.connection.abandon?.(2)).toBe(false)
    one.clock.advance(60_000)
    one.ask(3)
    await one.until(() => one.paused.length === 2)
    expect(server.of('GET')).toHaveLength(1)
  })
})

describe('a session', () => {
  test('that the server does not know any more is over, and what was sent on it is not sent again', async () => {
    const { server, one } = await opened({
      session: 's',
      onPost: (request, response) => {
        if (request.message.id === 2) return
        const error = { code: -32_001, message: 'Session not found' }
        json(response, { jsonrpc: '2.0', id: null, error }, 404)
      },
    })
    one.ask(2)
    one.ask(3)
    await one.until(() => one.exits.length === 1)
    expect(one.failed).toMatchObject([{ id: 3, code: 'ERR_UPSTREAM_REFUSED' }])
    expect(one.exits).toEqual([{ code: null, signal: null, lost: 'with its session (HTTP 404)' }])
    expect(one.ask(4)).toBe(false)
    await one.connection.stop()
    expect(one.exits).toHaveLength(1)
    expect(server.of('DELETE')).toEqual([])
  })

  test('is not over for a method that the server does not know', async () => {
    const { one } = await opened({
      session: 's',
      onPost: ({ message: { id } }, response) =>
        json(response, { jsonrpc: '2.0', id, error: { code: -32_601, message: 'no' } }, 404),
    })
    one.ask(2)
    expect(await one.outcome(2)).toContain('-32601')
    expect(one.exits).toEqual([])
  })

  test('is thought to be over when two requests in a row are refused as one without', async () => {
    const { one } = await opened({
      session: 's',
      onPost: (request, response) => {
        if (request.message.id === 3) json(response, result(request))
        else
          json(response, { jsonrpc: '2.0', id: null, error: { code: -32_000, message: 'x' } }, 400)
      },
    })
    for (const id of [2, 3, 4]) {
      one.ask(id)
      await one.outcome(id)
    }
    expect(one.exits).toEqual([])
    one.ask(5)
    await one.until(() => one.exits.length === 1)
  })

  test('is ended by DELETE, after what still had to be said', async () => {
    const { server, one } = await opened({ session: 's', onDelete: (_, to) => void to.end() })
    one.connection.send('{"jsonrpc":"2.0","method":"notifications/cancelled"}')
    await one.connection.stop()
    expect(server.arrived.slice(-2).map(({ method }) => method)).toEqual(['POST', 'DELETE'])
    expect(server.of('DELETE')[0]?.headers).toMatchObject({ 'mcp-session-id': 's' })
    expect(one.exits).toHaveLength(1)
    expect(one.connection.send('{}')).toBe(false)
  })

  test('whose server does not answer to that is left after the grace', async () => {
    const { server, one } = await opened({ session: 's', onDelete: () => undefined })
    const stopped = one.connection.stop(300)
    await server.until(() => server.of('DELETE').length === 1)
    one.clock.advance(300)
    await stopped
    expect(one.exits).toHaveLength(1)
  })

  test('there was none needs no end', async () => {
    const { server, one } = await opened({})
    await one.connection.stop()
    expect(server.of('DELETE')).toEqual([])
    expect(one.exits).toMatchObject([{ lost: 'as it was told to' }])
  })
})
