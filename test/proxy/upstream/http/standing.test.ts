/** The stream on which a legacy server says what belongs to no request: opened, opened again, or none. */
import { afterEach, describe, expect, test } from 'vitest'
import { events, type HttpScript } from '../../../fakes/http-upstream.ts'
import { closeAll, eventId, opened } from './opened.ts'

afterEach(closeAll)

const NOTE = { jsonrpc: '2.0', method: 'notifications/tools/list_changed' }

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

  test('is opened again after half a minute where the server asks for days', async () => {
    const { server, one } = await opened({
      onGet: (_, response) =>
        void events(response, 'id: e-7\nretry: 999999999\n', 'data: {}\n\n').end(),
    })
    await one.until(() => one.waits.length === 2)
    expect(one.waits[1]).toBe(30_000)
    one.clock.advance(30_000)
    await server.until(() => server.of('GET').length === 2)
  })

  test('to which the server does not answer is let go of after half a minute, and opened again', async () => {
    const { server, one } = await opened({ onGet: () => undefined })
    expect(one.waits).toEqual([30_000])
    one.clock.advance(29_999)
    expect(server.of('GET')[0]?.isGone()).toBe(false)
    one.clock.advance(1)
    await server.until(() => server.of('GET')[0]?.isGone() === true)
    one.clock.advance(1000)
    await server.until(() => server.of('GET').length === 2)
  })

  test('may be silent for as long as it likes once it is open', async () => {
    const streams: Parameters<HttpScript>[1][] = []
    const { server, one } = await opened({
      onGet: (_, response) => void streams.push(events(response, 'data: {}\n\n')),
    })
    await one.until(() => one.lines.length === 2)
    one.clock.advance(3_600_000)
    for (const stream of streams) events(stream, NOTE)
    await one.until(() => one.lines.length === 3)
    expect(server.of('GET')).toHaveLength(1)
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
