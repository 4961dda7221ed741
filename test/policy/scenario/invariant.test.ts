import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonical, type Json } from '../../../src/model/json.ts'
import { caseText, expectText } from '../../../src/policy/scenario/case-text.ts'
import type { Made } from '../../../src/policy/scenario/generator.ts'
import { randomOf } from '../../../src/policy/scenario/random.ts'
import { effectOf } from '../../../src/policy/scenario/run.ts'
import { shrink } from '../../../src/policy/scenario/shrink.ts'
import { invented, passed } from '../../../src/policy/scenario/suite.ts'
import { CHANCE, failing, problemsOf, run, suite } from './written.ts'

const POLICY = `policy: mail
sets: { partners: [acme.example, partner.example] }
labels: [{ tools: ["web/*"], add: [untrusted] }]
rules:
  - id: partners
    effect: forbid
    tools: [mail/send]
    unless: args.to.all(one, domain(one) in sets.partners)
  - id: large
    effect: require_approval
    tools: [shop/pay]
    when: args.amount > 1000
    approval: { from: [lee@acme.example] }
  - id: night
    effect: forbid
    tools: [shop/pay]
    unless: within(now, "Mon-Sun 08:00-20:00", "Europe/Berlin")
  - id: often
    effect: forbid
    tools: [shop/refund]
    when: session.calls("shop/refund", "1h") >= 3
`

const never = (members: string): string => `test: t\ninvariants:\n  - never: { ${members} }\n`
const broken = (policy: string, members: string): Made | undefined =>
  run(policy, never(members)).invariants[0]?.broken?.made

describe('an invariant', () => {
  const outside = "tool: mail/send, when: 'args.to.exists(one, !(domain(one) in sets.partners))'"

  test('holds where the rule does what it says', () => {
    const result = run(POLICY, never(outside))
    expect(passed(result)).toBe(true)
    expect(result.invariants[0]).toMatchObject({ runs: CHANCE.runs })
    expect(result.invariants[0]?.about).toBeGreaterThan(20)
  })

  test.each([
    ['another quantifier', 'args.to.all(', 'args.to.exists('],
    ['another condition', 'domain(one) in sets.partners', 'one.endsWith("acme.example")'],
    [
      'no condition at all',
      'effect: forbid\n    tools: [mail/send]',
      'effect: forbid\n    tools: [mail/sent]',
    ],
  ])('is broken by %s, with the least call that shows it', (_, was, now) => {
    const policy = POLICY.replace(was, now)
    expect(policy).not.toBe(POLICY)
    const made = broken(policy, outside)
    const to = made?.acted.args['to']
    expect(Object.keys(made?.acted.args ?? {})).toEqual(['to'])
    expect(Array.isArray(to) && to.length <= 2).toBe(true)
    // What else was made up does not matter, and is not in it.
    expect(made?.circumstances).toMatchObject({ risk: 'normal', labels: [], history: [] })
  })

  test('finds the edge of a number, of a window, and of a count', () => {
    expect(passed(run(POLICY, never("tool: shop/pay, when: 'args.amount > 1000'")))).toBe(true)
    const at = broken(POLICY, "tool: shop/pay, when: 'args.amount >= 1000'")
    expect(at?.acted.args).toEqual({ amount: 1000 })
    const hours = (edge: string): string =>
      `tool: shop/pay, when: '!within(now, "Mon-Sun ${edge}", "Europe/Berlin")'`
    expect(passed(run(POLICY, never(hours('08:00-20:00'))))).toBe(true)
    expect(broken(POLICY, hours('08:01-20:00'))).toBeDefined()
    const often = (count: number): string =>
      `tool: shop/refund, when: 'session.calls("shop/refund", "1h") >= ${count}'`
    expect(passed(run(POLICY, never(often(3))))).toBe(true)
    expect(broken(POLICY, often(2))?.circumstances.history).toHaveLength(2)
  })

  test('what is fixed stays as it is given', () => {
    const made = suite(
      POLICY,
      never('tool: "*", risk: high, labels: [untrusted], environment: dev'),
    )
    const [checked] = made.invariants
    const calls = checked ? invented(made, checked, CHANCE) : []
    expect(calls).toHaveLength(CHANCE.runs)
    expect(new Set(calls.map(({ circumstances }) => circumstances.risk))).toEqual(new Set(['high']))
    expect(new Set(calls.map(({ circumstances }) => circumstances.environment))).toEqual(
      new Set(['dev']),
    )
    expect(calls.every(({ circumstances }) => circumstances.labels.join() === 'untrusted')).toBe(
      true,
    )
    // What is not fixed is made up, and everything that is named is called.
    expect(new Set(calls.map(({ circumstances }) => circumstances.clock)).size).toBeGreaterThan(10)
    const called = new Set(calls.map(({ acted }) => `${acted.server}/${acted.name}`))
    expect([...called].toSorted()).toEqual(
      ['mail/send', 'other/tool', 'shop/pay', 'shop/refund', 'web/x'].toSorted(),
    )
  })

  test('one that no call is about has shown nothing, which is no pass', () => {
    const result = run(POLICY, never("tool: mail/send, when: 'false'"))
    expect(result.invariants[0]).toMatchObject({ about: 0 })
    expect(passed(result)).toBe(false)
  })

  test('a condition that does not compile is a problem with its place', () => {
    expect(
      problemsOf(POLICY, never('tool: mail/send, when: \'args.to.matches("a")\'')),
    ).toHaveLength(1)
    expect(problemsOf(POLICY, never("tool: mail/send, when: 'sets.other == 1'"))).toHaveLength(1)
    expect(problemsOf(POLICY, never('tool: send'))).toEqual(['invalid_target 3'])
    expect(problemsOf(POLICY, never('tool: a/b, prompt: a/b'))).toEqual(['contradiction 3'])
    expect(problemsOf(POLICY, never('tool: a/b, unless: x'))).toEqual(['unknown_member 3'])
  })

  test('arguments follow the schema of the tool', () => {
    const schema = {
      type: 'object',
      properties: {
        currency: { enum: ['EUR', 'USD'] },
        lines: {
          type: 'array',
          items: { type: 'object', properties: { net: { type: 'number' } } },
        },
      },
    }
    const tools = { 'shop/order': schema }
    const made = suite(POLICY, never('tool: shop/order'), { tools })
    const [checked] = made.invariants
    const calls = checked ? invented(made, checked, CHANCE) : []
    const texts = calls.map(({ acted }) => JSON.stringify(acted.args))
    expect(texts.filter((text) => text.includes('"currency":"EUR"')).length).toBeGreaterThan(20)
    expect(texts.filter((text) => /"lines":\[\{"net":-?\d/.test(text)).length).toBeGreaterThan(20)
    // And hostile ones are among them.
    for (const hostile of ['__proto__', '\\ud800', '1e+308', 'null'])
      expect(
        texts.some((text) => text.includes(hostile)),
        hostile,
      ).toBe(true)
  })
})

describe('calls that are made up', () => {
  test('are the same for the same seed, and others for another', () => {
    const file = never('tool: mail/send')
    const calls = (seed: number): string => {
      const made = suite(POLICY, file)
      const [checked] = made.invariants
      const all = checked ? invented(made, checked, { seed, runs: 50 }) : []
      return JSON.stringify(all.map(({ acted, circumstances }) => [acted, circumstances.clock]))
    }
    expect(calls(1)).toBe(calls(1))
    expect(calls(1)).not.toBe(calls(2))
  })

  test('numbers are spread over what is asked for', () => {
    const random = randomOf(7)
    const counts = Array.from({ length: 10 }, () => 0)
    for (let at = 0; at < 10_000; at += 1) counts[random.below(10)]! += 1
    for (const count of counts) expect(count).toBeGreaterThan(800)
    expect(random.pick([])).toBeUndefined()
  })

  test('no JSON whatever makes trying a call throw', () => {
    const { bench, scenario } = suite(POLICY, never('tool: mail/send'))
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (args) => {
        const acted = {
          kind: 'tool',
          server: 'mail',
          name: 'send',
          args: args as Made['acted']['args'],
        }
        const tried = bench.try(acted as Made['acted'], scenario.defaults)
        expect(['permit', 'deny', 'approval']).toContain(effectOf(tried.decision))
      }),
      { numRuns: 300 },
    )
  })
})

describe('shrinking', () => {
  const { scenario } = suite(POLICY, never('tool: mail/send'))
  const made = (args: Made['acted']['args'], over: Partial<Made['circumstances']> = {}): Made => ({
    acted: { kind: 'tool', server: 'mail', name: 'send', args },
    circumstances: { ...scenario.defaults, ...over },
  })

  test('leaves what matters, and nothing else', () => {
    const big = made(
      { to: ['a', 'bad', 'b'], subject: 'long', deep: { a: [1, 2, { b: 3 }] } },
      { risk: 'high', labels: ['a', 'b'], history: 'unknown', agent: 'x' },
    )
    const least = shrink(big, scenario.defaults, ({ acted: { args } }) =>
      JSON.stringify(args['to'] ?? []).includes('bad'),
    )
    expect(least).toEqual(made({ to: ['bad'] }))
  })

  test('what does not fail any more smaller stays as it is', () => {
    const one = made({ n: 17 })
    expect(shrink(one, scenario.defaults, ({ acted }) => acted.args['n'] === 17)).toEqual(one)
  })

  test('ends, whatever fails', () => {
    const value = fc.jsonValue().map((json) => json as Json)
    fc.assert(
      fc.property(value, (json) => {
        const least = shrink(made({ json }), scenario.defaults, () => true)
        expect(least).toEqual(made({}))
      }),
      { numRuns: 50 },
    )
  })
})

describe('a call as a case', () => {
  test('is read as the same call again', () => {
    const { bench, scenario, invariants, generator } = suite(POLICY, never('tool: "*"'))
    const [checked] = invariants
    const random = randomOf(3)
    let written = 0
    for (let at = 0; at < 300; at += 1) {
      const callable = generator.callables[at % generator.callables.length]
      if (!callable || !checked) continue
      const given = { circumstances: scenario.defaults, fixed: new Set<string>() }
      const one = generator.make(callable, given, random)
      const tried = bench.try(one.acted, one.circumstances)
      const text = caseText(`c${at}`, one, scenario.defaults, expectText(tried))
      if (text.unwritable !== undefined) continue
      const file = `test: t\ncases:\n${text.lines.map((line) => `  ${line}\n`).join('')}`
      written += 1
      expect(failing(POLICY, file), file).toEqual([])
      const again = suite(POLICY, file).scenario.cases[0]
      expect(canonical(again?.call.args ?? null)).toBe(canonical(one.acted.args))
    }
    expect(written).toBeGreaterThan(100)
  })

  test('what looks like a variable is written as the text that it is', () => {
    const { scenario } = suite(POLICY, never('tool: mail/send'))
    const args = { a: '$absent', b: ['$$x', '$5'], c: { d: '$x y' } }
    const made: Made = {
      acted: { kind: 'tool', server: 'a', name: 'b', args },
      circumstances: scenario.defaults,
    }
    const { lines } = caseText('c', made, scenario.defaults, 'permit')
    const file = `test: t\ncases:\n${lines.map((line) => `  ${line}\n`).join('')}`
    expect(suite(POLICY, file).scenario.cases[0]?.call.args).toEqual(args)
  })

  test('says what no document can hold', () => {
    const { scenario } = suite(POLICY, never('tool: mail/send'))
    const text = (args: Made['acted']['args']): string | undefined =>
      caseText(
        'c',
        {
          acted: { kind: 'tool', server: 'a', name: 'b', args },
          circumstances: scenario.defaults,
        },
        scenario.defaults,
        'deny',
      ).unwritable
    expect(text({ a: '\uD800' })).toContain('surrogate')
    expect(text({ a: [1e308] })).toContain('number')
    expect(text(Object.fromEntries([['__proto__', 1]]))).toContain('__proto__')
    expect(text({ a: 'plain' })).toBeUndefined()
  })
})
