/** The policies that come with the package: their tests notice every mistake, and a whole guard does as they say. */
import { cpSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { checkCommand } from '../../src/cli/check.ts'
import { main } from '../../src/cli/main.ts'
import { readPolicies } from '../../src/cli/policies.ts'
import { problemText } from '../../src/model/document.ts'
import type { JsonObject } from '../../src/model/json.ts'
import type { ToolDefinition } from '../../src/model/tool.ts'
import type { CompiledPolicies } from '../../src/policy/compile.ts'
import { liveMandate } from '../../src/policy/live.ts'
import { type Desk, desk, fakeProbe, NOON, tool } from '../cli/desk.fake.ts'
import { memoryGuard, type MemoryGuard } from '../fakes/guard.ts'
import { mandateOf } from '../fakes/line.ts'
import { type FakeUpstream, legacyUpstream } from '../fakes/upstream.ts'

const FOLDER = join(import.meta.dirname, '..', '..', 'policies')

let here: Desk
beforeEach(() => {
  here = desk()
})
afterEach(() => here.remove())

function starter(): CompiledPolicies {
  const { load, problems } = readPolicies(FOLDER, new Map())
  if (!load) throw new Error(problems.map(problemText).join('\n'))
  return load.policies
}

test('every test passes, everything is covered, and no mistake goes unnoticed', async () => {
  cpSync(FOLDER, join(here.folder, 'project', 'policies'), { recursive: true })
  expect(await main(['test', '--mutate'], here.io), here.io.out() + here.io.err()).toBe(0)
  expect(here.io.out()).toMatch(/\nmistakes: [2-9]\d\d noticed, 0 not\n/)
  const coverage = here.io.out().match(/^coverage .*$/gm) ?? []
  expect(coverage.length).toBeGreaterThan(9)
  for (const line of coverage) expect(line).toContain('rules 100%, outcomes 100%')
})

test('every file has its tests, and says whose it is and what each rule is for', () => {
  const names = readdirSync(FOLDER)
  const files = names.filter((name) => !name.endsWith('.test.yaml'))
  expect(names).toEqual(
    expect.arrayContaining(files.map((name) => name.replace('.yaml', '.test.yaml'))),
  )
  const { rules, files: policies } = starter()
  for (const { owner } of policies) expect(owner).toBeDefined()
  for (const { source } of rules) expect(source.description, source.name).toBeDefined()
})

test('these are the rules: one that goes is missed', () => {
  expect(starter().rules.map(({ source }) => source.name)).toEqual([
    'flows#mail-read',
    'flows#no-address-as-a-message',
    'flows#no-exfiltration',
    'flows#strangers-do-not-pay',
    'hours#high-impact-in-hours',
    'identity#changes-need-a-ticket',
    'identity#changes-need-an-owner',
    'identity#known-agents-only',
    'mail#listed-domains-only',
    'mail#no-standing-orders',
    'payments#large-payments',
    'payments#plain-payments-only',
    'rates#few-customers',
    'rates#few-mails',
    'rates#few-payments',
    'results#redact-secrets',
    'results#results-have-a-size',
    'risk#nothing-for-good-while-risk-is-high',
    'risk#the-worst-waits-while-risk-is-elevated',
    'risk#writes-wait-while-risk-is-high',
    'vendors#class-b-only',
    'vendors#not-its-own-entries',
  ])
})

const TEXT = { type: 'string' }
const TEXTS = { type: 'array', items: TEXT }
const OFFERED: Readonly<Record<string, Readonly<Record<string, JsonObject>>>> = {
  vendors: {
    search: { query: TEXT },
    get: { vendor_id: TEXT },
    create: { name: TEXT },
    update: { vendor_id: TEXT, name: TEXT },
    approve: { vendor_id: TEXT, vendor_class: TEXT, amount: { type: 'number' } },
  },
  mail: {
    search: { query: TEXT },
    read: { id: TEXT },
    reply: { id: TEXT, to: TEXTS, body: TEXT },
    forward: { id: TEXT, to: TEXTS },
    send: { to: TEXTS, cc: TEXTS, bcc: TEXTS, reply_to: TEXT, subject: TEXT, body: TEXT },
  },
  web: { search: { query: TEXT }, fetch: { url: TEXT } },
  crm: { search: { query: TEXT }, read: { id: TEXT } },
  files: { list_directory: { path: TEXT }, read_text_file: { path: TEXT } },
  bank: { pay: { iban: TEXT, amount: { type: 'number' }, currency: TEXT, reference: TEXT } },
}
const SERVERS = Object.keys(OFFERED)

/** With every argument required. */
function required(offered: ToolDefinition): ToolDefinition {
  const schema = offered.raw['inputSchema'] as JsonObject
  const names = Object.keys(schema['properties'] as JsonObject)
  return { ...offered, raw: { ...offered.raw, inputSchema: { ...schema, required: names } } }
}

const MANDATE = `mandate: vendor-intake
agent: procurement-agent-001
purpose: { text: Approve class B vendors, ref: PROC-1182 }
owner: dana@acme.example
valid: { until: 2026-12-31T18:00:00Z }
tools: { ${SERVERS.map((server) => `"${server}/*": {}`).join(', ')} }
`

describe('beside a mandate and servers that have these tools', () => {
  async function checked(offered: typeof OFFERED): Promise<string> {
    cpSync(FOLDER, join(here.folder, 'project', 'policies'), { recursive: true })
    const servers = SERVERS.map((server) => `"${server}": { "command": "${server}" }`)
    here.write('mcp.json', `{ "mcpServers": { ${servers.join(', ')} } }`)
    here.write('m.yaml', MANDATE)
    const tools = Object.entries(offered).flatMap(([server, all]) =>
      Object.entries(all).map(([name, properties]) => required(tool(server, name, properties))),
    )
    const command = checkCommand({
      probe: () => Promise.resolve(fakeProbe({ tools, prompts: [], failed: [] }).probe),
      clock: { now: () => NOON },
      platform: 'linux',
    })
    const row = { name: 'check', summary: '', load: () => Promise.resolve(command) }
    await main(['check', '--mandate', 'm.yaml'], here.io, [row])
    return here.io.out()
  }

  test('`check` finds nothing in them', async () => {
    const out = await checked(OFFERED)
    expect(out.match(/^.*policies\/.*$/gm) ?? []).toEqual([])
  })

  test('`check` says which of them are for other tools', async () => {
    const { bank: _, ...others } = OFFERED
    const out = await checked({ ...others, bank: { transfer: { amount: TEXT } } })
    expect(out).toContain('policies/tools.yaml')
  })
})

/** A guard under the starter policies alone: the mandate permits whatever is called. */
function guard(as = 'procurement-agent-001'): {
  readonly guard: MemoryGuard
  readonly upstreams: Readonly<Record<string, FakeUpstream>>
  readonly call: (name: string, args?: JsonObject) => Promise<string>
} {
  const upstreams = Object.fromEntries(
    Object.entries(OFFERED).map(([server, all]) => {
      const tools = Object.entries(all).map(([name, properties]) => ({
        name,
        inputSchema: { type: 'object', properties },
      }))
      return [server, legacyUpstream(tools)]
    }),
  )
  const text = MANDATE.replace('procurement-agent-001', as)
  const mandate = liveMandate(mandateOf(text), starter(), 'prod')
  const own = memoryGuard(text, upstreams, {
    mandate,
    principal: { agent: as, assurance: 'launch_line' },
    environment: 'prod',
  })
  open.push(own)
  return {
    guard: own,
    upstreams,
    call: async (name, args = {}) => {
      const { result, error } = await own.ask('tools/call', { name, arguments: args })
      if (error) return String(error.code)
      const { 'dev.chaperone/reason': reason } = (result?.['_meta'] ?? {}) as JsonObject
      return typeof reason === 'string' ? reason : 'ok'
    },
  }
}

let open: MemoryGuard[] = []
afterEach(async () => {
  await Promise.all(open.map((one) => one.hangUp()))
  open = []
})

interface Entry {
  readonly decision?: { readonly policy?: { readonly determining?: readonly string[] } }
}

/** The rules that decided the last call. */
function by({ log }: MemoryGuard): readonly string[] {
  const decided = log.entries.flatMap((entry) => (entry as Entry).decision ?? [])
  return decided.at(-1)?.policy?.determining ?? []
}

const APPROVE = { vendor_id: 'V-2002', vendor_class: 'B', amount: 800 }
const MAIL = { to: ['lee@acme.example'], subject: 'Done', body: 'V-2002 is approved.' }

describe('the rules of the article, on a guard', () => {
  test('identity: an agent that nobody registered calls nothing', async () => {
    const stranger = guard('marketing-agent-007')
    await stranger.guard.open()
    expect(await stranger.call('vendors__search', { query: 'B' })).toBe('forbidden')
    expect(by(stranger.guard)).toEqual(['identity#known-agents-only'])
    expect(stranger.upstreams['vendors']?.calls('tools/call')).toEqual([])
    const known = guard()
    await known.guard.open()
    expect(await known.call('vendors__search', { query: 'B' })).toBe('ok')
    expect(known.upstreams['vendors']?.calls('tools/call')).toHaveLength(1)
  })

  test('class B only', async () => {
    const { guard: own, upstreams, call } = guard()
    await own.open()
    for (const vendor_class of ['A', 'b', 'C', null]) {
      expect(await call('vendors__approve', { ...APPROVE, vendor_class })).toBe('forbidden')
      expect(by(own)).toEqual(['vendors#class-b-only'])
    }
    expect(await call('vendors__approve', { ...APPROVE, vendorClass: 'A' })).not.toBe('ok')
    expect(upstreams['vendors']?.calls('tools/call')).toEqual([])
    expect(await call('vendors__approve', APPROVE)).toBe('ok')
    expect(upstreams['vendors']?.calls('tools/call')).toHaveLength(1)
  })

  test('no high-impact action outside of nine to five', async () => {
    const { guard: own, upstreams, call } = guard()
    await own.open()
    for (const [at, said] of [
      ['2026-11-24T15:59:59.999Z', 'ok'],
      ['2026-11-24T16:00:00Z', 'forbidden'],
      ['2026-11-25T07:59:59.999Z', 'forbidden'],
      ['2026-11-25T08:00:00Z', 'ok'],
      ['2026-11-28T11:00:00Z', 'forbidden'],
    ] as const) {
      own.clock.setWall(at)
      expect(await call('vendors__approve', APPROVE), at).toBe(said)
      expect(by(own)).toEqual(said === 'ok' ? [] : ['hours#high-impact-in-hours'])
    }
    expect(upstreams['vendors']?.calls('tools/call')).toHaveLength(2)
    expect(await call('vendors__get', { vendor_id: 'V-2002' })).toBe('ok')
  })

  test('no mail to a domain that is not listed', async () => {
    const { guard: own, upstreams, call } = guard()
    await own.open()
    for (const args of [
      { to: ['eve@evil.example'] },
      { to: ['lee@acme.example', 'eve@evil.example'] },
      { cc: ['eve@evil.example'] },
      { bcc: ['eve@evil.example'] },
      { reply_to: 'eve@evil.example' },
      { to: 'lee@acme.example' },
      { to: ['eve@acme.example.evil.example'] },
    ]) {
      expect(await call('mail__send', { ...MAIL, ...args })).toBe('forbidden')
      expect(by(own)).toEqual(['mail#listed-domains-only'])
    }
    expect(upstreams['mail']?.calls('tools/call')).toEqual([])
    expect(await call('mail__send', MAIL)).toBe('ok')
    expect(upstreams['mail']?.calls('tools/call')).toHaveLength(1)
  })
})

test('after what strangers wrote and what is private, nothing leaves, whoever it goes to', async () => {
  const { guard: own, upstreams, call } = guard()
  await own.open()
  expect(await call('web__fetch', { url: 'https://example.com' })).toBe('ok')
  expect(await call('mail__send', MAIL)).toBe('ok')
  expect(await call('crm__read', { id: '7' })).toBe('ok')
  expect(await call('mail__send', MAIL)).toBe('forbidden')
  expect(by(own)).toEqual(['flows#no-exfiltration'])
  expect(await call('web__fetch', { url: 'https://evil.example/?q=secret' })).toBe('forbidden')
  expect(by(own)).toEqual(['flows#no-address-as-a-message'])
  expect(upstreams['mail']?.calls('tools/call')).toHaveLength(1)
  expect(upstreams['web']?.calls('tools/call')).toHaveLength(1)
})

test('the files are what is shipped', () => {
  const { files } = JSON.parse(readFileSync(join(FOLDER, '..', 'package.json'), 'utf8')) as {
    readonly files: readonly string[]
  }
  expect(files).toContain('policies')
})
