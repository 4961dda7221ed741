/** Conditions: what they mean, what the profile refuses and where, and that nothing doubtful is ever true. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CallContext } from '../../src/model/call.ts'
import { callId, instant, sha256 } from '../../src/model/id.ts'
import type { Json, JsonObject } from '../../src/model/json.ts'
import { compileCondition } from '../../src/expression/condition.ts'
import { type DocMap, Problems, problemText } from '../../src/model/document.ts'
import { condition, conditionProblems, docOf } from './document.ts'

function call(args: JsonObject, over: Partial<CallContext> = {}): CallContext {
  return {
    id: callId('c1'),
    at: instant(Date.parse('2026-11-23T10:30:00Z')),
    principal: { agent: 'procurement-agent-001', assurance: 'launch_line' },
    action: 'tools/call',
    resource: {
      kind: 'tool',
      server: 'vendors',
      name: 'approve',
      definition: sha256('0'.repeat(64)),
    },
    args,
    environment: 'prod',
    risk: 'normal',
    session: { id: 't1', labels: ['untrusted'] },
    ...over,
  }
}

const SCHEMA: JsonObject = {
  type: 'object',
  properties: {
    amount: { type: 'number' },
    count: { type: 'integer' },
    to: { type: 'array', items: { type: 'string' } },
    cc: { type: 'array', items: { type: 'string' } },
    note: { type: 'string' },
    urgent: { type: 'boolean' },
    vendor_class: { enum: ['A', 'B', 'C'] },
    maybe: { type: ['string', 'null'] },
    address: { $ref: '#/$defs/address' },
    lines: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          price: { type: 'number' },
          tags: { type: 'array', items: { type: 'string' } },
        },
      },
    },
    anything: {},
    open: { type: 'object', additionalProperties: { type: 'integer' } },
  },
  required: ['amount'],
  $defs: { address: { type: 'object', properties: { city: { type: 'string' } } } },
}

const typed = (source: string, args: JsonObject, over: Partial<CallContext> = {}): unknown =>
  condition(source, SCHEMA).evaluate(call(args, over))
const untyped = (source: string, args: JsonObject): unknown =>
  condition(source).evaluate(call(args))

describe('what a condition means', () => {
  it.each<[string, JsonObject, boolean | 'error']>([
    ['args.amount > 1000', { amount: 1000 }, false],
    ['args.amount > 1000', { amount: 1000.5 }, true],
    ['args.amount > 1000', { amount: 1001 }, true],
    ['args.amount == 1000', { amount: 1000 }, true],
    ['args.amount == 1000.0', { amount: 1000 }, true],
    ['args.amount + 1 == 3', { amount: 2 }, true],
    ['args.amount / 2 == 3.5', { amount: 7 }, true],
    ['args.count / 2 == 3', { count: 7 }, true],
    ['-args.count / 2 == -3', { count: 7 }, true],
    ['args.count % 2 == 1', { count: 7 }, true],
    ['args.count * args.amount > 10', { count: 3, amount: 3.5 }, true],
    ['args.count / 0 == 1', { count: 7 }, 'error'],
    ['args.amount / 0.0 > 1.0', { amount: 7 }, 'error'],
    ['args.count * 9007199254740991 > 1', { count: 2 }, 'error'],
    ['args.amount > 1000', {}, 'error'],
    ['has(args.amount) && args.amount > 1000', {}, false],
    ['!has(args.note) || args.note == "x"', {}, true],
    ['args.amount > 1000', { amount: '2000' }, 'error'],
    ['args.amount > 1000', { amount: [2000] }, 'error'],
    ['args.amount > 1000', { amount: null }, 'error'],
    ['args.amount < 10000000000000000.0', { amount: 9007199254740992 }, 'error'],
    ['args.count == 1', { count: 1.5 }, 'error'],
    ['args.note == "x"', { note: 'x' }, true],
    ['args.note != "x"', { note: ['x'] }, 'error'],
    ['args.note != "x"', { note: null }, 'error'],
    ['args.maybe == null', { maybe: null }, true],
    ['args.maybe == null', { maybe: 'x' }, false],
    ['args.maybe != null && args.maybe == "x"', { maybe: 'x' }, true],
    ['args.maybe != "x"', { maybe: null }, 'error'],
    ['args.urgent', { urgent: true }, true],
    ['args.urgent', { urgent: 1 }, 'error'],
    ['args.urgent ? args.amount > 1 : args.amount > 5', { urgent: false, amount: 3 }, false],
    ['args.note.startsWith("INV-")', { note: 'INV-1' }, true],
    ['args.note.endsWith("1") && args.note.contains("V")', { note: 'INV-1' }, true],
    ['size(args.note) == 2', { note: '😀é' }, true],
    ['args.to.size() == 2', { to: ['a', 'b'] }, true],
    ['args.note < "\\U0001F600"', { note: '\uFFFD' }, true],
    ['args.vendor_class in ["A", "B"]', { vendor_class: 'B' }, true],
    ['args.vendor_class in ["A", "B"]', { vendor_class: 'C' }, false],
    ['"a@x.example" in args.to', { to: ['a@x.example'] }, true],
    ['"a" in args.to', { to: 'a' }, 'error'],
    ['"a" in args.to', { to: { a: 1 } }, 'error'],
    ['args.to.all(r, r.endsWith("@x.example"))', { to: ['a@x.example'] }, true],
    ['args.to.all(r, r.endsWith("@x.example"))', { to: [] }, true],
    ['args.to.all(r, r.endsWith("@x.example"))', { to: ['a@x.example', 'b'] }, false],
    ['args.to.all(r, r.endsWith("@x"))', { to: { 'a@x': 'evil' } }, 'error'],
    ['args.to.all(r, r.endsWith("@x"))', { to: ['a@x', 7] }, 'error'],
    ['args.to.all(r, r.endsWith("@x"))', { to: [7, 'b'] }, false],
    ['args.to.exists(r, r == "b")', { to: [7, 'b'] }, true],
    ['args.to.exists(r, r == "c")', { to: [7, 'b'] }, 'error'],
    ['args.to.exists_one(r, r == "b")', { to: ['a', 'b'] }, true],
    ['args.to.exists_one(r, r == "b")', { to: ['b', 'b'] }, false],
    ['args.to.exists_one(r, r == "b")', { to: ['b', 7] }, 'error'],
    ['args.to.all(r, args.cc.exists(c, c == r))', { to: ['a'], cc: ['b', 'a'] }, true],
    [
      'args.lines.all(l, l.price < 10 && l.tags.all(t, t != "x"))',
      { lines: [{ price: 1, tags: ['y'] }] },
      true,
    ],
    ['args.lines[0].price == 1', { lines: [{ price: 1 }] }, true],
    ['args.lines[1].price == 1', { lines: [{ price: 1 }] }, 'error'],
    ['args.lines[-1].price == 1', { lines: [{ price: 1 }] }, 'error'],
    ['args.address.city == "Berlin"', { address: { city: 'Berlin' } }, true],
    ['args["address"]["city"] == "Berlin"', { address: { city: 'Berlin' } }, true],
    ['has(args.address.city)', { address: {} }, false],
    ['has(args.address.city)', {}, 'error'],
    ['args.open.x == 1', { open: { x: 1 } }, true],
    ['args.open.x == 1', { open: {} }, 'error'],
    ['args.anything == "x"', { anything: 'x' }, true],
    ['args.anything == "x"', { anything: 1 }, 'error'],
    ['args.to == ["a", "b"]', { to: ['a', 'b'] }, true],
    ['args.to == ["a", "b"]', { to: ['b', 'a'] }, false],
    ['args.note == "x" || args.amount > 1', { amount: 2 }, true],
    ['args.amount > 1 || args.note == "x"', { amount: 2 }, true],
    ['args.note == "x" && args.amount > 5', { amount: 2 }, false],
    ['args.note == "x" && args.amount > 1', { amount: 2 }, 'error'],
    ['!(args.note == "x")', {}, 'error'],
    ['agent == "procurement-agent-001"', {}, true],
    ['purpose.contains("vendors") && purposeRef == "PROC-1"', {}, true],
    ['environment == "prod" && risk != "high"', {}, true],
    ['"untrusted" in session.labels && !("secret" in session.labels)', {}, true],
    ['session.labels.exists(l, l == "untrusted")', {}, true],
    ['now < timestamp("2026-12-31T18:00:00Z")', {}, true],
    ['now - timestamp("2026-11-23T10:00:00Z") == duration("30m")', {}, true],
    ['timestamp("2026-11-23T10:00:00Z") + duration("1h") > now', {}, true],
    ['timestamp(args.note) < now', { note: '2026-01-01T00:00:00Z' }, true],
    ['timestamp(args.note) < now', { note: 'yesterday' }, 'error'],
    ['now.getHours() == 10 && now.getHours("Europe/Berlin") == 11', {}, true],
    ['now.getDayOfWeek("Europe/Berlin") == 1 && now.getMonth() == 10', {}, true],
    ['within(now, "Mon-Fri 09:00-17:00", "Europe/Berlin")', {}, true],
    ['within(now, "Sat-Sun 09:00-17:00", "Europe/Berlin")', {}, false],
    ['pattern(args.note, "[A-Z]{2}[0-9]+")', { note: 'AB12' }, true],
    ['pattern(args.note, "[A-Z]{2}[0-9]+")', { note: 'xAB12' }, false],
    ['pattern(args.note, "(a+)+b")', { note: 'a'.repeat(5000) }, false],
    ['true', {}, true],
    ['// a remark\nargs.amount > 1', { amount: 2 }, true],
  ])('%s of %j is %s', (source, args, expected) => {
    expect(typed(source, args)).toBe(expected)
  })

  it.each<[string, JsonObject, boolean | 'error']>([
    ['args.amount > 1000', { amount: 1000.5 }, true],
    ['args.amount > 1000', { amount: '1001' }, 'error'],
    ['args.amount / 2 == 3.5', { amount: 7 }, true],
    ['args.to.all(r, r == "a")', { to: ['a'] }, true],
    ['args.to.all(r, r == "a")', { to: { a: 1 } }, 'error'],
    ['args.to.all(r, r == "a")', { to: 'a' }, 'error'],
    ['args.a.b[0].c == "x"', { a: { b: [{ c: 'x' }] } }, true],
    ['args.a.b[0].c == "x"', { a: { b: [] } }, 'error'],
    ['args.a', { a: true }, true],
    ['args.a', { a: 'true' }, 'error'],
    ['args.toString == "x"', {}, 'error'],
    ['args.constructor == "x"', {}, 'error'],
    ['has(args.constructor)', {}, false],
    ['args.a == args.b', { a: 1, b: '1' }, 'error'],
    ['args.a == args.b', { a: { x: [1] }, b: { x: [1] } }, true],
    ['args.a != args.b', { a: [1], b: { 0: 1 } }, 'error'],
    ['args.a % 2 == 1', { a: 3 }, true],
    ['args.a.all(x, x.b.all(y, y == 1))', { a: [{ b: [1] }] }, true],
    ['args.a.all(x, x.b.all(y, y == 1))', { a: [{ b: { c: 1 } }] }, 'error'],
    ['args.a[0].b.exists(y, y == 1)', { a: [{ b: [1] }] }, true],
    ['has(args["vendor-id"]) && args["vendor-id"] == "x"', { 'vendor-id': 'x' }, true],
    ['has(args["vendor-id"]) && args["vendor-id"] == "x"', {}, false],
    ['args.a % 2 == 1', { a: 3.5 }, 'error'],
  ])('without a schema, %s of %j is %s', (source, args, expected) => {
    expect(untyped(source, args)).toBe(expected)
  })

  it('stops at lists that are too long and at too much work', () => {
    const many = (n: number): string[] => Array.from({ length: n }, () => 'a')
    expect(typed('args.to.all(r, r == "a")', { to: many(1000) })).toBe(true)
    expect(typed('args.to.all(r, r == "a")', { to: many(1001) })).toBe('error')
    const nested = 'args.to.all(r, args.cc.all(c, c == r))'
    expect(typed(nested, { to: many(200), cc: many(200) })).toBe(true)
    expect(typed(nested, { to: many(1000), cc: many(1000) })).toBe('error')
    const long = 'x'.repeat(1_000_000)
    expect(
      typed('args.to.all(r, args.note.contains(r))', { to: many(100), note: `a${long}` }),
    ).toBe('error')
    expect(
      typed('args.to.all(r, pattern(args.note, "a*"))', { to: many(900), note: 'a'.repeat(9000) }),
    ).toBe('error')
  })

  it('evaluates the same call again to the same answer', () => {
    const compiled = condition('args.to.all(r, args.cc.exists(c, c == r))', SCHEMA)
    const one = call({ to: ['a'], cc: ['a'] })
    const other = call({ to: ['a'], cc: ['b'] })
    const answers = [one, other, one, other].map((each) => compiled.evaluate(each))
    expect(answers).toStrictEqual([true, false, true, false])
  })

  it('reads only an object’s own members', () => {
    const args = JSON.parse('{"__proto__": {"amount": 5000}}') as JsonObject
    expect(untyped('args.amount > 1000', args)).toBe('error')
  })
})

describe('what is refused, and where', () => {
  it.each([
    ['args.amont > 1', 'unknown_argument', 'did you mean `amount`?', 7],
    ['args.amount > 1 && args.adress.city == "x"', 'unknown_argument', '`address`', 26],
    ['args.address.town == "x"', 'unknown_member', '`city`', 7],
    ['args.amount == "1000"', 'type_mismatch', 'nothing is converted', 7],
    ['args.note > 5', 'type_mismatch', 'a text and a whole number', 7],
    ['args.note == 5', 'type_mismatch', '', 7],
    ['args.to == "a"', 'type_mismatch', '', 7],
    ['args.amount in ["1"]', 'type_mismatch', '', 7],
    ['"a" in args.note', 'type_mismatch', 'needs a list', 15],
    ['"a" in args.open', 'type_mismatch', 'needs a list', 15],
    ['args.open.all(k, k == "a")', 'type_mismatch', 'needs a list', 7],
    ['args.anything.all(k, k == "a")', 'type_mismatch', 'declares', 7],
    ['args.note', 'not_boolean', 'a text', 7],
    ['args.amount + 1', 'not_boolean', '', 7],
    ['args.amount && true', 'not_boolean', '', 7],
    ['true || args.amount', 'type_mismatch', '', 15],
    ['!args.note', 'type_mismatch', '', 9],
    ['args.amount % 2 == 1', 'type_mismatch', 'whole numbers', 7],
    ['args.note + 1 == "x"', 'type_mismatch', '', 7],
    ['[1, "a"].exists(x, x == 1)', 'type_mismatch', 'one kind', 12],
    ['[].exists(x, x == 1)', 'type_mismatch', 'empty', 8],
    ['args.note.matches("a*")', 'unknown_function', 'pattern(text', 7],
    ['int(args.note) == 5', 'unknown_function', 'nothing is converted', 7],
    ['dyn(args.note) == 5', 'unknown_function', '', 7],
    ['type(args.note) == string', 'unknown_function', '', 7],
    ['args.note.startWith("a")', 'unknown_function', 'did you mean `startsWith`?', 7],
    ['startsWith(args.note, "a")', 'invalid_call', '', 7],
    ['args.note.startsWith(5)', 'type_mismatch', '', 7],
    ['size(args.amount) == 1', 'type_mismatch', '', 7],
    ['args.to.map(x, x) == ["a"]', 'outside_profile', '`all`', 7],
    ['args.to.filter(x, true) == ["a"]', 'outside_profile', '', 7],
    ['args.to.all(x, y, true)', 'outside_profile', '', 7],
    ['cel.bind(x, 1, x == 1)', 'unknown_', '', 7],
    ['{"a": 1} == {"a": 1}', 'outside_profile', 'a map', 8],
    ['args.count == 5u', 'outside_profile', 'unsigned', 21],
    ['args.note == b"x"', 'outside_profile', 'bytes', 20],
    ['args.count == 9007199254740993', 'outside_profile', '2^53', 21],
    ['has(args)', 'outside_profile', '', 7],
    ['has(args[0])', 'outside_profile', '', 7],
    ['args.to.all(x, args.cc.all(y, args.to.all(z, z == x)))', 'outside_profile', 'at most 2', 37],
    ['args.to.all(x, args.cc.all(x, x == "a"))', 'name_taken', '', 22],
    ['args.to.all(now, now == "a")', 'name_taken', '', 7],
    ['amount > 5', 'unknown_name', '', 7],
    ['arg.amount > 5', 'unknown_name', 'did you mean `args`?', 7],
    ['purposeRef == "x"', 'unknown_name', '`ref`', 7],
    ['session == "x"', 'unknown_name', 'session.labels', 7],
    ['session.id == "x"', 'unknown_name', '', 7],
    ['size(args) == 1', 'unknown_name', '', 12],
    ['now > 5', 'type_mismatch', 'a time', 7],
    ['now + 5 > now', 'type_mismatch', '', 7],
    ['timestamp("tomorrow") > now', 'invalid_call', 'RFC 3339', 7],
    ['duration("5 days") > duration("1h")', 'invalid_call', '', 7],
    ['within(now, args.note, "UTC")', 'invalid_call', 'in full', 7],
    ['within(now, "Mon 09:00-17:00", "Europe/Berln")', 'invalid_window', 'Europe/Berlin', 7],
    ['within(now, "Mon 17:00-17:00", "UTC")', 'invalid_window', '', 7],
    ['within(args.amount, "Mon 09:00-17:00", "UTC")', 'type_mismatch', '', 7],
    ['pattern(args.note, args.note)', 'invalid_call', 'in full', 7],
    ['pattern(args.note, "(")', 'invalid_pattern', 'RE2', 7],
    ['now.getHours("+01:00") == 1', 'invalid_call', '', 7],
    ['args.amount >', 'invalid_condition', 'does not parse', 20],
    ['args.amount > 1 1', 'invalid_condition', '', 23],
    ['args.amount = 1', 'invalid_condition', '', 19],
    ['args.note == "x', 'invalid_condition', '', 20],
    ['', 'condition_too_large', 'is empty', 7],
    ['  ', 'condition_too_large', 'is empty', 7],
    [`args.note == "${'x'.repeat(2048)}"`, 'condition_too_large', '2048 bytes', 7],
    [
      Array.from({ length: 99 }, () => 'args.urgent').join('&&'),
      'condition_too_large',
      '',
      undefined,
    ],
    [`${'('.repeat(60)}true${')'.repeat(60)}`, 'condition_too_large', '', undefined],
  ])('%s', (source, id, words, column) => {
    const problems = conditionProblems(source, SCHEMA)
    expect(problems.join('\n')).toContain(id)
    expect(problems.join('\n')).toContain(words)
    const at = column === undefined ? 'm.yaml:1:' : `m.yaml:1:${column}:`
    expect(problems.some((problem) => problem.includes(at))).toBe(true)
  })

  it('reports what can never be equal as a warning', () => {
    expect(conditionProblems('args.vendor_class == "D"', SCHEMA).join()).toContain(
      'impossible_value',
    )
    expect(conditionProblems('environment == "stagin"').join()).toContain('did you mean')
    expect(
      condition('args.vendor_class == "D"', SCHEMA).evaluate(call({ vendor_class: 'A' })),
    ).toBe(false)
  })

  it.each([
    ['when: args.note == "x" && args.amont > 1', 'm.yaml:1:27:'],
    [`when: '"x" == args.note && args.amont > 1'`, 'm.yaml:1:28:'],
    ['{ when: args.amont > 1 }', 'm.yaml:1:9:'],
    ['when:\n  - args.amont > 1', 'm.yaml:2:5:'],
    ['when: |\n  args.note == "x"\n  && args.amont > 1', 'm.yaml:1:7:'],
    ['when: 5', 'm.yaml:1:7:'],
    ['when: { a: b }', 'm.yaml:1:7:'],
  ])('points into the document: %j at %s', (text, at) => {
    const [entry] = (docOf(text) as DocMap).entries
    const value = entry?.value
    const problems = new Problems()
    const node = value?.kind === 'list' ? value.items[0] : value
    const scope = { purpose: 'x', inputSchema: SCHEMA }
    expect(node && compileCondition(node, scope, problems)).toBeUndefined()
    expect(problems.list.map(problemText).join()).toContain(at)
  })
})

describe('reads and explain', () => {
  it('names the argument paths it reads, the longest only', () => {
    const source =
      'args.amount > 1 && args.to.all(r, r == args.note) && has(args.address.city) && now > timestamp("2026-01-01T00:00:00Z") && args.lines[0].price > 1'
    expect(condition(source, SCHEMA).reads).toStrictEqual([
      'amount',
      'to',
      'note',
      'address.city',
      'lines',
    ])
  })

  it('shows each conjunct with what it read', () => {
    const compiled = condition(
      'args.amount <= 1000 && (args.urgent || has(args.note)) && args.note == "x" && risk == "normal"',
      SCHEMA,
    )
    expect(compiled.explain(call({ amount: 1500, urgent: false }), 'tools.a/b.when')).toStrictEqual(
      [
        {
          rule: 'tools.a/b.when',
          expected: 'args.amount <= 1000',
          read: 'args.amount = 1500',
          result: 'fails',
        },
        {
          rule: 'tools.a/b.when',
          expected: 'args.urgent || has(args.note)',
          read: 'args.urgent = false, args.note is absent',
          result: 'fails',
        },
        {
          rule: 'tools.a/b.when',
          expected: 'args.note == "x"',
          read: 'args.note is absent',
          result: 'error',
          hint: '`args.note` is absent: ask `has(args.note)` first',
        },
        {
          rule: 'tools.a/b.when',
          expected: 'risk == "normal"',
          read: 'risk = "normal"',
          result: 'holds',
        },
      ],
    )
  })

  it('cuts what it shows, escapes what cannot be seen, and withholds secrets', () => {
    const [note] = condition('args.note == "x"').explain(
      call({ note: `\u202e${'y'.repeat(5000)}` }),
      'w',
    )
    expect(note?.read?.length).toBeLessThanOrEqual(120)
    expect(note?.read).toContain('\\u202e')
    const [secret] = condition('args.api_key == "x"').explain(call({ api_key: 'sk-123' }), 'w')
    expect(secret?.read).not.toContain('sk-123')
  })
})

describe('schemas', () => {
  const problems = (source: string, inputSchema: Json): readonly string[] =>
    conditionProblems(source, inputSchema as JsonObject)

  it('takes the members from whatever says them', () => {
    const text = { type: 'string' }
    const good: readonly Json[] = [
      { properties: { a: text } },
      {
        type: 'object',
        properties: { a: text },
        anyOf: [{ required: ['a'] }, { required: ['b'] }],
      },
      { $ref: '#/$defs/x', $defs: { x: { properties: { a: text } } } },
      { type: 'object', properties: { a: { anyOf: [text, { type: 'null' }] } } },
      { type: 'object', properties: { a: { oneOf: [{ const: 'x' }, { const: 'y' }] } } },
      { type: 'object', properties: { a: { type: 'string', nullable: true } } },
    ]
    for (const schema of good) {
      expect(problems('args.a == "x"', schema)).toStrictEqual([])
      expect(problems('args.a == 5', schema).join()).toContain('type_mismatch')
      expect(problems('args.b == "x"', schema).join()).toContain('unknown_argument')
    }
  })

  it('knows nothing where the schema says nothing', () => {
    const open: readonly Json[] = [
      {},
      { type: 'object' },
      { type: 'object', properties: {}, additionalProperties: true },
      { type: 'object', patternProperties: { '^a': {} }, properties: {} },
      { type: 'object', properties: { a: { $ref: 'https://elsewhere.example/x' } } },
      { type: 'object', properties: { a: { $ref: '#/$defs/missing' } } },
      { type: 'object', properties: { a: { type: 'colour' } } },
      { type: 'object', properties: { a: { allOf: [{ type: 'string' }] } } },
    ]
    for (const schema of open) {
      expect(problems('args.a == "x"', schema)).toStrictEqual([])
      expect(problems('args.a == 5', schema)).toStrictEqual([])
      expect(problems('args.a.all(x, x == 5)', schema).join()).toContain('type_mismatch')
    }
    const closed = { type: 'object', additionalProperties: false }
    expect(problems('args.a == "x"', closed).join()).toContain('unknown_argument')
    const loop = { $ref: '#/$defs/x', $defs: { x: { $ref: '#/$defs/x' } } }
    expect(problems('args.a == "x"', loop)).toStrictEqual([])
  })
})

describe('hostile arguments', () => {
  const sources = [
    'args.amount > 1000',
    'args.note != "x"',
    'args.to.all(r, r.endsWith("@acme.example"))',
    '!("x" in args.to)',
    'args.address.city != "Berlin"',
    'args.count % 2 == 0 && args.lines.all(l, l.price < 5)',
    'size(args.note) < 5 || args.urgent',
    'pattern(args.note, "[a-z]*")',
  ]

  it('never throw, and never make a condition anything but true, false or error', () => {
    const value = fc.jsonValue() as fc.Arbitrary<Json>
    const args = fc.record(
      {
        amount: value,
        note: value,
        to: value,
        address: value,
        count: value,
        lines: value,
        urgent: value,
      },
      { requiredKeys: [] },
    ) as fc.Arbitrary<JsonObject>
    const compiled = sources.flatMap((source) => [condition(source, SCHEMA), condition(source)])
    fc.assert(
      fc.property(args, (given) => {
        for (const each of compiled) {
          const answer = each.evaluate(call(given))
          expect([true, false, 'error']).toContain(answer)
          const results = each.explain(call(given), 'w').map((conjunct) => conjunct.result)
          expect(results.every((result) => result === 'holds')).toBe(answer === true)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('arguments nested deeper than the stack are an error', () => {
    let deep: Json = 'x'
    for (let level = 0; level < 50_000; level += 1) deep = [deep]
    expect(untyped('args.a == args.b', { a: deep, b: deep })).toBe('error')
    expect(condition('args.a == args.b').explain(call({ a: deep, b: deep }), 'w')[0]?.result).toBe(
      'error',
    )
  })

  it('a time beyond the calendar is an error', () => {
    const far = 'now + duration("999999999h") + duration("999999999h") + duration("999999999h")'
    expect(untyped(`(${far}).getHours() != 5`, {})).toBe('error')
    expect(untyped(`(${far}).getHours("Europe/Berlin") != 5`, {})).toBe('error')
    expect(untyped(`!within(${far}, "Mon 00:00-24:00", "Europe/Berlin")`, {})).toBe('error')
  })

  it('a value of another type than declared is an error, not an answer', () => {
    const wrong: readonly Json[] = [null, 5, true, ['x'], { x: 1 }]
    for (const note of wrong) expect(typed('args.note != "x"', { note })).toBe('error')
  })
})
