/** However the guard ends, its upstreams end with it, and what was under way is on record. */
import { spawn } from 'node:child_process'
import { afterAll, describe, expect, test } from 'vitest'
import { npmServer, puppet, type Setup, toolsNamed } from './folder.ts'
import { type GuardProcess, GuardPool, isAlive, pidsOf } from './guard.ts'

const pool = new GuardPool()
afterAll(() => pool.close())

/** Two upstreams; a stubborn one ignores the end of its input and SIGTERM, which costs the guard's whole patience. */
function setup(path: string, stubborn = false): Setup {
  const results = { 'tools/list': toolsNamed('puppet') }
  return {
    mandate: { tools: { 'kind/puppet': { effect: 'write' }, 'other/puppet': {} } },
    upstreams: {
      kind: puppet(path, 'kind', { results }),
      other: puppet(path, 'other', { results, stubborn }),
    },
  }
}

/** A guard with both upstreams up and one call under way. */
async function busy(stubborn = false): Promise<GuardProcess> {
  const guard = pool.start((path) => setup(path, stubborn))
  await guard.open()
  guard.send({
    jsonrpc: '2.0',
    id: 'held',
    method: 'tools/call',
    params: {
      name: 'kind__puppet',
      arguments: { steps: [{ stderr: 'holding\n' }, { heard: 'notifications/never' }] },
    },
  })
  await guard.logged(/holding/)
  return guard
}

/** Resolves when the process is gone; rejects when it stays. */
function gone(pid: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      clearInterval(poll)
      reject(new Error(`${pid} is still there`))
    }, 10_000)
    const poll = setInterval(() => {
      if (isAlive(pid)) return
      clearTimeout(timer)
      clearInterval(poll)
      resolve()
    }, 10)
  })
}

/** The call under way has an outcome, and the guard said that it stopped. */
function settledRecord(guard: GuardProcess): void {
  const record = guard.folder.record()
  const intent = record.find(({ type }) => type === 'intent')
  const outcome = record.find(({ type, call }) => type === 'outcome' && call === intent?.['call'])
  expect(outcome?.['verdict']).toMatchObject({ outcome: 'refused', reason: 'outcome_unknown' })
  expect(record.at(-1)).toMatchObject({ type: 'event', event: 'guard_stopped' })
}

describe('the upstreams end and the call under way is recorded', () => {
  test('when the agent closes its end, also an upstream that would rather stay', async () => {
    const guard = await busy(true)
    const pids = pidsOf(guard.folder)
    expect(pids).toHaveLength(2)
    expect(await guard.close()).toEqual({ code: 0, signal: null })
    expect(pids.filter(isAlive)).toEqual([])
    settledRecord(guard)
    expect(guard.junk).toEqual([])
  })

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('at %s', async (signal) => {
    const guard = await busy()
    const pids = pidsOf(guard.folder)
    guard.child.kill(signal)
    expect(await guard.end()).toEqual({ code: 0, signal: null })
    expect(pids.filter(isAlive)).toEqual([])
    settledRecord(guard)
  })

  test('when the agent is killed', async () => {
    const folder = pool.folder((path) => setup(path, true))
    const { command, args, cwd } = folder.launch
    // Stands in for the agent: starts the guard on pipes of its own, opens it, and holds on.
    const agent = spawn(process.execPath, ['--input-type=module', '-e', AGENT, command, ...args], {
      cwd,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const guardPid = await new Promise<number>((resolve) => {
      let text = ''
      agent.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString('utf8')
        const told = /guard (\d+) is open\n/.exec(text)
        if (told) resolve(Number(told[1]))
      })
    })
    const pids = pidsOf(folder)
    expect(pids).toHaveLength(2)
    agent.kill('SIGKILL')
    await Promise.all([guardPid, ...pids].map(gone))
    expect(folder.record().at(-1)).toMatchObject({ event: 'guard_stopped' })
  })
})

const AGENT = `
import { spawn } from 'node:child_process'
const [command, ...args] = process.argv.slice(1)
const guard = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'] })
guard.stdin.write('{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"a","version":"1"}}}\\n')
guard.stdout.once('data', () => process.stdout.write('guard ' + guard.pid + ' is open\\n'))
`

test('when its stdin is closed before anything was said, the guard ends', async () => {
  const guard = pool.start((path) => setup(path))
  expect(await guard.close()).toEqual({ code: 0, signal: null })
  expect(guard.frames).toEqual([])
  expect(guard.folder.record().at(-1)).toMatchObject({ event: 'guard_stopped' })
})

test('when nobody reads its answers any more, the guard ends', async () => {
  const guard = await busy()
  const pids = pidsOf(guard.folder)
  guard.child.stdout.destroy()
  for (let n = 0; n < 3; n += 1) guard.notify('notifications/cancelled', { requestId: 'none' })
  guard.send({ jsonrpc: '2.0', id: 'unheard', method: 'ping' })
  expect(await guard.end()).toEqual({ code: 0, signal: null })
  expect(pids.filter(isAlive)).toEqual([])
})

test('a second signal leaves no upstream behind either', async () => {
  const guard = await busy(true)
  const pids = pidsOf(guard.folder)
  try {
    guard.child.kill('SIGTERM')
    await guard.logged(/"stays"/)
    guard.child.kill('SIGTERM')
    await guard.end()
    expect(pids.filter(isAlive)).toEqual([])
  } finally {
    for (const pid of pids.filter(isAlive)) process.kill(pid, 'SIGKILL')
  }
})

test.skipIf(process.platform === 'win32')(
  'what an upstream started and let go of is waited for, and ends (no process groups on Windows)',
  async () => {
    const guard = pool.start(() => {
      const forever = "process.on('SIGTERM', () => {}); setInterval(() => {}, 60000)"
      const server = `
        const { spawn } = require('node:child_process')
        const child = spawn(process.execPath, ['-e', ${JSON.stringify(forever)}], { stdio: 'ignore' })
        process.stderr.write('started ' + child.pid + '\\n')
        process.stdin.resume().on('end', () => process.exit(0))`
      return {
        mandate: { tools: { 'p/puppet': {} } },
        upstreams: { p: { command: process.execPath, args: ['-e', server] } },
      }
    })
    const [, pid] = /started (\d+)/.exec(await guard.logged(/started \d+/)) ?? []
    expect(isAlive(Number(pid))).toBe(true)
    expect(await guard.close()).toEqual({ code: 0, signal: null })
    expect(guard.folder.record().at(-1)).toMatchObject({ event: 'guard_stopped' })
    await gone(Number(pid))
  },
)

test('the guard itself is killed: real servers read the end of their input and end', async () => {
  const guard = pool.start(() => ({
    mandate: { tools: { 'memory/read_graph': {} } },
    upstreams: { memory: npmServer('memory') },
  }))
  await guard.open()
  await guard.call('read_graph')
  const pids = pidsOf(guard.folder)
  guard.child.kill('SIGKILL')
  expect(await guard.end()).toEqual({ code: null, signal: 'SIGKILL' })
  await Promise.all(pids.map(gone))
  // What was recorded before is whole, and stays so for whoever reads it later.
  expect(guard.folder.record().filter(({ type }) => type === 'outcome')).toHaveLength(1)
})

test('a killed guard leaves an intent without an outcome: the call is unsettled, and that is on record', async () => {
  const guard = pool.start((path) => ({
    mandate: { tools: { 'p/puppet': { effect: 'write' } } },
    upstreams: { p: puppet(path, 'p', { results: { 'tools/list': toolsNamed('puppet') } }) },
  }))
  await guard.open()
  void guard
    .call('puppet', { steps: [{ stderr: 'holding\n' }, { heard: 'notifications/never' }] })
    .catch(() => undefined)
  await guard.logged(/holding/)
  const pids = pidsOf(guard.folder)
  guard.child.kill('SIGKILL')
  await guard.end()
  await Promise.all(pids.map(gone))
  const types = guard.folder.record().map(({ type }) => type)
  expect(types.filter((type) => type === 'intent')).toHaveLength(1)
  expect(types).not.toContain('outcome')
})

test('after the guard was told to stop nothing more reaches an upstream', async () => {
  const guard = await busy()
  const before = guard.frames.length
  guard.child.kill('SIGTERM')
  for (let n = 0; n < 20; n += 1) {
    guard.send({
      jsonrpc: '2.0',
      id: `late ${n}`,
      method: 'tools/call',
      params: { name: 'other__puppet', arguments: { steps: [{ stderr: 'late call\n' }] } },
    })
  }
  await guard.end()
  const answers = guard.frames.slice(before)
  expect(answers.filter(({ result }) => result !== undefined && result.isError !== true)).toEqual(
    [],
  )
  expect(pidsOf(guard.folder).filter(isAlive)).toEqual([])
})
