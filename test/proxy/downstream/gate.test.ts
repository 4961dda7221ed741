/** Who may speak to the HTTP listener at all: host, origin, path, key, form. Nothing of what is refused reaches an upstream. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { modern } from '../../fakes/guard.ts'
import { httpGuard, type TestHttpGuard } from '../../fakes/http-guard.ts'
import { type FakeUpstream, legacyUpstream } from '../../fakes/upstream.ts'

const MANDATE = `
mandate: t
agent: bot
purpose: Test the guard
valid: { until: 2026-12-01T00:00:00Z }
tools: { a/open: { effect: read } }
`
const call = {
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name: 'open', arguments: {}, _meta: modern() },
}
const HEADERS = {
  'mcp-protocol-version': '2026-07-28',
  'mcp-method': 'tools/call',
  'mcp-name': 'open',
}

let up: FakeUpstream
let guard: TestHttpGuard
beforeEach(async () => {
  up = legacyUpstream([{ name: 'open', inputSchema: { type: 'object' } }])
  guard = await httpGuard(MANDATE, { a: up })
})
afterEach(() => guard.stop())

function nothingArrived(): void {
  expect(up.calls('tools/call')).toEqual([])
}

/** A call that is good in all but these headers. */
function sends(headers: Readonly<Record<string, string | readonly string[] | undefined>>) {
  const given = Object.entries({ ...HEADERS, ...headers }).filter(([, value]) => value)
  return guard.send({ body: call, headers: Object.fromEntries(given) })
}

test('a call with nothing wrong is served', async () => {
  const response = await sends({})
  await response.ended
  expect(response.status).toBe(200)
  expect(response.messages[0]?.result?.['content']).toEqual([{ type: 'text', text: '{}' }])
})

test.each([['localhost'], ['LOCALHOST:8931'], ['127.0.0.1'], ['127.0.0.1:1'], ['[::1]:65535']])(
  'the host %s is this machine',
  async (host) => {
    const response = await sends({ host })
    await response.ended
    expect(response.status).toBe(200)
  },
)

test.each([
  ['attacker.example'],
  ['127.0.0.1.nip.io'],
  ['localhost.attacker.example'],
  ['attacker.example:8931'],
  ['localhost:8931@attacker.example'],
  ['attacker.example#localhost'],
  ['localhost,attacker.example'],
  ['localhost:port'],
  ['localhost:8931:1'],
  ['localhost.'],
  ['[::1'],
  ['127.0.0.1%00'],
  ['127.1'],
  ['2130706433'],
  ['0x7f.1'],
  ['0.0.0.0'],
  ['::1'],
  [''],
])('the host "%s" is another one, and nothing is read of what it sends', async (host) => {
  // The body never comes.
  const head = `POST /mcp HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\naccept: */*\r\n`
  const answer = await guard.raw(`${head}content-length: 1000000\r\n\r\n`)
  expect(answer).toMatch(/^HTTP\/1\.1 403 /)
  nothingArrived()
})

test('a request says once for which host it is', async () => {
  const rest = 'accept: */*\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n'
  const twice = `POST /mcp HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n${rest}`
  expect(await guard.raw(twice)).toMatch(/^HTTP\/1\.1 40[03] /)
  expect(await guard.raw(`POST /mcp HTTP/1.1\r\n${rest}`)).toMatch(/^HTTP\/1\.1 403 /)
  expect(await guard.raw(`POST /mcp HTTP/1.0\r\n${rest}`)).toMatch(/^HTTP\/1\.1 403 /)
  nothingArrived()
})

test('a target in absolute form names the host that `Host` names, or is at no path of the guard', async () => {
  const answer = await guard.raw(
    'POST http://localhost/mcp HTTP/1.1\r\nhost: attacker.example\r\nconnection: close\r\n\r\n',
  )
  expect(answer).toMatch(/^HTTP\/1\.1 403 /)
  const other = await guard.raw(
    'POST http://attacker.example/mcp HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n',
  )
  expect(other).toMatch(/^HTTP\/1\.1 404 /)
  const well = await guard.raw(
    'GET http://localhost/healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n',
  )
  expect(well).toMatch(/^HTTP\/1\.1 200 /)
  nothingArrived()
})

test.each([
  ['null'],
  ['http://attacker.example'],
  ['http://localhost.attacker.example'],
  ['http://127.0.0.1.nip.io'],
  ['file://'],
  ['http://localhost@attacker.example'],
  ['http://LOCALHOST'],
  ['http://localhost/'],
  ['chrome-extension://abc'],
  [' '],
])('a page of the origin "%s" may not use the guard, on any path', async (origin) => {
  for (const path of ['/mcp', '/healthz', '/readyz', '/other']) {
    const response = await guard.send({
      method: path === '/mcp' ? 'POST' : 'GET',
      path,
      headers: { ...HEADERS, origin },
      ...(path === '/mcp' && { body: call }),
    })
    expect(response.status).toBe(403)
  }
  nothingArrived()
})

test('pages of this machine may, and those of a listed origin', async () => {
  for (const origin of ['http://localhost:3000', 'http://127.0.0.1', 'http://[::1]:5173']) {
    const response = await sends({ origin })
    expect(response.status).toBe(200)
  }
  const other = await httpGuard(
    MANDATE,
    { a: up },
    {
      rules: {
        hosts: new Set(['guard.example']),
        origins: new Set(['https://app.example']),
        loopback: false,
      },
    },
  )
  const status = async (host: string, origin: string): Promise<number> => {
    const response = await other.send({ body: call, headers: { ...HEADERS, host, origin } })
    await response.ended
    return response.status
  }
  expect(await status('guard.example', 'https://app.example')).toBe(200)
  expect(await status('guard.example', 'http://localhost:3000')).toBe(403)
  expect(await status('guard.example', 'https://app.example:8443')).toBe(403)
  expect(await status('localhost', 'https://app.example')).toBe(403)
  await other.stop()
})

test('the endpoint is /mcp and nothing else is there but what tells of its health', async () => {
  for (const path of ['/', '/mcp/', '/mcp?x=1', '/MCP', '//mcp', '/mcp/../mcp', '/admin']) {
    const response = await guard.send({ path, body: call, headers: HEADERS })
    expect(response.status).toBe(404)
  }
  const health = await guard.send({ method: 'GET', path: '/healthz' })
  const ready = await guard.send({ method: 'GET', path: '/readyz' })
  await Promise.all([health.ended, ready.ended])
  expect([health.status, health.text()]).toEqual([200, 'ok'])
  expect([ready.status, ready.text()]).toEqual([200, 'ok'])
  nothingArrived()
})

test('a guard that cannot record says that it is not ready, and still that it runs', async () => {
  const other = await httpGuard(MANDATE, { a: up }, { ready: () => false })
  const ready = await other.send({ method: 'GET', path: '/readyz' })
  const health = await other.send({ method: 'GET', path: '/healthz' })
  expect([ready.status, health.status]).toEqual([503, 200])
  await other.stop()
})

describe('keys', () => {
  const KEYS = { ['k'.repeat(32)]: MANDATE, ['o'.repeat(32)]: MANDATE.replace('a/open', 'a/none') }
  let keyed: TestHttpGuard
  beforeEach(async () => {
    keyed = await httpGuard(MANDATE, { a: up }, { keys: KEYS })
  })
  afterEach(() => keyed.stop())

  test.each([
    ['none', undefined],
    ['one that nobody has', `Bearer ${'x'.repeat(32)}`],
    ['an empty one', 'Bearer '],
    ['another scheme', `Basic ${'k'.repeat(32)}`],
    ['one and something behind it', `Bearer ${'k'.repeat(32)} x`],
    ['the hash of one', `Bearer ${'0'.repeat(64)}`],
  ])('%s is refused before anything is read', async (_what, authorization) => {
    const response = await keyed.send({
      body: call,
      headers: { ...HEADERS, ...(authorization !== undefined && { authorization }) },
    })
    await response.ended
    expect(response.status).toBe(401)
    expect(response.headers['www-authenticate']).toBe('Bearer realm="chaperone"')
    expect(response.text()).not.toMatch(/xxxx|kkkk/)
    nothingArrived()
  })

  test('the mandate that applies is the one of the key that stands on the request', async () => {
    const good = await keyed.ask(
      'tools/call',
      { name: 'open', arguments: {} },
      { key: 'k'.repeat(32) },
    )
    expect(good.result?.['isError']).toBeUndefined()
    expect(up.calls('tools/call')).toHaveLength(1)
    const other = await keyed.ask(
      'tools/call',
      { name: 'open', arguments: {} },
      { key: 'o'.repeat(32) },
    )
    expect(other.error?.code).toBe(-32_602)
    expect(up.calls('tools/call')).toHaveLength(1)
  })

  test('a key that stands there twice is none', async () => {
    const two = `authorization: Bearer ${'k'.repeat(32)}\r\n`
    const answer = await keyed.raw(
      `POST /mcp HTTP/1.1\r\nhost: localhost\r\n${two}${two}connection: close\r\n\r\n`,
    )
    expect(answer).toMatch(/^HTTP\/1\.1 401 /)
  })
})

test('where no key is due, one that is presented all the same stands for nobody', async () => {
  const response = await sends({ authorization: `Bearer ${'k'.repeat(32)}` })
  expect(response.status).toBe(401)
  expect((await sends({ authorization: 'Basic eDp5' })).status).toBe(401)
  nothingArrived()
})

test.each([
  ['text/plain', 415],
  ['application/json; charset=utf-16', 415],
  ['application/x-www-form-urlencoded', 415],
  ['application/json-patch+json', 415],
  ['application/json; charset=utf-8', 200],
  ['Application/JSON', 200],
])('a body of type %s is answered by %i', async (type, status) => {
  const response = await sends({ 'content-type': type })
  expect(response.status).toBe(status)
  if (status !== 200) nothingArrived()
})

test.each([
  ['text/html', 406],
  ['application/json', 406],
  ['text/event-stream', 406],
  ['application/json, text/event-stream;q=0', 406],
  ['*/*', 200],
  ['text/*, application/json;q=0.5', 200],
  ['TEXT/EVENT-STREAM, APPLICATION/JSON', 200],
])('a client that accepts %s is answered by %i', async (accept, status) => {
  const response = await sends({ accept })
  expect(response.status).toBe(status)
  if (status !== 200) nothingArrived()
})

test('what is compressed is not taken', async () => {
  expect((await sends({ 'content-encoding': 'gzip' })).status).toBe(415)
  expect((await sends({ 'content-encoding': 'br' })).status).toBe(415)
  const packed = await guard.raw(
    'POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n' +
      'transfer-encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
  )
  expect(packed).toMatch(/^HTTP\/1\.1 415 /)
  nothingArrived()
})

test('other methods of HTTP are told what there is', async () => {
  for (const method of ['PUT', 'PATCH', 'OPTIONS', 'GET', 'DELETE']) {
    const response = await guard.send({ method, headers: HEADERS })
    expect(response.status).toBe(405)
    expect(response.headers.allow).toBe('POST')
  }
  // No headers that would let a page of another origin read an answer.
  const preflight = await guard.send({ method: 'OPTIONS', headers: { origin: 'http://localhost' } })
  expect(
    Object.keys(preflight.headers).filter((name) => name.startsWith('access-control')),
  ).toEqual([])
})

describe('a page of an origin that was named', () => {
  const origin = 'https://app.example'
  const asks = { origin, 'access-control-request-method': 'POST' }
  let named: TestHttpGuard
  beforeEach(async () => {
    const rules = { hosts: new Set<string>(), origins: new Set([origin]), loopback: true }
    named = await httpGuard(MANDATE, { a: up }, { rules, keys: { ['k'.repeat(40)]: MANDATE } })
  })
  afterEach(() => named.stop())

  test('is told before it asks, without a key, what it may send', async () => {
    const told = await named.send({ method: 'OPTIONS', headers: asks })
    expect(told.status).toBe(204)
    expect(told.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'POST, GET, DELETE',
      'access-control-allow-headers': 'authorization, *',
      vary: 'origin',
    })
  })

  test('may read what it is answered, and the name of its session', async () => {
    const refused = await named.send({ body: call, headers: { origin } })
    expect(refused.status).toBe(401)
    const response = await named.send({ body: call, headers: { origin }, key: 'k'.repeat(40) })
    expect(response.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-expose-headers': 'mcp-session-id, www-authenticate',
    })
  })

  test.each([
    ['https://other.example', 403],
    ['http://localhost:3000', 405],
  ])('and no other: %s', async (other, status) => {
    const told = await named.send({
      method: 'OPTIONS',
      headers: { ...asks, origin: other },
      key: 'k'.repeat(40),
    })
    expect(told.status).toBe(status)
    const said = Object.keys(told.headers).filter((name) => name.startsWith('access-control'))
    expect(said).toEqual([])
  })
})

test('a wish for another protocol is not granted, and the request is served', async () => {
  const head = 'GET /healthz HTTP/1.1\r\nhost: localhost\r\n'
  const answer = await guard.raw(
    `${head}connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\r\n`,
  )
  expect(answer).toMatch(/^HTTP\/1\.1 200 OK/)
})

test('who is not known keeps no connection', async () => {
  const closes = async (what: object): Promise<unknown> =>
    (await guard.send(what)).headers.connection
  expect(await closes({ method: 'GET', path: '/healthz' })).toBe('close')
  expect(await closes({ headers: { host: 'evil.example' } })).toBe('close')
  expect(await closes({ body: call, key: 'unknown'.repeat(8) })).toBe('close')
  expect(await closes({ body: call, headers: HEADERS })).toBe('keep-alive')
})

test('a flood of what is turned away is counted, and leaves few entries', async () => {
  for (let n = 0; n < 40; n += 1)
    await guard.send({ body: call, headers: { host: 'evil.example' } })
  const turned = guard.log.entries.filter(({ event }) => event === 'request_turned_away')
  expect(turned.map(({ facts }) => (facts as { count: number }).count)).toEqual([
    1, 2, 4, 8, 16, 32,
  ])
  expect(JSON.stringify(turned)).not.toContain('evil')
})
