/** Policies in front of a real guard process: they decide, they are replaced while it runs, and the record names them. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { digestOf } from '../../src/model/digest.ts'
import { type Folder, puppet, received, toolsNamed } from './folder.ts'
import { GuardPool, type RawGuard, reasonOf } from './guard.ts'

const pool = new GuardPool()
afterAll(() => pool.close())

const rule = (text: string): string =>
  `policy: acme\nrules:\n  - { id: r, effect: forbid, ${text} }\n`

function replace(folder: Folder, text: string): void {
  const next = join(folder.path, 'policies', '.next')
  writeFileSync(next, text)
  renameSync(next, join(folder.path, 'policies', 'acme.yaml'))
}

function folderWith(text: string, command: 'run' | 'serve' = 'run'): Folder {
  const folder = pool.folder((path) => ({
    mandate: { tools: { 'a/say': { effect: 'send' }, 'a/look': { effect: 'read' } } },
    upstreams: { a: puppet(path, 'a', { results: { 'tools/list': toolsNamed('say', 'look') } }) },
    command,
  }))
  mkdirSync(join(folder.path, 'policies'))
  replace(folder, text)
  return folder
}

function left(folder: Folder): number {
  return received(folder.path, 'a').filter(({ message }) => message.method === 'tools/call').length
}

/** Calls until one has this reason: a change is noticed within moments. */
async function callUntil(guard: RawGuard, reason: string | undefined): Promise<void> {
  while (reasonOf(await guard.call('say', { n: 1 })) !== reason)
    await new Promise((resolve) => setTimeout(resolve, 20))
}

test('are in force from the start, are replaced without a new start, and stand on record', async () => {
  const first = rule('effects: [send], when: args.n == 1')
  const folder = folderWith(first)
  const guard = pool.launch(folder)
  await guard.open()
  expect(reasonOf(await guard.call('say', { n: 1 }))).toBe('forbidden')
  expect(left(folder)).toBe(0)
  expect(reasonOf(await guard.call('say', { n: 2 }))).toBeUndefined()
  expect(left(folder)).toBe(1)

  replace(folder, rule('effects: [send], when: args.n == 2'))
  await callUntil(guard, undefined)
  const before = left(folder)
  expect(reasonOf(await guard.call('say', { n: 2 }))).toBe('forbidden')
  replace(folder, 'policy: acme\nrulez: []\n')
  await guard.event('policies_refused')
  expect(reasonOf(await guard.call('say', { n: 2 }))).toBe('forbidden')
  expect(left(folder)).toBe(before)
  await guard.logged(/rulez/)

  await guard.request('tools/list')
  replace(folder, rule('tools: [a/say]'))
  await guard.notification('notifications/tools/list_changed')
  const { result } = await guard.request('tools/list')
  expect(result?.tools?.map(({ name }) => name)).toEqual(['look'])
  await guard.close()

  const record = folder.record()
  const loaded = record.filter(({ event }) => event === 'policies_loaded')
  expect(loaded).toHaveLength(3)
  const known = new Set(loaded.map(({ facts }) => (facts as { s256: string }).s256))
  const named = (record as readonly { decision?: { policy?: { s256: string } } }[]).flatMap(
    ({ decision }) => (decision ? [decision.policy?.s256 ?? 'none'] : []),
  )
  expect(named.length).toBeGreaterThan(0)
  expect(named.filter((one) => !known.has(one))).toEqual([])
  expect(known.has(digestOf(`[{"file":"acme.yaml","s256":"${digestOf(first)}"}]`))).toBe(true)
})

test('that are bad keep a guard from starting', async () => {
  const folder = folderWith('policy: acme\nrules:\n  - { id: r, effect: forbid, when: args.n > }\n')
  const guard = pool.launch(folder)
  const { code } = await guard.exited
  expect(code).toBe(1)
  expect(guard.stderr).toMatch(/acme\.yaml:3:.*\n.*nothing was started/s)
  expect(received(folder.path, 'a')).toEqual([])
})

test('a label that a result left counts with the next call', async () => {
  const folder = folderWith(`policy: flow
labels: [{ tools: [a/look], add: [untrusted] }]
rules:
  - { id: r, effect: forbid, effects: [send], labels: [untrusted] }
`)
  const guard = pool.launch(folder)
  await guard.open()
  expect(reasonOf(await guard.call('say', {}))).toBeUndefined()
  expect(reasonOf(await guard.call('look', {}))).toBeUndefined()
  expect(reasonOf(await guard.call('say', {}))).toBe('forbidden')
  expect(left(folder)).toBe(2)
  await guard.close()
  const refusal = folder.record().find(({ type }) => type === 'refusal')
  expect(refusal?.['state']).toMatchObject({ labels: ['untrusted'] })
})
