/** Streamable HTTP against real servers on loopback: requests and their headers, answers in both forms, what is no answer. */
import { afterEach, describe, expect, test } from 'vitest'
import {
  events,
  httpUpstream,
  json,
  result,
  type HttpScript,
  type HttpUpstream,
} from '../../../fakes/http-upstream.ts'
import { LEGACY, MODERN, talk, type Talk } from './talk.ts'

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

const answering: HttpScript = (request, response) => json(response, result(request))

describe('a request', () => {
  test('is one POST, with the headers of the modern era', async () => {
    const { server, one } = await against(answering, {
      agreement: MODERN,
      headers: { Authorization: 'Bearer secret', 'X-Team': 'blue' },
    })
    one.ask(1, 'tools/call', {
      name: 'wörk\n',
      params: [
        ['Mcp-Param-Region', 'us-west1'],
        ['Mcp-Param-Text', ' padded '],
      ],
    })
    expect(await one.outcome(1)).toBe('{"jsonrpc":"2.0","id":1,"result":{}}')
    const [request] = server.arrived
    expect(request).toMatchObject({ method: 'POST', path: '/mcp', message: { id: 1 } })
    expect(request?.headers).toMatchObject({
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'accept-encoding': 'identity',
      authorization: 'Bearer secret',
      'x-team': 'blue',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': '=?base64?d8O2cmsK?=',
      'mcp-param-region': 'us-west1',
      'mcp-param-text': '=?base64?IHBhZGRlZCA=?=',
    })
    expect(request?.headers['mcp-session-id']).toBeUndefined()
  })

  test('of the modern opening says its version before there is an agreement', async () => {
    const { server, one } = await against(answering)
    one.ask(1, 'server/discover', { version: '2026-07-28' })
    await one.outcome(1)
    expect(server.arrived[0]?.headers).toMatchObject({
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'server/discover',
    })
  })

  test('of the legacy era has its version and session, and mirrors nothing', async () => {
    const { server, one } = await against((request, response) =>
      json(response, result(request), 200, { 'Mcp-Session-Id': `s-${server.arrived.length}` }),
    )
    one.ask(1, 'initialize')
    await one.outcome(1)
    one.connection.agreed?.(LEGACY)
    one.ask(2, 'tools/call', { name: 'echo', params: [['Mcp-Param-A', 'a']] })
    await one.outcome(2)
    one.ask(3)
    await one.outcome(3)
    const [first, ...rest] = server.arrived
    expect(first?.headers['mcp-protocol-version']).toBeUndefined()
    expect(first?.headers['mcp-session-id']).toBeUndefined()
    for (const { headers } of rest) {
      expect(headers).toMatchObject({
        'mcp-protocol-version': '2025-11-25',
        'mcp-session-id': 's-1',
      })
      expect(
        Object.keys(headers).filter((name) => /^mcp-(?:method|name|param)/.test(name)),
      ).toEqual([])
    }
  })

  test('that waits for the pool is sent once it is there; connections are used again', async () => {
    const { server, one } = await against(answering, { agreement: MODERN })
    for (let id = 1; id <= 5; id += 1) {
      one.ask(id)
      await one.outcome(id)
    }
    // The first is not free again in the very turn in which it has brought an answer.
    expect(Math.max(...server.arrived.map(({ connection }) => connection))).toBeLessThanOrEqual(2)
  })

  test('finds a bound on what is under way, and on what waits', async () => {
    const { server, one } = await against(() => undefined, { agreement: MODERN })
    const taken = Array.from({ length: 1300 }, (_, index) => one.ask(index + 1))
    await server.until(() => server.arrived.length === 128)
    expect(taken.filter((is) => is).length).toBe(1024)
    one.connection.abandon?.(1)
    await server.until(() => server.arrived.length === 129)
  })

  test('that is called off before it has left never leaves', async () => {
    const { server, one } = await against(answering, { agreement: LEGACY })
    one.ask(1)
    expect(one.connection.abandon?.(1)).toBe(true)
    one.ask(2)
    await one.outcome(2)
    expect(server.arrived.map(({ message }) => message.id)).toEqual([2])
  })
})

describe('an answer', () => {
  const WRITTEN = '{"jsonrpc":"2.0","id":1,"result":{"n":1.0,"big":12345678901234567890}}'

  test('in JSON arrives byte for byte, on one line', async () => {
    const { one } = await against(
      (_, response) => json(response, `${WRITTEN.replace(',"id"', ',\r\n  "id"')}\n`),
      { agreement: MODERN },
    )
    one.ask(1)
    expect(await one.outcome(1)).toBe(WRITTEN.replace(',"id"', ',    "id"'))
    expect(one.lines).toMatchObject([{ about: 1 }])
  })

  test('on a stream comes after what belongs to it, each on account of the request', async () => {
    const note = { jsonrpc: '2.0', method: 'notifications/progress', params: { progress: 1 } }
    const { one } = await against(
      (request, response) => void events(response, ': hello\n\n', note, result(request)).end(),
      { agreement: MODERN },
    )
    one.ask(7)
    await one.outcome(7)
    expect(one.lines).toEqual([
      { text: JSON.stringify(note), about: 7 },
      { text: '{"jsonrpc":"2.0","id":7,"result":{}}', about: 7 },
    ])
  })

  test('is the same however its stream is split', async () => {
    const { one } = await against(
      (_, response) => {
        response.writeHead(200, { 'content-type': 'Text/Event-Stream; charset=utf-8' })
        const bytes = Buffer.from(
          'event: message\r\nid: 1\r\ndata: {"jsonrpc":"2.0",\r\ndata: "id":1,"result":{"é":"世"}}\r\n\r\n',
        )
        for (const byte of bytes) response.write(Buffer.from([byte]))
        response.end()
      },
      { agreement: MODERN },
    )
    one.ask(1)
    expect(await one.outcome(1)).toBe('{"jsonrpc":"2.0", "id":1,"result":{"é":"世"}}')
  })

  test('that comes is the end of it: a stream kept open is let go of', async () => {
    const { server, one } = await against(
      (request, response) => void events(response, result(request)),
      { agreement: MODERN },
    )
    one.ask(1)
    await one.outcome(1)
    one.clock.advance(999)
    expect(server.arrived[0]?.isGone()).toBe(false)
    one.clock.advance(1)
    await server.until(() => server.arrived[0]?.isGone() === true)
    expect(one.failed).toEqual([])
  })

  test('may be a refusal: a JSON-RPC error for this request under any status', async () => {
    const { one } = await against(
      (request, response) =>
        json(
          response,
          { jsonrpc: '2.0', id: request.message.id, error: { code: -32_601, message: 'no' } },
          [404, 400, 500, 403][(request.message.id ?? 1) - 1] ?? 200,
        ),
      { agreement: MODERN },
    )
    for (const id of [1, 2, 3, 4]) {
      one.ask(id)
      expect(await one.outcome(id)).toContain('-32601')
    }
    expect(one.failed).toEqual([])
  })

  test.each([
    ['ends without one', (response) => void events(response, 'data: {"half').end()],
    ['is no JSON', (response) => json(response, 'not JSON')],
    ['is empty', (response) => json(response, '')],
    ['is a page', (response) => void response.setHeader('content-type', 'text/html').end('<p>')],
    ['has no type', (response) => void response.end('{}')],
    ['was accepted only', (response) => void response.writeHead(202).end()],
    ['is packed', (response) => json(response, 'x', 200, { 'content-encoding': 'gzip' })],
    ['answers another', (response) => json(response, { jsonrpc: '2.0', id: 99, result: {} })],
    ['breaks off', (response) => void events(response, ': \n\n').destroy()],
    ['is a status alone', (response) => void response.writeHead(500).end('<h1>oops')],
    ['came from a proxy', (response) => json(response, { error: 'bad gateway' }, 502)],
    [
      'is elsewhere, after the deed',
      (response) => void response.writeHead(303, { location: '/x' }).end(),
    ],
  ] satisfies [string, (response: Parameters<HttpScript>[1]) => void][])(
    'that %s is unknown, and nothing is sent again',
    async (_what, script) => {
      const { server, one } = await against((_, response) => script(response), {
        agreement: MODERN,
      })
      one.ask(1)
      await one.until(() => one.failed.length > 0)
      expect(one.failed).toMatchObject([{ id: 1, code: 'ERR_UPSTREAM_LOST' }])
      one.ask(2)
      await one.until(() => one.failed.length > 1)
      expect(server.arrived.map(({ message }) => message.id)).toEqual([1, 2])
    },
  )

  test.each([400, 404, 405, 406, 413, 415, 429])(
    'HTTP %i says that the request was not carried out, which is not to say that nothing left',
    async (status) => {
      const body = { jsonrpc: '2.0', id: null, error: { code: -32_000, message: 'Bad Request' } }
      const { one } = await against((_, response) => json(response, body, status), {
        agreement: MODERN,
      })
      one.ask(1)
      expect(await one.outcome(1)).toBe('ERR_UPSTREAM_REFUSED')
      expect(one.failed[0]?.message).toBe(`\`far\` answered with HTTP ${status}`)
    },
  )

  test('HTTP 401 and 403 say that the credentials do not do, and nothing of what was said is kept', async () => {
    const { one } = await against(
      (request, response) =>
        json(response, result(request), request.message.id === 1 ? 401 : 403, {
          'www-authenticate': 'Bearer resource_metadata="https://evil.example/"',
        }),
      { agreement: MODERN, headers: { authorization: 'Bearer secret' } },
    )
    for (const id of [1, 2]) {
      one.ask(id)
      expect(await one.outcome(id)).toBe('ERR_UPSTREAM_DENIED')
    }
    expect(JSON.stringify(one.failed)).not.toMatch(/evil|secret/)
  })

  test('that redirects is not followed: the other host sees nothing', async () => {
    const elsewhere = await httpUpstream(answering)
    const location = `${elsewhere.origin}/mcp?token=taken`
    const { one } = await against(
      (_, response) => void response.writeHead(307, { location }).end(),
      {
        agreement: MODERN,
        headers: { authorization: 'Bearer secret' },
      },
    )
    one.ask(1)
    expect(await one.outcome(1)).toBe('ERR_UPSTREAM_REFUSED')
    expect(one.failed[0]?.message).toBe(
      `\`far\` redirects to ${elsewhere.origin} (HTTP 307), and no redirect is followed: name the right address in mcp.json`,
    )
    expect(elsewhere.arrived).toEqual([])
    await elsewhere.close()
  })
})

describe('a server that is not there', () => {
  test('is down: nothing has left', async () => {
    const server = await httpUpstream(answering)
    await server.close()
    open.talk = talk(server.url, { agreement: MODERN })
    open.talk.ask(1)
    expect(await open.talk.outcome(1)).toBe('ERR_UPSTREAM_DOWN')
    expect(open.talk.failed[0]?.message).toBe('`far` refuses the connection (ECONNREFUSED)')
  })

  test('by its name is down, too', async () => {
    open.talk = talk('http://nowhere.invalid/mcp', { agreement: MODERN })
    open.talk.ask(1)
    expect(await open.talk.outcome(1)).toBe('ERR_UPSTREAM_DOWN')
    expect(open.talk.failed[0]?.message).toContain('a host name that cannot be resolved')
  })

  test('behind TLS that is none is down, too', async () => {
    const server = await httpUpstream(answering)
    open.server = server
    open.talk = talk(server.url.replace('http:', 'https:'), { agreement: MODERN })
    open.talk.ask(1)
    expect(await open.talk.outcome(1)).toBe('ERR_UPSTREAM_DOWN')
    expect(server.arrived).toEqual([])
  })

  test('while a request was on its way leaves its outcome unknown', async () => {
    const { server, one } = await against((_, response) => void response.destroy(), {
      agreement: MODERN,
    })
    one.ask(1)
    expect(await one.outcome(1)).toBe('ERR_UPSTREAM_LOST')
    expect(server.arrived).toHaveLength(1)
  })
})

describe('calling off', () => {
  test('in the modern era is the end of the stream, and needs no word', async () => {
    const { server, one } = await against(() => undefined, { agreement: MODERN })
    one.ask(1)
    await server.until(() => server.arrived.length === 1)
    expect(one.connection.abandon?.(1)).toBe(true)
    await server.until(() => server.arrived[0]?.isGone() === true)
    expect(one.connection.send('{"jsonrpc":"2.0","method":"notifications/cancelled"}')).toBe(false)
    expect(server.arrived).toHaveLength(1)
    expect(one.failed).toEqual([])
  })

  test('in the legacy era takes a word, and the stream is let go of all the same', async () => {
    const { server, one } = await against(
      (request, response) => {
        if (request.message.id === undefined) response.writeHead(202).end()
        else events(response, ': working\n\n')
      },
      { agreement: LEGACY },
    )
    one.ask(1)
    await server.until(() => server.arrived.length === 1)
    expect(one.connection.abandon?.(1)).toBe(false)
    const word = '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}'
    expect(one.connection.send(word)).toBe(true)
    await server.until(() => server.of('notifications/cancelled').length === 1)
    await server.until(() => server.arrived[0]?.isGone() === true)
  })
})

describe('the opening', () => {
  const UNSUPPORTED = {
    code: -32_022,
    message: 'Unsupported protocol version',
    data: { supported: ['2026-07-28'] },
  }

  test.each([400, 404, 405, 415])(
    'of the other era, refused with HTTP %i, is answered by an error',
    async (status) => {
      const { one } = await against((_, response) => void response.writeHead(status).end('Nope'))
      one.ask(1, 'server/discover', { version: '2026-07-28' })
      const error = { code: status, message: `HTTP ${status}` }
      expect(JSON.parse(await one.outcome(1))).toEqual({ jsonrpc: '2.0', id: 1, error })
      expect(one.failed).toEqual([])
    },
  )

  test('keeps what a modern server says of its versions, also where it names no request', async () => {
    const { one } = await against((_, response) =>
      json(response, { jsonrpc: '2.0', id: null, error: UNSUPPORTED }, 400),
    )
    one.ask(1, 'server/discover', { version: '2026-07-28' })
    expect(JSON.parse(await one.outcome(1))).toEqual({ jsonrpc: '2.0', id: 1, error: UNSUPPORTED })
  })

  test.each([
    [401, 'ERR_UPSTREAM_DENIED'],
    [403, 'ERR_UPSTREAM_DENIED'],
    [302, 'ERR_UPSTREAM_REFUSED'],
    [500, 'ERR_UPSTREAM_LOST'],
    [503, 'ERR_UPSTREAM_LOST'],
  ])('that is refused with HTTP %i is no matter of eras', async (status, code) => {
    const { one } = await against((_, response) => void response.writeHead(status).end())
    one.ask(1, 'initialize')
    expect(await one.outcome(1)).toBe(code)
  })

  test.each(['', 'a b', 'é', 'x'.repeat(1025)])(
    'is refused where the session id is none: %j',
    async (session) => {
      const { one } = await against((request, response) =>
        json(response, result(request), 200, { 'mcp-session-id': session }),
      )
      one.ask(1, 'initialize')
      expect(await one.outcome(1)).toBe('ERR_UPSTREAM_DOWN')
    },
  )
})
