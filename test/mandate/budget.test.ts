/** Budgets of a mandate: how they are written, and what a call takes from them. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { warnOfUnlimited } from '../../src/mandate/budget-findings.ts'
import { Problems } from '../../src/model/document.ts'
import type { Debit } from '../../src/model/state.ts'
import { instant } from '../../src/model/id.ts'
import type { JsonObject } from '../../src/model/json.ts'
import { AT, call, compiled, HEAD, parse, tool } from './written.ts'

const NUMBER: JsonObject = { amount: { type: 'number' } }
const TOOLS = 'tools: { vendors/approve: {}, vendors/search: {} }\n'

function budgets(text: string): string {
  return `${TOOLS}budgets:\n  - ${text}\n`
}

function debitsOf(
  body: string,
  args: JsonObject = {},
  given: Parameters<typeof call>[1] = {},
): readonly Debit[] | string {
  const decision = compiled(body)
    .tool(tool('vendors', 'approve', NUMBER))
    .decide(call(args, given))
  return decision.effect === 'deny' ? decision.reason : (decision.debits ?? [])
}

test('calls are counted, and amounts in their smallest unit', () => {
  const body = `${TOOLS}budgets:
  - { id: calls, limit: 200, per: day, timezone: Europe/Berlin }
  - { id: eur, of: [vendors/approve], amount: args.amount, scale: 2, limit: 20000.00, per: mandate }
`
  expect(debitsOf(body, { amount: 120.5 })).toEqual([
    {
      budget: 'budgets.calls',
      key: '["mandate","intake","calls"]',
      amount: 1,
      limit: 200,
      from: Date.UTC(2026, 10, 24, 23),
      until: Date.UTC(2026, 10, 25, 23),
    },
    {
      budget: 'budgets.eur',
      key: '["mandate","intake","eur"]',
      amount: 12_050,
      limit: 2_000_000,
      scale: 2,
      from: 0,
    },
  ])
})

test('a limit of a grant counts the calls of what it names, in roles as well', () => {
  const roles = { 'roles/r.yaml': 'role: r\ntools: { vendors/approve: { limit: 3 per day } }' }
  const mandate = compiled(
    'roles: [r]\ntools:\n  vendors/approve: { limit: 20 per hour }\n  vendors/search: { limit: 1 per minute }\n',
    roles,
  )
  const decision = mandate.tool(tool('vendors', 'approve')).decide(call({}))
  expect(decision.effect === 'permit' && decision.debits).toMatchObject([
    {
      budget: 'role r: tools.vendors/approve.limit',
      key: '["mandate","intake","role r: tools.vendors/approve.limit"]',
      limit: 3,
      from: Date.UTC(2026, 10, 25),
    },
    {
      budget: 'tools.vendors/approve.limit',
      key: '["mandate","intake","tools.vendors/approve.limit"]',
      amount: 1,
      limit: 20,
      from: AT,
      until: AT + 3_600_000,
    },
  ])
})

test('a budget counts what `of` names, and only tools', () => {
  const body = `${TOOLS}prompts: { vendors/sum: {} }\nbudgets: [{ id: searches, of: [vendors/sea*], limit: 2, per: minute }]\n`
  expect(debitsOf(body)).toEqual([])
  const mandate = compiled(body)
  const search = mandate.tool(tool('vendors', 'search')).decide(call({}))
  expect(search.effect === 'permit' && search.debits).toMatchObject([
    { budget: 'budgets.searches' },
  ])
  expect(mandate.prompt('vendors', 'sum').decide(call({}))).not.toHaveProperty('debits')
})

test('where no budget is, a permit says nothing of any', () => {
  const decision = compiled(TOOLS).tool(tool('vendors', 'approve')).decide(call({}))
  expect(decision).not.toHaveProperty('debits')
})

test.each([
  ['mandate', '["mandate","intake","n"]'],
  ['session', '["session","intake","agent-1","task-1","n"]'],
  ['agent', '["agent","intake","agent-1","n"]'],
  ['principal', '["principal","intake","agent-1",null,"n"]'],
])('what is counted for each %s has a counter of its own', (each, key) => {
  expect(debitsOf(budgets(`{ id: n, limit: 2, per: hour, each: ${each} }`))).toMatchObject([
    { key },
  ])
})

test('whoever an agent acts for is counted apart', () => {
  const mandate = compiled(budgets('{ id: n, limit: 2, per: hour, each: principal }'))
  const made = call({})
  const principal = { ...made.principal, onBehalfOf: 'kim' }
  const decision = mandate.tool(tool('vendors', 'approve')).decide({ ...made, principal })
  expect(decision.effect === 'permit' && decision.debits).toMatchObject([
    { key: '["principal","intake","agent-1","kim","n"]' },
  ])
})

const EUR = budgets('{ id: eur, amount: args.amount, scale: 2, limit: 100.00, per: day }')

test.each<[string, JsonObject]>([
  ['a negative amount', { amount: -0.01 }],
  ['more decimal places than are counted', { amount: 0.001 }],
  ['an amount that is left out', {}],
  ['a text', { amount: '5' }],
  ['null', { amount: null }],
  ['what cannot be counted exactly', { amount: 90_071_992_547_410 }],
  ['an amount below any unit', { amount: 1e-7 }],
  ['a second spelling of the amount', { amount: 1, Amount: 1000 }],
])('%s denies', (what, args) => {
  const reason = what.startsWith('a second') ? 'outside_mandate' : 'evaluation_error'
  expect(debitsOf(EUR, args)).toBe(reason)
  const acted = compiled(EUR).tool(tool('vendors', 'approve', NUMBER))
  expect([...acted.possible(call(args))]).toEqual([reason])
})

test('nothing takes nothing, and what is over the limit is the store to refuse', () => {
  expect(debitsOf(EUR, { amount: 0 })).toMatchObject([{ amount: 0 }])
  expect(debitsOf(EUR, { amount: -0 })).toMatchObject([{ amount: 0 }])
  expect(debitsOf(EUR, { amount: 1000 })).toMatchObject([{ amount: 100_000, limit: 10_000 }])
})

/** In millionths, as whoever adds on paper would; undefined where that is not exact. */
function onPaper(text: string): bigint | undefined {
  const [, whole = '', fraction = ''] = /^(\d+)(?:\.(\d+))?$/.exec(text) ?? []
  if (whole === '' || fraction.length > 6) return undefined
  const units = BigInt(whole) * 1_000_000n + BigInt(fraction.padEnd(6, '0'))
  return units > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : units
}

test('every amount is taken digit by digit', () => {
  const mandate = compiled(
    budgets('{ id: n, amount: args.amount, scale: 6, limit: 1, per: mandate }'),
  )
  const acted = mandate.tool(tool('vendors', 'approve', NUMBER))
  const taken = (amount: number): bigint | undefined => {
    const decision = acted.decide(call({ amount }))
    return decision.effect === 'permit' ? BigInt(decision.debits?.[0]?.amount ?? -1) : undefined
  }
  // Fifteen digits are what every double keeps.
  const written = fc
    .tuple(fc.nat(999_999), fc.integer({ min: 0, max: 999_999_999 }), fc.nat(9))
    .map(([whole, rest, places]) => `${whole}.${String(rest).padStart(9, '0').slice(0, places)}`)
    .map((text) => text.replace(/\.?0*$/, (zeros) => (text.includes('.') ? '' : zeros)))
  fc.assert(
    fc.property(written, (text) => {
      expect(taken(Number(text))).toBe(onPaper(text))
    }),
  )
  fc.assert(
    fc.property(fc.double({ noNaN: true, min: 0 }), (amount) => {
      expect(taken(amount)).toBe(onPaper(String(amount)))
    }),
  )
})

test('what an amount reads is kept with the decision', () => {
  const decision = compiled(EUR)
    .tool(tool('vendors', 'approve', NUMBER))
    .decide(call({ amount: 7 }))
  expect(decision.facts).toEqual({ amount: 7 })
  expect(
    compiled(EUR)
      .tool(tool('vendors', 'approve', NUMBER))
      .reads().paths,
  ).toContain('amount')
})

test('an amount may be counted out of a call', () => {
  const counting = budgets('{ id: mails, amount: size(args.to), limit: 50, per: day }')
  const acted = compiled(counting).tool(tool('vendors', 'approve', { to: { type: 'array' } }))
  const decision = acted.decide(call({ to: ['a', 'b', 'c'] }))
  expect(decision.effect === 'permit' && decision.debits).toMatchObject([{ amount: 3, scale: 0 }])
})

test('a tool whose definition does not fit the amount is hidden, and it is said why', () => {
  const acted = compiled(EUR).tool(tool('vendors', 'approve', { amount: { type: 'string' } }))
  expect(acted.listed).toBe(false)
  expect(acted.problems.map(({ id }) => id)).toEqual(['not_a_number'])
  const other = compiled(EUR).tool(tool('vendors', 'approve', { total: { type: 'number' } }))
  expect(other.problems.map(({ id }) => id)).toEqual(['unknown_argument'])
})

test('an approval does not come into it before the amount is told', () => {
  const body = `tools: { vendors/approve: { approval: { from: [lee@acme.example] } } }
budgets: [{ id: eur, amount: args.amount, limit: 5, per: day }]
`
  expect(debitsOf(body, { amount: -1 })).toBe('evaluation_error')
  expect(debitsOf(body, { amount: 1 })).toBe('approval_required')
})

test('the completion of a prompt takes nothing', () => {
  const mandate = compiled('prompts: { vendors/sum: { limit: 2 per day } }\n')
  const asked = { resource: { kind: 'prompt', server: 'vendors', name: 'sum' } } as const
  const got = mandate.prompt('vendors', 'sum').decide(call({}, { ...asked, action: 'prompts/get' }))
  expect(got.effect === 'permit' && got.debits?.length).toBe(1)
  const completed = mandate
    .prompt('vendors', 'sum')
    .decide(call({}, { ...asked, action: 'completion/complete' }))
  expect(completed.effect).toBe('permit')
  expect(completed).not.toHaveProperty('debits')
})

test('the same call takes the same at any time in one window, and another window in the next', () => {
  const mandate = compiled(budgets('{ id: n, limit: 2, per: minute }'))
  const acted = mandate.tool(tool('vendors', 'approve'))
  const at = (ms: number): unknown => {
    const decision = acted.decide(call({}, { at: instant(AT + ms) }))
    return decision.effect === 'permit' && decision.debits
  }
  expect(at(59_999)).toBe(at(0))
  expect(at(60_000)).toMatchObject([{ from: AT + 60_000, until: AT + 120_000 }])
  expect(at(-1)).toMatchObject([{ from: AT - 60_000, until: AT }])
})

test('explain says what would be taken, of how much', () => {
  const acted = compiled(EUR).tool(tool('vendors', 'approve', NUMBER))
  const line = (args: JsonObject): unknown =>
    acted.explain(call(args)).find(({ rule }) => rule === 'budgets.eur')
  expect(line({ amount: 120.5 })).toEqual({
    rule: 'budgets.eur',
    expected: 'it takes `args.amount`, which is 120.50, of 100.00 a day, by the mandate',
    result: 'holds',
    budget: true,
  })
  expect(line({ amount: -3 })).toMatchObject({
    result: 'error',
    read: 'args.amount = -3',
    hint: 'the amount is negative',
  })
})

const line6 = (text: string): string => `tools: { vendors/approve: {} }\nbudgets: [${text}]\n`

test.each([
  ['no id', '{ limit: 1, per: day }', 'missing_member'],
  ['no limit', '{ id: a, per: day }', 'missing_member'],
  ['no period', '{ id: a, limit: 1 }', 'missing_member'],
  ['an unknown period', '{ id: a, limit: 1, per: week }', 'unknown_word'],
  ['an unknown share', '{ id: a, limit: 1, per: day, each: everyone }', 'unknown_word'],
  ['a limit of nothing', '{ id: a, limit: 0, per: day }', 'empty_budget'],
  ['a negative limit', '{ id: a, limit: -1, per: day }', 'wrong_type'],
  ['a limit in words', '{ id: a, limit: many, per: day }', 'wrong_type'],
  ['part of a call', '{ id: a, limit: 1.5, per: day }', 'too_precise'],
  [
    'zeros below the unit',
    '{ id: a, limit: 1.500, amount: args.x, scale: 2, per: day }',
    'too_precise',
  ],
  [
    'a limit that is too large',
    '{ id: a, limit: 9007199254740991, amount: args.x, scale: 2, per: day }',
    'too_large',
  ],
  ['a scale of calls', '{ id: a, limit: 1, scale: 2, per: day }', 'contradiction'],
  [
    'a scale that is too fine',
    '{ id: a, limit: 1, amount: args.x, scale: 7, per: day }',
    'wrong_type',
  ],
  ['a zone of hours', '{ id: a, limit: 1, per: hour, timezone: Europe/Berlin }', 'contradiction'],
  ['an unknown zone', '{ id: a, limit: 1, per: day, timezone: Europe/Berlyn }', 'invalid_zone'],
  ['no tool', '{ id: a, limit: 1, per: day, of: [] }', 'empty_list'],
  ['a tool without a server', '{ id: a, limit: 1, per: day, of: [approve] }', 'invalid_target'],
  ['a name that is none', '{ id: "a b", limit: 1, per: day }', 'invalid_name'],
  [
    'two of one name',
    '{ id: a, limit: 1, per: day }, { id: a, limit: 2, per: hour }',
    'duplicate_budget',
  ],
  [
    'an amount that is a truth',
    '{ id: a, limit: 1, per: day, amount: args.x > 1 }',
    'not_a_number',
  ],
  [
    'an amount of the past',
    '{ id: a, limit: 1, per: day, amount: "session.calls(\\"a/b\\")" }',
    'history_in_amount',
  ],
  ['an amount that is a number', '{ id: a, limit: 1, per: day, amount: 5 }', 'wrong_type'],
  ['an unknown member', '{ id: a, limit: 1, per: day, mode: shadow }', 'unknown_member'],
])('%s is a mistake with its place and a remedy', (_, text, id) => {
  const { mandate, problems } = parse(HEAD + line6(text))
  expect(mandate).toBeUndefined()
  expect(problems.map((one) => one.id)).toEqual([id])
  expect(problems[0]).toMatchObject({ level: 'error', place: { line: 6 } })
  expect(problems[0]?.remedy).toBeTruthy()
})

test.each([
  '20 per week',
  '20 / hour',
  'per hour',
  '-1 per hour',
  '0 per hour',
  '1.5 per day',
  '20 per second',
])('the limit `%s` is a mistake', (limit) => {
  const { mandate } = parse(`${HEAD}tools: { vendors/approve: { limit: ${limit} } }\n`)
  expect(mandate).toBeUndefined()
})

test.each([
  [
    '`of` names nothing that is granted',
    '{ id: a, limit: 1, per: day, of: [vendors/approve, mail/*] }',
    1,
  ],
  ['`of` names what is granted', '{ id: a, limit: 1, per: day, of: ["*/app*"] }', 0],
  ['all tools are meant', '{ id: a, limit: 1, per: day }', 0],
])('a budget that nothing takes from is warned of: %s', (_, text, count) => {
  const { mandate, problems } = parse(HEAD + line6(text))
  expect(mandate).toBeDefined()
  expect(problems.map(({ id, level }) => `${level} ${id}`)).toEqual(
    Array.from({ length: count }, () => 'warning dead_budget'),
  )
})

test('a budget of a mandate without tools is warned of', () => {
  const { problems } = parse(
    `${HEAD}prompts: { a/b: {} }\nbudgets: [{ id: a, limit: 1, per: day }]\n`,
  )
  expect(problems.map(({ id }) => id)).toEqual(['dead_budget'])
})

test.each([
  ['args.amount', [], 1],
  ['args.amount', ['amount'], 0],
  ['args.amounts + 1', ['amounts'], 0],
  ["'has(args.amount) ? args.amount : 0'", [], 0],
])('an amount that may be left out is warned of: %s', (amount, required, count) => {
  const mandate = compiled(
    budgets(`{ id: n, amount: ${amount}, limit: 5, per: day, of: [vendors/approve] }`),
  )
  const properties = { amount: { type: 'number' }, amounts: { type: 'number' } }
  const offered = (name: string) => ({
    ...tool('vendors', name),
    raw: { name, inputSchema: { type: 'object', properties, required } },
  })
  const found = mandate.unmatched({
    servers: ['vendors'],
    tools: [offered('approve'), offered('search')],
    prompts: [],
  })
  expect(found.map(({ id }) => id)).toEqual(
    Array.from({ length: count }, () => 'optional_without_has'),
  )
})

test.each([
  ['no budget', '', 1],
  ['a budget of calls', 'budgets: [{ id: n, limit: 5, per: day }]', 1],
  [
    'an amount of other tools',
    'budgets: [{ id: n, amount: args.x, limit: 5, per: day, of: [pay/get] }]',
    1,
  ],
  ['an amount', 'budgets: [{ id: n, amount: args.x, limit: 5, per: day }]', 0],
])('a tool that pays under %s', (_, text, count) => {
  const body = `tools: { pay/send: { effect: pay }, pay/get: { effect: read } }\n${text}\n`
  const { mandate } = compiled(body)
  const found = new Problems()
  warnOfUnlimited(mandate, [], found)
  expect(found.list).toHaveLength(count)
  const policy = new Problems()
  const others = compiled(budgets('{ id: p, amount: args.x, limit: 5, per: day }')).mandate.budgets
  warnOfUnlimited(mandate, others ?? [], policy)
  expect(policy.list).toEqual([])
})
