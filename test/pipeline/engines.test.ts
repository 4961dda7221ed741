/** External engines on the line: asked last, and what changed while they thought counts when the call is then decided. */
import { describe, expect, test } from 'vitest'
import type { EngineFact } from '../../src/model/policy.ts'
import type { EngineQuestion, PolicyEngine } from '../../src/model/port.ts'
import { takeCall } from '../../src/pipeline/line.ts'
import { type LiveMandate, liveMandate } from '../../src/policy/live.ts'
import { fakeLine, mandateOf, tool } from '../fakes/line.ts'
import { policies, ruled } from '../policy/written.ts'

const MANDATE = mandateOf(`mandate: m
agent: intake-bot
purpose: Everything
valid: { until: 2026-11-24T10:00:30Z }
tools: { "*/*": {} }
`)
const PDP = { id: 'pdp', mode: 'enforce', effects: [] } as const
const RULE = ruled(
  '  - { id: flow, effect: forbid, labels: [untrusted] }\n  - { id: x, effect: forbid, when: args.x == 1 }',
)

/** An engine that answers when it is told to. */
function engine(id = 'pdp') {
  const asked: EngineQuestion[] = []
  let answer: (effect: EngineFact['effect']) => void = () => undefined
  const self: PolicyEngine = {
    id,
    ask: (question) => {
      asked.push(question)
      return new Promise((resolve) => {
        answer = (effect) => resolve({ engine: id, effect, tookMs: 1 })
      })
    },
    close: () => Promise.resolve(),
  }
  return { self, asked, say: (effect: EngineFact['effect']) => answer(effect) }
}

function start(args: object = { x: 2 }) {
  const live: LiveMandate = liveMandate(MANDATE, policies(RULE, [PDP]), 'dev')
  const pdp = engine()
  const engines = new Map([['pdp', pdp.self]])
  const line = fakeLine({
    mandate: live,
    tools: [{ state: 'found', target: tool('a', 'do') }],
    ports: { engines },
  })
  const cancelled = { aborted: false, onAbort: () => undefined }
  const params = { name: 'do', arguments: { ...args } }
  const taken = takeCall({ era: 'legacy', method: 'tools/call', params, cancelled }, line.ports)
  return { ...line, live, pdp, engines, taken }
}

test('a yes lets the call leave, and is on record', async () => {
  const { pdp, taken, departed, log } = start()
  pdp.say('permit')
  expect(await taken).toHaveProperty('answer')
  expect(departed).toHaveLength(1)
  expect(log.entries[0]).toMatchObject({
    type: 'intent',
    decision: { policy: { engines: [{ engine: 'pdp', effect: 'permit' }] } },
  })
})

test('it is not asked about what is refused anyway', async () => {
  const { pdp, taken, departed } = start({ x: 1 })
  expect(await taken).toHaveProperty('refusal.reason', 'forbidden')
  expect(pdp.asked).toEqual([])
  expect(departed).toEqual([])
})

describe.each([
  ['deny', 'forbidden'],
  ['error', 'engine_unavailable'],
] as const)('%s', (effect, reason) => {
  test('keeps the call back', async () => {
    const { pdp, taken, departed } = start()
    pdp.say(effect)
    expect(await taken).toHaveProperty('refusal.reason', reason)
    expect(departed).toEqual([])
  })
})

test('one that is not open denies', async () => {
  const live = liveMandate(MANDATE, policies(RULE, [PDP]), 'dev')
  const line = fakeLine({ mandate: live, tools: [{ state: 'found', target: tool('a', 'do') }] })
  const cancelled = { aborted: false, onAbort: () => undefined }
  const params = { name: 'do', arguments: { x: 2 } }
  const taken = takeCall({ era: 'legacy', method: 'tools/call', params, cancelled }, line.ports)
  expect(await taken).toHaveProperty('refusal.reason', 'engine_unavailable')
  expect(line.departed).toEqual([])
})

describe('while it thinks', () => {
  test('a label that another call left counts', async () => {
    const { pdp, taken, departed, ports } = start()
    ports.task.label(['untrusted'])
    pdp.say('permit')
    expect(await taken).toHaveProperty('refusal.reason', 'forbidden')
    expect(departed).toEqual([])
  })

  test('another policy set counts, whatever the engine says', async () => {
    const { pdp, taken, departed, live } = start()
    live.swap(policies(ruled('  - { id: all, effect: forbid, when: args.x == 2 }'), [PDP]))
    pdp.say('permit')
    expect(await taken).toHaveProperty('refusal.reason', 'forbidden')
    expect(departed).toEqual([])
  })

  test('an engine that took its place has not answered', async () => {
    const { pdp, taken, departed, live, engines } = start()
    live.swap(policies(RULE, [PDP]))
    engines.set('pdp', engine().self)
    pdp.say('permit')
    expect(await taken).toHaveProperty('refusal.reason', 'engine_unavailable')
    expect(departed).toEqual([])
  })

  test('a mandate that ends meanwhile lets nothing leave', async () => {
    const { pdp, taken, departed, clock } = start()
    clock.advance(60_000)
    pdp.say('permit')
    expect(await taken).toHaveProperty('refusal.reason', 'mandate_expired')
    expect(departed).toEqual([])
  })
})
