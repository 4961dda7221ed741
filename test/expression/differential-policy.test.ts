/**
 * Conditions of policies against @bufbuild/cel, on generated expressions over arguments of any kind, sets and labels.
 *
 * Two comparisons. Against CEL as it is: what we call true or false is the same there, whatever we call an error.
 * Against CEL made as strict as the profile (see `STRICT`): every verdict is the same, errors are errors.
 */
import { celEnv, celFunc, CelScalar, listType, mapType, parse, plan } from '@bufbuild/cel'
import type { CelInput } from '@bufbuild/cel'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CallContext } from '../../src/model/call.ts'
import { isObject, type Json, type JsonObject } from '../../src/model/json.ts'
import { exprText } from '../../src/expression/syntax.ts'
import { parseCondition } from '../../src/expression/condition.ts'
import { callOf } from './call.ts'
import { policyCondition } from './document.ts'

/** An argument of no known type is a double if it is a number, as JSON has no other. */
function celValue(value: Json): unknown {
  if (Array.isArray(value)) return value.map(celValue)
  if (!isObject(value)) return value
  return new Map(Object.entries(value).map(([key, item]) => [key, celValue(item)]))
}

const SETS = new Map<string, readonly (string | number | boolean)[]>([
  ['texts', ['a', 'ab', 'x@y.example']],
  ['numbers', [1, 1000]],
  ['none', []],
])
const SCOPE = { sets: SETS, timezone: 'UTC' }

function byUs(source: string, call: CallContext): unknown {
  return policyCondition(source, undefined, SCOPE).evaluate(call)
}

function byCel(env: ReturnType<typeof celEnv>, source: string, call: CallContext): unknown {
  const { mandate, resource, session } = call
  const names = {
    args: celValue(call.args),
    session: new Map([['labels', session.labels]]),
    sets: SETS,
    agent: call.principal.agent,
    environment: call.environment,
    risk: call.risk,
    server: resource.server,
    tool: `${resource.server}/${resource.kind === 'resource' ? resource.uri : resource.name}`,
    ...(mandate && { mandate: mandate.name, purpose: mandate.purpose.text }),
    ...(mandate?.owner !== undefined && { owner: mandate.owner }),
    ...(mandate?.purpose.ref !== undefined && { purposeRef: mandate.purpose.ref }),
  }
  const result = plan(env, parse(source))(names as Record<string, CelInput>)
  return typeof result === 'boolean' ? result : 'error'
}

const { BOOL, DOUBLE, DYN, INT, STRING } = CelScalar
const LIST = listType(DYN)
const MAP = mapType(DYN, DYN)
const HAS_MEMBER = celFunc('hasMember', [MAP, STRING], BOOL, (map, key) =>
  [...map.keys()].includes(key),
)
const PLAIN = celEnv({ funcs: [HAS_MEMBER] })
const equal = plan(PLAIN, parse('a == b'))

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value === 'bigint') return 'number'
  if (typeof value !== 'object') return typeof value
  return Symbol.iterator in value && !('keys' in value && 'get' in value && 'has' in value)
    ? 'list'
    : 'map'
}

function refused(): never {
  throw new Error('not in the profile')
}

function strictEqual(a: unknown, b: unknown): boolean {
  if (kindOf(a) !== kindOf(b)) refused()
  return equal({ a: a as CelInput, b: b as CelInput }) === true
}

function strictIn(wanted: unknown, list: Iterable<unknown>): boolean {
  const items = [...list]
  if (items.some((item) => equal({ a: item as CelInput, b: wanted as CelInput }) === true))
    return true
  const broad = (value: unknown): string =>
    typeof value === 'bigint' ? 'number' : value === null ? 'object' : typeof value
  return items.some((item) => broad(item) !== broad(wanted)) ? refused() : false
}

/** CEL without what the profile leaves out. */
const STRICT = celEnv({
  funcs: [
    HAS_MEMBER,
    celFunc('_==_', [DYN, DYN], BOOL, strictEqual),
    celFunc('_!=_', [DYN, DYN], BOOL, (a, b) => !strictEqual(a, b)),
    celFunc('@in', [DYN, LIST], BOOL, (a, b) => strictIn(a, b)),
    ...[STRING, DOUBLE, INT, BOOL].map((key) => celFunc('@in', [key, MAP], BOOL, refused)),
    ...['_<_', '_<=_', '_>_', '_>=_'].map((name) => celFunc(name, [BOOL, BOOL], BOOL, refused)),
    celFunc('_+_', [LIST, LIST], LIST, refused),
    celFunc('onlyList', [LIST], LIST, (list) => list),
    celFunc('isNull', [DYN], BOOL, (value) => value === null),
  ],
})

/** The `has` of this implementation does not see a member that is null; the specification's asks for the key. */
function asSpecified(source: string): string {
  return source.replaceAll(/has\((args(?:\.\w)?)\.(\w)\)/g, 'hasMember($1, "$2")')
}

/** An expression as we write it, and as strict CEL does. */
interface Written {
  readonly ours: string
  readonly strict: string
}

const text = fc.constantFrom('', 'a', 'ab', 'b', 'é', '😀', 'x@y.example')
const number = fc.constantFrom(-2.5, -1, 0, 0.5, 1, 3, 1000)
const scalar = fc.oneof(text, number, fc.boolean(), fc.constant(null))
const { json } = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 2 },
    { weight: 6, arbitrary: scalar },
    { weight: 3, arbitrary: fc.array(text, { maxLength: 3 }) },
    { weight: 2, arbitrary: fc.array(number, { maxLength: 3 }) },
    { weight: 1, arbitrary: fc.array(tie('json'), { maxLength: 3 }) },
    {
      weight: 1,
      arbitrary: fc.record({ s: tie('json'), l: tie('json') }, { requiredKeys: [] }),
    },
  ),
}))
const args = fc.record(
  {
    a: json,
    b: json,
    s: fc.oneof(text, json),
    x: fc.oneof(number, json),
    l: fc.oneof(fc.array(text, { maxLength: 3 }), json),
    o: fc.oneof(fc.record({ s: text, l: fc.array(number) }), json),
  },
  { requiredKeys: [] },
)

const same = (source: string): Written => ({ ours: source, strict: source })
const join = (
  make: (...parts: readonly string[]) => string,
  ...parts: readonly Written[]
): Written => ({
  ours: make(...parts.map((part) => part.ours)),
  strict: make(...parts.map((part) => part.strict)),
})

const hasMember = (of: string, name: string): fc.Arbitrary<Written> =>
  fc.constant({ ours: `has(${of}.${name})`, strict: `hasMember(${of}, "${name}")` })

const paths = fc.constantFrom(
  'args.a',
  'args.b',
  'args.s',
  'args.x',
  'args.l',
  'args.o.s',
  'args.l[0]',
  'args.o.l[1]',
  'args["s"]',
)
const lists = fc.constantFrom(
  'args.l',
  'args.a',
  'args.o.l',
  'session.labels',
  'sets.texts',
  'sets.numbers',
  'sets.none',
)
const names = fc.constantFrom(
  'agent',
  'environment',
  'risk',
  'tool',
  'server',
  'purpose',
  'purposeRef',
  'owner',
  'mandate',
)
const doubles = number.map((value) => (Number.isInteger(value) ? value.toFixed(1) : String(value)))
const order = fc.constantFrom('<', '<=', '>', '>=')
const equality = fc.constantFrom('==', '!=')
const macro = fc.constantFrom('all', 'exists', 'exists_one')

const { bool } = fc.letrec<Record<'bool' | 'value' | 'text' | 'inside', Written>>((tie) => ({
  /** Of any kind, which nobody knows. */
  value: fc.oneof(
    { maxDepth: 2 },
    { weight: 4, arbitrary: paths.map(same) },
    fc.tuple(tie('value'), tie('value')).map((two) => join((a, b) => `(${a} + ${b})`, ...two)),
    fc
      .tuple(tie('value'), fc.constantFrom('-', '*'), doubles)
      .map(([a, op, b]) => join((one) => `(${one} ${op} (${b}))`, a)),
    paths.map((a) => same(`(-${a})`)),
  ),
  text: fc.oneof(
    { maxDepth: 2 },
    paths.map(same),
    names.map(same),
    text.map((value) => same(JSON.stringify(value))),
    fc.tuple(tie('text'), tie('text')).map((two) => join((a, b) => `(${a} + ${b})`, ...two)),
  ),
  /** Within a macro, of its element. */
  inside: fc.oneof(
    { maxDepth: 2 },
    fc.tuple(equality, tie('text')).map(([op, a]) => join((one) => `e ${op} ${one}`, a)),
    fc.tuple(order, doubles).map(([op, a]) => same(`e ${op} (${a})`)),
    tie('text').map((a) => join((one) => `e.contains(${one})`, a)),
    fc.constant(same('e in sets.texts')),
    fc.constant(same('size(e) > 1')),
    fc
      .tuple(tie('inside'), tie('inside'))
      .map((two) => join((a, b) => `(${a} || !(${b}))`, ...two)),
  ),
  bool: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom('args.a', 'true').map(same),
    hasMember('args', 's'),
    hasMember('args.o', 's'),
    hasMember('args.a', 's'),
    fc
      .tuple(tie('value'), equality, tie('value'))
      .map(([a, op, b]) => join((x, y) => `${x} ${op} ${y}`, a, b)),
    fc
      .tuple(tie('value'), order, tie('value'))
      .map(([a, op, b]) => join((x, y) => `${x} ${op} ${y}`, a, b)),
    fc.tuple(tie('value'), order, doubles).map(([a, op, b]) => join((x) => `${x} ${op} (${b})`, a)),
    fc
      .tuple(tie('text'), equality, text)
      .map(([a, op, b]) => join((x) => `${x} ${op} ${JSON.stringify(b)}`, a)),
    paths.map((a) => ({ ours: `${a} == null`, strict: `isNull(${a})` })),
    fc
      .tuple(tie('text'), fc.constantFrom('startsWith', 'endsWith', 'contains'), tie('text'))
      .map(([a, fn, b]) => join((x, y) => `${x}.${fn}(${y})`, a, b)),
    paths.map((a) => same(`size(${a}) >= 2`)),
    fc.tuple(paths, lists).map(([a, list]) => same(`${a} in ${list}`)),
    fc.tuple(macro, lists, tie('inside')).map(([fn, list, body]) => ({
      ours: `${list}.${fn}(e, ${body.ours})`,
      strict: `onlyList(${list}).${fn}(e, ${body.strict})`,
    })),
    tie('bool').map((a) => join((x) => `!(${x})`, a)),
    fc
      .tuple(tie('bool'), fc.constantFrom('&&', '||'), tie('bool'))
      .map(([a, op, b]) => join((x, y) => `(${x} ${op} ${y})`, a, b)),
    fc
      .tuple(tie('bool'), tie('bool'), tie('bool'))
      .map((all) => join((c, a, b) => `(${c} ? ${a} : ${b})`, ...all)),
  ),
}))

const MANDATES: readonly CallContext['mandate'][] = [
  callOf({}).mandate,
  { name: 'm', purpose: { text: 'a' } },
  undefined,
]
const call = fc
  .tuple(args, fc.constantFrom(...MANDATES), fc.subarray(['a', 'untrusted']))
  .map(([given, mandate, labels]): CallContext => {
    const { mandate: _, ...bare } = callOf(given, { session: { id: 't', labels } })
    return { ...bare, ...(mandate && { mandate }) }
  })

/** What never fits the types that are known without a schema is refused when it is compiled, as `sets.numbers` of texts. */
const compiles = bool.filter(({ ours }) => {
  if (ours.length > 400) return false
  try {
    policyCondition(ours, undefined, SCOPE)
    return true
  } catch {
    return false
  }
})

describe('conditions of policies and @bufbuild/cel', () => {
  it('what is true or false here is the same there', () => {
    const seen = new Set<unknown>()
    fc.assert(
      fc.property(compiles, call, ({ ours }, given) => {
        const verdict = byUs(ours, given)
        seen.add(verdict)
        expect(['error', byCel(PLAIN, asSpecified(ours), given)]).toContain(verdict)
      }),
      { numRuns: 2000 },
    )
    expect(seen).toStrictEqual(new Set([true, false, 'error']))
  })

  it('agrees in every verdict with CEL that is as strict', () => {
    fc.assert(
      fc.property(compiles, call, ({ ours, strict }, given) => {
        expect(byUs(ours, given)).toBe(byCel(STRICT, strict, given))
      }),
      { numRuns: 2000 },
    )
  })

  it('written down again, a condition is the same', () => {
    const bare = (source: string): string =>
      JSON.stringify(parseCondition(source), (key, value: unknown) =>
        key === 'start' || key === 'end' ? undefined : value,
      )
    fc.assert(
      fc.property(compiles, ({ ours }) => {
        const expr = parseCondition(ours)
        if (!('kind' in expr)) throw new Error(expr.message)
        expect(bare(exprText(expr))).toBe(bare(ours))
      }),
      { numRuns: 500 },
    )
  })
})

/** Where the two part, and why. None of them makes a fault of a boolean of another value: see the first test. */
const DIFFERENCES: readonly {
  readonly source: string
  readonly args: JsonObject
  readonly ours: unknown
  readonly cel: unknown
  readonly reason: string
}[] = [
  {
    source: 'args.a != "x"',
    args: { a: ['x'] },
    ours: 'error',
    cel: true,
    reason: 'values of two kinds are not unequal: a list must not pass where a text is expected',
  },
  {
    source: '!(args.a in sets.texts)',
    args: { a: 5 },
    ours: 'error',
    cel: true,
    reason: 'nor is one of another kind outside a list',
  },
  {
    source: 'args.a.all(e, e != "x")',
    args: { a: { y: 'x' } },
    ours: 'error',
    cel: true,
    reason: 'a macro over a map would judge its keys',
  },
  {
    source: '!("x" in args.a)',
    args: { a: { y: 'x' } },
    ours: 'error',
    cel: true,
    reason: '`in` a map would judge its keys',
  },
  {
    source: 'args.a < args.b',
    args: { a: false, b: true },
    ours: 'error',
    cel: true,
    reason: 'booleans have no order that anybody means',
  },
  {
    source: 'args.a + args.b == args.a',
    args: { a: ['x'], b: [] },
    ours: 'error',
    cel: true,
    reason: 'lists are not joined: their length is bounded',
  },
  {
    source: 'args.a / 0.0 > 1.0',
    args: { a: 7 },
    ours: 'error',
    cel: true,
    reason: 'a result that is no number that JSON has is a fault',
  },
  {
    source: 'args.a % 2 == 1',
    args: { a: 3 },
    ours: true,
    cel: 'error',
    reason:
      'a JSON number that is whole may be taken for an integer: nobody can write `args.a` as int without a schema',
  },
  {
    source: 'args.a + 1 == 4',
    args: { a: 3 },
    ours: true,
    cel: 'error',
    reason: 'and a whole number beside another number is taken for that',
  },
  {
    source: '-(-args.a) == args.a',
    args: { a: 'x' },
    ours: 'error',
    cel: true,
    reason: 'that implementation takes two signs away before it looks at what they stand before',
  },
  {
    source: 'has(args.s)',
    args: { s: null },
    ours: true,
    cel: false,
    reason:
      'the specification asks for the key, whatever stands under it; that implementation does not',
  },
  {
    source: 'has(args["s"])',
    args: { s: 1 },
    ours: true,
    cel: 'error',
    reason: 'for names that cannot be written after a dot',
  },
]

describe('known differences', () => {
  it.each(DIFFERENCES)('$source of $args: $reason', ({ source, args: given, ours, cel }) => {
    expect(byUs(source, callOf(given))).toBe(ours)
    let theirs: unknown
    try {
      theirs = byCel(PLAIN, source, callOf(given))
    } catch {
      theirs = 'error'
    }
    expect(theirs).toBe(cel)
  })
})
