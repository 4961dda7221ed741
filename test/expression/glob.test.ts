/** Globs: the table of what matches, a slow reference matcher, exact overlap, and a bound on the work. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileGlob, type Glob, type GlobKind, globsOverlap } from '../../src/expression/glob.ts'
import { Problems, problemText } from '../../src/model/document.ts'

const place = { file: 'm.yaml', line: 3, column: 5 }

function glob(text: string, kind: GlobKind): Glob {
  const problems = new Problems()
  const compiled = compileGlob({ text, place }, kind, problems)
  if (!compiled) throw new Error(problems.list.map(problemText).join())
  return compiled
}

/** Tries every way to match, by the words of the docstring; exponential and obviously right. */
function slowly(pattern: string, text: string, kind: GlobKind): boolean {
  const crosses = kind === 'server' || kind === 'tool'
  if (pattern === '') return text === ''
  const rest = (from: number, by: number): boolean =>
    slowly(pattern.slice(by), text.slice(from), kind)
  if (!crosses && pattern.startsWith('**/')) {
    for (let at = 0; at <= text.length; at += 1)
      if ((at === 0 || text[at - 1] === '/') && rest(at, 3)) return true
    return false
  }
  if (pattern.startsWith('**') || pattern.startsWith('*')) {
    const deep = crosses || pattern.startsWith('**')
    for (let at = 0; at <= text.length; at += 1) {
      if (rest(at, pattern.startsWith('**') ? 2 : 1)) return true
      if (!deep && text[at] === '/') return false
    }
    return false
  }
  if (text === '') return false
  if (pattern[0] === '?') return (crosses || text[0] !== '/') && rest(1, 1)
  return pattern[0] === text[0] && rest(1, 1)
}

const kinds = fc.constantFrom<GlobKind>('server', 'tool', 'uri', 'path')
const namePattern = fc
  .array(fc.constantFrom('a', 'b', '/', '.', '*', '**', '?'), { minLength: 1, maxLength: 7 })
  .map((parts) => parts.join(''))
  .filter((text) => !text.includes('***'))
const pathPattern = fc
  .array(
    fc.oneof(
      fc.constant('**'),
      fc.array(fc.constantFrom('a', 'b', '.', '*', '?'), { maxLength: 3 }).map((s) => s.join('')),
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((segments) => segments.join('/'))
  .filter((text) => text !== '' && !/\*\*[^/]|[^/]\*\*/.test(text))
const pair = kinds.chain((kind) =>
  fc.tuple(fc.constant(kind), kind === 'server' || kind === 'tool' ? namePattern : pathPattern),
)
const texts = fc.array(fc.constantFrom('a', 'b', '/', '.'), { maxLength: 8 }).map((s) => s.join(''))

describe('compileGlob', () => {
  it.each<[GlobKind, string, string, boolean]>([
    ['tool', 'approve', 'approve', true],
    ['tool', 'approve', 'Approve', false],
    ['tool', 'approve', 'approve_all', false],
    ['tool', 'search_*', 'search_', true],
    ['tool', 'search_*', 'search_x', true],
    ['tool', 'search_*', 'xsearch_x', false],
    ['tool', 'delete_*', 'delete_/all', true],
    ['tool', '*', '', true],
    ['tool', '**', 'a/b', true],
    ['tool', '?', '/', true],
    ['tool', '?', '😀', true],
    ['tool', '?', '', false],
    ['tool', '??', '😀', false],
    ['tool', '*.x', '.x', true],
    ['server', 'files*', 'files-2', true],
    ['uri', 'file:///srv/*', 'file:///srv/a', true],
    ['uri', 'file:///srv/*', 'file:///srv/a/b', false],
    ['uri', 'file:///srv/*', 'file:///srv/.env', true],
    ['uri', 'file:///srv/**', 'file:///srv/a/.b/c', true],
    ['uri', 'file:///srv/**', 'file:///srv/', true],
    ['uri', 'file:///srv/**', 'file:///srv', false],
    ['uri', 'file:///srv/**', 'file:///srv_evil/a', false],
    ['path', '/srv/**/x', '/srv/x', true],
    ['path', '/srv/**/x', '/srv/a/b/x', true],
    ['path', '/srv/**/x', '/srv/ax', false],
    ['path', '/srv/?', '/srv//', false],
    ['path', '**/x', 'x', true],
    ['path', '**/x', 'a/x', true],
    ['path', '**/x', 'ax', false],
    ['path', '**', '', true],
    ['path', 'a/**/**/b', 'a/b', true],
    ['path', '/ws/*.md', '/ws/../../etc/x.md', false],
    ['tool', 'a.b', 'axb', false],
    ['tool', 'a+$^|b', 'a+$^|b', true],
    ['tool', 'a*', 'a\n', true],
  ])('%s %s on %j is %s', (kind, pattern, text, expected) => {
    expect(glob(pattern, kind).matches(text)).toBe(expected)
  })

  it('agrees with the slow reference', () => {
    fc.assert(
      fc.property(pair, texts, ([kind, pattern], text) => {
        expect(glob(pattern, kind).matches(text)).toBe(slowly(pattern, text, kind))
      }),
      { numRuns: 20_000 },
    )
  })

  it('gives the same answer again, whatever was matched in between', () => {
    fc.assert(
      fc.property(pair, fc.array(texts, { minLength: 2, maxLength: 6 }), ([kind, pattern], all) => {
        const compiled = glob(pattern, kind)
        const first = all.map(compiled.matches)
        expect(all.toReversed().map(compiled.matches).toReversed()).toStrictEqual(first)
      }),
    )
  })

  it('is literal without a wildcard, and then is equality', () => {
    expect(glob('vendors/approve', 'tool').literal).toBe(true)
    expect(glob('vendors/approv?', 'tool').literal).toBe(false)
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string(), (pattern, text) => {
        fc.pre(!/[*?[\]\\!{(]|\p{C}/u.test(pattern))
        const compiled = glob(pattern, 'tool')
        expect(compiled.matches(pattern)).toBe(true)
        expect(compiled.matches(text)).toBe(text === pattern)
      }),
    )
  })

  it.each<[GlobKind, string, string]>([
    ['tool', '', 'is empty'],
    ['tool', '!x', 'holds `!`'],
    ['tool', '[ab]', 'holds `[`'],
    ['tool', 'a]', 'holds `]`'],
    ['tool', '{a,b}', 'holds `{`'],
    ['tool', '+(a)', 'holds `(`'],
    ['tool', 'a\\*', 'holds `\\`'],
    ['tool', 'a***', 'holds `***`'],
    ['tool', 'a\u200b*', 'cannot be seen'],
    ['tool', 'a\u0000', 'cannot be seen'],
    ['tool', 'x'.repeat(513), 'longer than 512'],
    ['uri', 'a**', 'joins `**`'],
    ['path', '/a/**b/c', 'joins `**`'],
    ['path', '/a/b**', 'joins `**`'],
  ])('refuses the %s pattern %j', (kind, pattern, words) => {
    const problems = new Problems()
    expect(compileGlob({ text: pattern, place }, kind, problems)).toBeUndefined()
    const [problem] = problems.list
    expect(problem?.id).toBe('invalid_glob')
    expect(problem?.message).toContain(words)
    expect(problem?.remedy).toBeTruthy()
    expect(problem?.place).toStrictEqual(place)
  })

  it('matches no value over 4,096 units by a wildcard', () => {
    expect(glob('a*', 'tool').matches('a'.repeat(4096))).toBe(true)
    expect(glob('a*', 'tool').matches('a'.repeat(4097))).toBe(false)
    expect(glob('**/b', 'path').matches(`${'a/'.repeat(2047)}b`)).toBe(true)
    expect(glob('**/b', 'path').matches(`${'a/'.repeat(2048)}b`)).toBe(false)
  })

  it('reads each character of a hostile value once, however many ways there are to match it', () => {
    const compiled = glob(`${'*a'.repeat(250)}b`, 'tool')
    let steps = 0
    const text = 'a'.repeat(4096)
    const counted = new Proxy(new String(text), {
      get(target, key) {
        if (key === 'codePointAt')
          return (at: number) => {
            steps += 1
            return text.codePointAt(at)
          }
        const value: unknown = Reflect.get(target, key)
        return typeof value === 'function' ? (value as () => unknown).bind(target) : value
      },
    }) as unknown as string
    expect(compiled.matches(counted)).toBe(false)
    expect(steps).toBe(4096)
  })
})

describe('globsOverlap', () => {
  it.each<[GlobKind, string, string, boolean]>([
    ['tool', 'search_*', 'approve', false],
    ['tool', 'search_*', 'search_all', true],
    ['tool', '*_all', 'search_*', true],
    ['tool', 'a?', 'a', false],
    ['tool', 'a*b', 'b*a', false],
    ['tool', 'a*', '*b', true],
    ['tool', '*x*', '*y*', true],
    ['tool', 'delete_*', 'delete_/all', true],
    ['uri', 'file:///a/*', 'file:///a/b/c', false],
    ['uri', 'file:///a/**', 'file:///a/b/c', true],
    ['uri', 'file:///a/**/c', 'file:///a/*', true],
    ['uri', 'file:///a/**/c', 'file:///a/*/d', false],
    ['path', '/a/?/c', '/a/**/c', true],
    ['path', '/a/*', '/a/*/*', false],
    ['tool', '[', 'a', true],
  ])('%s %s and %s: %s', (kind, a, b, expected) => {
    expect(globsOverlap(a, b, kind)).toBe(expected)
    expect(globsOverlap(b, a, kind)).toBe(expected)
  })

  it('is true exactly when some text is matched by both', () => {
    const all = everyText(5)
    fc.assert(
      fc.property(
        kinds.chain((kind) => {
          const pattern = kind === 'server' || kind === 'tool' ? namePattern : pathPattern
          return fc.tuple(fc.constant(kind), pattern, pattern)
        }),
        ([kind, a, b]) => {
          const left = glob(a, kind)
          const right = glob(b, kind)
          const witness = all.some((text) => left.matches(text) && right.matches(text))
          const overlap = globsOverlap(a, b, kind)
          expect(overlap || !witness).toBe(true)
          // The shortest text that two patterns share is no longer than both together.
          expect(witness || !overlap || a.length + b.length > 5).toBe(true)
        },
      ),
      { numRuns: 1_500 },
    )
  })

  it('a pattern overlaps itself and `**`', () => {
    fc.assert(
      fc.property(pair, ([kind, pattern]) => {
        expect(globsOverlap(pattern, pattern, kind)).toBe(true)
        expect(globsOverlap(pattern, '**', kind)).toBe(true)
      }),
    )
  })
})

/** Every text over the alphabet of the patterns, up to a length. */
function everyText(length: number): readonly string[] {
  let last = ['']
  const all = [...last]
  for (let i = 0; i < length; i += 1) {
    last = last.flatMap((text) => ['a', 'b', '/', '.', 'z'].map((next) => text + next))
    all.push(...last)
  }
  return all
}
