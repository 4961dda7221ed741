/** HTTP+SSE, by its own name or where nothing newer is spoken at the address. */
import { afterEach, describe, expect, test } from 'vitest'
import type { ServerResponse } from 'node:http'
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

const open: { servers: HttpUpstream[]; talk?: Talk } = { servers: [] }

afterEach(async () => {
  await open.talk?.connection.stop(0)
  for (const server of open.servers.splice(0)) await server.close()
})

/** A server of 2024-11-05: the stream at the address, messages at another path, answers on the stream. */
async function older(
  onMessage: (request: Arrived, stream: ServerResponse) => void = answer,
  endpoint = '/messages?session=1',
): Promise<HttpUpstream> {
  let stream: ServerResponse | undefined
  const server = await httpUpstream((request, response) => {
    if (request.method === 'GET') {
      stream = events(response, `event: endpoint\ndata: ${endpoint}\n\n`)
    } else if (request.path.startsWith('/messages')) {
      response.writeHead(202).end('Accepted')
      if (stream) onMessage(request, stream)
    } else {
      response.writeHead(404, { 'content-type': 'text/html' }).end('<pre>Cannot POST /mcp</pre>')
    }
  })
  open.servers.push(server)
  return server
}

function answer(request: Arrived, stream: ServerResponse): void {
  if (request.message.id !== undefined) events(stream, result(request, { by: 'older' }))
}

function talking(server: HttpUpstream, options: Parameters<typeof talk>[1]): Talk {
  open.talk = talk(server.url, options)
  return open.talk
}

describe('by its own name', () => {
  test('opens its stream at once, posts where that says, and hears the answers on it', async () => {
    const server = await older()
    const one = talking(server, { transport: 'sse', headers: { authorization: 'Bearer secret' } })
    one.ask(1, 'initialize')
    expect(await one.outcome(1)).toContain('older')
    one.connection.agreed?.(LEGACY)
    one.connection.send('{"jsonrpc":"2.0","method":"notifications/initialized"}')
    one.ask(2)
    await one.outcome(2)
    expect(server.arrived.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /mcp',
      'POST /messages?session=1',
      'POST /messages?session=1',
      'POST /messages?session=1',
    ])
    for (const { headers } of server.arrived) expect(headers.authorization).toBe('Bearer secret')
    expect(server.arrived[3]?.headers['mcp-protocol-version']).toBe('2025-11-25')
    expect(one.lines.at(-1)?.about).toBeUndefined()
  })

  test.each([
    ['another host', 'http://localhost:9/messages'],
    ['another port', 'http://127.0.0.1:9/messages'],
    ['another scheme', 'https://127.0.0.1/messages'],
    ['no scheme', '//evil.example/messages'],
    ['a user', 'http://user:word@127.0.0.1/messages'],
    ['no address', 'http://'],
    ['a script', 'javascript:alert(1)'],
    ['an endless one', `/messages?${'x'.repeat(5000)}`],
  ])('posts to nobody where the stream names %s', async (_what, endpoint) => {
    const server = await older(answer, endpoint)
    const one = talking(server, { transport: 'sse', headers: { authorization: 'Bearer secret' } })
    one.ask(1, 'initialize')
    expect(await one.outcome(1)).toBe('ERR_UPSTREAM_DOWN')
    await one.until(() => one.exits.length === 1)
    expect(server.of('POST')).toEqual([])
    expect(JSON.stringify(one.failed)).not.toContain('secret')
    expect(one.ask(2)).toBe(false)
  })

  test('takes an address as the server may write it', async () => {
    const server = await older(answer, 'messages/?a=1')
    const one = talking(server, { transport: 'sse' })
    one.ask(1, 'initialize')
    await one.outcome(1)
    expect(server.of('POST')[0]?.path).toBe('/messages/?a=1')
  })

  test('ends with its stream, and what was under way with it', async () => {
    const server = await older((request, stream) => {
      if (request.message.id === 2) stream.end('data: {"half')
      else answer(request, stream)
    })
    const one = talking(server, { transport: 'sse' })
    one.ask(1, 'initialize')
    await one.outcome(1)
    one.connection.agreed?.(LEGACY)
    one.ask(2)
    await one.until(() => one.exits.length === 1)
    expect(one.exits).toEqual([{ code: null, signal: null, lost: 'with its event stream' }])
    expect(one.ask(3)).toBe(false)
  })

  test.each([
    [401, 'ERR_UPSTREAM_DENIED'],
    [404, 'ERR_UPSTREAM_DOWN'],
    [307, 'ERR_UPSTREAM_DOWN'],
  ])('is refused with HTTP %i', async (status, code) => {
    const server = await httpUpstream((_, response) => void response.writeHead(status).end())
    open.servers.push(server)
    const one = talking(server, { transport: 'sse' })
    one.ask(1, 'initialize')
    expect(await one.outcome(1)).toBe(code)
    await one.until(() => one.exits.length === 1)
  })

  test('that never names an address is given up', async () => {
    const server = await httpUpstream((_, response) => void events(response, ': wait\n\n'))
    open.servers.push(server)
    const one = talking(server, { transport: 'sse' })
    one.ask(1, 'initialize')
    await server.until(() => server.arrived.length === 1)
    one.clock.advance(30_000)
    expect(await one.outcome(1)).toBe('ERR_UPSTREAM_LOST')
    await server.until(() => server.arrived[0]?.isGone() === true)
  })

  test('takes 64 messages before the address is named, and no more; those alone are sent', async () => {
    const named = Promise.withResolvers<void>()
    const server = await httpUpstream((request, response) => {
      if (request.method !== 'GET') response.writeHead(202).end()
      else void named.promise.then(() => events(response, 'event: endpoint\ndata: /m\n\n'))
    })
    open.servers.push(server)
    const one = talking(server, { transport: 'sse', agreement: LEGACY })
    const taken = Array.from({ length: 100 }, (_, index) => one.ask(index + 1))
    expect(taken.filter((is) => is)).toHaveLength(64)
    named.resolve()
    await server.until(() => server.of('POST').length === 64)
    one.ask(200)
    await server.until(() => server.of('POST').length === 65)
    expect(server.arrived.at(-1)?.message.id).toBe(200)
  })

  test('a message that is refused fails its request, and in the opening says which era it is not of', async () => {
    let stream: ServerResponse | undefined
    const server = await httpUpstream((request, response) => {
      if (request.method === 'GET') stream = events(response, 'event: endpoint\ndata: /m\n\n')
      else if (request.message.method === 'initialize') {
        response.writeHead(202).end()
        if (stream) answer(request, stream)
      } else response.writeHead(400).end('no session')
    })
    open.servers.push(server)
    const one = talking(server, { transport: 'sse' })
    one.ask(1, 'server/discover', { version: '2026-07-28' })
    expect(await one.outcome(1)).toContain('"code":400')
    one.ask(2, 'initialize')
    await one.outcome(2)
    one.connection.agreed?.(LEGACY)
    one.ask(3)
    expect(await one.outcome(3)).toBe('ERR_UPSTREAM_REFUSED')
  })

  test('is left by closing the stream', async () => {
    const server = await older()
    const one = talking(server, { transport: 'sse' })
    one.ask(1, 'initialize')
    await one.outcome(1)
    await one.connection.stop()
    await server.until(() => server.arrived[0]?.isGone() === true)
    expect(one.exits).toMatchObject([{ lost: 'as it was told to' }])
  })
})

describe('where nothing newer is spoken', () => {
  test.each(['auto', 'sse'] as const)('is found by %s', async (transport) => {
    const server = await older()
    const one = talking(server, { transport })
    one.ask(1, 'initialize')
    expect(await one.outcome(1)).toContain('older')
    one.connection.agreed?.(LEGACY)
    one.ask(2)
    expect(await one.outcome(2)).toContain('older')
    expect(one.exits).toEqual([])
    await one.connection.stop()
    expect(one.exits).toHaveLength(1)
  })

  test('is not looked for where Streamable HTTP is asked for by name', async () => {
    const server = await older()
    const one = talking(server, { transport: 'streamable' })
    one.ask(1, 'initialize')
    expect(await one.outcome(1)).toContain('"code":404')
    expect(server.of('GET')).toEqual([])
  })

  test('is not looked for where a modern server refuses', async () => {
    const error = { code: -32_022, message: 'x', data: { supported: ['2026-07-28'] } }
    const server = await httpUpstream((_, response) =>
      json(response, { jsonrpc: '2.0', id: null, error }, 400),
    )
    open.servers.push(server)
    const one = talking(server, { transport: 'auto' })
    one.ask(1, 'initialize')
    expect(await one.outcome(1)).toContain('-32022')
    expect(server.of('GET')).toEqual([])
  })

  const nothing: HttpScript = (request, response) =>
    void response.writeHead(request.method === 'GET' ? 405 : 404).end()

  test('is not spoken either: the opening is refused, and the connection can still be asked', async () => {
    const server = await httpUpstream(nothing)
    open.servers.push(server)
    const one = talking(server, { transport: 'auto' })
    one.ask(1, 'initialize')
    expect(await one.outcome(1)).toContain('"code":404')
    one.ask(2, 'server/discover', { version: '2026-07-28' })
    await one.outcome(2)
    expect(server.arrived.map(({ method }) => method)).toEqual(['POST', 'GET', 'POST'])
    expect(one.exits).toEqual([])
    await one.connection.stop()
    expect(one.exits).toHaveLength(1)
  })

  test('a stream for which the credentials do not do says so', async () => {
    const server = await httpUpstream(
      (request, response) => void response.writeHead(request.method === 'GET' ? 401 : 404).end(),
    )
    open.servers.push(server)
    const one = talking(server, { transport: 'auto' })
    one.ask(1, 'initialize')
    expect(await one.outcome(1)).toBe('ERR_UPSTREAM_DENIED')
  })

  test('a stop while it is being looked for ends both', async () => {
    const server = await httpUpstream((request, response) => {
      if (request.method === 'POST') response.writeHead(404).end()
    })
    open.servers.push(server)
    const one = talking(server, { transport: 'auto' })
    one.ask(1, 'initialize')
    await server.until(() => server.of('GET').length === 1)
    await one.connection.stop()
    await server.until(() => server.of('GET')[0]?.isGone() === true)
    expect(one.exits).toHaveLength(1)
    expect(one.lines).toEqual([])
  })
})
