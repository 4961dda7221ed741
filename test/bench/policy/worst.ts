/**
 * The worst that one evaluation costs: conditions and constraints that work hard, on arguments of a mebibyte made to make
 * them work, with as many members and levels as a message may have. Each is decided through the whole engine, with its facts.
 */
import type { CallContext } from '../../../src/model/call.ts'
import type { JsonObject, Json } from '../../../src/model/json.ts'
import { guarded } from '../../../src/policy/guarded.ts'
import { compileText } from '../compile.ts'
import { median } from '../numbers.ts'
import { kindCalls, type Asked } from './call.ts'
import { loadSet } from './own.ts'
import { MANDATE } from './table.ts'

export interface WorstResult {
  readonly name: string
  /** CPU of one decision, the median of several, garbage collection on other threads included. */
  readonly cpuMs: number
  /** Of the first one, before any of it is compiled to machine code. */
  readonly firstMs: number
}

interface Hard {
  readonly name: string
  /** What stands under `unless:`, or under `unlessArgs:`. */
  readonly rule: string
  readonly args: () => JsonObject
}

const MIB = 1 << 20

function repeated(unit: string, bytes = MIB): string {
  return unit.repeat(Math.floor(bytes / unit.length))
}
function many(count: number, of: (at: number) => Json): readonly Json[] {
  return Array.from({ length: count }, (_, at) => of(at))
}
function members(count: number): JsonObject {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, 1]))
}
function nested(depth: number): Json {
  let value: Json = 'x'
  for (let at = 0; at < depth; at += 1) value = [value]
  return value
}

const when = (name: string, source: string, args: () => JsonObject): Hard => ({
  name,
  rule: `unless: '${source}'`,
  args,
})
const asked = (constraint: string, name: string, args: () => JsonObject): Hard => ({
  name: `${constraint.slice(0, 40)}: ${name}`,
  rule: `unlessArgs: { a: ${constraint} }`,
  args,
})

const CONDITIONS: readonly Hard[] = [
  when('macros over 1,000 elements, nested twice', 'args.a.all(x, args.a.all(y, x == y))', () => ({
    a: many(1000, () => 1),
  })),
  when('nested macros over texts', 'args.a.all(x, args.a.exists(y, y.contains(x)))', () => ({
    a: many(1000, (at) => repeated('x', 1000) + String(at)),
  })),
  when('a macro over 1,000 addresses', 'args.a.all(r, domain(r) in sets.partners)', () => ({
    a: many(1000, (at) => `${repeated('a.', 60)}a${at % 10}@${repeated('b-1.', 180)}example`),
  })),
  when('a macro over 1,000 URLs', 'args.a.all(u, host(u) == "a.example")', () => ({
    a: many(1000, () => `https://a.example/${repeated('a%20', 1000)}`),
  })),
  when(
    'a macro over 1,000 times',
    'args.a.all(t, !within(timestamp(t), "Sun 01:00-02:00"))',
    () => ({
      a: many(1000, (at) => new Date(Date.UTC(2026, 0, 1) + at * 8_000_000).toISOString()),
    }),
  ),
  when('pattern() on one text', 'pattern(args.a, "[a-z]*")', () => ({ a: repeated('x') })),
  when('pattern() with states', 'pattern(args.a, ".*x.{50}y.{50}z")', () => ({
    a: repeated('xyz', 65_536),
  })),
  when('contains() of much the same', 'args.a.contains(args.b)', () => ({
    a: repeated(`${repeated('x', 300)}y`, MIB / 2),
    b: `${repeated('x', 300)}z`,
  })),
  when('contains() of a long text', 'args.a.contains(args.b)', () => ({
    a: repeated('x', MIB / 2),
    b: `${repeated('x', MIB / 4)}y`,
  })),
  when('contains() 500 times', 'args.a.all(x, !args.b.contains(x))', () => ({
    a: many(500, (at) => `${repeated('x', 200)}${at}`),
    b: repeated('x', MIB / 2),
  })),
  when('equal objects', 'args.a == args.b', () => ({ a: members(4900), b: members(4900) })),
  when('equal lists of lists', 'args.a == args.b', () => ({
    a: many(100_000, () => [1]),
    b: many(100_000, () => [1]),
  })),
  when('lists within lists', 'args.a == args.b', () => ({ a: nested(60), b: nested(60) })),
  when('in a long list', 'args.a in args.b', () => ({ a: 'y', b: many(250_000, () => 'x') })),
  when('in a long list of objects', 'args.a in args.b', () => ({
    a: { k: 1, l: 2 },
    b: many(4900, () => ({ k: 1, l: 3 })),
  })),
  when('order of long texts', 'args.a < args.b', () => ({
    a: `${repeated('x', MIB / 2)}a`,
    b: `${repeated('x', MIB / 2)}b`,
  })),
  when('size() of a text of pairs', 'size(args.a) > 5', () => ({ a: repeated('😀', MIB / 2) })),
  when('size() of an object', 'size(args.a) > 5', () => ({ a: members(9900) })),
  when('a sum of texts', 'args.a + args.b == args.b + args.a', () => ({
    a: repeated('x', MIB / 2),
    b: repeated('y', MIB / 2),
  })),
  when(
    'many conjuncts',
    Array.from({ length: 20 }, () => 'args.a.contains("yyyyyyyyz")').join(' || '),
    () => ({
      a: repeated('yyyyyyyy '),
    }),
  ),
]

const CONSTRAINTS: readonly Hard[] = [
  asked('{ email: { domain: [acme.example] } }', 'a text', () => ({ a: repeated('a.') })),
  asked('{ each: { email: { domain: [acme.example] } } }', 'addresses', () => ({
    a: many(4000, () => `${repeated('a.', 60)}a@${repeated('b-1.', 180)}example`),
  })),
  asked('{ each: { email: { domain: ["*.example"] } } }', 'short addresses', () => ({
    a: many(45_000, (at) => `a${at}@b${at % 100}.example`),
  })),
  asked('{ url: { scheme: [https], host: [a.example] } }', 'a text', () => ({
    a: `https://a.example/${repeated('a%20')}`,
  })),
  asked('{ each: { url: { scheme: [https], host: [a.example] } } }', 'addresses', () => ({
    a: many(500, () => `https://a.example/${repeated('a%20', 2000)}`),
  })),
  asked('{ path: { under: [/srv] } }', 'a text', () => ({
    a: `/srv${repeated('/%252e')}`,
  })),
  asked('{ each: { path: { under: [/srv] } } }', 'encoded paths', () => ({
    a: many(250, () => `/srv${repeated('/%25252525e', 4000)}`),
  })),
  asked('{ each: { path: { under: [/srv] } } }', 'paths in other scripts', () => ({
    a: many(250, () => `/srv${repeated('/é', 2600)}`),
  })),
  asked('{ each: { path: { under: [/srv] } } }', 'short paths', () => ({
    a: many(60_000, (at) => `/srv/../srv/a${at % 10}`),
  })),
  asked('{ glob: "/srv/**/*.md" }', 'a text', () => ({ a: repeated('/a') })),
  asked('{ each: { glob: "/a*a*a*a*a*a*b" } }', 'texts', () => ({
    a: many(250, () => `/${repeated('a', 4000)}`),
  })),
  asked('{ each: { glob: "/**/a/**/a/**/b" } }', 'paths', () => ({
    a: many(250, () => repeated('/a', 4000)),
  })),
  asked('{ pattern: "(a|b|ab)*c" }', 'a text', () => ({ a: repeated('ab') })),
  asked('{ each: { pattern: "[a-z]+x[a-z]{20}" } }', 'texts', () => ({
    a: many(4000, () => repeated('x', 250)),
  })),
  asked('{ each: { pattern: ".*x.{20}y" } }', 'short texts', () => ({
    a: many(20_000, (at) => `x${at}${repeated('xy', 40)}`),
  })),
  asked('{ length: 0..5 }', 'a text of pairs', () => ({ a: repeated('😀', MIB / 2) })),
  asked('{ length: 0..400000 }', 'a text of pairs', () => ({ a: repeated('😀', MIB / 2) })),
  asked('{ bytes: 0..1048577 }', 'a text of pairs', () => ({ a: repeated('é', MIB / 2) })),
  asked('{ equals: { x: [1, 2] } }', 'an object', () => ({ a: { x: members(9900) } })),
  asked('{ subset_of: [a, b] }', 'a list', () => ({ a: many(250_000, () => 'a') })),
  asked('{ each: { one_of: [a, b] } }', 'a list', () => ({ a: many(250_000, () => 'a') })),
  asked('{ each: { fields: { x: { one_of: [1] } } } }', 'objects', () => ({
    a: many(9900, () => ({ x: 1 })),
  })),
  asked('{ fields: { x: { one_of: [1] } } }', 'many members', () => ({ a: members(9900) })),
  asked('{ each: { date: { after: "2020-01-01" } } }', 'dates', () => ({
    a: many(80_000, () => '2026-11-24'),
  })),
  asked('{ each: { cidr: [10.0.0.0/8] } }', 'addresses', () => ({
    a: many(80_000, () => '10.1.2.3'),
  })),
  asked('{ each: { host: [a.example] } }', 'hosts', () => ({
    a: many(4000, () => `${repeated('b-1.', 240)}example`),
  })),
  asked('{ each: { uuid: true } }', 'texts', () => ({
    a: many(25_000, () => '01234567-89ab-cdef-0123-456789abcdef'),
  })),
]

const FACTS: Hard = when('facts of a large object', 'has(args.a)', () => ({
  a: Object.fromEntries(Array.from({ length: 64 }, (_, at) => [`k${at}`, members(64)])),
}))

/** The worst first. */
export function measureWorst(runs: number): readonly WorstResult[] {
  return [...CONDITIONS, ...CONSTRAINTS, FACTS]
    .map((hard) => measure(hard, runs))
    .toSorted((a, b) => b.cpuMs - a.cpuMs)
}

function measure({ name, rule, args }: Hard, runs: number): WorstResult {
  const decide = deciderFor(rule, args())
  const firstMs = decide()
  decide()
  return { name, firstMs, cpuMs: median(Array.from({ length: runs }, decide)) }
}

/** @throws Error when the rule does not load */
function deciderFor(rule: string, args: JsonObject): () => number {
  const text = `policy: worst
timezone: Europe/Berlin
sets: { partners: [acme.example, partner.example] }
rules:
  - id: hard
    effect: forbid
    tools: [vendors/approve]
    ${rule}
    ${rule.startsWith('unlessArgs') ? 'otherArgs: permit' : ''}
`
  const mandate = guarded(compileText(MANDATE), loadSet([{ file: 'worst.yaml', text }]), 'prod')
  const { tool, call }: Asked = kindCalls(1)[0]!
  const given: CallContext = { ...call, args }
  return () => {
    const authority = mandate.tool(tool)
    const before = process.cpuUsage()
    authority.decide(given)
    const used = process.cpuUsage(before)
    return (used.user + used.system) / 1000
  }
}
