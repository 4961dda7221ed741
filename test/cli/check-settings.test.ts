/** `chaperone check --settings`: what `serve` would say of `chaperone.yaml` and the mandate of each key. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { checkCommand } from '../../src/cli/check.ts'
import { main } from '../../src/cli/main.ts'
import { command as serve } from '../../src/cli/serve.ts'
import {
  desk,
  type Desk,
  fakeProbe,
  MANDATE,
  NOON,
  OFFERED,
  type Offering,
  UPSTREAMS,
} from './desk.fake.ts'

const READER = MANDATE.replace('mandate: intake', 'mandate: reading')
  .replace('agent: buyer', 'agent: reader')
  .replace(/ {2}vendors\/approve:[^]*15m }\n/, '')
const SETTINGS = `
listen: { hosts: [guard.example] }
keys:
  - { key: "\${INTAKE_KEY}", mandate: m.yaml }
  - { sha256: ${'a'.repeat(64)}, mandate: reader.yaml }
  - { sha256: ${'b'.repeat(64)}, mandate: reader.yaml }
`

let here: Desk
let offered: Offering
beforeEach(() => {
  offered = OFFERED
  here = desk({ INTAKE_KEY: 'k'.repeat(64) })
  here.write('m.yaml', MANDATE)
  here.write('reader.yaml', READER)
  here.write('mcp.json', UPSTREAMS)
  here.write('chaperone.yaml', SETTINGS)
})
afterEach(() => here.remove())

async function check(...argv: readonly string[]) {
  const { probe, started } = fakeProbe(offered)
  const command = checkCommand({
    probe: () => Promise.resolve(probe),
    clock: { now: () => NOON },
    platform: 'linux',
  })
  const row = { name: 'check', summary: '', load: () => Promise.resolve(command) }
  const code = await main(['check', '--settings', 'chaperone.yaml', ...argv], here.io, [row])
  return { code, out: here.io.out(), err: here.io.err(), started }
}

test('what is offered is told for the mandate of each key, each once', async () => {
  const { code, out, started } = await check()
  expect(out).toBe(`mandate intake (m.yaml) for buyer, until 2026-12-31T18:00:00.000Z
  vendors  2 of 3 tools offered
  mail     0 of 1 tool offered
mandate reading (reader.yaml) for reader, until 2026-12-31T18:00:00.000Z
  vendors  1 of 3 tools offered
  mail     0 of 1 tool offered

ok: this would be served, under 2 mandates
`)
  expect(code).toBe(0)
  expect(started).toEqual(['vendors', 'mail', 'vendors', 'mail'])
})

test('the same as JSON', async () => {
  const { out } = await check('--json')
  const rows = (offered: number) => [
    { server: 'vendors', tools: 3, offered },
    { server: 'mail', tools: 1, offered: 0 },
  ]
  expect(JSON.parse(out)).toMatchObject({
    ok: true,
    problems: [],
    mandates: [
      { mandate: 'intake', agent: 'buyer', upstreams: rows(2) },
      { mandate: 'reading', agent: 'reader', upstreams: rows(1) },
    ],
  })
})

test('what is wrong with the settings and with any mandate is found at once, and nothing is started', async () => {
  here.write('chaperone.yaml', SETTINGS.replace('hosts:', 'host_names:'))
  here.write('reader.yaml', READER.replace('purpose:', 'purpos:'))
  const { code, out, started } = await check()
  expect(code).toBe(1)
  expect(out).toContain('error   chaperone.yaml:2:11: `host_names` is no member of `listen`')
  expect(out).toMatch(/error {3}reader\.yaml:\d+:\d+: .*`purpos`/)
  expect(started).toEqual([])
})

test('a key that is none is found', async () => {
  here.write('chaperone.yaml', SETTINGS.replace('a'.repeat(64), 'HASH_OF_THE_KEY'))
  const { code, out, started } = await check()
  expect(code).toBe(1)
  expect(out).toContain('error   chaperone.yaml:5:15: `sha256` is no hash of a key')
  expect(started).toEqual([])
})

test('with a mandate it is `run` that is asked about: where to listen and keys are not looked at', async () => {
  here.write('chaperone.yaml', 'keys: [{ key: "${UNSET}" }]')
  const { code, out, started } = await check('--mandate', 'm.yaml')
  expect(out).toContain('\nok: this would run')
  expect(code).toBe(0)
  expect(started).toEqual(['vendors', 'mail'])
})

test('without keys and without a mandate there is nothing to serve', async () => {
  here.write('chaperone.yaml', 'risk: high')
  const { code, err } = await check()
  expect([code, err]).toMatchObject([2, expect.stringContaining('has no keys')])
})

describe('the settings beside a mandate', () => {
  const checkRun = async (settings: string, ...argv: readonly string[]) => {
    here.write('chaperone.yaml', settings)
    const { probe } = fakeProbe(offered)
    const command = checkCommand({
      probe: () => Promise.resolve(probe),
      clock: { now: () => NOON },
      platform: 'linux',
    })
    const row = { name: 'check', summary: '', load: () => Promise.resolve(command) }
    const code = await main(['check', '--mandate', 'm.yaml', ...argv], here.io, [row])
    return { code, out: here.io.out() }
  }

  test('are read by themselves, and flags win over them', async () => {
    expect(await checkRun('environment: staging')).toMatchObject({
      code: 1,
      out: expect.stringContaining('staging') as string,
    })
    expect((await checkRun('environment: staging', '--environment', 'prod')).code).toBe(0)
  })

  test('are refused with their place where they are bad', async () => {
    const { code, out } = await checkRun('polices: p')
    expect(code).toBe(1)
    expect(out).toContain('error   chaperone.yaml:1:1: `polices` is no member of the settings')
  })

  test('name policies that have to be there', async () => {
    const missing = await checkRun('policies: rules')
    expect([missing.code, missing.out]).toMatchObject([1, expect.stringContaining('/rules`')])
    here.write('rules/a.yaml', 'policy: a\n')
    expect((await checkRun('policies: rules')).code).toBe(0)
    expect((await checkRun('policies: rules', '--policies', 'others')).code).toBe(1)
  })
})

test('all agents of a guard are under the same policies', async () => {
  here.write('reader/reader.yaml', READER)
  here.write('chaperone.yaml', SETTINGS.replaceAll('reader.yaml', 'reader/reader.yaml'))
  here.write('reader/policies/a.yaml', 'policy: a\n')
  expect((await check()).code).toBe(0)
  here.write('policies/b.yaml', 'policy: b\n')
  const { code, out } = await check()
  expect(code).toBe(1)
  expect(out.match(/there are two folders of policies/g)).toHaveLength(1)
  here.write('chaperone.yaml', `${SETTINGS}policies: policies\n`)
  expect((await check()).code).toBe(0)
})

test('an upstream that cannot be asked under any mandate is told once', async () => {
  offered = { ...OFFERED, failed: [{ server: 'mail', why: 'it ended' }] }
  const { code, out } = await check()
  expect(code).toBe(3)
  expect(out.match(/`mail` could not be asked/g)).toHaveLength(1)
  expect(out).toContain('could not check: mail could not be asked\n')
})

test('serve names this command where it refuses to start', async () => {
  here.write('reader.yaml', READER.replace('purpose:', 'purpos:'))
  const row = { name: 'serve', summary: '', load: () => Promise.resolve(serve) }
  expect(await main(['serve'], here.io, [row])).toBe(1)
  expect(here.io.err()).toContain('(`chaperone check --settings` says more)')
})
