/** G34: secrets in calls that are recorded whole, counted and remembered: what lies on disk, and what is said, has none. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { main } from '../../src/cli/main.ts'
import { operationalLog } from '../../src/config/operational.ts'
import { takeCall } from '../../src/pipeline/line.ts'
import { fakeIo } from '../cli/io.fake.ts'
import { fakeLine, mandateOf, tool } from '../fakes/line.ts'
import { openedEntries } from '../fakes/unseal.ts'
import { type Folder, puppet, type Setup, toolsNamed } from './folder.ts'
import { type GuardProcess, GuardPool, reasonOf } from './guard.ts'
import { secretPart, type SeededSecret, seededSecrets } from './secret-shapes.ts'

const pool = new GuardPool()
afterAll(() => pool.close())

const SECRETS = seededSecrets(20_261_124)
const TELLING = SECRETS.filter(({ telling }) => telling)
const PLAIN = SECRETS.filter(({ telling }) => !telling)

const POLICY = `policy: a
rules:
  - id: twice
    effect: forbid
    tools: [p/note]
    when: has(args.note) && session.calledWith("p/note", "note", "never")
`

function setup(path: string): Setup {
  writeFileSync(
    join(path, 'chaperone.yaml'),
    'metrics: { port: 0 }\naudit: { capture: arguments }\npolicies: policies\n',
  )
  mkdirSync(join(path, 'policies'))
  writeFileSync(join(path, 'policies', 'a.yaml'), POLICY)
  const amount = { type: 'object', properties: { amount: { type: 'number' } } }
  const tools = [{ name: 'pay', inputSchema: amount }]
  return {
    mandate: {
      tools: { 'p/*': {} },
      resources: { 'p/https://api.example/**': {} },
      budgets: [
        { id: 'calls', limit: 100_000, per: 'mandate' },
        {
          id: 'eur',
          of: ['p/pay'],
          amount: 'args.amount',
          scale: 2,
          limit: 100_000,
          per: 'mandate',
        },
      ],
    },
    upstreams: {
      p: puppet(path, 'p', {
        capabilities: { tools: {}, resources: {} },
        results: {
          'tools/list': JSON.stringify({
            tools: [
              ...tools,
              ...(JSON.parse(toolsNamed('say', 'note')) as { tools: object[] }).tools,
            ],
          }),
          'tools/call': '{"content":[{"type":"text","text":$PARAMS}]}',
          'resources/list': '{"resources":[]}',
          'resources/read': '{"contents":[{"uri":"https://api.example/x","text":$PARAMS}]}',
        },
      }),
    },
    args: ['--settings', join(path, 'chaperone.yaml'), '--log-level', 'debug'],
  }
}

function leaks(text: string, secrets = SECRETS): readonly string[] {
  return secrets.filter((secret) => text.includes(secretPart(secret))).map(({ shape }) => shape)
}

/** Every file of the state folder, as bytes. */
function filesOf({ state }: Folder): ReadonlyMap<string, string> {
  const names = readdirSync(state, { recursive: true, encoding: 'utf8' })
  return new Map(
    names
      .filter((name) => statSync(join(state, name)).isFile())
      .map((name) => [name, readFileSync(join(state, name), 'latin1')]),
  )
}

function expectNoneIn(folder: Folder): void {
  const files = filesOf(folder)
  expect([...files.keys()]).toEqual(expect.arrayContaining(['state.db', 'log.key']))
  for (const [name, text] of files) expect([name, leaks(text)]).toEqual([name, []])
}

function unsealed({ state }: Folder): string {
  const log = join(state, 'log')
  return readdirSync(log)
    .map((name) => JSON.stringify(openedEntries(join(log, name))))
    .join('\n')
}

async function metricsOf(guard: GuardProcess): Promise<string> {
  const url = /http:[^"]+\/metrics/.exec(await guard.logged(/metrics are served/))?.[0] ?? ''
  return (await fetch(url)).text()
}

async function callWith(guard: GuardProcess, { value, telling }: SeededSecret): Promise<void> {
  const named = { password: value, headers: { authorization: value }, db: [{ api_key: value }] }
  const free = telling ? { note: value, deep: [{ text: `use ${value} now` }] } : {}
  // A policy remembers each `note`: calls without one would leave it in doubt.
  for (const name of telling ? ['say', 'note'] : ['say']) {
    const { result } = await guard.call(name, { ...named, ...free })
    expect(result?.content?.[0]?.text).toContain(JSON.stringify(value).slice(1, -1))
  }
  const paid = await guard.call('pay', { amount: 1.25, ...named, ...free })
  expect(reasonOf(paid)).toBeUndefined()
  // In the place of an amount, and with one that is no amount.
  for (const amount of [-1, ...(telling ? [value] : [])]) {
    const refused = await guard.call('pay', { ...named, ...free, amount })
    expect(reasonOf(refused)).toBe('evaluation_error')
  }
  if (!telling) return
  for (const uri of [
    `https://api.example/${encodeURIComponent(value)}`,
    `https://api.example/x?q=${encodeURI(value)}`,
  ])
    await guard.request('resources/read', { uri })
}

describe('G34: secrets in logs', () => {
  test('G34: fifty shapes, with whole arguments on record, budgets and memory: in no file, opened or not, and nothing that is said', async () => {
    const folder = pool.folder(setup)
    const guard = pool.launch(folder)
    await guard.open()
    await guard.request('tools/list')
    for (const secret of SECRETS) await callWith(guard, secret)
    expect(leaks(await metricsOf(guard))).toEqual([])
    expectNoneIn(folder)
    expect((await guard.close()).code).toBe(0)
    expectNoneIn(folder)
    expect(leaks(unsealed(folder))).toEqual([])
    expect(leaks(guard.stderr)).toEqual([])
    // There was something to be found: whole arguments are on record, without them.
    expect(unsealed(folder).includes('use *** now')).toBe(true)
    for (const argv of [
      ['log', '--json'],
      ['budget', '--json'],
      ['audit', 'verify', '--content'],
      ['task', '--json'],
    ]) {
      const io = fakeIo()
      await main([...argv, '--state-dir', folder.state], io)
      expect([argv, leaks(`${io.out()}${io.err()}`)]).toEqual([argv, []])
    }
  })

  test('G34: what nothing tells for a secret is sealed all the same, and in clear nowhere', async () => {
    const guard = pool.start(setup)
    await guard.open()
    for (const { value } of PLAIN) await guard.call('say', { note: value })
    guard.child.kill('SIGKILL')
    await guard.exited
    expectNoneIn(guard.folder)
    expect(leaks(unsealed(guard.folder), PLAIN)).toHaveLength(PLAIN.length)
    expect(leaks(guard.stderr)).toEqual([])
  })

  test('G34: a fault that quotes what it was given is written without them', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'chaperone-fault-'))
    const file = join(folder, 'guard.log')
    const operational = operationalLog({ level: 'debug', file })
    const mandate = mandateOf(`
mandate: m
agent: intake-bot
purpose: p
valid: { until: 2026-12-01T00:00:00Z }
tools: { "a/*": {} }
`)
    const line = fakeLine({
      mandate,
      tools: [{ state: 'found', target: tool('a', 'do') }],
      ports: {
        operational,
        upstreams: {
          forward: ({ params }) =>
            Promise.reject(new Error(`cannot parse ${JSON.stringify(params)}`)),
        },
      },
    })
    for (const { value } of TELLING) {
      const params = { name: 'do', arguments: { note: value } }
      const cancelled = { aborted: false, onAbort: () => undefined }
      await takeCall({ era: 'legacy', method: 'tools/call', params, cancelled }, line.ports)
      operational.warn({ deep: [{ value }] }, `it said ${value}`)
    }
    await operational.close()
    const text = readFileSync(file, 'utf8')
    rmSync(folder, { recursive: true })
    expect(text).toContain('cannot parse')
    expect(leaks(text)).toEqual([])
  })

  test('G34: nor is a fault that nobody caught, which ends the guard', async () => {
    const values = JSON.stringify(TELLING.map(({ value }) => value))
    const thrown = `setTimeout(() => { throw new Error('cannot parse ' + ${values}.join(' and ')) }, 10)`
    const folder = pool.folder((path) => {
      writeFileSync(join(path, 'throw.mjs'), `process.once('SIGUSR2', () => ${thrown})`)
      return { ...setup(path), env: { NODE_OPTIONS: `--import ${join(path, 'throw.mjs')}` } }
    })
    const guard = pool.launch(folder)
    await guard.open()
    guard.child.kill('SIGUSR2')
    expect((await guard.exited).code).toBe(3)
    expect(guard.stderr).toContain('chaperone: fault: Error: cannot parse')
    expect(leaks(guard.stderr)).toEqual([])
  })
})
