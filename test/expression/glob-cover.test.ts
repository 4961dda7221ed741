import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { compileGlob, globsCover } from '../../src/expression/glob.ts'
import { Problems } from '../../src/model/document.ts'

const WORDS = words(['a', 'b', '/', 'c'], 5)

function words(letters: readonly string[], most: number): readonly string[] {
  const all = ['']
  for (let from = 0; from < all.length; from += 1) {
    const word = all[from] ?? ''
    if (word.length < most) all.push(...letters.map((letter) => word + letter))
  }
  return all
}

test('globs cover exactly what they match', () => {
  const glob = fc
    .array(fc.constantFrom('a', 'b', '/', '*', '?'), { minLength: 1, maxLength: 3 })
    .map((parts) => parts.join(''))
    .filter((text) => !text.includes('**'))
  const place = { file: '', line: 1, column: 1 }
  fc.assert(
    fc.property(
      fc.constantFrom('tool', 'uri'),
      fc.array(glob, { maxLength: 3 }),
      glob,
      (kind, wide, narrow) => {
        const matcher = (text: string): ((word: string) => boolean) => {
          const found = compileGlob({ text, place }, kind, new Problems())
          if (!found) throw new Error(text)
          return found.matches
        }
        const others = wide.map(matcher)
        const own = matcher(narrow)
        const covered = WORDS.every((word) => !own(word) || others.some((other) => other(word)))
        expect([wide, narrow, globsCover(wide, narrow, kind)]).toEqual([wide, narrow, covered])
      },
    ),
    { numRuns: 300 },
  )
})

test('globs that cover each other only together, and segments', () => {
  expect(globsCover(['a*', 'b*'], 'a?', 'tool')).toBe(true)
  expect(globsCover(['file:///srv/**'], 'file:///srv/**/x', 'uri')).toBe(true)
  expect(globsCover(['file:///srv/*'], 'file:///srv/**', 'uri')).toBe(false)
  expect(globsCover(['*'], 'a/b', 'uri')).toBe(false)
  expect(globsCover(['*'], 'a/b', 'tool')).toBe(true)
  expect(globsCover(['?*?', '/'], '*/', 'tool')).toBe(true)
  expect(globsCover([], '*', 'tool')).toBe(false)
})
