import { describe, expect, test } from 'vitest'
import { scopesToAsk, type Wishes } from '../../src/credential/asked.ts'

const NOTHING: Wishes = {
  set: undefined,
  challenged: undefined,
  suggested: [],
  granted: [],
  offered: undefined,
}

test.each<readonly [string, Partial<Wishes>, readonly string[]]>([
  ['nothing where nobody says anything', {}, []],
  ['what was wanted, not what is suggested', { challenged: ['a'], suggested: ['b', 'c'] }, ['a']],
  [
    'all that is suggested, where nothing was said to be wanted',
    { suggested: ['b', 'c'] },
    ['b', 'c'],
  ],
  [
    'what was granted, and what is wanted beside it',
    { granted: ['a'], challenged: ['b', 'a'] },
    ['a', 'b'],
  ],
  [
    'what the operator says, and nothing else',
    { set: ['x'], granted: ['a'], challenged: ['b'] },
    ['x'],
  ],
  ['nothing, where the operator says so', { set: [], challenged: ['b'] }, []],
])('%s', (_what, over, asked) => {
  expect(scopesToAsk({ ...NOTHING, ...over })).toEqual(asked)
})

describe('offline_access', () => {
  test.each<readonly [string, Partial<Wishes>, readonly string[]]>([
    [
      'is asked for where the authorization server lists it',
      { suggested: ['a'], offered: ['a', 'offline_access'] },
      ['a', 'offline_access'],
    ],
    [
      'is never where it lists others',
      { suggested: ['a', 'offline_access'], offered: ['a'] },
      ['a'],
    ],
    ['is never where it lists none', { granted: ['offline_access', 'a'] }, ['a']],
    ['is not asked for alone', { offered: ['offline_access'] }, []],
    [
      'is left to the operator who names scopes',
      { set: ['a'], offered: ['offline_access'] },
      ['a'],
    ],
  ])('%s', (_what, over, asked) => {
    expect(scopesToAsk({ ...NOTHING, ...over })).toEqual(asked)
  })
})

test('more than anybody means is refused', () => {
  const many = (from: number): string[] => Array.from({ length: 40 }, (_, n) => `s${from + n}`)
  expect(() => scopesToAsk({ ...NOTHING, granted: many(0), challenged: many(40) })).toThrow(
    'more than 64 scopes are due',
  )
})
