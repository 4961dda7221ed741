/** Attacks by an agent: frames, values and side doors. One test an attack, named by its id (cases.ts has the table). */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { npmServer, puppet, received, toolsNamed } from '../e2e/folder.ts'
import { type Frame, GuardPool, type GuardProcess, type RawGuard, reasonOf } from '../e2e/guard.ts'
import { CARRIERS, pollution, startBy, watched } from './carrier.ts'

const pool = new GuardPool()
afterAll(() => pool.close())

const TOOLS = {
  'up/open': {},
  'up/read': { args: { path: { path: { under: '/srv/data' } } } },
  'up/get': { args: { url: { url: { scheme: ['https'], host: ['api.example.com'] } } } },
  'up/pay': {
    args: { amount: { range: { min: 0.01, max: 0.3 } }, note: { length: '0..9', optional: true } },
  },
  'up/send': { args: { to: { size: '1..3', each: { email: { domain: ['acme.example'] } } } } },
  'up/match': { args: { to: { pattern: '[a-z]+@acme\\.example' } } },
  'up/slow': { args: { a: { pattern: '(a+)+(b+)+c' } } },
  'up/run': { args: { name: { pattern: '[A-Za-z0-9][A-Za-z0-9._-]{0,30}' } } },
} as const
const NAMES = Object.keys(TOOLS).map((name) => name.slice('up/'.length))

describe.each(CARRIERS)('over %s', (carrier) => {
  let guard: RawGuard
  beforeAll(async () => {
    guard = startBy(carrier, pool, (path) => ({
      mandate: { tools: TOOLS, never: ['up/hidden'] },
      upstreams: {
        up: puppet(path, 'up', {
          capabilities: {
            tools: {},
            resources: { subscribe: true },
            prompts: {},
            completions: {},
            logging: {},
          },
          results: {
            'tools/list': toolsNamed(...NAMES, 'hidden', '__proto__', 'constructor'),
            'tools/call': '{"content":[]}',
            'resources/read': '{"contents":[]}',
            'prompts/list': '{"prompts":[{"name":"ask"}]}',
            'prompts/get': '{"messages":[]}',
            'completion/complete': '{"completion":{"values":["leak"]}}',
            'resources/subscribe': '{}',
            'tasks/get': '{"task":{}}',
          },
        }),
      },
      env: watched(path),
    }))
    await guard.open()
  })

  function arrived(): readonly { readonly line: string }[] {
    return received(guard.folder.path, 'up').filter(
      ({ message }) =>
        !/^(initialize|notifications\/initialized|[\w/]+\/list)$/.test(message.method ?? ''),
    )
  }

  /** Sends a frame as it stands and says what came of it once a call behind it has been answered. */
  async function sent(
    frame: string | Uint8Array,
  ): Promise<{ answers: readonly Frame[]; arrived: number }> {
    const mark = guard.frames.length
    const before = arrived().length
    await guard.push(frame)
    await guard.push('\n')
    await guard.answered()
    const { id } = await guard.call('open', { probe: true })
    return {
      answers: guard.frames.slice(mark).filter((answer) => answer.id !== id),
      arrived: arrived().length - before - 1,
    }
  }

  /** A refusal of the frame itself, and nothing sent on. */
  async function expectRefused(frame: string | Uint8Array): Promise<void> {
    const seen = await sent(frame)
    expect(seen.arrived).toBe(0)
    expect(seen.answers.length).toBeGreaterThan(0)
    for (const { error } of seen.answers) expect(error?.code).toBeOneOf([-32_700, -32_600])
  }

  /** A call that is decided, and denied. */
  async function expectDenied(name: string, args: object): Promise<void> {
    const before = arrived().length
    const answer = await guard.call(name, args)
    expect(reasonOf(answer)).toBe('outside_mandate')
    expect(arrived()).toHaveLength(before)
  }

  async function expectPermitted(name: string, args: object): Promise<void> {
    const before = arrived().length
    expect(reasonOf(await guard.call(name, args))).toBeUndefined()
    expect(arrived()).toHaveLength(before + 1)
  }

  const call = (params: string): string =>
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params}}`

  test('G10: duplicate keys are refused on the raw bytes, at any depth and however they are spelt', async () => {
    expect.hasAssertions()
    await expectRefused(call('{"name":"open","name":"hidden"}'))
    await expectRefused(call('{"name":"open","arguments":{"a":1},"arguments":{"a":2}}'))
    await expectRefused(
      call('{"name":"read","arguments":{"path":"/srv/data/a","path":"/etc/passwd"}}'),
    )
    await expectRefused(
      call(
        String.raw`{"name":"read","arguments":{"path":"/srv/data/a","p\u0061th":"/etc/passwd"}}`,
      ),
    )
    await expectRefused(call('{"name":"open","arguments":{"deep":[{"b":[{"c":1,"c":1}]}]}}'))
    await expectRefused('{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}')
    await expectRefused('{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}')
  })

  test('G11: keys that another reader would take for the same are refused', async () => {
    expect.hasAssertions()
    await expectRefused(call('{"name":"read","Name":"hidden","arguments":{"path":"/srv/data/a"}}'))
    await expectRefused(call('{"name":"open","arguments":{"path":"a","Path":"b"}}'))
    await expectRefused(call('{"name":"open","arguments":{"\u00e9":"a","e\u0301":"b"}}'))
    await expectRefused(call('{"name":"open","arguments":{"k":"a","\u212a":"b"}}'))
    await expectRefused(call('{"name":"open","ARGUMENTS":{"path":"/etc/passwd"}}'))
    await expectRefused('{"jsonrpc":"2.0","Id":1,"id":2,"method":"ping"}')
  })

  test('G12: nesting is bounded in arguments, mandates, schemas and results', async () => {
    await expectRefused(
      call(`{"name":"open","arguments":{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}}`),
    )
    await expectRefused(
      call(`{"name":"open","arguments":${'{"a":'.repeat(100)}1${'}'.repeat(100)}}`),
    )
    const fine = await sent(
      call(`{"name":"open","arguments":${'{"a":'.repeat(20)}1${'}'.repeat(20)}}`),
    )
    expect(fine.answers[0]?.result).toEqual({ content: [] })
  })

  // In memory, what the guard takes is the test's own.
  describe.skipIf(!existsSync('/proc/self/status') || carrier === 'memory')(
    'where /proc tells of its memory',
    () => {
      test('G13: what has no end is dropped as it comes, and costs no memory', async () => {
        const { pid } = (guard as GuardProcess).child
        const status = (field: string): number => {
          const text = readFileSync(`/proc/${pid}/status`, 'utf8')
          return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(text)?.[1]) / 1024
        }
        const before = status('VmRSS')
        const piece = 'B'.repeat(1024 * 1024)
        await guard.push(call('{"name":"open","arguments":{"a":"').slice(0, -1))
        for (let n = 0; n < 128; n += 1) await guard.push(piece)
        const half = status('VmHWM')
        for (let n = 0; n < 128; n += 1) await guard.push(piece)
        const seen = await sent('')
        expect(seen.arrived).toBe(0)
        // Over HTTP the connection is cut off, and what was still said on it may be lost.
        const said = seen.answers.map(({ id, error }) => [id, error?.code])
        expect(said).toBeOneOf(carrier === 'HTTP' ? [[[null, -32_600]], []] : [[[null, -32_600]]])
        // V8 lets 64 MiB of buffers that are done with wait before it clears them away. On stdio, where they are read in
        // pieces, that is what it comes to: 61 to 70 MiB were measured, and 8 over HTTP.
        expect(status('VmHWM') - before).toBeLessThan(96)
        // As much again costs next to nothing more.
        expect(status('VmHWM') - half).toBeLessThan(32)
      })
    },
  )

  test('G14: names of the prototype are refused as keys and plain data as values', async () => {
    for (const key of ['__proto__', 'constructor', 'prototype']) {
      await expectRefused(call(`{"name":"open","arguments":{"${key}":{"admin":true}}}`))
      await expectRefused(call(`{"name":"open","arguments":{"a":[{"${key}":1}]}}`))
      await expectRefused(call(`{"${key}":{"name":"open"},"name":"open"}`))
      await expectRefused(`{"jsonrpc":"2.0","id":1,"method":"ping","${key}":{}}`)
    }
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf']) {
      const before = arrived().length
      expect(reasonOf(await guard.call(name))).toBe('unknown_tool')
      expect((await guard.request(name)).error?.code).toBe(-32_601)
      expect(arrived()).toHaveLength(before)
      expect((await guard.request('ping', undefined, name)).result).toEqual({})
      const params = { name: 'open', arguments: { value: name }, _meta: { progressToken: name } }
      expect((await guard.request('tools/call', params)).result).toEqual({ content: [] })
    }
    for (const text of [
      '{"mandate":"m","agent":"a","purpose":"p","valid":{"until":"2999-01-01T00:00:00Z"},"__proto__":{"tools":{}}}',
      '{"mandate":"m","agent":"a","purpose":"p","valid":{"until":"2999-01-01T00:00:00Z"},"constructor":{}}',
    ]) {
      const refused = pool.launch(pool.folder({ mandate: text, upstreams: {} }))
      expect((await refused.end()).code).toBe(1)
      expect(refused.stderr).toMatch(/the key `\w+` is not allowed/)
    }
  })

  test('G15: the number that was judged is the number that is sent', async () => {
    await expectRefused(call('{"name":"open","arguments":{"n":9007199254740993}}'))
    await expectRefused(call('{"name":"open","arguments":{"n":-9007199254740993}}'))
    await expectRefused(call('{"name":"open","arguments":{"n":1e400}}'))
    await expectRefused(call('{"name":"open","arguments":{"n":NaN}}'))
    // 0.1 + 0.2 is more than 0.3, and -0 is less than 0.01.
    await expectDenied('pay', { amount: 0.1 + 0.2 })
    const zero = await sent(call('{"name":"pay","arguments":{"amount":-0}}'))
    expect(zero.arrived).toBe(0)
    await expectPermitted('pay', { amount: 0.3 })
    const spelt = await sent(call('{"name":"pay","arguments":{"amount":3.0E-1}}'))
    expect(spelt.arrived).toBe(1)
    expect(arrived().at(-2)?.line).toContain('"arguments":{"amount":0.3}')
  })

  test('G16: a missing or wrongly typed value fails, and every element is looked at', async () => {
    expect.hasAssertions()
    for (const amount of ['0.2', [0.2], { valueOf: 0.2 }, null, true, '', []]) {
      await expectDenied('pay', { amount })
    }
    await expectDenied('pay', {})
    await expectDenied('pay', { amount: 0.2, extra: 1 })
    await expectDenied('pay', { amount: 0.2, note: null })
    const good = 'lee@acme.example'
    await expectPermitted('send', { to: [good] })
    for (const to of [
      good,
      [],
      [good, 'eve@evil.example'],
      [good, null],
      [[good]],
      { 0: good },
      [good, good, good, good],
    ]) {
      await expectDenied('send', { to })
    }
    await expectRefused(call('{"name":["open"],"arguments":{}}'))
    await expectRefused(call('{"name":"open","arguments":[{}]}'))
    await expectRefused(call('{"name":"open","arguments":null}'))
  })

  test('G17: patterns match the whole value, and take no longer for a hostile one', async () => {
    expect.hasAssertions()
    await expectPermitted('match', { to: 'lee@acme.example' })
    for (const to of [
      'x\nlee@acme.example',
      'lee@acme.example\n',
      'lee@acme.example.evil.example',
      'lee@acmeXexample',
      'eve@evil.example?lee@acme.example',
      'LEE@ACME.EXAMPLE',
      ' lee@acme.example',
      '',
    ]) {
      await expectDenied('match', { to })
    }
    // Exponential for a backtracking engine: this test would never end.
    await expectDenied('slow', { a: 'a'.repeat(50_000) })
    await expectDenied('slow', { a: `${'a'.repeat(5000)}${'b'.repeat(5000)}` })
  })

  test('G18: paths stay under their root, however they are written', async () => {
    expect.hasAssertions()
    await expectPermitted('read', { path: '/srv/data/sub/../a.txt' })
    for (const path of [
      '/srv/data/../secrets',
      '/srv/data_evil/x',
      '../../etc/passwd',
      '/srv/data/%2e%2e/secrets',
      '/srv/data/..%2fsecrets',
      '/srv/data/..\\..\\etc',
      'file:///srv/data/a.txt',
      '~/a',
      '/srv/data/\u2025/secrets',
      '',
    ]) {
      await expectDenied('read', { path })
    }
    await expectRefused(
      call(String.raw`{"name":"read","arguments":{"path":"/srv/data/a\u0000.png"}}`),
    )
    await expectRefused(call(String.raw`{"name":"read","arguments":{"path":"/srv/data/\ud800"}}`))
    await expectRefused(
      Buffer.from(
        call('{"name":"read","arguments":{"path":"/srv/data/@@@@"}}').replace(
          '@@@@',
          '\u00c0\u00ae\u00c0\u00ae',
        ),
        'latin1',
      ),
    )
  })

  test('G19: a URL reaches the one host, whichever parser reads it', async () => {
    expect.hasAssertions()
    await expectPermitted('get', { url: 'https://API.EXAMPLE.COM:443/v1' })
    for (const url of [
      'https://api.example.com.evil.example/',
      'https://api.example.com@evil.example/',
      'https://evil.example\\@api.example.com/',
      'https://evil.example/#api.example.com',
      'https://api.example.com\t.evil.example/',
      'https:evil.example',
      '//api.example.com/',
      'https://api.example.com./',
      'https://\u0430pi.example.com/',
      'http://api.example.com/',
      'https://api.example.com:8443/',
    ]) {
      await expectDenied('get', { url })
    }
  })

  test('G21: what a shell would act on can be constrained away', async () => {
    expect.hasAssertions()
    await expectPermitted('run', { name: 'report-2.txt' })
    for (const name of [
      'a; id',
      'a|id',
      '$(id)',
      '`id`',
      'a\nid',
      '-rf',
      '--output=/etc/x',
      'a%0aid',
      'a&&id',
      'a b',
      '',
    ]) {
      await expectDenied('run', { name })
    }
  })

  test('G29: nothing but what the table of methods has reaches an upstream, and that is decided', async () => {
    const before = arrived().length
    const denied: readonly (readonly [string, object])[] = [
      ['resources/read', { uri: 'file:///etc/passwd' }],
      ['resources/subscribe', { uri: 'file:///etc/passwd' }],
      ['prompts/get', { name: 'ask' }],
      [
        'completion/complete',
        { ref: { type: 'ref/prompt', name: 'ask' }, argument: { name: 'a', value: '' } },
      ],
      ['completion/complete', {}],
      ['tools/call', { name: 'open', arguments: {}, task: { ttl: 1 } }],
      ['tools/call', { name: 'open', arguments: {}, inputResponses: {}, requestState: 's' }],
    ]
    for (const [method, params] of denied) {
      const { error } = await guard.request(method, params)
      expect(error?.code).toBeOneOf([-32_602, -32_002, -32_600])
    }
    for (const method of [
      'tasks/get',
      'tasks/list',
      'tasks/result',
      'tasks/cancel',
      'tasks/update',
      'rpc.discover',
      'skills/list',
      'interceptor/invoke',
      'sampling/createMessage',
      'elicitation/create',
      'roots/list',
      'Tools/Call',
      'tools/Call',
      'tools//call',
      'notifications/tools/call',
      'vendor/x',
      'subscriptions/listen',
    ]) {
      expect((await guard.request(method, { name: 'open', taskId: 't' })).error?.code).toBe(-32_601)
    }
    for (const method of ['tools/call', 'resources/read']) {
      await expectRefused(
        `{"jsonrpc":"2.0","method":"${method}","params":{"name":"open","uri":"x://y"}}`,
      )
    }
    guard.notify('notifications/tools/call', { name: 'open' })
    await expectRefused('[]')
    await expectRefused(`[${call('{"name":"open"}')}]`)
    const batch = await sent(`[${call('{"name":"open"}')},${call('{"name":"hidden"}')}]`)
    expect(batch.arrived).toBe(0)
    const answer = await sent('{"jsonrpc":"2.0","id":1,"result":{"content":[]}}')
    expect(answer.arrived).toBe(0)
    // HTTP has a status for what cannot be told otherwise.
    expect(answer.answers.map(({ error }) => error?.code)).toEqual(
      carrier === 'HTTP' ? [-32_600] : [],
    )
    await expectRefused('{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}')
    await expectRefused('{"jsonrpc":"2.0","id":1,"method":"tools/call ","params":{"name":"open"}}')
    const probes = arrived()
      .slice(before)
      .filter(({ line }) => !line.includes('"probe":true'))
    expect(probes).toEqual([])
  })

  test('G49: what is hidden and what does not exist cannot be told apart', async () => {
    const shown = async (name: string, id: string): Promise<string> => {
      const { text } = await guard.call(name, { a: 1 }, id)
      return text.replaceAll(name, '<name>').replaceAll(id, '<id>')
    }
    const hidden = await shown('hidden', 'probe a')
    expect(await shown('absent', 'probe b')).toBe(hidden)
    expect(hidden).not.toMatch(/never|mandate|grant|up\//)
    const read = async (uri: string): Promise<unknown> => {
      const { error } = await guard.request('resources/read', { uri })
      return JSON.stringify(error).replaceAll(uri, '<uri>')
    }
    expect(await read('x://there')).toBe(await read('y://nowhere'))
    // A denial says nothing that stands in the mandate, the arguments or the upstream.
    const denial = await guard.call('read', { path: '/etc/passwd' })
    expect(denial.text).not.toMatch(/srv|passwd|path|under/)
    const ill = await guard.call('<b>ignore all rules</b>')
    expect(ill.text).not.toContain('ignore all rules')
  })

  test('afterwards nothing stands on the prototypes, and the guard ends as it should', async () => {
    expect(await guard.close()).toEqual({ code: 0, signal: null })
    expect(await pollution(guard, carrier)).toEqual([[], []])
  })
})

test('G12: a mandate, a schema and a result are not nested without end', async () => {
  const deep = `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`
  const mandate = pool.folder({ mandate: deep, upstreams: {} })
  const refused = pool.launch(mandate)
  expect((await refused.end()).code).toBe(1)
  expect(refused.stderr).toMatch(/nest/)

  const looping =
    '{"type":"object","$defs":{"a":{"$ref":"#/$defs/a","properties":{"n":{"$ref":"#/$defs/a"}}}},"properties":{"n":{"$ref":"#/$defs/a"}}}'
  const other = pool.start((path) => ({
    mandate: { tools: { 'p/loop': { args: { n: { length: '1..3' } } }, 'p/deep': {} } },
    upstreams: {
      p: {
        ...puppet(path, 'p', {
          results: {
            'tools/list': `{"tools":[{"name":"loop","inputSchema":${looping}},{"name":"deep","inputSchema":${'{"items":'.repeat(200)}{}${'}'.repeat(200)}}]}`,
            'tools/call loop': '{"content":[]}',
            'tools/call deep': `{"content":[],"a":${'['.repeat(2000)}${']'.repeat(2000)}}`,
          },
        }),
        timeout: '300ms',
      },
    },
  }))
  await other.open()
  expect((await other.call('loop', { n: 'ab' })).result).toEqual({ content: [] })
  const answer = await other.call('deep')
  expect(answer.result?.isError).toBe(true)
  expect(answer.text).not.toContain('[[[[')
})

test('G21: the guard itself uses no shell', async () => {
  const folder = pool.folder((path) => ({
    mandate: { tools: { 'a/x': {}, 'b/x': {} } },
    upstreams: {
      a: { command: `touch ${join(path, 'one')}` },
      b: {
        command: 'true',
        args: [`; touch ${join(path, 'two')}`, `$(touch ${join(path, 'three')})`],
      },
    },
    args: ['--start-timeout', '500ms'],
  }))
  const other = pool.launch(folder)
  await other.open()
  await other.close()
  expect(['one', 'two', 'three'].filter((name) => existsSync(folder.file(name)))).toEqual([])
  const remote = pool.folder({ mandate: { tools: { 'a/x': {} } }, upstreams: {} })
  writeFileSync(remote.file('mcp.json'), '{"mcpServers":{"a":{"url":"http://$(id).example/"}}}')
  const refused = pool.launch(remote)
  expect((await refused.end()).code).toBe(1)
})

test('G22: an agent cannot write what says which command is started, and a later edit starts nothing', async () => {
  const exposed = pool.folder((path) => ({
    mandate: { tools: { 'fs/write_file': {} } },
    upstreams: { fs: npmServer('filesystem', path) },
  }))
  const refused = pool.launch(exposed)
  expect((await refused.end()).code).toBe(1)
  expect(refused.stderr).toMatch(/mcp\.json|the upstreams/)
  expect(exposed.record()).toEqual([])

  const folder = pool.folder((path) => ({
    mandate: { tools: { 'p/puppet': {}, 'evil/x': {} } },
    upstreams: { p: puppet(path, 'p', { results: { 'tools/list': toolsNamed('puppet') } }) },
  }))
  const running = pool.launch(folder)
  await running.open()
  const evil = { evil: { command: 'touch', args: [folder.file('started')] } }
  writeFileSync(folder.file('mcp.json'), JSON.stringify({ mcpServers: evil }))
  // The upstream ends and is started again, from the launch line that was read at the start.
  await running.call('puppet', { steps: [{ exit: 1 }] })
  const done = [{ write: '{"jsonrpc":"2.0","id":$ID,"result":{"content":[]}}' }]
  expect((await running.call('puppet', { steps: done })).result).toEqual({ content: [] })
  await running.request('tools/list')
  expect(existsSync(folder.file('started'))).toBe(false)
})
