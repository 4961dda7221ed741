/** What an upstream is shown of a login, with every request, and what is done when it refuses that. */
import { afterEach, describe, expect, test } from 'vitest'
import type { Credential } from '../../../../src/model/port.ts'
import {
  httpUpstream,
  json,
  result,
  type HttpScript,
  type HttpUpstream,
} from '../../../fakes/http-upstream.ts'
import { LEGACY, MODERN, talk, type Talk } from './talk.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

/** A login that a test turns into whatever it needs. */
class FakeLogin implements Credential {
  login: string | undefined = 'one'
  value: string | undefined | Promise<string | undefined> = 'Bearer one'
  readonly refusals: (readonly [shown: string | undefined, status: number, text?: string])[] = []
  onRefused: () => boolean = () => false

  authorization(): string | undefined | Promise<string | undefined> {
    return this.value
  }

  refused(shown: string | undefined, status: number, text: string | undefined): boolean {
    this.refusals.push(text === undefined ? [shown, status] : [shown, status, text])
    return this.onRefused()
  }
}

async function against(
  script: HttpScript,
  options: Parameters<typeof talk>[1] = {},
): Promise<{ server: HttpUpstream; one: Talk; login: FakeLogin }> {
  const server = await httpUpstream(script)
  const login = new FakeLogin()
  const one = talk(server.url, { credential: login, agreement: MODERN, ...options })
  closing.push(
    () => server.close(),
    () => one.connection.stop(0),
  )
  return { server, one, login }
}

const answering: HttpScript = (request, response) => json(response, result(request))
/** Takes one token and no other. */
const wanting =
  (token: string, refusal: object = {}): HttpScript =>
  (request, response) => {
    if (request.headers.authorization === token) json(response, result(request))
    else response.writeHead(401, { ...refusal }).end()
  }
const shownIn = (server: HttpUpstream): readonly (string | undefined)[] =>
  server.arrived.map(({ headers }) => headers.authorization)

describe('what an upstream is shown', () => {
  test('stands in every request, and only once', async () => {
    const { server, one } = await against(
      (request, response) => {
        if (request.method !== 'POST') response.writeHead(405).end()
        else if (request.message.id === undefined) response.writeHead(202).end()
        else json(response, result(request), 200, { 'mcp-session-id': 's' })
      },
      { agreement: LEGACY },
    )
    one.ask(1, 'initialize')
    await one.outcome(1)
    one.connection.send('{"jsonrpc":"2.0","method":"notifications/initialized"}')
    await server.until(() => server.of('GET').length > 0)
    await one.connection.stop()
    await server.until(() => server.of('DELETE').length > 0)
    expect(shownIn(server)).toEqual(server.arrived.map(() => 'Bearer one'))
    expect(server.arrived.map(({ method }) => method)).toEqual(['POST', 'POST', 'GET', 'DELETE'])
    for (const { rawHeaders } of server.arrived)
      expect(rawHeaders.filter((name) => name.toLowerCase() === 'authorization')).toHaveLength(1)
  })

  test('is waited for where it is renewed, and what was let go of meanwhile does not leave', async () => {
    const { server, one, login } = await against(answering)
    const renewed = Promise.withResolvers<string>()
    login.value = renewed.promise
    one.ask(1)
    one.ask(2)
    one.connection.abandon?.(2)
    renewed.resolve('Bearer two')
    await one.outcome(1)
    expect(shownIn(server)).toEqual(['Bearer two'])
  })

  test('is nothing where there is none', async () => {
    const { server, one, login } = await against(answering)
    login.value = undefined
    one.ask(1)
    await one.outcome(1)
    expect(shownIn(server)).toEqual([undefined])
  })
})

describe('a refusal', () => {
  test('is told with what was shown and what is wanted, and is the end of it', async () => {
    const header = ['Basic realm="x"', 'Bearer scope="a"']
    const { server, one, login } = await against(
      (_, response) => void response.writeHead(401, { 'www-authenticate': header }).end(),
    )
    one.ask(1)
    expect(await one.outcome(1)).toBe('ERR_UPSTREAM_DENIED')
    expect(login.refusals).toEqual([['Bearer one', 401, 'Basic realm="x", Bearer scope="a"']])
    expect(server.arrived).toHaveLength(1)
  })

  test('of what can be renewed is sent once more, whole, with the other', async () => {
    const { server, one, login } = await against(wanting('Bearer two'))
    login.onRefused = () => {
      login.value = Promise.resolve('Bearer two')
      return true
    }
    one.ask(1)
    expect(await one.outcome(1)).toBe('{"jsonrpc":"2.0","id":1,"result":{}}')
    expect(shownIn(server)).toEqual(['Bearer one', 'Bearer two'])
    expect(server.arrived[1]?.text).toBe(server.arrived[0]?.text)
  })

  test('of that, too, is told, and not sent a third time', async () => {
    const { server, one, login } = await against(wanting('Bearer never'))
    let nth = 1
    login.onRefused = () => {
      nth += 1
      login.value = `Bearer ${nth}`
      return true
    }
    one.ask(1)
    expect(await one.outcome(1)).toBe('ERR_UPSTREAM_DENIED')
    expect(shownIn(server)).toEqual(['Bearer one', 'Bearer 2'])
    expect(login.refusals).toHaveLength(2)
  })

  test('of what turns out not to be renewed is not sent again in vain', async () => {
    const { server, one, login } = await against(wanting('Bearer never'))
    login.onRefused = () => true
    one.ask(1)
    expect(await one.outcome(1)).toBe('ERR_UPSTREAM_DENIED')
    expect(server.arrived).toHaveLength(1)
  })

  test('with 403 is not sent again, whatever could be shown', async () => {
    const { server, one, login } = await against(
      (_, response) => void response.writeHead(403).end(),
    )
    login.onRefused = () => {
      login.value = 'Bearer two'
      return false
    }
    one.ask(1)
    expect(await one.outcome(1)).toBe('ERR_UPSTREAM_DENIED')
    expect(server.arrived).toHaveLength(1)
    expect(login.refusals).toEqual([['Bearer one', 403]])
  })

  test('is no reason to say that a call may have been made', async () => {
    const { server, one, login } = await against(wanting('Bearer never'))
    login.onRefused = () => {
      login.value = server.close().then(() => 'Bearer two')
      return true
    }
    one.ask(1)
    expect(await one.outcome(1)).toBe('ERR_UPSTREAM_DENIED')
  })

  test('of the older transport is told as well', async () => {
    const { one, login } = await against((_, response) => void response.writeHead(401).end(), {
      transport: 'sse',
    })
    one.ask(1)
    expect(await one.outcome(1)).toBe('ERR_UPSTREAM_DENIED')
    expect(login.refusals).toEqual([['Bearer one', 401]])
  })
})
