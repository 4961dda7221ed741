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
  const names = new PublicNames(['a', 'b.c', 'd-e'])

  test('every pair of server and tool can be told from its public name', () => {
    const server = fc.constantFrom('a', 'b.c', 'd-e')
    const name = fc.string({ minLength: 1, unit: fc.constantFrom('_', '__', 'x', 'a', '.', '-') })
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
})

test('a name that cannot be shown and told apart does not fit', () => {
  const names = new PublicNames(['a'])
  for (const name of ['send_email', 'a', 'é', 'x y', 'vendors/approve'])
    expect(names.fits(name)).toBe(true)
  for (const name of ['', ' a', 'a ', 'a\n', 'a\u0000', 'x'.repeat(129)])
    expect(names.fits(name)).toBe(false)
})
