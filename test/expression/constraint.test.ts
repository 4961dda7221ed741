/** The closed vocabulary: for each constraint what holds, what just does not, and what is refused when written. */
import { describe, expect, it } from 'vitest'
import type { Json } from '../../src/model/json.ts'
import { constraint, constraintProblems } from './document.ts'

/** A constraint, values for which it holds, values for which it fails. */
type Row = readonly [yaml: string, holds: readonly Json[], fails: readonly Json[]]

/** What no constraint on texts or numbers may take for one. */
const OTHERS: readonly Json[] = [null, true, [], {}, ['B'], { B: 'B' }, [1]]

const ROWS: readonly Row[] = [
  ['{ equals: B }', ['B'], ['b', 'B ', '', 'BB', 0]],
  ['{ equals: 5 }', [5, 5.0], ['5', 5.000001, 4, [5]]],
  ['{ equals: true }', [true], [1, 'true', false]],
  ['{ equals: null }', [null], ['null', 0, false]],
  [
    '{ equals: [1, { a: [] }] }',
    [[1, { a: [] }]],
    [[1], [1, {}], [1, { a: [], b: 1 }], [{ a: [] }, 1]],
  ],
  ['{ one_of: [A, B] }', ['A', 'B'], ['C', 'a', 'AB', 1]],
  ['{ one_of: [1, B, [x]] }', [1, 'B', ['x']], ['1', 2, 'x', ['y'], [['x']]]],
  ['{ not_one_of: [admin, root] }', ['bob', 'Admin', ''], ['admin', 'root', 1, ['admin'], ['bob']]],
  ['{ not_one_of: [1, 2] }', [3, 1.5], [1, 2, '3', 9007199254740992]],
  ['{ range: { min: 0, max: 5000 } }', [0, 5000, 4999.99], [-0.01, 5000.01, '5', 9007199254740992]],
  ['{ range: 0.5..1.5 }', [0.5, 1.5, 1], [0.49, 1.51]],
  ['{ range: { max: -1 } }', [-1, -1e9], [-0.9, 0, -1e300]],
  ['{ range: 1.. }', [1, 9007199254740991], [0.99, 9007199254740992, 1e300]],
  ['{ int: true }', [0, -7, 9007199254740991], [0.5, 9007199254740992, '1']],
  [
    '{ length: 2..4 }',
    ['ab', 'abcd', '😀😀', '😀😀😀😀', 'äöüß'],
    ['a', 'abcde', '😀', '😀😀😀😀😀', 12],
  ],
  ['{ length: ..0 }', [''], ['a']],
  ['{ length: 3.. }', ['abc', 'x'.repeat(100_000)], ['ab', '😀😀']],
  ['{ bytes: { max: 4 } }', ['', 'abcd', 'éé', '😀'], ['abcde', 'ééé', '😀a', 4]],
  [
    '{ bytes: 1KiB..2KiB }',
    ['x'.repeat(1024), 'x'.repeat(2048)],
    ['x'.repeat(1023), 'x'.repeat(2049)],
  ],
  ['{ bytes: { min: 6 } }', ['ééé', '€€'], ['ab', 'éé', '€']],
  ['{ prefix: INV- }', ['INV-', 'INV-7'], ['inv-7', ' INV-7', 'INV', 7]],
  ['{ prefix: [INV-, PO-] }', ['INV-1', 'PO-1'], ['X-1']],
  ['{ suffix: .md }', ['.md', 'a.md'], ['a.mdx', 'a.MD', 'md']],
  [
    '{ glob: "reports/*.md" }',
    ['reports/a.md', 'reports/.md'],
    ['reports/a/b.md', 'reports/a.mdx', 'x/reports/a.md'],
  ],
  [
    '{ glob: "reports/**" }',
    ['reports/a/b'],
    ['reports/../x', 'reports/%2e%2e/x', 'reports/a\\b', 'reports/a\u202eb', 'reports/./a'],
  ],
  ['{ glob: ["A-?", "B-*"] }', ['A-1', 'B-', 'B-22'], ['A-12', 'C-1']],
  [
    '{ uuid: true }',
    ['123e4567-e89b-12d3-a456-426614174000', '123E4567-E89B-12D3-A456-426614174000'],
    [
      '123e4567e89b12d3a456426614174000',
      '{123e4567-e89b-12d3-a456-426614174000}',
      '123e4567-e89b-12d3-a456-42661417400',
      '123e4567-e89b-12d3-a456-426614174000\n',
    ],
  ],
  [
    '{ pattern: "[A-Z]{2}[0-9]{1,3}" }',
    ['AB1', 'AB123'],
    ['AB', 'AB1234', 'xAB1', 'AB1\n', '\nAB1', 'ab1', 1],
  ],
  ['{ pattern: ["a|ab", "c"] }', ['a', 'ab', 'c'], ['abc', '']],
  ['{ pattern: "(?i)x+" }', ['xX'], ['y']],
  [
    '{ host: api.example.com }',
    ['api.example.com', 'API.Example.COM'],
    [
      'api.example.com.',
      'xapi.example.com',
      'api.example.com:443',
      ' api.example.com',
      'аpi.example.com',
      'api。example.com',
      'example.com',
    ],
  ],
  [
    '{ host: ["*.example.com"] }',
    ['a.example.com', 'a.b.example.com'],
    [
      'example.com',
      'badexample.com',
      '.example.com',
      'a..example.com',
      '-a.example.com',
      'a_b.example.com',
    ],
  ],
  [
    '{ host: [127.0.0.1, localhost] }',
    ['127.0.0.1', 'LOCALHOST'],
    ['127.1', '2130706433', '0x7f.0.0.1', '0177.0.0.1', '127.0.0.01', 'localhost.'],
  ],
  ['{ host: "[::1]" }', ['[::1]'], ['::1', '[0:0:0:0:0:0:0:1]', '[::ffff:127.0.0.1]', '[::0001]']],
  [
    '{ email: { domain: [acme.example] } }',
    ['bob@acme.example', 'b.o-b+x@ACME.example'],
    [
      'bob@sub.acme.example',
      'bob@acme.example.evil.net',
      'bob@evilacme.example',
      'bob@acme.example.',
      'Bob <bob@acme.example>',
      '<bob@acme.example>',
      'a@evil.test,b@acme.example',
      'a@evil.test\r\nBcc: b@acme.example',
      'a%evil.test@acme.example',
      'a!b@acme.example',
      'a@b@acme.example',
      '"a b"@acme.example',
      '.a@acme.example',
      'a.@acme.example',
      'a..b@acme.example',
      '@acme.example',
      'bob@',
      'bob',
      'bób@acme.example',
      'bob@аcme.example',
      'bob@acme.example ',
      `${'a'.repeat(65)}@acme.example`,
    ],
  ],
  [
    '{ email: { address: [bob@acme.example] } }',
    ['bob@acme.example', 'bob@ACME.EXAMPLE'],
    ['Bob@acme.example', 'bob+x@acme.example', 'alice@acme.example'],
  ],
  [
    '{ email: { domain: "*.acme.example" } }',
    ['a@x.acme.example'],
    ['a@acme.example', 'a@xacme.example'],
  ],
  [
    '{ cidr: 10.0.0.0/8 }',
    ['10.0.0.0', '10.255.255.255'],
    [
      '9.255.255.255',
      '11.0.0.0',
      '10.0.0.01',
      '10.1',
      '0x0a000001',
      '167772161',
      '::ffff:10.0.0.1',
      '::ffff:a00:1',
      '10.0.0.0/8',
      ' 10.0.0.1',
    ],
  ],
  [
    '{ cidr: ["192.168.1.128/25", "2001:db8::/33"] }',
    ['192.168.1.128', '192.168.1.255', '2001:db8::1', '2001:db8:7fff:ffff:ffff:ffff:ffff:ffff'],
    [
      '192.168.1.127',
      '192.168.2.0',
      '2001:db8:8000::',
      '2001:DB8::1',
      '2001:0db8::1',
      '2001:db8:0::1',
      '2001:db8::1%eth0',
      '[2001:db8::1]',
    ],
  ],
  [
    '{ cidr: ["::/0"] }',
    ['::', '::1', 'fe80::1'],
    ['::ffff:7f00:1', '::7f00:1', '64:ff9b::7f00:1', '127.0.0.1', '1:0:0:2:0:0:0:3'],
  ],
  ['{ cidr: 1.2.3.4 }', ['1.2.3.4'], ['1.2.3.5']],
  [
    '{ date: { after: 2026-11-01, before: 2026-12-01 } }',
    [
      '2026-11-01',
      '2026-11-30',
      '2026-11-01T00:00:00Z',
      '2026-11-30T23:59:59.999Z',
      '2026-12-01T00:30:00+01:00',
    ],
    [
      '2026-10-31',
      '2026-12-01',
      '2026-10-31T23:59:59Z',
      '2026-12-01T00:00:00Z',
      '2026-11-01T00:30:00+01:00',
      '2026-11-01 00:00:00Z',
      '2026-11-01T00:00:00',
      '2026-11-31',
      '2026-1-1',
      '20261101',
      '2026-11-01t00:00:00z',
      '2026-11-01T24:00:00Z',
      '2026-11-01T00:00:60Z',
      20261101,
    ],
  ],
  [
    '{ date: { before: 2026-11-01T12:00:00Z } }',
    ['2026-10-31', '2026-11-01T11:59:59Z'],
    ['2026-11-01', '2026-11-01T12:00:00Z'],
  ],
  [
    '{ date: { after: 2026-11-01T12:00:00Z } }',
    ['2026-11-02', '2026-11-01T12:00:00Z'],
    ['2026-11-01', '2026-11-01T11:59:59.999Z'],
  ],
]

describe('constraints on texts, numbers and other plain values', () => {
  it.each(ROWS)('%s', (yaml, holds, fails) => {
    const compiled = constraint(yaml)
    const isListed = (value: Json): boolean =>
      holds.some((held) => JSON.stringify(held) === JSON.stringify(value))
    const wrong = [...fails, ...OTHERS.filter((value) => !isListed(value))]
    expect(holds.filter((value) => compiled.judge(value) !== 'holds')).toStrictEqual([])
    expect(wrong.filter((value) => compiled.judge(value) !== 'fails')).toStrictEqual([])
    expect(compiled.judge(undefined)).toBe('fails')
  })
})

const LISTS: readonly Row[] = [
  ['{ size: 1..2 }', [[1], [1, 2]], [[], [1, 2, 3], 'ab', { length: 1 }]],
  [
    '{ each: { equals: a } }',
    [[], ['a'], ['a', 'a']],
    [['a', 'b'], 'a', { 0: 'a' }, [['a']], null],
  ],
  ['{ size: 1.., each: { one_of: [a, b] } }', [['a'], ['b', 'a']], [[], ['a', 'c']]],
  ['{ any: { equals: a } }', [['a'], ['b', 'a']], [[], ['b'], 'a', { a: 'a' }]],
  ['{ subset_of: [a, b] }', [[], ['a'], ['b', 'a', 'a']], [['c'], ['a', 'c'], 'a', { a: 'a' }]],
  ['{ each: { each: { int: true } } }', [[[1], []], []], [[1], [[1, 'x']], [['1']]]],
  [
    '{ fields: { a: { int: true }, b: { optional: true, length: ..3 } } }',
    [{ a: 1 }, { a: 1, b: 'xyz' }],
    [{}, { b: 'x' }, { a: 1, b: 'long' }, { a: 1, c: 2 }, { a: '1' }, [], 'a', null],
  ],
  [
    '{ fields: { a: { int: true } }, otherFields: permit }',
    [{ a: 1, c: 2 }],
    [{ c: 2 }, { a: 'x', c: 2 }],
  ],
  [
    '{ fields: { a: { fields: { b: { equals: 1 } } } } }',
    [{ a: { b: 1 } }],
    [{ a: {} }, { a: { b: 1, c: 1 } }, { a: 1 }],
  ],
  [
    '{ fields: { a: { absent: true } }, otherFields: permit }',
    [{}, { b: 1 }],
    [{ a: null }, { a: 1 }],
  ],
  ['{ fields: { toString: { equals: x } } }', [{ toString: 'x' }], [{}]],
]

describe('constraints on lists and objects', () => {
  it.each(LISTS)('%s', (yaml, holds, fails) => {
    const compiled = constraint(yaml)
    expect(holds.filter((value) => compiled.judge(value) !== 'holds')).toStrictEqual([])
    expect(fails.filter((value) => compiled.judge(value) !== 'fails')).toStrictEqual([])
  })

  it('sees only an object’s own members', () => {
    const compiled = constraint('{ fields: { valueOf: { present: true } } }')
    expect(compiled.judge({})).toBe('fails')
    expect(compiled.judge(JSON.parse('{"__proto__": {"valueOf": 1}}') as Json)).toBe('fails')
  })
})

/** A list that counts how many of its elements are read. */
function counted(items: readonly Json[]): { readonly list: readonly Json[]; reads(): number } {
  let reads = 0
  const list = new Proxy(items, {
    get: (target, key): unknown => {
      if (typeof key === 'string' && /^\d/.test(key)) reads += 1
      return Reflect.get(target, key)
    },
  })
  return { list, reads: () => reads }
}

describe('a list that is too much work to judge', () => {
  it.each<[string, Json, number]>([
    ['{ each: { one_of: [a] } }', 'a', 70_000],
    ['{ each: { email: { domain: [acme.example] } } }', 'lee@acme.example', 5000],
    ['{ each: { host: [acme.example] } }', 'acme.example', 5000],
    ['{ each: { url: { scheme: [https], host: [a.example] } } }', 'https://a.example/v1', 2000],
    ['{ each: { path: { under: [/srv] } } }', '/srv/a.md', 10_000],
    ['{ each: { path: { under: [/srv] } } }', `/srv/${'%20'.repeat(300)}`, 20],
    ['{ each: { path: { under: [/srv] } } }', `/srv/${'é'.repeat(900)}`, 60],
    ['{ each: { glob: "/srv/**" } }', '/srv/a.md', 8000],
    ['{ each: { pattern: "[a-z]*x[a-z]{9}" } }', 'aaaxaaaaaaaaa', 300],
    ['{ each: { cidr: [10.0.0.0/8] } }', '10.1.2.3', 4000],
    ['{ each: { date: { after: 2026-01-01 } } }', '2026-11-24', 1500],
    ['{ each: { uuid: true } }', '01234567-89ab-cdef-0123-456789abcdef', 9000],
    ['{ each: { fields: { x: { int: true } } } }', { x: 1 }, 4000],
    ['{ each: { each: { int: true } } }', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 7000],
  ])('%s of %j fails', (yaml, item, most) => {
    const compiled = constraint(yaml)
    const few = counted(Array.from({ length: Math.floor(most / 4) }, () => item))
    expect(compiled.judge(few.list)).toBe('holds')
    const many = counted(Array.from({ length: 100_000 }, () => item))
    expect(compiled.judge(many.list)).toBe('fails')
    expect(many.reads()).toBeLessThan(most)
    expect(compiled.explain(many.list, 'a')[0]?.hint).toContain('too much work')
  })

  it('fails where the one that fits stands too far behind', () => {
    const texts = Array.from({ length: 100_000 }, () => 'a')
    expect(constraint('{ any: { equals: b } }').judge([...texts.slice(0, 1000), 'b'])).toBe('holds')
    expect(constraint('{ any: { equals: b } }').judge([...texts, 'b'])).toBe('fails')
  })
})

describe('absent, present, optional', () => {
  it('fails on an absent argument unless it is optional', () => {
    expect(constraint('{ equals: B }').judge(undefined)).toBe('fails')
    expect(constraint('{ equals: B, optional: true }').judge(undefined)).toBe('holds')
    expect(constraint('{ equals: B, optional: true }').judge('A')).toBe('fails')
    expect(constraint('{ equals: B, optional: true }').judge(null)).toBe('fails')
  })

  it('takes null for neither present nor absent', () => {
    expect(constraint('{ present: true }').judge(0)).toBe('holds')
    expect(constraint('{ present: true }').judge(null)).toBe('fails')
    expect(constraint('{ present: true }').judge(undefined)).toBe('fails')
    expect(constraint('{ absent: true }').judge(undefined)).toBe('holds')
    expect(constraint('{ absent: true }').judge(null)).toBe('fails')
    expect(constraint('{ optional: true }').judge(undefined)).toBe('holds')
    expect(constraint('{ optional: true }').judge({ a: 1 })).toBe('holds')
  })
})

describe('what is refused when it is written', () => {
  it.each([
    ['{}', 'wrong_type', ''],
    ['[a]', 'wrong_type', ''],
    ['B', 'wrong_type', ''],
    ['{ lenght: 1..2 }', 'unknown_constraint', 'did you mean `length`?'],
    ['{ oneof: [a] }', 'unknown_constraint', 'did you mean `one_of`?'],
    ['{ valueOf: 1 }', 'unknown_constraint', ''],
    ['{ range: { min: 5, max: 4 } }', 'empty_range', ''],
    ['{ range: 5..4 }', 'empty_range', ''],
    ['{ range: 5 }', 'wrong_type', '0..5000'],
    ['{ range: {} }', 'wrong_type', ''],
    ['{ range: { min: "1" } }', 'wrong_type', ''],
    ['{ range: { mini: 1 } }', 'unknown_member', 'did you mean `min`?'],
    ['{ range: 1..9007199254740993 }', 'wrong_type', ''],
    ['{ length: -1..2 }', 'wrong_type', ''],
    ['{ length: 1.5..2 }', 'wrong_type', ''],
    ['{ length: .. }', 'wrong_type', ''],
    ['{ length: 1...2 }', 'wrong_type', ''],
    ['{ size: 3 }', 'wrong_type', '0..200'],
    ['{ bytes: { max: 64KB } }', 'wrong_type', '64KiB'],
    ['{ bytes: 64KiB }', 'wrong_type', ''],
    ['{ length: { max: 64KiB } }', 'wrong_type', ''],
    ['{ one_of: [] }', 'empty_list', ''],
    ['{ one_of: B }', 'wrong_type', ''],
    ['{ one_of: [a, a] }', 'duplicate_value', ''],
    ['{ not_one_of: [] }', 'empty_list', ''],
    ['{ subset_of: [] }', 'empty_list', ''],
    ['{ prefix: [] }', 'empty_list', ''],
    ['{ prefix: "" }', 'empty_text', ''],
    ['{ prefix: 5 }', 'wrong_type', 'quotes'],
    ['{ int: false }', 'wrong_type', ''],
    ['{ uuid: yes }', 'wrong_type', ''],
    ['{ present: false }', 'wrong_type', ''],
    ['{ optional: false, int: true }', 'wrong_type', ''],
    ['{ present: true, optional: true }', 'contradiction', ''],
    ['{ absent: true, int: true }', 'contradiction', ''],
    ['{ otherFields: permit }', 'contradiction', ''],
    ['{ fields: { a: { int: true } }, otherFields: allow }', 'wrong_type', '`permit` or `refuse`'],
    ['{ fields: {} }', 'wrong_type', ''],
    ['{ fields: { a: {} } }', 'wrong_type', ''],
    ['{ each: { lenght: 1.. } }', 'unknown_constraint', 'did you mean `length`?'],
    ['{ length: 1.., size: 1.. }', 'impossible_constraint', 'can never hold'],
    ['{ int: true, prefix: a }', 'impossible_constraint', ''],
    ['{ fields: { a: { int: true } }, each: { int: true } }', 'impossible_constraint', ''],
    ['{ prefix: abcdef, length: ..5 }', 'impossible_constraint', 'more characters'],
    ['{ uuid: true, length: ..10 }', 'impossible_constraint', ''],
    ['{ bytes: { min: 100 }, length: ..10 }', 'impossible_constraint', ''],
    ['{ range: 0.2..0.8, int: true }', 'impossible_constraint', 'no whole number'],
    ['{ one_of: [a, b], prefix: c }', 'impossible_constraint', 'refuse all its values'],
    ['{ equals: 7, range: 1..5 }', 'impossible_constraint', ''],
    ['{ glob: "a[bc]" }', 'invalid_glob', ''],
    ['{ pattern: "(a" }', 'invalid_pattern', 'RE2'],
    ['{ pattern: "(?=a)b" }', 'invalid_pattern', 'RE2'],
    ['{ pattern: "(?:a{0,100}){0,100}" }', 'invalid_pattern', ''],
    ['{ host: "api.example.com." }', 'invalid_host', ''],
    ['{ host: "api.example.com:443" }', 'invalid_host', ''],
    ['{ host: "https://api.example.com" }', 'invalid_host', ''],
    ['{ host: "*" }', 'invalid_host', ''],
    ['{ host: "a.*.com" }', 'invalid_host', ''],
    ['{ host: "127.1" }', 'invalid_host', ''],
    ['{ host: "bücher.example" }', 'invalid_host', 'punycode'],
    ['{ email: {} }', 'wrong_type', ''],
    ['{ email: acme.example }', 'wrong_type', ''],
    ['{ email: { domain: "@acme.example" } }', 'invalid_host', ''],
    ['{ email: { address: "Bob <bob@acme.example>" } }', 'invalid_address', ''],
    ['{ email: { domain: a.example, address: b@b.example } }', 'impossible_value', ''],
    ['{ cidr: 10.0.0.1/8 }', 'invalid_range', 'first address'],
    ['{ cidr: 10.0.0.0/33 }', 'invalid_range', ''],
    ['{ cidr: 10.0.0.0/08 }', 'invalid_range', ''],
    ['{ cidr: "2001:DB8::/32" }', 'invalid_range', ''],
    ['{ cidr: localhost }', 'invalid_range', ''],
    ['{ date: {} }', 'wrong_type', ''],
    ['{ date: { after: 2026-02-30 } }', 'wrong_type', ''],
    ['{ date: { after: 2026-02-02, before: 2026-02-02 } }', 'empty_range', ''],
    ['{ date: { after: yesterday } }', 'wrong_type', 'RFC 3339'],
    ['{ path: /srv }', 'wrong_type', ''],
    ['{ path: { ext: [md] } }', 'missing_member', 'under'],
    ['{ path: { under: / } }', 'invalid_root', ''],
    ['{ path: { under: srv } }', 'invalid_root', 'absolute'],
    ['{ path: { under: ~/x } }', 'invalid_root', ''],
    ['{ path: { under: /srv/../x } }', 'invalid_root', ''],
    ['{ path: { under: $HOME } }', 'invalid_root', ''],
    ['{ path: { under: /srv, ext: [.md] } }', 'invalid_extension', 'without a dot'],
    ['{ path: { under: /srv, glob: "*" } }', 'unknown_member', ''],
    ['{ url: { scheme: [https] } }', 'missing_member', 'host'],
    ['{ url: { host: [a.example] } }', 'missing_member', 'scheme'],
    ['{ url: { scheme: [file], host: [a.example] } }', 'invalid_scheme', 'path'],
    ['{ url: { scheme: [HTTPS], host: [a.example] } }', 'wrong_type', ''],
    ['{ url: { scheme: [ssh], host: [a.example] } }', 'missing_member', 'port'],
    ['{ url: { scheme: [https], host: [a.example], port: [0] } }', 'wrong_type', ''],
    ['{ url: { scheme: [https], host: [a.example], port: "443" } }', 'wrong_type', ''],
    ['{ url: { scheme: [https], host: [a.example], path: [v1] } }', 'wrong_type', 'slash'],
    ['{ named_in: purposes }', 'unknown_context', 'did you mean `purpose`?'],
    ['{ named_in: [context.friends] }', 'unknown_context', ''],
    ['{ named_in: [purpose], size: 1.. }', 'impossible_constraint', ''],
  ])('%s: %s', (yaml, id, words) => {
    const problems = constraintProblems(yaml)
    expect(problems.length).toBeGreaterThan(0)
    expect(problems.join('\n')).toContain(id)
    expect(problems.join('\n')).toContain(words)
    expect(problems[0]).toMatch(/ m\.yaml:1:\d+: [^A-Z]/)
  })

  it('refuses nesting that no person writes', () => {
    const deep = `${'{ each: '.repeat(14)}{ int: true }${' }'.repeat(14)}`
    expect(constraintProblems(deep).join()).toContain('too_deep')
  })

  it('reports every problem at its own place', () => {
    const problems = constraintProblems('length: 5..1\nprefx: a\n')
    expect(problems).toStrictEqual([
      expect.stringContaining('m.yaml:1:9:'),
      expect.stringContaining('m.yaml:2:1:'),
    ])
  })
})

describe('kinds and roots', () => {
  it('names every constraint used, nested ones too', () => {
    const compiled = constraint(
      '{ size: 1.., each: { fields: { to: { email: { domain: a.example } }, f: { path: { under: [/a, /b/c/] } } } } }',
    )
    expect([...compiled.kinds].toSorted()).toStrictEqual([
      'each',
      'email',
      'fields',
      'path',
      'size',
    ])
    expect(compiled.pathsUnder).toStrictEqual(['/a', '/b/c'])
  })
})
