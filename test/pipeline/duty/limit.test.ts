import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { limited } from '../../../src/pipeline/duty/limit.ts'

function result(...texts: string[]): string {
  return JSON.stringify({ content: texts.map((text) => ({ type: 'text', text })) })
}
const cut = (bytes: number) => ({ bytes, over: 'cut' }) as const
const refuse = (bytes: number) => ({ bytes, over: 'refuse' }) as const
const size = (text: string): number => Buffer.byteLength(text)

test('what is short enough is the same text, to the byte', () => {
  const json = result('é'.repeat(100))
  expect(limited(json, [])).toBe(json)
  expect(limited(json, [refuse(size(json)), cut(size(json))])).toBe(json)
  expect(limited(json, [refuse(size(json) - 1)])).toBeUndefined()
})

describe('a text that is too long is cut', () => {
  test('at its end, and says so', () => {
    const shown = limited(result('a'.repeat(1000)), [cut(500)]) ?? ''
    expect(size(shown)).toBeLessThanOrEqual(500)
    expect(size(shown)).toBeGreaterThan(450)
    const [, kept = '', bytes] = /"(a+)\[cut by policy: (\d+) bytes left out\]"/.exec(shown) ?? []
    expect(kept.length + Number(bytes)).toBe(1000)
  })

  test('the last one first, and the others as far as has to be', () => {
    const json = result('a'.repeat(500), 'b'.repeat(500), 'c'.repeat(500))
    expect(limited(json, [cut(1400)])).toMatch(/a{500}.*b{500}.*c+\[cut/)
    expect(limited(json, [cut(800)])).toMatch(/a{500}.*"b+\[cut.*"\[cut by policy: 500 bytes/)
  })

  test('of a resource and of a prompt, too', () => {
    const long = 'a'.repeat(1000)
    for (const json of [
      JSON.stringify({ contents: [{ uri: 'file:///x', text: long }] }),
      JSON.stringify({ messages: [{ role: 'user', content: { type: 'text', text: long } }] }),
    ])
      expect(limited(json, [cut(500)])).toContain('[cut by policy: ')
  })

  test('and everything else keeps its spelling', () => {
    const json = `{ "n" : 1.0, "content":[{"type":"text","text":"${'\\u0041'.repeat(200)}"}] }`
    expect(limited(json, [cut(300)])).toMatch(/^\{ "n" : 1\.0, "content":\[.*A+\[cut by/)
  })
})

test('whatever rule stands first, the strictest holds', () => {
  const json = result('a'.repeat(1000))
  for (const limits of [
    [cut(500), refuse(800)],
    [refuse(800), cut(500)],
  ])
    expect(limited(json, limits)).toBeUndefined()
  expect(size(limited(json, [cut(900), refuse(2000), cut(400)]) ?? '')).toBeLessThanOrEqual(400)
})

describe('what cannot be cut is refused', () => {
  const long = 'a'.repeat(1000)
  test.each([
    ['structured content', { content: [{ type: 'text', text: 'x' }], structuredContent: { long } }],
    ['a blob', { contents: [{ uri: 'x', blob: long }] }],
    ['an error', { code: 1, message: long }],
    ['a name', { content: [{ [long]: 'x' }] }],
    ['too many texts', { content: Array.from({ length: 100 }, () => ({ text: 'x' })) }],
  ])('%s', (_name, value) => {
    expect(limited(JSON.stringify(value), [cut(200)])).toBeUndefined()
  })

  test('what is no JSON', () => {
    expect(limited(`{${long}`, [cut(200)])).toBeUndefined()
  })
})

test('what was cut is short enough, is JSON, and begins as the text did, in whole code points', () => {
  const given = fc.array(fc.string({ unit: 'binary', maxLength: 300 }), { maxLength: 4 })
  fc.assert(
    fc.property(given, fc.integer({ min: 0, max: 1000 }), (texts, bytes) => {
      const shown = limited(result(...texts), [cut(bytes)])
      if (shown === undefined) return
      expect(size(shown)).toBeLessThanOrEqual(bytes)
      const { content } = JSON.parse(shown) as { content: readonly { text: string }[] }
      for (const [index, { text }] of content.entries()) {
        const original = texts[index] ?? ''
        const kept = text.replace(/\[cut by policy: \d+ bytes left out\]$/, '')
        expect(original.startsWith(kept)).toBe(true)
        const after = original.charCodeAt(kept.length)
        const before = kept.charCodeAt(kept.length - 1)
        const splits = before >= 0xd800 && before <= 0xdbff && after >= 0xdc00 && after <= 0xdfff
        expect(splits).toBe(false)
      }
    }),
  )
})
