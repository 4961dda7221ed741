import { describe, expect, test } from 'vitest'
import { GuardError } from '../../src/model/error.ts'
import type { JsonObject } from '../../src/model/json.ts'
import type { Obligation } from '../../src/model/policy.ts'
import type { Notifier, UpstreamAnswer } from '../../src/model/port.ts'
import { STAGES } from '../../src/model/verdict.ts'
import { noticesOf } from '../../src/pipeline/duty/notify.ts'
import { LINE, takeCall } from '../../src/pipeline/line.ts'
import type { Inbound, LinePorts } from '../../src/pipeline/port.ts'
import { Session, Underway } from '../../src/proxy/session.ts'
import type { MemoryLog } from '../fakes/audit-log.ts'
import { call as vendorCall } from '../fakes/entry-body.ts'
import { fakeLine, mandateOf, obliging, tool, type FakeLineOptions } from '../fakes/line.ts'

const MANDATE = mandateOf(`
mandate: intake
agent: intake-bot
purpose: Approve class B vendors
valid: { from: 2026-11-20T00:00:00Z, until: 2026-12-01T00:00:00Z }
tools:
  vendors/search: { effect: read }
  vendors/approve:
    effect: write
    args:
      class: { one_of: [B] }
      amount: { range: { max: 5000 } }
    approval: { when: args.amount > 1000, from: [boss@acme.example], expires: 15m }
  vendors/broken:
    effect: write
    when: args.missing > 1
never: [vendors/delete]
`)
const SEARCH = { state: 'found', target: tool('vendors', 'search') } as const
const APPROVE = { state: 'found', target: tool('vendors', 'approve') } as const
const BROKEN = { state: 'found', target: tool('vendors', 'broken') } as const
const DELETE = { state: 'found', target: tool('vendors', 'delete') } as const
const TOOLS = [SEARCH, APPROVE, BROKEN, DELETE]
const DOWN = { state: 'unavailable', detail: 'why' } as const

function underway(): Underway {
  const nowhere = { answer: ignore, say: ignore, drop: ignore, pause: ignore }
  return new Underway(new Session(nowhere), 1)
}
const ignore = (): void => undefined

function call(name: string, args?: JsonObject): Inbound {
  const params = args === undefined ? { name } : { name, arguments: args }
  return { era: 'legacy', method: 'tools/call', params, cancelled: underway() }
}

async function take(inbound: Inbound, options: Partial<FakeLineOptions> = {}) {
  const line = fakeLine({ mandate: MANDATE, tools: TOOLS, ...options })
  const concluded = await takeCall(inbound, line.ports)
  return { ...line, concluded }
}

const PERMITTED = call('approve', { class: 'B', amount: 100 })

test('the line holds the eleven stages of the design, in order, each with its question, codes and reason', () => {
  expect(LINE.rows.map((row) => row.name)).toEqual([...STAGES])
  for (const row of LINE.rows) {
    expect(row.question).not.toBe('')
    expect(row.why).not.toBe('')
    expect(row.codes.length).toBeGreaterThan(0)
  }
})

test('a permitted call leaves once, after its intent, and comes back after its outcome', async () => {
  const { concluded, departed, log } = await take(PERMITTED)
  expect(concluded).toHaveProperty('answer.text', '{"content":[]}')
  expect(departed).toHaveLength(1)
  expect(departed[0]?.params).toEqual({ name: 'approve', arguments: { class: 'B', amount: 100 } })
  expect(log.entries.map((entry) => entry.type)).toEqual(['intent', 'outcome'])
})

describe('refuses, records it, and lets nothing reach the upstream', () => {
  const cases: readonly [string, Inbound, Partial<FakeLineOptions>, string, string][] = [
    [
      'a message that is not well-formed',
      { ...PERMITTED, malformed: 'duplicate key' },
      {},
      'admit',
      'malformed',
    ],
    ['a method in no row', { ...PERMITTED, method: 'tasks/get' }, {}, 'admit', 'unsupported'],
    [
      'an unknown member in params',
      { ...PERMITTED, params: { name: 'search', task: {} } },
      {},
      'admit',
      'malformed',
    ],
    [
      'a retry member in the legacy era',
      { ...PERMITTED, params: { name: 'search', requestState: 'x' } },
      {},
      'admit',
      'malformed',
    ],
    [
      'a tool name that is no string',
      { ...PERMITTED, params: { name: ['search'] } },
      {},
      'admit',
      'malformed',
    ],
    [
      'nobody on the launch line',
      PERMITTED,
      { ports: { principal: undefined } },
      'identify',
      'unauthenticated',
    ],
    [
      'another agent',
      PERMITTED,
      { ports: { principal: { agent: 'other', assurance: 'launch_line' } } },
      'bind',
      'agent_mismatch',
    ],
    [
      'one millisecond before the mandate begins',
      PERMITTED,
      { at: '2026-11-19T23:59:59.999Z' },
      'bind',
      'mandate_not_yet_valid',
    ],
    [
      'the very moment the mandate ends',
      PERMITTED,
      { at: '2026-12-01T00:00:00.000Z' },
      'bind',
      'mandate_expired',
    ],
    [
      'a guard that is stopping',
      PERMITTED,
      { ports: { stopping: () => true } },
      'bind',
      'guard_stopping',
    ],
    ['a tool that no upstream has', call('nothing'), {}, 'resolve', 'unknown_tool'],
    ['a hidden tool, with the same answer', call('delete'), {}, 'resolve', 'unknown_tool'],
    ['a tool named __proto__', call('__proto__'), {}, 'resolve', 'unknown_tool'],
    [
      'a changed definition',
      call('search'),
      { tools: [{ ...SEARCH, state: 'changed' }] },
      'resolve',
      'tool_changed',
    ],
    [
      'an upstream that is down',
      call('search'),
      { tools: [{ ...SEARCH, ...DOWN, reason: 'upstream_unavailable' }] },
      'resolve',
      'upstream_unavailable',
    ],
    [
      'an upstream that refuses its credentials',
      call('search'),
      { tools: [{ ...SEARCH, ...DOWN, reason: 'credential_unavailable' }] },
      'resolve',
      'credential_unavailable',
    ],
    [
      'an argument outside the mandate',
      call('approve', { class: 'A', amount: 1 }),
      {},
      'decide',
      'outside_mandate',
    ],
    [
      'an unnamed argument',
      call('approve', { class: 'B', amount: 1, force: true }),
      {},
      'decide',
      'outside_mandate',
    ],
    ['a missing argument', call('approve', { class: 'B' }), {}, 'decide', 'outside_mandate'],
    ['a condition that cannot be evaluated', call('broken', {}), {}, 'decide', 'evaluation_error'],
    [
      'a call that needs an approval',
      call('approve', { class: 'B', amount: 1001 }),
      {},
      'step-up',
      'approval_required',
    ],
  ]
  test.each(cases)('%s', async (_name, inbound, options, stage, reason) => {
    const { concluded, departed, log } = await take(inbound, options)
    expect(concluded).toHaveProperty('refusal.stage', stage)
    expect(concluded).toHaveProperty('refusal.reason', reason)
    expect(departed).toEqual([])
    expect(log.entries).toHaveLength(1)
    expect(log.entries[0]).toMatchObject({ type: 'refusal' })
  })
})

test('a refusal of what was found is recorded under its upstream, another under the name that was asked for', async () => {
  const down = { ...SEARCH, ...DOWN, reason: 'upstream_unavailable' } as const
  const { concluded, departed, log } = await take(call('search'), { tools: [down] })
  expect(log.entries).toMatchObject([{ request: { server: 'vendors', name: 'search' } }])
  // What the agent is told is made of what it asked alone.
  expect(concluded).not.toHaveProperty('request.server')
  expect(departed).toEqual([])
  const unknown = await take(call('vendors__nothing'))
  expect(unknown.log.entries).toMatchObject([{ request: { name: 'vendors__nothing' } }])
  expect(unknown.log.entries[0]).not.toHaveProperty('request.server')
  expect(unknown.departed).toEqual([])
})

test('a mandate for another environment does not bind', async () => {
  const staging = mandateOf(`
mandate: m
agent: intake-bot
purpose: p
environment: [staging]
valid: { until: 2026-12-01T00:00:00Z }
tools: { vendors/search: { effect: read } }
`)
  const { concluded, departed } = await take(call('search'), { mandate: staging })
  expect(concluded).toHaveProperty('refusal.reason', 'environment_mismatch')
  expect(departed).toEqual([])
})

test('the remedy of an approval names who may answer, in the record and not in the refusal text', async () => {
  const { log } = await take(call('approve', { class: 'B', amount: 2000 }))
  expect(JSON.stringify(log.entries[0])).toContain('boss@acme.example')
})

test('a log that cannot be written refuses the call before it leaves', async () => {
  const line = fakeLine({ mandate: MANDATE, tools: TOOLS })
  line.log.failNext(2)
  const concluded = await takeCall(PERMITTED, line.ports)
  expect(concluded).toHaveProperty('refusal.reason', 'audit_unavailable')
  expect(concluded).toHaveProperty('refusal.stage', 'commit')
  expect(line.departed).toEqual([])
  expect(line.faults).toContain('a refusal could not be recorded')
})

test('an answer whose outcome cannot be recorded is withheld', async () => {
  const line = fakeLine({ mandate: MANDATE, tools: TOOLS })
  const append: MemoryLog['append'] = (entry) => line.log.append(entry)
  const log = {
    ...line.log,
    append: (entry: Parameters<MemoryLog['append']>[0]) => {
      if (entry.type === 'outcome') line.log.failNext(1)
      return append(entry)
    },
  }
  const concluded = await takeCall(PERMITTED, { ...line.ports, log })
  expect(concluded).toHaveProperty('refusal.reason', 'audit_unavailable')
  expect(concluded).toHaveProperty('refusal.stage', 'settle')
  expect(line.departed).toHaveLength(1)
})

describe('what an upstream does is told apart, and is the outcome of the intent', () => {
  const cases = [
    ['ERR_UPSTREAM_DOWN', 'upstream_unavailable'],
    ['ERR_UPSTREAM_TIMEOUT', 'upstream_timeout'],
    ['ERR_UPSTREAM_LOST', 'outcome_unknown'],
    ['ERR_UPSTREAM_UNUSABLE', 'output_refused'],
  ] as const
  test.each(cases)('%s is %s', async (code, reason) => {
    const line = fakeLine({ mandate: MANDATE, tools: TOOLS })
    line.answerWith(new GuardError(code, 'x'))
    const concluded = await takeCall(PERMITTED, line.ports)
    expect(concluded).toHaveProperty('refusal.reason', reason)
    expect(line.log.entries.map((entry) => entry.type)).toEqual(['intent', 'outcome'])
    expect(line.log.entries[1]).toMatchObject({ verdict: { outcome: 'refused', reason } })
  })

  test('an answer over the size limit is withheld', async () => {
    const line = fakeLine({ mandate: MANDATE, tools: TOOLS })
    line.answerWith({ kind: 'result', text: `{"x":"${'a'.repeat(1000)}"}`, outcome: 'complete' })
    expect(await takeCall(PERMITTED, line.ports)).toHaveProperty('refusal.reason', 'output_refused')
  })

  test('an answer that asks for what the mandate does not permit is withheld', async () => {
    const line = fakeLine({ mandate: MANDATE, tools: TOOLS })
    line.answerWith({
      kind: 'result',
      text: '{}',
      outcome: 'input_required',
      asks: ['elicitation'],
    })
    expect(await takeCall(PERMITTED, line.ports)).toHaveProperty(
      'refusal.reason',
      'request_not_permitted',
    )
  })
})

test('a fault in any stage denies, is recorded, and reaches no upstream that it had not reached', async () => {
  const broken = () => {
    throw new Error('planted')
  }
  const faulty: readonly [string, Partial<FakeLineOptions['ports']>, number][] = [
    ['admit', { time: { read: broken } }, 0],
    ['resolve', { newCallId: broken }, 0],
    ['forward', { upstreams: { forward: broken } }, 0],
  ]
  for (const [stage, ports, left] of faulty) {
    const line = fakeLine({
      mandate: MANDATE,
      tools: TOOLS,
      ports: stage === 'admit' ? {} : (ports ?? {}),
    })
    const { time } = line.ports
    let reads = 0
    const once = { read: () => (reads++ === 0 ? broken() : time.read()) }
    const concluded = await takeCall(
      PERMITTED,
      stage === 'admit' ? { ...line.ports, time: once } : line.ports,
    )
    expect(concluded).toHaveProperty('refusal.reason', 'internal_error')
    expect(concluded).toHaveProperty('refusal.stage', stage)
    expect(line.departed).toHaveLength(left)
    expect(line.log.entries.length).toBeGreaterThan(0)
    expect(line.faults).toContain('a fault in the guard denied a call')
  }
})

describe('G41: a clock that goes back', () => {
  test('by more than 5 s denies, and never revives an expired mandate', async () => {
    const line = fakeLine({ mandate: MANDATE, tools: TOOLS, at: '2026-11-30T23:59:59Z' })
    line.clock.setWall('2026-12-01T00:00:00Z')
    expect(await takeCall(PERMITTED, line.ports)).toHaveProperty(
      'refusal.reason',
      'mandate_expired',
    )
    line.clock.setWall('2026-11-30T23:59:58Z')
    expect(await takeCall(PERMITTED, line.ports)).toHaveProperty(
      'refusal.reason',
      'mandate_expired',
    )
    line.clock.setWall('2026-11-30T12:00:00Z')
    expect(await takeCall(PERMITTED, line.ports)).toHaveProperty(
      'refusal.reason',
      'clock_moved_back',
    )
    expect(line.departed).toEqual([])
  })
})

test('a call that was cancelled before it left is not sent', async () => {
  const inbound = call('approve', { class: 'B', amount: 1 })
  const cancelled = underway()
  cancelled.abort()
  const { concluded, departed } = await take({ ...inbound, cancelled })
  expect(concluded).toHaveProperty('refusal.reason', 'cancelled')
  expect(departed).toEqual([])
})

describe('a completion', () => {
  const PROMPTS = mandateOf(`
mandate: m
agent: intake-bot
purpose: p
valid: { until: 2026-12-01T00:00:00Z }
prompts: { vendors/summary: { args: { vendor: { prefix: ACME- } } } }
`)
  const complete = (argument: JsonObject, context?: JsonObject): Inbound => ({
    era: 'legacy',
    method: 'completion/complete',
    params: {
      ref: { type: 'ref/prompt', name: 'summary' },
      argument,
      ...(context ? { context } : {}),
    },
    cancelled: underway(),
  })

  test('of an argument that the mandate names passes, half typed as it is', async () => {
    const { concluded, departed } = await take(complete({ name: 'vendor', value: 'A' }), {
      mandate: PROMPTS,
    })
    expect(concluded).toHaveProperty('answer')
    expect(departed).toHaveLength(1)
  })

  test.each([
    [
      'an argument that the mandate does not name',
      complete({ name: 'secret', value: 'A' }),
      'outside_mandate',
    ],
    [
      'such an argument in its context',
      complete({ name: 'vendor', value: 'A' }, { arguments: { secret: 'x' } }),
      'outside_mandate',
    ],
    ['an argument without a name', complete({ value: 'A' }), 'malformed'],
    [
      'a context that is no object',
      {
        ...complete({ name: 'vendor', value: '' }),
        params: {
          ref: { type: 'ref/prompt', name: 'summary' },
          argument: { name: 'vendor', value: '' },
          context: [],
        },
      },
      'malformed',
    ],
  ])('of %s is refused, and nothing leaves', async (_name, inbound, reason) => {
    const { concluded, departed } = await take(inbound, { mandate: PROMPTS })
    expect(concluded).toHaveProperty('refusal.reason', reason)
    expect(departed).toEqual([])
  })
})

describe('the task that a call belongs to', () => {
  const LABEL = { type: 'label', rule: 'p#l', add: ['untrusted'] } as const
  const CALLS = { key: 'calls', kind: 'calls', matches: () => true } as const
  const COMPLETED = { key: 'completed', kind: 'completed', matches: () => true } as const
  const counts = ({ ports }: ReturnType<typeof fakeLine>) =>
    [CALLS, COMPLETED].map((query) => ports.task.facts.history?.read(query, ports.time.read().at))

  test('is told of the call and of its labels before it leaves, and of its end', async () => {
    const line = fakeLine({ mandate: obliging(MANDATE, [LABEL]), tools: TOOLS })
    const seen: unknown[] = []
    const upstreams: LinePorts['upstreams'] = {
      forward: (departure) => {
        seen.push(line.ports.task.facts.labels, ...counts(line))
        return line.ports.upstreams.forward(departure)
      },
    }
    await takeCall(PERMITTED, { ...line.ports, upstreams })
    expect(seen).toEqual([['untrusted'], 1, 0])
    expect(counts(line)).toEqual([1, 1])
    // What was judged is what stood before it.
    expect(line.departed[0]?.call.session.labels).toEqual([])
    await takeCall(PERMITTED, line.ports)
    expect(line.departed[1]?.call.session.labels).toEqual(['untrusted'])
    expect(line.departed[1]?.call.mandate).toMatchObject({ name: 'intake', purpose: {} })
  })

  test('sees a call that is on its way to the record when the next one is decided', async () => {
    const line = fakeLine({ mandate: MANDATE, tools: TOOLS })
    const first = takeCall(PERMITTED, line.ports)
    expect(counts(line)).toEqual([1, 0])
    await first
  })

  test.each([
    ['ERR_UPSTREAM_DOWN', 0],
    ['ERR_DEFINITION_CHANGED', 0],
    ['ERR_UPSTREAM_DENIED', 1],
    ['ERR_UPSTREAM_TIMEOUT', 1],
    ['ERR_UPSTREAM_LOST', 1],
  ] as const)('counts a call that ended as %s: %i', async (code, count) => {
    const line = fakeLine({ mandate: obliging(MANDATE, [LABEL]), tools: TOOLS })
    line.answerWith(new GuardError(code, 'x'))
    await takeCall(PERMITTED, line.ports)
    expect(counts(line)).toEqual([count, 0])
    expect(line.ports.task.facts.labels).toEqual(['untrusted'])
  })

  test('counts no call that was cancelled, or not recorded, and none that was refused', async () => {
    const line = fakeLine({ mandate: obliging(MANDATE, [LABEL]), tools: TOOLS })
    line.answerWith('cancelled')
    await takeCall(PERMITTED, line.ports)
    expect(counts(line)).toEqual([0, 0])
    line.log.failNext(2)
    await takeCall(PERMITTED, line.ports)
    expect(counts(line)).toEqual([0, 0])
    await takeCall(call('approve', { class: 'A' }), line.ports)
    expect(counts(line)).toEqual([0, 0])
    expect(line.departed).toHaveLength(1)
  })

  test('counts an error of the tool as a call that did not complete', async () => {
    const line = fakeLine({ mandate: MANDATE, tools: TOOLS })
    line.answerWith({ kind: 'result', text: '{"isError":true}', outcome: 'tool_error' })
    await takeCall(PERMITTED, line.ports)
    expect(counts(line)).toEqual([1, 0])
  })

  test('is not left labels by a call that is refused', async () => {
    const line = fakeLine({ mandate: obliging(MANDATE, [LABEL]), tools: TOOLS })
    await takeCall(call('approve', { class: 'A' }), line.ports)
    expect(line.ports.task.facts.labels).toEqual([])
    expect(line.departed).toEqual([])
  })
})

describe('the duty to tell somebody', () => {
  const NOTIFY = { type: 'notify', rule: 'p#tell', to: 'security' } as const
  const ALSO = { type: 'notify', rule: 'p#also', to: 'finance' } as const

  function telling(ends: Readonly<Record<string, 'delivered' | 'failed'>>) {
    const line = fakeLine({ mandate: obliging(MANDATE, [NOTIFY, ALSO]), tools: TOOLS })
    const told: (readonly [string, JsonObject])[] = []
    const notifier: Notifier = {
      notify: (to, event) => {
        // Who is told of a call finds it on record, and it has not been made yet.
        expect(line.log.entries.map(({ type }) => type)).toEqual(['intent'])
        expect(line.departed).toEqual([])
        told.push([to, event])
        return Promise.resolve(ends[to] ?? 'failed')
      },
    }
    return { ...line, told, ports: { ...line.ports, notifier } }
  }

  test('is met before the call leaves, once for each rule, and names no argument', async () => {
    const line = telling({ security: 'delivered', finance: 'delivered' })
    const concluded = await takeCall(PERMITTED, line.ports)
    expect(concluded).toHaveProperty('answer')
    expect(line.departed).toHaveLength(1)
    const event = {
      type: 'chaperone.call',
      id: 'call-1',
      at: '2026-11-24T10:00:00.000Z',
      rule: 'p#tell',
      agent: 'intake-bot',
      mandate: 'intake',
      action: 'tools/call',
      resource: { kind: 'tool', server: 'vendors', name: 'approve' },
      effects: ['write'],
      decision: 'permit',
    }
    expect(line.told).toEqual([
      ['security', event],
      ['finance', { ...event, rule: 'p#also' }],
    ])
  })

  test.each([
    ['one of them was not told', { security: 'delivered', finance: 'failed' }],
    ['nobody was told', {}],
  ] as const)('keeps the call back where %s', async (_name, ends) => {
    const line = telling(ends)
    const concluded = await takeCall(PERMITTED, line.ports)
    expect(concluded).toHaveProperty('refusal.reason', 'obligation_unmet')
    expect(line.departed).toEqual([])
    expect(line.log.entries).toMatchObject([
      { type: 'intent' },
      { verdict: { outcome: 'refused', stage: 'equip', reason: 'obligation_unmet' } },
    ])
    const calls = { key: 'calls', kind: 'calls', matches: () => true } as const
    expect(line.ports.task.facts.history?.read(calls, line.clock.now())).toBe(0)
  })

  test('keeps the call back where there is nobody to tell', async () => {
    const { concluded, departed } = await take(PERMITTED, { mandate: obliging(MANDATE, [NOTIFY]) })
    expect(concluded).toHaveProperty('refusal.reason', 'obligation_unmet')
    expect(departed).toEqual([])
  })

  test('shows no secret of a URI', () => {
    const base = { ...vendorCall(), action: 'resources/read' } as const
    const resource = {
      kind: 'resource',
      server: 's',
      uri: 'https://u:pw@host/x?token=abc',
    } as const
    const [notice] = noticesOf([NOTIFY], { ...base, resource }, [])
    expect(JSON.stringify(notice)).not.toMatch(/pw|abc/)
  })
})

test('the risk posture is asked once for each call, at the time of the call', async () => {
  const mandate = mandateOf(`
mandate: calm
agent: intake-bot
purpose: Search while nothing is wrong
valid: { until: 2026-12-01T00:00:00Z }
tools: { vendors/search: { effect: read, when: risk == "normal" } }
`)
  const asked: number[] = []
  let risk: 'normal' | 'high' = 'normal'
  const posture = {
    at: (now: number) => {
      asked.push(now)
      return risk
    },
  }
  const line = fakeLine({ mandate, tools: TOOLS, ports: { posture } })
  const ask = () => takeCall(call('search', {}), line.ports)
  expect(await ask()).not.toHaveProperty('refusal')
  risk = 'high'
  line.clock.advance(1000)
  await ask()
  expect(line.departed.map((departure) => departure.call.risk)).toEqual(['normal'])
  expect(line.log.entries.at(-1)).toMatchObject({ type: 'refusal', state: { risk: 'high' } })
  expect(asked).toEqual([line.clock.now() - 1000, line.clock.now()])
})

describe('duties about a result', () => {
  const KEY = `AKIA${'ABCDEFGH'.repeat(2)}`
  const REDACT = {
    type: 'redact',
    rule: 'p#r',
    detectors: ['secrets'],
    paths: ['_meta.x'],
  } as const
  const CUT = { type: 'limit_output', rule: 'p#c', bytes: 300, over: 'cut' } as const
  const REFUSE = { type: 'limit_output', rule: 'p#f', bytes: 300, over: 'refuse' } as const
  const answering = async (obligations: readonly Obligation[], answer: UpstreamAnswer) => {
    const line = fakeLine({ mandate: obliging(MANDATE, obligations), tools: TOOLS })
    line.answerWith(answer)
    return { ...line, concluded: await takeCall(PERMITTED, line.ports) }
  }
  const complete = (value: JsonObject): UpstreamAnswer => ({
    kind: 'result',
    text: JSON.stringify(value),
    outcome: 'complete',
  })
  const long = (text: string): JsonObject => ({ content: [{ type: 'text', text }] })

  test('are done before it comes back, and its size is the one it has then', async () => {
    const { concluded, log } = await answering([REDACT], complete({ a: KEY, _meta: { x: [1] } }))
    const text = '{"a":"[redacted:secrets]","_meta":{"x":"[redacted]"}}'
    expect(concluded).toHaveProperty('answer.text', text)
    expect(log.entries[1]).toMatchObject({ bytes: text.length })
  })

  test('are done for errors and tool errors as well', async () => {
    const error = JSON.stringify({ code: -1, message: KEY })
    const failed = await answering([REDACT], {
      kind: 'error',
      text: error,
      code: -1,
      outcome: 'error',
    })
    expect(failed.concluded).toHaveProperty('answer.text', error.replace(KEY, '[redacted:secrets]'))
    expect(failed.concluded).toHaveProperty('answer.code', -1)
    const tool = { kind: 'result', text: JSON.stringify(long(KEY)), outcome: 'tool_error' } as const
    expect((await answering([REDACT], tool)).concluded).not.toHaveProperty('answer.text', tool.text)
  })

  test('take out first, and cut what is left', async () => {
    const text = `${KEY} ${'a'.repeat(500)}`
    const { concluded } = await answering([CUT, REDACT], complete(long(text)))
    expect(concluded).toHaveProperty(
      'answer.text',
      expect.stringMatching(/^.*"\[redacted:secrets\] a+\[cut by policy: \d+ bytes left out\]"/),
    )
  })

  test('leave the state of a question alone', async () => {
    const mandate = mandateOf(`
mandate: m
agent: intake-bot
purpose: p
valid: { until: 2026-12-01T00:00:00Z }
tools: { vendors/search: { effect: read } }
requests: { vendors: [elicitation] }
`)
    const line = fakeLine({ mandate: obliging(mandate, [REDACT]), tools: TOOLS })
    const text = JSON.stringify({ requestState: KEY, inputRequests: { q: { message: KEY } } })
    line.answerWith({ kind: 'result', text, outcome: 'input_required', asks: ['elicitation'] })
    const concluded = await takeCall(call('search'), line.ports)
    const shown = { requestState: KEY, inputRequests: { q: { message: '[redacted:secrets]' } } }
    expect(concluded).toHaveProperty('answer.text', JSON.stringify(shown))
  })

  test.each([
    ['too long', [REFUSE], complete(long('a'.repeat(500)))],
    ['too long and cannot be cut', [CUT], complete({ structuredContent: long('a'.repeat(500)) })],
    ['unreadable', [REDACT], { kind: 'result', text: '{"a":', outcome: 'complete' }],
  ] as const)('withhold what is %s', async (_name, obligations, answer) => {
    const { concluded, log, ports } = await answering(obligations, answer)
    expect(concluded).toHaveProperty('refusal.reason', 'output_refused')
    expect(log.entries.at(-1)).toMatchObject({ verdict: { stage: 'screen' } })
    const completed = { key: 'completed', kind: 'completed', matches: () => true } as const
    expect(ports.task.facts.history?.read(completed, ports.time.read().at)).toBe(0)
  })
})

describe('the definition that a call is decided about', () => {
  const DEFINED = TOOLS.map((found) =>
    found.state === 'found'
      ? { ...found, target: { ...found.target, text: () => `the text of ${found.target.name}` } }
      : found,
  )

  test('is kept before the intent, and before a refusal that a decision gave', async () => {
    const line = fakeLine({ mandate: MANDATE, tools: DEFINED })
    const kept: string[] = []
    const log = {
      ...line.ports.log,
      keep: (_: string, text: () => string) =>
        void kept.push(`${text()} after ${line.log.entries.length}`),
    }
    await takeCall(PERMITTED, { ...line.ports, log })
    await takeCall(call('approve', { class: 'A' }), { ...line.ports, log })
    await takeCall(call('nothing', {}), { ...line.ports, log })
    expect(kept).toEqual(['the text of approve after 0', 'the text of approve after 2'])
  })

  test('that cannot be kept is not called', async () => {
    const line = fakeLine({ mandate: MANDATE, tools: DEFINED })
    const keep = (): void => {
      throw new GuardError('ERR_AUDIT_APPEND', 'no space left on device')
    }
    const ended = await takeCall(PERMITTED, { ...line.ports, log: { ...line.ports.log, keep } })
    expect(ended).toMatchObject({ refusal: { stage: 'commit', reason: 'audit_unavailable' } })
    expect(line.departed).toEqual([])
  })
})
