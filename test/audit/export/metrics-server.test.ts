import { request } from 'node:http'
import { connect } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type MetricsServer, serveMetrics } from '../../../src/audit/export/metrics-server.ts'

let asked: number
let server: MetricsServer
beforeEach(async () => {
  asked = 0
  const text = (): string => {
    asked += 1
    return 'x 1\n'
  }
  const hosts = new Set(['guard.example'])
  server = await serveMetrics({ host: '127.0.0.1', port: 0, hosts, loopback: true, text })
})
afterEach(() => server.close())

interface Answer {
  readonly status: number
  readonly text: string
  readonly headers: NodeJS.Dict<string | string[]>
}

function ask(
  headers: Readonly<Record<string, string>>,
  path = '/metrics',
  method = 'GET',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { port: server.port, host: '127.0.0.1', path, method, headers },
      (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part
        })
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, text, headers: response.headers }),
        )
      },
    )
    sent.on('error', reject)
    sent.end(method === 'POST' ? 'body' : undefined)
  })
}

test.each(['localhost', '127.0.0.1:9464', '[::1]', 'guard.example', 'Guard.Example:80'])(
  'answers whoever asks %s',
  async (host) => {
    const { status, text, headers } = await ask({ host })
    expect([status, text, headers['access-control-allow-origin']]).toEqual([
      200,
      'x 1\n',
      undefined,
    ])
  },
)

test.each([
  ['a name that was made to point here', { host: 'evil.example' }, '/metrics', 'GET', 403],
  [
    'a page, also of this machine',
    { host: 'localhost', origin: 'http://localhost' },
    '/metrics',
    'GET',
    403,
  ],
  ['another path', { host: 'localhost' }, '/', 'GET', 404],
  ['a query', { host: 'localhost' }, '/metrics?x=1', 'GET', 404],
  ['another method', { host: 'localhost' }, '/metrics', 'POST', 405],
] as const)('refuses %s, and collects nothing', async (_what, headers, path, method, status) => {
  expect((await ask(headers, path, method)).status).toBe(status)
  expect(asked).toBe(0)
})

test.each([
  ['no host', '', /^HTTP\/1.1 403 /],
  ['two hosts', 'host: localhost\r\nhost: localhost\r\n', /^(?:HTTP\/1.1 403 |$)/],
  ['a body', 'host: localhost\r\ncontent-length: 1\r\n', /^HTTP\/1.1 400 /],
])('refuses a request with %s, and collects nothing', async (_what, head, answer) => {
  expect(await raw(`GET /metrics HTTP/1.1\r\n${head}\r\n`)).toMatch(answer)
  expect(asked).toBe(0)
})

/** What comes back until the connection is closed. */
function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let got = ''
    const socket = connect(server.port, '127.0.0.1', () => socket.write(text))
    socket.setEncoding('utf8').on('data', (part: string) => {
      got += part
    })
    socket.on('close', () => resolve(got))
    socket.on('error', reject)
  })
}

test('a fault while collecting is an error of the server, and it goes on', async () => {
  const broken = await serveMetrics({
    host: '127.0.0.1',
    port: 0,
    hosts: new Set(),
    loopback: true,
    text: () => {
      throw new Error('broken')
    },
  })
  for (const _ of [1, 2])
    expect((await fetch(`http://127.0.0.1:${broken.port}/metrics`)).status).toBe(500)
  await broken.close()
})
