/** Properties of constraints: each agrees with its plain meaning, all are total, and explaining never disagrees. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isWithin, parseAddress, parseRange } from '../../src/expression/address.ts'
import { readEmail } from '../../src/expression/email.ts'
import { readHost } from '../../src/expression/host.ts'
import type { Constraint } from '../../src/expression/clause.ts'
import { MAX_SHOWN, shown } from '../../src/expression/show.ts'
import type { Json, JsonObject } from '../../src/model/json.ts'
import { anyText, constraint } from './document.ts'

const json = fc.jsonValue() as fc.Arbitrary<Json>
const yamlText = (text: string): string => JSON.stringify(text)
const holds = (yaml: string, value: Json): boolean => constraint(yaml).judge(value) === 'holds'

const SCOPE = { purpose: 'write to bob@acme.example for 12 EUR', context: new Map() }
const ALL: readonly Constraint[] = [
  '{ equals: { a: [1] } }',
  '{ one_of: [A, 1, null] }',
  '{ not_one_of: [A, 1] }',
  '{ range: 0..10 }',
  '{ int: true }',
  '{ length: 1..5 }',
  '{ size: 1..5 }',
  '{ each: { length: ..3 }, size: ..2 }',
  '{ any: { int: true } }',
  '{ subset_of: [1, A] }',
  '{ present: true }',
  '{ absent: true }',
  '{ optional: true }',
  '{ prefix: a, suffix: b }',
  '{ glob: "a/**/b*" }',
  '{ path: { under: /srv, ext: [md] } }',
  '{ url: { scheme: [https], host: ["*.acme.example"], path: ["/a/**"] } }',
  '{ host: ["*.acme.example"] }',
  '{ email: { domain: acme.example } }',
  '{ cidr: ["10.0.0.0/8", "2001:db8::/32"] }',
  '{ date: { after: 2026-01-01 } }',
  '{ uuid: true }',
  '{ pattern: "[a-c]+" }',
  '{ bytes: { max: 10 } }',
  '{ fields: { a: { optional: true, int: true }, b: { each: { named_in: purpose } } } }',
  '{ named_in: purpose }',
].map((yaml) => constraint(yaml, SCOPE))

describe('every constraint', () => {
  it('is total, and explains what it judged', () => {
    const values = fc.oneof(json, fc.constant(undefined), anyText, fc.double())
    fc.assert(
      fc.property(values, (value) => {
        const wrong = ALL.filter((each) => {
          const judged = each.judge(value)
          const results = each.explain(value, 'tools.a/b.args.c').map((one) => one.result)
          const all = results.every((result) => result === 'holds')
          const agrees = all === (judged === 'holds') && results.length > 0
          return !agrees || (judged === 'fails' && !results.includes('fails'))
        })
        expect(wrong).toStrictEqual([])
      }),
      { numRuns: 2000 },
    )
  })

  it('never changes its answer', () => {
    fc.assert(
      fc.property(json, json, (value, other) => {
        for (const each of ALL) {
          const judged = each.judge(value)
          each.judge(other)
          expect(each.judge(value)).toBe(judged)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('shows cut values without anything invisible', () => {
    const texts = fc.oneof(
      json,
      fc.tuple(anyText, anyText, anyText, anyText, anyText, anyText).map((texts) => texts.join('')),
    )
    fc.assert(
      fc.property(texts, (value) => {
        const text = shown(value, 'args.note')
        expect(text.length).toBeLessThanOrEqual(MAX_SHOWN)
        expect(text).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
      }),
      { numRuns: 1000 },
    )
  })

  it('shows no secrets', () => {
    expect(shown('sk-123', 'tools.a/b.args.api_key')).not.toContain('sk-123')
    expect(shown({ user: 'bob', password: 'hunter2', deep: [{ token: 'abc' }] }, 'x')).toBe(
      '{"user": "bob", "password": (withheld), "deep": [{"token": (withheld)}]}',
    )
    expect(
      constraint('{ equals: B }').explain('hunter2', 'tools.a/b.args.password')[0]?.read,
    ).not.toContain('hunter2')
  })
})

describe('each constraint means what it says', () => {
  const number = fc.oneof(
    fc.integer({ min: -20, max: 20 }),
    fc.double({ min: -20, max: 20, noNaN: true }),
  )

  it('range', () => {
    fc.assert(
      fc.property(number, number, number, (a, b, value) => {
        const [min, max] = a <= b ? [a, b] : [b, a]
        expect(holds(JSON.stringify({ range: { min, max } }), value)).toBe(
          value >= min && value <= max,
        )
      }),
    )
  })

  it('length, bytes, prefix, suffix', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'é', '€', '😀'), maxLength: 8 })
    fc.assert(
      fc.property(text, text, fc.nat(9), fc.nat(9), (value, part, a, b) => {
        const span = `${Math.min(a, b)}..${Math.max(a, b)}`
        const within = (size: number): boolean => size >= Math.min(a, b) && size <= Math.max(a, b)
        expect(holds(`{ length: ${span} }`, value)).toBe(within(Array.from(value).length))
        expect(holds(`{ bytes: ${span} }`, value)).toBe(within(Buffer.byteLength(value)))
        fc.pre(part !== '')
        expect(holds(`{ prefix: ${yamlText(part)} }`, value)).toBe(value.startsWith(part))
        expect(holds(`{ suffix: ${yamlText(part)} }`, value)).toBe(value.endsWith(part))
      }),
    )
  })

  it('one_of, not_one_of, subset_of, each, any, size', () => {
    const small = fc.integer({ min: 0, max: 5 })
    const set = fc.uniqueArray(small, { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(set, fc.array(small, { maxLength: 5 }), small, (listed, values, one) => {
        const yaml = JSON.stringify(listed)
        expect(holds(`{ one_of: ${yaml} }`, one)).toBe(listed.includes(one))
        expect(holds(`{ not_one_of: ${yaml} }`, one)).toBe(!listed.includes(one))
        const every = values.every((value) => listed.includes(value))
        expect(holds(`{ subset_of: ${yaml} }`, values)).toBe(every)
        expect(holds(`{ each: { one_of: ${yaml} } }`, values)).toBe(every)
        const some = values.some((value) => listed.includes(value))
        expect(holds(`{ any: { one_of: ${yaml} } }`, values)).toBe(some)
        expect(holds(`{ size: ..${one} }`, values)).toBe(values.length <= one)
      }),
    )
  })

  it('equals holds for the same JSON value and no other', () => {
    fc.assert(
      fc.property(json, json, (wanted, value) => {
        const text = JSON.stringify(wanted)
        fc.pre(
          !/__proto__|constructor|prototype|\\u|[\u007f-\uffff]|\de|\d{16}/.test(text) &&
            text.length < 500,
        )
        fc.pre(wanted !== null)
        const compiled = constraint(`{"equals": ${text}}`)
        expect(compiled.judge(wanted)).toBe('holds')
        expect(compiled.judge(value) === 'holds').toBe(sorted(value) === sorted(wanted))
      }),
    )
  })

  it('fields: exactly the members named, each as its constraint says', () => {
    const members = fc.dictionary(
      fc.constantFrom('a', 'b', 'c'),
      fc.integer({ min: 0, max: 3 }),
    ) as fc.Arbitrary<JsonObject>
    fc.assert(
      fc.property(members, (value) => {
        const strict = '{ fields: { a: { range: 0..1 }, b: { optional: true, range: 2..3 } } }'
        const { a, b } = value as { a?: number; b?: number }
        const named = a !== undefined && a <= 1 && (b === undefined || b >= 2)
        expect(holds(strict, value)).toBe(named && !('c' in value))
        expect(holds(strict.replace(' } } }', ' } }, otherFields: permit }'), value)).toBe(named)
      }),
    )
  })

  it('cidr', () => {
    const v4 = fc.ipV4()
    const number = (text: string): number =>
      text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
    fc.assert(
      fc.property(v4, v4, fc.integer({ min: 0, max: 32 }), (base, value, bits) => {
        const size = 2 ** (32 - bits)
        const first = Math.floor(number(base) / size) * size
        const text = [24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256).join('.')
        const range = parseRange(`${text}/${bits}`)
        const address = parseAddress(value)
        const inside = number(value) >= first && number(value) < first + size
        expect(typeof range === 'object' && address && isWithin(address, range)).toBe(inside)
      }),
    )
  })

  it('IPv6 in canonical spelling only', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(0, 0, 1, 0xffff, 0x20, 0xfe80), { minLength: 8, maxLength: 8 }),
        (groups) => {
          const long = groups.map((group) => group.toString(16)).join(':')
          const canonical = new URL(`http://[${long}]/`).hostname.slice(1, -1)
          const carries =
            (groups.slice(0, 5).every((group) => group === 0) &&
              (groups[5] === 0xffff ||
                (groups[5] === 0 && ((groups[6] ?? 0) > 0 || (groups[7] ?? 0) > 1)))) ||
            // SIIT (RFC 2765): ::ffff:0:a.b.c.d
            (groups.slice(0, 4).every((group) => group === 0) &&
              groups[4] === 0xffff &&
              groups[5] === 0)
          expect(parseAddress(canonical) !== undefined).toBe(!carries)
          expect(parseAddress(long) !== undefined).toBe(!carries && long === canonical)
          expect(parseAddress(canonical.toUpperCase()) !== undefined).toBe(
            !carries && canonical === canonical.toUpperCase(),
          )
        },
      ),
      { examples: [[[0, 0, 0, 0, 0xffff, 0, 1, 1]]] },
    )
  })

  it('a host or an address that is read is the text itself, in lower case', () => {
    const piece = fc.constantFrom(
      'a',
      'B',
      '1',
      '-',
      '.',
      '@',
      'x.y',
      'é',
      '\u212a',
      '[',
      ':',
      '%',
      ' ',
      '0x',
      '_',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const text = pieces.join('')
        expect([undefined, text.toLowerCase()]).toContain(readHost(text))
        const mail = readEmail(`bob@${text}`)
        expect([undefined, text.toLowerCase()]).toContain(mail?.domain)
        const other = readEmail(`${text}@acme.example`)
        expect([undefined, text]).toContain(other?.local)
      }),
      { numRuns: 3000 },
    )
  })

  it('date', () => {
    const time = fc.date({
      min: new Date('2026-10-01'),
      max: new Date('2027-01-31'),
      noInvalidDate: true,
    })
    const from = Date.parse('2026-11-01')
    const until = Date.parse('2026-12-01')
    const compiled = constraint('{ date: { after: 2026-11-01, before: 2026-12-01 } }')
    fc.assert(
      fc.property(time, (date) => {
        const inside = date.getTime() >= from && date.getTime() < until
        expect(compiled.judge(date.toISOString()) === 'holds').toBe(inside)
        expect(compiled.judge(date.toISOString().slice(0, 10)) === 'holds').toBe(inside)
      }),
    )
  })

  it('uuid', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.nat(35), fc.constantFrom('g', ' ', '', '--'), (uuid, at, wrong) => {
        expect(holds('{ uuid: true }', uuid)).toBe(true)
        expect(holds('{ uuid: true }', uuid.slice(0, at) + wrong + uuid.slice(at + 1))).toBe(false)
      }),
    )
  })

  it('pattern matches from end to end and in linear time', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[A-Z]{2}\d{1,3}$/),
        fc.string({ minLength: 1 }),
        (good, more) => {
          const compiled = constraint('{ pattern: "[A-Z]{2}[0-9]{1,3}" }')
          expect(compiled.judge(good)).toBe('holds')
          expect(compiled.judge(`${more}${good}`) === 'holds').toBe(
            /^[A-Z]{2}\d{1,3}$/.test(`${more}${good}`),
          )
          expect(compiled.judge(`${good}\n`)).toBe('fails')
        },
      ),
    )
    const nested = constraint('{ pattern: "(a+)+b" }')
    expect(nested.judge(`${'a'.repeat(16_383)}b`)).toBe('holds')
    expect(nested.judge(`${'a'.repeat(16_384)}b`)).toBe('fails')
    expect(nested.judge('a'.repeat(16_384))).toBe('fails')
    expect(constraint('{ pattern: ".*" }').judge('\ud800')).toBe('fails')
  })
})

function sorted(value: Json): string {
  return JSON.stringify(value, (_, item: Json) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  )
}
