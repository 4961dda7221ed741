/** The commands that start upstreams only to ask them, as real processes. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { PuppetConfig } from '../fakes/mcp/step.ts'
import { type Folder, puppet, ROOT, toolsNamed } from './folder.ts'
import { GuardPool } from './guard.ts'
import { ACCEPT, HttpGuardProcess } from './http.ts'

const pool = new GuardPool()
afterAll(() => pool.close())

interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

function command({ launch, state }: Folder, name: string, ...argv: readonly string[]): Ran {
  const [program = ''] = launch.args
  const files = ['--mandate', '--upstreams'].flatMap((flag) => {
    const at = launch.args.indexOf(flag)
    return launch.args.slice(at, at + 2)
  })
  const args = [program, name, ...files, '--state-dir', state, ...argv]
  const ran = spawnSync(launch.command, args, {
    cwd: launch.cwd,
    env: { ...process.env, ...launch.env },
    encoding: 'utf8',
  })
  return { code: ran.status, out: ran.stdout, err: ran.stderr }
}

const LIST = { results: { 'tools/list': toolsNamed('say', 'send') } }

const EVERYTHING = join(ROOT, 'node_modules/@modelcontextprotocol/server-everything/dist/index.js')

test('an upstream that ends at a signal only does not end the command before it has said anything', () => {
  const folder = pool.folder({
    // It waits for the roots that it asked for, and does not look at the end of its input meanwhile.
    mandate: { tools: { 'a/echo': {} }, requests: { a: ['roots'] } },
    upstreams: { a: { command: process.execPath, args: [EVERYTHING] } },
  })
  const { code, out } = command(folder, 'check')
  expect(out).toMatch(/a {2}1 of \d+ tools offered/)
  expect(code).toBe(0)
})

describe('pin, and a guard that keeps to it', () => {
  test('what is offered only to who can be sent to an address is approved and shown', async () => {
    const folder = pool.folder({
      mandate: { tools: { 'a/*': {} }, requests: { a: ['elicitation'] } },
      upstreams: { a: { command: process.execPath, args: [EVERYTHING] } },
    })
    expect(command(folder, 'pin')).toMatchObject({ code: 0 })
    const guard = pool.launch(folder)
    const meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': { elicitation: { form: {}, url: {} } },
    }
    const { result } = await guard.request('tools/list', { _meta: meta })
    const names = result?.tools?.map(({ name }) => name)
    expect(names).toContain('trigger-url-elicitation')
    await guard.close()
  })

  test('what was approved is served; what changed since is not', async () => {
    const folder = pool.folder((path) => ({
      mandate: { tools: { 'a/*': {} } },
      upstreams: { a: puppet(path, 'a', LIST) },
    }))
    expect(command(folder, 'pin')).toMatchObject({ code: 0 })
    expect(command(folder, 'pin', '--check')).toMatchObject({ code: 0 })
    const first = pool.launch(folder)
    await first.open()
    expect((await first.request('tools/list')).result?.tools).toHaveLength(2)
    await first.close()
    const started = folder.record().find(({ event }) => event === 'guard_started')
    expect(started?.['facts']).toMatchObject({ pinned: 'lock' })

    puppet(folder.path, 'a', { results: { 'tools/list': toolsNamed('say', 'say_v2', 'other') } })
    expect(command(folder, 'check').out).toContain(
      '`a/send` is approved, and its upstream no longer',
    )
    const second = pool.launch(folder)
    await second.open()
    const list = await second.request('tools/list')
    expect(list.result?.tools?.map(({ name }) => name)).toEqual(['say'])
    await second.close()

    const { code, out } = command(folder, 'pin', '--yes')
    expect(code).toBe(0)
    expect(out).toContain('+ a/other (tool)\n')
    expect(out).toContain('! a/say_v2 (tool) is left out: it passes for `a/say`')
    expect(readFileSync(folder.file('chaperone.lock'), 'utf8')).toContain('"other"')
  }, 60_000)

  test('a launch line that is not approved is not started by any command', async () => {
    const folder = pool.folder((path) => ({
      mandate: { tools: { 'a/say': {} } },
      upstreams: { a: puppet(path, 'a', LIST) },
    }))
    command(folder, 'pin')
    const text = readFileSync(folder.file('mcp.json'), 'utf8')
    const mark = folder.file('started')
    const evil = `require('fs').writeFileSync(${JSON.stringify(mark)}, '')`
    const entry = { command: process.execPath, args: ['-e', evil] }
    const { mcpServers } = JSON.parse(text) as { readonly mcpServers: object }
    for (const servers of [{ a: entry }, { ...mcpServers, b: entry }]) {
      writeFileSync(folder.file('mcp.json'), JSON.stringify({ mcpServers: servers }))
      const guard = pool.launch(folder)
      expect(await guard.end()).toEqual({ code: 1, signal: null })
      expect(guard.stderr).toMatch(
        /mcp\.json:1:\d+: .*chaperone\.lock.*chaperone pin --mandate \S+ --only/,
      )
    }
    expect(command(folder, 'check').code).toBe(1)
    expect(command(folder, 'pin').code).toBe(1)
    expect(() => readFileSync(mark)).toThrow(/ENOENT/)
  }, 60_000)
})

describe('serve', () => {
  /** A session of its own over HTTP: what it is offered. */
  async function offered(url: URL): Promise<readonly string[]> {
    const headers: Record<string, string> = { 'content-type': 'application/json', accept: ACCEPT }
    const post = async (body: object): Promise<string> => {
      const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
      headers['mcp-session-id'] ??= response.headers.get('mcp-session-id') ?? ''
      return response.text()
    }
    const params = {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'x', version: '1' },
    }
    await post({ jsonrpc: '2.0', id: 1, method: 'initialize', params })
    await post({ jsonrpc: '2.0', method: 'notifications/initialized' })
    const text = await post({ jsonrpc: '2.0', id: 2, method: 'tools/list' })
    return [...text.matchAll(/"name":"(\w+)"/g)].map(([, name]) => name ?? '')
  }

  test('what one session was shown first is what another has to be shown', async () => {
    const tools = (description: string): PuppetConfig => ({
      results: {
        'tools/list': JSON.stringify({ tools: [{ name: 'say', description }, { name: 'x' }] }),
      },
    })
    const folder = pool.folder((path) => ({
      command: 'serve',
      mandate: { tools: { 'a/*': {} } },
      upstreams: { a: puppet(path, 'a', tools('says')) },
    }))
    const guard = pool.keep(new HttpGuardProcess(folder))
    const url = await guard.url()
    expect(await offered(url)).toEqual(['say', 'x'])
    puppet(folder.path, 'a', tools('says, and sends'))
    expect(await offered(url)).toEqual(['x'])
    const events = folder.record().filter(({ event }) => event === 'catalog_changed')
    expect(events.map(({ facts }) => facts)).toMatchObject([{ tool: 'say', drift: 'changed' }])
  })

  test('a launch line that is not approved is not started', async () => {
    const folder = pool.folder((path) => ({
      command: 'serve',
      mandate: { tools: { 'a/*': {} } },
      upstreams: { a: puppet(path, 'a', LIST) },
    }))
    expect(command(folder, 'pin').code).toBe(0)
    const mark = folder.file('started')
    const evil = `require('fs').writeFileSync(${JSON.stringify(mark)}, '')`
    const entry = { command: process.execPath, args: ['-e', evil] }
    writeFileSync(folder.file('mcp.json'), JSON.stringify({ mcpServers: { a: entry } }))
    const guard = pool.keep(new HttpGuardProcess(folder))
    expect(await guard.end()).toEqual({ code: 1, signal: null })
    expect(guard.stderr).toMatch(/the launch line of `a` is not the one that/)
    expect(() => readFileSync(mark)).toThrow(/ENOENT/)
  })
})
