import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonical, member, type Json } from '../../src/model/json.ts'

test('the canonical form sorts members by UTF-16 code units, as in RFC 8785 section 3.2.3', () => {
  const input: Json = {
    '\u20ac': 1,
    '\r': 2,
    '\ufb33': 3,
    '1': 4,
    '\ud83d\ude00': 5,
    '\u0080': 6,
    ö: 7,
  }
  expect(Object.values(JSON.parse(canonical(input)) as object)).toHaveLength(7)
  expect(canonical(input)).toBe('{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"😀":5,"\ufb33":3}')
})

test('numbers are printed as ECMAScript prints them, as in RFC 8785 section 3.2.2.3', () => {
  expect(canonical([333333333.3333333, 1e30, 4.5, 2e-3, 1e-27, -0])).toBe(
    '[333333333.3333333,1e+30,4.5,0.002,1e-27,0]',
  )
  expect(() => canonical(Number.POSITIVE_INFINITY)).toThrow(RangeError)
})

test('any JSON value keeps its meaning, and key order does not matter', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = canonical(value as Json)
      expect(canonical(JSON.parse(text) as Json)).toBe(text)
    }),
  )
})

test('a member is only what the object itself has', () => {
  expect(member({}, 'constructor')).toBeUndefined()
  expect(member({ constructor: 1 }, 'constructor')).toBe(1)
})
