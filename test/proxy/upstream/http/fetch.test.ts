import { afterEach, describe, expect, test } from 'vitest'
import { fetchWith } from '../../../../src/proxy/upstream/http/fetch.ts'
import { fakeClock } from '../../../fakes/clock.ts'
import {
  httpUpstream,
  json,
  type HttpScript,
  type HttpUpstream,
} from '../../../fakes/http-upstream.ts'

let server: HttpUpstream | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})
const clock = fakeClock('2026-11-24T10:00:00Z')
const fetch = fetchWith(clock)

async function serving(script: HttpScript): Promise<HttpUpstream> {
  server = await httpUpstream(script)
  return server
}

describe('one request', () => {
  test('goes out as it was given, and its answer comes back whole', async () => {
    const { origin, arrived } = await serving((_, response) => json(response, { ok: true }, 201))
    const response = await fetch(`${origin}/token?a=1`, {
      method: 'POST',
      headers: new Headers({ Authorization: 'Basic eDp5', 'Content-Type': 'application/json' }),
      body: '{"b":2}',
    })
    expect([response.status, await response.json()]).toEqual([201, { ok: true }])
    expect(arrived).toMatchObject([
      {
        method: 'POST',
        path: '/token?a=1',
        text: '{"b":2}',
        headers: { authorization: 'Basic eDp5', 'accept-encoding': 'identity' },
      },
    ])
  })

  test('leads nowhere else: a redirect is an answer that does not say where to', async () => {
    const { origin, arrived } = await serving(
      (_, response) => void response.writeHead(307, { location: '/elsewhere' }).end(),
    )
    const response = await fetch(origin, { method: 'POST', body: '{"secret":1}' })
    expect([response.status, response.headers.get('location')]).toEqual([307, null])
    expect(arrived).toHaveLength(1)
  })

  test('whose answer is too large, or none, or does not come, fails', async () => {
    const { origin } = await serving(({ path }, response) => {
      if (path === '/large') response.writeHead(200).end(Buffer.alloc(1024 * 1024 + 1))
      else if (path === '/broken') response.destroy()
      else clock.advance(10_000)
    })
    const code = 'ERR_LOGIN_FAILED'
    await expect(fetch(`${origin}/large`)).rejects.toMatchObject({ code })
    await expect(fetch(`${origin}/broken`)).rejects.toMatchObject({ code })
    await expect(fetch(`${origin}/silent`)).rejects.toThrow('does not answer in time')
    await server?.close()
    await expect(fetch(origin)).rejects.toThrow('refuses the connection (ECONNREFUSED)')
  })

  test.each([205, 600, 999])('that is answered by %i with a body fails at once', async (status) => {
    // Node writes no such head by itself.
    const { origin } = await serving((_, response) =>
      response.socket?.end(`HTTP/1.1 ${status} Odd\r\ncontent-length: 2\r\n\r\n{}`),
    )
    await expect(fetch(origin)).rejects.toThrow(`what is no answer (HTTP ${status})`)
  })

  test('is no other than those that a login makes', async () => {
    await expect(fetch('http://127.0.0.1:9', { method: 'PUT' })).rejects.toThrow('by PUT')
    await expect(
      fetch('http://127.0.0.1:9', { method: 'POST', body: new Uint8Array(1) }),
    ).rejects.toThrow('a text or a form')
  })
})
