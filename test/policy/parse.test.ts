/** What a policy file may say, and what a person is told who wrote something else. */
import { expect, test } from 'vitest'
import { policies, problemsOf, ruled } from './written.ts'

const WHOLE = `policy: acme-guardrails
owner: security@acme.example
description: what nobody may do
timezone: Europe/Berlin
sets: { partners: [acme.example, partner.example] }
classify:
  - { tools: ["mail/*"], effect: send, data: [personal] }
labels:
  - { tools: ["web/*"], servers: [news], add: [untrusted] }
rules:
  - id: no-writes-off-hours
    effect: forbid
    effects: [write, send, delete, pay]
    unless: within(now, "Mon-Fri 08:00-18:00")
  - id: listed
    effect: forbid
    mode: shadow
    tools: [mail/send]
    agents: ["procurement-*"]
    purposes: ["PROC-*"]
    environments: [prod]
    risk: [high, elevated]
    labels: [untrusted]
    data: [personal]
    unlessArgs: { to: { each: { email: { domain: $partners } } } }
  - id: large
    effect: require_approval
    effects: [pay]
    when: args.amount > 10000
    approval: { from: ["group:cfo"], quorum: 2, expires: 30m, assurance: passkey, except: [owner, approvers] }
  - id: redact
    effect: oblige
    obligation: { type: redact, detectors: [secrets], paths: [structuredContent.users.*.token] }
  - id: size
    effect: oblige
    obligation: { type: limit_output, bytes: 64KiB, over: cut }
  - id: tell
    effect: oblige
    obligation: { type: notify, to: security }
  - id: mark
    effect: oblige
    obligation: { type: label, add: [confidential] }
ignore:
  - { finding: no_test, rule: large, reason: tried by hand }
`

test('everything that a policy may say is read', () => {
  const set = policies(WHOLE)
  expect(set.rules.map(({ source }) => source.name)).toEqual([
    'acme-guardrails#large',
    'acme-guardrails#listed',
    'acme-guardrails#mark',
    'acme-guardrails#no-writes-off-hours',
    'acme-guardrails#redact',
    'acme-guardrails#size',
    'acme-guardrails#tell',
  ])
  expect(set.files[0]).toMatchObject({
    name: 'acme-guardrails',
    owner: 'security@acme.example',
    timezone: 'Europe/Berlin',
    ignore: [{ finding: 'no_test', rule: 'large', reason: 'tried by hand' }],
  })
  const [large, listed, , , redact, size] = set.rules.map(({ source }) => source)
  expect(large?.approval).toEqual({
    from: ['group:cfo'],
    quorum: 2,
    expiresInMs: 1_800_000,
    assurance: 'passkey',
    except: ['owner', 'approvers'],
  })
  expect(listed).toMatchObject({ mode: 'shadow', risk: ['high', 'elevated'], data: ['personal'] })
  expect(redact?.obligation).toEqual({
    type: 'redact',
    detectors: ['secrets'],
    paths: ['structuredContent.users.*.token'],
  })
  expect(size?.obligation).toEqual({ type: 'limit_output', bytes: 65_536, over: 'cut' })
  expect([...set.webhooks.keys()]).toEqual(['security'])
})

test('a policy in shadow has no rule that is not', () => {
  const set = policies(
    'policy: p\nmode: shadow\nrules:\n  - { id: a, effect: forbid, mode: enforce }\n',
  )
  expect(set.rules.map(({ source }) => source.mode)).toEqual(['shadow'])
})

interface Wrong {
  readonly text: string
  readonly id: string
  readonly line: number
  readonly remedy: RegExp
}

const WRONG: readonly Wrong[] = [
  { text: 'rules: []', id: 'missing_member', line: 1, remedy: /policy: acme-guardrails/ },
  { text: 'policy: a b', id: 'invalid_name', line: 1, remedy: /letters, digits/ },
  { text: 'policy: p\nrulez: []', id: 'unknown_member', line: 2, remedy: /did you mean `rules`/ },
  { text: 'policy: p\nmode: off', id: 'unknown_word', line: 2, remedy: /enforce/ },
  { text: 'policy: p\ntimezone: Mars/One', id: 'invalid_zone', line: 2, remedy: /Europe\/Berlin/ },
  { text: 'policy: p\nsets: { a: [] }', id: 'empty_list', line: 2, remedy: /name its values/ },
  { text: 'policy: p\nsets: { a: [1, b] }', id: 'mixed_set', line: 2, remedy: /split it/ },
  { text: 'policy: p\nsets: { a-b: [1] }', id: 'invalid_name', line: 2, remedy: /sets\.name/ },
  { text: ruled('  - { effect: forbid }'), id: 'missing_member', line: 3, remedy: /id: / },
  { text: ruled('  - { id: a }'), id: 'missing_member', line: 3, remedy: /forbid/ },
  { text: ruled('  - { id: a, effect: permit }'), id: 'unknown_word', line: 3, remedy: /forbid/ },
  {
    text: ruled('  - { id: a, effect: forbid, tools: [] }'),
    id: 'empty_list',
    line: 3,
    remedy: /at least one/,
  },
  {
    text: ruled('  - { id: a, effect: forbid, tools: [send] }'),
    id: 'invalid_target',
    line: 3,
    remedy: /server\/tool/,
  },
  {
    text: ruled('  - { id: a, effect: forbid, tools: ["mail/{a,b}"] }'),
    id: 'invalid_glob',
    line: 3,
    remedy: /./,
  },
  {
    text: ruled('  - { id: a, effect: forbid, args: { to: { present: true } } }'),
    id: 'args_in_rule',
    line: 3,
    remedy: /unlessArgs/,
  },
  {
    text: ruled('  - { id: a, effect: forbid, otherArgs: permit }'),
    id: 'contradiction',
    line: 3,
    remedy: /remove/,
  },
  {
    text: ruled('  - { id: a, effect: forbid, unlessArgs: {} }'),
    id: 'empty_list',
    line: 3,
    remedy: /at least one/,
  },
  {
    text: ruled('  - { id: a, effect: forbid, unlessArgs: { to: { one_of: $nobody } } }'),
    id: 'unknown_set',
    line: 3,
    remedy: /sets/,
  },
  {
    text: ruled('  - { id: a, effect: forbid, unlessArgs: { to: { named_in: [purpose] } } }'),
    id: 'unknown_constraint',
    line: 3,
    remedy: /set/,
  },
  {
    text: ruled('  - { id: a, effect: require_approval }'),
    id: 'missing_member',
    line: 3,
    remedy: /from/,
  },
  {
    text: ruled('  - { id: a, effect: require_approval, approval: { from: [lee], quorum: 2 } }'),
    id: 'impossible_quorum',
    line: 3,
    remedy: /name more/,
  },
  {
    text: ruled('  - { id: a, effect: forbid, approval: { from: [lee] } }'),
    id: 'contradiction',
    line: 3,
    remedy: /remove/,
  },
  { text: ruled('  - { id: a, effect: oblige }'), id: 'missing_member', line: 3, remedy: /redact/ },
  {
    text: ruled('  - { id: a, effect: oblige, obligation: { type: dance } }'),
    id: 'unknown_word',
    line: 3,
    remedy: /redact/,
  },
  {
    text: ruled('  - { id: a, effect: oblige, obligation: { type: redact, bytes: 3 } }'),
    id: 'unknown_member',
    line: 3,
    remedy: /detectors/,
  },
  {
    text: ruled('  - { id: a, effect: oblige, obligation: { type: redact } }'),
    id: 'missing_member',
    line: 3,
    remedy: /detectors/,
  },
  {
    text: ruled('  - { id: a, effect: oblige, obligation: { type: redact, paths: ["a..b"] } }'),
    id: 'invalid_path',
    line: 3,
    remedy: /structuredContent/,
  },
  {
    text: ruled('  - { id: a, effect: oblige, obligation: { type: limit_output, bytes: 3 } }'),
    id: 'invalid_size',
    line: 3,
    remedy: /64KiB/,
  },
  {
    text: ruled('  - { id: a, effect: forbid, when: args.amount >> 3 }'),
    id: 'invalid_condition',
    line: 3,
    remedy: /./,
  },
  {
    text: ruled('  - { id: a, effect: forbid, when: \'args.x.matches("a")\' }'),
    id: 'unknown_function',
    line: 3,
    remedy: /pattern/,
  },
  {
    text: ruled('  - { id: a, effect: forbid, when: \'"a" in sets.nobody\' }'),
    id: 'unknown_set',
    line: 3,
    remedy: /./,
  },
  {
    text: ruled('  - { id: a, effect: forbid }\n  - { id: a, effect: forbid }'),
    id: 'duplicate_rule',
    line: 4,
    remedy: /rename/,
  },
]

test.each([
  'files/FILE:///srv/secret/**',
  'files//srv/secret/**',
  'files/file:/srv/**',
  'files/file:///srv/My Docs/**',
  'files/file://localhost/srv/**',
  'web/https://Example.com/**',
])('a pattern that no canonical URI matches is refused: %s', (pattern) => {
  const text = ruled(`  - { id: a, effect: forbid, resources: ["${pattern}"] }`)
  expect(problemsOf(text).map(({ id }) => id)).toEqual(['unreachable_pattern'])
})

test.each(['files/**', 'files/file:///srv/**', 'web/https://*.example.com:*/**', 'db/db://?/a'])(
  'a pattern that some canonical URI matches is none: %s',
  (pattern) => {
    const text = ruled(`  - { id: a, effect: forbid, resources: ["${pattern}"] }`)
    expect(problemsOf(text)).toEqual([])
  },
)

test.each(WRONG)('$id: $text', ({ text, id, line, remedy }) => {
  const found = problemsOf(text).filter(({ level }) => level === 'error')
  const own = found.find((problem) => problem.id === id)
  expect(found.map((problem) => problem.id)).toContain(id)
  expect(own?.place).toMatchObject({ file: 'p.yaml', line })
  expect(own?.remedy).toMatch(remedy)
})

test('a set of which one file is bad does not load at all', () => {
  const good = ruled('  - { id: a, effect: forbid }')
  expect(problemsOf({ 'a.yaml': good, 'b.yaml': 'policy: b\nrulez: []' })).toHaveLength(1)
  expect(() => policies({ 'a.yaml': good, 'b.yaml': 'policy: b\nrulez: []' })).toThrow(/rulez/)
})

test('two files of one name, and one set in two files, are refused', () => {
  const a = 'policy: p\nsets: { x: [a] }\n'
  const ids = problemsOf({ 'a.yaml': a, 'b.yaml': a }).map(({ id }) => id)
  expect(ids.toSorted()).toEqual(['duplicate_policy', 'duplicate_set'])
})
