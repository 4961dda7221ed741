import fc from 'fast-check'
import { expect, test } from 'vitest'
import { oneLine } from '../../../../src/proxy/upstream/http/one-line.ts'

const line = (text: string): string => oneLine(Buffer.from(text)).toString('utf8')

test('line breaks between the parts of a text are spaces, and everything else is as it was', () => {
  expect(line('{"a":1}')).toBe('{"a":1}')
  expect(line('{"a":1}\r\n\n')).toBe('{"a":1}')
  expect(line('{\n  "a" : 1.0,\r\n  "b": "x\\n\\"y"\n}\n')).toBe(
    '{   "a" : 1.0,    "b": "x\\n\\"y" }',
  )
  expect(line('')).toBe('')
  expect(line('\n')).toBe('')
})

test('a line break within a string stays, so that nothing is made valid that was not', () => {
  for (const broken of [
    '{"a":"x\ny"}',
    '{"a":"x\\\ny"}',
    '{"a\n":1}',
    '"\r"',
    '{"a\n":"x',
    '{"a":"x\ny\n "',
  ]) {
    expect(line(broken)).toBe(broken)
    expect(() => JSON.parse(line(broken)) as unknown).toThrow(SyntaxError)
  }
})

test('valid JSON means the same afterwards, and has no line break', () => {
  fc.assert(
    fc.property(fc.json(), fc.constantFrom('\n', '\r\n', '\t'), (json, indent) => {
      const value: unknown = JSON.parse(json)
      const written = JSON.stringify(value, undefined, 2).replaceAll('\n', indent)
      expect(JSON.parse(line(written))).toEqual(value)
      expect(line(written)).not.toMatch(/[\r\n]/)
    }),
  )
})

test('an invalid text stays invalid', () => {
  const piece = fc.constantFrom('{', '}', '"', '\\', '\n', '\r', 'a', ':', ',', '1', '[', ']', ' ')
  const valid = (text: string): boolean => {
    try {
      JSON.parse(text)
      return true
    } catch {
      return false
    }
  }
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
      const text = pieces.join('')
      expect(valid(line(text))).toBe(valid(text))
    }),
    { numRuns: 1000 },
  )
})
