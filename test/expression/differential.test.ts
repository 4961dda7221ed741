/**
 * The profile against two other CEL implementations, on generated expressions that all three support: wherever the
 * argument types are as declared, the three agree, errors included.
 */
import { isCelError, plan, parse, celEnv } from '@bufbuild/cel'
import type { CelInput } from '@bufbuild/cel'
import { Environment } from '@marcbachmann/cel-js'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CallContext } from '../../src/model/call.ts'
import { callId, instant, sha256 } from '../../src/model/id.ts'
import type { Json, JsonObject } from '../../src/model/json.ts'
import { condition } from './document.ts'

const SCHEMA: JsonObject = {
  type: 'object',
  properties: {
    i: { type: 'integer' },
    j: { type: 'integer' },
    x: { type: 'number' },
    y: { type: 'number' },
    s: { type: 'string' },
    t: { type: 'string' },
    b: { type: 'boolean' },
    l: { type: 'array', items: { type: 'string' } },
    m: { type: 'array', items: { type: 'integer' } },
    o: { type: 'object', properties: { s: { type: 'string' }, i: { type: 'integer' } } },
  },
}

/** What an argument is called upstream, as CEL sees it: integers are int, other numbers double. */
function celValue(value: Json, schema: JsonObject): unknown {
  if (typeof value === 'number') return schema['type'] === 'integer' ? BigInt(value) : value
  if (Array.isArray(value))
    return value.map((item: Json) => celValue(item, schema['items'] as JsonObject))
  if (typeof value !== 'object' || value === null) return value
  return celMembers(value as JsonObject, schema['properties'] as JsonObject)
}

function celMembers(object: JsonObject, schemas: JsonObject): ReadonlyMap<string, unknown> {
  const entries = Object.entries(object)
  return new Map(entries.map(([key, value]) => [key, celValue(value, schemas[key] as JsonObject)]))
}

// The others order texts by UTF-16 units, not by code points as CEL says: the texts here sort the same either way.
const text = fc.constantFrom('', 'a', 'ab', 'b', 'A', 'é', '😀', 'x@y.example')
const whole = fc.integer({ min: -20, max: 20 })
const double = fc.constantFrom(-2.5, -1, 0, 0.5, 1, 1.5, 3, 1000, 1000.5)

const args = fc.record(
  {
    i: whole,
    j: whole,
    x: double,
    y: double,
    s: text,
    t: text,
    b: fc.boolean(),
    l: fc.array(text, { maxLength: 4 }),
    m: fc.array(whole, { maxLength: 4 }),
    o: fc.record({ s: text, i: whole }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<JsonObject>

const quoted = text.map((value) => JSON.stringify(value))
const doubleText = double.map((value) =>
  Number.isInteger(value) ? value.toFixed(1) : String(value),
)
const times = fc.constantFrom(
  'timestamp("2026-11-23T10:30:00Z")',
  'timestamp("2026-11-23T11:30:00+01:00")',
  'timestamp("2026-01-01T00:00:00Z")',
)
const spans = fc.constantFrom('duration("1h")', 'duration("60m")', 'duration("90s")')

/** Expressions by type; macro variables `e` (text) and `n` (int) only where a macro binds them. */
const { bool } = fc.letrec<Record<'bool' | 'int' | 'num' | 'text' | 'inText' | 'inInt', string>>(
  (tie) => ({
    int: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom('args.i', 'args.j', 'args.o.i'),
      whole.map((value) => (value < 0 ? `(${value})` : String(value))),
      fc
        .tuple(tie('int'), fc.constantFrom('+', '-', '*', '/', '%'), tie('int'))
        .map(([a, op, b]) => `(${a} ${op} ${b})`),
      tie('text').map((a) => `size(${a})`),
      fc.constantFrom('size(args.l)', 'args.m.size()', 'size(args.o)', 'args.m[0]'),
      fc.tuple(tie('int'), tie('int')).map(([a, b]) => `(args.b ? ${a} : ${b})`),
    ),
    num: fc.oneof(
      { maxDepth: 2 },
      fc.constantFrom('args.x', 'args.y'),
      doubleText.map((value) => `(${value})`),
      fc
        .tuple(tie('num'), fc.constantFrom('+', '-', '*'), tie('num'))
        .map(([a, op, b]) => `(${a} ${op} ${b})`),
    ),
    text: fc.oneof(
      { maxDepth: 2 },
      fc.constantFrom('args.s', 'args.t', 'args.o.s', 'args["s"]', 'args.l[0]', 'args.l[1]'),
      quoted,
      fc.tuple(tie('text'), tie('text')).map(([a, b]) => `(${a} + ${b})`),
    ),
    inText: fc.oneof(
      fc.tuple(fc.constantFrom('==', '!=', '<'), tie('text')).map(([op, a]) => `e ${op} ${a}`),
      tie('text').map((a) => `e.contains(${a})`),
      fc.tuple(tie('text'), tie('inText')).map(([a, b]) => `(e == ${a} || !(${b}))`),
    ),
    inInt: fc.oneof(
      fc.tuple(fc.constantFrom('==', '>=', '<'), tie('int')).map(([op, a]) => `n ${op} ${a}`),
      tie('int').map((a) => `10 / n > ${a}`),
    ),
    bool: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(
        'args.b',
        'true',
        'false',
        'has(args.s)',
        'has(args.x)',
        'has(args.o.s)',
        'has(args.o.i)',
      ),
      fc
        .tuple(tie('int'), fc.constantFrom('==', '!=', '<', '<=', '>', '>='), tie('int'))
        .map(([a, op, b]) => `${a} ${op} ${b}`),
      fc
        .tuple(tie('num'), fc.constantFrom('==', '!=', '<', '<=', '>', '>='), tie('num'))
        .map(([a, op, b]) => `${a} ${op} ${b}`),
      fc
        .tuple(tie('num'), fc.constantFrom('<', '<=', '>', '>='), tie('int'))
        .map(([a, op, b]) => `${a} ${op} ${b}`),
      fc
        .tuple(tie('text'), fc.constantFrom('==', '!=', '<', '<=', '>', '>='), tie('text'))
        .map(([a, op, b]) => `${a} ${op} ${b}`),
      fc
        .tuple(tie('text'), fc.constantFrom('startsWith', 'endsWith', 'contains'), tie('text'))
        .map(([a, fn, b]) => `${a}.${fn}(${b})`),
      fc
        .tuple(times, fc.constantFrom('==', '<', '>='), times)
        .map(([a, op, b]) => `${a} ${op} ${b}`),
      fc.tuple(times, times, spans).map(([a, b, c]) => `${a} - ${b} < ${c}`),
      tie('text').map((a) => `${a} in args.l`),
      fc
        .tuple(tie('int'), fc.array(whole, { minLength: 1, maxLength: 3 }))
        .map(([a, list]) => `${a} in [${list.join(', ')}]`),
      fc
        .tuple(fc.constantFrom('all', 'exists', 'exists_one'), tie('inText'))
        .map(([fn, body]) => `args.l.${fn}(e, ${body})`),
      fc
        .tuple(fc.constantFrom('all', 'exists', 'exists_one'), tie('inInt'))
        .map(([fn, body]) => `args.m.${fn}(n, ${body})`),
      fc
        .tuple(tie('inText'), tie('inInt'))
        .map(([a, b]) => `args.l.all(e, args.m.exists(n, ${a} || ${b}))`),
      tie('bool').map((a) => `!(${a})`),
      fc
        .tuple(tie('bool'), fc.constantFrom('&&', '||'), tie('bool'))
        .map(([a, op, b]) => `(${a} ${op} ${b})`),
      fc.tuple(tie('bool'), tie('bool'), tie('bool')).map(([c, a, b]) => `(${c} ? ${a} : ${b})`),
    ),
  }),
)

const ENV = celEnv()
const OTHER = new Environment({ unlistedVariablesAreDyn: true })

function byBuf(source: string, given: JsonObject): unknown {
  const members = celMembers(given, SCHEMA['properties'] as JsonObject)
  const result = plan(ENV, parse(source))({ args: members as CelInput })
  return isCelError(result) ? 'error' : result
}

function byOther(source: string, given: JsonObject): unknown {
  const members = celMembers(given, SCHEMA['properties'] as JsonObject)
  try {
    return OTHER.parse(source)({ args: members })
  } catch {
    return 'error'
  }
}

function byUs(source: string, given: JsonObject): unknown {
  const call: CallContext = {
    id: callId('c1'),
    at: instant(0),
    principal: { agent: 'a', assurance: 'launch_line' },
    action: 'tools/call',
    resource: { kind: 'tool', server: 's', name: 't', definition: sha256('0'.repeat(64)) },
    args: given,
    environment: 'prod',
    risk: 'normal',
    session: { id: 't1', labels: [] },
  }
  return condition(source, SCHEMA).evaluate(call)
}

/** Within the limits of the profile, which the other implementations do not have. */
const short = bool.filter((source) => source.length < 400)

describe('the profile and other CEL implementations', () => {
  it('agrees with @bufbuild/cel, errors included', () => {
    const seen = new Set<unknown>()
    fc.assert(
      fc.property(short, args, (source, given) => {
        const ours = byUs(source, given)
        seen.add(ours)
        expect(ours).toBe(byBuf(source, given))
      }),
      { numRuns: 1500 },
    )
    expect(seen).toStrictEqual(new Set([true, false, 'error']))
  })

  it('agrees with the evaluator of the library whose parser it uses', () => {
    fc.assert(
      fc.property(short, args, (source, given) => {
        expect(byUs(source, given)).toBe(byOther(source, given))
      }),
      { numRuns: 1500 },
    )
  })
})
