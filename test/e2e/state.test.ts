/** The store fails: before anything starts, or while calls run. And a guard that ended leaves nothing held. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { main } from '../../src/cli/main.ts'
import { systemClock } from '../../src/config/system.ts'
import { callId, instant } from '../../src/model/id.ts'
import type { StateStore } from '../../src/model/port.ts'
import { openStore, storePath } from '../../src/state/sqlite.ts'
import { fakeIo } from '../cli/io.fake.ts'
import { type Folder, puppet, received, type Setup, toolsNamed } from './folder.ts'
import { type GuardProcess, GuardPool, reasonOf } from './guard.ts'

const pool = new GuardPool()
afterAll(() => pool.close())

function setup(path: string): Setup {
  const results = { 'tools/list': toolsNamed('say'), 'tools/call': '{"content":[]}' }
  return {
    mandate: { tools: { 'p/say': {} } },
    upstreams: { p: puppet(path, 'p', { capabilities: { tools: {} }, results }) },
  }
}

function calls(folder: Folder): number {
  return received(folder.path, 'p').filter(({ message }) => message.method === 'tools/call').length
}

describe('a store that cannot be used', () => {
  test.each([
    ['is no database', (path: string) => writeFileSync(path, 'nothing of the kind')],
    ['is a folder', (path: string) => mkdirSync(path)],
  ])('that %s: run and serve say so and serve nothing', async (_what, spoil) => {
    const folder = pool.folder(setup)
    mkdirSync(folder.state)
    spoil(storePath(folder.state))
    const guard = pool.launch(folder)
    expect((await guard.end()).code).toBe(3)
    expect(guard.stderr).toMatch(/the state `.*state\.db` cannot be used: /)
    expect(guard.frames).toEqual([])
    expect(received(folder.path, 'p')).toEqual([])
  })

  test('that is gone is not begun anew until an operator says so, which is on record', async () => {
    const guard = pool.start(setup)
    const { folder } = guard
    await guard.open()
    await guard.close()
    rmSync(storePath(folder.state))
    const again = pool.launch(folder)
    expect((await again.end()).code).toBe(3)
    expect(again.stderr).toContain('chaperone resume state --why')
    const io = fakeIo({ cwd: folder.path })
    const resume = ['resume', 'state', '--why', 'the disk was lost', '--state-dir', folder.state]
    expect(await main(resume, io)).toBe(0)
    expect(await main(resume, io)).toBe(1)
    const begun = folder.record().filter(({ event }) => event === 'state_begun')
    expect(begun).toMatchObject([{ facts: { why: 'the disk was lost' } }])
    const third = pool.launch(folder)
    await third.open()
    expect((await third.call('say')).result).toEqual({ content: [] })
    expect((await third.close()).code).toBe(0)
  })

  test('while it runs, refuses everything, and goes on when the store is there again', async () => {
    const guard = pool.start(setup)
    const { folder } = guard
    await guard.open()
    expect((await guard.call('say')).result).toEqual({ content: [] })
    const path = storePath(folder.state)
    renameSync(path, `${path}.away`)
    expect(await until(guard, 'state_unavailable')).toBe(true)
    const before = calls(folder)
    expect(reasonOf(await guard.call('say'))).toBe('state_unavailable')
    expect((await guard.request('tools/list')).error?.code).toBe(-31_503)
    expect(calls(folder)).toBe(before)
    expect(folder.record().at(-1)).toMatchObject({ type: 'refusal', reason: 'state_unavailable' })
    renameSync(`${path}.away`, path)
    expect(await until(guard, undefined)).toBe(true)
    expect(calls(folder)).toBe(before + 1)
    expect((await guard.close()).code).toBe(0)
  })

  test.skipIf(process.platform !== 'linux')(
    'G40: that grows to the limit of a file: refuses calls, and goes on when there is room again',
    async () => {
      const folder = pool.folder((path) => ({
        ...setup(path),
        mandate: {
          tools: { 'p/say': {} },
          budgets: [{ id: 'all', limit: 100_000, per: 'mandate' }],
        },
      }))
      // Blocks of 1,024 bytes. What a hold writes is more than an entry of the record: the store is full first.
      const guard = pool.launch(folder, {
        wrap: ['/bin/bash', '-c', 'ulimit -S -f 64; exec "$@"', 'bash'],
      })
      await guard.open()
      let permitted = 0
      let answer = await guard.call('say')
      while (answer.result?.isError !== true && permitted < 500) {
        permitted += 1
        answer = await guard.call('say')
      }
      expect(reasonOf(answer)).toBe('state_unavailable')
      expect(statSync(`${storePath(folder.state)}-wal`).size).toBeLessThanOrEqual(64 * 1024)
      const before = calls(folder)
      expect(before).toBe(permitted)
      expect(reasonOf(await guard.call('say'))).toBe('state_unavailable')
      expect(calls(folder)).toBe(before)
      const { pid } = guard.child
      expect(spawnSync('prlimit', ['--fsize=unlimited', '--pid', String(pid)]).status).toBe(0)
      expect((await guard.call('say')).result).toEqual({ content: [] })
      expect(calls(folder)).toBe(before + 1)
      expect((await guard.close()).code).toBe(0)
      const store = openStore({ path: storePath(folder.state), clock: systemClock })
      expect(store.budgets('')).toMatchObject([{ used: before + 1 }])
      store.close()
    },
  )
})

/** A look at the file holds for a second of a flood of calls. */
async function until(guard: GuardProcess, reason: string | undefined): Promise<boolean> {
  for (let calls = 0; calls < 50_000; calls += 1) {
    const answer = await guard.call('say')
    if ((answer.result?.isError === true ? reasonOf(answer) : undefined) === reason) return true
  }
  return false
}

describe('a guard that ended while it held something', () => {
  const debit = { budget: 'budgets.calls', key: '["calls"]', amount: 1, limit: 9, from: instant(0) }

  function holding(folder: Folder, use: (store: StateStore) => void): void {
    mkdirSync(folder.state, { recursive: true })
    const store = openStore({ path: storePath(folder.state), clock: systemClock })
    const log = join(folder.state, 'log', 'gone')
    mkdirSync(log, { recursive: true })
    const startedAt = systemClock.now()
    // No process has this number.
    const pid = 2 ** 30
    store.register({ instance: 'gone', pid, startedAt, log, mandates: [], upstreams: [] })
    for (const call of ['gone-1', 'gone-2'])
      store.hold({ call: callId(call), at: startedAt, debits: [debit] })
    writeFileSync(join(log, 'audit-0.jsonl'), '{"call":"gone-1","type":"intent"}\n')
    use(store)
    store.close()
  }

  test('is settled by its log when the next one starts', async () => {
    const folder = pool.folder(setup)
    holding(folder, (store) => expect(store.budgets('')).toMatchObject([{ used: 2 }]))
    const guard = pool.launch(folder)
    await guard.open()
    await guard.call('say')
    expect((await guard.close()).code).toBe(0)
    const store = openStore({ path: storePath(folder.state), clock: systemClock })
    expect(store.orphans()).toEqual([])
    expect(store.budgets('')).toMatchObject([{ used: 1 }])
    store.close()
    const recovered = folder.record().filter(({ event }) => event === 'holds_recovered')
    expect(recovered).toMatchObject([{ facts: { settled: 1, released: 1, unknown: 0 } }])
  })
})
