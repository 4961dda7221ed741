/** What counts, and what is looked at once more, where a call does not leave in one go. */
import { expect, test } from 'vitest'
import { callId } from '../../src/model/id.ts'
import type { Notifier } from '../../src/model/port.ts'
import { takeCall } from '../../src/pipeline/line.ts'
import type { Continuation, Inbound } from '../../src/pipeline/port.ts'
import { liveMandate } from '../../src/policy/live.ts'
import { fakeLine, mandateOf, tool } from '../fakes/line.ts'
import { policies, ruled } from '../policy/written.ts'

const MANDATE = mandateOf(`mandate: m
agent: intake-bot
purpose: Everything
valid: { until: 2026-11-24T10:00:30Z }
tools: { "*/*": {} }
requests: { a: [elicitation] }
`)
const TOOLS = [{ state: 'found', target: tool('a', 'do') }] as const

function call(continuation?: Continuation): Inbound {
  return {
    era: 'modern',
    method: 'tools/call',
    params: { name: 'do', arguments: {} },
    cancelled: { aborted: false, onAbort: () => undefined },
    ...(continuation && { continuation }),
  }
}

test('a state that is presented again and again is a call each time, under a rule about how many', async () => {
  const rate = ruled('  - { id: few, effect: forbid, when: session.calls("a/do") >= 3 }')
  const line = fakeLine({ mandate: liveMandate(MANDATE, policies(rate), 'dev'), tools: TOOLS })
  await takeCall(call(), line.ports)
  const again = { continues: callId('call-1'), server: 'a', requestState: 's' }
  for (let n = 0; n < 5; n += 1) await takeCall(call(again), line.ports)
  expect(line.departed).toHaveLength(3)
})

test('an answer to a call that is still under way upstream is no other call', async () => {
  const rate = ruled('  - { id: few, effect: forbid, when: session.calls("a/do") >= 2 }')
  const line = fakeLine({ mandate: liveMandate(MANDATE, policies(rate), 'dev'), tools: TOOLS })
  await takeCall(call(), line.ports)
  const going = { continues: callId('call-1'), server: 'a', ticket: 't' }
  for (let n = 0; n < 3; n += 1) await takeCall(call(going), line.ports)
  expect(line.departed).toHaveLength(4)
})

const TELL = ruled(
  '  - { id: tell, effect: oblige, obligation: { type: notify, to: security } }\n  - { id: flow, effect: forbid, labels: [untrusted] }',
)

test.each(['the mandate ends', 'a label is left', 'other policies come'])(
  'while somebody is told of it, %s: it does not leave, and is not counted',
  async (what) => {
    const live = liveMandate(MANDATE, policies(TELL), 'dev')
    const line = fakeLine({ mandate: live, tools: TOOLS })
    const notifier: Notifier = {
      notify: () => {
        if (what === 'the mandate ends') line.clock.advance(60_000)
        else if (what === 'a label is left') line.ports.task.label(['untrusted'])
        else live.swap(policies(ruled('  - { id: no, effect: forbid }')))
        return Promise.resolve('delivered')
      },
    }
    const concluded = await takeCall(call(), { ...line.ports, notifier })
    expect(concluded).toHaveProperty('refusal.reason', 'obligation_unmet')
    expect(line.departed).toEqual([])
    const calls = { key: 'calls', kind: 'calls', matches: () => true } as const
    expect(line.ports.task.facts.history?.read(calls, line.clock.now())).toBe(0)
  },
)
