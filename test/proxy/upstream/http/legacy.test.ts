/** What the legacy era has beside requests: sessions, the standing stream, streams that are taken up again, the end. */
import { afterEach, describe, expect, test } from 'vitest'
import {
  events,
  httpUpstream,
  json,
  result,
  type Arrived,
  type HttpScript,
  type HttpUpstream,
} from '../../../fakes/http-upstream.ts'
import { LEGACY, talk, type Talk } from './talk.ts'

const open: { server?: HttpUpstream; talk?: Talk } = {}

afterEach(async () => {
  await open.talk?.connection.stop(0)
  await open.server?.close()
})

const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}'
const NOTE = { jsonrpc: '2.0', method: 'notifications/tools/list_changed' }

interface Script {
  /** What a session is opened under; absent: none is. */
  readonly session?: string
  readonly onPost?: HttpScript
  readonly onGet?: HttpScript
  readonly onDelete?: HttpScript
}

/** A legacy conversation that has been opened. */
async function opened(script: Script): Promise<{ server: HttpUpstream; one: Talk }> {
  const notAllowed: HttpScript = (_, response) => void response.writeHead(405).end()
  const server = await httpUpstream((request, response) => {
    if (request.method === 'GET') (script.onGet ?? notAllowed)(request, response)
    else if (request.method === 'DELETE') (script.onDelete ?? notAllowed)(request, response)
    else if (request.message.id === undefined) response.writeHead(202).end()
    else if (request.message.method === 'initialize')
      json(
        response,
        result(request),
        200,
        script.session ? { 'mcp-session-id': script.session } : {},
      )
    else (script.onPost ?? ((_, to) => json(to, result(request))))(request, response)
  })
  open.server = server
  const one = talk(server.url)
  open.talk = one
  one.ask(1, 'initialize')
  await one.outcome(1)
  one.connection.agreed?.(LEGACY)
  one.connection.send(INITIALIZED)
  await server.until(() => server.of('GET').length === 1)
  return { server, one }
}

const eventId = (request: Arrived | undefined): unknown => request?.headers['last-event-id']

describe('the standing stream', () => {
  test('is opened once the conversation is, and what comes on it belongs to no request', async () => {
    const { server, one } = await opened({
      session: 's-1',
      onGet: (_, response) => void events(response, 'data:\n\n', NOTE),
    })
    await one.until(() => one.lines.length === 2)
    expect(one.lines[1]).toEqual({ text: JSON.stringify(NOTE), about: undefined })
    const [get] = server.of('GET')
    expect(get?.headers).toMatchObject({
      accept: 'text/event-stream',
      'mcp-session-id': 's-1',
      'mcp-protocol-version': '2025-11-25',
    })
    expect(eventId(get)).toBeUndefined()
  })

  test.each([405, 404, 400, 501])('is none where the server says HTTP %i', async (status) => {
    const { server, one } = await opened({
      session: 's',
      onGet: (_, response) => void response.writeHead(status).end(),
    })
    one.ask(2)
    await one.outcome(2)
    one.clock.advance(status === 501 ? 0 : 3_600_000)
    one.ask(3)
    await one.outcome(3)
    expect(server.of('GET')).toHaveLength(1)
    expect(one.exits).toEqual([])
  })

  test('is opened again where it broke off, when the server said', async () => {
    let gets = 0
    const { server, one } = await opened({
      onGet: (_, response) => {
        gets += 1
        if (gets === 1) events(response, 'id: e-7\nretry: 250\n', 'data: {}\n\n').end()
        else events(response, NOTE)
      },
    })
    await one.until(() => one.lines.length === 2)
    await one.until(() => one.waits.at(-1) === 250)
    one.clock.advance(249)
    expect(server.of('GET')).toHaveLength(1)
    one.clock.advance(1)
    await one.until(() => one.lines.length === 3)
    expect(eventId(server.of('GET')[1])).toBe('e-7')
    expect(one.missed()).toBe(0)
  })

  test('that cannot be taken up where it broke off says so', async () => {
    const { server, one } = await opened({
      onGet: (_, response) => void events(response, NOTE).end(),
    })
    await one.until(() => one.lines.length === 2)
    await one.until(() => one.waits.at(-1) === 1000)
    one.clock.advance(1000)
    await one.until(() => one.missed() === 1)
    expect(server.of('GET')).toHaveLength(2)
  })

  test('that brings nothing is opened ever more seldom', async () => {
    const { server, one } = await opened({
      onGet: (_, response) => void response.writeHead(503).end(),
    })
    const waits = [1000, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]
    for (const [index, wait] of waits.entries()) {
      await one.until(() => one.waits.length === 2 * (index + 1))
      expect(one.waits.at(-1)).toBe(wait)
      one.clock.advance(wait - 1)
      expect(server.of('GET')).toHaveLength(index + 1)
      one.clock.advance(1)
      await server.until(() => server.of('GET').length === index + 2)
    }
  })

  test('on which the server asks is answered by a POST of its own', async () => {
    const ping = { jsonrpc: '2.0', id: 'ask-1', method: 'ping' }
    const { server, one } = await opened({
      session: 's',
      onGet: (_, response) => void events(response, ping),
    })
    await one.until(() => one.lines.length === 2)
    expect(one.connection.send('{"jsonrpc":"2.0","id":"ask-1","result":{}}')).toBe(true)
    await server.until(() => server.of('POST').length === 3)
    expect(server.of('POST')[2]?.headers).toMatchObject({ 'mcp-session-id': 's' })
  })
})

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
  test('that the server does not know any more is over, and the request was not carried out', async () => {
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
    expect(one.failed).toMatchObject([{ id: 3, code: 'ERR_UPSTREAM_DOWN' }])
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
