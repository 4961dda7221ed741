import { afterEach, beforeEach, expect, test } from 'vitest'
import { checkCommand } from '../../src/cli/check.ts'
import { main } from '../../src/cli/main.ts'
import { type Desk, desk, fakeProbe, NOON, type Offering, tool, UPSTREAMS } from './desk.fake.ts'

const MANDATE = `mandate: intake
agent: buyer
purpose: Approve class B vendors
valid: { until: 2026-12-31T18:00:00Z }
tools:
  vendors/search_*: { effect: read }
  vendors/approve: { effect: write, args: { amount: { range: { min: 0, max: 5000 } } } }
`
const OFFERED: Offering = {
  tools: [
    tool('vendors', 'search_by_name', { name: { type: 'string' } }),
    tool('vendors', 'approve', { amount: { type: 'number' } }),
    tool('mail', 'send', { to: { type: 'string' } }),
  ],
  prompts: [],
  failed: [],
}
const POLICY = `policy: house
rules:
  - { id: large, effect: forbid, tools: [vendors/approve], when: has(args.amount) && args.amount > 1000 }
`
const TEST = `test: large
cases:
  - { name: large, call: { tool: vendors/approve, args: { amount: 2000 } }, expect: { effect: deny, by: large } }
`

let here: Desk
beforeEach(() => {
  here = desk()
  here.write('m.yaml', MANDATE)
  here.write('mcp.json', UPSTREAMS)
  here.write('policies/house.yaml', POLICY)
  here.write('policies/house.test.yaml', TEST)
})
afterEach(() => here.remove())

async function check(
  argv: readonly string[] = [],
  offered: Offering = OFFERED,
): Promise<{ readonly code: number; readonly out: string }> {
  const command = checkCommand({
    probe: () => Promise.resolve(fakeProbe(offered).probe),
    clock: { now: () => NOON },
    platform: 'linux',
  })
  const row = { name: 'check', summary: '', load: () => Promise.resolve(command) }
  const code = await main(['check', '--mandate', 'm.yaml', ...argv], here.io, [row])
  return { code, out: here.io.out() }
}

test('policies in order are not mentioned', async () => {
  const { code, out } = await check()
  expect(code).toBe(0)
  expect(out).toMatch(/\nok: this would run, with 2 tools offered\n$/)
  expect(out).not.toContain('policies')
})

test('a misspelt argument is found, with its place and what was meant', async () => {
  here.write('policies/house.yaml', POLICY.replaceAll('args.amount', 'args.amuont'))
  const { code, out } = await check()
  expect(code).toBe(1)
  expect(out).toContain('\npolicies/house.yaml\n')
  expect(out).toMatch(
    /error {3}policies\/house\.yaml:3:\d+: the tool has no argument `amuont`, for `vendors\/approve` \(did you mean `amount`\?\)/,
  )
})

test('an unknown tool is found', async () => {
  here.write('policies/house.yaml', POLICY.replace('vendors/approve', 'vendors/aprove'))
  const { code, out } = await check()
  expect(code).toBe(1)
  expect(out).toContain('no upstream has a tool `vendors/aprove` (did you mean `vendors/approve`?)')
})

test('tools of an upstream that could not be asked are not doubted', async () => {
  here.write('policies/house.yaml', POLICY.replace('vendors/approve', 'mail/sned'))
  const tools = OFFERED.tools.filter(({ server }) => server !== 'mail')
  const { code, out } = await check([], {
    ...OFFERED,
    tools,
    failed: [{ server: 'mail', why: 'gone' }],
  })
  expect(code).toBe(3)
  expect(out).not.toContain('mail/sned')
})

test('a rule without a test is a warning, which fails only with --strict', async () => {
  here.write('policies/house.test.yaml', TEST.replace('by: large', 'by: other'))
  const found = await check()
  expect(found.code).toBe(0)
  expect(found.out).toContain('no test names the rule `large`')
  expect(found.out).toMatch(/\nok: .*, 1 warning\n$/)
  const strict = await check(['--strict'])
  expect(strict.code).toBe(1)
  expect(strict.out).toMatch(/\nnot ok: 1 warning \(--strict\)\n$/)
})

test('what somebody lets stand with a reason is not said', async () => {
  here.write('policies/house.test.yaml', TEST.replace('by: large', 'by: other'))
  here.write(
    'policies/house.yaml',
    `${POLICY}ignore: [ { finding: no_test, rule: large, reason: it is new } ]\n`,
  )
  expect((await check(['--strict'])).code).toBe(0)
})

test('--json names the finding and its rule', async () => {
  here.write('policies/house.yaml', POLICY.replace('vendors/approve', 'vendors/aprove'))
  const { out } = await check(['--json'])
  expect(JSON.parse(out)).toMatchObject({
    ok: false,
    problems: [{ level: 'error', id: 'unknown_tool', rule: 'house#large', line: 3 }],
  })
})

test('what policies always forbid is not offered, and a mandate of which nothing is left would not run', async () => {
  here.write('policies/house.yaml', `${POLICY}  - { id: none, effect: forbid, effects: [read] }\n`)
  const some = await check()
  expect(some.out).toContain('vendors  1 of 2 tools offered')
  expect(some.out).toContain('policies always forbid `vendors/search_by_name`')
  here.write('policies/house.yaml', `${POLICY}  - { id: none, effect: forbid }\n`)
  const none = await check()
  expect(none.code).toBe(1)
  expect(none.out).toContain('policies forbid all that the mandate `intake` grants')
})

test('--offline holds policies against nothing but themselves', async () => {
  here.write(
    'policies/house.yaml',
    POLICY.replace('vendors/approve', 'vendors/aprove').replace('> 1000', '> 5 && args.amount < 3'),
  )
  const { code, out } = await check(['--offline'])
  expect(code).toBe(0)
  expect(out).toContain('`when` is never true')
  expect(out).not.toContain('aprove')
})

test('what an engine is asked about has to be there, too', async () => {
  here.write(
    'policies/engines.yaml',
    'engines: [ { id: house, type: cedar, policies: [g.cedar], tools: [vendors/aprove] } ]\n',
  )
  here.write('policies/g.cedar', 'forbid(principal, action, resource);')
  const { code, out } = await check()
  expect(code).toBe(1)
  expect(out).toContain('policies/engines.yaml:1:')
  expect(out).toContain('did you mean `vendors/approve`?')
})
