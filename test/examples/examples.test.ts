/** The examples are run as a stranger would run them, and must notice a guard that does not guard. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'

const ROOT = resolve(import.meta.dirname, '..', '..')
/** From source: what is tested is what is there, built or not. */
const GUARD = join(ROOT, 'src', 'bin', 'chaperone.ts')
/** A server that filters nothing, in place of the guard. */
const NO_GUARD = join(ROOT, 'node_modules/@modelcontextprotocol/server-everything/dist/index.js')
const PATIENCE = 90_000

interface Document {
  readonly ok: boolean
  readonly steps: readonly {
    readonly chapter: string
    readonly title: string
    readonly expected: string
    readonly actual: string
    readonly ok: boolean
  }[]
}

interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
  /** What it left in the temporary folder. */
  readonly leftovers: readonly string[]
}

function run(example: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Ran {
  const temporary = mkdtempSync(join(tmpdir(), 'chaperone-examples-test-'))
  const plain = { NO_COLOR: undefined, FORCE_COLOR: undefined, TMPDIR: temporary, TEMP: temporary }
  const ran = spawnSync(process.execPath, [join(ROOT, 'examples', example), ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...plain, ...env },
    timeout: PATIENCE,
  })
  const leftovers = readdirSync(temporary)
  rmSync(temporary, { recursive: true, force: true })
  return { ...ran, leftovers }
}

function claimed({ stdout, stderr, status, leftovers }: Ran): Document {
  expect({ stderr, leftovers }).toEqual({ stderr: '', leftovers: [] })
  const document = JSON.parse(stdout) as Document
  expect(document.steps.filter(({ ok }) => !ok)).toEqual([])
  expect({ ok: document.ok, status }).toEqual({ ok: true, status: 0 })
  return document
}

describe('the guided tour', () => {
  test('shows every promise, each as claimed, and cleans up', { timeout: PATIENCE }, () => {
    const { steps } = claimed(run('demo/main.ts', ['--json', '--guard', GUARD]))
    const found = new Set(steps.map(({ expected }) => expected.split(',')[0]))
    for (const outcome of [
      'Ship the report on Friday.\n',
      'outside_mandate',
      'approval_required',
      'mandate_expired',
      'exit 1: the mandate expired at',
      'error -32602 Unknown tool: files__move_file',
    ]) {
      expect(found).toContain(outcome)
    }
    for (const path of ['notes/../', '%2e%2e', '/proc/self/root']) {
      expect(steps.some(({ title }) => title.includes(path))).toBe(true)
    }
    expect(new Set(steps.map(({ chapter }) => chapter)).size).toBeGreaterThanOrEqual(9)
  })

  test('is plain text of at most 100 columns where nobody watches', { timeout: PATIENCE }, () => {
    const { stdout, status } = run('demo/main.ts', ['--guard', GUARD])
    expect(status).toBe(0)
    expect(stdout).not.toContain('\u001B[')
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100)
    expect(stdout.split('\n').length).toBeLessThan(130)
    expect(stdout).toContain('all as claimed')
  })

  test('fails where nothing is guarded', { timeout: PATIENCE }, () => {
    const { status, stdout, leftovers } = run('demo/main.ts', ['--guard', NO_GUARD])
    expect({ status, leftovers }).toEqual({ status: 1, leftovers: [] })
    expect(stdout).not.toContain('all as claimed')
  })

  test('says what to do where there is no guard', () => {
    const { status, stderr } = run('demo/main.ts', ['--guard', '/none/such'])
    expect(status).toBe(1)
    expect(stderr).toContain('npm run build')
  })
})

describe('procurement', () => {
  test('every claim of the story holds', { timeout: PATIENCE }, () => {
    const { steps } = claimed(run('procurement/run.ts', ['--json', '--guard', GUARD]))
    const by = (title: string): string | undefined =>
      steps.find((step) => step.title === title)?.actual
    expect(by('class B, 800 EUR')).toBe('ok')
    expect(by('class A')).toBe('outside_mandate')
    expect(by('Fri 23 Oct 17:00')).toBe('outside_mandate')
    expect(by('1,001 EUR')).toBe('approval_required')
    expect(by('marketing-agent-007, in business hours')).toBe('agent_mismatch')
    const saw = by('the vendor server noted these calls and no other') ?? ''
    expect(saw).toContain('"amount":800')
    expect(saw).not.toMatch(/delete|bank_details|"A"/)
  })

  test('is coloured on demand', { timeout: PATIENCE }, () => {
    const { stdout } = run('procurement/run.ts', ['--guard', GUARD], { FORCE_COLOR: '1' })
    expect(stdout).toContain('\u001B[32m✓')
    expect(stdout).toContain('all as claimed')
  })

  test('fails where nothing is guarded', { timeout: PATIENCE }, () => {
    const { status } = run('procurement/run.ts', ['--guard', NO_GUARD])
    expect(status).toBe(1)
  })
})

test('every folder with a story is run by `npm run examples`', () => {
  const folders = readdirSync(join(ROOT, 'examples'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
  expect(folders.toSorted()).toEqual(['demo', 'procurement'])
  expect(existsSync(join(ROOT, 'examples', 'main.ts'))).toBe(true)
})
