/** The pages from which a stranger writes policies: whatever they show does what they say, and names all that there is. */
import { readdirSync, readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { checkCommand } from '../../src/cli/check.ts'
import { main } from '../../src/cli/main.ts'
import { FUNCTION_NAMES } from '../../src/expression/functions.ts'
import { HISTORY_NAMES } from '../../src/expression/history.ts'
import { scopeOf } from '../../src/expression/names-in-scope.ts'
import { EFFECT_CLASSES, ENVIRONMENTS, RISK_POSTURES } from '../../src/model/call.ts'
import { APPROVAL_ASSURANCES } from '../../src/model/decision.ts'
import { problemText, Problems } from '../../src/model/document.ts'
import { DETECTORS, POLICY_MODES, RULE_EFFECTS } from '../../src/model/policy.ts'
import { parseEngines } from '../../src/policy/engine-config.ts'
import { FINDINGS } from '../../src/policy/lint/finding.ts'
import { type Desk, desk, fakeProbe, NOON, tool } from '../cli/desk.fake.ts'
import { policies, problemsOf } from '../policy/written.ts'
import { blocks, codes, page, ROOT, table } from './markdown.ts'

const PAGE = page('docs/policy.md')
const FINDINGS_PAGE = page('docs/policy-findings.md')

/** Of its YAML blocks those with this word after `yaml`. */
function marked(word: string): readonly string[] {
  const found = PAGE.matchAll(/^```yaml ?(\w*)\n([^]*?)^```$/gm)
  return [...found].flatMap(([, mark, text = '']) => (mark === word ? [text] : []))
}

const [FIRST = '', ALL = ''] = marked('')
const [TEST = ''] = marked('test')
const MANDATE = `mandate: assistant
agent: my-agent
purpose: Answer the mail
valid: { until: 2030-01-01T00:00:00Z }
tools:
  mail/send: { effect: send, args: { to: { size: 1..20 }, subject: { length: 0..300 }, body: { length: 0..20000 } } }
  web/fetch: { effect: read }
`

let here: Desk
beforeEach(() => {
  here = desk()
  here.write('policies/mail.yaml', FIRST)
  here.write('policies/mail.test.yaml', TEST)
  here.write('mandate.yaml', MANDATE)
  here.write(
    'mcp.json',
    '{ "mcpServers": { "mail": { "command": "m" }, "web": { "command": "w" } } }',
  )
})
afterEach(() => here.remove())

/** As a terminal shows it, without what the command says elsewhere. */
async function run(...argv: readonly string[]): Promise<{ code: number; out: string }> {
  const before = here.io.out().length
  const code = await main(argv, here.io)
  return { code, out: here.io.out().slice(before) }
}

async function check(): Promise<{ code: number; out: string }> {
  const text = { type: 'string' }
  const mail = { to: { type: 'array', items: text }, subject: text, body: text }
  const tools = [tool('mail', 'send', mail), tool('web', 'fetch', { url: text })]
  const command = checkCommand({
    probe: () => Promise.resolve(fakeProbe({ tools, prompts: [], failed: [] }).probe),
    clock: { now: () => NOON },
    platform: 'linux',
  })
  const before = here.io.out().length
  const row = { name: 'check', summary: '', load: () => Promise.resolve(command) }
  const code = await main(['check', '--mandate', 'mandate.yaml'], here.io, [row])
  return { code, out: here.io.out().slice(before) }
}

describe('the first policy', () => {
  test('passes its test, which notices every mistake', async () => {
    const { code, out } = await run('test', 'policies', '--mutate')
    expect(code, out).toBe(0)
    expect(out).toMatch(/\nmistakes: \d\d noticed, 0 not\n/)
  })

  test('has nothing to be found in it, and a misspelt tool is found as the page shows', async () => {
    const good = await check()
    expect(good.out).not.toContain('policies/')
    expect(good.code).toBe(0)
    here.write('policies/mail.yaml', FIRST.replace('mail/send', 'mail/sned'))
    const bad = await check()
    const [shown = ''] = blocks(PAGE, '')
    expect(bad.out).toContain(shown)
    expect(bad.code).toBe(1)
  })

  test('is explained: the rule that decides, and what would have to be different', async () => {
    const [commands = ''] = blocks(PAGE, 'sh')
    const [, args = ''] = /--args '([^']+)'/.exec(commands) ?? []
    const flags = ['--mandate', 'mandate.yaml', '--offline', '--args', args]
    const { code, out } = await run('explain', ...flags, 'mail/send')
    expect(code).toBe(1)
    expect(out).toContain('denied: forbidden by `mail#listed-domains-only`')
    expect(out).toContain('would be permitted if')
  })

  test('is compared with a narrower one', async () => {
    here.write('new/mail.yaml', FIRST.replace(', partner.example', ''))
    const { code, out } = await run('diff', 'policies', 'new')
    expect(code).toBe(0)
    expect(out).toContain('narrowed mail#listed-domains-only')
    expect(out).toContain('widened: 0, narrowed: 1, unclear: 0')
  })
})

test('the other policies load, and the engines are read', () => {
  expect(policies(ALL).rules.length).toBeGreaterThan(8)
  expect(marked('')).toHaveLength(2)
  const [, vendors = ''] = blocks(page('README.md'), 'yaml')
  expect(policies(vendors).rules.map(({ source }) => source.name)).toEqual(['vendors#class-b-only'])
  const [example = ''] = blocks(FINDINGS_PAGE, 'yaml')
  expect(policies(example).files[0]?.ignore).toHaveLength(2)
  const problems = new Problems()
  const [engines = ''] = marked('engines')
  const read = parseEngines({ text: engines, file: 'engines.yaml' }, problems)
  expect(problems.list.map(problemText)).toEqual([])
  expect(read.map(({ type }) => type)).toEqual(['authzen', 'opa', 'opa_wasm', 'cedar'])
})

/** What may stand where `zzzz` stands, from what is said of it. */
function known(text: string): readonly string[] {
  const found = problemsOf(text).filter(({ message }) => message.includes('zzzz'))
  return found.flatMap(({ remedy = '' }) => codes(remedy))
}

/** What the first column of a table names. */
function named(firstHeading: string, text = PAGE): readonly string[] {
  return table(text, firstHeading).flatMap(([names = '']) => codes(names))
}

describe('the page names all that there is, and nothing else', () => {
  const rule = (members: string): string =>
    `policy: a\nrules: [{ id: r, effect: forbid, ${members} }]`

  test('members of a file', () => {
    expect(named('member').toSorted()).toEqual(known('policy: a\nzzzz: 1').toSorted())
  })

  test('members of a rule: selectors, conditions, and the rest', () => {
    const rest = ['id', 'effect', 'mode', 'description', 'approval', 'obligation', 'otherArgs']
    const all = [...named('selector'), ...named('condition'), ...rest]
    expect(all.toSorted()).toEqual(known(rule('zzzz: 1')).toSorted())
    for (const member of all) expect(FIRST + ALL, member).toMatch(new RegExp(`\\b${member}: `))
  })

  test('effects', () => expect(named('`effect`')).toEqual([...RULE_EFFECTS]))

  test.each([
    ['approval', 'effect: require_approval, approval: { zzzz: 1 }'],
    ['labels', ''],
  ])('members of %s', (what, members) => {
    const text =
      members === ''
        ? 'policy: a\nlabels: [{ zzzz: 1 }]'
        : `policy: a\nrules: [{ id: r, ${members} }]`
    const all = known(text)
    expect(all.length).toBeGreaterThan(3)
    for (const member of all)
      expect(PAGE, `${what}: ${member}`).toMatch(new RegExp(`\\b${member}: `))
  })

  test('duties and their members', () => {
    const rows = named('`obligation`').join('\n')
    const types = known('policy: a\nrules: [{ id: r, effect: oblige, obligation: { type: zzzz } }]')
    expect(types.length).toBeGreaterThan(3)
    for (const type of types) expect(rows).toContain(`type: ${type}`)
    const all = known('policy: a\nrules: [{ id: r, effect: oblige, obligation: { zzzz: 1 } }]')
    for (const member of all) expect(rows).toContain(`${member}: `)
    for (const row of named('`obligation`').filter((one) => one.startsWith('{ type'))) {
      const text = `policy: a\nrules: [{ id: r, effect: oblige, obligation: ${row} }]`
      expect(policies(text).rules).toHaveLength(1)
    }
  })

  test.each([
    ['effect classes', EFFECT_CLASSES],
    ['environments', ENVIRONMENTS],
    ['risk postures', RISK_POSTURES],
    ['detectors', DETECTORS],
    ['modes', POLICY_MODES],
    ['assurances', APPROVAL_ASSURANCES],
  ])('%s', (_what, words) => {
    for (const word of words) expect(PAGE).toContain(`\`${word}\``)
  })

  test('names of conditions', () => {
    const { names, spaces } = scopeOf({ policy: { sets: new Map([['x', ['a']]]) } })
    const below = [...spaces].flatMap(([space, all]) =>
      [...all.keys()].map((one) => `${space}.${one}`),
    )
    const history = HISTORY_NAMES.map((name) => `session.${name}`)
    const rows = named('name').map((code) => code.split('(', 1).join(''))
    expect(rows.toSorted()).toEqual([...names.keys(), ...below, ...history].toSorted())
  })

  test('functions', () => {
    const macros = ['has', 'all', 'exists', 'exists_one']
    const rows = named('function').flatMap((code) => /(\w+)(?=\(|$)/.exec(code)?.[1] ?? [])
    expect(rows.toSorted()).toEqual([...FUNCTION_NAMES, ...macros].toSorted())
  })

  test('starters', () => {
    const files = readdirSync(`${ROOT}/policies`).filter((name) => !name.endsWith('.test.yaml'))
    expect(named('file').toSorted()).toEqual(files)
    const servers = policies(
      Object.fromEntries(
        files.map((name) => [name, readFileSync(`${ROOT}/policies/${name}`, 'utf8')]),
      ),
    ).files.flatMap(({ classify, labels }) => [
      ...classify.flatMap(({ targets }) => targets.map(({ server }) => server)),
      ...labels.flatMap((row) => row.servers),
    ])
    for (const server of servers) expect(PAGE).toContain(`\`${server}\``)
  })

  test('findings, with the level of each', () => {
    const rows = table(FINDINGS_PAGE, 'finding').map(([id = '', level = '']) => [
      codes(id)[0],
      level.split(/[; ]/)[0],
    ])
    expect(Object.fromEntries(rows)).toEqual(FINDINGS)
  })
})
