import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PublicNames } from '../../src/proxy/public-name.ts'

test('with one upstream its names pass unchanged, whatever they hold', () => {
  const names = new PublicNames(['files'])
  expect(names.renames).toBe(false)
  expect(names.join('files', 'a__b')).toBe('a__b')
  expect(names.split('a__b')).toEqual({ server: 'files', name: 'a__b' })
})

describe('with several upstreams', () => {
  const servers = ['a', 'b.c', 'd-e', 'a_b', 'a_b_c']
  const names = new PublicNames(servers)

  test('every pair of server and tool can be told from its public name', () => {
    const server = fc.constantFrom(...servers)
    const piece = fc.constantFrom('_', '__', 'x', 'a', 'a_b', '.', '-', '/', 'é', ' ')
    const name = fc.string({ minLength: 1, maxLength: 40, unit: piece })
    fc.assert(
      fc.property(server, name, (one, tool) => {
        expect(names.split(names.join(one, tool))).toEqual({ server: one, name: tool })
      }),
    )
  })

  test('a name without a known server stands for nothing', () => {
    for (const text of ['tool', 'z__tool', '__tool', 'a__', '', '__proto__', 'constructor__x']) {
      expect(names.split(text)).toBeUndefined()
    }
  })

  test('no two pairs have one public name', () => {
    const piece = fc.constantFrom('_', 'a', 'b', '__')
    const pair = fc.record({
      server: fc.constantFrom(...servers),
      name: fc.string({ minLength: 1, maxLength: 12, unit: piece }),
    })
    fc.assert(
      fc.property(pair, pair, (one, other) => {
        const same = one.server === other.server && one.name === other.name
        expect(names.join(one.server, one.name) === names.join(other.server, other.name)).toBe(same)
      }),
    )
  })
})
