import { mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { main } from '../../src/cli/main.ts'
import { type Desk, desk } from './desk.fake.ts'

let here: Desk
beforeEach(() => {
  here = desk()
  here.write('policies/mail.yaml', POLICY)
  here.write('policies/mail.test.yaml', TEST)
})
afterEach(() => here.remove())

const POLICY = `policy: mail
sets: { partners: [acme.example, partner.example] }
rules:
  - id: partners
    effect: forbid
    tools: [mail/send]
    unless: args.to.all(one, domain(one) in sets.partners)
`
const TEST = `test: mail
cases:
  - name: to partners
    call: { tool: mail/send, args: { to: [a@acme.example, b@partner.example] } }
    expect: permit
  - name: to others
    call: { tool: mail/send, args: { to: [a@evil.example, b@partner.example] } }
    expect: { effect: deny, by: partners }
  - name: to nobody says who
    call: { tool: mail/send }
    expect: { effect: deny, errors: 1 }
  - name: reading
    call: { tool: mail/read }
    expect: permit
invariants:
  - never: { tool: mail/send, effect: permit, when: 'args.to.exists(one, !(domain(one) in sets.partners))' }
coverage: { rules: 100, outcomes: 100 }
`

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

async function run(...argv: readonly string[]): Promise<Ran> {
  const before = { out: here.io.out().length, err: here.io.err().length }
  const code = await main(['test', ...argv], here.io)
  return { code, out: here.io.out().slice(before.out), err: here.io.err().slice(before.err) }
}

describe('what it runs', () => {
  test('passes where policies do what their tests say', async () => {
    expect(await run()).toEqual({
      code: 0,
      out: `ok     policies/mail.test.yaml: mail, 4 cases, 1 invariant (1000 calls)
coverage policies/mail.test.yaml: rules 100%, outcomes 100%

ok: 5 of 5 tests passed
`,
      err: '',
    })
  })

  test('says of a failed case what was expected, what the rules read, and where both stand', async () => {
    here.write('policies/mail.yaml', POLICY.replace('args.to.all(', 'args.to.exists('))
    const { code, out } = await run()
    expect(code).toBe(1)
    expect(out).toContain(`  failed policies/mail.test.yaml:6: to others
    effect: expected deny, got permit
    by: expected mail#partners, got none
    call: tool mail/send {"to":["a@evil.example","b@partner.example"]}
    by agent-1, 2026-11-24T09:30:00.000Z, prod, risk normal
    decision: permit, permitted
    no    forbid mail#partners policies/mail.yaml:4
          holds: unless: args.to.exists(one, domain(one) in sets.partners), read args.to = ["a@evil.example", "b@partner.example"]
`)
    expect(out).toMatch(/broken by call \d+ \(--seed 1\); as a case:\n {6}- name: "found by: never/)
    expect(out).toContain('not ok: 3 of 5 tests passed')
  })

  test('the call that breaks an invariant is a case that can be pasted', async () => {
    here.write('policies/mail.yaml', POLICY.replace('args.to.all(', 'args.to.exists('))
    const { out } = await run('--run', 'never *')
    const lines = out.split('\n')
    const from = lines.findIndex((line) => line.startsWith('      - name'))
    const to = lines.findIndex((line, at) => at > from && !line.startsWith('      '))
    here.write(
      'policies/mail.test.yaml',
      `test: pasted\ncases:\n${lines.slice(from, to).join('\n')}\n`,
    )
    expect((await run()).code).toBe(1)
    here.write('policies/mail.yaml', POLICY)
    expect((await run()).code).toBe(0)
  })

  test('coverage below what a file asks for fails, with calls that would show more', async () => {
    here.write(
      'policies/mail.test.yaml',
      TEST.replace(/ {2}- name: to nobody[^]*?(?= {2}- name: r)/, ''),
    )
    const { code, out } = await run()
    expect(code).toBe(1)
    expect(out).toContain(
      'FAILED coverage policies/mail.test.yaml: rules 100%, outcomes 66% (outcomes 66%, wanted 100%)\n' +
        '  policies/mail.yaml:4: mail#partners was never seen to fail, which counts as a match; such as:\n' +
        '      - name: "mail#partners error"\n' +
        '        call: { tool: "mail/send" }\n' +
        '        expect: { effect: deny, by: ["mail#partners"], errors: 1 }\n',
    )
    expect(out).toContain('not ok: 4 of 4 tests passed, coverage is too low')
  })

  test('several files cover one policy together', async () => {
    const head = 'test: more\ncases:\n'
    const nobody = `  - name: to nobody says who
    call: { tool: mail/send }
    expect: { effect: deny, errors: 1 }
`
    here.write('policies/mail.test.yaml', TEST.replace(nobody, ''))
    here.write('policies/more/more.test.yaml', `${head}${nobody}`)
    const { code, out } = await run()
    expect(out).toContain('ok     policies/more/more.test.yaml: more, 1 case\n')
    expect(code).toBe(0)
  })

  test('a link that leads in a circle is followed once, and a file that is linked is one', async () => {
    const at = (name: string): string => join(here.io.cwd, name)
    mkdirSync(at('policies/loop'))
    symlinkSync('..', at('policies/loop/up'))
    symlinkSync('../..', at('policies/loop/top'))
    symlinkSync('mail.test.yaml', at('policies/again.test.yaml'))
    expect((await run('--list', '--run', 'to others')).out).toBe(
      'policies/mail.test.yaml:6: to others\n',
    )
    here.write('elsewhere/more.test.yaml', TEST)
    symlinkSync('../elsewhere', at('policies/other'))
    expect((await run('--list', '--run', 'to others')).out).toContain('more.test.yaml:6')
  })

  test('--run chooses by a part of a name or a pattern; coverage is then not asked for', async () => {
    expect((await run('--run', 'to others')).out).toContain('ok: 1 of 1 test passed')
    expect((await run('--run', 'to *')).out).toContain('ok: 3 of 3 tests passed')
    expect((await run('--run', 'to *')).out).not.toContain('coverage')
    const none = await run('--run', 'nothing')
    expect(none.code).toBe(2)
    expect(none.err).toContain('--list')
  })

  test('--list names what would be run', async () => {
    const { code, out } = await run('--list', '--run', 'to *')
    expect(code).toBe(0)
    expect(out).toBe(`policies/mail.test.yaml:3: to partners
policies/mail.test.yaml:6: to others
policies/mail.test.yaml:9: to nobody says who
`)
  })

  test('--runs and --seed say with how many calls, and which', async () => {
    expect((await run('--runs', '50')).out).toContain('(50 calls)')
    expect((await run('--runs', '0')).code).toBe(2)
    expect((await run('--seed', 'x')).code).toBe(2)
    here.write('policies/mail.yaml', POLICY.replace('args.to.all(', 'args.to.exists('))
    const [one, again, other] = [
      await run('--seed', '5'),
      await run('--seed', '5'),
      await run('--seed', '6'),
    ]
    expect(one.out).toBe(again.out)
    expect(one.out).not.toBe(other.out)
  })
})

describe('mistakes', () => {
  test('that nobody notices fail, each with its place and both texts', async () => {
    const good = await run('--mutate')
    expect(good.out).toMatch(/mistakes: \d+ noticed, 0 not\n/)
    expect(good.code).toBe(0)
    here.write(
      'policies/mail.test.yaml',
      TEST.replace('a@acme.example, ', '').replace(/invar[^]*/, ''),
    )
    const { code, out } = await run('--mutate')
    expect(code).toBe(1)
    expect(out).toContain(`  policies/mail.yaml:2: sets.partners: value_dropped
    - partners: ["acme.example","partner.example"]
    + partners: ["partner.example"]
`)
    expect(out).toContain('not ok: 4 of 4 tests passed, mistakes were not noticed')
  })

  test('are not made in policies whose tests fail', async () => {
    here.write('policies/mail.test.yaml', TEST.replace('expect: permit', 'expect: deny'))
    const { code, out } = await run('--mutate')
    expect(code).toBe(1)
    expect(out).toContain('no mistakes were made')
  })

  test('show how far it has come where somebody watches, and can be stopped', async () => {
    const more = Array.from(
      { length: 5 },
      (_, at) => `  - { id: r${at}, effect: forbid, tools: [a/b] }\n`,
    )
    here.write('policies/mail.yaml', POLICY + more.join(''))
    here = { ...here, io: { ...here.io, watched: true } }
    await run('--mutate')
    expect(here.io.err()).toMatch(/\r10 of \d+ mistakes tried/)
    here = { ...here, io: { ...here.io, signal: AbortSignal.abort() } }
    const { code, err } = await run('--mutate')
    expect(code).toBe(3)
    expect(err).toContain('stopped')
  })
})

describe('reports', () => {
  test('as JSON', async () => {
    const { out } = await run('--json', '--mutate')
    const report: unknown = JSON.parse(out)
    expect(report).toMatchObject({
      ok: true,
      seed: 1,
      files: [{ test: 'mail', cases: [{ name: 'to partners', line: 3, ok: true }, {}, {}, {}] }],
      coverage: [{ rules: 100, outcomes: 100, missing: [], below: [] }],
      mutants: { survived: 0, survivors: [] },
    })
    here.write('policies/mail.yaml', POLICY.replace('args.to.all(', 'args.to.exists('))
    const bad = await run('--json')
    expect(bad.code).toBe(1)
    expect(JSON.parse(bad.out)).toMatchObject({
      ok: false,
      files: [
        {
          cases: [
            { ok: true },
            {
              ok: false,
              mismatches: [{ what: 'effect', expected: 'deny', actual: 'permit' }, { what: 'by' }],
              rules: [{ rule: 'mail#partners', matched: false }],
            },
            {},
            {},
          ],
          invariants: [{ ok: false }],
        },
      ],
    })
  })

  test('as JUnit, with nothing in it that XML would take for its own', async () => {
    here.write(
      'policies/mail.test.yaml',
      TEST.replace('to others', '"<others> & \\"more\\""').replace('by: partners', 'by: []'),
    )
    const { code } = await run('--junit', 'out/../report.xml')
    expect(code).toBe(1)
    const xml = readFileSync(join(here.io.cwd, 'report.xml'), 'utf8')
    expect(xml).toContain('<testsuites name="chaperone test" tests="5" failures="1">')
    expect(xml).toContain('name="&lt;others&gt; &amp; &quot;more&quot;"')
    expect(xml).toContain('<failure message="by: expected none, got mail#partners">')
    expect((await run('--junit', 'no/such/folder.xml')).code).toBe(3)
  })

  test('say so where nothing could be tested, and none of an earlier run is left', async () => {
    const report = (): string => readFileSync(join(here.io.cwd, 'report.xml'), 'utf8')
    expect((await run('--junit', 'report.xml')).code).toBe(0)
    expect(report()).toContain('tests="5" failures="0">')
    here.write('policies/mail.yaml', POLICY.replace('domain(one)', 'domian(one)'))
    const { code, out } = await run('--json', '--junit', 'report.xml')
    expect(code).toBe(3)
    expect(JSON.parse(out)).toMatchObject({
      ok: false,
      problems: [{ level: 'error', id: 'unknown_function', line: 7 }],
    })
    expect(report()).toContain('tests="1" failures="0" errors="1">')
    expect(report()).toMatch(/<error message="[^"]*policies\/mail.yaml:7:/)
    here.write('policies/mail.yaml', POLICY)
    await run('--junit', 'report.xml')
    expect((await run('--run', 'nothing', '--junit', 'report.xml')).code).toBe(2)
    expect(report()).toContain('errors="1">')
  })
})

describe('what it needs', () => {
  test('a folder, and tests in it', async () => {
    expect((await run('nowhere')).code).toBe(2)
    expect((await run('a', 'b')).code).toBe(2)
    here.write('empty/readme.md', '')
    const none = await run('empty')
    expect(none.code).toBe(3)
    expect(none.err).toContain('there is no test below `empty`')
  })

  test('tests and policies that load', async () => {
    here.write('policies/mail.test.yaml', TEST.replace('by: partners', 'by: partner'))
    const test = await run()
    expect(test.code).toBe(3)
    expect(test.out).toBe('')
    expect(test.err).toContain('policies/mail.test.yaml:8:13: no rule is called `partner`')
    expect(test.err).toContain('did you mean `partners`?')
    here.write('policies/mail.test.yaml', TEST)
    here.write('policies/mail.yaml', POLICY.replace('domain(one)', 'domian(one)'))
    const policy = await run()
    expect(policy.code).toBe(3)
    expect(policy.err).toContain('policies/mail.yaml:7:')
    expect(policy.err).toContain('could not test')
  })

  test('every document of the folder that is none of the others is a policy', async () => {
    here.write('policies/engines.yaml', 'engines: []\n')
    here.write('policies/controls.yaml', 'controls: []\n')
    here.write('policies/roles/reader.yaml', 'role: reader\n')
    expect((await run()).code).toBe(0)
    here.write('policies/more.yaml', 'polices: x\n')
    const { code, err } = await run()
    expect(code).toBe(3)
    expect(err).toContain('policies/more.yaml')
  })

  test('the policies that it names, beside it', async () => {
    here.write('policies/broken.yaml', 'nothing: true\n')
    here.write('tests/one.test.yaml', `policies: [../policies/mail.yaml]\n${TEST}`)
    expect((await run('tests')).code).toBe(0)
    expect((await run('tests/one.test.yaml')).code).toBe(0)
    here.write('tests/two.test.yaml', `policies: [../policies/none.yaml]\n${TEST}`)
    expect((await run('tests')).code).toBe(3)
    here.write('tests/two.test.yaml', TEST)
    expect((await run('tests')).err).toContain('there is no policy beside this test')
  })

  test('engines of the folder', async () => {
    here.write('with-engine/mail.yaml', POLICY)
    here.write(
      'with-engine/engines.yaml',
      'engines: [{ id: cerbos, type: authzen, url: "http://127.0.0.1:3592" }]\n',
    )
    here.write(
      'with-engine/mail.test.yaml',
      `test: engines
cases:
  - { name: a, call: { tool: x/y }, expect: permit }
  - { name: b, call: { tool: x/y }, engines: { cerbos: deny }, expect: { by: "engine:cerbos" } }
`,
    )
    expect((await run('with-engine')).code).toBe(0)
  })

  test('a mandate of its own, whose limits count', async () => {
    here.write(
      'policies/fixtures/intake.yaml',
      `mandate: intake
agent: buyer
purpose: Buy
environment: [prod]
valid: { from: 2026-11-20T00:00:00Z, until: 2026-12-31T18:00:00Z }
tools: { mail/send: { effect: send, args: { to: { size: 1..1 } } } }
`,
    )
    const file = (more: string): string => `test: under a mandate
mandate: fixtures/intake.yaml
cases:
  - { name: a, call: { tool: mail/send, args: { to: [a@acme.example] } }, expect: permit }
  - { name: b, call: { tool: mail/send, args: { to: [a@acme.example, b@acme.example] } }, expect: { reason: outside_mandate } }
  - { name: c, call: { tool: mail/read }, expect: { reason: outside_mandate, listed: false } }
  - { name: d, call: { tool: mail/send }, clock: "2027-01-01T00:00:00Z", expect: { reason: mandate_expired } }
  - { name: e, call: { tool: mail/send }, clock: "2026-11-01T00:00:00Z", expect: { reason: mandate_not_yet_valid } }
  - { name: f, call: { tool: mail/send }, environment: dev, expect: { reason: environment_mismatch } }
${more}`
    here.write('policies/mail.test.yaml', file(''))
    expect(await run()).toMatchObject({ code: 0, err: '' })
    here.write('policies/mail.test.yaml', file('defaults: { agent: somebody }\n'))
    const { code, err } = await run()
    expect(code).toBe(3)
    expect(err).toContain('the mandate says who acts')
    here.write('policies/mail.test.yaml', file('').replace('intake.yaml', 'none.yaml'))
    expect((await run()).code).toBe(3)
  })

  test('definitions of tools: of one server, of several, and as a guard lists them', async () => {
    const tools = {
      tools: [
        { name: 'send', inputSchema: {} },
        { name: 'read', inputSchema: {} },
      ],
    }
    const named = { tools: tools.tools.map((tool) => ({ ...tool, name: `mail__${tool.name}` })) }
    here.write('policies/fixtures/mail.json', JSON.stringify(tools))
    here.write('policies/fixtures/all.json', JSON.stringify({ mail: { result: tools } }))
    here.write('policies/fixtures/listed.json', JSON.stringify(named))
    here.write('policies/fixtures/bad.json', '{"tool": []}')
    const withTools = (said: string): void => {
      here.write('policies/mail.test.yaml', `tools: ${said}\n${TEST}`)
    }
    for (const said of [
      '{ mail: fixtures/mail.json }',
      'fixtures/all.json',
      'fixtures/listed.json',
    ]) {
      withTools(said)
      expect(await run(), said).toMatchObject({ code: 0, err: '' })
    }
    withTools('{ post: fixtures/mail.json }')
    expect((await run()).err).toContain('`tools` has no `mail/send`')
    for (const said of ['fixtures/mail.json', 'fixtures/bad.json', 'fixtures/none.json']) {
      withTools(said)
      expect((await run()).code, said).toBe(3)
    }
  })
})
