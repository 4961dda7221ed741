import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalExact, isExactObject, parseExact, printExact } from '../../src/model/exact.ts'
import { canonical, type Json } from '../../src/model/json.ts'

test('numbers print as they were written, and everything else as JSON does', () => {
  const text = '{"a":1.0,"b":9007199254740993,"c":1E2,"d":-0,"e":[0.10],"f":"1.0"}'
  expect(printExact(parseExact(text))).toBe(text)
})

test('any JSON text of Node survives', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value)
      expect(printExact(parseExact(text))).toBe(text)
    }),
  )
})

describe('the canonical form', () => {
  const of = (text: string): string => canonicalExact(parseExact(text))

  test('is that of RFC 8785 for whatever a double holds', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(of(JSON.stringify(value))).toBe(canonical(value as Json))
      }),
    )
  })

  test.each([
    ['1', '1.0', '1.000', '10e-1', '1E0', '0.1e+1'],
    ['100', '1E2', '1e+2', '100.0', '0.0001e6'],
    ['0', '-0', '0.0', '0e9', '-0E-5'],
    ['1e+21', '1000000000000000000000', '1E21'],
    ['9007199254740993', '9007199254740993.0', '9.007199254740993e15'],
    ['1e400', '10e399', '0.1e401'],
  ])('%s has one form however it is spelt', (text, ...spellings) => {
    for (const spelling of spellings) expect(of(spelling)).toBe(of(text))
  })

  test.each([
    ['9007199254740992', '9007199254740993'],
    ['0.1', '0.10000000000000000000000001'],
    ['1e400', '1e401'],
    ['1', '-1'],
    ['1', '"1"'],
  ])('%s and %s are two', (one, other) => {
    expect(of(one)).not.toBe(of(other))
  })

  test('does not depend on the order of members or on white space', () => {
    expect(of('{ "b" : [1.0, {"d":1,"c":2}], "a":"\\u0041" }')).toBe(
      '{"a":"A","b":[1,{"c":2,"d":1}]}',
    )
  })

  test('keeps a member named like a prototype', () => {
    expect(of('{"__proto__":1.0,"constructor":2}')).toBe('{"__proto__":1,"constructor":2}')
  })
})

test('a number whose text was kept is no object', () => {
  expect(isExactObject(parseExact('1.0'))).toBe(false)
  expect(isExactObject(parseExact('{}'))).toBe(true)
  expect(isExactObject([])).toBe(false)
})
