/** Each kind of engine decides real calls of a real guard process: what it refuses does not leave, what it said is on record. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Cerbos, cerbosBinary, startCerbos } from '../fakes/cerbos.ts'
import { type Opa, startOpa } from '../fakes/opa.ts'
import { type Folder, puppet, received, ROOT } from './folder.ts'
import { GuardPool, reasonOf } from './guard.ts'

const pool = new GuardPool()
const BUNDLE = join(ROOT, 'test', 'engine', 'fixtures', 'chaperone.tar.gz')
const env: Record<string, string> = {}
const rules = mkdtempSync(join(tmpdir(), 'chaperone-rules-'))
let opa: Opa | undefined
let cerbos: Cerbos | undefined

// The same rule in each language: vendors of class B, and of no other.
const CEDAR = `permit (principal, action == Action::"vendors/approve", resource)
when { context.arguments.vendor_class == "B" };
`
const CERBOS = `apiVersion: api.cerbos.dev/v1
resourcePolicy:
  resource: tool
  version: default
  rules:
    - actions: ['tools/call']
      roles: ['*']
      effect: EFFECT_ALLOW
      condition: { match: { expr: 'R.attr.context.arguments.vendor_class == "B"' } }
`
const ENGINES = {
  authzen: 'type: authzen, url: "${CERBOS_URL}"',
  opa: 'type: opa, url: "${OPA_URL}", path: chaperone/permit',
  rego: 'type: opa_wasm, bundle: chaperone.tar.gz, entrypoint: chaperone/permit',
  cedar: 'type: cedar, policies: [guard.cedar]',
} as const

beforeAll(async () => {
  opa = await startOpa(BUNDLE, ['chaperone.rego', 'data.json'])
  env['OPA_URL'] = opa.url
  if (cerbosBinary === undefined) return
  writeFileSync(join(rules, 'tool.yaml'), CERBOS)
  cerbos = await startCerbos(cerbosBinary, rules)
  env['CERBOS_URL'] = cerbos.url
}, 60_000)
afterAll(async () => {
  await pool.close()
  await opa?.close()
  await cerbos?.close()
  rmSync(rules, { recursive: true, force: true })
})

const SCHEMA = {
  type: 'object',
  properties: { vendor_class: { type: 'string' } },
  required: ['vendor_class'],
}

/** A guard under the one engine, which a busy machine has time to ask. */
function under(engine: string): Folder {
  const tools = JSON.stringify({ tools: [{ name: 'approve', inputSchema: SCHEMA }] })
  const folder = pool.folder((path) => ({
    mandate: { tools: { 'vendors/approve': { effect: 'write' } } },
    upstreams: { vendors: puppet(path, 'vendors', { results: { 'tools/list': tools } }) },
    env,
  }))
  const policies = join(folder.path, 'policies')
  mkdirSync(policies)
  cpSync(BUNDLE, join(policies, 'chaperone.tar.gz'))
  writeFileSync(join(policies, 'guard.cedar'), CEDAR)
  writeFileSync(join(policies, 'engines.yaml'), `engines:\n  - { ${engine}, deadline: 20s }\n`)
  return folder
}

function left(folder: Folder): readonly unknown[] {
  return received(folder.path, 'vendors')
    .filter(({ message }) => message.method === 'tools/call')
    .map(({ message }) => (message.params as { arguments?: unknown }).arguments)
}

describe.each(Object.entries(ENGINES))('%s', (id, engine) => {
  // npm has the server for Linux on x64 alone.
  test.skipIf(id === 'authzen' && cerbosBinary === undefined)(
    'lets one call leave and keeps another back',
    async () => {
      const folder = under(`id: ${id}, ${engine}`)
      const guard = pool.launch(folder)
      await guard.open()
      expect(reasonOf(await guard.call('approve', { vendor_class: 'B' }))).toBeUndefined()
      expect(reasonOf(await guard.call('approve', { vendor_class: 'A' }))).toBe('forbidden')
      expect(left(folder)).toEqual([{ vendor_class: 'B' }])
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
  const folder = under('id: gone, type: authzen, url: "http://127.0.0.1:9"')
  const guard = pool.launch(folder)
  await guard.open()
  expect(reasonOf(await guard.call('approve', { vendor_class: 'B' }))).toBe('engine_unavailable')
  expect(left(folder)).toEqual([])
})
