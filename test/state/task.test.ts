import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CallContext } from '../../src/model/call.ts'
import { instant } from '../../src/model/id.ts'
import type { Json, JsonObject } from '../../src/model/json.ts'
import type { HistoryQuery } from '../../src/model/policy.ts'
import { Task } from '../../src/state/task.ts'
import { call as vendorCall } from '../fakes/entry-body.ts'

const T0 = Date.parse('2026-11-24T10:00:00Z')
const HOUR = 3_600_000

function call(name: string, at = 0, args: JsonObject = {}): CallContext {
  const base = vendorCall(args)
  return {
    ...base,
    at: instant(T0 + at),
    resource: { ...base.resource, kind: 'tool', server: 's', name } as CallContext['resource'],
  }
}

function query(given: Partial<HistoryQuery> & Pick<HistoryQuery, 'kind'>): HistoryQuery {
  return { key: given.kind, matches: (_server, tool) => tool === 'send', ...given }
}
const CALLS = query({ kind: 'calls' })
const CALLS_HOUR = query({ kind: 'calls', windowMs: HOUR })
const COMPLETED = query({ kind: 'completed' })
const TO = query({ kind: 'called_with', argument: 'to' })

function ask(task: Task, asked: HistoryQuery, at = 0, value?: Json): number | boolean | undefined {
  return task.facts.history?.read(asked, instant(T0 + at), value)
}

describe('labels', () => {
  test('stay, sorted and each once; the facts are another object only when they differ', () => {
    const task = new Task('t')
    const none = task.facts
    expect(task.label([])).toBe(false)
    expect(task.facts).toBe(none)
    expect(task.label(['untrusted', 'confidential', 'untrusted'])).toBe(true)
    const some = task.facts
    expect(some).toMatchObject({ id: 't', labels: ['confidential', 'untrusted'] })
    expect(some).not.toBe(none)
    expect(none.labels).toEqual([])
    expect(task.label(['untrusted'])).toBe(false)
    expect(task.facts).toBe(some)
  })

  test('that do not fit are a fault, and lose none that were there', () => {
    const task = new Task('t')
    task.label(['untrusted'])
    expect(() => task.label(['x'.repeat(129)])).toThrow(RangeError)
    expect(() => task.label(Array.from({ length: 256 }, (_, n) => `l${n}`))).toThrow(RangeError)
    expect(task.facts.labels).toEqual(['untrusted'])
  })
})

describe('calls', () => {
  test('are counted in all and in a window that is open at its beginning', () => {
    const task = new Task('t')
    task.begin(call('send', 0))
    task.begin(call('send', 1))
    task.begin(call('other', 1))
    expect(ask(task, CALLS)).toBe(2)
    expect(ask(task, CALLS_HOUR, HOUR - 1)).toBe(2)
    expect(ask(task, CALLS_HOUR, HOUR)).toBe(1)
    expect(ask(task, CALLS_HOUR, HOUR + 1)).toBe(0)
  })

  test('that are no calls of tools are not', () => {
    const task = new Task('t')
    const read: CallContext = { ...call('send'), action: 'resources/read' }
    task.begin(read)
    task.completed(read)
    expect([ask(task, CALLS), ask(task, COMPLETED)]).toEqual([0, 0])
  })

  test('of which nothing left are taken back, once', () => {
    const task = new Task('t')
    task.track([TO])
    task.begin(call('send', 0, { to: 'a' }))
    const back = task.begin(call('send', 0, { to: 'b' }))
    expect([ask(task, CALLS), ask(task, TO, 0, 'b')]).toEqual([2, true])
    back()
    back()
    expect([ask(task, CALLS), ask(task, CALLS_HOUR)]).toEqual([1, 1])
    expect([ask(task, TO, 0, 'a'), ask(task, TO, 0, 'b')]).toEqual([true, false])
  })

  test('count at the time of the call where they completed', () => {
    const task = new Task('t')
    task.begin(call('send', 0))
    task.begin(call('send', 5))
    task.completed(call('send', 5))
    expect(ask(task, COMPLETED)).toBe(1)
    expect(ask(task, { ...COMPLETED, windowMs: HOUR }, HOUR + 5)).toBe(0)
  })

  test('are never fewer because the clock went back', () => {
    const task = new Task('t')
    task.begin(call('send', 10 * HOUR))
    expect(ask(task, CALLS_HOUR, 0)).toBe(1)
    task.begin(call('send', 0))
    expect(ask(task, CALLS_HOUR, 0)).toBe(2)
    expect(ask(task, CALLS_HOUR, 10 * HOUR)).toBe(1)
  })

  test('of new tools are seen by a query that was asked before', () => {
    const task = new Task('t')
    const any = query({ kind: 'calls', matches: () => true })
    expect(ask(task, any)).toBe(0)
    task.begin(call('a'))
    expect(ask(task, any)).toBe(1)
    task.begin(call('b'))
    expect(ask(task, any)).toBe(2)
  })
})

test('counts are those of a model that keeps everything, or not known, whatever order calls come in', () => {
  const step = fc.record({
    name: fc.constantFrom('send', 'other', 'third'),
    at: fc.integer({ min: 0, max: 3 * HOUR }),
    fate: fc.constantFrom('runs', 'completes', 'taken back'),
  })
  const asked = fc.record({
    at: fc.integer({ min: 0, max: 4 * HOUR }),
    windowMs: fc.option(fc.integer({ min: 1, max: 2 * HOUR }), { nil: undefined }),
    kind: fc.constantFrom('calls', 'completed'),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.array(asked), (steps, questions) => {
      const task = new Task('t')
      const model = { calls: [] as number[], completed: [] as number[] }
      for (const { name, at, fate } of steps) {
        const one = call(name, at)
        const back = task.begin(one)
        if (fate === 'taken back') back()
        if (fate === 'completes') task.completed(one)
        if (name !== 'send') continue
        if (fate !== 'taken back') model.calls.push(at)
        if (fate === 'completes') model.completed.push(at)
      }
      for (const { at, windowMs, kind } of questions) {
        const start = windowMs === undefined ? -Infinity : at - windowMs
        const expected = model[kind].filter((time) => time > start).length
        const one = query(windowMs === undefined ? { kind } : { kind, windowMs })
        expect(ask(task, one, at)).toBe(expected)
      }
    }),
  )
})

describe('what no longer fits', () => {
  test('of one tool is not known in a window that reaches it, and exact in all and in shorter windows', () => {
    const task = new Task('t')
    for (let n = 0; n < 20_001; n += 1) task.begin(call('send', n))
    expect(ask(task, CALLS)).toBe(20_001)
    expect(ask(task, { ...CALLS, windowMs: 10_000 }, 20_000)).toBe(10_000)
    expect(ask(task, { ...CALLS, windowMs: 19_999 }, 20_000)).toBeUndefined()
    // What comes late, and would be among those that were let go of, is not counted short either.
    task.begin(call('send', 0))
    expect(ask(task, CALLS)).toBe(20_002)
    expect(ask(task, { ...CALLS, windowMs: HOUR }, 20_000)).toBeUndefined()
  })

  test('of all tools together is let go of where there is the most of it', () => {
    const task = new Task('t')
    const of = (name: string): HistoryQuery =>
      query({ kind: 'calls', matches: (_server, tool) => tool === name, windowMs: HOUR })
    for (let tool = 0; tool < 11; tool += 1) {
      for (let n = 0; n < 19_000; n += 1) task.begin(call(`t${tool}`, n))
    }
    const counts = Array.from({ length: 11 }, (_, tool) => ask(task, of(`t${tool}`), 19_000))
    expect(counts.filter((count) => count === undefined).length).toBeGreaterThan(0)
    expect(counts.filter((count) => count !== undefined && count !== 19_000)).toEqual([])
    const all = query({ kind: 'calls', matches: () => true })
    expect(ask(task, all)).toBe(11 * 19_000)
  })

  test('after more tools than are told apart, nothing is known of counts', () => {
    const task = new Task('t')
    task.track([TO])
    for (let tool = 0; tool < 10_001; tool += 1) task.begin(call(`t${tool}`))
    expect(ask(task, CALLS)).toBeUndefined()
    // Values are still kept of what is tracked; what is tracked only now may have been there before.
    task.begin(call('send', 0, { to: 'a' }))
    expect([ask(task, TO, 0, 'a'), ask(task, TO, 0, 'b')]).toEqual([true, false])
    const late = { ...TO, key: 'late' }
    task.track([late])
    expect(ask(task, late, 0, 'b')).toBeUndefined()
  })

  test('names of tools are bounded together, too', () => {
    const task = new Task('t')
    task.begin(call('x'.repeat(2_000_001)))
    expect(ask(task, CALLS)).toBeUndefined()
  })
})

describe('values of arguments', () => {
  test('are told apart by type, long texts too', () => {
    const task = new Task('t')
    task.track([TO])
    const long = 'x'.repeat(200)
    for (const to of ['1', 2, true, null, long]) task.begin(call('send', 0, { to }))
    for (const to of ['1', 2, true, null, long]) expect(ask(task, TO, 0, to)).toBe(true)
    for (const to of ['3', 3, false, `${long}x`, `text 1`]) expect(ask(task, TO, 0, to)).toBe(false)
  })

  test('of a list are its elements; what cannot be compared makes it not known', () => {
    const task = new Task('t')
    task.track([TO])
    task.begin(call('send', 0, { to: ['a', 'b'] }))
    expect([ask(task, TO, 0, 'b'), ask(task, TO, 0, 'c')]).toEqual([true, false])
    const back = task.begin(call('send', 0, { to: { name: 'c' } }))
    expect([ask(task, TO, 0, 'b'), ask(task, TO, 0, 'c')]).toEqual([true, undefined])
    back()
    expect(ask(task, TO, 0, 'c')).toBe(false)
    task.begin(call('send', 0, { to: Array.from({ length: 1001 }, () => 'd') }))
    expect(ask(task, TO, 0, 'c')).toBeUndefined()
  })

  test('are asked for as scalars, since the task began', () => {
    const task = new Task('t')
    task.track([TO])
    expect(ask(task, TO, 0, {})).toBeUndefined()
    expect(ask(task, TO, 0, [])).toBeUndefined()
    expect(ask(task, TO)).toBeUndefined()
    expect(ask(task, { ...TO, windowMs: HOUR }, 0, 'a')).toBeUndefined()
  })

  test('are not known where a call came before they were tracked', () => {
    const task = new Task('t')
    expect(ask(task, TO, 0, 'a')).toBe(false)
    const back = task.begin(call('send', 0, { to: 'a' }))
    expect(ask(task, TO, 0, 'a')).toBeUndefined()
    task.track([TO])
    expect(ask(task, TO, 0, 'b')).toBeUndefined()
    back()
    task.begin(call('send', 0, { to: 'b' }))
    expect(ask(task, TO, 0, 'b')).toBe(true)
    // Tracked again, as after a reload, it goes on.
    task.track([{ ...TO }])
    expect(ask(task, TO, 0, 'b')).toBe(true)
  })

  test('of other tools and other arguments are not mixed up', () => {
    const task = new Task('t')
    task.track([TO, { ...TO, argument: 'cc' }])
    task.begin(call('other', 0, { to: 'a' }))
    task.begin(call('send', 0, { to: 'd', cc: 'b', ['__proto__']: 'c' }))
    for (const to of ['a', 'b', 'c']) expect(ask(task, TO, 0, to)).toBe(false)
    expect(ask(task, { ...TO, argument: 'cc' }, 0, 'b')).toBe(true)
  })

  test.each<[Json, Json]>([
    [7, '7'],
    ['7', 7],
    ['7.0', 7],
    ['07', '7'],
    [true, 'TRUE'],
    [null, 'null'],
    ['v1', 'V1'],
    ['v1', ' v1 '],
    ['\u00a0v1\n', 'v1'],
    ['v\u200b1', 'v1'],
    ['ｖ１', 'v1'],
    ['é', 'e\u0301'],
    [['v1', 'v2'], 'V2'],
    [`V${'x'.repeat(200)}`, `v${'x'.repeat(200)}`],
    [`v1${' '.repeat(70_000)}`, 'v1'],
  ])('%j and %j are neither the same nor different', (made, asked) => {
    const task = new Task('t')
    task.track([TO])
    const back = task.begin(call('send', 0, { to: made }))
    expect(ask(task, TO, 0, asked)).toBeUndefined()
    task.begin(call('send', 0, { to: asked }))
    expect(ask(task, TO, 0, asked)).toBe(true)
    back()
    expect(ask(task, TO, 0, asked)).toBe(true)
    expect(ask(task, TO, 0, 'other')).toBe(false)
  })

  test.each([
    ['is missing', { vendorId: 'a' }],
    ['is written otherwise', { To: 'a' }],
    ['is there under a second spelling', { to: 'decoy', TO: 'a' }],
    ['is there under one with something hidden in it', { to: 'decoy', 't\u200bo': 'a' }],
    ['is beside a name too long to look at', { to: 'decoy', [`to${' '.repeat(300)}`]: 'a' }],
  ])('are not known of a call in which the argument %s', (_, args) => {
    const task = new Task('t')
    task.track([TO])
    task.begin(call('send', 0, { to: 'b' }))
    const back = task.begin(call('send', 0, args))
    expect([ask(task, TO, 0, 'a'), ask(task, TO, 0, 'b')]).toEqual([undefined, true])
    back()
    expect([ask(task, TO, 0, 'a'), ask(task, TO, 0, 'b')]).toEqual([false, true])
  })

  test('of one question take no room from those of another', () => {
    const task = new Task('t')
    const shadow = { ...TO, key: 'shadow', matches: (_: string, tool: string) => tool === 'list' }
    task.track([shadow, TO])
    for (let n = 0; n < 200; n += 1) {
      const to = Array.from({ length: 1000 }, (_, at) => n * 1000 + at)
      task.begin(call('list', 0, { to }))
    }
    task.begin(call('send', 0, { to: 'a' }))
    expect([ask(task, TO, 0, 'a'), ask(task, TO, 0, 'b')]).toEqual([true, false])
    expect(ask(task, shadow, 0, 'b')).toBeUndefined()
  })

  test('of more than 64 questions are not known of those beyond', () => {
    const task = new Task('t')
    const many = Array.from({ length: 65 }, (_, n) => ({ ...TO, key: `k${n}` }))
    task.track(many)
    task.begin(call('send', 0, { to: 'a' }))
    const found = many.map((one) => ask(task, one, 0, 'b'))
    expect(found).toEqual([...Array.from({ length: 64 }, () => false), undefined])
  })

  test('that are too many are not known where they are not there', () => {
    const task = new Task('t')
    task.track([TO])
    for (let n = 0; n < 20_001; n += 1) task.begin(call('send', 0, { to: n }))
    expect([ask(task, TO, 0, 0), ask(task, TO, 0, 'a')]).toEqual([true, undefined])
  })

  test('that no condition asks for any more make room for those that one does', () => {
    const task = new Task('t')
    const many = Array.from({ length: 64 }, (_, n) => ({ ...TO, key: `k${n}` }))
    task.track(many)
    task.begin(call('send', 0, { to: 'a' }))
    const next = { ...TO, key: 'next', matches: (_: string, tool: string) => tool === 'new' }
    task.track([next])
    task.begin(call('new', 0, { to: 'b' }))
    expect([ask(task, next, 0, 'b'), ask(task, next, 0, 'a')]).toEqual([true, false])
    expect(ask(task, { ...TO, key: 'k0' }, 0, 'a')).toBeUndefined()
  })
})

test('values are those of a model that keeps everything, or not known', () => {
  const value = fc.oneof(fc.string({ maxLength: 3 }), fc.integer({ min: 0, max: 3 }), fc.boolean())
  const step = fc.record({ to: value, back: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step), fc.array(value), (steps, asked) => {
      const task = new Task('t')
      task.track([TO])
      const model: Json[] = []
      for (const { to, back } of steps) {
        const undo = task.begin(call('send', 0, { to }))
        if (back) undo()
        else model.push(to)
      }
      for (const one of [...asked, ...steps.map(({ to }) => to)])
        expect([model.includes(one), undefined]).toContain(ask(task, TO, 0, one))
      for (const one of model) expect(ask(task, TO, 0, one)).toBe(true)
    }),
  )
})
