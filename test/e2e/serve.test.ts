/** `chaperone serve` as a process: whom it serves under which mandate, what it is told and cannot do, and how it ends. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { appendFileSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { type Folder, mandateText, puppet, received, type Setup, toolsNamed } from './folder.ts'
import { GuardPool, isAlive, pidsOf } from './guard.ts'
import { ACCEPT, HttpGuardProcess } from './http.ts'

const pool = new GuardPool()
afterAll(() => pool.close())

const CALLS = { 'tools/list': toolsNamed('puppet', 'other') }

function setup(path: string): Setup {
  return {
    command: 'serve',
    mandate: { tools: { 'a/puppet': {} } },
    upstreams: { a: puppet(path, 'a', { results: CALLS }) },
  }
}

interface Answer {
  readonly status: number
  readonly text: string
  readonly headers: Headers
}

/** A client with a key, or none, that says what it is told to. */
function client(url: URL, key?: string) {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: ACCEPT,
    ...(key !== undefined && { authorization: `Bearer ${key}` }),
  }
  const post = async (body: object, more: Record<string, string> = {}): Promise<Answer> => {
    const init = { method: 'POST', headers: { ...headers, ...more }, body: JSON.stringify(body) }
    const response = await fetch(url, init)
    return { status: response.status, text: await response.text(), headers: response.headers }
  }
  return {
    post,
    /** The session's id. */
    async open(): Promise<string> {
      const clientInfo = { name: 'x', version: '1' }
      const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo }
      const opened = await post({ jsonrpc: '2.0', id: 0, method: 'initialize', params })
      const session = opened.headers.get('mcp-session-id') ?? ''
      headers['mcp-session-id'] = session
      await post({ jsonrpc: '2.0', method: 'notifications/initialized' })
      return session
    },
    request: (id: number, method: string, params: object = {}, more?: Record<string, string>) =>
      post({ jsonrpc: '2.0', id, method, params }, more),
    modern: (id: number, method: string, params: object = {}) => {
      const meta = {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientCapabilities': {},
      }
      const name = 'name' in params ? { 'mcp-name': String(params.name) } : {}
      const more = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, ...name }
      return post({ jsonrpc: '2.0', id, method, params: { ...params, _meta: meta } }, more)
    },
  }
}

const DONE = { write: '{"jsonrpc":"2.0","id":$ID,"result":{"content":[]}}' }
const steps = (...some: readonly object[]) => ({ name: 'puppet', arguments: { steps: some } })
const CALL = steps(DONE)

describe('at the end', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s: what can be finished is, the rest is called off and said to be so, and nothing is left behind',
    async (signal) => {
      const folder = pool.folder(setup)
      const guard = pool.keep(new HttpGuardProcess(folder))
      const url = await guard.url()
      const legacy = client(url)
      await legacy.open()
      const go = folder.file('go')
      const finishes = legacy.request(
        1,
        'tools/call',
        steps({ stderr: 'one holds\n' }, { file: go }, DONE),
      )
      const hangs = client(url).modern(
        1,
        'tools/call',
        steps({ stderr: 'two holds\n' }, { heard: 'notifications/never' }),
      )
      await guard.logged(/one holds/)
      await guard.logged(/two holds/)
      const pids = pidsOf(folder)
      // One for the session, one for all modern requests.
      expect(pids).toHaveLength(2)
      guard.child.kill(signal)
      await guard.logged(/"msg":"stopping"/)
      // Nothing new is taken meanwhile.
      await expect(client(url).request(9, 'ping')).rejects.toThrow('fetch failed')
      writeFileSync(go, '')
      expect((await finishes).text).toContain('{"jsonrpc":"2.0","id":1,"result":{"content":[]}}')
      expect((await hangs).text).toContain('outcome_unknown')
      expect(await guard.end()).toEqual({ code: 0, signal: null })
      expect(pids.filter(isAlive)).toEqual([])
      const record = folder.record()
      const outcomes = record.filter(({ type }) => type === 'outcome')
      expect(outcomes.map(({ verdict }) => verdict)).toMatchObject([
        { outcome: 'forwarded' },
        { outcome: 'refused', reason: 'outcome_unknown' },
      ])
      expect(record.at(-1)).toMatchObject({ event: 'guard_stopped' })
    },
  )
})

describe('what cannot be', () => {
  test('a port that is taken: exit 3 with the remedy, and nothing is left behind', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    const folder = pool.folder((path) => ({ ...setup(path), args: ['--port', String(port)] }))
    const guard = pool.keep(new HttpGuardProcess(folder))
    expect(await guard.end()).toEqual({ code: 3, signal: null })
    expect(guard.stderr).toContain(`cannot listen on 127.0.0.1 port ${port}`)
    expect(guard.stderr).toContain('say another --port; 0 takes one that is free')
    expect(pidsOf(folder).filter(isAlive)).toEqual([])
    expect(folder.record().at(-1)).toMatchObject({ event: 'guard_stopped' })
    await new Promise((resolve) => other.close(resolve))
  })

  const KEYS = 'keys: [{ key: "${KEY}", mandate: other.json }]\n'
  test.each([
    [
      'a mandate for whoever reaches another machine’s address',
      ['--host', '0.0.0.0'],
      '',
      /whoever reaches 0\.0\.0\.0/,
    ],
    ['a mandate beside keys that have theirs', [], KEYS, /a mandate is named, and .* has keys/],
    ['a port that is none', ['--port', '70000'], '', /port/],
  ])('%s: exit 2, and nothing is started', async (_what, args, settings, words) => {
    const folder = pool.folder((path) => ({ ...setup(path), args, env: { KEY: 'k'.repeat(40) } }))
    if (settings !== '') writeFileSync(folder.file('chaperone.yaml'), settings)
    const guard = pool.keep(new HttpGuardProcess(folder))
    expect(await guard.end()).toEqual({ code: 2, signal: null })
    expect(guard.stderr).toMatch(words)
    expect(received(folder.path, 'a')).toEqual([])
    expect(folder.recordText()).toBe('')
  })
})

describe('a key for each mandate', () => {
  const INTAKE = 'intake-key-'.padEnd(40, 'i')
  const READER = 'reader-key-'.padEnd(40, 'r')

  /** The mandate of the launch line makes way for chaperone.yaml. */
  function keyed(): Folder {
    const folder = pool.folder((path) => ({ ...setup(path), env: { INTAKE, READER } }))
    const write = (name: string, agent: string, tool: string): void =>
      writeFileSync(
        folder.file(`${name}.json`),
        mandateText({ mandate: name, agent, tools: { [tool]: {} } }),
      )
    write('intake', 'agent-i', 'a/puppet')
    write('reader', 'agent-r', 'a/other')
    const keys = ['intake', 'reader'].map(
      (name) => `  - { key: "\${${name.toUpperCase()}}", mandate: ${name}.json }\n`,
    )
    writeFileSync(folder.file('chaperone.yaml'), `keys:\n${keys.join('')}`)
    const { args } = folder.launch
    const at = args.indexOf('--mandate')
    const rest = args.toSpliced(at, 2, '--settings', folder.file('chaperone.yaml'))
    const agent = rest.indexOf('--agent')
    return { ...folder, launch: { ...folder.launch, args: rest.toSpliced(agent, 2) } }
  }

  test('each is shown and permitted its own, and what it does is on record under its own', async () => {
    const folder = keyed()
    const guard = pool.keep(new HttpGuardProcess(folder))
    const url = await guard.url()
    const intake = client(url, INTAKE)
    const reader = client(url, READER)
    const names = ({ text }: Answer): readonly (string | undefined)[] =>
      [...text.matchAll(/"name":"(\w+)"/g)].map(([, name]) => name)
    await intake.open()
    const session = await reader.open()
    expect(names(await intake.request(1, 'tools/list'))).toEqual(['puppet'])
    expect(names(await reader.request(1, 'tools/list'))).toEqual(['other'])
    expect(names(await intake.modern(2, 'tools/list'))).toEqual(['puppet'])
    expect((await intake.request(3, 'tools/call', CALL)).text).toContain('"result"')
    expect((await reader.request(3, 'tools/call', CALL)).text).toContain('unknown_tool')
    // Whose session it is, is nothing that a header says.
    const stolen = await client(url, INTAKE).request(
      4,
      'tools/list',
      {},
      { 'mcp-session-id': session },
    )
    expect(stolen.status).toBe(404)
    for (const key of [undefined, 'x'.repeat(40)]) {
      const refused = await client(url, key).request(5, 'tools/list')
      expect(refused.status).toBe(401)
      expect(refused.headers.get('www-authenticate')).toMatch(/^Bearer /)
    }
    await guard.close()
    const record = folder.record()
    const intents = record.filter(({ type }) => type === 'intent')
    expect(intents).toMatchObject([
      { principal: { agent: 'agent-i', assurance: 'bearer_key' }, mandate: { name: 'intake' } },
    ])
    const refusals = record.filter(({ type }) => type === 'refusal')
    expect(refusals).toMatchObject([
      { principal: { agent: 'agent-r', assurance: 'bearer_key' }, mandate: { name: 'reader' } },
    ])
    const calls = received(folder.path, 'a').filter(
      ({ message }) => message.method === 'tools/call',
    )
    expect(calls).toHaveLength(1)
    for (const key of [INTAKE, READER])
      expect(guard.stderr + folder.recordText()).not.toContain(key)
  })
})

test('whether it is well, and whether calls can be put on record, is asked without a key', async () => {
  const folder = pool.folder(setup)
  const guard = pool.keep(new HttpGuardProcess(folder))
  const url = await guard.url()
  const status = async (path: string) => (await fetch(new URL(path, url))).status
  expect([await status('/healthz'), await status('/readyz'), await status('/metrics')]).toEqual([
    200, 200, 404,
  ])
  // By then everything about the start is on record.
  expect((await client(url).modern(0, 'tools/call', CALL)).text).toContain('"result"')
  // Somebody else has written into the record. A look at the file holds for a moment.
  const log = /"record":"([^"]+)"/.exec(guard.stderr)?.[1] ?? ''
  const file = join(log, readdirSync(log).find((name) => name.endsWith('.jsonl')) ?? '')
  const { size } = statSync(file)
  appendFileSync(file, 'x')
  while ((await status('/readyz')) !== 503) expect(guard.ended).toBe(false)
  expect(await status('/healthz')).toBe(200)
  const refused = await client(url).modern(1, 'tools/call', CALL)
  expect(refused.text).toContain('audit_unavailable')
  expect(
    received(folder.path, 'a').filter(({ message }) => message.method === 'tools/call'),
  ).toHaveLength(1)
  truncateSync(file, size)
  while ((await status('/readyz')) !== 200) expect(guard.ended).toBe(false)
})
