/** docs/policy.md to its end, with a guard that runs: yesterday's calls under another policy, which is then rolled out. */
import { cpSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { main } from '../../src/cli/main.ts'
import { fakeIo } from '../cli/io.fake.ts'
import { puppet, received, toolsNamed } from '../e2e/folder.ts'
import { GuardPool, reasonOf } from '../e2e/guard.ts'
import { blocks, page } from './markdown.ts'

const pool = new GuardPool()
afterAll(() => pool.close())

const [FIRST = ''] = blocks(page('docs/policy.md'), 'yaml')

test('a change is tried on the calls on record, and rolled out under a guard that runs', async () => {
  const folder = pool.folder((path) => {
    mkdirSync(join(path, 'policies'))
    writeFileSync(join(path, 'policies/mail.yaml'), FIRST)
    return {
      mandate: { tools: { 'mail/send': { effect: 'send' } } },
      upstreams: { mail: puppet(path, 'mail', { results: { 'tools/list': toolsNamed('send') } }) },
    }
  })
  const guard = pool.launch(folder)
  await guard.open()
  const mail = async (to: string): Promise<unknown> =>
    reasonOf(await guard.call('send', { to: [to], subject: 'Hi', body: 'Hello' }))
  expect(await mail('bob@acme.example')).toBeUndefined()
  expect(await mail('lee@partner.example')).toBeUndefined()
  expect(await mail('eve@evil.example')).toBe('forbidden')

  cpSync(folder.file('policies'), folder.file('new'), { recursive: true })
  const next = folder.file('new/mail.yaml')
  writeFileSync(next, readFileSync(next, 'utf8').replace(', partner.example', ''))
  const io = fakeIo({ cwd: folder.path, env: { CHAPERONE_STATE_DIR: folder.state } })
  const simulate = ['simulate', '--policies', 'new', '--since', '1d']
  expect(await main([...simulate, '--fail-on', 'newly-permitted'], io), io.err()).toBe(0)
  expect(io.out()).toMatch(/^3 decisions on record/)
  expect(io.out()).toMatch(/ 1 {2}newly denied\n/)
  expect(io.out()).toMatch(/ 0 {2}unknown\n/)
  expect(io.out()).toContain('`mail#listed-domains-only`')
  expect(await main([...simulate, '--fail-on', 'newly-denied'], io)).toBe(1)

  const left = (): number =>
    received(folder.path, 'mail').filter(({ message }) => message.method === 'tools/call').length
  renameSync(next, folder.file('policies/mail.yaml'))
  // A change is noticed within moments.
  while ((await mail('lee@partner.example')) !== 'forbidden')
    await new Promise((resolve) => setTimeout(resolve, 20))
  const before = left()
  expect(await mail('lee@partner.example')).toBe('forbidden')
  expect(left()).toBe(before)
  expect(await mail('bob@acme.example')).toBeUndefined()

  const call = folder.record().findLast(({ type }) => type === 'refusal')?.['call']
  expect(await main(['explain', '--decision', String(call)], io)).toBe(0)
  expect(io.out()).toContain('decided again: the same')
  await guard.close()
})
