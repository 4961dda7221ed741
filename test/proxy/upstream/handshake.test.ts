import { expect, test } from 'vitest'
import type { JsonObject } from '../../../src/model/json.ts'
import { shakeHands, type HandshakeWire, type Wish } from '../../../src/proxy/upstream/handshake.ts'
import { fakeClock } from '../../fakes/clock.ts'

type Reply = { readonly part: 'result' | 'error'; readonly value: JsonObject } | 'silence'

function upstream(replies: Readonly<Record<string, Reply>>) {
  const asked: string[] = []
  const notified: string[] = []
  const wire: HandshakeWire = {
    request: (method) => {
      asked.push(method)
      const reply = replies[method] ?? { part: 'error', value: { code: -32_601 } }
      if (reply === 'silence') return new Promise(() => undefined)
      return Promise.resolve({ ...reply, text: JSON.stringify(reply.value) })
    },
    notify: (method) => void notified.push(method),
  }
  const clock = fakeClock('2026-11-24T10:00:00Z')
  const options = {
    self: { name: 'chaperone', version: '1' },
    timers: clock,
    timeoutMs: 20_000,
    probeMs: 5000,
  }
  return { asked, notified, clock, shake: (wish: Wish) => shakeHands(wire, wish, options) }
}

const INITIALIZED: Reply = {
  part: 'result',
  value: { protocolVersion: '2025-06-18', capabilities: { tools: {} } },
}
const DISCOVERED: Reply = {
  part: 'result',
  value: { supportedVersions: ['2026-07-28'], capabilities: {} },
}
const legacy: Wish = { era: 'legacy', version: '2025-11-25', capabilities: {} }
const modern: Wish = { era: 'modern', capabilities: {} }

test('the era of the agent is tried first, and the other where that fails', async () => {
  const both = { initialize: INITIALIZED, 'server/discover': DISCOVERED }
  for (const [replies, wish, era, asked] of [
    [both, legacy, 'legacy', ['initialize']],
    [both, modern, 'modern', ['server/discover']],
    [{ initialize: INITIALIZED }, modern, 'legacy', ['server/discover', 'initialize']],
    [{ 'server/discover': DISCOVERED }, legacy, 'modern', ['initialize', 'server/discover']],
  ] as const) {
    const one = upstream(replies)
    expect(await one.shake(wish)).toMatchObject({ era })
    expect(one.asked).toEqual(asked)
    expect(one.notified).toEqual(era === 'legacy' ? ['notifications/initialized'] : [])
  }
})

test('a server that is silent to a probe is asked in the other era beside it', async () => {
  const one = upstream({ 'server/discover': 'silence', initialize: INITIALIZED })
  const agreed = one.shake(modern)
  await Promise.resolve()
  one.clock.advance(5000)
  expect(await agreed).toMatchObject({ era: 'legacy', version: '2025-06-18' })
})

test('a modern server of no known version is not taken for a legacy one', async () => {
  const one = upstream({
    'server/discover': { part: 'error', value: { code: -32_022 } },
    initialize: INITIALIZED,
  })
  await expect(one.shake(modern)).rejects.toMatchObject({ code: 'ERR_UPSTREAM_DOWN' })
  expect(one.asked).toEqual(['server/discover'])
})

test('a version that is not known, and no era at all, are refused', async () => {
  const odd = upstream({ initialize: { part: 'result', value: { protocolVersion: '1999-01-01' } } })
  await expect(odd.shake(legacy)).rejects.toMatchObject({ code: 'ERR_UPSTREAM_DOWN' })
  await expect(upstream({}).shake(legacy)).rejects.toMatchObject({ code: 'ERR_UPSTREAM_DOWN' })
})
