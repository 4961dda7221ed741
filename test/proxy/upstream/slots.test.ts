import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Slots } from '../../../src/proxy/upstream/slots.ts'

test('holds what a Map would hold, whatever is put in and taken out', () => {
  const steps = fc.array(fc.tuple(fc.boolean(), fc.nat({ max: 60 })), { maxLength: 300 })
  fc.assert(
    fc.property(steps, (list) => {
      const slots = new Slots<{ readonly id: number }>(4)
      const map = new Map<number, { readonly id: number }>()
      const taken: unknown[][] = []
      for (const [put, id] of list) {
        if (put && !map.has(id)) {
          const item = { id }
          slots.set(item)
          map.set(id, item)
        } else if (!put) {
          taken.push([slots.take(id), map.get(id)])
          map.delete(id)
        }
        expect(slots.size).toBe(map.size)
        expect(slots.get(id)).toBe(map.get(id))
      }
      for (const [one, other] of taken) expect(one).toBe(other)
      expect(new Set(slots.all())).toEqual(new Set(map.values()))
    }),
  )
})
