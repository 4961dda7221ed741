import { describe, expect, test } from 'vitest'
import { FINDINGS } from '../../src/policy/lint/finding.ts'
import { readText } from '../../src/document/read.ts'
import { rulesTested } from '../../src/policy/lint/tested.ts'
import { compiled } from '../mandate/written.ts'
import { ids, lines, schemed } from './lint-written.ts'
import { policies, ruled } from './written.ts'

const rule = (body: string): string => `  - { id: r, effect: forbid, ${body} }\n`

describe('targets', () => {
  test('a tool that no upstream has is an error, with the name that is near', () => {
    expect(lines(rule('tools: [mail/sned]'))).toEqual([
      'error unknown_tool acme#r 3: no upstream has a tool `mail/sned` (did you mean `mail/send`?)',
    ])
  })
  test('a wildcard that matches nothing yet is a warning', () => {
    expect(lines(rule('tools: ["mail/delete_*"]'))).toEqual([
      expect.stringMatching(/^warning unknown_tool acme#r /),
    ])
  })
  test('a server that does not exist', () => {
    expect(lines(rule('tools: [mial/send]'))[0]).toBe(
      'error unknown_server acme#r 3: no upstream is named `mial` (did you mean `mail`?)',
    )
    expect(ids({ 'p.yaml': 'policy: p\nlabels:\n  - { servers: [wbe], add: [x] }\n' })).toEqual([
      'unknown_server',
    ])
  })
  test('of classifications, labels and engines, too', () => {
    const text = `policy: p
classify: [ { tools: [mail/sned], effect: send } ]
labels: [ { tools: [mail/raed], add: [seen] } ]
`
    const place = { file: 'engines.yaml', line: 2, column: 1 }
    const targets = [{ kind: 'tool', server: 'mail', name: 'x', place }] as const
    const engines = [{ id: 'opa', mode: 'enforce', effects: [], targets }] as const
    expect(
      lines({ 'p.yaml': text }, { engines }).map((one) => one.split(' ', 4).join(' ')),
    ).toEqual([
      'error unknown_tool engine:opa 2:',
      'error unknown_tool - 2:',
      'error unknown_tool p#labels[0] 3:',
    ])
  })
  test('what exists, whatever is acted on, and a server that could not be asked are none', () => {
    expect(ids(rule('tools: [mail/send]'))).toEqual([])
    expect(ids(rule('tools: ["**"]'))).toEqual([])
    expect(
      ids(rule('tools: [web/get]'), { servers: ['web', 'mail'], silent: new Set(['web']) }),
    ).toEqual([])
  })
  test('nobody asked the upstreams: nothing is said of them', () => {
    expect(
      ids(rule('tools: [mail/sned], when: args.no > 1'), { tools: undefined as never }),
    ).toEqual([])
  })
})

describe('arguments', () => {
  test('a misspelt argument of a tool that is named is an error', () => {
    expect(lines(rule('tools: [vendors/approve], when: args.amonut > 5'))).toEqual([
      'error unknown_argument acme#r 3: the tool has no argument `amonut`, for `vendors/approve` (did you mean `amount`?)',
    ])
  })
  test('under a wildcard it is a warning that names the tools', () => {
    expect(lines(rule('tools: ["mail/*"], when: args.subject == "x"'))).toEqual([
      'warning unknown_argument acme#r 3: the tool has no argument `subject`, for `mail/read_inbox` (did you mean `subject`?)'.replace(
        /\(.*\)$/,
        '(there are `folder`)',
      ),
    ])
  })
  test('under a wildcard, whoever asks for it first knows that not every tool has it', () => {
    expect(ids(rule('tools: ["mail/*"], when: has(args.subject) && args.subject == "x"'))).toEqual(
      [],
    )
    expect(
      ids(rule('tools: [mail/send], when: has(args.subjcet) && args.subjcet == "x"')),
    ).toContain('unknown_argument')
  })
  test('what is exempt by an argument that the tool does not have never is', () => {
    expect(lines(rule('tools: [mail/send], unlessArgs: { too: { present: true } }'))).toEqual([
      'error unknown_argument acme#r 3: the tool has no argument `too`, so that no call is exempt, for `mail/send` (did you mean `to`?)',
    ])
    expect(ids(rule('tools: [mail/send], unlessArgs: { to: { present: true } }'))).toEqual([])
  })
  test('what may be left out exempts all the same, and is doubted only where one tool is named', () => {
    const exempt = 'unlessArgs: { to: { present: true }, too: { optional: true, length: 0..9 } }'
    expect(lines(rule(`tools: [mail/send], ${exempt}`))).toEqual([
      'error unknown_argument acme#r 3: the tool has no argument `too`, for `mail/send` (did you mean `to`?)',
    ])
    expect(ids(rule(`tools: ["mail/se*"], ${exempt}`))).toEqual([])
  })
  test('a comparison of two kinds', () => {
    expect(ids(rule('tools: [vendors/approve], when: args.amount == "5"'))).toEqual([
      'type_mismatch',
    ])
    expect(ids(rule('tools: [vendors/approve], when: args.amount == 5'))).toEqual([])
  })
  test('a value that cannot stand there', () => {
    const tools = [schemed('v/approve', { level: { type: 'string', enum: ['low', 'high'] } })]
    const written = (level: string): string =>
      rule(`tools: [v/approve], when: args.level == "${level}"`)
    expect(ids(written('hihg'), { tools })).toEqual(['impossible_value'])
    expect(ids(written('high'), { tools })).toEqual([])
  })
  test('effects select the tools that somebody classified', () => {
    expect(ids(rule('effects: [write], when: args.amuont > 5'))).toEqual(['unknown_argument'])
    const unknown = [schemed('x/y', { a: { type: 'string' } })]
    expect(ids(rule('effects: [write], when: args.amuont > 5'), { tools: unknown })).toEqual([])
  })
  test('an argument that may be left out, without has', () => {
    expect(lines(rule('tools: [mail/send], when: args.cc == "x"'))[0]).toMatch(
      /^warning optional_without_has acme#r 3: a call may leave out `cc`, and then the rule matches, since its condition cannot be evaluated, for `mail\/send` \(write `has\(args\.cc\) && …`/,
    )
    for (const when of [
      'has(args.cc) && args.cc == "x"',
      'args.cc == "x" && has(args.cc)',
      '!has(args.cc) || args.cc == "x"',
      '!(has(args.cc) && args.cc == "x")',
      'has(args.cc) ? args.cc == "x" : false',
      'args.subject == "x"',
    ])
      expect([when, ...ids(rule(`tools: [mail/send], when: '${when}'`))]).toEqual([when])
    for (const when of [
      'has(args.subject) && args.cc == "x"',
      'args.subject == "y" || args.cc == "x"',
    ])
      expect(ids(rule(`tools: [mail/send], when: '${when}'`))).toEqual(['optional_without_has'])
  })
  test('a duty that cannot be told is due: nobody needs has for it', () => {
    const text = `  - { id: r, effect: oblige, tools: [mail/send], when: 'args.cc == "x"', obligation: { type: label, add: [a] } }\n`
    expect(ids(text)).toEqual([])
  })
})

describe('never and always', () => {
  test.each([
    'args.amount > 5 && args.amount < 3',
    'args.vendor_id == "a" && args.vendor_id == "b"',
    'args.vendor_id in ["a", "b"] && args.vendor_id == "c"',
    'args.vendor_id.startsWith("a") && args.vendor_id == "b"',
    'has(args.vendor_id) && !has(args.vendor_id)',
    'size(args.vendor_id) < 0',
    'environment == "prod" && environment == "dev"',
    'session.calls("mail/send") > 5 && session.calls("mail/send") < 2',
    'within(now, "Mon-Fri 09:00-17:00", "UTC") && within(now, "Sat,Sun 00:00-24:00", "UTC")',
    'within(now, "Mon 09:00-10:00", "UTC") && now.getHours() == 9 && now.getHours() == 10',
    '1 > 2',
    'false',
  ])('`%s` is never true', (when) => {
    expect(ids(rule(`when: '${when}'`), { tools: undefined as never })).toEqual(['never_matches'])
  })
  test.each([
    'args.amount > 3 && args.amount < 5',
    'args.amount > 3 && args.amount < 4',
    'args.vendor_id == "a" || args.vendor_id == "b"',
    'args.vendor_id.startsWith("a") && args.vendor_id.endsWith("b")',
    'args.amount + 1 > 5 && args.amount + 1 < 3',
    'within(now, "Mon-Fri 22:00-06:00", "UTC") && within(now, "Sat 00:00-08:00", "UTC")',
    'within(now, "Mon 09:00-10:00", "UTC") && within(now, "Tue 09:00-10:00", "Pacific/Auckland")',
  ])('`%s` may be true', (when) => {
    expect(ids(rule(`when: '${when}'`), { tools: [] })).toEqual([])
  })
  test.each([
    'true',
    'args.a == 1 || !(args.a == 1)',
    'args.a > 1 || args.a <= 1',
    'risk in ["normal", "elevated", "high"]',
  ])('`%s` says nothing', (when) => {
    expect(ids(rule(`when: '${when}'`), { tools: [] })).toEqual(['always_matches'])
  })
  test('unless the other way round', () => {
    expect(ids(rule('unless: "true"'), { tools: [] })).toEqual(['never_matches'])
    expect(ids(rule('unless: args.a > 1 || args.a <= 1'), { tools: [] })).toEqual(['never_matches'])
    expect(ids(rule('unless: has(args.a) || !has(args.a)'), { tools: [] })).toEqual([
      'never_matches',
    ])
    expect(ids(rule('unless: args.a == 1 && args.a == 2'), { tools: [] })).toEqual([
      'always_matches',
    ])
    expect(ids(rule('when: args.a > 5, unless: args.a > 3'), { tools: [] })).toEqual([
      'never_matches',
    ])
    expect(ids(rule('when: args.a > 5, unless: args.a > 9'), { tools: [] })).toEqual([])
    expect(ids(rule(`risk: [high], when: 'risk == "normal"'`), { tools: [] })).toEqual([
      'never_matches',
    ])
  })
  test('selectors that no mandate meets', () => {
    const mandates = [compiled('environment: [prod]\ntools: {}\n')]
    const found = (body: string): readonly string[] => ids(rule(body), { mandates })
    expect(found('agents: ["agent-2*"]')).toEqual(['never_matches'])
    expect(found('purposes: ["CHG-*"]')).toEqual(['never_matches'])
    expect(found('environments: [dev]')).toEqual(['never_matches'])
    expect(found('agents: ["agent-*"], purposes: ["PROC-*"], environments: [prod]')).toEqual([])
    expect(ids(rule('agents: [nobody]'))).toEqual([])
  })
  test('effects that none of the tools has', () => {
    expect(ids(rule('tools: ["mail/*"], effects: [pay]'))).toEqual(['never_matches'])
    expect(ids(rule('tools: ["mail/*"], effects: [send]'))).toEqual([])
    // A resource may be anything where no mandate says so.
    expect(ids(rule('effects: [pay]'))).toEqual([])
    const mandates = [compiled('tools: {}\n')]
    expect(ids(rule('effects: [pay]'), { mandates })).toEqual(['never_matches'])
    expect(
      ids(rule('effects: [pay]'), {
        mandates: [compiled('tools: {}\nresources: { "v/x://**": {} }\n')],
      }),
    ).toEqual([])
  })
  test('a window that is the whole week', () => {
    expect(
      ids(rule(`unless: 'within(now, "Mon-Sun 00:00-24:00", "Europe/Berlin")'`), { tools: [] }),
    ).toContain('whole_week_window')
    expect(
      ids(rule(`unless: 'within(now, "Mon-Fri 00:00-24:00", "Europe/Berlin")'`), { tools: [] }),
    ).toEqual([])
  })
})

describe('what was called before', () => {
  const found = (when: string): readonly string[] => lines(rule(`when: '${when}'`))
  test('a tool that no upstream has', () => {
    expect(found('session.calls("mail/sned", "1h") > 3')).toEqual([
      'error unknown_tool acme#r 3: no upstream has a tool `mail/sned` (did you mean `mail/send`?)',
    ])
    expect(found('session.completed("vendors/aprove") > 0')[0]).toMatch(/^error unknown_tool /)
    expect(found('session.calls("mial/send") > 3')[0]).toMatch(/^error unknown_server /)
    expect(found('session.calls("mail/x*") > 3')[0]).toMatch(/^warning unknown_tool /)
    expect(found('session.calls("mail/*", "1h") > 3')).toEqual([])
  })
  test('an argument that the tool does not have', () => {
    const asked = (tool: string, name: string): readonly string[] =>
      found(`session.calledWith("${tool}", "${name}", "x")`)
    expect(asked('vendors/approve', 'vendorid')).toEqual([
      'error unknown_argument acme#r 3: `vendors/approve` is never called with an argument `vendorid` (did you mean `vendor_id`?)',
    ])
    expect(asked('vendors/*', 'vendorid')[0]).toMatch(/^warning unknown_argument /)
    expect(asked('vendors/approve', 'vendor_id')).toEqual([])
    expect(asked('mail/*', 'folder')).toEqual([])
  })
})

test('an agent, a tool or a server that there is not', () => {
  const mandates = [compiled('tools: {}\n')]
  const found = (when: string): readonly string[] => lines(rule(`when: '${when}'`), { mandates })
  expect(found('tool == "mail/sent"')).toEqual([
    'warning never_matches acme#r 3: no upstream has a tool `mail/sent` (did you mean `mail/send`?)',
  ])
  expect(found('"mial" == server')).toEqual([
    'warning never_matches acme#r 3: no upstream is named `mial` (did you mean `mail`?)',
  ])
  expect(found('agent in ["agent-7", "agent-8"]')).toEqual([
    expect.stringMatching(/^warning never_matches acme#r 3: no mandate is for the agent `agent-7`/),
  ])
  expect(found('agent in ["agent-1", "agent-8"] && tool == "mail/send"')).toEqual([])
  expect(found('server == "mail" || tool == "docs/docs://a"')).toEqual([])
  expect(ids(rule(`when: 'tool == "web/get"'`), { silent: new Set(['web']) })).toEqual([])
})

test('a label that nothing leaves', () => {
  const text = (label: string): string => `policy: p
labels: [ { tools: ["mail/read_*"], add: [untrusted] } ]
rules:
  - { id: a, effect: forbid, labels: [${label}], tools: [mail/send] }
  - { id: b, effect: forbid, when: '"${label}" in session.labels', tools: [vendors/approve] }
`
  expect(lines({ 'p.yaml': text('untrustd') })).toEqual([
    'warning unknown_label p#a 4: nothing leaves the label `untrustd` (did you mean `untrusted`?)',
    'warning unknown_label p#b 5: nothing leaves the label `untrustd` (did you mean `untrusted`?)',
  ])
  expect(ids({ 'p.yaml': text('untrusted') })).toEqual([])
})

describe('shadowed rules', () => {
  const shadowed = (first: string, second: string): readonly string[] =>
    ids(`  - { id: a, ${first} }\n  - { id: b, ${second} }\n`, { tools: [] })
  const ask = 'effect: require_approval, approval: { from: [lee@acme.example] }'
  test.each([
    [
      'effect: forbid, tools: ["mail/*"]',
      'effect: forbid, tools: ["mail/send*"], when: args.x > 1',
    ],
    [
      'effect: forbid, tools: ["mail/a*", "mail/b*"]',
      'effect: forbid, tools: ["mail/a?", "mail/bb*"]',
    ],
    ['effect: forbid', `${ask}, tools: [mail/send]`],
    ['effect: forbid, when: args.x > 1', 'effect: forbid, when: args.x > 5'],
    [`effect: forbid, when: 'args.x in ["a", "b"]'`, `effect: forbid, when: 'args.x == "a"'`],
    ['effect: forbid, effects: [send, pay]', 'effect: forbid, effects: [pay]'],
    ['effect: forbid, tools: [mail/send]', 'effect: forbid, tools: [mail/send]'],
    [`${ask}, tools: [mail/send]`, `${ask}, tools: [mail/send], when: args.x > 1`],
    ['effect: forbid', 'effect: forbid, unlessArgs: { to: { present: true } }'],
    ['effect: forbid, labels: [a]', 'effect: forbid, labels: [a, b]'],
    [
      'effect: forbid, unless: \'within(now, "Mon-Fri 09:00-17:00", "UTC")\'',
      'effect: forbid, unless: \'within(now, "Mon-Fri 08:00-18:00", "UTC")\'',
    ],
  ])('%s covers %s', (wide, narrow) => {
    expect(shadowed(wide, narrow).filter((id) => id === 'shadowed_rule')).toHaveLength(1)
    expect(shadowed(narrow, wide).filter((id) => id === 'shadowed_rule')).toHaveLength(1)
  })
  test.each([
    ['effect: forbid, tools: ["mail/a*"]', 'effect: forbid, tools: ["mail/*a"]'],
    ['effect: forbid, mode: shadow', 'effect: forbid, tools: [mail/send]'],
    ['effect: forbid, when: args.x > 5', 'effect: forbid, when: args.x < 9'],
    ['effect: forbid, when: args.x > 5', 'effect: forbid, when: args.y > 9'],
    [ask, 'effect: require_approval, approval: { from: [kim@acme.example] }'],
    ['effect: forbid, environments: [prod]', 'effect: forbid, tools: [mail/send]'],
    // Where `x` is missing the one matches by its error, and the other does not.
    ['effect: forbid, when: has(args.x) && args.x > 1', 'effect: forbid, when: args.x > 5'],
  ])('%s does not cover %s', (wide, narrow) => {
    expect(shadowed(wide, narrow)).not.toContain('shadowed_rule')
    expect(shadowed(narrow, wide)).not.toContain('shadowed_rule')
  })
  test('the message names the other rule', () => {
    expect(lines('  - { id: a, effect: forbid }\n  - { id: b, effect: forbid }\n')).toEqual([
      'warning shadowed_rule acme#b 4: the rule changes nothing: `acme#a` already does all that this rule does (remove it, or narrow the other)',
    ])
  })
})

describe('texts and numbers', () => {
  const one = (when: string): readonly string[] => ids(rule(`when: '${when}'`), { tools: [] })
  test('loose patterns', () => {
    expect(one('pattern(args.x, ".*acme")')).toEqual(['loose_pattern'])
    expect(one('pattern(args.x, "acme.*")')).toEqual(['loose_pattern'])
    expect(one('pattern(args.x, "[A-Z]{2}.?")')).toEqual([])
    expect(ids(rule('unlessArgs: { x: { pattern: "a.+" } }'), { tools: [] })).toEqual([
      'loose_pattern',
    ])
    const mandates = [compiled('tools: { v/a: { args: { x: { each: { pattern: "a.*" } } } } }\n')]
    expect(lines('', { mandates, tools: [] })[0]).toMatch(/^warning loose_pattern tools\.v\/a 5:/)
  })
  test('a domain as a suffix', () => {
    expect(one('args.to.all(r, r.endsWith("acme.example"))')).toEqual(['suffix_domain'])
    expect(one('args.to.all(r, r.endsWith("@acme.example"))')).toEqual([])
    expect(one('args.host.endsWith(".acme.example")')).toEqual([])
    expect(one('args.path.endsWith("notes.md")')).toEqual([])
    expect(ids(rule('unlessArgs: { to: { suffix: acme.example } }'), { tools: [] })).toEqual([
      'suffix_domain',
    ])
  })
  test('a URL that begins with a host, which goes on', () => {
    expect(
      lines(rule(`when: 'args.url.startsWith("https://acme.example")'`), { tools: [] }),
    ).toEqual([
      'warning prefix_host acme#r 3: what begins with `https://acme.example` may be `https://acme.example.evil.example` (compare the host: `host(args.url) == "acme.example"`)',
    ])
    expect(one('args.url.startsWith("https://acme.example/")')).toEqual([])
    expect(one('args.url.startsWith("https://")')).toEqual([])
    expect(
      ids(rule('unlessArgs: { url: { prefix: "https://acme.example" } }'), { tools: [] }),
    ).toEqual(['prefix_host'])
  })
  test('a host or a domain that is never written like this', () => {
    expect(one('domain(args.x) == "ACME.example"')).toEqual(['impossible_value'])
    expect(one('host(args.x) in ["acme.example", "Partner.example"]')).toEqual(['impossible_value'])
    expect(one('domain(args.x) == "acme.example"')).toEqual([])
    expect(one('args.x == "ACME.example"')).toEqual([])
    const text = `policy: p
sets: { partners: [acme.example, Partner.example] }
rules: [ { id: r, effect: forbid, unless: 'args.to.all(one, domain(one) in sets.partners)' } ]
`
    expect(lines({ 'p.yaml': text }, { tools: [] })).toEqual([
      'warning impossible_value p#r 3: `domain(one)` is in lower case, and never `Partner.example` (write `partner.example`)',
    ])
  })
  test('one good element that exempts all', () => {
    const unless = (text: string): readonly string[] =>
      lines(rule(`unless: '${text}'`), { tools: [] })
    expect(unless('args.to.exists(one, domain(one) == "acme.example")')).toEqual([
      'warning exists_exempts acme#r 3: one element of `args.to` that fits exempts the whole call, whatever the others are (write `args.to.all(one, …)` if each has to fit)',
    ])
    expect(unless('size(args.to) < 3 && args.to.exists(one, one == "a")')).toHaveLength(1)
    expect(unless('args.to.all(one, domain(one) == "acme.example")')).toEqual([])
    expect(unless('!args.to.exists(one, one == "a")')).toEqual([])
    expect(one('args.to.exists(one, one == "a")')).toEqual([])
  })
  test('names that are numbers', () => {
    expect(one('args.vendor_id == 5')).toEqual(['numeric_id'])
    expect(one('args.vendorId in [5, 6]')).toEqual(['numeric_id'])
    expect(one('args.amount > 1e17')).toEqual(['numeric_id'])
    expect(one('args.vendor_id == "5"')).toEqual([])
    expect(one('args.paid == 5')).toEqual([])
  })
})

describe('mandates', () => {
  const send = (grant: string): string => `tools:\n  mail/send: ${grant}\n`
  test('arguments that nobody constrains', () => {
    const found = (grant: string, rules = ''): readonly string[] =>
      lines(rules, { mandates: [compiled(send(grant))] })
    expect(found('{ effect: send }')).toEqual([
      'warning unconstrained_argument tools.mail/send 6: nothing constrains `to` and `cc` of `mail/send` (constrain them: `args: { to: { … } }`, or silence this with a reason: `ignore` in a policy file, with `rule: tools.mail/send`)',
    ])
    expect(found('{ args: { to: { size: 1..5 } }, otherArgs: permit }')).toEqual([
      expect.stringContaining('nothing constrains `cc` of'),
    ])
    expect(found('{ args: { to: { size: 1..5 } } }')).toEqual([])
    expect(found('{ effect: send, when: size(args.to) < 5 && args.cc == "" }')).toEqual([])
    // The lock file says `send`, whatever the grant says.
    expect(found('{ effect: read }')).toHaveLength(1)
    expect(
      found(
        '{ effect: send }',
        rule('tools: [mail/send], unlessArgs: { to: { present: true }, cc: { optional: true } }'),
      ),
    ).toEqual([])
    // Nothing else may be given.
    const closed = (more: string): readonly string[] =>
      found(
        '{ effect: send }',
        rule(`tools: [mail/send], unlessArgs: { to: { size: 1..5 } }${more}`),
      )
    expect(closed('')).toEqual([])
    expect(closed(', otherArgs: permit')).toEqual([expect.stringContaining('constrains `cc` of')])
    expect(closed(', risk: [high]')).toEqual([expect.stringContaining('constrains `cc` of')])
  })
  test('an approval that nobody may give', () => {
    const written =
      'owner: dana@acme.example\ntools: { mail/send: { args: { to: { size: 1..5 } } } }\n'
    const found = (approval: string, tool = 'mail/send'): readonly string[] =>
      lines(
        `  - { id: r, effect: require_approval, tools: [${tool}], approval: { ${approval} } }\n`,
        { mandates: [compiled(written)] },
      )
    expect(found('from: [dana@acme.example], except: [owner]')).toEqual([
      'warning nobody_approves acme#r 3: under the mandate `intake` nobody may approve: `except` takes out who stands behind it (name somebody else in `from`, or narrow `except`)',
    ])
    const two = 'from: [dana@acme.example, kim@acme.example], except: [owner]'
    expect(found(two)).toEqual([])
    expect(found(`${two}, quorum: 2`)).toEqual([expect.stringContaining('only 1 of 2 may')])
    expect(found('from: [dana@acme.example, group:cfo], except: [owner], quorum: 2')).toEqual([])
    expect(found('from: [dana@acme.example], except: [owner]', 'vendors/approve')).toEqual([])
  })
  test('a tool that only reads is free', () => {
    const mandates = [compiled('tools: { mail/read_inbox: { effect: read } }\n')]
    expect(ids('', { mandates })).toEqual([])
  })
  test('a mandate that no policy lets through is an error', () => {
    const mandates = [
      compiled(
        'tools: { mail/read_inbox: { effect: read }, vendors/approve: { effect: write } }\n',
      ),
    ]
    expect(lines(rule('effects: [read, write]'), { mandates })).toEqual([
      'error mandate_unusable intake 1: policies forbid all that the mandate `intake` grants: `mail/read_inbox` and `vendors/approve` (narrow the rule, or take the grant out of the mandate)',
    ])
    expect(lines(rule('effects: [read]'), { mandates })).toEqual([
      'warning mandate_unusable tools.mail/read_inbox 5: policies always forbid `mail/read_inbox`, which the mandate grants (narrow the rule, or take the grant out of the mandate)',
    ])
    expect(ids(rule('effects: [read, write], environments: [prod]'), { mandates })).toEqual([])
    expect(ids(rule('effects: [read, write], mode: shadow'), { mandates })).toEqual([])
  })
})

describe('upkeep', () => {
  test('a set that nobody reads', () => {
    const text = (use: string): string => `policy: p
sets: { partners: [acme.example] }
rules: [ { id: r, effect: forbid, tools: [mail/send], ${use} } ]
`
    expect(lines({ 'p.yaml': text('when: args.subject == "x"') })).toEqual([
      'warning dead_set - 2: no rule reads the set `partners` (remove it, or read it: `sets.partners`, `$partners`)',
    ])
    expect(ids({ 'p.yaml': text('when: args.subject in sets.partners') })).toEqual([])
    expect(
      ids({ 'p.yaml': text('unlessArgs: { to: { each: { email: { domain: $partners } } } }') }),
    ).toEqual([])
  })
  test('a rule without a test', () => {
    expect(lines(rule('tools: [mail/send]'), { tests: new Set() })).toEqual([
      'warning no_test acme#r 3: no test names the rule `r` (write a case that it decides: `by: acme#r`)',
    ])
    expect(ids(rule('tools: [mail/send]'), { tests: new Set(['acme#r']) })).toEqual([])
  })
})

test('the rules that a test names are those that its cases expect', () => {
  const set = policies(ruled('  - { id: r, effect: forbid }\n'))
  const tested = (text: string): readonly string[] => {
    const { node } = readText(text, 'a.test.yaml')
    return [...rulesTested(node ? [node] : [], set)]
  }
  expect(tested('cases: [ { expect: { by: r } } ]')).toEqual(['acme#r'])
  expect(tested('cases: [ { each: [ { expect: { shadow: [acme#r] } } ] } ]')).toEqual(['acme#r'])
  expect(tested('cases: [ { matrix: { rule: [r] }, expect: { by: $rule } } ]')).toEqual(['acme#r'])
  expect(tested('cases: [ { name: r, call: { tool: a/b, args: { rule: r } } } ]')).toEqual([])
  expect(tested('invariants: [ { by: r } ]')).toEqual([])
})

describe('silence', () => {
  const file = (ignore: string): Record<string, string> => ({
    'p.yaml': `policy: p
rules: [ { id: r, effect: forbid, tools: [mail/send] } ]
ignore: [ { ${ignore}, reason: for the test } ]
`,
  })
  const tests = new Set<string>()
  test('by its rule, in this file or by its whole name, or everywhere in the file', () => {
    expect(ids(file('finding: no_test, rule: r'), { tests })).toEqual([])
    expect(ids(file('finding: no_test, rule: p#r'), { tests })).toEqual([])
    expect(ids(file('finding: no_test'), { tests })).toEqual([])
  })
  test('a grant by its rule, in whatever policy', () => {
    const mandates = [compiled('tools:\n  mail/send: { effect: send }\n')]
    const text = (rule: string): Record<string, string> => ({
      'p.yaml': `policy: p\nignore: [ { finding: unconstrained_argument, rule: "${rule}", reason: fine } ]\n`,
    })
    expect(ids(text('tools.mail/send'), { mandates })).toEqual([])
    expect(ids(text('tools.mail/sent'), { mandates })).toEqual([
      'unconstrained_argument',
      'unused_ignore',
    ])
  })
  test('what was not looked for may be there', () => {
    expect(ids(file('finding: no_test'))).toEqual([])
    expect(ids(file('finding: unknown_tool, rule: r'), { tools: undefined as never })).toEqual([])
    expect(ids(file('finding: unknown_tool, rule: r'), { silent: new Set(['web']) })).toEqual([])
    expect(ids(file('finding: unknown_tool, rule: r'))).toEqual(['unused_ignore'])
  })
  test('what silences nothing is said', () => {
    expect(lines(file('finding: dead_set, rule: r'))).toEqual([
      'warning unused_ignore r 3: there is no `dead_set` of `r` to silence (remove it)',
    ])
    expect(lines(file('finding: no_tset'), { tests })[1]).toBe(
      'warning unused_ignore - 3: there is no `no_tset` to silence (did you mean `no_test`?)',
    )
    expect(ids(file('finding: no_test, rule: other'), { tests })).toEqual([
      'no_test',
      'unused_ignore',
    ])
    // What silences mistakes is looked for by `test --mutate`.
    expect(ids(file('finding: mutant, rule: r'), { tests })).toEqual(['no_test'])
    expect(ids(file('finding: "mutant:boundary"'), { tests })).toEqual(['no_test'])
    expect(ids(file('finding: mutants'), { tests })).toEqual(['no_test', 'unused_ignore'])
  })
})

test('a set in order has no finding', () => {
  const mandates = [
    compiled(
      'tools: { mail/send: { args: { to: { size: 1..5 } } }, vendors/approve: { effect: write } }\n',
    ),
  ]
  const rules = `  - { id: a, effect: forbid, tools: [mail/send], when: size(args.to) > 3 }
  - { id: b, effect: forbid, effects: [write], unless: 'within(now, "Mon-Fri 09:00-17:00", "UTC")' }
`
  expect(lines(rules, { mandates, tests: new Set(['acme#a', 'acme#b']) })).toEqual([])
})

test('every kind of finding has a level', () => {
  expect(Object.keys(FINDINGS)).toHaveLength(22)
  expect(new Set(Object.values(FINDINGS))).toEqual(new Set(['error', 'warning']))
})
