import { describe, expect, test } from 'vitest'
import { HEAD, parse } from './written.ts'

/** id, line and column of each problem; what is tested stands from line 5 on, after the head. */
type Row = readonly [what: string, body: string, id: string, line: number, column: number]

const GRANT = 'tools:\n  files/read:\n    '

const BODY: readonly Row[] = [
  ['an unknown member', 'agnet: x', 'unknown_member', 5, 1],
  ['an unknown member of a grant', `${GRANT}efect: read`, 'unknown_member', 7, 5],
  ['an unknown effect', `${GRANT}effect: raed`, 'unknown_word', 7, 13],
  ['a grant that is nothing', 'tools:\n  files/read:', 'wrong_type', 6, 3],
  ['tools that are a list', 'tools: [files/read]', 'wrong_type', 5, 8],
  ['a tool without its server', 'tools:\n  read: {}', 'invalid_target', 6, 3],
  ['a tool without its name', 'tools:\n  files/: {}', 'invalid_target', 6, 3],
  ['a glob with braces', 'tools:\n  "files/{a,b}": {}', 'invalid_glob', 6, 3],
  ['a glob with a class', 'tools:\n  "files/[ab]": {}', 'invalid_glob', 6, 3],
  ['a glob with a negation', 'tools:\n  "files/!x": {}', 'invalid_glob', 6, 3],
  ['a glob with an extended pattern', 'tools:\n  "files/@(a)": {}', 'invalid_glob', 6, 3],
  ['a glob with a backslash', "tools:\n  'files/\\x': {}", 'invalid_glob', 6, 3],
  ['a glob with braces in never', 'never: ["files/{a,b}"]', 'invalid_glob', 5, 9],
  ['a never without a server', 'never: [delete]', 'invalid_target', 5, 9],
  ['a never that is a text', 'never: files/delete', 'wrong_type', 5, 8],
  ['an unquoted star', 'never: [*/delete]', 'alias', 5, 9],
  [
    'an unknown argument rule',
    `${GRANT}args: { path: { inside: /a } }`,
    'unknown_constraint',
    7,
    21,
  ],
  [
    'an impossible range',
    `${GRANT}args: { n: { range: { min: 5, max: 1 } } }`,
    'empty_range',
    7,
    25,
  ],
  ['args that are a list', `${GRANT}args: [path]`, 'wrong_type', 7, 11],
  ['otherArgs that are neither', `${GRANT}otherArgs: allow`, 'unknown_word', 7, 16],
  ['CEL that does not parse', `${GRANT}when: args.n >`, 'invalid_condition', 7, 19],
  [
    'an unknown time zone',
    `${GRANT}when: within(now, "Mon-Fri 09:00-17:00", "Europe/Berln")`,
    'invalid_window',
    7,
    11,
  ],
  ['an approval by nobody', `${GRANT}approval: { from: [] }`, 'empty_list', 7, 23],
  ['an approval without from', `${GRANT}approval: { expires: 15m }`, 'missing_member', 7, 15],
  ['an approval by an empty text', `${GRANT}approval: { from: [""] }`, 'empty_text', 7, 24],
  ['an approval by a number', `${GRANT}approval: { from: [7] }`, 'wrong_type', 7, 24],
  [
    'an approval that lasts no time',
    `${GRANT}approval: { from: [a], expires: 0s }`,
    'invalid_duration',
    7,
    37,
  ],
  [
    'an approval that lasts a number',
    `${GRANT}approval: { from: [a], expires: 15 }`,
    'wrong_type',
    7,
    37,
  ],
  ['a malformed limit', `${GRANT}limit: many`, 'wrong_type', 7, 12],
  ['a credential', `${GRANT}credential: x`, 'not_enforced', 7, 17],

  ['a malformed budget', 'budgets: [{ idd: calls }]', 'unknown_member', 5, 13],
  ['a review of nothing', 'review: [{ on: full_moon, then: suspend }]', 'unknown_word', 5, 16],
  [
    'a review that does nothing',
    'review: [{ on: due, at: 2026-12-01T00:00:00Z }]',
    'missing_member',
    5,
    10,
  ],
  [
    'a review of no tool',
    'review: [{ on: denials, over: 5, within: 10m, then: suspend_tool }]',
    'invalid_action',
    5,
    10,
  ],
  [
    'a review that tells nobody',
    'review: [{ on: first_use, then: notify }]',
    'missing_member',
    5,
    10,
  ],
  [
    'a member of another review',
    'review: [{ on: first_use, over: 5, then: suspend }]',
    'unknown_member',
    5,
    33,
  ],
  ['a share of nothing', 'review: [{ on: budget, over: 0%, then: suspend }]', 'wrong_type', 5, 30],
  [
    'no number of denials',
    'review: [{ on: denials, over: 0, within: 10m, then: suspend }]',
    'wrong_type',
    5,
    31,
  ],
  ['a nap', 'review: [{ on: dormant, after: 3h, then: suspend }]', 'too_short', 5, 32],
  ['a delegation', 'delegation: { depth: 1, to: [x] }', 'not_enforced', 5, 13],
  ['a delegation of no depth at all', 'delegation: { depth: -1 }', 'wrong_type', 5, 22],
  ['on behalf of somebody', 'onBehalfOf: { issuer: "https://idp.example" }', 'not_enforced', 5, 13],
  ['on behalf of a text', 'onBehalfOf: dana', 'wrong_type', 5, 13],
  ['an environment that is a text', 'environment: prod', 'wrong_type', 5, 14],
  ['an unknown environment', 'environment: [production]', 'unknown_word', 5, 15],
  ['no environment at all', 'environment: []', 'empty_list', 5, 14],
  ['an environment twice', 'environment: [prod, prod]', 'duplicate_item', 5, 21],
  ['an approval of the mandate without a time', 'approved: { by: [lee] }', 'missing_member', 5, 11],
  [
    'an approval of the mandate at a bare date',
    'approved: { by: [lee], at: 2026-11-20 }',
    'invalid_time',
    5,
    28,
  ],
  ['an unknown request', 'requests: { files: [elicit] }', 'unknown_word', 5, 21],
  ['a request of every server', 'requests: { "*": [roots] }', 'invalid_target', 5, 13],
  ['a context that is a list', 'context: [a]', 'wrong_type', 5, 10],
  ['an owner with a line break', 'owner: "a\\nb"', 'invalid_name', 5, 8],
  ['a missing role', 'roles: [reader]', 'missing_role', 5, 9],
  ['a role that is a path', 'roles: [../reader]', 'invalid_name', 5, 9],
  ['a resource with arguments', 'resources:\n  "f/file:///a": { args: {} }', 'no_arguments', 6, 26],
  [
    'a resource that no URI can be',
    'resources:\n  "f/file:///a/../b/**": {}',
    'unreachable_pattern',
    6,
    3,
  ],
  ['a duplicate key', 'tools:\n  files/read: {}\n  files/read: {}', 'duplicate_key', 7, 3],
  ['an anchor', 'tools: &x {}', 'anchor', 5, 8],
]

describe.each(BODY)('a mandate with %s', (_what, body, id, line, column) => {
  test(`does not load: ${id}, with its place and a remedy`, () => {
    const { mandate, problems } = parse(HEAD + body)
    expect(mandate).toBeUndefined()
    expect(
      problems.map((problem) => [problem.id, problem.place?.line, problem.place?.column]),
    ).toContainEqual([id, line, column])
    expect(problems.filter((problem) => (problem.remedy ?? '') === '')).toEqual([])
  })
})

const VALID = 'valid: { until: 2026-12-31T18:00:00Z }\n'
const WHOLE: readonly Row[] = [
  ['nothing in it', '', 'empty_document', 1, 1],
  ['a list in it', '- a', 'wrong_type', 1, 1],
  ['a text in it', 'hello', 'wrong_type', 1, 1],
  ['no name', `agent: a\npurpose: p\n${VALID}`, 'missing_member', 1, 1],
  ['no agent', `mandate: m\npurpose: p\n${VALID}`, 'missing_member', 1, 1],
  ['an empty agent', `mandate: m\nagent: ""\npurpose: p\n${VALID}`, 'empty_text', 2, 8],
  ['an agent that is a number', `mandate: m\nagent: 1\npurpose: p\n${VALID}`, 'wrong_type', 2, 8],
  ['no purpose', `mandate: m\nagent: a\n${VALID}`, 'missing_member', 1, 1],
  [
    'a purpose without a text',
    `mandate: m\nagent: a\npurpose: { ref: X }\n${VALID}`,
    'missing_member',
    3,
    10,
  ],
  ['a blank purpose', `mandate: m\nagent: a\npurpose: " "\n${VALID}`, 'empty_text', 3, 10],
  ['no end', 'mandate: m\nagent: a\npurpose: p\n', 'missing_member', 1, 1],
  [
    'a beginning without an end',
    'mandate: m\nagent: a\npurpose: p\nvalid: { from: 2026-12-31T18:00:00Z }',
    'missing_member',
    4,
    8,
  ],
  [
    'a bare date as its end',
    'mandate: m\nagent: a\npurpose: p\nvalid: { until: 2026-12-31 }',
    'invalid_time',
    4,
    17,
  ],
  [
    'a local time as its end',
    'mandate: m\nagent: a\npurpose: p\nvalid: { until: 2026-12-31T18:00:00 }',
    'invalid_time',
    4,
    17,
  ],
  [
    'a day that does not exist',
    'mandate: m\nagent: a\npurpose: p\nvalid: { until: 2026-02-30T18:00:00Z }',
    'invalid_time',
    4,
    17,
  ],
  [
    'an end before its start',
    'mandate: m\nagent: a\npurpose: p\nvalid: { from: 2026-12-31T18:00:00Z, until: 2026-12-01T00:00:00Z }',
    'end_before_start',
    4,
    45,
  ],
  [
    'an end at its start',
    'mandate: m\nagent: a\npurpose: p\nvalid: { from: 2026-12-01T00:00:00Z, until: 2026-12-01T01:00:00+01:00 }',
    'end_before_start',
    4,
    45,
  ],
]

describe.each(WHOLE)('a mandate with %s', (_what, text, id, line, column) => {
  test(`does not load: ${id}, with its place and a remedy`, () => {
    const { mandate, problems } = parse(text)
    expect(mandate).toBeUndefined()
    expect(problems[0]).toMatchObject({ id, place: { file: 'm.yaml', line, column } })
    expect(problems[0]?.remedy).toBeTruthy()
  })
})

test('every problem of a mandate is found at once', () => {
  const { problems } = parse('mandate: m\nagnet: x\nvalid: { until: soon }\ntools: { x: {} }\n')
  expect(problems.map(({ id }) => id).toSorted()).toEqual([
    'invalid_target',
    'invalid_time',
    'missing_member',
    'missing_member',
    'unknown_member',
  ])
})

test('an unknown name is answered with the nearest that is known', () => {
  const { problems } = parse(
    `${HEAD}owner: o\nenviroment: [prod]\ntools: { a/b: { effect: wirte } }`,
  )
  expect(problems.map(({ remedy }) => remedy)).toEqual([
    'did you mean `environment`?',
    'did you mean `write`?',
  ])
})
