/** The listener that waits for the browser: what it takes, and what it turns away without ending the waiting. */
import { request } from 'node:http'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Arrival, type Callback, openCallback } from '../../src/credential/callback.ts'
import { loggedIn, pageHtml } from '../../src/credential/page.ts'
import { GuardError } from '../../src/model/error.ts'
import { fakeClock, type FakeClock } from '../fakes/clock.ts'

const STATE = 'c3RhdGUtdGhhdC1ub2JvZHktZ3Vlc3Nlcw'
let callback: Callback
let clock: FakeClock
let stop: AbortController
let waiting: Promise<Arrival>
beforeEach(async () => {
  const opened = await openCallback(0)
  if (!opened) throw new Error('no port is free')
  callback = opened
  clock = fakeClock('2026-11-24T10:00:00Z')
  stop = new AbortController()
  waiting = callback.wait({ state: STATE, limitMs: 300_000, timers: clock, signal: stop.signal })
  waiting.catch(() => undefined)
})
afterEach(() => callback.close())

interface Seen {
  readonly status: number
  readonly text: string
  readonly headers: Readonly<Record<string, unknown>>
}

/** One request at the listener, which says that it is for this host. */
function visit(target: string, over: { method?: string; host?: string } = {}): Promise<Seen> {
  const { host, port } = new URL(callback.redirectUri)
  const options = {
    host: '127.0.0.1',
    port,
    path: target,
    method: over.method ?? 'GET',
    headers: { host: over.host ?? host },
  }
  return new Promise((resolve, reject) => {
    request(options, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part
      })
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text, headers: response.headers }),
      )
    })
      .on('error', reject)
      .end()
  })
}

const GOOD = `/callback?code=the-code&state=${STATE}`

/** The answer that is waited for still comes through. */
async function stillWaits(): Promise<void> {
  const seen = visit(GOOD)
  const { parameters, answer } = await waiting
  expect(parameters.get('code')).toBe('the-code')
  await answer(loggedIn('far'))
  expect((await seen).status).toBe(200)
}

test('listens on 127.0.0.1, at a port that is free', () => {
  expect(callback.redirectUri).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/callback$/)
})

test('gives what the browser brought, and keeps it waiting for what came of it', async () => {
  const seen = visit(`${GOOD}&iss=https%3A%2F%2Fauth.example`)
  const { parameters, answer } = await waiting
  expect(Object.fromEntries(parameters)).toEqual({
    code: 'the-code',
    state: STATE,
    iss: 'https://auth.example',
  })
  await answer(loggedIn('far'))
  const { status, text, headers } = await seen
  expect(status).toBe(200)
  expect(text).toContain('Logged in')
  expect(text).not.toContain('the-code')
  expect(headers).toMatchObject({
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
  })
  expect(headers['content-security-policy']).toContain("default-src 'none'")
})

describe('what is turned away', () => {
  test.each([
    ['another path', '/callback/', {}, 404],
    ['the root', `/?code=the-code&state=${STATE}`, {}, 404],
    ['a path that only begins so', `/callbacks?code=the-code&state=${STATE}`, {}, 404],
    ['a form', GOOD, { method: 'POST' }, 405],
    ['a name that leads here', GOOD, { host: 'evil.example' }, 421],
    ['this machine by another name', GOOD, { host: 'localhost' }, 421],
    ['another state', '/callback?code=the-code&state=c3RhdGU', {}, 400],
    ['no state', '/callback?code=the-code', {}, 400],
    ['an empty state', '/callback?code=the-code&state=', {}, 400],
    ['two states', `${GOOD}&state=other`, {}, 400],
    ['an error with another state', '/callback?error=access_denied&state=x', {}, 400],
  ])('%s', async (_what, target, over, status) => {
    const seen = await visit(target, over)
    expect(seen.status).toBe(status)
    expect(seen.text).toContain('Nothing was done')
    expect(seen.text).not.toContain('the-code')
    await stillWaits()
  })

  test('whatever comes once it is answered', async () => {
    await stillWaits()
    expect((await visit(GOOD)).status).toBe(400)
  })
})

async function problem(): Promise<GuardError> {
  const error: unknown = await waiting.catch((error: unknown) => error)
  if (!(error instanceof GuardError)) throw new Error('it did not end')
  return error
}

test('does not wait without end', async () => {
  clock.advance(300_000)
  expect(await problem()).toMatchObject({
    code: 'ERR_LOGIN_FAILED',
    message: 'nobody logged in within 5 minutes',
  })
  expect((await visit(GOOD)).status).toBe(400)
})

test('can be given up', async () => {
  stop.abort()
  expect((await problem()).message).toContain('stopped')
})

test('a browser that has gone is not waited for', async () => {
  const { port } = new URL(callback.redirectUri)
  const gone = request({ host: '127.0.0.1', port, path: GOOD })
  gone.on('error', () => undefined).end()
  const { answer } = await waiting
  gone.destroy()
  expect(await answer(loggedIn('far'))).toBeUndefined()
})

test('a port that is taken is not shared', async () => {
  const { port } = new URL(callback.redirectUri)
  expect(await openCallback(Number(port))).toBeUndefined()
})

test('a page shows text as text', () => {
  const page = pageHtml({ status: 200, title: '<b>', text: '"&\'' })
  expect(page).toContain('<h1>&#60;b&#62;</h1>')
  expect(page).toContain('<p>&#34;&#38;&#39;</p>')
})
