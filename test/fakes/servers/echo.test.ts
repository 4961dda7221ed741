/** The fake server is what real clients take for a server, and each of its troubles is the trouble it claims to be. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client as ModernClient } from '@modelcontextprotocol/client'
import { StdioClientTransport as ModernTransport } from '@modelcontextprotocol/client/stdio'
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startProcess, type UpstreamProcess } from '../../../src/proxy/upstream/process.ts'
import { FAKE_SERVER, fakeLaunch } from './launch.ts'

let folder = ''
const cleanUp: (() => Promise<unknown>)[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'chaperone-fake-'))
})
afterEach(async () => {
  await Promise.all(cleanUp.splice(0).map((action) => action()))
  rmSync(folder, { recursive: true, force: true })
})

function command(flags: readonly string[]): { command: string; args: string[] } {
  return { command: process.execPath, args: [FAKE_SERVER, ...flags] }
}

const text = (result: object): unknown => {
  const [first] = (result as { content: { text: string }[] }).content
  return JSON.parse(first?.text ?? 'null')
}

describe('to the v1 SDK client', () => {
  it('lists, pages, answers, reads, asks and tells of changes', async () => {
    const client = new LegacyClient(
      { name: 'c', version: '1' },
      { capabilities: { roots: {}, sampling: {}, elicitation: {} } },
    )
    cleanUp.push(() => client.close())
    await client.connect(
      new LegacyTransport(
        command([
          '--tools',
          'echo,roots,change_tools',
          '--page',
          '2',
          '--resources',
          '2',
          '--prompts',
          '1',
        ]),
      ),
    )
    const first = await client.listTools()
    expect(first.tools.map((tool) => tool.name)).toEqual(['echo', 'roots'])
    const second = await client.listTools({ cursor: first.nextCursor })
    expect(second.tools.map((tool) => tool.name)).toEqual(['change_tools'])
    expect(second.nextCursor).toBeUndefined()
    expect(text(await client.callTool({ name: 'echo', arguments: { a: 1 } }))).toEqual({
      tool: 'echo',
      arguments: { a: 1 },
    })
    expect((await client.listResources()).resources).toHaveLength(2)
    expect((await client.listResourceTemplates()).resourceTemplates).toHaveLength(1)
    expect(await client.readResource({ uri: 'test://fake/1' })).toMatchObject({
      contents: [{ text: 'text of test://fake/1' }],
    })
    expect((await client.getPrompt({ name: 'prompt_1' })).messages).toHaveLength(1)
    await client.ping()
    // The client has no handler for roots: it refuses, and the server says so.
    expect(text(await client.callTool({ name: 'roots', arguments: {} }))).toMatchObject({
      error: { code: -32_601 },
    })
    const told = Promise.withResolvers<void>()
    client.fallbackNotificationHandler = async (notification) => {
      if (notification.method === 'notifications/tools/list_changed') told.resolve()
    }
    await client.callTool({ name: 'change_tools', arguments: {} })
    await told.promise
    expect((await client.listTools({ cursor: '2' })).tools.map((tool) => tool.name)).toEqual([
      'change_tools',
      'added_1',
    ])
  })
})

describe('to the v2 SDK client', () => {
  it.each([
    ['modern', { mode: { pin: '2026-07-28' } }],
    ['both', { mode: { pin: '2026-07-28' } }],
    ['both', { mode: 'legacy' as const }],
    ['legacy', { mode: 'legacy' as const }],
  ])('an era of %s works with %j', async (era, versionNegotiation) => {
    const client = new ModernClient({ name: 'c', version: '1' }, { versionNegotiation })
    cleanUp.push(() => client.close())
    await client.connect(new ModernTransport(command(['--era', era, '--tools', '2'])))
    expect((await client.listTools()).tools.map((tool) => tool.name)).toEqual(['echo', 'echo_2'])
    expect(text(await client.callTool({ name: 'echo_2', arguments: { b: 2 } }))).toEqual({
      tool: 'echo_2',
      arguments: { b: 2 },
    })
  })

  it('a modern one asks for input and takes the answer', async () => {
    const client = new ModernClient(
      { name: 'c', version: '1' },
      {
        versionNegotiation: { mode: { pin: '2026-07-28' } },
        capabilities: { elicitation: { form: {} } },
      },
    )
    client.setRequestHandler('elicitation/create', async () => ({
      action: 'accept',
      content: { name: 'Ada' },
    }))
    cleanUp.push(() => client.close())
    await client.connect(
      new ModernTransport(command(['--era', 'modern', '--tools', 'elicitation'])),
    )
    expect(text(await client.callTool({ name: 'elicitation', arguments: {} }))).toEqual({
      inputResponses: { question: { action: 'accept', content: { name: 'Ada' } } },
      requestState: 'state of the fake',
    })
  })
})

interface Wire {
  readonly process: UpstreamProcess
  readonly exit: Promise<number | string | null>
  /** The next line, parsed where it is JSON. */
  next(): Promise<unknown>
}

function wire(...flags: string[]): Wire {
  const lines: string[] = []
  let taken = 0
  let came = Promise.withResolvers<void>()
  const exit = Promise.withResolvers<number | string | null>()
  const running = startProcess(fakeLaunch('fake', flags), {
    onLine: (line) => {
      lines.push(line.toString('utf8'))
      came.resolve()
      came = Promise.withResolvers()
    },
    onStderr: () => undefined,
    onTooLong: () => undefined,
    onExit: ({ code, signal }) => exit.resolve(signal ?? code),
  })
  cleanUp.push(() => running.stop(0))
  return {
    process: running,
    exit: exit.promise,
    next: async () => {
      while (lines.length <= taken) await came.promise
      taken += 1
      const line = lines[taken - 1] ?? ''
      try {
        return JSON.parse(line) as unknown
      } catch {
        return line
      }
    },
  }
}

function call(name: string, args: object = {}, id = 1): string {
  return JSON.stringify({
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name, arguments: args, _meta: { progressToken: 'P' } },
  })
}

async function calling(name: string, args: object = {}): Promise<Wire> {
  const running = wire('--tools', name)
  running.process.send(call(name, args))
  return Promise.resolve(running)
}

const answered = { id: 1, result: { content: [{ type: 'text' }] } }

describe('troubles', () => {
  it.each([
    ['crash', 7],
    ['kill', 'SIGKILL'],
    ['half', 0],
    ['close_stdout', 0],
  ])('%s ends it with %s', async (name, how) => {
    expect(await (await calling(name)).exit).toBe(how)
  })

  it('start crash', async () => {
    expect(await wire('--start', 'crash').exit).toBe(3)
  })

  it('twice, stranger, unknown and late progress are what they say', async () => {
    const twice = await calling('twice')
    expect(await twice.next()).toEqual(await twice.next())
    const stranger = await calling('stranger')
    expect(await stranger.next()).toMatchObject({ id: 1_000_001 })
    expect(await stranger.next()).toMatchObject(answered)
    const unknown = await calling('unknown_progress')
    expect(await unknown.next()).toMatchObject({ params: { progressToken: 'not-ours' } })
    expect(await unknown.next()).toMatchObject(answered)
    const late = await calling('late_progress')
    expect(await late.next()).toMatchObject(answered)
    expect(await late.next()).toMatchObject({ params: { progressToken: 'P' } })
  })

  it('progress comes before its answer', async () => {
    const running = await calling('progress')
    for (const progress of [1, 2, 3]) {
      expect(await running.next()).toMatchObject({ params: { progressToken: 'P', progress } })
    }
    expect(await running.next()).toMatchObject(answered)
  })

  it('noise has the right answer at its end', async () => {
    const running = await calling('noise')
    const seen: unknown[] = []
    for (let line = 0; line < 10; line += 1) seen.push(await running.next())
    expect(seen[0]).toBe('Server is listening on stdio')
    expect(seen.at(-1)).toMatchObject(answered)
  })

  it('hold answers the last first', async () => {
    const running = wire('--tools', 'hold')
    for (const id of [1, 2, 3]) running.process.send(call('hold', { count: 3 }, id))
    for (const id of [3, 2, 1]) expect(await running.next()).toMatchObject({ id })
  })

  it('crlf and bytewise are good answers', async () => {
    expect(await (await calling('crlf')).next()).toMatchObject(answered)
    expect(await (await calling('bytewise')).next()).toMatchObject({
      result: { content: [{ text: 'böckchen \u{2028} 😀' }] },
    })
  })

  it('an unknown tool and an unknown method are errors', async () => {
    const running = await calling('echo')
    await running.next()
    running.process.send(call('no-such-tool'))
    expect(await running.next()).toMatchObject({ error: { code: -32_602 } })
    running.process.send('{"jsonrpc":"2.0","id":1,"method":"server/discover"}')
    expect(await running.next()).toMatchObject({ error: { code: -32_601 } })
    running.process.send('not json')
    expect(await running.next()).toMatchObject({ error: { code: -32_700 } })
  })

  it('a modern one knows no `initialize` and no request without its era', async () => {
    const running = wire('--era', 'modern')
    running.process.send('{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}')
    expect(await running.next()).toMatchObject({ error: { code: -32_601 } })
    running.process.send('{"jsonrpc":"2.0","id":2,"method":"tools/list"}')
    expect(await running.next()).toMatchObject({ error: { code: -32_602 } })
  })
})

describe('gates and files', () => {
  it('--log keeps every line as it came, also those never answered', async () => {
    const log = join(folder, 'log')
    const running = wire('--log', log, '--tools', 'never,echo')
    running.process.send(call('never'))
    running.process.send(call('echo', { text: '1.0' }, 2))
    expect(await running.next()).toMatchObject({ id: 2 })
    expect(readFileSync(log, 'utf8')).toBe(
      `${call('never')}\n${call('echo', { text: '1.0' }, 2)}\n`,
    )
  })

  it('--gate holds the start, --gate-calls the calls', async () => {
    const start = join(folder, 'start')
    const calls = join(folder, 'calls')
    const running = wire('--gate', start, '--gate-calls', calls)
    running.process.send(call('echo'))
    running.process.send('{"jsonrpc":"2.0","id":2,"method":"ping"}')
    writeFileSync(start, '')
    expect(await running.next()).toMatchObject({ id: 2, result: {} })
    writeFileSync(calls, '')
    expect(await running.next()).toMatchObject(answered)
  })

  it('--definitions is read again for each list', async () => {
    const file = join(folder, 'tools.json')
    writeFileSync(file, '[{"name":"one","inputSchema":{"type":"object"}}]')
    const running = wire('--definitions', file)
    const list = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
    running.process.send(list)
    expect(await running.next()).toMatchObject({ result: { tools: [{ name: 'one' }] } })
    writeFileSync(file, '[]')
    running.process.send(list)
    expect(await running.next()).toMatchObject({ result: { tools: [] } })
  })
})
