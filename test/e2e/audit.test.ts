/** The record fails: before anything starts, or while calls run. Nothing is forwarded that cannot be recorded. */
import {
  chmodSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  appendFileSync,
  readdirSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { type Folder, puppet, received, type Setup, toolsNamed } from './folder.ts'
import { type GuardProcess, GuardPool, reasonOf } from './guard.ts'

const pool = new GuardPool()
afterAll(() => pool.close())

const LISTS = { 'tools/list': toolsNamed('say'), 'tools/call': '{"content":[]}' }

function setup(path: string): Setup {
  return {
    mandate: { tools: { 'p/say': {} }, resources: { 'p/x://**': {} }, prompts: { 'p/ask': {} } },
    upstreams: {
      p: puppet(path, 'p', {
        capabilities: { tools: {}, resources: {}, prompts: {} },
        results: {
          ...LISTS,
          'resources/list': '{"resources":[{"uri":"x://a","name":"a"}]}',
          'resources/read': '{"contents":[]}',
          'prompts/list': '{"prompts":[{"name":"ask"}]}',
          'prompts/get': '{"messages":[]}',
        },
      }),
    },
  }
}

/** What reached the upstream that acts on something. */
function acted(folder: Folder): readonly string[] {
  return received(folder.path, 'p')
    .map(({ message }) => message.method ?? '')
    .filter((method) => /^(tools\/call|resources\/read|prompts\/get)$/.test(method))
}

function logFile({ state }: Folder): string {
  const [log] = readdirSync(join(state, 'log'), { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.jsonl'),
  )
  return join(state, 'log', log ?? '')
}

describe('a state folder that cannot be used', () => {
  test.each([
    ['is a file', (folder: Folder) => writeFileSync(folder.state, '')],
    [
      'holds a file where the logs go',
      (folder: Folder) => {
        mkdirSync(folder.state)
        writeFileSync(join(folder.state, 'log'), '')
      },
    ],
    ['is a link to nowhere', (folder: Folder) => symlinkSync(folder.file('no/such'), folder.state)],
  ])('that %s: the guard says so and starts nothing', async (_what, spoil) => {
    const folder = pool.folder(setup)
    spoil(folder)
    const guard = pool.launch(folder)
    const exit = await guard.end()
    expect(exit.code).toBe(3)
    expect(guard.stderr).toMatch(/the (?:record|state) `.*` cannot be (?:written|used): /)
    expect(guard.frames).toEqual([])
    expect(received(folder.path, 'p')).toEqual([])
  })

  test.skipIf(process.getuid?.() === 0)(
    'that is read-only (root may write it all the same): the guard says so and starts nothing',
    async () => {
      const folder = pool.folder(setup)
      mkdirSync(folder.state)
      chmodSync(folder.state, 0o500)
      const guard = pool.launch(folder)
      expect((await guard.end()).code).toBe(3)
      expect(received(folder.path, 'p')).toEqual([])
      chmodSync(folder.state, 0o700)
    },
  )
})

/** Every way to act is refused, and nothing of it reaches the upstream. */
async function everythingRefused(guard: GuardProcess): Promise<void> {
  const before = acted(guard.folder).length
  const call = await guard.call('say')
  expect(reasonOf(call)).toBe('audit_unavailable')
  expect(call.result?.isError).toBe(true)
  expect(call.result?.content?.[0]?.text).toBe(
    'Denied: the guard cannot record calls at the moment.',
  )
  expect((await guard.request('resources/read', { uri: 'x://a' })).error?.code).toBe(-31_503)
  expect((await guard.request('prompts/get', { name: 'ask' })).error?.code).toBe(-31_503)
  expect((await guard.request('tools/list')).error?.code).toBe(-31_503)
  expect(acted(guard.folder)).toHaveLength(before)
}

describe('G50: a log that breaks while the guard runs', () => {
  test.each([
    ['is removed', (file: string) => rmSync(file)],
    ['is shortened', (file: string) => truncateSync(file, 10)],
    ['is written into', (file: string) => appendFileSync(file, '{"forged":true}\n')],
    ['is moved away', (file: string) => renameSync(file, `${file}.away`)],
    [
      'goes with its whole folder',
      (file: string) => rmSync(join(file, '..'), { recursive: true, maxRetries: 10 }),
    ],
  ])('that %s: every call is refused', async (_what, spoil) => {
    const guard = pool.start(setup)
    await guard.open()
    expect((await guard.call('say')).result).toEqual({ content: [] })
    spoil(logFile(guard.folder))
    // One look at the file holds for some milliseconds of a flood of calls; from the next look on nothing passes.
    let unseen = 0
    while ((await guard.call('say')).result?.isError !== true && unseen < 1000) unseen += 1
    expect(unseen).toBeLessThan(1000)
    await everythingRefused(guard)
    await everythingRefused(guard)
    await guard.logged(/could not be recorded/)
    expect((await guard.close()).code).toBe(0)
  })

  test('G40: that reaches the limit of its size: calls are refused, and what is on record stays whole', async () => {
    const folder = pool.folder(setup)
    // Blocks of 1,024 bytes (512 in a POSIX mode); a write beyond is refused by the kernel, as on a full disk. What SQLite
    // needs from the start fits in.
    const guard = pool.launch(folder, {
      wrap: ['/bin/bash', '-c', 'ulimit -f 64; exec "$@"', 'bash'],
    })
    await guard.open()
    let answers = 0
    let refused = await guard.call('say')
    while (refused.result?.isError !== true && answers < 100) {
      answers += 1
      refused = await guard.call('say')
    }
    expect(answers).toBeGreaterThan(3)
    expect(reasonOf(refused)).toBe('audit_unavailable')
    expect(acted(folder).length).toBeLessThanOrEqual(answers + 1)
    const before = acted(folder)
    expect(reasonOf(await guard.call('say'))).toBe('audit_unavailable')
    expect(reasonOf(await guard.request('resources/read', { uri: 'x://a' }))).toBe(
      'audit_unavailable',
    )
    expect(acted(folder)).toEqual(before)
    // Every line parses, and every call that reached the upstream has its intent.
    const intents = folder.record().filter(({ type }) => type === 'intent')
    expect(intents.length).toBeGreaterThanOrEqual(acted(folder).length)
    expect(guard.ended).toBe(false)
  })
})
