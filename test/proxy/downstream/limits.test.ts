/** What clients may take of the listener together: connections, bodies, answers that nobody reads, sessions; and its end. */
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { modern } from '../../fakes/guard.ts'
import { httpGuard, type TestHttpGuard } from '../../fakes/http-guard.ts'
import { type FakeUpstream, legacyUpstream, type Received } from '../../fakes/upstream.ts'

const MANDATE = `
mandate: t
agent: bot
purpose: Test the guard
valid: { until: 2026-12-01T00:00:00Z }
tools: { a/open: {}, a/slow: {}, a/large: {} }
`
const TOOLS = ['open', 'slow', 'large'].map((name) => ({ name, inputSchema: { type: 'object' } }))
const MiB = 1024 * 1024
/** More than the system's own buffers of a connection hold. */
const LARGE = 'x'.repeat(14 * MiB)
const [ONE, TWO] = ['k'.repeat(40), 'o'.repeat(40)]

let open: TestHttpGuard[] = []
let sockets: Socket[] = []
afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  await Promise.all(open.map((guard) => guard.stop()))
  open = []
  sockets = []
})

async function start(
  options: Parameters<typeof httpGuard>[2] = {},
): Promise<{ readonly guard: TestHttpGuard; readonly up: FakeUpstream }> {
  const up = legacyUpstream(TOOLS, (message: Received, life) => {
    if (message.method !== 'tools/call') return false
    const name = message.params?.['name']
    if (name === 'large')
      life.say({
        jsonrpc: '2.0',
        id: message.id,
        result: { content: [{ type: 'text', text: LARGE }] },
      })
    return name !== 'open'
  })
  const guard = await httpGuard(MANDATE, { a: up }, { maxAnswerBytes: 32 * MiB, ...options })
  open.push(guard)
  return { guard, up }
}

async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await new Promise((resolve) => setImmediate(resolve))
}

function request(id: number, name: string, headers = ''): string {
  const params = { name, _meta: modern() }
  const body = JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params })
  return (
    `POST /mcp HTTP/1.1\r\nhost: localhost\r\naccept: */*\r\ncontent-type: application/json\r\n` +
    `mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: ${name}\r\n${headers}` +
    `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  )
}

interface Client {
  readonly socket: Socket
  readonly text: () => string
  readonly closed: Promise<void>
}
function client(port: number, reads = true): Client {
  const socket = connect(port, '127.0.0.1')
  sockets.push(socket)
  let text = ''
  if (reads) socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  else socket.pause()
  socket.on('error', () => undefined)
  return {
    socket,
    text: () => text,
    closed: new Promise((resolve) => socket.on('close', () => resolve())),
  }
}
const turnedAway = (guard: TestHttpGuard, why: string): boolean =>
  guard.log.entries.some(
    ({ event, facts }) =>
      event === 'request_turned_away' && (facts as { readonly why: string }).why === why,
  )

const OPENING = ((body: string) =>
  'POST /mcp HTTP/1.1\r\nhost: localhost\r\naccept: */*\r\ncontent-type: application/json\r\n' +
  `content-length: ${body.length}\r\n\r\n${body}`)(
  '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}}',
)

describe('once the guard is told to stop', () => {
  test.each([
    [
      'a call',
      { keys: { [ONE]: MANDATE } },
      request(1, 'open', `authorization: Bearer ${ONE}\r\n`),
    ],
    ['a session', {}, OPENING],
  ])(
    '%s whose body was on its way starts nothing and reaches nobody',
    async (_what, options, bytes) => {
      const { guard, up } = await start(options)
      const lives = up.lives.length
      const late = client(guard.port)
      const held = client(guard.port)
      held.socket.write(
        request(1, 'slow', 'keys' in options ? `authorization: Bearer ${ONE}\r\n` : ''),
      )
      await until(() => up.calls('tools/call').length === 1)
      const running = up.lives.length
      late.socket.write(bytes.slice(0, -3))
      await new Promise((resolve) => setTimeout(resolve, 50))
      const stopping = guard.guard.stop('enough')
      late.socket.write(bytes.slice(-3))
      await until(() => late.text().includes('\r\n\r\n'))
      expect(late.text()).toMatch(/^HTTP\/1\.1 503 /)
      expect(up.lives.length).toBe(running)
      expect(running - lives).toBeLessThanOrEqual(1)
      expect(up.calls('tools/call')).toHaveLength(1)
      await guard.stop()
      await stopping
    },
  )
})

describe('an answer that nobody reads', () => {
  test('is given up when nothing moves any more', async () => {
    const { guard, up } = await start({ stallMs: 200 })
    const deaf = client(guard.port, false)
    deaf.socket.write(request(1, 'large'))
    await until(() => turnedAway(guard, 'nobody took the answer'))
    expect(up.calls('tools/call')).toHaveLength(1)
    // What is left to be read is less than all.
    let length = 0
    deaf.socket.on('data', (chunk: Buffer) => (length += chunk.length))
    deaf.socket.resume()
    await deaf.closed
    expect(length).toBeLessThan(LARGE.length)
    expect((await guard.ask('tools/call', { name: 'open' })).result).toBeDefined()
  })

  test('makes way for others when all together are too much, the one that waits longest first', async () => {
    const { guard, up } = await start({ mostWaiting: 36 * MiB })
    const deaf = Array.from({ length: 4 }, () => client(guard.port, false))
    for (const [n, { socket }] of deaf.entries()) {
      socket.write(request(n, 'large'))
      await until(() => up.calls('tools/call').length === 2 * n + 1)
      // By then the answer before it was on its way.
      await guard.ask('tools/call', { name: 'open' })
    }
    const lengths = await Promise.all(
      deaf.map(async ({ socket, closed }) => {
        let length = 0
        const whole = new Promise<void>((resolve) => {
          socket.on('data', (chunk: Buffer) => {
            length += chunk.length
            if (length > LARGE.length) resolve()
          })
        })
        socket.resume()
        await Promise.race([closed, whole])
        return length > LARGE.length
      }),
    )
    expect(lengths[0]).toBe(false)
    expect(lengths.at(-1)).toBe(true)
  })
})

describe('what one has too much of is not taken from another', () => {
  test('bodies: of who sends the most the largest is given up', async () => {
    const { guard } = await start({
      keys: { [ONE]: MANDATE, [TWO]: MANDATE },
      mostReading: 8 * MiB,
    })
    const head = `POST /mcp HTTP/1.1\r\nhost: localhost\r\naccept: */*\r\ncontent-type: application/json\r\nauthorization: Bearer ${ONE}\r\ncontent-length: ${7 * MiB}\r\n\r\n`
    const greedy = [client(guard.port), client(guard.port), client(guard.port)]
    for (const { socket } of greedy) socket.write(head + 'x'.repeat(4 * MiB))
    await until(() => greedy.some(({ text }) => text().startsWith('HTTP/1.1 503')))
    for (let n = 0; n < 10; n += 1) {
      const answer = await guard.ask('tools/call', { name: 'open' }, { key: TWO })
      expect(answer.result).toBeDefined()
    }
  })

  test('sessions: who has none yet gets one of those that another has beyond its share', async () => {
    const { guard } = await start({ keys: { [ONE]: MANDATE, [TWO]: MANDATE }, maxSessions: 4 })
    const mine = []
    for (let n = 0; n < 4; n += 1) {
      mine.push(await guard.open({ key: ONE }))
      guard.clock.advance(1000)
    }
    await mine[0]?.ask('ping')
    await expect(guard.open({ key: ONE })).resolves.toMatchObject({ id: 'undefined' })
    const theirs = [await guard.open({ key: TWO }), await guard.open({ key: TWO })]
    expect(theirs.map(({ id }) => id.length)).toEqual([43, 43])
    // Those that were not used for longest have ended; and no more than are due.
    const alive = await Promise.all(
      mine.map(async (one) => (await one.send({ jsonrpc: '2.0', id: 9, method: 'ping' })).status),
    )
    expect(alive).toEqual([200, 404, 404, 200])
    await expect(guard.open({ key: TWO })).resolves.toMatchObject({ id: 'undefined' })
  })
})

test('where there are fewer sessions than keys, one each is a share', async () => {
  const third = 't'.repeat(40)
  const keys = { [ONE]: MANDATE, [TWO]: MANDATE, [third]: MANDATE }
  const { guard } = await start({ keys, maxSessions: 2 })
  await guard.open({ key: ONE })
  await guard.open({ key: ONE })
  expect((await guard.open({ key: TWO })).id).toHaveLength(43)
  // Nobody has more than a share now.
  await expect(guard.open({ key: third })).resolves.toMatchObject({ id: 'undefined' })
})

describe('connections', () => {
  test('are so many and no more, and those that are turned away are counted', async () => {
    const { guard } = await start({ maxConnections: 3 })
    const some = [client(guard.port), client(guard.port), client(guard.port)]
    await Promise.all(
      some.map(({ socket }) => new Promise<void>((resolve) => socket.on('connect', resolve))),
    )
    const [first, ...others] = some
    first?.socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n')
    others[0]?.socket.write('GET /readyz HTTP/1.1\r\nhost: localhost\r\nx: ')
    others[1]?.socket.write('GET /readyz HTTP/1.1\r\nhost: localhost\r\nx: ')
    const more = Array.from({ length: 5 }, () => client(guard.port))
    await Promise.race(more.map(({ closed }) => closed))
    expect(turnedAway(guard, 'too many connections are open')).toBe(true)
  })

  test('have so many requests under way: more are cut off, and what was under way is called off', async () => {
    const { guard, up } = await start()
    const greedy = client(guard.port)
    for (let n = 0; n < 16; n += 1) greedy.socket.write(request(n, 'slow'))
    await until(() => up.calls('tools/call').length === 16)
    expect(greedy.socket.destroyed).toBe(false)
    greedy.socket.write(request(16, 'slow'))
    await greedy.closed
    await until(() => up.calls('notifications/cancelled').length === 16)
    expect(up.calls('tools/call')).toHaveLength(16)
    expect(turnedAway(guard, 'too many requests at once on one connection')).toBe(true)
  })

  test('on which something else than HTTP follows a request get nothing into their response', async () => {
    const { guard, up } = await start()
    const odd = client(guard.port)
    odd.socket.write(request(1, 'slow'))
    await until(() => up.calls('tools/call').length === 1)
    odd.socket.write('what is this?\r\n\r\n')
    await odd.closed
    expect(odd.text()).toBe('')
  })
})
