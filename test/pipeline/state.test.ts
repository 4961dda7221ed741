/** What the line asks of the store: budgets are held, spent or given back, and what was taken back does not leave. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CallContext } from '../../src/model/call.ts'
import { GuardError } from '../../src/model/error.ts'
import { callId, instant } from '../../src/model/id.ts'
import type { JsonObject } from '../../src/model/json.ts'
import type { Notifier, UpstreamAnswer } from '../../src/model/port.ts'
import type { EntryBody } from '../../src/model/record.ts'
import type { Debit, Target } from '../../src/model/state.ts'
import { takeCall } from '../../src/pipeline/line.ts'
import type { Continuation, Inbound, LinePorts } from '../../src/pipeline/port.ts'
import { type FakeLine, fakeLine, mandateOf, obliging, spending, tool } from '../fakes/line.ts'

const MANDATE = mandateOf(`
mandate: m
agent: intake-bot
purpose: Everything
valid: { until: 2026-12-01T00:00:00Z }
tools:
  a/look: { effect: read }
  a/pay: { effect: pay }
  a/any: {}
resources:
  "vendors/file:///**": {}
  "vendors/queue:///**": { effect: delete }
prompts: { vendors/summary: {} }
requests: { a: [elicitation] }
`)
const TOOLS = ['look', 'pay', 'any'].map((name) => ({
  state: 'found' as const,
  target: tool('a', name),
}))
const RESETS = instant(Date.parse('2026-11-25T00:00:00Z'))

function eur(amount: number, limit = 100): Debit {
  const from = instant(Date.parse('2026-11-24T00:00:00Z'))
  const key = '["mandate","m","eur"]'
  return { budget: 'budgets.eur', key, amount, limit, scale: 2, from, until: RESETS }
}

/** Each call takes its `amount`. */
const PRICED = spending(MANDATE, ({ args }) => [eur(Number(args['amount'] ?? 1))])

function call(name: string, args: JsonObject = {}, continuation?: Continuation): Inbound {
  return {
    era: 'modern',
    method: 'tools/call',
    params: { name, arguments: args },
    cancelled: { aborted: false, onAbort: () => undefined },
    ...(continuation && { continuation }),
  }
}

function priced(ports: Partial<LinePorts> = {}): FakeLine {
  return fakeLine({ mandate: PRICED, tools: TOOLS, ports })
}

function left(line: FakeLine): readonly unknown[] {
  return line.departed.map(({ params }) => params['name'])
}

function used(line: FakeLine): number | undefined {
  return line.store.budgets('')[0]?.used
}

const CALLS = { key: 'calls', kind: 'calls', matches: () => true } as const

function counted(line: FakeLine): unknown {
  return line.ports.task.facts.history?.read(CALLS, line.clock.now())
}

describe('a budget', () => {
  test('is held before the intent, and spent after the outcome', async () => {
    const line = priced()
    const seen: string[] = []
    const { budgets, log, upstreams } = line.ports
    const ports: LinePorts = {
      ...line.ports,
      budgets: {
        hold: (request) => (seen.push('hold'), budgets.hold(request)),
        settle: (held) => (seen.push('settle'), budgets.settle(held)),
        release: (held) => (seen.push('release'), budgets.release(held)),
      },
      log: {
        ...log,
        append: (entry, until) => (seen.push(entry.type), log.append(entry, until)),
      },
      upstreams: { forward: (one) => (seen.push('forward'), upstreams.forward(one)) },
    }
    await takeCall(call('pay', { amount: 40 }), ports)
    expect(seen).toEqual(['hold', 'intent', 'forward', 'outcome', 'settle'])
    expect(used(line)).toBe(40)
    expect(line.store.open.size).toBe(0)
  })

  test('that is used up refuses, names itself for operators alone, and says when it begins anew', async () => {
    const line = priced()
    await takeCall(call('pay', { amount: 99 }), line.ports)
    const concluded = await takeCall(call('pay', { amount: 2 }), line.ports)
    expect(concluded).toMatchObject({
      refusal: {
        stage: 'commit',
        reason: 'budget_exhausted',
        resetsAt: RESETS,
        detail: 'budgets.eur: 0.02 asked for, 0.99 of 1.00 used',
      },
    })
    expect(left(line)).toEqual(['pay'])
    expect(line.log.entries.map(({ type }) => type)).toEqual(['intent', 'outcome', 'refusal'])
    expect(counted(line)).toBe(1)
    expect(used(line)).toBe(99)
  })

  test('leaves nothing held of a call that another of its budgets refuses', async () => {
    const calls = {
      budget: 'budgets.calls',
      key: '["calls"]',
      amount: 1,
      limit: 0,
      from: instant(0),
    }
    const line = fakeLine({ mandate: spending(MANDATE, () => [eur(5), calls]), tools: TOOLS })
    const concluded = await takeCall(call('pay'), line.ports)
    expect(concluded).toMatchObject({ refusal: { reason: 'budget_exhausted' } })
    expect(concluded).not.toHaveProperty('refusal.resetsAt')
    expect(left(line)).toEqual([])
    expect(used(line)).toBeUndefined()
  })

  const SPENT: readonly (readonly [string, UpstreamAnswer | GuardError])[] = [
    ['a result', { kind: 'result', text: '{}', outcome: 'complete' }],
    ['an error of the tool', { kind: 'result', text: '{}', outcome: 'tool_error' }],
    ['an error of the upstream', { kind: 'error', text: '{}', outcome: 'error' }],
    [
      'a question',
      { kind: 'result', text: '{}', outcome: 'input_required', asks: ['elicitation'] },
    ],
    [
      'a question that may not be asked',
      { kind: 'result', text: '{}', outcome: 'input_required', asks: ['sampling'] },
    ],
    [
      'an answer that is too large',
      { kind: 'result', text: 'x'.repeat(2000), outcome: 'complete' },
    ],
    ['an answer that cannot be read', new GuardError('ERR_UPSTREAM_UNUSABLE', 'x')],
    ['no answer in time', new GuardError('ERR_UPSTREAM_TIMEOUT', 'x')],
    ['an unknown outcome', new GuardError('ERR_UPSTREAM_LOST', 'x')],
    ['a status that says that nothing was done', new GuardError('ERR_UPSTREAM_REFUSED', 'x')],
    ['a credential that is refused', new GuardError('ERR_UPSTREAM_DENIED', 'x')],
  ]
  test.each(SPENT)('is spent by %s', async (_, answer) => {
    const line = priced()
    line.answerWith(answer)
    await takeCall(call('pay', { amount: 40 }), line.ports)
    expect(line.store.ended).toEqual([{ hold: 1, how: 'settled' }])
    expect(used(line)).toBe(40)
    expect(counted(line)).toBe(1)
  })

  const GIVEN_BACK: readonly (readonly [string, (line: FakeLine) => Partial<LinePorts>])[] = [
    [
      'the intent cannot be recorded',
      (line) => {
        line.log.failNext(1)
        return {}
      },
    ],
    [
      'the upstream is down',
      (line) => {
        line.answerWith(new GuardError('ERR_UPSTREAM_DOWN', 'x'))
        return {}
      },
    ],
    [
      'the definition changed where it leaves',
      (line) => {
        line.answerWith(new GuardError('ERR_DEFINITION_CHANGED', 'x'))
        return {}
      },
    ],
    [
      'it is cancelled before it left',
      (line) => {
        line.answerWith('cancelled')
        return {}
      },
    ],
    [
      'its labels cannot be left',
      ({ ports: { task } }) => ({
        task: Object.create(task, {
          facts: { get: () => task.facts },
          label: {
            value: () => {
              throw new GuardError('ERR_STATE_UNUSABLE', 'x')
            },
          },
        }) as LinePorts['task'],
      }),
    ],
    [
      'the log breaks',
      ({ log }) => ({
        log: {
          ...log,
          append: (entry, until) =>
            entry.type === 'intent'
              ? Promise.reject(new Error('planted'))
              : log.append(entry, until),
        },
      }),
    ],
  ]
  test.each(GIVEN_BACK)('is given back where %s', async (_, breaking) => {
    const line = priced()
    const ports = { ...line.ports, ...breaking(line) }
    const concluded = await takeCall(call('pay', { amount: 40 }), ports)
    expect(concluded).toHaveProperty('refusal')
    expect(line.store.ended).toEqual([{ hold: 1, how: 'released' }])
    expect(used(line)).toBe(0)
    expect(counted(line)).toBe(0)
  })

  test('is given back where whom it has to be told cannot be told, or breaks', async () => {
    const notified = obliging(PRICED, [{ type: 'notify', rule: 'r', to: 'security' }])
    const failing: readonly Notifier[] = [
      { notify: () => Promise.resolve('failed') },
      { notify: () => Promise.reject(new Error('planted')) },
    ]
    for (const notifier of failing) {
      const line = fakeLine({ mandate: notified, tools: TOOLS, ports: { notifier } })
      await takeCall(call('pay', { amount: 40 }), line.ports)
      expect(left(line)).toEqual([])
      expect(line.store.ended).toEqual([{ hold: 1, how: 'released' }])
      expect(counted(line)).toBe(0)
    }
  })

  test('is spent by a fault once it may have left, and where the outcome cannot be recorded', async () => {
    const broken = priced({ upstreams: { forward: () => Promise.reject(new Error('planted')) } })
    await takeCall(call('pay'), broken.ports)
    expect(broken.store.ended).toEqual([{ hold: 1, how: 'settled' }])
    const line = priced()
    const { log } = line
    const ports: LinePorts = {
      ...line.ports,
      log: {
        ...log,
        append: (entry, until) => {
          if (entry.type === 'outcome') log.failNext(1)
          return log.append(entry, until)
        },
      },
    }
    expect(await takeCall(call('pay'), ports)).toHaveProperty('refusal.reason', 'audit_unavailable')
    expect(line.store.ended).toEqual([{ hold: 1, how: 'settled' }])
  })

  test('is debited once by a call that is still under way upstream, and again by what is sent anew', async () => {
    const line = priced()
    await takeCall(call('pay', { amount: 10 }), line.ports)
    const going = { continues: callId('call-1'), server: 'a', ticket: 't' }
    await takeCall(call('pay', { amount: 10 }, going), line.ports)
    expect(used(line)).toBe(10)
    const anew = { continues: callId('call-1'), server: 'a', requestState: 's' }
    await takeCall(call('pay', { amount: 10 }, anew), line.ports)
    expect(used(line)).toBe(20)
    expect(left(line)).toHaveLength(3)
  })

  test('that cannot be settled stays held, and the answer comes back', async () => {
    const line = priced()
    const settle = (): never => {
      throw new GuardError('ERR_STATE_UNUSABLE', 'x')
    }
    const budgets = { ...line.store, settle }
    const concluded = await takeCall(call('pay', { amount: 40 }), { ...line.ports, budgets })
    expect(concluded).toHaveProperty('answer')
    expect(line.store.open.size).toBe(1)
    expect(used(line)).toBe(40)
    expect(line.faults).toEqual(['what a call took from budgets could not be settled'])
  })

  test('stands on the record of its call as it is afterwards', async () => {
    const line = priced()
    const intents: EntryBody[] = []
    const { log } = line
    const kept: LinePorts['log'] = {
      ...log,
      append: (entry, until) => {
        if (entry.type === 'intent') intents.push(entry)
        return log.append(entry, until)
      },
    }
    await takeCall(call('pay', { amount: 40 }), { ...line.ports, log: kept })
    await takeCall(call('pay', { amount: 7 }), { ...line.ports, log: kept })
    expect(intents).toMatchObject([
      { budgets: [{ budget: 'budgets.eur', used: 40, limit: 100 }] },
      { budgets: [{ budget: 'budgets.eur', used: 47, limit: 100 }] },
    ])
  })
})

test('however calls interleave and end, a budget is never overspent, and every hold is settled or given back', async () => {
  const ends = fc.constantFrom('complete', 'tool_error', 'down', 'lost', 'cancelled', 'fault')
  const asked = fc.array(fc.record({ amount: fc.integer({ min: 0, max: 60 }), end: ends }), {
    minLength: 1,
    maxLength: 12,
  })
  await fc.assert(
    fc.asyncProperty(asked, fc.scheduler(), async (calls, scheduler) => {
      const line = priced()
      const { log } = line
      let sent = 0
      const ports: LinePorts = {
        ...line.ports,
        log: { ...log, append: (entry, until) => scheduler.schedule(log.append(entry, until)) },
        upstreams: {
          forward: async ({ call: { args } }) => {
            await scheduler.schedule(Promise.resolve())
            const how = args['end']
            if (how !== 'down' && how !== 'cancelled') sent += Number(args['amount'])
            return ended(how)
          },
        },
      }
      const taken = calls.map((one) => takeCall(call('pay', one), ports))
      const concluded = await scheduler.waitFor(Promise.all(taken))
      const over = concluded.filter(
        (one) => 'refusal' in one && one.refusal.reason === 'budget_exhausted',
      )
      expect(sent).toBeLessThanOrEqual(100)
      expect(used(line) ?? 0).toBe(sent)
      expect(line.store.open.size).toBe(0)
      expect(line.store.ended).toHaveLength(calls.length - over.length)
    }),
    { numRuns: 200 },
  )
})

function ended(how: unknown): UpstreamAnswer | 'cancelled' {
  switch (how) {
    case 'down':
      throw new GuardError('ERR_UPSTREAM_DOWN', 'x')
    case 'lost':
      throw new GuardError('ERR_UPSTREAM_LOST', 'x')
    case 'fault':
      throw new Error('planted')
    case 'cancelled':
      return 'cancelled'
    case 'tool_error':
      return { kind: 'result', text: '{}', outcome: 'tool_error' }
    default:
      return { kind: 'result', text: '{}', outcome: 'complete' }
  }
}

describe('the disk is waited for', () => {
  async function untilOf(inbound: Inbound): Promise<unknown> {
    const line = fakeLine({ mandate: MANDATE, tools: TOOLS })
    const waits: unknown[] = []
    const { log } = line
    const kept: LinePorts['log'] = {
      ...log,
      append: (entry, until) => {
        waits.push([entry.type, until])
        return log.append(entry, until)
      },
    }
    await takeCall(inbound, { ...line.ports, log: kept })
    const [first, second] = waits as [[string, string], [string, unknown]]
    expect(first[0]).toBe('intent')
    expect(second).toEqual(['outcome', undefined])
    return first[1]
  }
  const other = (method: string, params: JsonObject): Inbound => ({
    ...call(''),
    method,
    params,
  })
  const uri = (text: string): JsonObject => ({ uri: text })
  const cases: readonly (readonly [string, Inbound, string])[] = [
    ['a tool that reads', call('look'), 'kernel'],
    ['a tool that pays', call('pay'), 'disk'],
    ['a tool that nobody classed', call('any'), 'disk'],
    ['a resource', other('resources/read', uri('file:///x')), 'kernel'],
    [
      'a resource that is deleted by reading it',
      other('resources/read', uri('queue:///x')),
      'disk',
    ],
    ['a prompt', other('prompts/get', { name: 'summary' }), 'kernel'],
  ]
  test.each(cases)('or not, for %s', async (_, inbound, until) => {
    expect(await untilOf(inbound)).toBe(until)
  })
})

describe('what was taken back', () => {
  const taken: readonly (readonly [Target, string, string, string])[] = [
    [{ kind: 'everything' }, 'bind', 'mandate_revoked', 'mandate_suspended'],
    [{ kind: 'mandate', name: 'm' }, 'bind', 'mandate_revoked', 'mandate_suspended'],
    [{ kind: 'agent', name: 'intake-bot' }, 'bind', 'mandate_revoked', 'mandate_suspended'],
    [{ kind: 'upstream', name: 'a' }, 'resolve', 'revoked', 'suspended'],
    [{ kind: 'tool', server: 'a', name: 'pay' }, 'resolve', 'revoked', 'suspended'],
  ]
  const restrict = (line: FakeLine, target: Target, kind: 'revoked' | 'suspended'): void =>
    void line.store.restrict({ target, kind, at: line.clock.now(), why: 'w', by: 'operator o' })

  describe.each(taken)('%o', (target, stage, revoked, suspended) => {
    test('is refused from the next call on, until it is lifted', async () => {
      const line = priced()
      restrict(line, target, 'suspended')
      expect(await takeCall(call('pay'), line.ports)).toMatchObject({
        refusal: { stage, reason: suspended },
      })
      line.store.lift(target, { at: line.clock.now(), why: 'w', by: 'b', revoked: false })
      await takeCall(call('pay'), line.ports)
      expect(left(line)).toEqual(['pay'])
      restrict(line, target, 'revoked')
      expect(await takeCall(call('pay'), line.ports)).toMatchObject({
        refusal: { stage, reason: revoked },
      })
      expect(left(line)).toEqual(['pay'])
      expect(line.store.open.size).toBe(0)
    })

    test('while the catalog is asked is refused before anything is held', async () => {
      const line = priced()
      const { catalog } = line.ports
      const asking: LinePorts['catalog'] = {
        ...catalog,
        tool: async (name) => {
          const found = await catalog.tool(name)
          restrict(line, target, 'revoked')
          return found
        },
      }
      const concluded = await takeCall(call('pay'), { ...line.ports, catalog: asking })
      expect(concluded).toHaveProperty('refusal.reason', revoked)
      expect(left(line)).toEqual([])
      expect(used(line)).toBeUndefined()
    })

    test('while the intent is written does not leave, is its outcome, and gives back what was held', async () => {
      const line = priced()
      const { log } = line
      const slow: LinePorts['log'] = {
        ...log,
        append: async (entry, until) => {
          const receipt = await log.append(entry, until)
          if (entry.type === 'intent') restrict(line, target, 'revoked')
          return receipt
        },
      }
      const concluded = await takeCall(call('pay', { amount: 40 }), { ...line.ports, log: slow })
      expect(concluded).toMatchObject({ refusal: { stage: 'equip', reason: revoked } })
      expect(left(line)).toEqual([])
      expect(line.log.entries).toMatchObject([
        { type: 'intent' },
        { type: 'outcome', verdict: { outcome: 'refused', stage: 'equip', reason: revoked } },
      ])
      expect(line.store.ended).toEqual([{ hold: 1, how: 'released' }])
      expect(counted(line)).toBe(0)
    })

    test('while somebody is told of a call does not leave', async () => {
      const mandate = obliging(PRICED, [{ type: 'notify', rule: 'r', to: 'security' }])
      const line = fakeLine({ mandate, tools: TOOLS })
      const notifier: Notifier = {
        notify: () => {
          restrict(line, target, 'suspended')
          return Promise.resolve('delivered')
        },
      }
      const concluded = await takeCall(call('pay'), { ...line.ports, notifier })
      expect(concluded).toMatchObject({ refusal: { stage: 'equip', reason: suspended } })
      expect(left(line)).toEqual([])
      expect(line.store.open.size).toBe(0)
    })
  })

  test('of one tool is said of that tool alone', async () => {
    const line = priced()
    restrict(line, { kind: 'tool', server: 'a', name: 'look' }, 'revoked')
    await takeCall(call('pay'), line.ports)
    expect(left(line)).toEqual(['pay'])
  })

  test('is not said of a tool that is hidden', async () => {
    const line = priced()
    restrict(line, { kind: 'upstream', name: 'a' }, 'revoked')
    const concluded = await takeCall(call('nothing'), line.ports)
    expect(concluded).toHaveProperty('refusal.reason', 'unknown_tool')
    expect(left(line)).toEqual([])
  })

  test('keeps prompts and resources of an upstream back, too', async () => {
    for (const [method, params] of [
      ['prompts/get', { name: 'summary' }],
      ['resources/read', { uri: 'file:///x' }],
    ] as const) {
      const line = priced()
      restrict(line, { kind: 'upstream', name: 'vendors' }, 'suspended')
      const concluded = await takeCall({ ...call(''), method, params }, line.ports)
      expect(concluded).toHaveProperty('refusal.reason', 'suspended')
      expect(line.departed).toEqual([])
    }
  })

  test('called off by the guard says why', async () => {
    const line = priced()
    const cancelled = { aborted: true, why: 'mandate_revoked', onAbort: () => undefined } as const
    expect(await takeCall({ ...call('pay'), cancelled }, line.ports)).toMatchObject({
      refusal: { stage: 'commit', reason: 'mandate_revoked' },
    })
    expect(left(line)).toEqual([])
    line.answerWith('cancelled')
    const late = { aborted: false, why: 'revoked', onAbort: () => undefined } as const
    expect(await takeCall({ ...call('pay'), cancelled: late }, line.ports)).toMatchObject({
      refusal: { stage: 'forward', reason: 'revoked' },
    })
  })
})

describe('a store that cannot be asked', () => {
  test('refuses everything, and lets calls out again when it works again', async () => {
    const line = priced()
    line.store.broken = true
    for (const name of ['look', 'pay']) {
      const concluded = await takeCall(call(name), line.ports)
      expect(concluded).toMatchObject({ refusal: { stage: 'bind', reason: 'state_unavailable' } })
    }
    expect(left(line)).toEqual([])
    expect(line.log.entries).toMatchObject([{ type: 'refusal' }, { type: 'refusal' }])
    line.store.broken = false
    await takeCall(call('pay'), line.ports)
    expect(left(line)).toEqual(['pay'])
  })

  const stages: readonly (readonly [string, (line: FakeLine) => Partial<LinePorts>])[] = [
    [
      'resolve',
      () => ({
        restricted: {
          standing: () => undefined,
          thing: () => {
            throw new GuardError('ERR_STATE_UNUSABLE', 'x')
          },
        },
      }),
    ],
    [
      'commit',
      ({ store }) => ({
        budgets: {
          ...store,
          hold: () => {
            throw new GuardError('ERR_STATE_UNUSABLE', 'x')
          },
        },
      }),
    ],
    [
      'equip',
      ({ store, log }) => ({
        log: {
          ...log,
          append: async (entry, until) => {
            const receipt = await log.append(entry, until)
            store.broken = entry.type === 'intent'
            return receipt
          },
        },
      }),
    ],
  ]
  test.each(stages)('from %s on refuses there', async (stage, breaking) => {
    const line = priced()
    const concluded = await takeCall(call('pay'), { ...line.ports, ...breaking(line) })
    expect(concluded).toMatchObject({ refusal: { stage, reason: 'state_unavailable' } })
    expect(left(line)).toEqual([])
    expect(counted(line)).toBe(0)
  })

  test('after the answer came withholds what its task could not be told', async () => {
    const line = priced()
    const { task } = line.ports
    const lost = Object.create(task, {
      facts: { get: () => task.facts },
      label: { value: () => false },
      begin: { value: (one: CallContext) => task.begin(one) },
      completed: {
        value: () => {
          throw new GuardError('ERR_STATE_UNUSABLE', 'x')
        },
      },
    }) as LinePorts['task']
    const concluded = await takeCall(call('pay'), { ...line.ports, task: lost })
    expect(concluded).toMatchObject({ refusal: { stage: 'settle', reason: 'state_unavailable' } })
    expect(line.log.entries.map(({ type }) => type)).toEqual(['intent', 'outcome'])
    expect(line.store.ended).toEqual([{ hold: 1, how: 'settled' }])
  })
})

describe('a traceparent', () => {
  const good = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  async function recorded(traceparent: unknown, name = 'look'): Promise<unknown> {
    const line = fakeLine({ mandate: MANDATE, tools: TOOLS })
    const bodies: EntryBody[] = []
    const { log } = line
    const kept: LinePorts['log'] = {
      ...log,
      append: (entry, until) => {
        bodies.push(entry)
        return log.append(entry, until)
      },
    }
    const params = { name, _meta: { traceparent } } as JsonObject
    await takeCall({ ...call(name), params }, { ...line.ports, log: kept })
    const [first] = bodies
    return first && 'request' in first ? first.request.traceparent : undefined
  }

  test('that has the form of W3C Trace Context is on record, also of a refusal', async () => {
    expect(await recorded(good)).toBe(good)
    expect(await recorded(good, 'nothing')).toBe(good)
  })

  test.each([
    [undefined],
    [7],
    [`${good}-more`],
    [good.toUpperCase()],
    [`ff${good.slice(2)}`],
    [good.replace('0af7651916cd43dd8448eb211c80319c', '0'.repeat(32))],
    [good.replace('b7ad6b7169203331', '0'.repeat(16))],
    [`${good.slice(0, -1)}\n`],
    ['x'.repeat(55)],
  ])('of another form is left out: %j', async (text) => {
    expect(await recorded(text)).toBeUndefined()
  })
})

test('a mandate that ends while the intent waits for the disk lets nothing out, and holds nothing', async () => {
  const line = priced()
  const { log } = line.ports
  const append: typeof log.append = async (entry, until) => {
    const receipt = await log.append(entry, until)
    if (entry.type === 'intent') line.clock.advance(30 * 86_400_000)
    return receipt
  }
  const concluded = await takeCall(call('pay'), { ...line.ports, log: { ...log, append } })
  expect(concluded).toMatchObject({ refusal: { stage: 'equip', reason: 'mandate_expired' } })
  expect(left(line)).toEqual([])
  expect(line.store.ended).toEqual([{ hold: 1, how: 'released' }])
})
