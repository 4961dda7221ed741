import { expect, test } from 'vitest'
import { printExact } from '../../src/model/exact.ts'
import type { JsonObject } from '../../src/model/json.ts'
import { itemsOf } from '../../src/proxy/exact.ts'

test('the items of a list come as plain values and as exact ones; what is no object is counted', () => {
  const text = '{"tools":[{"name":"a","max":18446744073709551615},7,null]}'
  const { items, strange } = itemsOf(text, JSON.parse(text) as JsonObject, 'tools')
  expect(strange).toBe(2)
  expect(items).toHaveLength(1)
  expect(printExact(items[0]?.exact)).toBe('{"name":"a","max":18446744073709551615}')
  expect(itemsOf('{"tools":"x"}', { tools: 'x' }, 'tools')).toEqual({ items: [], strange: 1 })
})
