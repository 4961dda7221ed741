import { describe, expect, test } from 'vitest'
import { failing, problemsOf, run } from './written.ts'

const POLICY = `policy: acme
timezone: Europe/Berlin
sets: { partners: [acme.example, partner.example] }
labels:
  - { tools: ["web/*"], add: [untrusted] }
  - { tools: ["crm/*"], add: [confidential] }
classify:
  - { tools: ["mail/read"], effect: read }
rules:
  - id: class-b
    effect: forbid
    tools: [vendors/approve]
    unlessArgs: { vendor_class: { equals: B }, amount: { range: { min: 0 } } }
  - id: large
    effect: require_approval
    tools: [vendors/approve]
    when: args.amount > 1000
    approval: { from: ["group:cfo", lee@acme.example], quorum: 2 }
  - id: hours
    effect: forbid
    effects: [send, pay]
    unless: within(now, "Mon-Fri 09:00-17:00")
  - id: partners
    effect: forbid
    tools: [mail/send]
    unless: args.to.all(one, domain(one) in sets.partners)
  - id: exfiltration
    effect: forbid
    tools: [mail/send]
    labels: [untrusted, confidential]
  - id: many
    effect: require_approval
    tools: [mail/send]
    when: session.calls("mail/send", "1h") >= 2
    approval: { from: [lee@acme.example] }
  - id: redact
    effect: oblige
    tools: ["vendors/*", "mail/*"]
    obligation: { type: redact, detectors: [secrets] }
  - id: mark
    effect: oblige
    tools: [crm/read]
    when: args.private == true
    obligation: { type: label, add: [private] }
  - id: risky
    mode: shadow
    effect: forbid
    risk: [high]
  - id: owners
    effect: forbid
    tools: [hr/read]
    unless: owner == "dana@acme.example" && agent == "hr-agent" && purposeRef == "HR-1"
  - id: personal
    effect: forbid
    data: [personal]
    environments: [prod]
    tools: ["db/*"]
`

const SEND = 'call: { tool: mail/send, args: { to: [a@acme.example] } }'
const APPROVE = 'call: { tool: vendors/approve, args: { vendor_class: B, amount: 10 } }'

function one(members: string): readonly string[] {
  return failing(POLICY, `test: t\ncases:\n  - { name: c, ${members} }\n`)
}

describe('a case', () => {
  test('passes where everything is as expected, and says what is not', () => {
    expect(one(`${APPROVE}, expect: permit`)).toEqual([])
    expect(one(`${APPROVE}, expect: { effect: permit, by: [], errors: 0 }`)).toEqual([])
    expect(one(`${APPROVE}, expect: { effect: deny, reason: forbidden, by: class-b }`)).toEqual([
      'c: effect deny ≠ permit',
      'c: reason forbidden ≠ permitted',
      'c: by acme#class-b ≠ none',
    ])
  })

  test('expects exactly the rules that determined it, by their id or in full', () => {
    const bad =
      'call: { tool: mail/send, args: { to: [a@evil.example] } }, labels: [untrusted, confidential]'
    expect(one(`${bad}, expect: { effect: deny, by: [partners, acme#exfiltration] }`)).toEqual([])
    expect(one(`${bad}, expect: { effect: deny, by: partners }`)).toEqual([
      'c: by acme#partners ≠ acme#exfiltration, acme#partners',
    ])
  })

  test('tells a denial that an approval lifts from one that is for good', () => {
    const large = 'call: { tool: vendors/approve, args: { vendor_class: B, amount: 1001 } }'
    const expected =
      'effect: approval, by: large, quorum: 2, approvers: [lee@acme.example, "group:cfo"]'
    expect(one(`${large}, expect: { ${expected} }`)).toEqual([])
    expect(one(`${large}, expect: deny`)).toEqual(['c: effect deny ≠ approval'])
    expect(one(`${large}, expect: { effect: approval, quorum: 1 }`)).toEqual(['c: quorum 1 ≠ 2'])
  })

  test('an error that nobody expects fails it, although the effect is right', () => {
    const none = 'call: { tool: mail/send }'
    expect(one(`${none}, expect: deny`)).toEqual(['c: errors 0 ≠ 1 (acme#partners)'])
    expect(one(`${none}, expect: { effect: deny, errors: 1 }`)).toEqual([])
    expect(one(`${none}, expect: { reason: evaluation_error }`)).toEqual([])
    expect(one(`${SEND}, expect: { effect: permit, errors: 1 }`)).toEqual(['c: errors 1 ≠ 0'])
  })

  test('sees duties, labels that are left, shadow and lists', () => {
    expect(one(`${SEND}, expect: { obligations: redact }`)).toEqual([])
    expect(one(`${SEND}, expect: { obligations: [] }`)).toEqual([
      'c: obligations none ≠ acme#redact',
    ])
    const crm = 'call: { tool: crm/read, args: { private: true } }'
    expect(one(`${crm}, expect: { labels: [private, confidential], obligations: mark }`)).toEqual(
      [],
    )
    expect(one(`${crm}, expect: { labels: [private] }`)).toHaveLength(1)
    expect(one(`${APPROVE}, risk: high, expect: { effect: permit, shadow: risky }`)).toEqual([])
    expect(one(`${APPROVE}, expect: { shadow: risky }`)).toHaveLength(1)
    expect(one('call: { tool: db/x }, expect: { listed: false }')).toEqual([])
    expect(one(`${APPROVE}, expect: { listed: false }`)).toEqual(['c: listed false ≠ true'])
  })

  test('a rule that is dropped from the policy makes it fail', () => {
    const file = `test: t\ncases: [{ name: c, ${SEND}, labels: [untrusted, confidential], expect: deny }]\n`
    expect(failing(POLICY, file)).toEqual([])
    const without = POLICY.replace(/ {2}- id: exfiltration[^]*?(?= {2}- id: many)/, '')
    expect(failing(without, file)).toEqual(['c: effect deny ≠ permit'])
  })
})

describe('circumstances', () => {
  test('the clock', () => {
    const at = (clock: string): readonly string[] =>
      one(`${SEND}, clock: "${clock}", expect: permit`)
    expect(at('2026-11-24T09:00:00+01:00')).toEqual([])
    expect(at('2026-11-24T16:59:59+01:00')).toEqual([])
    expect(at('2026-11-24T17:00:00+01:00')).toEqual(['c: effect permit ≠ deny'])
    expect(at('2026-11-22T12:00:00+01:00')).toEqual(['c: effect permit ≠ deny'])
  })

  test('who acts, for whom and what for', () => {
    const hr = 'call: { tool: hr/read }'
    const who = 'agent: hr-agent, owner: dana@acme.example, purpose: { ref: HR-1 }'
    expect(one(`${hr}, ${who}, expect: permit`)).toEqual([])
    expect(one(`${hr}, ${who.replace('hr-agent', 'other')}, expect: permit`)).toHaveLength(1)
    expect(one(`${hr}, ${who.replace('dana', 'eve')}, expect: permit`)).toHaveLength(1)
    expect(one(`${hr}, agent: hr-agent, expect: { effect: deny, errors: 1 }`)).toEqual([])
  })

  test('classes of effects and data, where policies say nothing or less', () => {
    const late = 'clock: "2026-11-24T20:00:00+01:00"'
    expect(one(`call: { tool: x/y }, ${late}, expect: deny`)).toEqual([])
    const read = 'effects: { "x/*": [read] }'
    expect(one(`call: { tool: x/y }, ${late}, ${read}, expect: permit`)).toEqual([])
    expect(one(`call: { tool: mail/read }, ${late}, expect: permit`)).toEqual([])
    const send = 'effects: { "mail/*": [send] }'
    expect(one(`call: { tool: mail/read }, ${late}, ${send}, expect: deny`)).toEqual([])
    expect(one('call: { tool: db/x }, data: { "db/*": [internal] }, expect: permit')).toEqual([])
    expect(one('call: { tool: db/x }, data: { "db/*": [personal] }, expect: deny')).toEqual([])
    expect(one('call: { tool: db/x }, environment: dev, expect: permit')).toEqual([])
  })

  test('the past leaves labels and is counted', () => {
    const flow = 'history: [{ tool: web/fetch, at: -5m, outcome: tool_error }, { tool: crm/read }]'
    expect(one(`${SEND}, ${flow}, expect: { effect: deny, by: exfiltration }`)).toEqual([])
    expect(one(`${SEND}, history: [{ tool: web/fetch }], expect: permit`)).toEqual([])
    const sent = (...at: readonly string[]): string =>
      `history: [${at.map((ago) => `{ tool: mail/send, at: ${ago} }`).join(', ')}]`
    const asked = 'expect: { effect: approval, by: many }'
    expect(one(`${SEND}, ${sent('-1m', '-59m')}, ${asked}`)).toEqual([])
    expect(one(`${SEND}, ${sent('-1m', '-61m')}, expect: permit`)).toEqual([])
    expect(one(`${SEND}, ${sent('"2026-11-24T10:00:00+01:00"', '-1m')}, ${asked}`)).toEqual([])
    const unknown = 'history: unknown, expect: { effect: approval, errors: 1 }'
    expect(one(`${SEND}, ${unknown}`)).toEqual([])
  })

  test('resources and prompts can be called, too', () => {
    const policy = `policy: p
rules:
  - { id: r, effect: forbid, resources: ["files/file:///etc/**"] }
  - { id: s, effect: forbid, prompts: ["x/brief"] }
`
    const file = `test: t
cases:
  - { name: a, call: { resource: "files/file:///etc/passwd" }, expect: { effect: deny, by: r } }
  - { name: b, call: { resource: "files/file:///srv/a" }, expect: permit }
  - { name: c, call: { prompt: x/brief }, expect: { effect: deny, by: s } }
  - { name: d, call: { tool: x/brief }, expect: permit }
`
    expect(failing(policy, file)).toEqual([])
  })

  test('engines permit unless a case says otherwise', () => {
    const engines = [{ id: 'cerbos', mode: 'enforce' as const, effects: [] }]
    const file = `test: t
cases:
  - { name: a, ${SEND}, expect: permit }
  - { name: b, ${SEND}, engines: { cerbos: deny }, expect: { effect: deny, by: "engine:cerbos" } }
  - { name: c, ${SEND}, engines: { cerbos: error }, expect: { reason: engine_unavailable } }
`
    expect(failing(POLICY, file, { engines })).toEqual([])
    expect(problemsOf(POLICY, file)).toContain('unknown_engine 4')
  })
})

describe('many cases in one', () => {
  test('a matrix is every combination, and a value may be that there is none', () => {
    const file = `test: t
cases:
  - name: m
    matrix: { class: [A, b, "", null, 7, $absent], amount: [1, 2] }
    call: { tool: vendors/approve, args: { vendor_class: $class, amount: $amount } }
    expect: { effect: deny, by: class-b }
`
    const { cases } = run(POLICY, file)
    expect(cases).toHaveLength(12)
    expect(cases.flatMap(({ mismatches }) => mismatches)).toEqual([])
    expect(cases[0]?.case.name).toBe('m [class="A", amount=1]')
    expect(cases[11]?.case.call.args).toEqual({ amount: 2 })
  })

  test('a variable stands for whole values, also of what is expected', () => {
    const file = `test: t
cases:
  - name: m
    matrix: { list: [[a@acme.example], [a@acme.example, b@partner.example]], effect: [permit] }
    call: { tool: mail/send, args: { to: $list, subject: $$list } }
    expect: $effect
`
    const { cases } = run(POLICY, file)
    expect(cases.map(({ case: { call } }) => call.args)).toEqual([
      { to: ['a@acme.example'], subject: '$list' },
      { to: ['a@acme.example', 'b@partner.example'], subject: '$list' },
    ])
    expect(cases.flatMap(({ mismatches }) => mismatches)).toEqual([])
  })

  test('each row replaces members, and lays its arguments over those of the call', () => {
    const file = `test: t
cases:
  - name: e
    ${APPROVE}
    expect: permit
    each:
      - { args: { amount: 1000 } }
      - { name: more, args: { amount: 1001 }, expect: approval }
      - { args: { amount: $absent }, expect: deny }
`
    const { cases } = run(POLICY, file)
    expect(cases.map(({ case: { name } }) => name)).toEqual(['e #1', 'e #more', 'e #3'])
    expect(cases.flatMap(({ mismatches }) => mismatches)).toEqual([])
    expect(cases[0]?.case.call.args).toEqual({ vendor_class: 'B', amount: 1000 })
    expect(cases[2]?.case.call.args).toEqual({ vendor_class: 'B' })
  })
})

describe('what does not load', () => {
  const bad = (members: string): readonly string[] =>
    problemsOf(POLICY, `test: t\ncases:\n  - { name: c, ${members} }\n`)

  test.each([
    ['expect: permit', 'missing_member 3'],
    [SEND, 'missing_member 3'],
    [`${SEND}, expect: allow`, 'unknown_word 3'],
    [`${SEND}, expect: {}`, 'empty_list 3'],
    [`${SEND}, expects: deny, expect: deny`, 'unknown_member 3'],
    [`${SEND}, expect: { by: partner }`, 'unknown_rule 3'],
    [`${SEND}, expect: { effect: permit, reason: forbidden }`, 'contradiction 3'],
    [`${SEND}, expect: { errors: some }`, 'wrong_type 3'],
    [`${SEND}, expect: { listed: maybe }`, 'wrong_type 3'],
    ['call: { tool: mail }, expect: deny', 'invalid_target 3'],
    ['call: { tool: a/b, prompt: a/b }, expect: deny', 'missing_member 3'],
    ['call: {}, expect: deny', 'missing_member 3'],
    [`${SEND}, clock: "2026-11-24", expect: deny`, 'invalid_time 3'],
    [`${SEND}, risk: low, expect: deny`, 'unknown_word 3'],
    [`${SEND}, history: [{ tool: a/b, at: 5m }], expect: deny`, 'invalid_time 3'],
    [`${SEND}, history: known, expect: deny`, 'wrong_type 3'],
    [
      `${SEND}, history: [{ tool: a/b, at: "2027-01-01T00:00:00Z" }], expect: deny`,
      'future_history 3',
    ],
    [`${SEND}, expect: $effect`, 'unknown_variable 3'],
    [`${SEND}, matrix: { x: [1] }, expect: deny`, 'unused_variable 3'],
    [`${SEND}, matrix: { x: [] }, expect: deny`, 'empty_list 3'],
    [`${SEND}, each: [], expect: deny`, 'empty_list 3'],
    [`${SEND}, effects: { mail: [send] }, expect: deny`, 'invalid_target 3'],
  ])('%s', (members, problem) => {
    expect(bad(members)).toContain(problem)
  })

  test('a file that tests nothing, a name twice, more cases than anybody means', () => {
    expect(problemsOf(POLICY, 'test: t\n')).toEqual(['no_cases 1'])
    const row = `  - { name: c, ${SEND}, expect: deny }\n`
    expect(problemsOf(POLICY, `test: t\ncases:\n${row}${row}`)).toEqual(['duplicate_case 4'])
    const list = Array.from({ length: 101 }, (_, at) => at).join(', ')
    const many = `call: { tool: a/b, args: { a: $a, b: $b } }, matrix: { a: [${list}], b: [${list}] }`
    expect(bad(`${many}, expect: deny`)).toContain('too_many_cases 3')
  })

  test('a tool that the definitions do not have', () => {
    const tools = { 'mail/send': {} }
    const file = (tool: string): string =>
      `test: t\ncases:\n  - { name: c, call: { tool: ${tool} }, history: [{ tool: ${tool} }], expect: deny }\n`
    expect(problemsOf(POLICY, file('mail/send'), { tools })).toEqual([])
    expect(problemsOf(POLICY, file('mail/sned'), { tools })).toEqual([
      'unknown_tool 3',
      'unknown_tool 3',
    ])
  })
})

describe('debits', () => {
  const policy = `policy: acme
budgets:
  - { id: eur, of: [pay/send], amount: args.amount, scale: 2, limit: 100.00, per: day }
  - { id: calls, limit: 5, per: hour }
`
  const expecting = (debits: string): readonly string[] =>
    failing(
      policy,
      `test: t
cases:
  - { name: c, call: { tool: pay/send, args: { amount: 12.5 } }, expect: { effect: permit, debits: ${debits} } }
`,
    )

  test('are those and no other, by id or in full, in units as they are written', () => {
    expect(expecting('{ eur: 12.50, calls: 1 }')).toEqual([])
    expect(expecting('{ acme#eur: 12.5, calls: 1 }')).toEqual([])
    expect(expecting('{ eur: 12.51, calls: 1 }')).toEqual([
      'c: debits calls 1, eur 12.51 ≠ calls 1, eur 12.50',
    ])
    expect(expecting('{ calls: 1 }')).toEqual(['c: debits calls 1 ≠ acme#eur 12.50, calls 1'])
  })

  test('of a call that is denied there are none', () => {
    const test = `test: t
cases:
  - { name: c, call: { tool: pay/send, args: { amount: -1 } }, expect: { reason: evaluation_error, debits: {} } }
`
    expect(failing(policy, test)).toEqual([])
  })

  test('are numbers', () => {
    const test =
      'test: t\ncases: [{ name: c, call: { tool: pay/send }, expect: { debits: { eur: x } } }]\n'
    expect(problemsOf(policy, test)).toEqual(['wrong_type 2'])
  })
})
