import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PolicyChange } from '../../src/policy/diff/change.ts'
import { countsOf, diffPolicies } from '../../src/policy/diff/diff.ts'
import type { DiffSide } from '../../src/policy/diff/version.ts'
import { matches } from '../../src/policy/rule.ts'
import { tool } from '../fakes/line.ts'
import { policies, ruled, toolCall } from './written.ts'

type Text = string | Readonly<Record<string, string>>

function side(text: Text, engines: DiffSide['engines'] = []): DiffSide {
  const set = typeof text !== 'string' ? text : text === '' ? 'policy: acme\n' : ruled(text)
  return { policies: policies(set), engines }
}

/** The changes, each as `direction about: message => verdict target args (given)`. */
function lines(before: Text, after: Text): readonly string[] {
  return diffPolicies(side(before), side(after)).map(lineOf)
}

function lineOf({ direction, about, message, example }: PolicyChange): string {
  if (!example) return `${direction} ${about}: ${message}`
  const { verdict, target, args, given } = example
  const shown = `${verdict ?? 'decided alike'} ${target} ${JSON.stringify(args)}`
  return `${direction} ${about}: ${message} => ${shown}${given.length > 0 ? ` (${given.join(', ')})` : ''}`
}

const rule = (body: string, id = 'r'): string => `  - { id: ${id}, effect: forbid, ${body} }\n`
const ask = (body: string): string =>
  `  - { id: r, effect: require_approval, tools: [mail/send], approval: { ${body} } }\n`
const oblige = (body: string): string =>
  `  - { id: r, effect: oblige, tools: [mail/send], obligation: { ${body} } }\n`

test('nothing changed, or only what is said about it', () => {
  const text = rule('tools: [mail/send], when: args.x > 5')
  expect(lines(text, text)).toEqual([])
  expect(lines(text, rule('tools: [mail/send], when: args.x > 5, description: why'))).toEqual([])
})

describe('rules that come and go', () => {
  test('a forbid removed widens, one added narrows', () => {
    expect(lines(rule('tools: [mail/send]'), '')).toEqual([
      'widened acme#r: removed: it forbids no longer',
    ])
    expect(lines('', rule('tools: [mail/send]'))).toEqual(['narrowed acme#r: added: it forbids'])
  })
  test('one by another name that does as much changes nothing', () => {
    expect(
      lines(
        rule('tools: [mail/send], when: args.x > 5', 'a'),
        rule('tools: ["mail/*"], when: args.x > 3', 'b'),
      ),
    ).toEqual([
      'none acme#a: removed; `acme#b` does as much now',
      'narrowed acme#b: added: it forbids',
    ])
    expect(lines(rule('tools: [mail/send]', 'a'), rule('tools: [mail/send]', 'b'))).toEqual([
      'none acme#a: removed; `acme#b` does as much now',
      'none acme#b: added; `acme#a` did as much before',
    ])
  })
  test('in shadow, a rule decides nothing', () => {
    expect(lines('', rule('mode: shadow'))).toEqual([
      'none acme#r: added; in shadow, it decides nothing',
    ])
    expect(lines(rule('tools: [a/b]'), rule('tools: [a/b], mode: shadow'))).toEqual([
      'widened acme#r: in shadow now: it is recorded and decides nothing',
    ])
    expect(lines(rule('mode: shadow'), rule('risk: [high]'))).toEqual([
      'narrowed acme#r: in force now: it forbids',
    ])
    expect(lines(rule('mode: shadow'), rule('mode: shadow, risk: [high]'))).toEqual([
      'none acme#r: changed; in shadow, it decides nothing',
    ])
    expect(lines(rule('mode: shadow'), rule('mode: shadow'))).toEqual([])
  })
})

describe('what a rule is about', () => {
  test.each([
    [
      'tools: ["mail/*"]',
      'tools: [mail/send]',
      ['widened acme#r: tools, resources and prompts: no longer `mail/*`'],
    ],
    [
      'tools: [mail/send]',
      'tools: ["mail/*"]',
      ['narrowed acme#r: tools, resources and prompts: now also `mail/*`'],
    ],
    [
      'tools: ["mail/a*", "mail/b*"]',
      'tools: ["mail/b*", "mail/c*"]',
      [
        'widened acme#r: tools, resources and prompts: no longer `mail/a*`',
        'narrowed acme#r: tools, resources and prompts: now also `mail/c*`',
      ],
    ],
    ['tools: ["mail/*"]', 'tools: ["mail/*", mail/send]', []],
    [
      'tools: [a/b]',
      'effects: [send]',
      [
        'narrowed acme#r: tools, resources and prompts: now also any but `a/b`',
        'widened acme#r: effects: no longer any but `send`',
      ],
    ],
    ['effects: [send, pay]', 'effects: [pay]', ['widened acme#r: effects: no longer `send`']],
    [
      'environments: [prod]',
      'data: [personal]',
      [
        'widened acme#r: data: no longer any but `personal`',
        'narrowed acme#r: environments: now also any but `prod`',
      ],
    ],
    ['agents: ["a-*"]', 'agents: ["a-1*"]', ['widened acme#r: agents: no longer `a-*`']],
    [
      'resources: ["v/file:///srv/*"]',
      'resources: ["v/file:///srv/**"]',
      ['narrowed acme#r: tools, resources and prompts: now also `resource v/file:///srv/**`'],
    ],
  ])('%s, then %s', (before, after, said) => {
    expect(lines(rule(before), rule(after))).toEqual(said)
  })
})

test('another effect', () => {
  const approval = 'approval: { from: [lee@acme.example] }'
  const asks = `  - { id: r, effect: require_approval, ${approval} }\n`
  const duty = '  - { id: r, effect: oblige, obligation: { type: label, add: [a] } }\n'
  expect(lines(rule('mode: enforce'), asks)).toEqual([
    'widened acme#r: it was `forbid`, and is `require_approval` now',
  ])
  expect(lines(asks, rule('mode: enforce'))[0]).toMatch(/^narrowed /)
  expect(lines(asks, duty)[0]).toMatch(/^unclear /)
})

describe('conditions', () => {
  const both = (before: string, after: string): readonly string[] =>
    lines(rule(`tools: [mail/send], ${before}`), rule(`tools: [mail/send], ${after}`))
  test('a limit that is raised, with a call that shows it', () => {
    expect(both('when: args.amount > 100', 'when: args.amount > 500')).toEqual([
      'widened acme#r: `when: args.amount > 100` is now `args.amount > 500`; it matches fewer calls => newly_permitted mail/send {"amount":500}',
    ])
    expect(both('when: args.amount > 500', 'when: args.amount > 100')).toEqual([
      'narrowed acme#r: `when: args.amount > 500` is now `args.amount > 100`; it matches more calls => newly_denied mail/send {"amount":500}',
    ])
  })
  test('what was denied and now waits for an approval is held, and not permitted', () => {
    const asks = '  - { id: a, effect: require_approval, approval: { from: [lee@acme.example] } }\n'
    const limit = (amount: number): string =>
      rule(`tools: [mail/send], when: args.amount > ${amount}`) + asks
    expect(lines(limit(100), limit(500))[0]).toMatch(/^widened .*=> newly_held mail\/send/)
  })
  test('some more and some less', () => {
    expect(
      both(`when: 'args.x == "a"'`, `when: 'args.x == "b"'`).map((one) =>
        one.replace(/:.*=>/, ' =>'),
      ),
    ).toEqual([
      'widened acme#r => newly_permitted mail/send {"x":"a"}',
      'narrowed acme#r => newly_denied mail/send {"x":"b"}',
    ])
  })
  test('what is written otherwise and matches the same', () => {
    expect(both(`when: '!(args.x > 5)'`, `when: 'args.x <= 5'`)).toEqual([
      'none acme#r: `when: !(args.x > 5)` is now `args.x <= 5`; it matches the same calls',
    ])
    expect(
      both(`when: 'args.x in ["a", "b"]'`, `when: 'args.x == "b" || args.x == "a"'`)[0],
    ).toMatch(/^none /)
  })
  test('a missing argument counts: it matched by its error', () => {
    expect(both('when: args.x > 5', 'when: has(args.x) && args.x > 5')[0]).toMatch(
      /^widened .*it matches fewer calls => newly_permitted mail\/send {}$/,
    )
  })
  test('exemptions work the other way round', () => {
    expect(both('unless: args.x == 1', `unless: 'args.x in [1, 2]'`)[0]).toMatch(
      /^widened .*=> newly_permitted mail\/send {"x":2}$/,
    )
  })
  test('windows are compared by the minute, across zones by chance', () => {
    const within = (days: string, zone = 'Europe/Berlin'): string =>
      `unless: 'within(now, "${days}", "${zone}")'`
    expect(both(within('Mon-Fri 09:00-17:00'), within('Mon-Fri 08:00-18:00'))).toHaveLength(1)
    expect(both(within('Mon-Fri 09:00-17:00'), within('Mon-Fri 08:00-18:00'))[0]).toMatch(
      /^widened .*=> newly_permitted mail\/send {} \(at 2026-11-\d\dT\d\d:00:00\.000Z\)$/,
    )
    expect(
      both(within('Mon-Fri 08:00-18:00'), within('Mon-Fri 09:00-17:00')).map(
        (one) => one.split(' ')[0],
      ),
    ).toEqual(['narrowed'])
    expect(
      both(within('Mon-Fri 09:00-17:00'), within('Mon-Fri 09:00-17:00', 'Asia/Tokyo')).map(
        (one) => one.split(' ')[0],
      ),
    ).toEqual(['widened', 'narrowed'])
  })
  test('labels and risk are conditions', () => {
    expect(both('labels: [seen]', 'risk: [high]').map((one) => one.replace(/.*=>/, '=>'))).toEqual([
      '=> newly_permitted mail/send {} (label seen, risk normal)'.replace(', risk normal', ''),
      '=> newly_denied mail/send {} (risk high)',
    ])
    expect(both('risk: [high]', 'risk: [elevated, high]')[0]).toMatch(
      /^narrowed .*\(risk elevated\)$/,
    )
  })
  test('the history of the task', () => {
    const calls = (most: number): string => `when: 'session.calls("mail/send", "1h") > ${most}'`
    expect(both(calls(5), calls(9))[0]).toMatch(/^widened .*newly_permitted/)
  })
  test('what cannot be decided is tried with calls', () => {
    expect(both('when: args.a + args.b > 10', 'when: args.a + args.b > 12')[0]).toMatch(
      /^widened .*it matches fewer calls; whether it also does the opposite cannot be told => newly_permitted mail\/send \{/,
    )
    const all = (domains: string): string =>
      `when: '!args.to.all(one, domain(one) in [${domains}])'`
    expect(both(all('"acme.example"'), all('"acme.example", "partner.example"'))[0]).toMatch(
      /^widened .*newly_permitted mail\/send {"to":\["bob@partner.example"/,
    )
  })
  test('what no call shows either way is unclear', () => {
    expect(both('when: args.a + args.b > 1000001', 'when: args.b + args.a > 1000001')).toEqual([
      'unclear acme#r: `when: args.a + args.b > 1000001` is now `args.b + args.a > 1000001`; the two cannot be compared',
    ])
  })
  test('where another rule decides alike, the call is said to be decided alike', () => {
    const other = rule('tools: ["mail/*"]', 'other')
    const one = (most: number): string => rule(`tools: [mail/send], when: args.x > ${most}`) + other
    expect(lines(one(1), one(2))[0]).toMatch(/=> decided alike mail\/send/)
  })
  test('a set that grows is said of the rules that read it', () => {
    const text = (values: string, use: string): Record<string, string> => ({
      'p.yaml': `policy: p
sets: { partners: [${values}] }
rules:
  - { id: r, effect: forbid, tools: [mail/send], ${use} }
`,
    })
    const when = `unless: 'args.to in sets.partners'`
    expect(lines(text('a', when), text('a, b', when))).toEqual([
      'widened p#r: a set or the time zone that it reads is changed; it matches fewer calls => newly_permitted mail/send {"to":"b"}',
      'none partners: now with `b`',
    ])
    const open = `when: '!args.to.all(one, one in sets.partners)'`
    expect(lines(text('a', open), text('a, b', open))[0]).toMatch(
      /^widened p#r: .*newly_permitted mail\/send {"to":\[/,
    )
    const args = 'unlessArgs: { to: { each: { email: { domain: $partners } } } }'
    expect(lines(text('a.example', args), text('a.example, b.example', args))[0]).toMatch(
      /^widened p#r: /,
    )
    expect(lines(text('a.example, b.example', args), text('a.example', args))[0]).toMatch(
      /^narrowed p#r: /,
    )
  })
  test('another time zone of the file', () => {
    const text = (zone: string): Record<string, string> => ({
      'p.yaml': `policy: p\ntimezone: ${zone}\nrules: [ { id: r, effect: forbid, unless: 'within(now, "Mon-Fri 09:00-17:00")' } ]\n`,
    })
    expect(
      lines(text('Europe/Berlin'), text('Asia/Tokyo')).map((one) => one.split(' ')[0]),
    ).toEqual(['widened', 'narrowed'])
  })
})

describe('exempt arguments', () => {
  const both = (before: string, after: string): readonly string[] =>
    lines(
      rule(`tools: [v/x], unlessArgs: ${before}`),
      rule(`tools: [v/x], unlessArgs: ${after}`),
    ).map((one) => one.split(' ')[0] ?? '')
  test.each([
    ['{ to: { one_of: [a] } }', '{ to: { one_of: [a, b] } }'],
    ['{ n: { range: 1..5 } }', '{ n: { range: { max: 5 } } }'],
    [
      '{ to: { size: 1..3, each: { email: { domain: [a.example] } } } }',
      '{ to: { size: 1..5, each: { email: { domain: [a.example, b.example] } } } }',
    ],
    ['{ to: { one_of: [a], length: 1..5 } }', '{ to: { one_of: [a] } }'],
    ['{ to: { equals: a } }', '{ to: { equals: a, optional: true } }'],
    [
      '{ to: { equals: a }, cc: { absent: true } }',
      '{ to: { equals: a }, cc: { absent: true, } }, otherArgs: permit',
    ],
    [
      '{ p: { path: { under: [/a], ext: [md] } } }',
      '{ p: { path: { under: [/a, /b], ext: [md] } } }',
    ],
    ['{ to: { not_one_of: [a, b] } }', '{ to: { not_one_of: [a] } }'],
  ])('%s, then %s', (narrow, wide) => {
    expect(both(narrow, wide)).toEqual(['widened'])
    expect(both(wide, narrow)).toEqual(['narrowed'])
  })
})

describe('duties', () => {
  test.each([
    [
      ask('from: [a@x.example]'),
      ask('from: [a@x.example, b@x.example]'),
      ['widened acme#r: may approve now: `b@x.example`'],
    ],
    [
      ask('from: [a@x.example, b@x.example]'),
      ask('from: [a@x.example]'),
      ['narrowed acme#r: may no longer approve: `b@x.example`'],
    ],
    [
      ask('from: [group:a], quorum: 2'),
      ask('from: [group:a]'),
      ['widened acme#r: of the approvers 2 had to agree, now 1'],
    ],
    [
      ask('from: [a], expires: 10m'),
      ask('from: [a], expires: 20m'),
      ['widened acme#r: an approval was good for 600 s, now for 1200 s'],
    ],
    [
      ask('from: [a], assurance: passkey'),
      ask('from: [a], assurance: local_user'),
      ['widened acme#r: approvals needed `passkey` assurance, now `local_user`'],
    ],
    [
      ask('from: [a], except: [owner]'),
      ask('from: [a]'),
      ['widened acme#r: no longer excepted from approving: `owner`'],
    ],
    [
      oblige('type: redact, detectors: [secrets]'),
      oblige('type: redact, detectors: [emails]'),
      ['widened acme#r: no longer redacts `secrets`', 'narrowed acme#r: redacts now `emails`'],
    ],
    [
      oblige('type: limit_output, bytes: 1KiB'),
      oblige('type: limit_output, bytes: 2KiB, over: cut'),
      [
        'widened acme#r: results had at most 1024 bytes, now 2048',
        'widened acme#r: what is over the limit was refused, now cut',
      ],
    ],
    [
      oblige('type: label, add: [a]'),
      oblige('type: label, add: [b]'),
      ['widened acme#r: no longer leaves the label `a`', 'narrowed acme#r: leaves the label `b`'],
    ],
    [
      oblige('type: notify, to: a'),
      oblige('type: notify, to: b'),
      ['unclear acme#r: `a` was told, now `b`'],
    ],
    [
      oblige('type: notify, to: a'),
      oblige('type: label, add: [b]'),
      ['unclear acme#r: the duty was `notify`, now `label`'],
    ],
  ])('%s, then %s', (before, after, said) => {
    expect(lines(before, after)).toEqual(said)
  })
})

describe('what is no rule', () => {
  const file = (body: string, rules = ''): Record<string, string> => ({
    'p.yaml': `policy: p\n${body}${rules}`,
  })
  test('labels', () => {
    const web = 'labels: [ { tools: ["web/*"], add: [untrusted] } ]\n'
    expect(lines(file(''), file(web))).toEqual([
      'narrowed p#labels[0]: web/* leave the label `untrusted`',
    ])
    expect(lines(file(web), file(''))).toEqual([
      'widened p#labels[0]: web/* no longer leave the label `untrusted`',
    ])
    expect(lines(file(web), file('labels: [ { servers: [web], add: [untrusted] } ]\n'))).toEqual([
      'narrowed p#labels[0]: web leave the label `untrusted`',
    ])
    const trusts = `rules: [ { id: r, effect: forbid, unless: '"untrusted" in session.labels' } ]\n`
    expect(lines(file('', trusts), file(web, trusts))[0]).toMatch(/^unclear p#labels/)
  })
  test('classifications', () => {
    expect(
      lines(file(''), file('classify: [ { tools: [a/b], effect: read, data: [personal] } ]\n')),
    ).toEqual(['unclear a/b: now classified as read, personal: other rules are about them'])
    const one = 'classify: [ { tools: [a/b, a/c], effect: read } ]\n'
    expect(lines(file(one), file(one.replace('a/b, a/c', 'a/c, a/b')))).toEqual([])
  })
  test('engines', () => {
    const engine = { id: 'opa', mode: 'enforce', effects: [], fingerprint: 'one' } as const
    const both = (before: DiffSide['engines'], after: DiffSide['engines']): readonly string[] =>
      diffPolicies(side('', before), side('', after)).map(lineOf)
    expect(both([], [engine])).toEqual(['narrowed engine:opa: added: it is asked'])
    expect(both([engine], [])).toEqual(['widened engine:opa: removed: it is asked no longer'])
    expect(both([engine], [{ ...engine, mode: 'shadow' }])[0]).toMatch(/^widened /)
    expect(both([engine], [{ ...engine, effects: ['send'] }])).toEqual([
      'widened engine:opa: effects: no longer any but `send`',
    ])
    expect(both([engine], [{ ...engine, fingerprint: 'two' }])).toEqual([
      'unclear engine:opa: it decides by something else',
    ])
    expect(both([engine], [engine])).toEqual([])
  })
})

test('the changes are counted', () => {
  const changes = diffPolicies(side(rule('tools: [a/b]', 'x')), side(rule('tools: [a/c]', 'y')))
  expect(countsOf(changes)).toEqual({ widened: 1, narrowed: 1, unclear: 0, none: 0 })
})

test('what is said to match no more calls, or no fewer, does not, whatever the call', () => {
  const atom = fc
    .tuple(
      fc.constantFrom('a', 'b'),
      fc.constantFrom('>', '<=', '==', '!='),
      fc.integer({ min: 0, max: 3 }),
    )
    .map(([name, how, limit]) => `args.${name} ${how} ${limit}`)
  const condition = fc.oneof(
    atom,
    fc.tuple(atom, fc.constantFrom('&&', '||'), atom).map((parts) => parts.join(' ')),
    fc.tuple(atom, atom).map(([x, y]) => `has(args.a) && (${x} || ${y})`),
  )
  const args = fc.dictionary(
    fc.constantFrom('a', 'b'),
    fc.oneof(fc.integer({ min: -1, max: 4 }), fc.constantFrom('x', true)),
  )
  fc.assert(
    fc.property(
      condition,
      condition,
      fc.array(args, { minLength: 30, maxLength: 60 }),
      (p, q, all) => {
        const [before, after] = [p, q].map((when) =>
          side(`  - { id: r, effect: forbid, when: '${when}' }\n`),
        )
        const [x, y] = [before?.policies.rules[0], after?.policies.rules[0]]
        if (!before || !after || !x || !y) throw new Error('there are two')
        const said = new Set(diffPolicies(before, after).map(({ direction }) => direction))
        for (const given of all) {
          const call = toolCall(tool('server', 'tool'), { args: given })
          const [was, is] = [matches(x, call) !== false, matches(y, call) !== false]
          if (was && !is && !said.has('widened'))
            throw new Error(`${p} / ${q}: ${JSON.stringify(given)}`)
          if (is && !was && !said.has('narrowed'))
            throw new Error(`${p} / ${q}: ${JSON.stringify(given)}`)
        }
        expect(said.has('unclear')).toBe(false)
      },
    ),
    { numRuns: 100 },
  )
})
