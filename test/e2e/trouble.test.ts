/** Upstreams that break: a clear refusal, an entry in the record, a line in the operational log, and the others live on. */
import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { puppet, received, toolsNamed } from './folder.ts'
import { type Frame, type GuardProcess, GuardPool, LITTLE_PATIENCE_MS, reasonOf } from './guard.ts'

const pool = new GuardPool()
afterAll(() => pool.close())

const PUPPET = { results: { 'tools/list': toolsNamed('puppet') } }
const GOOD = {
  results: {
    'tools/list': toolsNamed('say'),
    'tools/call': '{"content":[{"type":"text","text":"fine"}]}',
  },
}
const DONE = { write: '{"jsonrpc":"2.0","id":$ID,"result":{"content":[]}}' }

/** The other upstream of the same guard still answers, and stdout still holds nothing but protocol. */
async function othersLiveOn(guard: GuardProcess): Promise<void> {
  expect((await guard.call('ok__say')).result?.content?.[0]?.text).toBe('fine')
  expect(guard.junk).toEqual([])
}

function outcomeOf(guard: GuardProcess, reason: string) {
  return guard.folder.record().findLast((entry) => JSON.stringify(entry).includes(`"${reason}"`))
}

describe('while it is called', () => {
  let guard: GuardProcess
  const calls = () =>
    received(guard.folder.path, 'bad').filter(({ message }) => message.method === 'tools/call')
  const call = (steps: readonly object[]): Promise<Frame> => guard.call('bad__puppet', { steps })

  beforeAll(async () => {
    guard = pool.start((path) => ({
      mandate: { tools: { 'bad/*': { effect: 'write' }, 'mute/*': {}, 'ok/say': {} } },
      upstreams: {
        bad: puppet(path, 'bad', PUPPET),
        mute: { ...puppet(path, 'mute', PUPPET), timeout: '300ms' },
        ok: puppet(path, 'ok', GOOD),
      },
      args: ['--max-result', '64KiB'],
    }))
    await guard.open()
  })

  test.each([
    ['ends', [{ exit: 9 }]],
    [
      'ends with half a frame written',
      [{ bytes: btoa('{"jsonrpc":"2.0","id":1,"resu') }, { exit: 0 }],
    ],
  ])('it %s: the outcome is unknown, and the call is not made again', async (_what, steps) => {
    const before = calls().length
    const refused = await call(steps)
    expect(refused.result?.isError).toBe(true)
    expect(reasonOf(refused)).toBe('outcome_unknown')
    expect(refused.result?.content?.[0]?.text).toMatch(
      /outcome unknown\. Check before you try again/,
    )
    expect(outcomeOf(guard, 'outcome_unknown')).toMatchObject({
      type: 'outcome',
      verdict: { outcome: 'refused', stage: 'forward', reason: 'outcome_unknown' },
    })
    await guard.logged(/"upstream ended"/)
    await othersLiveOn(guard)
    // It is started again for the next call, and what was lost is not sent a second time.
    expect((await call([DONE])).result).toEqual({ content: [] })
    expect(calls()).toHaveLength(before + 2)
  })

  test('it ends while several calls wait: each of them is told', async () => {
    const waiting = ['a', 'b', 'c'].map(() => call([{ heard: 'notifications/never' }]))
    const ending = call([{ exit: 1 }])
    const answers = await Promise.all([...waiting, ending])
    expect(answers.map(reasonOf)).toEqual(Array.from({ length: 4 }, () => 'outcome_unknown'))
    await othersLiveOn(guard)
  })

  test('it writes what is no message: dropped, told, and the answer still arrives', async () => {
    const garbage = [
      { write: 'Server running on stdio' },
      { write: '{"jsonrpc":"1.0","result":{}}' },
      { write: '[{"jsonrpc":"2.0","id":$ID,"result":{"content":[]}}]' },
      { write: '{"jsonrpc":"2.0","result":{},"error":{"code":1,"message":"x"}}' },
      { write: '{"jsonrpc":"2.0","id":null,"id":null,"result":{}}' },
      { bytes: Buffer.from([0x7b, 0xff, 0xfe, 0x0a]).toString('base64') },
    ]
    const answer = await call([
      ...garbage,
      { write: '{"jsonrpc":"2.0","id":$ID,"result":{"content":[],"n":1}}' },
    ])
    expect(answer.result).toEqual({ content: [], n: 1 })
    await guard.event('upstream_garbage')
    await guard.logged(/no message for anybody/)
    expect(guard.frames.some(({ text }) => text.includes('Server running'))).toBe(false)
    await othersLiveOn(guard)
  })

  // The id at either end of a line is taken for the id of an answer, whatever the line is.
  test.each([
    ['ends with the id of the call', '{"level":"info","msg":"calling","id":$ID}'],
    ['begins with the id of the call', '{"id":$ID,"level":"info","msg":"calling"}'],
  ])('it logs to stdout what %s: dropped, and the answer still arrives', async (_what, write) => {
    const done = { write: '{"jsonrpc":"2.0","id":$ID,"result":{"content":[],"n":2}}' }
    expect((await call([{ write }, done])).result).toEqual({ content: [], n: 2 })
  })

  test.each([
    ['has no end that belongs to it', '{"jsonrpc":"2.0","id":$ID,"result":{}'],
    ['is two answers', '{"jsonrpc":"2.0","id":$ID,"result":{},"error":{"code":1,"message":"x"}}'],
    ['has a result that is no object', '{"jsonrpc":"2.0","id":$ID,"result":[]}'],
  ])('its answer %s: the call is refused when it comes', async (_what, write) => {
    const refused = await call([{ write }, { heard: 'notifications/never' }])
    expect(reasonOf(refused)).toBe('output_refused')
    await othersLiveOn(guard)
  })

  test('it answers twice, and answers what nobody asked: the first true answer counts', async () => {
    const id = guard.newId()
    guard.send({
      jsonrpc: '2.0',
      id,
      method: 'tools/call',
      params: {
        name: 'bad__puppet',
        arguments: {
          steps: [
            { write: '{"jsonrpc":"2.0","id":99999,"result":{"content":[],"n":"never asked"}}' },
            {
              write:
                '{"jsonrpc":"2.0","id":"$ID","result":{"content":[],"n":"another type of id"}}',
            },
            { write: '{"jsonrpc":"2.0","id":$ID,"result":{"content":[],"n":"first"}}' },
            { write: '{"jsonrpc":"2.0","id":$ID,"result":{"content":[],"n":"second"}}' },
          ],
        },
      },
    })
    expect((await guard.answer(id)).result).toEqual({ content: [], n: 'first' })
    await othersLiveOn(guard)
    expect(guard.frames.filter((frame) => frame.id === id)).toHaveLength(1)
    expect(guard.frames.some(({ text }) => /never asked|another type|second/.test(text))).toBe(
      false,
    )
    expect(guard.folder.recordText()).toContain('an answer that nobody waits for')
  })

  test('it never answers: refused in time, called off upstream, and what comes late is dropped', async () => {
    const refused = await guard.call('mute__puppet', {
      steps: [
        { heard: 'notifications/cancelled' },
        { write: '{"jsonrpc":"2.0","id":$ID,"result":{"content":[],"n":"late"}}' },
        { stderr: 'answered late\n' },
      ],
    })
    expect(reasonOf(refused)).toBe('upstream_timeout')
    expect(refused.result?.content?.[0]?.text).toMatch(/outcome unknown/)
    expect(outcomeOf(guard, 'upstream_timeout')).toMatchObject({
      verdict: { stage: 'forward', reason: 'upstream_timeout' },
    })
    await guard.logged(/answered late/)
    await othersLiveOn(guard)
    expect(guard.frames.some(({ text }) => text.includes('"late"'))).toBe(false)
  })

  test('its result is over the limit: withheld, and said to have happened', async () => {
    const refused = await call([
      { bytes: btoa('{"jsonrpc":"2.0","result":{"content":[{"type":"text","text":"') },
      { repeat: 'A', times: 70_000 },
      { write: '"}]},"id":$ID}' },
    ])
    expect(reasonOf(refused)).toBe('output_refused')
    expect(refused.result?.content?.[0]?.text).toMatch(/^The call was made/)
    expect(refused.text).not.toContain('AAAA')
    expect(outcomeOf(guard, 'output_refused')).toMatchObject({ verdict: { stage: 'screen' } })
    await othersLiveOn(guard)
  })

  test('its line is over what the guard holds: dropped as it comes, and its call is refused', async () => {
    const refused = await call([
      { bytes: btoa('{"jsonrpc":"2.0","result":{"content":[{"type":"text","text":"') },
      { repeat: 'A'.repeat(1024), times: 33 * 1024 },
      { write: '"}]},"id":$ID}' },
    ])
    expect(reasonOf(refused)).toBe('output_refused')
    expect(outcomeOf(guard, 'output_refused')).toMatchObject({ type: 'outcome' })
    await othersLiveOn(guard)
  })

  test('it floods stderr: limited, and the call is answered', async () => {
    const before = guard.stderr.length
    const line = `${'flood '.repeat(100)}\n`
    expect((await call([{ stderr: line, times: 20_000 }, DONE])).result).toEqual({ content: [] })
    await othersLiveOn(guard)
    expect(guard.stderr.length - before).toBeLessThan(1_000_000)
  })
})

describe('when it starts', () => {
  test('it ends, is no command, or says nothing: its tools are unavailable and the rest is served', async () => {
    const guard = pool.start((path) => ({
      mandate: { tools: { 'crash/say': {}, 'none/say': {}, 'silent/say': {}, 'ok/say': {} } },
      upstreams: {
        crash: puppet(path, 'crash', { start: [{ stderr: 'no config\n' }, { exit: 3 }] }),
        none: { command: '/no/such/command' },
        silent: puppet(path, 'silent', { on: { initialize: [], 'server/discover': [] } }),
        ok: puppet(path, 'ok', GOOD),
      },
      args: ['--start-timeout', '2s'],
    }))
    await guard.open()
    const list = await guard.request('tools/list')
    expect(list.result?.tools?.map(({ name }) => name)).toEqual(['ok__say'])
    await othersLiveOn(guard)
    for (const server of ['crash', 'none', 'silent']) {
      const refused = await guard.call(`${server}__say`)
      expect(reasonOf(refused)).toBe('upstream_unavailable')
      expect(refused.result?.content?.[0]?.text).toMatch(/not available; the call was not made/)
      expect(refused.text).not.toContain('such/command')
      await guard.logged(new RegExp(`"server":"${server}","why"`))
      await guard.entry(
        ({ event, facts }) =>
          event === 'upstream_failed' && (facts as { server: string }).server === server,
      )
    }
    await guard.logged(/no config/)
    await guard.logged(/no such command; name its path, or put it on the PATH/)
    // What no grant names is unknown, whether its upstream is up or down.
    expect(reasonOf(await guard.call('crash__other'))).toBe('unknown_tool')
    await othersLiveOn(guard)
  })

  test('it is slow: the agent waits for it, and the call is answered', async () => {
    const guard = pool.start((path) => ({
      mandate: { tools: { 'slow/say': {}, 'ok/say': {} } },
      upstreams: {
        slow: puppet(path, 'slow', { ...GOOD, start: [{ file: `${path}/go` }] }),
        ok: puppet(path, 'ok', GOOD),
      },
    }))
    const opening = guard.open()
    const call = guard.call('slow__say')
    await guard.event('upstream_ready')
    writeFileSync(guard.folder.file('go'), '')
    await opening
    expect((await call).result?.content?.[0]?.text).toBe('fine')
    const list = await guard.request('tools/list')
    expect(list.result?.tools?.map(({ name }) => name)).toEqual(['slow__say', 'ok__say'])
  })

  test('it writes garbage first: the handshake goes on', async () => {
    const guard = pool.start((path) => ({
      mandate: { tools: { 'noisy/say': {} } },
      upstreams: {
        noisy: puppet(path, 'noisy', {
          ...GOOD,
          start: [{ write: 'Welcome!' }, { write: '' }, { write: '{' }],
        }),
      },
    }))
    await guard.open()
    expect((await guard.call('say')).result?.content?.[0]?.text).toBe('fine')
    await guard.event('upstream_garbage')
  })

  test('it lists without an end, or lists no list: its tools are unavailable', async () => {
    const guard = pool.start((path) => ({
      mandate: { tools: { 'endless/say': {}, 'odd/say': {}, 'ok/say': {} } },
      upstreams: {
        endless: puppet(path, 'endless', {
          results: { 'tools/list': '{"tools":[],"nextCursor":"again"}' },
        }),
        odd: puppet(path, 'odd', { results: { 'tools/list': '{"tools":{"say":{}}}' } }),
        ok: puppet(path, 'ok', GOOD),
      },
    }))
    await guard.open()
    expect(reasonOf(await guard.call('endless__say'))).toBe('upstream_unavailable')
    expect(reasonOf(await guard.call('odd__say'))).toBe('unknown_tool')
    const pages = received(guard.folder.path, 'endless').filter(
      ({ message }) => message.method === 'tools/list',
    )
    expect(pages.length).toBeLessThan(10)
    await othersLiveOn(guard)
  })
})

test('--call-timeout is how long any upstream may take', async () => {
  const guard = pool.start((path) => ({
    mandate: { tools: { 'p/puppet': {} } },
    upstreams: { p: puppet(path, 'p', PUPPET) },
    args: ['--call-timeout', '250ms'],
  }))
  await guard.open()
  const refused = await guard.call('puppet', { steps: [{ heard: 'notifications/never' }] })
  expect(reasonOf(refused)).toBe('upstream_timeout')
})

test('the operational log goes to a file where one is named, and stderr stays quiet', async () => {
  const guard = pool.start((path) => ({
    mandate: { tools: { 'p/puppet': {} } },
    upstreams: { p: puppet(path, 'p', PUPPET) },
    args: ['--log-file', `${path}/logs/guard.log`],
  }))
  await guard.open()
  await guard.call('puppet', { steps: [{ stderr: 'a word\n' }, { write: 'garbage' }, DONE] })
  await guard.close()
  expect(guard.stderr).toBe('')
  const log = readFileSync(guard.folder.file('logs/guard.log'), 'utf8')
  expect(log).toMatch(/a word/)
  expect(log).toMatch(/no message for anybody/)
})

describe('a client that does not look at the guard’s stderr', () => {
  const flood = (times: number) => [{ stderr: `${'flood '.repeat(300)}\n`, times }, DONE]
  const unheard = () =>
    pool.launch(
      pool.folder((path) => ({
        mandate: { tools: { 'p/puppet': {} } },
        upstreams: { p: puppet(path, 'p', PUPPET) },
      })),
      { readStderr: false },
    )

  test('and closes it: the guard goes on', async () => {
    const guard = unheard()
    await guard.open()
    guard.child.stderr.destroy()
    expect((await guard.call('puppet', { steps: flood(50) })).result).toEqual({ content: [] })
    expect((await guard.call('puppet', { steps: [DONE] })).result).toEqual({ content: [] })
    expect(await guard.close()).toEqual({ code: 0, signal: null })
  })

  // The operational log is written synchronously: once the pipe is full, the whole guard waits for its reader.
  test('and leaves it full: the guard goes on', async () => {
    const guard = unheard()
    try {
      await guard.open()
      guard.patienceMs = LITTLE_PATIENCE_MS
      for (let n = 0; n < 3; n += 1) {
        expect((await guard.call('puppet', { steps: flood(300) })).result).toEqual({ content: [] })
      }
    } finally {
      guard.child.kill('SIGKILL')
    }
  })
})
