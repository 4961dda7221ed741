/** Conditions of policies: what they may name, and that arguments of no known type are never taken for another. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CallContext } from '../../src/model/call.ts'
import type { Json, JsonObject } from '../../src/model/json.ts'
import { exprText } from '../../src/expression/syntax.ts'
import { parseCondition } from '../../src/expression/condition.ts'
import { callOf } from './call.ts'
import {
  anyText,
  condition,
  conditionProblems,
  policyCondition,
  policyProblems,
} from './document.ts'

const judged = (source: string, args: JsonObject = {}, over: Partial<CallContext> = {}): unknown =>
  policyCondition(source).evaluate(callOf(args, over))

const RESOURCE: Partial<CallContext> = {
  action: 'resources/read',
  resource: { kind: 'resource', server: 'files', uri: 'file:///srv/a' },
}
const BARE: Partial<CallContext> = { mandate: { name: 'm', purpose: { text: 'p' } } }

describe('what a policy may name', () => {
  it.each<[string, Partial<CallContext>, boolean | 'error']>([
    ['tool == "vendors/approve" && server == "vendors"', {}, true],
    ['tool == "files/file:///srv/a" && server == "files"', RESOURCE, true],
    [
      'tool == "notes/summary"',
      { action: 'prompts/get', resource: { kind: 'prompt', server: 'notes', name: 'summary' } },
      true,
    ],
    ['purpose.contains("class B") && purposeRef == "PROC-1182"', {}, true],
    ['mandate == "vendor-intake-q4" && owner.endsWith("@acme.example")', {}, true],
    ['purpose == "p"', BARE, true],
    ['purposeRef == "p"', BARE, 'error'],
    ['owner != "x"', BARE, 'error'],
    ['agent == "procurement-agent-001" && environment == "prod" && risk == "normal"', {}, true],
    ['"untrusted" in session.labels', {}, true],
    ['"acme.example" in sets.partners', {}, true],
    ['"evil.example" in sets.partners', {}, false],
    ['sets.partners.exists(p, owner.endsWith(p))', {}, true],
    ['sets["partners"].all(p, p.endsWith(".example")) && size(sets.partners) == 2', {}, true],
    ['sets.partners[0] == "acme.example"', {}, true],
    ['owner in sets.none', {}, false],
    ['sets.none.exists(p, p == owner)', {}, false],
    ['"b" in sets.mixed', {}, false],
    ['2 in sets.levels && !(3 in sets.levels)', {}, true],
    ['within(now, "Mon-Fri 11:00-12:00")', {}, true],
    ['within(now, "Mon-Fri 10:00-11:00")', {}, false],
    ['within(now, "Mon-Fri 10:00-11:00", "UTC")', {}, true],
  ])('%s', (source, over, expected) => {
    expect(judged(source, {}, over)).toBe(expected)
  })

  it.each(['purpose', 'purposeRef', 'mandate', 'owner'])(
    '%s is a fault where the call is made under no mandate',
    (name) => {
      const { mandate: _, ...call } = callOf({})
      expect(policyCondition(`${name} != "x"`).evaluate(call)).toBe('error')
      const [conjunct] = policyCondition(`${name} != "x"`).explain(call, 'p#r')
      expect(conjunct).toMatchObject({ result: 'error', read: `${name} is absent` })
    },
  )

  it.each([
    ['"x" in sets.partner', 'unknown_set', 'did you mean `partners`?'],
    ['sets == "x"', 'unknown_name', 'sets.name'],
    ['[1].all(sets, true)', 'name_taken', ''],
    ['[1].all(session, true)', 'name_taken', ''],
    ['has(sets.partners)', 'unknown_name', ''],
    ['1 in sets.partners', 'type_mismatch', ''],
    ['within(now, "Mon 09:00-17:00", owner)', 'invalid_call', 'in full'],
    ['session.label == "x"', 'unknown_name', 'did you mean `labels`?'],
    ['session.calls > 3', 'unknown_name', 'session.calls(…)'],
  ])('%s is refused', (source, id, words) => {
    expect(policyProblems(source).join()).toContain(id)
    expect(policyProblems(source).join()).toContain(words)
  })

  it('warns of what a set holds in vain', () => {
    const sets = new Map([['places', ['prod', 'stagin']]])
    expect(policyProblems('environment in sets.places', undefined, { sets }).join()).toContain(
      'impossible_value',
    )
  })

  it('needs a time zone, its own or the policy’s', () => {
    const sets = new Map<string, readonly string[]>()
    const problems = policyProblems('within(now, "Mon 09:00-17:00")', undefined, { sets })
    expect(problems.join()).toContain('names no time zone')
    expect(conditionProblems('within(now, "Mon 09:00-17:00")').join()).toContain(
      'names no time zone',
    )
    const wrong = { sets, timezone: 'Europe/Berln' }
    expect(policyProblems('within(now, "Mon 09:00-17:00")', undefined, wrong).join()).toContain(
      'invalid_window',
    )
  })

  it('a mandate names none of it', () => {
    for (const source of ['owner == "x"', 'mandate == "x"', 'tool == "x"', 'server == "x"'])
      expect(conditionProblems(source).join()).toContain('unknown_name')
    expect(conditionProblems('"x" in sets.partners').join()).toContain('unknown_name')
  })

  it('types arguments against a schema like a mandate does', () => {
    const schema = { type: 'object', properties: { to: { type: 'string' } } }
    expect(policyProblems('args.too == "x"', schema).join()).toContain('did you mean `to`?')
    expect(policyProblems('args.to.all(r, r == "x")', schema).join()).toContain('type_mismatch')
    expect(policyProblems('args.to > 5', schema).join()).toContain('type_mismatch')
  })
})

describe('arguments of no known type', () => {
  const polluted = JSON.parse('{"__proto__": {"amount": 5000}}') as JsonObject

  it.each<[string, JsonObject]>([
    ['args.amount <= 100', { amount: '5' }],
    ['args.amount <= 100', { amount: null }],
    ['args.amount <= 100', { amount: true }],
    ['args.amount <= 100', { amount: [5] }],
    ['args.amount <= 100', { amount: { valueOf: 5 } }],
    ['args.amount <= 100', {}],
    ['args.amount <= 100', { amount: 1e300 }],
    ['args.amount <= 100', { amount: -(2 ** 53) }],
    ['args.amount > "100"', { amount: 500 }],
    ['args.amount != 100', { amount: '100' }],
    ['args.amount != 100', { amount: null }],
    ['args.amount == args.other', { amount: [], other: {} }],
    ['args.amount + 1 < 100', { amount: '5' }],
    ['args.amount + args.other != 1', { amount: '5', other: 5 }],
    ['args.amount + args.other != 1', { amount: 5, other: '5' }],
    ['args.amount + args.other != 1', { amount: [5], other: [5] }],
    ['-args.amount < 100', { amount: '5' }],
    ['!args.urgent', { urgent: 0 }],
    ['!args.urgent', { urgent: 'false' }],
    ['args.urgent ? true : true', { urgent: null }],
    ['args.to.all(r, r == "a")', { to: { a: 1 } }],
    ['args.to.all(r, r == "a")', { to: 'a' }],
    ['args.to.all(r, r == "a")', { to: null }],
    ['!args.to.exists(r, r == "a")', { to: {} }],
    ['args.to.exists_one(r, r == "a")', { to: { a: 1 } }],
    ['!(args.to in sets.partners)', { to: ['acme.example'] }],
    ['!(args.to in sets.partners)', { to: null }],
    ['!("a" in args.to)', { to: { a: 1 } }],
    ['!("a" in args.to)', { to: 'a' }],
    ['args.to[0] != "a"', { to: 'ab' }],
    ['args.to["0"] != "a"', { to: ['ab'] }],
    ['args.to.x != "a"', { to: 'ab' }],
    ['size(args.to) >= 0', { to: 5 }],
    ['size(args.to) >= 0', { to: null }],
    ['args.to.startsWith("a") || true == false', { to: ['a'] }],
    ['args.constructor != "x"', {}],
    ['args.toString != "x"', {}],
    ['args.__proto__ != null', {}],
    ['args["__proto__"].amount > 1', {}],
    ['args.amount > 1000', polluted],
    ['args.a.constructor != "x"', { a: {} }],
    ['args.a.length != 5', { a: 'ab' }],
    ['args.a.length != 5', { a: ['ab'] }],
    ['!pattern(args.a, "x")', { a: ['x'] }],
    ['domain(args.a) != "x"', { a: 'Bob <bob@acme.example>' }],
    ['domain(args.a) != "x"', { a: ['bob@acme.example'] }],
    ['host(args.a) != "x"', { a: 'https://acme.example@evil.example/' }],
    ['host(args.a) != "x"', { a: 'acme.example' }],
  ])('%s of %j is a fault', (source, args) => {
    expect(judged(source, args)).toBe('error')
  })

  it.each<[string, JsonObject, boolean]>([
    ['args.amount <= 100', { amount: 5 }, true],
    ['args.amount <= 100', { amount: 100.5 }, false],
    ['args.first + args.last == "ab"', { first: 'a', last: 'b' }, true],
    ['args.first + args.last == 3', { first: 1, last: 2 }, true],
    ['(args.count + 1) % 2 == 0', { count: 3 }, true],
    ['args.a == null', { a: null }, true],
    ['args.a == null', { a: '' }, false],
    ['has(args.x)', { x: null }, true],
    ['has(args.x)', {}, false],
    ['has(args.constructor) || has(args.toString)', {}, false],
    ['has(args.__proto__)', {}, false],
    [
      'args.to.all(r, domain(r) in sets.partners)',
      { to: ['a@acme.example', 'B@PARTNER.example'] },
      true,
    ],
    [
      'args.to.all(r, domain(r) in sets.partners)',
      { to: ['a@acme.example', 'b@evil.example'] },
      false,
    ],
    ['host(args.url) in sets.partners', { url: 'https://acme.example/x?y' }, true],
    ['host(args.url) == "[::1]"', { url: 'http://[::1]:8080/' }, true],
    ['domain("a@Acme.example") == "acme.example"', {}, true],
    ['args.a in sets.levels', { a: 2 }, true],
  ])('%s of %j is %s', (source, args, expected) => {
    expect(judged(source, args)).toBe(expected)
  })

  it('refuses addresses that are written down and are none', () => {
    expect(policyProblems('domain("acme.example") == "x"').join()).toContain('invalid_call')
    expect(policyProblems('host("acme.example") == "x"').join()).toContain('invalid_call')
    expect(policyProblems('domain(5) == "x"').join()).toContain('type_mismatch')
  })

  it('a fault within one element gives way only to what decides', () => {
    const to: Json = ['a@acme.example', 7]
    expect(judged('args.to.all(r, domain(r) in sets.partners)', { to })).toBe('error')
    expect(judged('args.to.exists(r, domain(r) in sets.partners)', { to })).toBe(true)
    expect(judged('args.to.all(r, domain(r) == "x")', { to })).toBe(false)
  })
})

describe('what is known without a call', () => {
  it.each<[string, unknown]>([
    ['true', true],
    ['1 > 2', false],
    ['"x" in sets.partners', false],
    ['size(sets.partners) == 2', true],
    ['args.amount > 1 && false', false],
    ['args.amount > 1 && true', undefined],
    ['args.amount > 1', undefined],
    ['has(args.amount)', undefined],
    ['args.to.all(r, true)', undefined],
    ['agent == "x"', undefined],
    ['now > timestamp("2026-01-01T00:00:00Z")', undefined],
    ['"x" in session.labels', undefined],
    ['session.calls("a/b") > 1', undefined],
    ['1 / 0 == 1', 'error'],
  ])('%s is %s', (source, expected) => {
    expect(policyCondition(source).constant).toBe(expected)
  })

  it('also a mandate’s purpose', () => {
    expect(condition('purpose.contains("vendors")').constant).toBe(true)
  })

  it('gives the conjuncts as trees, which can be written down again', () => {
    const source = 'args.a>1&&(args.b||has(args["x-y"]))&&!(owner in sets.partners)'
    expect(policyCondition(source).conjuncts.map(exprText)).toStrictEqual([
      'args.a > 1',
      'args.b || has(args["x-y"])',
      '!(owner in sets.partners)',
    ])
    expect(parseCondition('args.a >')).toMatchObject({ id: 'invalid_condition' })
    expect(parseCondition(' ')).toMatchObject({ id: 'condition_too_large' })
    expect(parseCondition('true')).toMatchObject({ kind: 'literal', value: true })
  })
})

describe('hostile input', () => {
  const compiled = [
    'args.a > 10 && args.b != "x"',
    'args.a.all(r, domain(r) in sets.partners) || args.b.exists(x, x == args.a)',
    'args.a == args.b || args.a + args.b != args.a',
    'size(args.a) < 5 && has(args.b.c) && !(args.a in args.b)',
    'args["__proto__"].x == 1 || args.constructor == args.a',
    'args.a.contains(args.b) || args.b.startsWith(args.a) || args.a.endsWith(args.a)',
    'pattern(args.a, "[a-z]*") || host(args.a) == "x" || timestamp(args.a) < now',
    'args.a[0] % 2 == 1 || -args.b < 3 || args.a / args.b > 2 || args.a < args.b',
    'session.calledWith("a/b", "c", args.a) || session.calls("a/*", "1h") > 3',
    '"x" in session.labels && owner == args.a && purposeRef != args.b && tool == args.a',
  ].map((source) => policyCondition(source))

  const text = fc.oneof(anyText, fc.constantFrom('__proto__', 'constructor', '\ud800', '\udc00a'))
  const number = fc.oneof(
    fc.double({ noNaN: true }),
    fc.constantFrom(1e308, -1e308, 2 ** 53, -(2 ** 53), 5e-324, -0),
  )
  const { json } = fc.letrec<{ json: Json }>((tie) => ({
    json: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom<Json>(null, true, false),
      number,
      text,
      fc.array(tie('json'), { maxLength: 5 }),
      // Own members of these names, as `JSON.parse` makes them.
      fc
        .array(fc.tuple(fc.oneof(text, fc.constantFrom('a', 'b', 'c', '0')), tie('json')), {
          maxLength: 5,
        })
        .map((entries): Json => Object.fromEntries(entries)),
    ),
  }))

  /** What is wrong with the answers, if anything. */
  const faults = (args: JsonObject): readonly unknown[] => {
    const call = callOf(args)
    return compiled.filter((each) => {
      const answer = each.evaluate(call)
      const results = each.explain(call, 'p#r').map((conjunct) => conjunct.result)
      const holds = results.every((result) => result === 'holds')
      const known = answer === true || answer === false || answer === 'error'
      return (
        !known || holds !== (answer === true) || Object.keys(each.historyFacts(call)).length > 0
      )
    })
  }

  it('never throws, whatever stands in it', () => {
    fc.assert(
      fc.property(json, json, (a, b) => {
        expect(faults({ a, b })).toStrictEqual([])
        const text = JSON.stringify({ a, ['__proto__']: b, b })
        expect(faults(JSON.parse(text) as JsonObject)).toStrictEqual([])
      }),
      { numRuns: 400 },
    )
  })

  it('nor however deep it is nested', () => {
    for (const wrap of [(inner: Json): Json => [inner], (inner: Json): Json => ({ a: inner })]) {
      let a: Json = 'x'
      let b: Json = 'x'
      for (let level = 0; level < 10_000; level += 1) [a, b] = [wrap(a), wrap(b)]
      expect(faults({ a, b })).toStrictEqual([])
    }
  })
})
