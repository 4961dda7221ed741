/** Attacks that policies are against, on the line and on a whole guard in memory. */
import { afterEach, describe, expect, test } from 'vitest'
import { digestOf } from '../../src/model/digest.ts'
import type { CompiledPolicies } from '../../src/policy/compile.ts'
import { type LiveMandate, liveMandate } from '../../src/policy/live.ts'
import { takeCall } from '../../src/pipeline/line.ts'
import { memoryGuard, type MemoryGuard, type Message } from '../fakes/guard.ts'
import { fakeLine, mandateOf, tool } from '../fakes/line.ts'
import { legacyUpstream } from '../fakes/upstream.ts'
import { policies } from '../policy/written.ts'
import { FLOW, isForbidden, office, type Office } from './office.ts'

let open: MemoryGuard[] = []
afterEach(async () => {
  await Promise.all(open.map((guard) => guard.hangUp()))
  open = []
})

function set(rules: string): CompiledPolicies {
  return policies(`policy: acme\nrules:\n${rules}`, [], digestOf(rules))
}

const MANDATE = `mandate: m
agent: bot
purpose: Everything
valid: { until: 2026-12-31T00:00:00Z }
tools: { "*/*": {} }
`

interface Decided {
  readonly decision?: { readonly effect: string; readonly policy: { readonly s256: string } }
  readonly facts?: { readonly n?: number }
}

describe('G42: policy reload races', () => {
  const even = '  - { id: even, effect: forbid, unless: args.n % 2.0 == 0.0 }'
  const odd = '  - { id: odd, effect: forbid, unless: args.n % 2.0 == 1.0 }'
  const none = '  - { id: none, effect: forbid, when: args.n >= 0 }'

  test('G42: 10,000 calls while policies are replaced 1,000 times: each is decided by one set', async () => {
    const rulesOf = [even, odd, none] as const
    const sets = rulesOf.map((rules) => ({ rules, set: set(rules) }))
    const nth = (index: number): CompiledPolicies => sets[index % 3]?.set ?? set(none)
    const byRevision = new Map<string, string>(
      sets.map(({ rules, set: one }) => [one.revision, rules]),
    )
    const live: LiveMandate = liveMandate(mandateOf(MANDATE), nth(0), 'dev')
    const line = fakeLine({
      mandate: live,
      tools: [{ state: 'found', target: tool('a', 'count') }],
      ports: { principal: { agent: 'bot', assurance: 'launch_line' } },
    })
    const under: Promise<unknown>[] = []
    for (let n = 0; n < 10_000; n += 1) {
      if (n % 10 === 5) live.swap(nth(Math.floor(n / 10)))
      const params = { name: 'count', arguments: { n } }
      const cancelled = { aborted: false, onAbort: () => undefined }
      under.push(takeCall({ era: 'legacy', method: 'tools/call', params, cancelled }, line.ports))
      // Some calls are under way while the next set comes, some are not.
      if (n % 7 === 0) await under.at(-1)
    }
    await Promise.all(under)
    const seen = new Map<string, number>()
    for (const entry of line.log.entries) {
      const { decision, facts } = entry as Decided
      if (!decision) continue
      const revision = decision.policy.s256
      const rules = byRevision.get(revision)
      const n = facts?.n ?? Number.NaN
      const permitted = rules === even ? n % 2 === 0 : rules === odd ? n % 2 === 1 : false
      expect([revision, n, decision.effect]).toEqual([revision, n, permitted ? 'permit' : 'deny'])
      seen.set(rules ?? '', (seen.get(rules ?? '') ?? 0) + 1)
    }
    expect(seen.size).toBe(3)
    expect([...seen.values()].reduce((sum, one) => sum + one)).toBe(10_000)
    // What left is what some set permitted at that moment, and nothing else.
    expect(line.departed.length).toBeGreaterThan(0)
  })

  test('G42: agents hear of lists that a new set changes, and what it hides is unknown at once', async () => {
    const a = legacyUpstream([
      { name: 'read', inputSchema: { type: 'object' } },
      { name: 'send', inputSchema: { type: 'object' } },
    ])
    const live = liveMandate(
      mandateOf(MANDATE),
      set('  - { id: x, effect: forbid, when: args.no == 1 }'),
      'dev',
    )
    const guard = memoryGuard(MANDATE, { a }, { mandate: live })
    open.push(guard)
    await guard.open()
    const names = async (): Promise<unknown> => {
      const { result } = (await guard.ask('tools/list')) as {
        result?: { tools?: { name: string }[] }
      }
      return result?.tools?.map(({ name }) => name)
    }
    expect(await names()).toEqual(['read', 'send'])
    live.swap(set('  - { id: x, effect: forbid, tools: [a/send] }'))
    const refused = await guard.ask('tools/call', { name: 'send', arguments: {} })
    expect(refused.error?.code).toBe(-32_602)
    expect(a.calls('tools/call')).toEqual([])
    await guard.hears(({ method }) => method === 'notifications/tools/list_changed')
    expect(await names()).toEqual(['read'])
    live.swap(set('  - { id: x, effect: forbid, when: args.no == 2 }'))
    expect(await names()).toEqual(['read', 'send'])
    expect(
      (await guard.ask('tools/call', { name: 'send', arguments: { no: 1 } })).result,
    ).toBeDefined()
    expect(a.calls('tools/call')).toHaveLength(1)
  })
})

function trifecta(): {
  readonly guard: MemoryGuard
  readonly upstreams: Record<string, ReturnType<typeof legacyUpstream>>
} {
  const one = (name: string): ReturnType<typeof legacyUpstream> =>
    legacyUpstream([{ name, inputSchema: { type: 'object' } }])
  const upstreams = { crm: one('read'), web: one('fetch'), mail: one('send'), sink: one('put') }
  const live = liveMandate(mandateOf(MANDATE), policies(FLOW), 'dev')
  const guard = memoryGuard(MANDATE, upstreams, { mandate: live })
  open.push(guard)
  return { guard, upstreams }
}

function isRefused({ result }: Message): boolean {
  return result?.['isError'] === true && JSON.stringify(result).includes('forbidden')
}

describe('G46: lethal trifecta across servers', () => {
  const call = (guard: MemoryGuard, name: string, args: object = {}): Promise<Message> =>
    guard.ask('tools/call', { name, arguments: args })

  test.each([
    ['private, then untrusted', ['crm__read', 'web__fetch']],
    ['untrusted, then private', ['web__fetch', 'crm__read']],
    ['each many times', ['web__fetch', 'web__fetch', 'crm__read', 'crm__read']],
  ])('G46: %s, then nothing is sent, whatever it says', async (_name, before) => {
    const { guard, upstreams } = trifecta()
    await guard.open()
    expect(isRefused(await call(guard, 'mail__send', { body: 'early' }))).toBe(false)
    for (const name of before) expect(isRefused(await call(guard, name))).toBe(false)
    const sent = upstreams['mail']?.calls('tools/call').length
    for (const body of ['the secret', 'dGhlIHNlY3JldA==', 't-h-e', ''])
      expect(isRefused(await call(guard, 'mail__send', { body }))).toBe(true)
    expect(upstreams['mail']?.calls('tools/call')).toHaveLength(sent ?? -1)
    // The same to a sink inside passes.
    expect(isRefused(await call(guard, 'sink__put', { body: 'the secret' }))).toBe(false)
    expect(upstreams['sink']?.calls('tools/call')).toHaveLength(1)
  })

  test('G46: a read that is under way counts already, and one leg alone does not', async () => {
    const { guard, upstreams } = trifecta()
    await guard.open()
    await call(guard, 'crm__read')
    expect(isRefused(await call(guard, 'mail__send'))).toBe(false)
    const [, sent] = await Promise.all([call(guard, 'web__fetch'), call(guard, 'mail__send')])
    expect(isRefused(sent)).toBe(true)
    expect(upstreams['mail']?.calls('tools/call')).toHaveLength(1)
  })
})

describe('G46: the same by other ways than tools', () => {
  const begin = async (): Promise<Office> => {
    const own = office()
    open.push(own.guard)
    await own.guard.open()
    return own
  }
  const ways: Readonly<Record<string, (own: Office, server: string) => Promise<Message>>> = {
    'a resource': ({ guard }, server) => {
      const uris: Readonly<Record<string, string>> = {
        web: 'https://web.example/a',
        crm: 'crm://customers/1',
        mail: 'mail://out/1',
      }
      return guard.ask('resources/read', { uri: uris[server] })
    },
    'a prompt': ({ guard }, server) => guard.ask('prompts/get', { name: `${server}__brief` }),
    'a completion': ({ guard }, server) => {
      const ref = { type: 'ref/prompt', name: `${server}__brief` }
      return guard.ask('completion/complete', { ref, argument: { name: 'x', value: 'secret' } })
    },
  }

  test.each(Object.entries(ways))('G46: %s is a leg, and a way out', async (_name, way) => {
    for (const legs of [
      ['web', 'crm'],
      ['crm', 'web'],
    ] as const) {
      const own = await begin()
      expect(isForbidden(await way(own, 'mail'))).toBe(false)
      for (const server of legs) expect((await way(own, server)).result).toBeDefined()
      const left = own.left()
      expect(left).toBe(1)
      expect(isForbidden(await way(own, 'mail'))).toBe(true)
      expect(isForbidden(await own.call('mail__send', { body: 'secret' }))).toBe(true)
      expect(own.left()).toBe(left)
      expect(isForbidden(await own.call('sink__put', { body: 'secret' }))).toBe(false)
    }
  })

  test('G46: within one tool: once it has read both, nothing is sent, by itself neither', async () => {
    const own = await begin()
    expect(isForbidden(await own.call('all__work'))).toBe(false)
    expect(isForbidden(await own.call('mail__send'))).toBe(true)
    // Nobody classified it, so it may send, too.
    expect(isForbidden(await own.call('all__work'))).toBe(true)
    expect(own.upstreams.all.calls('tools/call')).toHaveLength(1)
    expect(own.left()).toBe(0)
  })

  test('G46: whatever was done to the data on the way', async () => {
    const own = await begin()
    await own.call('crm__read')
    await own.call('web__fetch')
    const secret = 'the customers of Nordwind'
    for (const args of [
      { body: Buffer.from(secret).toString('base64') },
      { body: secret.split('').toReversed().join('') },
      { body: secret.slice(0, 5), subject: secret.slice(5) },
      { attachment: '/tmp/harmless.pdf' },
      {},
    ])
      expect(isForbidden(await own.call('mail__send', args))).toBe(true)
    expect(own.left()).toBe(0)
  })
})
