import { expect, test } from 'vitest'
import { HEAD, parse } from './written.ts'

const overlaps = (body: string, roles?: Record<string, string>) =>
  parse(HEAD + body, roles).problems.filter(({ id }) => id === 'wildcard_overlap')

test('a wildcard over a constrained grant shows both places', () => {
  const found = overlaps('tools:\n  vendors/*: {}\n  vendors/approve: { otherArgs: refuse }\n')
  expect(found).toMatchObject([
    {
      level: 'error',
      place: { file: 'm.yaml', line: 6, column: 3 },
      message:
        'the wildcard `tools.vendors/*` overlaps `tools.vendors/approve` at m.yaml:7:3, and their constraints would mix',
    },
  ])
  expect(found[0]?.remedy).toBeTruthy()
})

test.each([
  ['args', 'args: {}'],
  ['a condition', 'when: args.amount < 5'],
  ['an approval', 'approval: { from: [lee] }'],
  ['a closed world', 'otherArgs: refuse'],
])('%s on either of the two is enough', (_what, duty) => {
  expect(overlaps(`tools:\n  v/*: {}\n  v/a: { ${duty} }\n`)).toHaveLength(1)
  expect(overlaps(`tools:\n  v/*: { ${duty} }\n  v/a: {}\n`)).toHaveLength(1)
  expect(overlaps(`tools:\n  v/a*: { ${duty} }\n  v/*b: {}\n`)).toHaveLength(1)
  expect(overlaps(`tools:\n  "*/a": { ${duty} }\n  v/a: {}\n`)).toHaveLength(1)
})

test.each([
  ['neither is constrained', 'tools:\n  v/*: { effect: read }\n  v/a: { effect: write }\n'],
  ['they do not overlap', 'tools:\n  v/a*: { otherArgs: refuse }\n  v/b: {}\n'],
  ['their servers differ', 'tools:\n  v/*: { otherArgs: refuse }\n  w/b: {}\n'],
  ['they are of two kinds', 'tools:\n  v/*: { otherArgs: refuse }\nprompts:\n  v/b: {}\n'],
])('there is none where %s', (_what, body) => {
  expect(overlaps(body)).toEqual([])
})

test('one exact tool in the mandate and in a role is none: their duties add up', () => {
  const body = 'roles: [r]\ntools:\n  v/a: { otherArgs: refuse }\n'
  const role = (tools: string) => ({ 'policies/roles/r.yaml': `role: r\ntools: ${tools}\n` })
  expect(overlaps(body, role('{ v/a: { otherArgs: refuse } }'))).toEqual([])
  expect(overlaps(body, role('{ v/*: {} }'))).toMatchObject([
    { place: { file: 'policies/roles/r.yaml', line: 2, column: 10 } },
  ])
})

test('each pair is shown once', () => {
  const body = 'tools:\n  v/a*: { otherArgs: refuse }\n  v/*a: { otherArgs: refuse }\n  v/*: {}\n'
  expect(overlaps(body)).toHaveLength(3)
})
