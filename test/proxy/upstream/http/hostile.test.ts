/** Servers that mean harm, or were never meant to be one: memory stays bounded, nothing leaks, nobody is taken in. */
import { createServer, type Server, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { ANSWER_MAX_BYTES } from '../../../../src/proxy/upstream/process.ts'
import { events, httpUpstream, json, result } from '../../../fakes/http-upstream.ts'
import { MODERN, talk, type Talk } from './talk.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

/** A server that writes bytes of its own choice whenever a request has come. */
async function raw(onRequest: (socket: Socket, request: string) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      const body = /content-length: (\d+)\r\n\r\n/i.exec(text)
      if (!body || text.length < body.index + body[0].length + Number(body[1])) return
      onRequest(socket, text)
      text = ''
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  closing.push(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`
}

function talking(url: string, options: Parameters<typeof talk>[1] = {}): Talk {
  const one = talk(url, { agreement: MODERN, ...options })
  closing.push(() => one.connection.stop(0))
  return one
}

/** Writes it again and again until the other end has had enough; resolves with how many bytes it took. */
function pour(socket: Socket, chunk: Buffer, most: number): Promise<number> {
  return new Promise((resolve) => {
    let poured = 0
    socket.once('close', () => resolve(poured))
    const more = (): void => {
      while (poured < most && !socket.destroyed) {
        poured += chunk.length
        if (!socket.write(chunk)) {
          socket.once('drain', more)
          return
        }
      }
    }
    more()
  })
}

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n'
const STREAM = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n'
const MiB = 1024 * 1024

describe('without end', () => {
  test('headers are cut off', async () => {
    const poured = Promise.withResolvers<number>()
    const url = await raw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n')
      poured.resolve(pour(socket, Buffer.from(`x-a: ${'b'.repeat(1000)}\r\n`), 64 * MiB))
    })
    const one = talking(url)
    one.ask(1)
    expect(await one.outcome(1)).toBe('ERR_UPSTREAM_LOST')
    expect(one.failed[0]?.message).toContain('more headers than the guard reads')
    expect(await poured.promise).toBeLessThan(8 * MiB)
  })

  test.each([
    ['a body', `${HEAD}\r\n{"jsonrpc":"2.0","id":1,"result":"`, Buffer.alloc(65_536, 'x')],
    ['an event of one line', `${STREAM}data: `, Buffer.alloc(65_536, 'x')],
    ['an event of many lines', STREAM, Buffer.from('data: xxxxxxxxxx\n'.repeat(4096))],
    ['an event of empty lines', STREAM, Buffer.from('data\n'.repeat(16_384))],
    ['a line of no known field', STREAM, Buffer.alloc(65_536, 'x')],
  ])('%s is dropped over the cap, and the connection with it', async (_what, head, chunk) => {
    const poured = Promise.withResolvers<number>()
    const url = await raw((socket) => {
      socket.write(head)
      poured.resolve(pour(socket, chunk, 1024 * MiB))
    })
    const one = talking(url)
    one.ask(1)
    expect(await one.outcome(1)).toBe('too long')
    expect(one.tooLong).toMatchObject([{ about: 1 }])
    expect(one.tooLong[0]?.bytes).toBeGreaterThan(MiB)
    expect(await poured.promise).toBeLessThan(8 * ANSWER_MAX_BYTES)
  })

  test('an error page is no answer, and is not read to its end', async () => {
    const poured = Promise.withResolvers<number>()
    const url = await raw((socket) => {
      socket.write('HTTP/1.1 400 Bad Request\r\ncontent-type: text/html\r\n\r\n')
      poured.resolve(pour(socket, Buffer.alloc(65_536, '<'), 1024 * MiB))
    })
    const one = talking(url)
    one.ask(1)
    expect(await one.outcome(1)).toBe('ERR_UPSTREAM_REFUSED')
    expect(await poured.promise).toBeLessThan(32 * MiB)
  })

  test('interim responses are passed over', async () => {
    const url = await raw((socket) => {
      socket.write('HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n'.repeat(2000))
      const body = '{"jsonrpc":"2.0","id":1,"result":{}}'
      socket.write(`${HEAD}content-length: ${body.length}\r\n\r\n${body}`)
    })
    const one = talking(url)
    one.ask(1)
    expect(await one.outcome(1)).toContain('"result":{}')
  })
})

test('an answer that drips in single bytes holds no more memory than its bytes', async () => {
  const bytes = MiB / 4
  const url = await raw((socket) => {
    socket.write(`${HEAD}transfer-encoding: chunked\r\n\r\n`)
    const text = `{"jsonrpc":"2.0","id":1,"result":{"t":"${'x'.repeat(bytes)}"}}`
    socket.write(text.replaceAll(/./g, (byte) => `1\r\n${byte}\r\n`))
    socket.write('0\r\n\r\n')
  })
  const one = talking(url)
  one.ask(1)
  expect((await one.outcome(1)).length).toBeGreaterThan(bytes)
})

test('a response that nobody asked for answers nobody', async () => {
  const said = (id: number, by: string): string => {
    const body = JSON.stringify({ jsonrpc: '2.0', id, result: { by } })
    return `${HEAD}content-length: ${body.length}\r\n\r\n${body}`
  }
  const url = await raw((socket, request) => {
    const id = Number(/"id":(\d+)/.exec(request)?.[1])
    socket.write(id === 1 ? said(1, 'answer') + said(2, 'planted') : said(id, 'answer'))
  })
  const one = talking(url)
  one.ask(1)
  await one.outcome(1)
  one.ask(2)
  expect(await one.outcome(2)).toContain('"by":"answer"')
  expect(one.lines.filter(({ text }) => text.includes('planted'))).toEqual([])
})

test.each([
  ['no HTTP at all', 'SSH-2.0-OpenSSH_9.6\r\n'],
  ['a length that is not kept', `${HEAD}content-length: 5\r\n\r\n{}`],
  ['two lengths', `${HEAD}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`],
  ['a length and chunks', `${HEAD}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}`],
  [
    'a switch of protocols',
    'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
  ],
])('%s is no answer', async (_what, bytes) => {
  const url = await raw((socket) => socket.end(bytes))
  const one = talking(url)
  one.ask(1)
  expect(await one.outcome(1)).toBe('ERR_UPSTREAM_LOST')
})

test('lines of a megabyte pass', async () => {
  const text = 'x'.repeat(MiB)
  const server = await httpUpstream(
    (request, response) => void events(response, { note: text }, result(request, { text })).end(),
  )
  closing.push(() => server.close())
  const one = talking(server.url)
  one.ask(1)
  expect((await one.outcome(1)).length).toBeGreaterThan(MiB)
  expect(one.lines).toHaveLength(2)
})

test('bytes that are no UTF-8 are handed on as they are, for the reader to refuse', async () => {
  const server = await httpUpstream((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(Buffer.from([0x7b, 0xff, 0x7d]))
  })
  closing.push(() => server.close())
  const one = talking(server.url)
  one.ask(1)
  expect(await one.outcome(1)).toBe('ERR_UPSTREAM_LOST')
  expect(one.lines).toHaveLength(1)
})

test('neither a header nor a name can be made to end where it should not', async () => {
  const server = await httpUpstream((request, response) => json(response, result(request)))
  closing.push(() => server.close())
  const one = talking(server.url, { headers: { 'x-own': 'a\r\nx-evil: 1' } })
  one.ask(1)
  expect(await one.outcome(1)).toBe('ERR_UPSTREAM_DOWN')
  expect(server.arrived).toEqual([])

  const two = talking(server.url)
  two.ask(1, 'tools/call', {
    name: 'a\r\nx-evil: 1',
    params: [['Mcp-Param-A', 'a\r\n\r\nGET /evil HTTP/1.1\r\n\r\n']],
  })
  await two.outcome(1)
  expect(server.arrived).toHaveLength(1)
  expect(server.arrived[0]?.headers['x-evil']).toBeUndefined()
})
