/** A mandate is revoked from another process while its agent waits for a slow tool: real guard, real upstream, real store. */
import { spawn } from 'node:child_process'
import { afterAll, expect, test } from 'vitest'
import { type Folder, puppet, toolsNamed } from './folder.ts'
import { GuardPool, isAlive, pidsOf, reasonOf } from './guard.ts'

const pool = new GuardPool()
afterAll(() => pool.close())

interface Ran {
  readonly code: number | null
  readonly out: string
}

function chaperone({ launch, state }: Folder, ...argv: readonly string[]): Promise<Ran> {
  const [program = ''] = launch.args
  const child = spawn(launch.command, [program, ...argv, '--state-dir', state], {
    cwd: launch.cwd,
    env: { ...process.env, ...launch.env },
  })
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (out += text))
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out })))
}

test('the agent is told, its lists change, the upstream ends, and the command says how long it took', async () => {
  const guard = pool.start((path) => ({
    mandate: { tools: { 'p/*': {} } },
    upstreams: {
      p: puppet(path, 'p', {
        results: { 'tools/list': toolsNamed('slow', 'quick') },
        on: { 'tools/call slow': [{ heard: 'never' }] },
      }),
    },
  }))
  await guard.open()
  expect((await guard.request('tools/list')).result?.tools).toHaveLength(2)
  const call = guard.call('slow', {})
  await guard.entry(({ type }) => type === 'intent')
  const revoked = await chaperone(guard.folder, 'revoke', 'mandate:m', '--why', 'a test', '--json')
  expect(revoked.code).toBe(0)
  const said = JSON.parse(revoked.out) as { slowest_ms: number; guards: unknown[] }
  expect(said.guards).toHaveLength(1)
  expect(said.slowest_ms).toBeLessThanOrEqual(5000)
  expect(reasonOf(await call)).toBe('mandate_revoked')
  await guard.notification('notifications/tools/list_changed')
  await guard.event('restricted')
  await guard.event('upstream_exited')
  expect(pidsOf(guard.folder).filter(isAlive)).toEqual([])
  expect(reasonOf(await guard.call('quick', {}))).toBe('mandate_revoked')
  const [outcome] = guard.folder.record().filter(({ type }) => type === 'outcome')
  expect(outcome?.['verdict']).toMatchObject({ outcome: 'refused', reason: 'mandate_revoked' })
  const guards = await chaperone(guard.folder, 'guards')
  expect(guards.out).toContain('revoked    mandate:m')
})
