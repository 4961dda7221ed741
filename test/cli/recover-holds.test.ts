/** What a guard held when it ended: its log says what became of the calls. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { intentsOf } from '../../src/audit/intents.ts'
import { type FindIntents, recoverHolds } from '../../src/cli/recover-holds.ts'
import { type CallId, callId, instant } from '../../src/model/id.ts'
import type { Debit } from '../../src/model/state.ts'
import { takeCall } from '../../src/pipeline/line.ts'
import type { Inbound, LinePorts } from '../../src/pipeline/port.ts'
import { emptyMemory, memoryStore } from '../../src/state/memory.ts'
import { fakeLine, mandateOf, spending, tool } from '../fakes/line.ts'

const EUR: Debit = {
  budget: 'budgets.eur',
  key: '["eur"]',
  amount: 10,
  limit: 100,
  from: instant(0),
}
const SPENDING = spending(
  mandateOf(`
mandate: m
agent: intake-bot
purpose: p
valid: { until: 2026-12-01T00:00:00Z }
tools: { "a/*": { effect: pay } }
`),
  () => [EUR],
)
const PAY: Inbound = {
  era: 'modern',
  method: 'tools/call',
  params: { name: 'pay', arguments: {} },
  cancelled: { aborted: false, onAbort: () => undefined },
}

/** The order of a call, of which a crash leaves the first so many. */
const STEPS = ['hold', 'intent', 'forward', 'outcome', 'settle'] as const

describe('a guard that ended after', () => {
  const cases: readonly (readonly [number, { settled: number; released: number }, number])[] = [
    [1, { settled: 0, released: 1 }, 0],
    [2, { settled: 1, released: 0 }, 10],
    [3, { settled: 1, released: 0 }, 10],
    [4, { settled: 1, released: 0 }, 10],
  ]
  test.each(cases)('%i steps of a call', async (steps, ended, used) => {
    const { memory, clock, log, done } = await crashedAfter(steps)
    expect(done).toEqual(STEPS.slice(0, steps))
    const store = memoryStore({ clock, memory, isRunning: () => false })
    const recovered = await recoverHolds(store, (_, calls) => {
      const intents = log.entries.filter(({ type }) => type === 'intent')
      const found = new Set(
        intents.map((entry) => callId(JSON.stringify(entry['call']).slice(1, -1))),
      )
      return Promise.resolve({
        found: new Set([...found].filter((one) => calls.has(one))),
        whole: true,
      })
    })
    expect(recovered).toEqual({ ...ended, unknown: 0 })
    expect(store.budgets('')[0]?.used).toBe(used)
    expect(store.orphans()).toEqual([])
  })

  test('all of them has nothing to be recovered, and no log is looked at', async () => {
    const { memory, clock } = await crashedAfter(5)
    const store = memoryStore({ clock, memory, isRunning: () => false })
    expect(await recoverHolds(store, unasked)).toBeUndefined()
    expect(store.budgets('')[0]?.used).toBe(10)
  })
})

const unasked: FindIntents = () => {
  throw new Error('no log is to be looked at')
}

/** Nothing of what comes after so many steps is done. */
async function crashedAfter(steps: number) {
  const line = fakeLine({
    mandate: SPENDING,
    tools: [{ state: 'found', target: tool('a', 'pay') }],
  })
  const { log, clock } = line
  const memory = emptyMemory()
  const store = memoryStore({ clock, memory })
  store.register({
    instance: 'i',
    pid: 7,
    startedAt: clock.now(),
    log: '/log/i',
    mandates: [],
    upstreams: [],
  })
  const done: string[] = []
  let crash = (): void => undefined
  const crashed = new Promise<void>((resolve) => {
    crash = resolve
  })
  const alive = (step: string): boolean => {
    if (done.length === steps) crash()
    else done.push(step)
    return done.at(-1) === step
  }
  const never = new Promise<never>(() => undefined)
  const ports: LinePorts = {
    ...line.ports,
    budgets: {
      hold: (request) => {
        alive('hold')
        return store.hold(request)
      },
      settle: (held) => {
        if (alive('settle')) store.settle(held)
      },
      release: (held) => store.release(held),
    },
    log: {
      ...log,
      append: (entry, until) => (alive(entry.type) ? log.append(entry, until) : never),
    },
    upstreams: {
      forward: (one) => (alive('forward') ? line.ports.upstreams.forward(one) : never),
    },
  }
  await Promise.race([takeCall(PAY, ports), crashed])
  return { memory, clock, log, done }
}

test('what is not known to have stayed is spent', async () => {
  const { memory, clock } = await crashedAfter(1)
  const store = memoryStore({ clock, memory, isRunning: () => false })
  const nothing: FindIntents = () => Promise.resolve({ found: new Set(), whole: false })
  expect(await recoverHolds(store, nothing)).toEqual({ settled: 1, released: 0, unknown: 1 })
  expect(store.budgets('')[0]?.used).toBe(10)
})

test('what a guard that runs holds is left alone', async () => {
  const { memory, clock } = await crashedAfter(2)
  const store = memoryStore({ clock, memory, isRunning: () => true })
  expect(await recoverHolds(store, unasked)).toBeUndefined()
})

describe('the log of a guard that is gone', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'chaperone-intents-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const line = (type: string, call: string, more = ''): string =>
    `{"call":"${call}",${more}"type":"${type}"}\n`
  const write = (first: number, text: string): void =>
    writeFileSync(join(folder, `audit-${first}.jsonl`), text)
  const calls = (...names: readonly string[]): ReadonlySet<CallId> => new Set(names.map(callId))
  const one = callId('i-1')

  test('is looked through in all its files', async () => {
    write(0, line('intent', 'i-1'))
    write(9, line('intent', 'i-2') + line('outcome', 'i-2'))
    expect(await intentsOf(folder, calls('i-1', 'i-2', 'i-3'))).toEqual({
      found: calls('i-1', 'i-2'),
      whole: true,
    })
  })

  test('names a call by more than a text in some entry', async () => {
    write(0, line('outcome', 'i-1') + line('intent', 'i-11', '"args":{"call":"i-1"},'))
    expect(await intentsOf(folder, new Set([one]))).toEqual({ found: new Set(), whole: true })
  })

  test('ends in what a crash left of an entry: nothing left on that', async () => {
    write(0, `${line('intent', 'i-2')}{"call":"i-1","type":"int`)
    expect(await intentsOf(folder, new Set([one]))).toEqual({ found: new Set(), whole: true })
  })

  test('is not whole with damage inside, where it is not there, or where it is too long', async () => {
    expect(await intentsOf(folder, new Set([one]))).toHaveProperty('whole', false)
    expect(await intentsOf(join(folder, 'gone'), new Set([one]))).toHaveProperty('whole', false)
    write(0, `{"call":"i-1","type":"int\n${line('intent', 'i-2')}`)
    expect(await intentsOf(folder, new Set([one]))).toEqual({ found: new Set(), whole: false })
    write(0, line('intent', 'i-1'))
    write(9, line('intent', 'i-2'))
    const newest = await intentsOf(folder, calls('i-1', 'i-2'), 40)
    expect(newest).toEqual({ found: calls('i-2'), whole: false })
  })
})
