import fc from 'fast-check'
import { expect, test } from 'vitest'
import { paint, printable, wantsColor } from '../../src/cli/io.ts'

test('colour is for terminals, unless the environment says otherwise', () => {
  expect(wantsColor({}, true)).toBe(true)
  expect(wantsColor({}, false)).toBe(false)
  expect(wantsColor({ TERM: 'dumb' }, true)).toBe(false)
  expect(wantsColor({ NO_COLOR: '1' }, true)).toBe(false)
  expect(wantsColor({ NO_COLOR: '' }, true)).toBe(true)
  expect(wantsColor({ FORCE_COLOR: '1', NO_COLOR: '1' }, false)).toBe(true)
  expect(wantsColor({ FORCE_COLOR: '0' }, true)).toBe(false)
})

test('paints only where colour is on', () => {
  expect(paint({ color: false }, 'red', 'no')).toBe('no')
  expect(paint({ color: true }, 'red', 'no')).toBe('\u001B[31mno\u001B[39m')
})

test('text from outside cannot draw on the terminal, hide or reorder', () => {
  expect(printable('a\u001B[2Jb\nc\u202Ed\u200Be\u{E0041}')).toBe(
    String.raw`a\u{1b}[2Jb\u{a}c\u{202e}d\u{200b}e\u{e0041}`,
  )
  expect(printable('plain ümlaut 日本 ✓')).toBe('plain ümlaut 日本 ✓')
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(printable(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
    }),
  )
})
