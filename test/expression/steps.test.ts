/**
 * What one evaluation may cost, in steps instead of time: whatever work grows with the input is charged for, and once
 * the steps are used up nothing more is begun.
 */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { build } from '../../src/expression/build.ts'
import { parseCondition } from '../../src/expression/condition.ts'
import { scopeOf } from '../../src/expression/names-in-scope.ts'
import { type Frame, MAX_STEPS, type Value } from '../../src/expression/run.ts'
import type { Json, JsonObject } from '../../src/model/json.ts'
import { callOf } from './call.ts'

const SCOPE = scopeOf({
  policy: { sets: new Map([['partners', ['acme.example', 'x'.repeat(3000)]]]), timezone: 'UTC' },
})

/** Runs an expression once and counts its steps. */
function run(source: string, args: JsonObject): { readonly value: Value; readonly steps: number } {
  const expr = parseCondition(source)
  if (!('kind' in expr)) throw new Error(expr.message)
  const building = { scope: SCOPE, names: SCOPE.names, depth: 0, build }
  const found = { flaws: [], doubts: [], reads: new Map(), asks: new Map() }
  const built = build(expr, { ...building, ...found })
  if (!built) throw new Error(JSON.stringify(found.flaws))
  const frame: Frame = {
    call: callOf(args),
    steps: 0,
    outer: null,
    inner: null,
    answers: undefined,
  }
  return { value: built.run(frame), steps: frame.steps }
}

const faultOf = (value: Value): string =>
  typeof value === 'symbol' ? (value.description ?? '') : 'none'
const many = (count: number, of: (at: number) => Json): readonly Json[] =>
  Array.from({ length: count }, (_, at) => of(at))
const members = (count: number): JsonObject =>
  Object.fromEntries(many(count, (at) => [`k${at}`, 1]) as [string, Json][])
const TIMES = many(8, (at) => `2026-11-23T10:0${at}:00Z`)

describe('work that grows with the input', () => {
  it.each<[string, (size: number) => JsonObject]>([
    ['args.a == args.b', (n) => ({ a: 'x'.repeat(n), b: `${'x'.repeat(n - 1)}y` })],
    ['args.a <= args.b', (n) => ({ a: 'x'.repeat(n), b: 'x'.repeat(n) })],
    ['args.a + args.b == "x"', (n) => ({ a: 'x'.repeat(n), b: '' })],
    ['args.a.contains("yz")', (n) => ({ a: 'x'.repeat(n) })],
    ['args.a.contains("y23456789")', (n) => ({ a: 'x'.repeat(n) })],
    ['args.a.startsWith(args.b)', (n) => ({ a: 'x'.repeat(n), b: 'x'.repeat(n) })],
    ['args.a.endsWith(args.b)', (n) => ({ a: 'x'.repeat(n), b: 'x'.repeat(n) })],
    ['size(args.a) > 1', (n) => ({ a: 'x'.repeat(n) })],
    ['size(args.a) > 1', (n) => ({ a: '😀'.repeat(n / 2) })],
    ['size(args.a) > 1', (n) => ({ a: members(n) })],
    ['args.a == args.b', (n) => ({ a: members(n), b: {} })],
    ['args.a == args.b', (n) => ({ a: members(n), b: members(n) })],
    ['args.a == args.b', (n) => ({ a: many(n, (at) => at), b: many(n, (at) => at) })],
    ['"x" in args.a', (n) => ({ a: many(n, () => 'y') })],
    ['"x" in args.a', (n) => ({ a: many(n, () => 1) })],
    ['args.a in args.b', (n) => ({ a: { x: 1 }, b: many(n, () => ({ x: 2 })) })],
    ['args.a in sets.partners', (n) => ({ a: 'x'.repeat(n) })],
    ['pattern(args.a, "[a-z]*")', (n) => ({ a: 'x'.repeat(n) })],
    ['pattern(args.a, "x*y[a-z]{20}")', (n) => ({ a: 'x'.repeat(n / 8) })],
    ['host(args.a) == "x"', (n) => ({ a: `https://a.example/${'x'.repeat(n)}` })],
    ['args.a.all(x, x == 1)', (n) => ({ a: many(n / 2, () => 1) })],
    ['args.a.all(x, x.all(y, y == 1))', (n) => ({ a: many(10, () => many(n / 2, () => 1)) })],
    ['args.a.all(x, timestamp(x) < now)', (n) => ({ a: many(n / 8, () => TIMES[0] ?? '') })],
    ['args.a.all(x, duration(x) < duration("1h"))', (n) => ({ a: many(n / 8, () => '1s') })],
    ['args.a.all(x, domain(x) == "a.example")', (n) => ({ a: many(n / 8, () => 'x@a.example') })],
    [
      'args.a.all(x, timestamp(x).getHours("UTC") == 10)',
      (n) => ({ a: many(n / 64, (at) => TIMES[at % 8] ?? '') }),
    ],
    [
      'args.a.all(x, !within(timestamp(x), "Sun 00:00-24:00"))',
      (n) => ({ a: many(n / 64, (at) => TIMES[at % 8] ?? '') }),
    ],
    [
      'args.a.contains(args.b)',
      (n) => ({ a: `${'x'.repeat(300)}y`.repeat(n / 128), b: `${'x'.repeat(300)}z` }),
    ],
  ])('%s charges for it', (source, args) => {
    const [small, large] = [run(source, args(512)), run(source, args(1024))]
    expect(faultOf(small.value)).not.toContain('too many steps')
    expect(large.steps - small.steps).toBeGreaterThan(small.steps * 0.6)
    expect(large.steps).toBeGreaterThan(1024 / 20)
  })

  it('text that cannot be what is looked for is told apart at once', () => {
    const a = 'x'.repeat(1_000_000)
    for (const source of [
      'args.a == "x"',
      'args.a.startsWith("y")',
      'args.a in ["x"]',
      'host(args.a) == "x"',
    ])
      expect(run(source, { a }).steps).toBeLessThan(5000)
  })
})

describe('an input of a mebibyte', () => {
  const MIB = 1 << 20

  it.each<[string, JsonObject]>([
    ['!args.a.contains("xxxxxy")', { a: 'x'.repeat(MIB) }],
    ['!args.a.contains(args.b)', { a: 'x'.repeat(MIB / 2), b: `${'x'.repeat(MIB / 4)}y` }],
    ['args.a <= args.b', { a: 'x'.repeat(MIB), b: 'x'.repeat(MIB) }],
    ['args.a + args.a != args.a', { a: 'x'.repeat(MIB / 2) }],
    ['size(args.a) != 5', { a: '😀'.repeat(MIB / 2) }],
    ['size(args.a) != 5', { a: members(60_000) }],
    ['args.a == args.b', { a: members(30_000), b: members(30_000) }],
    ['!("x" in args.a)', { a: many(MIB / 4, () => 'y') }],
    ['args.a == args.b', { a: many(MIB / 4, () => 1), b: many(MIB / 4, () => 1) }],
    ['args.a.all(x, size(args.b) > 1)', { a: many(1000, () => 1), b: members(10_000) }],
    [
      'args.a.all(x, args.b != args.c)',
      { a: many(1000, () => 1), b: `${'x'.repeat(MIB / 4)}y`, c: `${'x'.repeat(MIB / 4)}z` },
    ],
    ['args.a.all(x, args.a.all(y, x == y))', { a: many(1000, () => 1) }],
    ['args.a.all(x, pattern(args.b, "x*"))', { a: many(1000, () => 1), b: 'x'.repeat(16_000) }],
    [
      'args.a.all(x, host(args.b) != "x")',
      { a: many(1000, () => 1), b: `https://a.example/${'x'.repeat(4000)}` },
    ],
    ['!pattern(args.b, ".*x.{100}y.{100}z")', { b: 'xyz'.repeat(5000) }],
  ])('%s is given up', (source, args) => {
    expect(faultOf(run(source, args).value)).toMatch(/too many steps|is longer than/)
  })

  it('is searched and measured once', () => {
    expect(run('args.a.contains("confidential")', { a: 'x'.repeat(MIB) }).value).toBe(false)
    expect(run('size(args.a) == 1048576', { a: 'x'.repeat(MIB) }).value).toBe(true)
  })
})

/** Counts what is read of lists and objects, apart from the steps that are charged. */
function metered(args: JsonObject): { readonly args: JsonObject; readonly reads: () => number } {
  let reads = 0
  const handler: ProxyHandler<object> = {
    get: (target, key): unknown => {
      reads += 1
      const value: unknown = Reflect.get(target, key)
      return typeof value === 'object' && value !== null ? new Proxy(value, handler) : value
    },
    ownKeys: (target) => {
      const keys = Reflect.ownKeys(target)
      reads += keys.length
      return keys
    },
  }
  return { args: new Proxy(args, handler) as JsonObject, reads: () => reads }
}

describe('whatever is nested in whatever', () => {
  const value = fc.oneof(
    fc.integer({ min: 1, max: 3000 }).map((n) => many(n, (at) => at % 7)),
    fc.integer({ min: 1, max: 3000 }).map((n) => many(n, (at) => `t${at % 7}`)),
    fc.integer({ min: 1, max: 300 }).map((n) => many(n, () => many(n, () => 'x'))),
    fc.integer({ min: 1, max: 2000 }).map(members),
    fc.integer({ min: 1, max: 200_000 }).map((n) => 'x'.repeat(n)),
  )
  const path = fc.constantFrom('args.a', 'args.b', 'args.c', 'x', 'y')
  const macro = fc.constantFrom('all', 'exists', 'exists_one')
  const { bool } = fc.letrec<{ bool: string }>((tie) => ({
    bool: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      fc.tuple(path, fc.constantFrom('==', '!=', '<', 'in'), path).map((parts) => parts.join(' ')),
      fc.tuple(path, path).map(([a, b]) => `${a}.contains(${b})`),
      fc.tuple(path, path).map(([a, b]) => `(${a} + ${b}).startsWith(${b})`),
      path.map((a) => `size(${a}) > 3`),
      path.map((a) => `pattern(${a}, "x*y?")`),
      fc
        .tuple(tie('bool'), fc.constantFrom('&&', '||'), tie('bool'))
        .map((parts) => `(${parts.join(' ')})`),
      tie('bool').map((a) => `!(${a})`),
    ),
  }))
  const source = fc
    .tuple(macro, macro, bool)
    .map(([outer, inner, body]) => `args.a.${outer}(x, args.b.${inner}(y, ${body}))`)

  it('reads no more than the steps allow', () => {
    let spent = 0
    fc.assert(
      fc.property(source, fc.record({ a: value, b: value, c: value }), (text, given) => {
        const meter = metered(given)
        const { steps } = run(text, meter.args)
        if (steps > MAX_STEPS) spent += 1
        // A node reads a few things: the member of `args`, the length of a list, its element.
        expect(meter.reads()).toBeLessThan(MAX_STEPS * 6)
      }),
      { numRuns: 150, seed: 4 },
    )
    expect(spent).toBeGreaterThan(0)
  })
})
