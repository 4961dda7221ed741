/** What is published: packed, installed into an empty folder with npm, and run there. */
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const ALLOWED = [
  'dist/',
  'policies/',
  'docs/',
  'README.md',
  'SECURITY.md',
  'CHANGELOG.md',
  'LICENSE',
  'package.json',
]
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall']

interface Manifest {
  readonly name: string
  readonly version: string
  readonly scripts?: Readonly<Record<string, string>>
}
interface Packed {
  readonly filename: string
  readonly files: readonly { readonly path: string }[]
}

const folder = mkdtempSync(join(tmpdir(), 'chaperone-package-'))
const installed = join(folder, 'node_modules', 'mcp-chaperone')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let packed: Packed

beforeAll(() => {
  if (!existsSync('dist/bin/chaperone.js')) {
    spawnSync(process.execPath, ['scripts/build.ts'], { stdio: 'inherit' })
  }
  const flags = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]
  const [first] = JSON.parse(npm(flags, process.cwd()).out) as readonly Packed[]
  packed = first!
}, 60_000)

function npm(
  argv: readonly string[],
  cwd: string,
): { readonly code: number | null; readonly out: string; readonly err: string } {
  const ran = spawnSync('npm', argv, { cwd, encoding: 'utf8', timeout: 120_000 })
  return { code: ran.status, out: ran.stdout, err: ran.stderr }
}

test('nothing is packed that is not meant to be', () => {
  const paths = packed.files.map(({ path }) => path)
  const stray = paths.filter((path) => !ALLOWED.some((prefix) => path.startsWith(prefix)))
  expect(stray).toEqual([])
  expect(paths.filter((path) => /(?<!\.d)\.[mc]?ts$|\.map$|\.test\.(?!yaml$)/.test(path))).toEqual(
    [],
  )
  // Policies come with their tests.
  for (const path of [
    'policies/mail.yaml',
    'policies/mail.test.yaml',
    'dist/bin/chaperone.js',
    'dist/index.js',
    'dist/index.d.ts',
    'LICENSE',
  ]) {
    expect(paths).toContain(path)
  }
})

describe('installed into an empty folder', () => {
  let missing: string | undefined

  beforeAll(() => {
    writeFileSync(join(folder, 'package.json'), '{"private": true}')
    const flags = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error']
    const { code, err } = npm(['install', ...flags, join(folder, packed.filename)], folder)
    if (code === 0) return
    // Without a registry there is nothing to install the dependencies from; anything else is a failure.
    if (!/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH/.test(err)) {
      throw new Error(`npm install failed: ${err}`)
    }
    missing = 'the npm registry cannot be reached from here'
  }, 150_000)

  function chaperone(...argv: readonly string[]): {
    code: number | null
    out: string
    err: string
  } {
    const file = join(folder, 'node_modules', '.bin', 'chaperone')
    const ran = spawnSync(process.execPath, [file, ...argv], { cwd: folder, encoding: 'utf8' })
    return { code: ran.status, out: ran.stdout, err: ran.stderr }
  }

  test('it runs nothing on the machine that installs it, and builds nothing', (context) => {
    context.skip(missing !== undefined, missing)
    const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as Manifest
    expect(INSTALL_SCRIPTS.filter((name) => manifest.scripts?.[name] !== undefined)).toEqual([])
    expect(existsSync(join(installed, 'binding.gyp'))).toBe(false)
    expect(statSync(join(installed, 'dist/bin/chaperone.js')).mode & 0o111).not.toBe(0)
  })

  test('its command says its version and helps', (context) => {
    context.skip(missing !== undefined, missing)
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest
    expect(chaperone('--version')).toEqual({ code: 0, out: `${version}\n`, err: '' })
    const help = chaperone('check', '--help')
    expect(help.code).toBe(0)
    expect(help.out).toContain('usage: chaperone check')
  })

  test('its command needs none of its dependencies: they are in the bundle, with their licenses', (context) => {
    context.skip(missing !== undefined, missing)
    const alone = mkdtempSync(join(tmpdir(), 'chaperone-alone-'))
    try {
      cpSync(installed, alone, { recursive: true })
      writeFileSync(join(alone, 'm.yaml'), 'mandate: m\n')
      const executable = join(alone, 'dist/bin/chaperone.js')
      const argv = [executable, 'check', '--mandate', 'm.yaml', '--offline']
      const ran = spawnSync(process.execPath, argv, { cwd: alone, encoding: 'utf8' })
      expect(ran.stderr).toBe('')
      expect(ran.status).toBe(1)
      expect(ran.stdout).toContain('m.yaml:1:1: ')
    } finally {
      rmSync(alone, { recursive: true, force: true })
    }
    const licenses = readFileSync(join(installed, 'dist/bin/LICENSES.txt'), 'utf8')
    for (const name of ['yaml', 'pino']) expect(licenses).toContain(`\n${name} `)
  })

  test('its library can be imported', (context) => {
    context.skip(missing !== undefined, missing)
    const script = "import('mcp-chaperone').then((m) => console.log(Object.keys(m).length > 0))"
    const ran = spawnSync(process.execPath, ['-e', script], { cwd: folder, encoding: 'utf8' })
    expect(ran.stdout).toBe('true\n')
  })
})
