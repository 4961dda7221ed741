import { afterEach, beforeEach, expect, test } from 'vitest'
import { main } from '../../src/cli/main.ts'
import { type Desk, desk } from './desk.fake.ts'

let here: Desk
beforeEach(() => {
  here = desk()
})
afterEach(() => here.remove())

async function diff(...argv: readonly string[]): Promise<{
  readonly code: number
  readonly out: string
  readonly err: string
}> {
  const code = await main(['diff', ...argv], here.io)
  return { code, out: here.io.out(), err: here.io.err() }
}

function policy(limit: number, more = ''): string {
  return `policy: mail
rules:
  - { id: large, effect: forbid, tools: [pay/send], when: args.amount > ${limit} }
${more}`
}

test('says what widened first, with a call that shows it, and where', async () => {
  here.write('old/p.yaml', policy(100))
  here.write('new/p.yaml', policy(500, '  - { id: never, effect: forbid, tools: [pay/drop] }\n'))
  const { code, out, err } = await diff('old', 'new')
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(out.split('\n')).toEqual([
    'widened  mail#large (new/p.yaml:3): `when: args.amount > 100` is now `args.amount > 500`; it matches fewer calls',
    '    newly permitted: pay/send {"amount":500}',
    'narrowed mail#never (new/p.yaml:4): added: it forbids',
    'widened: 1, narrowed: 1, unclear: 0',
    '',
  ])
})

test('two files', async () => {
  here.write('a.yaml', policy(100))
  here.write('b.yaml', policy(100))
  const { code, out } = await diff('a.yaml', 'b.yaml')
  expect({ code, out }).toEqual({ code: 0, out: 'widened: 0, narrowed: 0, unclear: 0\n' })
})

test.each([
  ['widened', 1],
  ['narrowed', 0],
  ['unclear', 0],
])('--fail-on %s exits with %d where a limit was raised', async (direction, expected) => {
  here.write('a.yaml', policy(100))
  here.write('b.yaml', policy(500))
  expect((await diff('a.yaml', 'b.yaml', '--fail-on', direction)).code).toBe(expected)
})

test('--fail-on may be repeated, and knows its words', async () => {
  here.write('a.yaml', policy(500))
  here.write('b.yaml', policy(100))
  expect(
    (await diff('a.yaml', 'b.yaml', '--fail-on', 'widened', '--fail-on', 'narrowed')).code,
  ).toBe(1)
  const wrong = await diff('a.yaml', 'b.yaml', '--fail-on', 'wider')
  expect(wrong.code).toBe(2)
  expect(wrong.err).toContain('`--fail-on wider` is no direction')
})

test('--json', async () => {
  here.write('a.yaml', policy(100))
  const file = here.write('b.yaml', policy(500))
  const { out } = await diff('a.yaml', 'b.yaml', '--json')
  expect(JSON.parse(out)).toEqual({
    widened: 1,
    narrowed: 0,
    unclear: 0,
    changes: [
      {
        direction: 'widened',
        kind: 'rule',
        about: 'mail#large',
        message: '`when: args.amount > 100` is now `args.amount > 500`; it matches fewer calls',
        file,
        line: 3,
        column: 5,
        example: {
          target: 'pay/send',
          args: { amount: 500 },
          given: [],
          verdict: 'newly_permitted',
        },
      },
    ],
  })
})

test('a policy that is bad cannot be compared, and what is not there cannot be read', async () => {
  here.write('a.yaml', policy(100))
  here.write('b/p.yaml', 'policy: p\nrules: [ { id: r, effect: allow } ]\n')
  const bad = await diff('a.yaml', 'b')
  expect({ code: bad.code, out: bad.out }).toEqual({ code: 1, out: '' })
  expect(bad.err).toContain('b/p.yaml:2:')
  expect((await diff('a.yaml', 'nowhere')).code).toBe(3)
  expect((await diff('a.yaml')).code).toBe(2)
})

test('whom a rule tells stands in the settings: it is not asked for', async () => {
  const tells = (to: string): string =>
    policy(
      1,
      `  - { id: tell, effect: oblige, tools: [pay/send], obligation: { type: notify, to: ${to} } }\n`,
    )
  here.write('a/p.yaml', tells('one'))
  here.write('b/p.yaml', tells('two'))
  expect((await diff('a', 'b', '--fail-on', 'unclear')).code).toBe(1)
})

test('an engine that decides by another file, and one that is asked about less', async () => {
  const engines = (more: string): string =>
    `engines: [ { id: cedar, type: cedar, policies: [./guard.cedar]${more} } ]\n`
  for (const folder of ['a', 'b', 'c']) {
    here.write(`${folder}/p.yaml`, policy(100))
    here.write(`${folder}/engines.yaml`, engines(folder === 'c' ? ', effects: [send]' : ''))
    here.write(
      `${folder}/guard.cedar`,
      folder === 'b' ? 'forbid(principal, action, resource);' : '',
    )
  }
  expect((await diff('a', 'b')).out).toContain(
    'unclear  engine:cedar: it decides by something else',
  )
  expect((await diff('a', 'c')).out).toContain(
    'widened  engine:cedar: effects: no longer any but `send`',
  )
})

test('says of budgets what was added, removed, raised, lowered, and what counts now', async () => {
  const budgets = (...rows: readonly string[]): string =>
    `policy: pay\nbudgets:\n${rows.map((row) => `  - { ${row} }\n`).join('')}`
  const eur = 'amount: args.amount, scale: 2, per: day'
  here.write(
    'old.yaml',
    budgets(
      'id: gone, limit: 5, per: hour',
      `id: more, ${eur}, limit: 10.00`,
      'id: less, limit: 50, per: mandate',
      'id: wider, limit: 5, per: hour, of: [pay/*]',
      'id: daily, limit: 5, per: hour',
      'id: cents, amount: args.amount, scale: 0, limit: 7, per: day',
      'id: same, limit: 1, per: day',
      'id: shadow, limit: 1, per: day',
    ),
  )
  here.write(
    'new.yaml',
    budgets(
      'id: new, limit: 7, per: minute, each: everyone',
      `id: more, ${eur}, limit: 10.50`,
      'id: less, limit: 49, per: mandate',
      'id: wider, limit: 5, per: hour, of: [pay/send]',
      'id: daily, limit: 5, per: day, timezone: Europe/Berlin',
      'id: cents, amount: args.amount, scale: 2, limit: 7.00, per: day',
      'id: same, limit: 1, per: day',
      'id: shadow, limit: 1, per: day, mode: shadow',
    ),
  )
  const { code, out } = await diff('old.yaml', 'new.yaml')
  expect(code).toBe(0)
  expect(out.replaceAll(/ \((?:old|new)\.yaml:\d+\)/g, '').split('\n')).toEqual([
    'widened  pay#gone: removed: 5 calls an hour, by the agent',
    'widened  pay#more: raised: it was 10.00 a day, by the agent, now 10.50 a day, by the agent',
    'widened  pay#shadow: in shadow now: it takes nothing',
    'widened  pay#wider: tools, resources and prompts: no longer `pay/*`',
    'unclear  pay#cents: the decimal places changed, and what was counted before means something else: it was 7 a day, by the agent, now 7.00 a day, by the agent',
    'unclear  pay#daily: it was 5 calls an hour, by the agent, now 5 calls a day in Europe/Berlin, by the agent',
    'narrowed pay#less: lowered: it was 50 calls in all, by the agent, now 49 calls in all, by the agent',
    'narrowed pay#new: added: 7 calls a minute, by everybody together',
    'widened: 4, narrowed: 2, unclear: 2',
    '',
  ])
})
