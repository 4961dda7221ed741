/** A mandate is read once, when its guard starts. Whoever wants less at once takes it back; what else changes needs a restart. */
import { createHash } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { mandateText, puppet, received, type Setup, toolsNamed } from './folder.ts'
import { GuardPool, reasonOf } from './guard.ts'

const pool = new GuardPool()
afterAll(() => pool.close())

const MANDATE = { tools: { 'p/say': {} } }

function setup(path: string): Setup {
  const results = { 'tools/list': toolsNamed('say', 'shout'), 'tools/call': '{"content":[]}' }
  return { mandate: MANDATE, upstreams: { p: puppet(path, 'p', { results }) } }
}

function digestOf(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex')
}

test('G42: a mandate file that is replaced, broken or gone while its guard runs changes no decision, and each names what was read', async () => {
  const guard = pool.start(setup)
  const { folder } = guard
  const file = folder.file('mandate.json')
  const digest = digestOf(file)
  await guard.open()
  const both = async (): Promise<void> => {
    expect((await guard.call('say')).result).toEqual({ content: [] })
    expect(reasonOf(await guard.call('shout'))).toBe('unknown_tool')
  }
  await both()
  writeFileSync(file, mandateText({ tools: { 'p/shout': {} } }))
  await both()
  writeFileSync(file, '{ "mandate": ')
  await both()
  rmSync(file)
  await both()
  expect((await guard.close()).code).toBe(0)
  const tools = received(folder.path, 'p').filter(({ message }) => message.method === 'tools/call')
  expect(tools.map(({ message }) => message.params?.['name'])).toEqual(['say', 'say', 'say', 'say'])
  const decided = folder.record().filter(({ type }) => type === 'intent' || type === 'refusal')
  expect(decided).toHaveLength(8)
  for (const entry of decided) expect(entry).toMatchObject({ mandate: { s256: digest } })

  writeFileSync(file, mandateText({ tools: { 'p/shout': {} } }))
  const next = pool.launch(folder)
  await next.open()
  expect((await next.call('shout')).result).toEqual({ content: [] })
  expect((await next.close()).code).toBe(0)
})
