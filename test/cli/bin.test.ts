/** The built executable as a process: which Node it needs, its exit codes, and how it ends when nobody reads on. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const executable = resolve('dist/bin/chaperone.js')

beforeAll(() => {
  if (existsSync(executable)) return
  spawnSync(process.execPath, ['scripts/build.ts'], { stdio: 'inherit' })
}, 60_000)

function run(
  argv: readonly string[],
  node = process.execPath,
): { readonly code: number | null; readonly out: string; readonly err: string } {
  const ran = spawnSync(node, argv, { encoding: 'utf8', input: '', timeout: 60_000 })
  return { code: ran.status, out: ran.stdout, err: ran.stderr }
}

/** Runs the executable in a process that says it is another version. */
function runAs(version: string): ReturnType<typeof run> {
  const versions = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`
  const preload = `data:text/javascript,${encodeURIComponent(versions)}`
  return run(['--import', preload, executable, '--version'])
}

const tooOld = (version: string) =>
  new RegExp(
    `^chaperone needs Node 22\\.18 or newer; this is v${version.replaceAll('.', String.raw`\.`)} \\(/.*\\)\\. [^\\n]*\\n$`,
  )

describe('a Node that is too old gets one sentence', () => {
  test.each(['12.22.12', '18.20.8', '20.20.2', '22.17.1'])('%s', (version) => {
    const { code, out, err } = runAs(version)
    expect(err).toMatch(tooOld(version))
    expect([code, out]).toEqual([2, ''])
  })

  test.each(['22.18.0', '24.0.0', '100.1.0'])('and %s does not', (version) => {
    expect(runAs(version)).toMatchObject({ code: 0, err: '' })
  })

  test('a real one, where this machine has one', (context) => {
    const found = oldNode()
    if (!found) {
      context.skip('no Node older than 22.18 is on the PATH')
      return
    }
    const { code, out, err } = run([executable, 'run', '--mandate', 'm.yaml'], found.path)
    expect(err).toMatch(tooOld(found.version))
    expect([code, out]).toEqual([2, ''])
  })

  test('nothing stands in the executable that an older parser would trip over first', () => {
    const text = readFileSync(executable, 'utf8')
    expect(text).toMatch(/^#!\/usr\/bin\/env node\n/)
    expect(text).not.toMatch(/^import\s*[\w{*"']/m)
    expect(text).not.toMatch(/\?\?|\?\.|#\w+\s*[=;(]|\bawait\b/)
  })
})

function oldNode(): { readonly path: string; readonly version: string } | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, 'node')
    if (!existsSync(path)) continue
    const version = run(['-p', 'process.versions.node'], path).out.trim()
    const [major = 0, minor = 0] = version.split('.').map(Number)
    if (major < 22 || (major === 22 && minor < 18)) return { path, version }
  }
  return undefined
}

test.each([
  [['--version'], 0],
  [['--help'], 0],
  [['check', '--help'], 0],
  [[], 2],
  [['chekc'], 2],
  [['check'], 2],
  [['check', '--mandate', 'no/such/mandate.yaml', '--offline'], 1],
] as const)('%j ends with exit code %i', (argv, code) => {
  expect(run([executable, ...argv]).code).toBe(code)
})

test('a usage error of `run` leaves stdout, which is the protocol, alone', () => {
  const { code, out, err } = run([executable, 'run'])
  expect([code, out]).toEqual([2, ''])
  expect(err).toContain('no mandate is named')
})

describe('where no folder can be made', () => {
  let folder = ''
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'chaperone-bin-'))
    const mandate = 'mandate: m, agent: a, purpose: p, valid: { until: 2100-01-01T00:00:00Z }'
    writeFileSync(join(folder, 'm.yaml'), `{ ${mandate}, tools: { a/b: {} } }`)
    writeFileSync(join(folder, 'mcp.json'), '{ "mcpServers": { "a": { "command": "none" } } }')
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test.skipIf(!existsSync('/proc/self')).each([
    ['--state-dir', '/proc/chaperone', 'ENOENT'],
    ['--log-file', '/proc/chaperone/guard.log', 'ENOENT'],
  ])('`run` %s %s ends at once with exit code 3 (needs /proc)', (flag, path, why) => {
    const state = flag === '--state-dir' ? [] : ['--state-dir', join(folder, 'state')]
    const launch = [executable, 'run', '--mandate', join(folder, 'm.yaml'), ...state, flag, path]
    const { code, out, err } = run(launch)
    expect(err).toContain(path)
    expect(err).toContain(why)
    expect(err).not.toContain('fault')
    expect([code, out]).toEqual([3, ''])
  })
})
