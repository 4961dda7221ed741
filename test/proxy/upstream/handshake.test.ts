import { expect, test } from 'vitest'
import type { JsonObject } from '../../../src/model/json.ts'
import {
  shakeHands,
  type Agreement,
  type HandshakeWire,
  type Wish,
} from '../../../src/proxy/upstream/handshake.ts'
import { fakeClock } from '../../fakes/clock.ts'

interface Spoken {
  readonly part: 'result' | 'error'
  readonly value: JsonObject
}
type Reply = Spoken | 'silence'

function upstream(replies: Readonly<Record<string, Reply | readonly Reply[]>>) {
  const asked: string[] = []
  const told: JsonObject[] = []
  const notified: string[] = []
  let speak = (_late: Spoken): void => undefined
  const agreed: Agreement[] = []
  const wire: HandshakeWire = {
    request: (method, params, { version }) => {
      asked.push(method)
      told.push({ version: version ?? null, params })
      const given = [replies[method] ?? []].flat()
      const nth = asked.filter((one) => one === method).length - 1
      const reply = given[Math.min(nth, given.length - 1)] ?? UNKNOWN
      if (reply === 'silence')
        return new Promise((resolve) => {
          speak = (late) => resolve({ ...late, text: JSON.stringify(late.value) })
        })
      return Promise.resolve({ ...reply, text: JSON.stringify(reply.value) })
    },
    agreed: (agreement) => void agreed.push(agreement),
    notify: (method) => void notified.push(`${method} in ${agreed.at(-1)?.version}`),
  }
  const clock = fakeClock('2026-11-24T10:00:00Z')
  const options = {
    self: { name: 'chaperone', version: '1' },
    timers: clock,
    timeoutMs: 20_000,
    probeMs: 5000,
  }
  return {
    speak: (late: Spoken) => speak(late),
    asked,
    told,
    notified,
    agreed,
    clock,
    shake: (wish: Wish) => shakeHands(wire, wish, options),
  }
}

const UNKNOWN: Spoken = { part: 'error', value: { code: -32_601 } }
const INITIALIZED: Reply = {
  part: 'result',
  value: { protocolVersion: '2025-06-18', capabilities: { tools: {} } },
}
const DISCOVERED: Spoken = {
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
    expect(one.notified).toEqual(
      era === 'legacy' ? ['notifications/initialized in 2025-06-18'] : [],
    )
    expect(one.agreed).toMatchObject([{ era }])
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

test('a modern server that wants another version is asked once more, in one that both know', async () => {
  const unsupported = (...supported: string[]): Reply => ({
    part: 'error',
    value: { code: -32_022, message: 'Unsupported protocol version', data: { supported } },
  })
  const one = upstream({ 'server/discover': [unsupported('2027-01-01', '2026-07-28'), DISCOVERED] })
  expect(await one.shake(modern)).toMatchObject({ era: 'modern', version: '2026-07-28' })
  expect(one.asked).toEqual(['server/discover', 'server/discover'])
  expect(one.told[1]).toMatchObject({
    version: '2026-07-28',
    params: { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } },
  })

  const stubborn = upstream({ 'server/discover': unsupported('2026-07-28') })
  await expect(stubborn.shake(modern)).rejects.toMatchObject({ code: 'ERR_UPSTREAM_DOWN' })
  expect(stubborn.asked).toEqual(['server/discover', 'server/discover', 'initialize'])

  const older = upstream({
    'server/discover': unsupported('2025-06-18'),
    initialize: INITIALIZED,
  })
  expect(await older.shake(modern)).toMatchObject({ era: 'legacy' })
})

test('of two eras that answer after all, the first is agreed on and told, once', async () => {
  const one = upstream({ 'server/discover': 'silence', initialize: INITIALIZED })
  const agreed = one.shake(modern)
  await Promise.resolve()
  one.clock.advance(5000)
  expect(await agreed).toMatchObject({ era: 'legacy' })
  one.speak(DISCOVERED)
  await Promise.resolve()
  expect(one.agreed).toMatchObject([{ era: 'legacy' }])
  expect(one.notified).toHaveLength(1)
})

test('a version that is not known, and no era at all, are refused', async () => {
  const odd = upstream({ initialize: { part: 'result', value: { protocolVersion: '1999-01-01' } } })
  await expect(odd.shake(legacy)).rejects.toMatchObject({ code: 'ERR_UPSTREAM_DOWN' })
  await expect(upstream({}).shake(legacy)).rejects.toMatchObject({ code: 'ERR_UPSTREAM_DOWN' })
})
