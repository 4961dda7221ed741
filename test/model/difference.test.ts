import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { differences, differenceText } from '../../src/model/difference.ts'
import { canonicalExact, parseExact } from '../../src/model/exact.ts'

function texts(before: object, after: object): readonly string[] {
  const exact = (value: object) => parseExact(JSON.stringify(value))
  return differences(exact(before), exact(after)).shown.map(differenceText)
}

describe('each member that differs is shown, before and after', () => {
  test.each([
    [{ a: 1 }, { a: 2 }, ['a: 1 → 2']],
    [{ a: 1 }, { a: '1' }, ['a: 1 → "1"']],
    [{ a: { b: [1, 2] } }, { a: { b: [1, 3] } }, ['a.b[1]: 2 → 3']],
    [{ required: ['a'] }, { required: ['a', 'b'] }, ['required: ["a"] → ["a","b"]']],
    [{}, { p: { type: 'string' } }, ['p: new: {"type":"string"}']],
    [{ p: null }, {}, ['p: gone: null']],
    [{ b: 1, a: 1 }, { a: 2, b: 2 }, ['a: 1 → 2', 'b: 1 → 2']],
    [{ a: {} }, { a: [] }, ['a: {} → []']],
  ])('%j and %j', (before, after, expected) => {
    expect(texts(before, after)).toEqual(expected)
  })

  test('a long text is cut around the first place that differs', () => {
    const long = 'x'.repeat(5000)
    const [line = ''] = texts({ d: `${long} reads` }, { d: `${long} sends ${long}` })
    expect(line).toMatch(/^d: …x+ reads" → …x+ sends x+…$/)
    expect(line.length).toBeLessThan(500)
  })

  test('no more than twenty are shown, and the rest is counted', () => {
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`m${n}`, n]))
    const { shown, more } = differences({}, many)
    expect([shown.length, more]).toEqual([20, 10])
  })
})

test('what cannot be seen is spelt out, and a letter that came new is named', () => {
  expect(texts({ d: 'send' }, { d: 's\u0435nd' })).toEqual(['d: "send" → "s\u0435nd" (U+0435)'])
  expect(texts({ d: 'send' }, { d: 'send\u200B\u{E0041}' })).toEqual([
    'd: "send" → "send[U+200B][U+E0041]" (U+200B U+E0041)',
  ])
  const [line] = texts({ d: 'x' }, { d: '\u001B[2J', ['\u202Em']: 1 })
  expect(line).toMatch(/^[\n -~→]+$/)
})

test('secrets are masked on either side, and in the name of a member', () => {
  const secret = `ghp_${'a1B2'.repeat(9)}`
  const found = texts({ d: 'use it' }, { d: `use ${secret}`, [secret]: secret })
  expect(found.join('\n')).not.toContain(secret.slice(4))
  expect(found).toHaveLength(2)
})

test('there is a difference just where the canonical forms differ', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
      const same = canonicalExact(one) === canonicalExact(other)
      expect(differences(one, other).shown.length === 0).toBe(same)
    }),
  )
})
