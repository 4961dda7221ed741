import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { JsonObject } from '../../src/model/json.ts'
import { itemsOf, parseExact, printExact } from '../../src/proxy/exact.ts'

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

test('the items of a list come as plain values and as exact ones; what is no object is counted', () => {
  const text = '{"tools":[{"name":"a","max":18446744073709551615},7,null]}'
  const { items, strange } = itemsOf(text, JSON.parse(text) as JsonObject, 'tools')
  expect(strange).toBe(2)
  expect(items).toHaveLength(1)
  expect(printExact(items[0]?.exact)).toBe('{"name":"a","max":18446744073709551615}')
  expect(itemsOf('{"tools":"x"}', { tools: 'x' }, 'tools')).toEqual({ items: [], strange: 1 })
})
