/** Budgets of policies: whom they count, and that they only take away. */
import { describe, expect, test } from 'vitest'
import type { CallContext } from '../../src/model/call.ts'
import type { Decision } from '../../src/model/decision.ts'
import type { Debit } from '../../src/model/state.ts'
import { decide } from '../../src/policy/evaluate.ts'
import { guarded } from '../../src/policy/guarded.ts'
import { decided, EVERYTHING, policies, problemsOf, toolCall, under } from './written.ts'
import { mandateOf, tool } from '../fakes/line.ts'

const MAIL = `policy: acme
timezone: Europe/Berlin
budgets:
  - { id: mails, of: [mail/send], limit: 5, per: day }
`

function debits(decision: Decision): readonly Debit[] | string {
  return decision.effect === 'deny' ? decision.reason : (decision.debits ?? [])
}

function budget(members: string): string {
  return `policy: acme\nbudgets:\n  - { id: n, limit: 5, per: hour, ${members} }\n`
}

test('a policy counts the calls of an agent, under whatever mandate, by the days of its zone', () => {
  const call = toolCall(tool('mail', 'send'))
  const offset = 3_600_000
  const midnight = Math.floor((call.at + offset) / 86_400_000) * 86_400_000 - offset
  expect(debits(decided(under(MAIL)))).toEqual([
    {
      budget: 'acme#mails',
      key: '["agent","procurement-agent-001","acme#mails"]',
      amount: 1,
      limit: 5,
      from: midnight,
      until: midnight + 86_400_000,
    },
  ])
  expect(debits(decided(under(MAIL), { tool: tool('mail', 'read') }))).toEqual([])
})

test.each([
  ['agent', '["agent","procurement-agent-001","acme#n"]'],
  ['mandate', '["mandate","everything","acme#n"]'],
  ['session', '["session","everything","procurement-agent-001","t1","acme#n"]'],
  ['principal', '["principal","procurement-agent-001",null,"acme#n"]'],
  ['everyone', '["everyone","acme#n"]'],
])('what is counted for each %s has a counter of its own', (each, key) => {
  expect(debits(decided(under(budget(`each: ${each}`))))).toMatchObject([{ key }])
})

describe('a budget is about no more than it says', () => {
  test.each([
    ['agents: [procurement-*]', 1],
    ['agents: [other-*]', 0],
    ['purposes: ["PROC-*"]', 1],
    ['purposes: ["HR-*"]', 0],
    ['environments: [prod]', 1],
    ['environments: [dev]', 0],
    // Nobody classified it: it counts as every class.
    ['effects: [pay]', 1],
    ['of: ["*/send"]', 1],
    ['of: ["crm/**"]', 0],
    ['of: ["**"]', 1],
    ['mode: shadow', 0],
  ])('%s', (members, count) => {
    expect(debits(decided(under(budget(members))))).toHaveLength(count)
  })

  test('a class of tools', () => {
    const text = `${budget('effects: [pay]')}classify: [{ tools: ["mail/**"], effect: send }]\n`
    expect(debits(decided(under(text)))).toEqual([])
  })

  test('resources and prompts are no calls of tools', () => {
    const mandate = under(budget('each: everyone'))
    const call = toolCall(tool('mail', 'send'))
    const asked = (given: Pick<CallContext, 'action' | 'resource'>): CallContext => ({
      ...call,
      ...given,
    })
    const resource = { kind: 'resource', server: 'mail', uri: 'mail://in' } as const
    const prompt = { kind: 'prompt', server: 'mail', name: 'sum' } as const
    expect(
      debits(
        mandate.resource('mail', 'mail://in').decide(asked({ action: 'resources/read', resource })),
      ),
    ).toEqual([])
    expect(
      debits(
        mandate.prompt('mail', 'sum').decide(asked({ action: 'prompts/get', resource: prompt })),
      ),
    ).toEqual([])
  })
})

test('a policy in shadow takes nothing, and explain shows what it would', () => {
  const mandate = under(`policy: acme\nmode: shadow\nbudgets: [{ id: n, limit: 5, per: hour }]\n`)
  expect(debits(decided(mandate))).toEqual([])
  const acted = tool('mail', 'send')
  expect(mandate.tool(acted).explain(toolCall(acted))).toContainEqual({
    rule: 'acme#n',
    expected: 'it takes 1 of 5 calls an hour, by the agent',
    result: 'holds',
    budget: true,
    applies: 'yes',
    shadow: true,
  })
})

const AMOUNT = budget('amount: args.amount, scale: 2').replace('limit: 5,', 'limit: 5.00,')

test('what the mandate takes and what policies take are taken together', () => {
  const mandate = mandateOf(`mandate: m
agent: procurement-agent-001
purpose: p
valid: { until: 2027-01-01T00:00:00Z }
tools: { mail/send: { limit: 2 per day } }
`)
  const decision = decided(under(AMOUNT, mandate), { args: { amount: 1.25 } })
  expect(debits(decision)).toMatchObject([
    { budget: 'tools.mail/send.limit', amount: 1 },
    { budget: 'acme#n', amount: 125, limit: 500, scale: 2 },
  ])
  expect(decision.facts).toEqual({ amount: 1.25 })
  const acted = tool('mail', 'send')
  const chain = [mandate.tool(acted), under(AMOUNT, mandate).tool(acted)]
  expect(debits(decide(chain, toolCall(acted, { args: { amount: 1 } })))).toHaveLength(3)
})

test.each([
  ['a negative amount', { amount: -1 }],
  ['no amount', {}],
  ['a text', { amount: '1' }],
  ['a fraction of a cent', { amount: 0.005 }],
])('%s denies, and the budget is named', (_, args) => {
  const mandate = under(AMOUNT)
  expect(decided(mandate, { args })).toMatchObject({
    effect: 'deny',
    reason: 'evaluation_error',
    policy: { determining: ['acme#n'], errors: ['acme#n'] },
  })
  const acted = tool('mail', 'send')
  expect([...mandate.tool(acted).possible(toolCall(acted, { args }))]).toEqual(['evaluation_error'])
})

test('a second spelling of what an amount reads denies', () => {
  expect(decided(under(AMOUNT), { args: { amount: 1, AMOUNT: 1000 } })).toMatchObject({
    reason: 'evaluation_error',
    policy: { determining: ['acme#n'] },
  })
  const deep = budget('amount: args.order.total')
  expect(decided(under(deep), { args: { order: { total: 1, Total: 9 } } })).toMatchObject({
    reason: 'evaluation_error',
  })
})

test('an amount that nobody can tell is asked of no engine and no approver', () => {
  const text = `${AMOUNT}rules:
  - { id: ask, effect: require_approval, approval: { from: [lee@acme.example] } }
`
  expect(decided(under(text), { args: { amount: -1 } })).toMatchObject({
    reason: 'evaluation_error',
  })
  expect(decided(under(text), { args: { amount: 1 } })).toMatchObject({
    reason: 'approval_required',
  })
})

test('before an engine has answered, a budget denies nothing but what cannot be told', () => {
  const set = policies(AMOUNT, [{ id: 'pdp', mode: 'enforce', effects: [] }])
  const acted = tool('mail', 'send')
  const authority = guarded(EVERYTHING, set, 'prod').tool(acted)
  const call = toolCall(acted, { args: { amount: 5.01 } })
  expect(authority.locally?.(call)).toMatchObject({ effect: 'permit' })
  expect(authority.locally?.(toolCall(acted))).toMatchObject({ reason: 'evaluation_error' })
  expect(authority.decide(call)).toMatchObject({ reason: 'engine_unavailable' })
  const engines = [{ engine: 'pdp', effect: 'permit', tookMs: 1 }] as const
  expect(debits(authority.decide({ ...call, engines }))).toMatchObject([{ amount: 501 }])
})

test('budgets that name none have no effect, and an old set none at all', () => {
  expect(decided(under('policy: acme\nbudgets: []\n'))).not.toHaveProperty('debits')
  expect(decided(EVERYTHING)).not.toHaveProperty('debits')
})

test.each([
  ['an unknown share', 'each: nobody', 'unknown_word'],
  ['a condition', 'when: "true"', 'unknown_member'],
  ['an amount that does not parse', 'amount: "args."', 'invalid_condition'],
  ['an amount that is a text', 'amount: agent', 'not_a_number'],
  ['an unknown set', 'amount: size(sets.none)', 'unknown_set'],
])('%s is a mistake with its place', (_, members, id) => {
  const problems = problemsOf(budget(members))
  expect(problems.map((one) => one.id)).toEqual([id])
  expect(problems[0]?.place?.line).toBe(3)
})

test('a budget is not called like a rule or another budget', () => {
  const twice = `policy: acme
rules: [{ id: n, effect: forbid, tools: ["a/b"] }]
budgets: [{ id: n, limit: 5, per: hour }]
`
  expect(problemsOf(twice)).toMatchObject([{ id: 'duplicate_rule', place: { line: 3 } }])
  const both =
    'policy: acme\nbudgets: [{ id: n, limit: 5, per: hour }, { id: n, limit: 6, per: day }]\n'
  expect(problemsOf(both)).toHaveLength(1)
})
