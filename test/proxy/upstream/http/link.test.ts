/** A link over HTTP: openings in either era, sessions that end, answers that are nobody's, changes that are missed. */
import { afterEach, describe, expect, test } from 'vitest'
import type { JsonObject } from '../../../../src/model/json.ts'
import type { Credential, Timers } from '../../../../src/model/port.ts'
import { Hearing } from '../../../../src/proxy/upstream/changes.ts'
import type { Errand } from '../../../../src/proxy/errand.ts'
import type { Address } from '../../../../src/proxy/upstream/connection.ts'
import type { Wish } from '../../../../src/proxy/upstream/handshake.ts'
import { connectHttp } from '../../../../src/proxy/upstream/http/connection.ts'
import { Link } from '../../../../src/proxy/upstream/link.ts'
import { fakeClock, type FakeClock } from '../../../fakes/clock.ts'
import {
  events,
  httpUpstream,
  json,
  result,
  type HttpScript,
  type HttpUpstream,
} from '../../../fakes/http-upstream.ts'
import { signals } from '../../../fakes/signals.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

interface Linked {
  readonly link: Link
  readonly clock: FakeClock
  readonly timers: Timers
  readonly told: string[]
  readonly waits: number[]
  readonly until: (holds: () => boolean) => Promise<void>
}

const SELF = { name: 'chaperone', version: '1' }
const MODERN: Wish = { era: 'modern', capabilities: {} }
const LEGACY: Wish = { era: 'legacy', version: '2025-11-25', capabilities: {} }

function linked(
  url: string,
  transport: Address['transport'] = 'auto',
  credential?: Credential,
): Linked {
  const clock = fakeClock('2026-11-24T10:00:00Z')
  const changes = signals()
  const told: string[] = []
  const waits: number[] = []
  const tell = (what: string): void => {
    told.push(what)
    changes.happened()
  }
  const timers = {
    after: (ms: number, action: () => void) => {
      waits.push(ms)
      changes.happened()
      return clock.after(ms, action)
    },
  }
  const quiet = (): void => undefined
  const link: Link = new Link({
    upstream: { server: 'far', url, headers: {}, transport, ...(credential && { credential }) },
    self: SELF,
    clock,
    timers,
    operational: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    events: {
      onState: (_, state, facts) => tell(`${state} ${JSON.stringify(facts)}`),
      onNotification: (_, { method }, about) => tell(`${method} ${about ?? '-'}`),
      onRequest: (_, { id, method }, about) => {
        link.reply(id, 'result', '{"ok":true}')
        tell(`asked ${method} ${about ?? '-'}`)
      },
      onPaused: quiet,
      onMissed: () => tell('missed'),
      onGarbage: (_, why) => tell(why),
    },
    start: (definition, connectionEvents) => {
      if ('command' in definition) throw new Error('no process here')
      return connectHttp(definition, connectionEvents, timers)
    },
    startTimeoutMs: 20_000,
    callTimeoutMs: 60_000,
  })
  closing.push(() => link.stop())
  return { link, clock, timers, told, waits, until: (holds) => changes.until(holds) }
}

async function serving(script: HttpScript): Promise<HttpUpstream> {
  const server = await httpUpstream(script)
  closing.push(() => server.close())
  return server
}

const DISCOVERED = {
  supportedVersions: ['2026-07-28'],
  capabilities: { tools: { listChanged: true } },
}
const INITIALIZED = { protocolVersion: '2025-11-25', capabilities: { tools: {} } }

/** A server of one era, or of both; `onCall` sees what comes after the opening. */
function speaking(eras: 'legacy' | 'modern' | 'both', onCall: HttpScript = echo): HttpScript {
  return (request, response) => {
    const { method, id } = request.message
    const isModern = request.headers['mcp-method'] !== undefined
    if (request.method !== 'POST') response.writeHead(405).end()
    else if (id === undefined) response.writeHead(202).end()
    else if (method === 'initialize' && eras !== 'modern')
      json(response, result(request, INITIALIZED), 200, { 'mcp-session-id': `s${id}` })
    else if (isModern ? eras === 'legacy' : eras === 'modern')
      json(response, { jsonrpc: '2.0', id: null, error: REFUSED }, 400)
    else if (method === 'server/discover') json(response, result(request, DISCOVERED))
    else onCall(request, response)
  }
}
const REFUSED = { code: -32_000, message: 'Bad Request: not of this era' }
const echo: HttpScript = (request, response) =>
  json(response, result(request, { called: request.message.method }))

/** A login whose token is its name. */
function loggedIn(name: string): Credential & { login: string } {
  return {
    login: name,
    authorization() {
      return `Bearer ${this.login}`
    },
    refused: () => false,
  }
}

async function call(link: Link, method = 'tools/call'): Promise<JsonObject> {
  const answer = await link.send(method, () => '{}').answer
  if (answer === 'cancelled') throw new Error('cancelled')
  return answer.value
}

describe('an opening', () => {
  test.each([
    ['modern', MODERN, ['server/discover']],
    ['legacy', MODERN, ['server/discover', 'initialize', 'notifications/initialized']],
    ['both', MODERN, ['server/discover']],
    ['legacy', LEGACY, ['initialize', 'notifications/initialized']],
    ['modern', LEGACY, ['initialize', 'server/discover']],
    ['both', LEGACY, ['initialize', 'notifications/initialized']],
  ] as const)('with a server of %s, wanting %o', async (eras, wish, methods) => {
    const server = await serving(speaking(eras))
    const { link } = linked(server.url)
    const { era } = await link.connect(wish)
    expect(era).toBe(eras === 'both' ? wish.era : eras)
    expect(link.mirrors).toBe(era === 'modern')
    await server.until(() => server.of('POST').length === methods.length)
    expect(server.of('POST').map(({ message }) => message.method)).toEqual(methods)
    expect(await call(link)).toEqual({ called: 'tools/call' })
  })

  test('that no era opens says how far it came, and is not tried again at once', async () => {
    const server = await serving((_, response) => void response.writeHead(404).end())
    const { link } = linked(server.url)
    await expect(link.connect(MODERN)).rejects.toThrow(
      'it opened in neither era of MCP: `server/discover` was answered with error 404, `initialize` was answered with error 404',
    )
    await expect(link.connect(MODERN)).rejects.toThrow('it is tried again in 500 ms')
  })

  test('for which the credentials do not do says that, and goes on to until it is tried again', async () => {
    let status = 401
    const server = await serving((_, response) => void response.writeHead(status).end())
    const { link, clock } = linked(server.url)
    await expect(link.connect(MODERN)).rejects.toMatchObject({ code: 'ERR_UPSTREAM_DENIED' })
    await expect(link.connect(MODERN)).rejects.toMatchObject({ code: 'ERR_UPSTREAM_DENIED' })
    expect(server.arrived).toHaveLength(1)
    clock.advance(500)
    status = 500
    await expect(link.connect(MODERN)).rejects.toMatchObject({ code: 'ERR_UPSTREAM_DOWN' })
    await expect(link.connect(MODERN)).rejects.toThrow('it is tried again in 1000 ms')
  })

  test('that was refused is tried again at once by whoever has logged in since', async () => {
    const server = await serving((request, response) => {
      if (request.headers.authorization === 'Bearer two') speaking('both')(request, response)
      else response.writeHead(401).end()
    })
    const credential = loggedIn('one')
    const { link } = linked(server.url, 'auto', credential)
    await expect(link.connect(MODERN)).rejects.toMatchObject({ code: 'ERR_UPSTREAM_DENIED' })
    await expect(link.connect(MODERN)).rejects.toMatchObject({ code: 'ERR_UPSTREAM_DENIED' })
    expect(server.arrived).toHaveLength(1)
    credential.login = 'two'
    expect(await link.connect(MODERN)).toMatchObject({ era: 'modern' })
  })

  test('of a server that does not listen is down', async () => {
    const server = await httpUpstream(echo)
    await server.close()
    const { link } = linked(server.url)
    await expect(link.connect(LEGACY)).rejects.toMatchObject({
      code: 'ERR_UPSTREAM_DOWN',
      message: '`far` refuses the connection (ECONNREFUSED)',
    })
  })

  test('of a server that fails at a probe it does not know goes on in the legacy era', async () => {
    const legacy = speaking('legacy')
    const server = await serving((request, response) => {
      if (request.message.method === 'server/discover') response.writeHead(500).end('TypeError')
      else legacy(request, response)
    })
    const { link } = linked(server.url)
    expect(await link.connect(MODERN)).toMatchObject({ era: 'legacy' })
  })
})

test('a session that is over is opened anew with the next call, and the one it ended on is not sent again', async () => {
  let sessions = 0
  const server = await serving((request, response) => {
    const { id, method } = request.message
    if (request.method !== 'POST') response.writeHead(405).end()
    else if (id === undefined) response.writeHead(202).end()
    else if (method === 'initialize') {
      sessions += 1
      json(response, result(request, INITIALIZED), 200, { 'mcp-session-id': `s${sessions}` })
    } else if (request.headers['mcp-session-id'] === 's1') response.writeHead(404).end()
    else echo(request, response)
  })
  const { link, told } = linked(server.url)
  await link.connect(LEGACY)
  await expect(call(link)).rejects.toMatchObject({ code: 'ERR_UPSTREAM_REFUSED' })
  expect(told.at(-1)).toBe('exited {"how":"with its session (HTTP 404)","unanswered":0}')
  expect(link.agreement).toBeUndefined()
  await link.connect(LEGACY)
  expect(await call(link)).toEqual({ called: 'tools/call' })
  expect(server.of('tools/call').map(({ headers }) => headers['mcp-session-id'])).toEqual([
    's1',
    's2',
  ])
})

test('G45: an answer counts only on the stream of its own request, and only once', async () => {
  const held: Parameters<HttpScript>[1][] = []
  const server = await serving(
    speaking('modern', (request, response) => {
      held.push(response)
      if (held.length < 2) return
      const first = Number(request.message.id) - 1
      const forged = { jsonrpc: '2.0', id: first, result: { by: 'another' } }
      const own = { jsonrpc: '2.0', id: first, result: { by: 'itself' } }
      events(response, forged, result(request, { by: 'itself' }), result(request, { by: 'again' }))
      events(held[0] ?? response, own).end()
    }),
  )
  const { link, told } = linked(server.url)
  await link.connect(MODERN)
  const answers = await Promise.all([call(link), call(link)])
  expect(answers).toEqual([{ by: 'itself' }, { by: 'itself' }])
  expect(told).toEqual(
    expect.arrayContaining([
      "an answer on another request's stream",
      'an answer that nobody waits for',
    ]),
  )
})

test('what a server asks on the stream of a call is known by that call, and answered by a POST', async () => {
  const waiting: (() => void)[] = []
  const legacy = speaking('legacy', (request, response) => {
    events(response, { jsonrpc: '2.0', id: 'q1', method: 'roots/list' })
    waiting.push(() => void events(response, result(request, { asked: true })).end())
  })
  const server = await serving((request, response) => {
    if (request.message.result === undefined) {
      legacy(request, response)
      return
    }
    response.writeHead(202).end()
    waiting.shift()?.()
  })
  const { link, told } = linked(server.url)
  await link.connect(LEGACY)
  expect(await call(link)).toEqual({ asked: true })
  expect(told).toContain('asked roots/list 2')
  expect(server.arrived.at(-1)?.message).toMatchObject({ id: 'q1', result: { ok: true } })
})

test('a call that takes too long is let go of, and in the modern era the upstream sees just that', async () => {
  const server = await serving(speaking('modern', () => undefined))
  const { link, clock } = linked(server.url)
  await link.connect(MODERN)
  const calling = call(link)
  await server.until(() => server.of('tools/call').length === 1)
  clock.advance(60_000)
  await expect(calling).rejects.toMatchObject({ code: 'ERR_UPSTREAM_TIMEOUT' })
  await server.until(() => server.of('tools/call')[0]?.isGone() === true)
})

describe('a new login', () => {
  test('begins the conversation anew, once nobody waits for the old one', async () => {
    const slow = Promise.withResolvers<void>()
    const server = await serving(
      speaking('legacy', (request, response) => {
        if (request.message.method === 'slow')
          void slow.promise.then(() => json(response, result(request)))
        else echo(request, response)
      }),
    )
    const credential = loggedIn('one')
    const { link, told, until } = linked(server.url, 'auto', credential)
    await link.connect(LEGACY)
    const errand = { call: 'c' } as unknown as Errand
    const waiting = link.send('slow', () => '{}', { errand })
    await server.until(() => server.of('slow').length === 1)
    credential.login = 'two'
    expect(link.agreement).toBeDefined()
    await call(link)
    slow.resolve()
    await waiting.answer
    expect(link.agreement).toBeUndefined()
    await until(() => told.some((one) => one.startsWith('exited')))
    await link.connect(LEGACY)
    expect(server.of('initialize').map(({ headers }) => headers.authorization)).toEqual([
      'Bearer one',
      'Bearer two',
    ])
    expect(server.of('DELETE')).toHaveLength(1)
  })

  test('that is the same one changes nothing', async () => {
    const server = await serving(speaking('modern'))
    const credential = loggedIn('one')
    const { link } = linked(server.url, 'auto', credential)
    const agreement = await link.connect(MODERN)
    expect(link.agreement).toBe(agreement)
    expect(await link.connect(MODERN)).toBe(agreement)
    expect(server.of('server/discover')).toHaveLength(1)
  })
})

describe('list changes of a modern server', () => {
  test('are listened for again whenever the stream ends, ever more seldom', async () => {
    const server = await serving(
      speaking('modern', (_, response) => void events(response, ': open\n\n').end()),
    )
    const { link, clock, timers, told, waits, until } = linked(server.url)
    await link.connect(MODERN)
    new Hearing(SELF, timers).begin(link, [])
    for (const [index, wait] of [1000, 2000, 4000].entries()) {
      await server.until(() => server.of('subscriptions/listen').length === index + 1)
      await until(() => waits.at(-1) === wait)
      clock.advance(wait)
      expect(told.filter((one) => one === 'missed')).toHaveLength(index + 1)
    }
  })

  test('are not listened for where the server refuses, and no longer once the link has stopped', async () => {
    const server = await serving(
      speaking('modern', (request, response) => {
        const { id } = request.message
        json(response, { jsonrpc: '2.0', id, error: { code: -32_601, message: 'no' } }, 404)
      }),
    )
    const { link, clock } = linked(server.url)
    await link.connect(MODERN)
    new Hearing(SELF, clock).begin(link, [])
    await server.until(() => server.of('subscriptions/listen').length === 1)
    await call(link, 'tools/list').catch(() => undefined)
    clock.advance(3_600_000)
    await call(link, 'tools/list').catch(() => undefined)
    expect(server.of('subscriptions/listen')).toHaveLength(1)
  })
})
