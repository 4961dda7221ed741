/** Questions about the task's history: how they are written, what an answer means, and that it can be replayed. */
import { describe, expect, it } from 'vitest'
import type { CallContext } from '../../src/model/call.ts'
import { instant } from '../../src/model/id.ts'
import type { Json, JsonObject } from '../../src/model/json.ts'
import type { History, HistoryQuery } from '../../src/model/policy.ts'
import { replayedHistory } from '../../src/expression/replay-history.ts'
import { callOf } from './call.ts'
import { condition, policyCondition, policyProblems } from './document.ts'

/** Answers by key, and notes what it was asked. */
function historyOf(answers: Readonly<Record<string, unknown>>): {
  readonly history: History
  readonly asked: unknown[]
} {
  const asked: unknown[] = []
  const read = (query: HistoryQuery, at: number, value?: Json): number | boolean | undefined => {
    asked.push({ key: query.key, at, ...(value !== undefined && { value }) })
    const answer = answers[query.key]
    return typeof answer === 'number' || typeof answer === 'boolean' ? answer : undefined
  }
  return { history: { read }, asked }
}

function callWith(history: History | undefined, args: JsonObject = {}): CallContext {
  return callOf(args, { session: { id: 't1', labels: [], ...(history && { history }) } })
}

const CALLS = 'session.calls("mail/send", "1h")'
const WITH = 'session.calledWith("vendors/create", "vendor_id", args.vendor_id)'

describe('questions about the history', () => {
  it('counts calls within a window or since the task began', () => {
    const { history, asked } = historyOf({ [CALLS]: 3, 'session.completed("mail/*")': 2 })
    const compiled = policyCondition(`${CALLS} >= 3 && session.completed("mail/*") < 3`)
    expect(compiled.evaluate(callWith(history))).toBe(true)
    const at = callOf({}).at
    expect(asked).toStrictEqual([
      { key: CALLS, at },
      { key: 'session.completed("mail/*")', at },
    ])
    expect(compiled.history).toMatchObject([
      { key: CALLS, kind: 'calls', windowMs: 3_600_000 },
      { key: 'session.completed("mail/*")', kind: 'completed' },
    ])
    expect(compiled.history[1]).not.toHaveProperty('windowMs')
    expect(compiled.history[0]?.matches('mail', 'send')).toBe(true)
    expect(compiled.history[0]?.matches('mail', 'sendmail')).toBe(false)
    expect(compiled.history[1]?.matches('mail', 'draft/send')).toBe(true)
    expect(compiled.history[1]?.matches('email', 'send')).toBe(false)
  })

  it('asks whether a call had a value as argument', () => {
    const { history, asked } = historyOf({ [WITH]: true })
    const compiled = policyCondition(`!${WITH}`)
    const call = callWith(history, { vendor_id: 'v-7' })
    expect(compiled.evaluate(call)).toBe(false)
    expect(asked).toStrictEqual([{ key: WITH, at: call.at, value: 'v-7' }])
    expect(compiled.history).toMatchObject([{ kind: 'called_with', argument: 'vendor_id' }])
    expect(compiled.reads).toStrictEqual(['vendor_id'])
    expect(compiled.evaluate(callWith(history))).toBe('error')
    expect(asked).toHaveLength(1)
  })

  it('can be asked by a mandate, too', () => {
    const { history } = historyOf({ [CALLS]: 3 })
    expect(condition(`${CALLS} < 3`).evaluate(callWith(history))).toBe(false)
    expect(condition(`${CALLS} < 3`).evaluate(callWith(undefined))).toBe('error')
  })

  it.each([
    ['no history is kept', undefined],
    ['it does not answer', historyOf({}).history],
    ['it answers another question', historyOf({ [CALLS]: true, [WITH]: 1 }).history],
    ['it counts below zero', historyOf({ [CALLS]: -1, [WITH]: -1 }).history],
    ['it counts halves', historyOf({ [CALLS]: 0.5, [WITH]: 0 }).history],
  ])('a fault where %s', (_, history) => {
    const call = callWith(history, { vendor_id: 'v' })
    expect(policyCondition(`${CALLS} >= 0`).evaluate(call)).toBe('error')
    expect(policyCondition(`!${WITH}`).evaluate(call)).toBe('error')
    const [conjunct] = policyCondition(`${CALLS} >= 0`).explain(call, 'p#r')
    expect(conjunct).toMatchObject({ result: 'error', read: `${CALLS} is not known` })
    expect(policyCondition(`${CALLS} >= 0 && !${WITH}`).historyFacts(call)).toStrictEqual({})
  })

  it('an error while it is read is a fault', () => {
    const history: History = {
      read: () => {
        throw new Error('the store is gone')
      },
    }
    const compiled = policyCondition(`${CALLS} >= 0`)
    expect(compiled.evaluate(callWith(history))).toBe('error')
    expect(compiled.explain(callWith(history), 'p#r')[0]?.result).toBe('error')
    expect(compiled.historyFacts(callWith(history))).toStrictEqual({})
  })

  it('shows what it read', () => {
    const { history } = historyOf({ [CALLS]: 3, [WITH]: false })
    const compiled = policyCondition(`${CALLS} > 5 || ${WITH}`)
    const [conjunct] = compiled.explain(callWith(history, { vendor_id: 'v-7' }), 'p#r')
    expect(conjunct).toMatchObject({
      result: 'fails',
      read: `args.vendor_id = "v-7", ${CALLS} = 3, ${WITH} = false`.slice(0, 119).concat('…'),
    })
  })

  it.each([
    ['session.calls()', 'invalid_call', 'in full'],
    ['session.calls(args.tool)', 'invalid_call', 'in full'],
    ['session.calls("mail/send", args.window)', 'invalid_call', 'in full'],
    ['session.calls("mail/send", "1h", "2h")', 'invalid_call', 'in full'],
    ['session.calls("mail")', 'invalid_target', 'a server and a tool'],
    ['session.calls("/send")', 'invalid_target', ''],
    ['session.calls("mail/")', 'invalid_target', ''],
    ['session.calls("mail/{a,b}")', 'invalid_glob', '`{`'],
    ['session.calls("ma[i]l/x")', 'invalid_glob', '`[`'],
    ['session.calls("mail/send", "25h")', 'invalid_call', 'longer windows come with budgets'],
    ['session.calls("mail/send", "2d")', 'invalid_call', 'longer windows come with budgets'],
    ['session.calls("mail/send", "29s")', 'invalid_call', '30s'],
    ['session.calls("mail/send", "soon")', 'invalid_call', '15m'],
    ['session.calledWith("a/b", "c")', 'invalid_call', 'calledWith('],
    ['session.calledWith("a/b", args.c, "x")', 'invalid_call', 'in full'],
    ['session.calledWith("a/b", "c", now)', 'type_mismatch', 'a time'],
    ['session.count("a/b")', 'unknown_function', 'there are `calls`'],
  ])('%s is refused', (source, id, words) => {
    const problems = policyProblems(`${source} == 1`).join()
    expect(problems).toContain(id)
    expect(problems).toContain(words)
  })

  it('keeps one answer for each question: a value that changes within a macro is refused', () => {
    const within = 'args.ids.exists(i, session.calledWith("a/b", "c", i))'
    expect(policyProblems(within).join()).toContain('outside_profile')
    const about = 'args.ids.exists(i, i == "x" && session.calledWith("a/b", "c", args.d))'
    expect(policyProblems(about)).toStrictEqual([])
  })

  it('takes the limits of the window', () => {
    for (const window of ['30s', '24h', '1d', '90m'])
      expect(policyProblems(`session.calls("a/b", "${window}") > 1`)).toStrictEqual([])
  })
})

describe('facts of the history', () => {
  it('hold every answer, and answer the same questions again', () => {
    const { history } = historyOf({ [CALLS]: 3, 'session.completed("mail/*")': 0, [WITH]: false })
    const compiled = policyCondition(
      `${CALLS} == 3 && (session.completed("mail/*") > 1 || !${WITH})`,
    )
    const call = callWith(history, { vendor_id: 'v' })
    const facts = compiled.historyFacts(call)
    expect(facts).toStrictEqual({ [CALLS]: 3, 'session.completed("mail/*")': 0, [WITH]: false })
    const kept = JSON.parse(JSON.stringify(facts)) as JsonObject
    expect(compiled.evaluate(callWith(replayedHistory(kept), { vendor_id: 'v' }))).toBe(
      compiled.evaluate(call),
    )
    expect(compiled.evaluate(call)).toBe(true)
    expect(policyCondition('args.a > 1').historyFacts(call)).toStrictEqual({})
  })

  it.each<JsonObject>([
    {},
    { [CALLS]: true },
    { [CALLS]: '3' },
    { [CALLS]: -1 },
    { [CALLS]: 1.5 },
    { other: 3 },
  ])('that do not answer leave the question open: %j', (facts) => {
    expect(policyCondition(`${CALLS} >= 0`).evaluate(callWith(replayedHistory(facts)))).toBe(
      'error',
    )
  })

  it('never answer from a prototype', () => {
    const query: HistoryQuery = { key: 'constructor', kind: 'calls', matches: () => true }
    expect(replayedHistory({}).read(query, instant(0))).toBeUndefined()
  })
})
