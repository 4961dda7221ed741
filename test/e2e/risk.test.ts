/** The risk posture that an operator sets while a guard runs: the next call is decided under it, and nothing leaves. */
import { afterAll, expect, test } from 'vitest'
import { main } from '../../src/cli/main.ts'
import { fakeIo } from '../cli/io.fake.ts'
import { type Folder, puppet, received, toolsNamed } from './folder.ts'
import { GuardPool, type RawGuard, reasonOf } from './guard.ts'

const pool = new GuardPool()
afterAll(() => pool.close())

const say = (folder: Folder, ...argv: readonly string[]): Promise<number> =>
  main(['risk', ...argv, '--state-dir', folder.state], fakeIo({ cwd: folder.path }))

/** Calls until one has this reason: a look at the file holds for a moment. */
async function callUntil(guard: RawGuard, reason: string | undefined): Promise<void> {
  while (reasonOf(await guard.call('say', {})) !== reason);
}

test('is seen by a guard that runs, and recorded; what it forbids does not leave', async () => {
  const folder = pool.folder((path) => ({
    mandate: { tools: { 'a/say': { when: 'risk != "high"' } } },
    upstreams: { a: puppet(path, 'a', { results: { 'tools/list': toolsNamed('say') } }) },
  }))
  const guard = pool.launch(folder)
  await guard.open()
  await callUntil(guard, undefined)
  expect(await say(folder, 'high', '--why', 'an alarm')).toBe(0)
  await callUntil(guard, 'outside_mandate')
  const calls = received(folder.path, 'a').filter(
    ({ message }) => message.method === 'tools/call',
  ).length
  await guard.call('say', {})
  expect(await say(folder, 'normal', '--why', 'a false alarm')).toBe(0)
  await callUntil(guard, undefined)
  await guard.close()
  const record = folder.record()
  expect(record.find(({ event }) => event === 'guard_started')?.['facts']).toMatchObject({
    risk: 'normal',
  })
  expect(record.filter(({ event }) => event === 'risk_changed').map(({ facts }) => facts)).toEqual([
    { risk: 'high', why: 'an alarm' },
    { risk: 'normal', why: 'a false alarm' },
  ])
  const under = record.filter(({ type }) => type === 'intent' || type === 'refusal')
  const states = new Set(
    under.map(({ type, state }) => `${type} ${String((state as { risk?: unknown }).risk)}`),
  )
  expect(states).toEqual(new Set(['intent normal', 'refusal high']))
  const all = received(folder.path, 'a').filter(
    ({ message }) => message.method === 'tools/call',
  ).length
  expect([calls > 0, all]).toEqual([true, calls + 1])
})
