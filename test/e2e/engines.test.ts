/** Each kind of engine decides real calls of a real guard process: what it refuses does not leave, what it said is on record. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TOOLS } from '../contracts/policy-scenarios.ts'
import { type Cerbos, cerbosBinary, startCerbos } from '../fakes/cerbos.ts'
import { type Opa, startOpa } from '../fakes/opa.ts'
import { type Folder, puppet, received, ROOT } from './folder.ts'
import { GuardPool, reasonOf } from './guard.ts'

const pool = new GuardPool()
const RULES = join(ROOT, 'test', 'contracts', 'policy-scenarios')
const env: Record<string, string> = {}
let opa: Opa | undefined
let cerbos: Cerbos | undefined

beforeAll(async () => {
  opa = await startOpa(join(RULES, 'rego', 'scenarios.tar.gz'), ['scenarios.rego', 'data.json'])
  env['OPA_URL'] = opa.url
  if (cerbosBinary === undefined) return
  cerbos = await startCerbos(cerbosBinary, join(RULES, 'cerbos'))
  env['CERBOS_URL'] = cerbos.url
}, 60_000)
afterAll(async () => {
  await pool.close()
  await opa?.close()
  await cerbos?.close()
})

/** One of them alone, as it is written. */
function engineLines(id: string): string {
  const text = readFileSync(join(RULES, 'engines.yaml'), 'utf8')
  return text.split(/^(?= {2}- id: )/m).find((one) => one.startsWith(`  - id: ${id}\n`)) ?? ''
}

function guarded(engines: string): Folder {
  const folder = pool.folder((path) => ({
    // Told as a read, which the rule about working hours is not about: the clock is the real one.
    mandate: { tools: { 'mail/send': { effect: 'read' } }, environment: ['prod'] },
    upstreams: {
      mail: puppet(path, 'mail', {
        results: {
          'tools/list': JSON.stringify({
            tools: [{ name: 'send', inputSchema: TOOLS['mail/send'].inputSchema }],
          }),
        },
      }),
    },
    args: ['--environment', 'prod'],
    env,
  }))
  const policies = join(folder.path, 'policies')
  mkdirSync(policies)
  cpSync(join(RULES, 'rego'), join(policies, 'rego'), { recursive: true })
  cpSync(join(RULES, 'guard.cedar'), join(policies, 'guard.cedar'))
  writeFileSync(join(policies, 'engines.yaml'), `engines:\n${engines}\n`)
  return folder
}

const MAIL = { to: 'bob@partner.example', subject: 'Quote', body: 'Please find it attached.' }

function left(folder: Folder): readonly unknown[] {
  return received(folder.path, 'mail')
    .filter(({ message }) => message.method === 'tools/call')
    .map(({ message }) => (message.params as { arguments?: unknown }).arguments)
}

describe.each(['authzen', 'opa', 'rego', 'cedar'])('%s', (id) => {
  // npm has the server for Linux on x64 alone.
  test.skipIf(id === 'authzen' && cerbosBinary === undefined)(
    'lets one mail leave and keeps another back',
    async () => {
      const folder = guarded(engineLines(id))
      const guard = pool.launch(folder)
      await guard.open()
      expect(reasonOf(await guard.call('send', MAIL))).toBeUndefined()
      expect(reasonOf(await guard.call('send', { ...MAIL, to: 'eve@evil.test' }))).toBe('forbidden')
      expect(left(folder)).toEqual([MAIL])
      await guard.close()
      const said = folder.record().flatMap((entry) => {
        const { decision } = entry as { decision?: { policy?: { engines?: readonly object[] } } }
        return decision?.policy?.engines ?? []
      })
      expect(said).toMatchObject([
        { engine: id, effect: 'permit' },
        { engine: id, effect: 'deny' },
      ])
    },
  )
})

test('one that is not there denies, and keeps no guard from starting', async () => {
  const folder = guarded('  - { id: gone, type: authzen, url: "http://127.0.0.1:9", deadline: 2s }')
  const guard = pool.launch(folder)
  await guard.open()
  expect(reasonOf(await guard.call('send', MAIL))).toBe('engine_unavailable')
  expect(left(folder)).toEqual([])
})
