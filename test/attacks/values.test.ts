/** The recorded attacks on paths and URLs, each as a call through one guard whose tool takes only what the row is about. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { puppet, received, toolsNamed } from '../e2e/folder.ts'
import { type GuardProcess, GuardPool, reasonOf } from '../e2e/guard.ts'
import { PATHS, RECORDED, URLS } from './recorded.ts'

const pool = new GuardPool()
afterAll(() => pool.close())

/** No text says that a name is a symbolic link; that is for the upstream, or a sandbox around it, and the manual says so. */
const SYMBOLIC_LINK = 'path-37'

/** A host that is an address in some spelling, and no name. */
const NUMERIC = /^https?:\/\/(?:[\d.]+|0x[\da-f]+|\[[\da-f:.%a-z]+\])\//i

describe.skipIf(!RECORDED)('recorded values (skipped where ../shared/evaluation is absent)', () => {
  let guard: GuardProcess
  beforeAll(async () => {
    guard = pool.start((path) => ({
      mandate: {
        tools: {
          'up/read': { effect: 'read', args: { path: { path: { under: '/srv/data' } } } },
          'up/get': {
            effect: 'send',
            args: { url: { url: { scheme: ['https'], host: ['api.example.com'] } } },
          },
          'up/browse': {
            effect: 'send',
            args: {
              url: { url: { scheme: ['http', 'https'], host: ['*.com', '*.internal', '*.io'] } },
            },
          },
        },
      },
      upstreams: {
        up: puppet(path, 'up', {
          results: {
            'tools/list': toolsNamed('read', 'get', 'browse'),
            'tools/call': '{"content":[]}',
          },
        }),
      },
    }))
    await guard.open()
  })

  /** Calls, and says what of it reached the upstream. */
  async function called(name: string, args: object) {
    const calls = () =>
      received(guard.folder.path, 'up').filter(({ message }) => message.method === 'tools/call')
    const before = calls().length
    const answer = await guard.call(name, args)
    return {
      answer,
      arrived: calls()
        .slice(before)
        .map(({ message }) => message.params?.['arguments']),
    }
  }

  test('there are values to call with', () => {
    expect(PATHS.length).toBeGreaterThan(40)
    expect(URLS.length).toBeGreaterThan(50)
    expect(new Set(PATHS.map(({ root }) => root))).toEqual(new Set(['/srv/data']))
  })

  test.each(PATHS)('G18: $id ($why) inside: $inside', async ({ id, path, inside }) => {
    const { answer, arrived } = await called('read', { path })
    const permitted = inside === true || id === SYMBOLIC_LINK
    expect(arrived).toEqual(permitted ? [{ path }] : [])
    expect(reasonOf(answer) ?? answer.error?.code).toBeOneOf(
      permitted ? [undefined] : ['outside_mandate', -32_600],
    )
  })

  test.each(URLS)('G19: $id ($why) allowed: $allow', async ({ url, allow }) => {
    const { answer, arrived } = await called('get', { url })
    expect(arrived).toEqual(allow ? [{ url }] : [])
    expect(reasonOf(answer)).toBe(allow ? undefined : 'outside_mandate')
  })

  // Who grants every name grants no address, in whatever spelling; that a name may lead to one, SECURITY.md says.
  test.each(URLS.filter(({ url }) => NUMERIC.test(url)))(
    'G20: $id ($why) is no name, and no pattern of names covers it',
    async ({ url }) => {
      const { answer, arrived } = await called('browse', { url })
      expect(arrived).toEqual([])
      expect(reasonOf(answer)).toBe('outside_mandate')
    },
  )

  test('G20: a name is covered by it', async () => {
    const { arrived } = await called('browse', { url: 'http://some.example.com/' })
    expect(arrived).toHaveLength(1)
  })
})
