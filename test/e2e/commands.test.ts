/** The commands that start upstreams only to ask them, as real processes. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { type Folder, ROOT } from './folder.ts'
import { GuardPool } from './guard.ts'

const pool = new GuardPool()
afterAll(() => pool.close())

interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

function command({ launch, state }: Folder, name: string, ...argv: readonly string[]): Ran {
  const [program = '', , ...rest] = launch.args
  const files = rest.slice(0, 4)
  const args = [program, name, ...files, '--state-dir', state, ...argv]
  const ran = spawnSync(launch.command, args, {
    cwd: launch.cwd,
    env: { ...process.env, ...launch.env },
    encoding: 'utf8',
  })
  return { code: ran.status, out: ran.stdout, err: ran.stderr }
}

test('an upstream that ends at a signal only does not end the command before it has said anything', () => {
  const server = join(ROOT, 'node_modules/@modelcontextprotocol/server-everything/dist/index.js')
  const folder = pool.folder({
    // It waits for the roots that it asked for, and does not look at the end of its input meanwhile.
    mandate: { tools: { 'a/echo': {} }, requests: { a: ['roots'] } },
    upstreams: { a: { command: process.execPath, args: [server] } },
  })
  const { code, out } = command(folder, 'check')
  expect(out).toMatch(/a {2}1 of \d+ tools offered/)
  expect(code).toBe(0)
})
