/** Runs an example as a stranger would, in a temporary folder of its own, and reads what it claims. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect } from 'vitest'

export const ROOT: string = resolve(import.meta.dirname, '..', '..')
/** From source: what is tested is what is there, built or not. */
export const GUARD: string = join(ROOT, 'src', 'bin', 'chaperone.ts')
/** A server that filters nothing, in place of the guard. */
export const NO_GUARD: string = join(
  ROOT,
  'node_modules/@modelcontextprotocol/server-everything/dist/index.js',
)
/** Far more than any of them takes. */
export const PATIENCE = 90_000

export interface Document {
  readonly ok: boolean
  readonly steps: readonly {
    readonly chapter: string
    readonly title: string
    readonly expected: string
    readonly actual: string
    readonly ok: boolean
  }[]
}

export interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
  /** What it left in the temporary folder. */
  readonly leftovers: readonly string[]
}

export function run(example: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Ran {
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

/** The claims of an example that ended well, each of which held. */
export function claimed({ stdout, stderr, status, leftovers }: Ran): Document {
  expect({ stderr, leftovers }).toEqual({ stderr: '', leftovers: [] })
  const document = JSON.parse(stdout) as Document
  expect(document.steps.filter(({ ok }) => !ok)).toEqual([])
  expect({ ok: document.ok, status }).toEqual({ ok: true, status: 0 })
  return document
}
