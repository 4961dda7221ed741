/** Real clients through the real guard to real servers: what is listed, permitted, denied and unknown, for every pair. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { fakeServer, npmServer, type Setup } from './folder.ts'
import { GuardPool } from './guard.ts'
import { type Connection, inspect, inspectOverHttp, PEERS } from './peer.ts'

const pool = new GuardPool()
const open: Connection[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((connection) => connection.close()))
})
afterAll(() => pool.close())

interface Case {
  readonly server: string
  readonly setup: (path: string) => Setup
  /** The whole list that the agent may see, in the order in which the upstream has it. */
  readonly listed: readonly string[]
  readonly permitted: CallOf & { readonly text: string | RegExp }
  /** Granted, and outside what the mandate says of its arguments. */
  readonly denied: (path: string) => CallOf
  /** A tool that the upstream has and the mandate does not name. */
  readonly hidden: string
}

interface CallOf {
  readonly name: string
  readonly args: Record<string, unknown>
}

const CASES: readonly Case[] = [
  {
    server: 'everything',
    setup: () => ({
      mandate: {
        tools: {
          'ev/echo': { effect: 'read', args: { message: { one_of: ['hi', 'ho'] } } },
          'ev/get-sum': { effect: 'read' },
        },
      },
      upstreams: { ev: npmServer('everything') },
    }),
    listed: ['echo', 'get-sum'],
    permitted: { name: 'echo', args: { message: 'hi' }, text: 'Echo: hi' },
    denied: () => ({ name: 'echo', args: { message: 'boo' } }),
    hidden: 'get-env',
  },
  {
    server: 'filesystem',
    setup: (path) => {
      mkdirSync(join(path, 'files/open'), { recursive: true })
      mkdirSync(join(path, 'files/closed'))
      writeFileSync(join(path, 'files/open/a.txt'), 'what stands in a.txt')
      writeFileSync(join(path, 'files/closed/b.txt'), 'nobody reads this')
      const under = { path: { under: join(path, 'files/open') } }
      return {
        mandate: { tools: { 'fs/read_text_file': { effect: 'read', args: { path: under } } } },
        upstreams: { fs: npmServer('filesystem', join(path, 'files')) },
      }
    },
    listed: ['read_text_file'],
    permitted: {
      name: 'read_text_file',
      args: { path: '$FOLDER/files/open/a.txt' },
      text: 'what stands in a.txt',
    },
    denied: (path) => ({
      name: 'read_text_file',
      args: { path: join(path, 'files/closed/b.txt') },
    }),
    hidden: 'write_file',
  },
  {
    server: 'memory',
    setup: (path) => ({
      mandate: {
        tools: {
          'mem/read_graph': { effect: 'read' },
          'mem/create_entities': {
            effect: 'write',
            args: {
              entities: {
                each: {
                  fields: {
                    name: { length: '1..20' },
                    entityType: { one_of: ['vendor'] },
                    observations: { size: '0..3' },
                  },
                },
              },
            },
          },
        },
        never: ['mem/delete_*'],
      },
      upstreams: {
        mem: { ...npmServer('memory'), env: { MEMORY_FILE_PATH: join(path, 'memory.jsonl') } },
      },
    }),
    listed: ['create_entities', 'read_graph'],
    permitted: {
      name: 'create_entities',
      args: { entities: [{ name: 'acme', entityType: 'vendor', observations: [] }] },
      text: /"name": "acme"/,
    },
    denied: () => ({
      name: 'create_entities',
      args: {
        entities: [
          { name: 'acme', entityType: 'vendor', observations: [] },
          { name: 'lee', entityType: 'person', observations: [] },
        ],
      },
    }),
    hidden: 'delete_entities',
  },
  {
    server: 'both-eras',
    setup: () => ({
      mandate: {
        tools: {
          'both/echo': { args: { n: { int: true, range: { min: 1, max: 9 } } } },
          'both/fail': {},
        },
      },
      upstreams: { both: fakeServer('both-eras') },
    }),
    listed: ['echo', 'fail'],
    permitted: { name: 'echo', args: { n: 9 }, text: '{"n":9}' },
    denied: () => ({ name: 'echo', args: { n: 10 } }),
    hidden: 'hidden',
  },
]

/** Puts the folder's path where a call of the table says so. */
function placed(args: Record<string, unknown>, path: string): Record<string, unknown> {
  return JSON.parse(JSON.stringify(args).replaceAll('$FOLDER', path)) as Record<string, unknown>
}

describe.each(PEERS)('$name', (peer) => {
  // A client that negotiates starts the guard twice; what follows is the same as for the one that pins.
  const cases = peer.name.includes('auto') ? CASES.slice(-1) : CASES
  test.each(cases)('through the guard to server-$server', async (one) => {
    const folder = pool.folder(one.setup)
    const client = await peer.connect(folder)
    open.push(client)
    expect(await client.tools()).toEqual(one.listed)

    const { name, args, text } = one.permitted
    const result = await client.call(name, placed(args, folder.path))
    expect(result.isError ?? false).toBe(false)
    expect(result.text).toMatch(text)

    const denied = one.denied(folder.path)
    const refusal = await client.call(denied.name, denied.args)
    expect(refusal).toMatchObject({ isError: true, reason: 'outside_mandate' })
    expect(refusal.text).toBe('Denied: this call is outside the mandate.')

    const hidden = await client.call(one.hidden)
    expect(hidden).toEqual({ code: -32_602, reason: 'unknown_tool' })
    expect(await client.call('no-such-tool')).toEqual(hidden)

    const eras = new Set(folder.record().flatMap(({ request }) => request ?? []))
    expect([...eras].every((request) => (request as { era: string }).era === peer.era)).toBe(true)
    const seen = folder.record().map((entry) => entry.type)
    expect(seen.filter((type) => type === 'intent')).toHaveLength(1)
    expect(seen.filter((type) => type === 'outcome')).toHaveLength(1)
    expect(seen.filter((type) => type === 'refusal')).toHaveLength(3)
    expect(seen).toContain('listed')
  })
})

describe.each([
  ['on its command line', inspect],
  ['by URL', inspectOverHttp],
])('the Inspector, %s', (_way, look) => {
  const call = (name: string, args: Record<string, unknown>): readonly string[] => [
    '--method',
    'tools/call',
    '--tool-name',
    name,
    ...Object.entries(args).flatMap(([key, value]) => [
      '--tool-arg',
      `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
    ]),
  ]

  test.each(CASES)('a call through the guard to server-$server', async (one) => {
    const folder = pool.folder(one.setup)
    const { name, args, text } = one.permitted
    const result = await look(folder, ...call(name, placed(args, folder.path)))
    expect(result.code).toBe(0)
    const content = result.output?.['content'] as readonly { readonly text: string }[]
    expect(content[0]?.text).toMatch(text)
  })

  test('sees the filtered list, the denial and its reason, and no hidden tool', async () => {
    const [one] = CASES
    if (!one) throw new Error('no case')
    const folder = pool.folder(one.setup)
    const list = await look(folder, '--method', 'tools/list')
    const tools = list.output?.['tools'] as readonly { readonly name: string }[]
    expect(tools.map(({ name }) => name)).toEqual(one.listed)

    const denied = one.denied(folder.path)
    const refusal = await look(folder, ...call(denied.name, denied.args))
    expect(refusal.output).toMatchObject({
      isError: true,
      _meta: { 'dev.chaperone/reason': 'outside_mandate' },
    })
    const hidden = await look(folder, ...call(one.hidden, {}))
    expect(hidden.code).not.toBe(0)
    expect(hidden.output).toBeUndefined()
    expect(hidden.stderr).toMatch(/not found/)
  })
})
