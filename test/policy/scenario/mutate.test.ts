import { describe, expect, test } from 'vitest'
import {
  coverageOf,
  noteOutcomes,
  percentages,
  type Seen,
} from '../../../src/policy/scenario/coverage.ts'
import { conditionVariants } from '../../../src/policy/scenario/mutate-condition.ts'
import { countMutants, mutationRun } from '../../../src/policy/scenario/kill.ts'
import { mutantsOf } from '../../../src/policy/scenario/mutate.ts'
import { runSuite } from '../../../src/policy/scenario/suite.ts'
import { CHANCE, policyOf, suite } from './written.ts'

const texts = (source: string): readonly string[] =>
  conditionVariants(source).map(({ kind, text }) => `${kind}: ${text}`)

describe('a condition with a mistake', () => {
  test('comparisons, their edges and their constants', () => {
    expect(texts('args.amount > 1000').toSorted()).toEqual([
      'boundary: args.amount >= 1000',
      'comparison: args.amount <= 1000',
      'constant: args.amount > 1001',
      'constant: args.amount > 999',
      'negated: !(args.amount > 1000)',
    ])
    expect(texts('args.a == "x"')).toEqual([
      'negated: !(args.a == "x")',
      'comparison: args.a != "x"',
    ])
  })

  test('each conjunct and disjunct once, however they are grouped', () => {
    const dropped = (source: string): readonly string[] =>
      texts(source).filter((text) => text.includes('dropped'))
    expect(dropped('a() && b() && c()')).toEqual([
      'conjunct_dropped: b() && c()',
      'conjunct_dropped: a() && c()',
      'conjunct_dropped: a() && b()',
    ])
    expect(dropped('(risk == "a" || risk == "b") && agent == "x"')).toEqual([
      'conjunct_dropped: agent == "x"',
      'conjunct_dropped: (risk == "a") || (risk == "b")',
      'disjunct_dropped: (risk == "b") && (agent == "x")',
      'disjunct_dropped: (risk == "a") && (agent == "x")',
    ])
  })

  test('windows, quantifiers, lists, negations, counts', () => {
    expect(texts('within(now, "Mon-Fri 09:00-17:00")')).toEqual([
      'negated: !within(now, "Mon-Fri 09:00-17:00")',
      'window: within(now, "Mon-Fri 08:59-17:00")',
      'window: within(now, "Mon-Fri 09:01-17:00")',
      'window: within(now, "Mon-Fri 09:00-16:59")',
      'window: within(now, "Mon-Fri 09:00-17:01")',
      'window: within(now, "Tue-Fri 09:00-17:00")',
      'window: within(now, "Mon-Sat 09:00-17:00")',
    ])
    expect(texts('args.a.all(x, x in ["a", "b"])')).toEqual([
      'negated: !args.a.all(x, x in ["a", "b"])',
      'macro: args.a.exists(x, x in ["a", "b"])',
      'comparison: args.a.all(x, !(x in ["a", "b"]))',
      'value_dropped: args.a.all(x, x in ["b"])',
      'value_dropped: args.a.all(x, x in ["a"])',
    ])
    expect(texts('!has(args.a)')).toEqual(['negated: has(args.a)'])
    expect(texts('session.calls("a/b", "1h") > 3')).toContain(
      'window_dropped: session.calls("a/b") > 3',
    )
  })

  test('what does not parse has none', () => {
    expect(conditionVariants('args.')).toEqual([])
  })
})

const POLICY = `policy: p
sets: { classes: [A, B] }
labels: [{ tools: ["web/*", "wiki/*"], add: [untrusted] }]
classify: [{ tools: ["mail/*"], effect: send }]
rules:
  - id: r
    effect: forbid
    tools: [vendors/approve, vendors/pay]
    risk: [high]
    when: args.amount > 10
    unlessArgs: { class: { one_of: $classes }, to: { size: 1..2, each: { email: { domain: [a.b] } } } }
  - id: s
    effect: require_approval
    mode: shadow
    approval: { from: [lee@acme.example] }
`

describe('a policy with a mistake', () => {
  const mutants = mutantsOf(policyOf(POLICY).node)
  const told = mutants.map(({ kind, rule, now }) => `${rule} ${kind}: ${now}`)

  test.each([
    'r rule_dropped: no such rule',
    'r effect: effect: require_approval',
    'r selector_dropped: no `tools`',
    'r value_dropped: tools: ["vendors/pay"]',
    'r selector_dropped: no `risk`',
    'r when_dropped: no `when`',
    'r negated: when: !(args.amount > 10)',
    'r boundary: when: args.amount >= 10',
    'r exemption_dropped: no `unlessArgs`',
    'r argument_dropped: no `class`',
    'r constraint_dropped: class: optional: true',
    'r constant: to: size: 1..3',
    'r constant: to: size: 0..2',
    'r constraint_dropped: to: no `size`',
    'r constraint_dropped: to: each: optional: true',
    'r other_args: otherArgs: permit',
    's mode: mode: enforce',
    'labels[0] row_dropped: no such row',
    'labels[0] value_dropped: tools: ["wiki/*"]',
    'classify[0] row_dropped: no such row',
    'sets.classes value_dropped: classes: ["B"]',
  ])('%s', (one) => {
    expect(told).toContain(one)
  })

  test('has its place in the file, and nothing else is changed', () => {
    const boundary = mutants.find(({ kind }) => kind === 'boundary')
    expect(boundary).toMatchObject({
      place: { file: 'p.yaml', line: 10 },
      was: 'when: args.amount > 10',
    })
    // An effect in shadow is recorded by its rule alone.
    expect(told).not.toContain('s effect: effect: forbid')
    expect(new Set(told).size).toBe(told.length)
  })
})

const GUARDED = `policy: p
rules:
  - id: large
    effect: forbid
    tools: [shop/pay]
    when: args.amount > 10
`
const edges = `test: t
cases:
  - name: edge
    call: { tool: shop/pay }
    expect: permit
    each:
      - { call: { tool: shop/pay, args: { amount: 10 } } }
      - { call: { tool: shop/pay, args: { amount: 11 } }, expect: { effect: deny, by: large } }
      - { call: { tool: shop/pay }, expect: { effect: deny, errors: 1 } }
      - { call: { tool: shop/list } }
`

function survivors(policy: string, file: string): readonly string[] {
  return [...mutationRun([suite(policy, file)], CHANCE)]
    .filter(({ fate }) => fate === 'survived')
    .map(({ mutant: { kind, now } }) => `${kind}: ${now}`)
}

describe('mistakes', () => {
  test('are all noticed by tests of every edge', () => {
    expect(survivors(GUARDED, edges)).toEqual([])
    expect(countMutants([suite(GUARDED, edges)])).toBeGreaterThan(7)
  })

  test('are not noticed where an edge is not tested', () => {
    const without = edges.replace('amount: 10 }', 'amount: 5 }')
    expect(survivors(GUARDED, without)).toEqual([
      'boundary: when: args.amount >= 10',
      'constant: when: args.amount > 9',
    ])
  })

  test('are noticed by invariants, too', () => {
    const file = `test: t
invariants:
  - never: { tool: shop/pay, effect: permit, when: args.amount > 10 }
  - never: { tool: shop/pay, effect: deny, when: args.amount == 10 }
`
    const found = survivors(GUARDED, file)
    expect(found).not.toContain('boundary: when: args.amount >= 10')
    expect(found).not.toContain('rule_dropped: no such rule')
    // Only cases can show what is not about anything that an invariant names.
    expect(found).toContain('selector_dropped: no `tools`')
  })

  test('the inverted condition of a published policy is noticed', () => {
    const policy = `policy: p
rules:
  - { id: trusted, effect: forbid, tools: [mail/delete], when: '!("trusted" in session.labels)' }
`
    const inverted = policy.replace('!("trusted" in session.labels)', '"trusted" in session.labels')
    const file = `test: t
cases:
  - { name: a, call: { tool: mail/delete }, labels: [trusted], expect: permit }
  - { name: b, call: { tool: mail/delete }, expect: { effect: deny, by: trusted } }
  - { name: c, call: { tool: mail/read }, expect: permit }
`
    expect(survivors(policy, file)).toEqual([])
    const failed = runSuite(suite(inverted, file), () => true, CHANCE).cases.filter(
      ({ mismatches }) => mismatches.length > 0,
    )
    expect(failed.map(({ case: { name } }) => name)).toEqual(['a', 'b'])
  })

  test('are let stand where somebody says why, all of a rule or one kind', () => {
    const without = edges.replace('amount: 10 }', 'amount: 5 }')
    const ignoring = (finding: string, rule = 'large'): string =>
      `${GUARDED}ignore: [{ finding: ${finding}, rule: ${rule}, reason: amounts are whole tens }]\n`
    expect(survivors(ignoring('mutant'), without)).toEqual([])
    expect(survivors(ignoring('"mutant:boundary"'), without)).toEqual([
      'constant: when: args.amount > 9',
    ])
    expect(survivors(ignoring('no_test'), without)).toHaveLength(2)
    expect(survivors(ignoring('mutant', 'other'), without)).toHaveLength(2)
  })

  test('that do not load are nobody’s to notice', () => {
    const policy = `policy: p
rules:
  - { id: r, effect: forbid, tools: [a/b], when: 'args.n in [1] && args.s.startsWith("x")' }
`
    const fates = [...mutationRun([suite(policy, edges.replace('by: large', 'by: r'))], CHANCE)]
    expect(new Set(fates.map(({ fate }) => fate)).has('killed')).toBe(true)
  })
})

describe('coverage', () => {
  function coverage(policy: string, file: string): readonly string[] {
    const made = suite(policy, file)
    const { cases } = runSuite(made, () => true, CHANCE)
    const seen: Seen = new Map()
    for (const { tried } of cases) noteOutcomes(made.bench.policies.rules, tried, seen)
    const { bench, generator, scenario } = made
    const covered = coverageOf({ bench, generator, defaults: scenario.defaults }, seen, 1)
    const { rules, outcomes } = percentages(covered)
    const missing = covered.flatMap(({ rule, missing: all }) =>
      [...all].map(([outcome, example]) => `${rule} ${outcome}${example ? '' : ' impossible'}`),
    )
    return [`${rules} ${outcomes}`, ...missing]
  }
  const cases = (...rows: readonly string[]): string =>
    `test: t\ncases:\n${rows.map((row, at) => `  - { name: c${at}, ${row}, expect: { listed: true } }\n`).join('')}`

  test('is full where every rule was seen to match, not to, and to fail', () => {
    expect(coverage(GUARDED, edges)).toEqual(['100 100'])
  })

  test('says what is missing', () => {
    expect(coverage(GUARDED, cases('call: { tool: shop/list }'))).toEqual([
      '0 0',
      'p#large true',
      'p#large false',
      'p#large error',
    ])
    expect(coverage(GUARDED, cases('call: { tool: shop/pay, args: { amount: 11 } }'))).toEqual([
      '100 33',
      'p#large false',
      'p#large error',
    ])
  })

  test('asks for no error of what cannot fail, and for no miss of what always matches', () => {
    const policy = `policy: p
rules:
  - { id: labels, effect: forbid, when: '"x" in session.labels' }
  - { id: all, effect: oblige, obligation: { type: redact, detectors: [secrets] } }
`
    expect(coverage(policy, cases('call: { tool: a/b }'))).toEqual(['50 66', 'p#labels true'])
  })

  test('a rule without a condition is seen not to match by what it is not about', () => {
    const policy = 'policy: p\nrules: [{ id: r, effect: forbid, tools: ["a/*"] }]\n'
    const file = (tool: string): string =>
      `test: t\ncases: [{ name: a, call: { tool: a/b }, expect: deny }, { name: b, call: { tool: ${tool} }, expect: { listed: false } }]\n`
    expect(coverage(policy, file('a/c'))).toEqual(['100 50', 'p#r false'])
    expect(coverage(policy, file('b/c'))).toEqual(['100 100'])
  })

  test('a rule that can never match is asked for all the same', () => {
    const policy = `policy: p
rules: [{ id: r, effect: forbid, tools: [a/b], when: 'risk == "high" && risk == "normal"' }]
`
    expect(coverage(policy, cases('call: { tool: a/b }'))).toEqual(['0 50', 'p#r true impossible'])
  })

  test('shadow rules and counts of past calls are part of it', () => {
    const policy = `policy: p
rules:
  - id: often
    effect: forbid
    mode: shadow
    tools: [a/b]
    when: session.calls("a/b", "1h") >= 2
`
    const twice = 'call: { tool: a/b }, history: [{ tool: a/b }, { tool: a/b }]'
    expect(coverage(policy, cases('call: { tool: a/b }'))).toEqual([
      '0 33',
      'p#often true',
      'p#often error',
    ])
    expect(coverage(policy, cases('call: { tool: a/b }', twice))).toEqual([
      '100 66',
      'p#often error',
    ])
    const lost = 'call: { tool: a/b }, history: unknown'
    expect(coverage(policy, cases('call: { tool: a/b }', twice, lost))).toEqual(['100 100'])
  })
})
