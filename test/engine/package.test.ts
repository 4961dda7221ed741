/** Without the package of an engine, whoever configured it is told what to install; the other engines open. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ENGINE_PACKAGES } from '../../src/engine/package.ts'

const folder = mkdtempSync(join(tmpdir(), 'chaperone-engines-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

beforeAll(() => {
  mkdirSync(join(folder, 'src'))
  for (const room of ['engine', 'model'])
    cpSync(join('src', room), join(folder, 'src', room), { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{"type": "module"}')
  writeFileSync(
    join(folder, 'open.ts'),
    `import { openEngine } from './src/engine/open.ts'
     import { readFileSync } from 'node:fs'
     const [config, file] = process.argv.slice(2)
     const deps = {
       clock: { now: () => 0, monotonic: () => 0 },
       timers: { after: () => () => {} },
       expand: (text) => text,
       read: () => readFileSync(file),
     }
     const base = { id: 'e', effects: [], send: [], deadlineMs: 100, timezone: 'UTC', headers: new Map() }
     try {
       const engine = await openEngine({ ...base, ...JSON.parse(config) }, deps)
       await engine.close()
       process.stdout.write('opened')
     } catch (error) {
       process.stdout.write(error.code + ' ' + error.message)
     }`,
  )
})

function opened(config: object, file: string): string {
  const args = [join(folder, 'open.ts'), JSON.stringify(config), file]
  return spawnSync(process.execPath, args, { encoding: 'utf8' }).stdout
}

const BUNDLE = join(import.meta.dirname, 'fixtures', 'chaperone.tar.gz')
const opaWasm = { type: 'opa_wasm', bundle: 'b', entrypoint: 'chaperone/permit' }
const cedar = { type: 'cedar', policies: ['guard.cedar'] }

test('each is told by name, with the command that installs it', () => {
  const missing = (name: string): string =>
    `ERR_CONFIG_INVALID engine \`e\`: it needs the package \`${name}\`, which is not installed: run ` +
    `\`npm install ${name}@${ENGINE_PACKAGES[name]}\` where the guard is installed`
  expect(opened(opaWasm, BUNDLE)).toBe(missing('@open-policy-agent/opa-wasm'))
  expect(opened(cedar, join('src', 'engine', 'cedar.ts'))).toBe(missing('@cedar-policy/cedar-wasm'))
  expect(opened({ type: 'opa', url: 'http://127.0.0.1:1', path: 'a' }, '')).toBe('opened')
})

test('the versions named are those that are tested', () => {
  const { devDependencies, peerDependencies } = JSON.parse(
    readFileSync('package.json', 'utf8'),
  ) as {
    devDependencies: Record<string, string>
    peerDependencies: Record<string, string>
  }
  for (const [name, version] of Object.entries(ENGINE_PACKAGES)) {
    expect(devDependencies[name]).toBe(version)
    expect(peerDependencies[name]).toBe(`^${version}`)
  }
})
