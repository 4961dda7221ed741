import { createHmac } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import type { JsonObject } from '../../src/model/json.ts'
import type { Fetch } from '../../src/model/port.ts'
import { isWebhookUrl, webhookKey } from '../../src/model/webhook.ts'
import { fetchWith } from '../../src/proxy/upstream/http/fetch.ts'
import { webhooks } from '../../src/webhook/webhooks.ts'
import { fakeClock } from '../fakes/clock.ts'
import { httpUpstream, type HttpScript, type HttpUpstream, json } from '../fakes/http-upstream.ts'

const KEY = Buffer.from('0123456789abcdef0123456789abcdef')
const SECRET = `whsec_${KEY.toString('base64')}`
const EVENT: JsonObject = { type: 'chaperone.call', id: 'i-1', rule: 'p#é' }
const URL_OF_NOBODY = 'https://hook.example/x'

const open: HttpUpstream[] = []
afterEach(() => Promise.all(open.splice(0).map((server) => server.close())))

async function told(script: HttpScript, secret = SECRET) {
  const server = await httpUpstream(script)
  open.push(server)
  const clock = fakeClock('2026-11-24T10:00:00.900Z')
  const config = new Map([['security', { url: `${server.origin}/hook?x=1`, secret }]])
  const notifier = webhooks(config, { fetch: fetchWith(clock), clock, timers: clock })
  return { server, clock, notifier }
}

/** What was asked of a fetch that never answers by itself. */
function silent(): { readonly fetch: Fetch; readonly asked: ((answer: Response) => void)[] } {
  const asked: ((answer: Response) => void)[] = []
  return { asked, fetch: () => new Promise((resolve) => void asked.push(resolve)) }
}

describe('what is told', () => {
  test.each([
    ['a secret in Base64', SECRET, KEY],
    [
      'a plain secret',
      'a plain secret of enough bytes',
      Buffer.from('a plain secret of enough bytes'),
    ],
  ])('is signed with %s, as its receiver computes it anew', async (_name, secret, key) => {
    const { server, notifier } = await told((_, response) => json(response, {}, 204), secret)
    expect(await notifier.notify('security', EVENT)).toBe('delivered')
    const [arrived] = server.arrived
    expect(server.arrived).toHaveLength(1)
    expect(arrived).toMatchObject({ method: 'POST', path: '/hook?x=1', message: EVENT })
    const { headers, text = '' } = arrived ?? {}
    expect(headers?.['content-type']).toBe('application/json')
    expect(headers?.['webhook-timestamp']).toBe('1795514400')
    const id = String(headers?.['webhook-id'])
    expect(id).toMatch(/^msg_[0-9a-f]{32}$/)
    const content = Buffer.concat([Buffer.from(`${id}.1795514400.`), Buffer.from(text, 'utf8')])
    const signature = createHmac('sha256', key).update(content).digest('base64')
    expect(headers?.['webhook-signature']).toBe(`v1,${signature}`)
  })

  test('has a name of its own, and the same when it is the same', async () => {
    const { server, notifier } = await told((_, response) => json(response, {}))
    for (const event of [EVENT, EVENT, { ...EVENT, id: 'i-2' }])
      await notifier.notify('security', event)
    const ids = server.arrived.map(({ headers }) => headers['webhook-id'])
    expect(ids[0]).toBe(ids[1])
    expect(ids[2]).not.toBe(ids[0])
  })
})

describe('nothing was delivered', () => {
  test.each([300, 301, 302, 307, 400, 401, 404, 410, 429, 500, 503])(
    'where the answer is %i, and no redirect is followed, and nothing is tried again',
    async (status) => {
      const { server, notifier } = await told((_, response) =>
        json(response, {}, status, { location: '/elsewhere' }),
      )
      expect(await notifier.notify('security', EVENT)).toBe('failed')
      expect(server.arrived).toHaveLength(1)
    },
  )

  test('where nobody answers in two seconds', async () => {
    const { server, clock, notifier } = await told(() => undefined)
    const end = notifier.notify('security', EVENT)
    await server.until(() => server.arrived.length === 1)
    clock.advance(2000)
    expect(await end).toBe('failed')
  })

  test('where the connection breaks, or there is none', async () => {
    const { server, notifier } = await told((_, response) => response.destroy())
    expect(await notifier.notify('security', EVENT)).toBe('failed')
    await server.close()
    open.splice(0)
    expect(await notifier.notify('security', EVENT)).toBe('failed')
  })

  test('where nobody of that name is known', async () => {
    const { server, notifier } = await told((_, response) => json(response, {}))
    expect(await notifier.notify('finance', EVENT)).toBe('failed')
    expect(await notifier.notify('__proto__', EVENT)).toBe('failed')
    expect(server.arrived).toEqual([])
  })
})

test('so many are under way at once, and what waited too long is not told', async () => {
  const clock = fakeClock('2026-11-24T10:00:00Z')
  const { fetch, asked } = silent()
  const config = new Map([['security', { url: URL_OF_NOBODY, secret: SECRET }]])
  const notifier = webhooks(config, { fetch, clock, timers: clock })
  const ends = Array.from({ length: 16 + 256 + 1 }, () => notifier.notify('security', EVENT))
  expect(asked).toHaveLength(16)
  expect(await ends.at(-1)).toBe('failed')
  asked[0]?.(new Response(null, { status: 204 }))
  expect(await ends[0]).toBe('delivered')
  expect(asked).toHaveLength(17)
  clock.advance(2000)
  expect(new Set(await Promise.all(ends.slice(1)))).toEqual(new Set(['failed']))
  // Even when there is room again.
  asked[1]?.(new Response(null, { status: 204 }))
  await Promise.resolve()
  expect(asked).toHaveLength(17)
})

test('an address or a secret that cannot be used is refused', () => {
  const clock = fakeClock('2026-11-24T10:00:00Z')
  const { fetch } = silent()
  const make = (url: string, secret: string) => () =>
    webhooks(new Map([['security', { url, secret }]]), { fetch, clock, timers: clock })
  expect(make(URL_OF_NOBODY, SECRET)).not.toThrow()
  expect(make('http://hook.example', SECRET)).toThrow('security')
  expect(make(URL_OF_NOBODY, 'short')).toThrow('security')
  expect(make(URL_OF_NOBODY, 'short')).not.toThrow('short')
})

test('keys and addresses', () => {
  const short = Buffer.from('x'.repeat(23)).toString('base64')
  for (const secret of ['', 'x'.repeat(23), `whsec_${short}`, 'whsec_', `whsec_${'*'.repeat(40)}`])
    expect(webhookKey(secret)).toBeUndefined()
  expect(webhookKey('x'.repeat(24))).toHaveLength(24)
  expect(webhookKey(SECRET)).toEqual(KEY)
  for (const url of ['http://127.0.0.1:1/x', 'http://localhost/x', 'https://a.example'])
    expect(isWebhookUrl(url)).toBe(true)
  for (const url of ['http://a.example', 'ftp://a.example', 'x', 'https://u:p@a.example', ''])
    expect(isWebhookUrl(url)).toBe(false)
})
