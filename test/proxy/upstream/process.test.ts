/** Child processes of upstreams, with real ones: nothing they do may hurt the guard, and they end with it. */
import { randomUUID } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  QUEUE_MAX_BYTES,
  startProcess,
  type Exit,
  type LaunchLine,
  type ProcessOptions,
  type UpstreamProcess,
} from '../../../src/proxy/upstream/process.ts'
import { fakeClock } from '../../fakes/clock.ts'
import { fakeLaunch } from '../../fakes/servers/launch.ts'

let folder = ''
const started: Running[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'chaperone-process-'))
})
afterEach(async () => {
  await Promise.all(started.splice(0).map((running) => running.process.stop(0)))
  rmSync(folder, { recursive: true, force: true })
})

interface Running {
  readonly process: UpstreamProcess
  readonly lines: string[]
  readonly stderr: { readonly text: string; readonly dropped: number }[]
  readonly tooLong: number[]
  readonly exits: Exit[]
  readonly exit: Promise<Exit>
  /** The next line of stdout that was not asked for yet. */
  line(): Promise<string>
  /** Resolves once stderr had a line with this text. */
  said(text: string): Promise<void>
}

function start(
  launch: LaunchLine,
  base?: NodeJS.ProcessEnv,
  options: ProcessOptions = {},
): Running {
  const lines: string[] = []
  const stderr: Running['stderr'] = []
  const tooLong: number[] = []
  const exits: Exit[] = []
  const exit = Promise.withResolvers<Exit>()
  let taken = 0
  let changed = Promise.withResolvers<void>()
  const change = (): void => {
    changed.resolve()
    changed = Promise.withResolvers()
  }
  const child = startProcess(
    launch,
    {
      onLine: (line) => {
        expect(exits).toEqual([])
        lines.push(line.toString('utf8'))
        change()
      },
      onStderr: (text, dropped) => {
        stderr.push({ text, dropped })
        change()
      },
      onTooLong: (bytes) => {
        tooLong.push(bytes)
        change()
      },
      onExit: (how) => {
        exits.push(how)
        exit.resolve(how)
      },
    },
    base,
    options,
  )
  const running: Running = {
    process: child,
    lines,
    stderr,
    tooLong,
    exits,
    exit: exit.promise,
    line: async () => {
      while (lines.length <= taken) await changed.promise
      taken += 1
      return lines[taken - 1] ?? ''
    },
    said: async (text) => {
      while (!stderr.some((line) => line.text.includes(text))) await changed.promise
    },
  }
  started.push(running)
  return running
}

function program(source: string, more: Partial<LaunchLine> = {}): LaunchLine {
  return { server: 'p', command: process.execPath, args: ['-e', source], env: {}, ...more }
}

const call = (id: number, name: string, args: object = {}): string =>
  JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args } })

async function fileText(file: string): Promise<string> {
  const came = Promise.withResolvers<void>()
  const watcher = watch(folder, () => {
    if (existsSync(file) && readFileSync(file, 'utf8') !== '') came.resolve()
  })
  if (existsSync(file) && readFileSync(file, 'utf8') !== '') came.resolve()
  await came.promise
  watcher.close()
  return readFileSync(file, 'utf8')
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0)
    // A zombie has ended: nobody has collected it yet.
    return !/^State:\s+Z/m.test(statusOf(pid))
  } catch {
    return false
  }
}

/** A killed process is gone a moment after it was killed. */
async function death(pid: number): Promise<void> {
  while (lives(pid)) await new Promise(setImmediate)
}

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8')
  } catch {
    return ''
  }
}

describe('frames', () => {
  it('go in and come out', async () => {
    const running = start(fakeLaunch('a'))
    expect(running.process.pid).toBeTypeOf('number')
    expect(running.process.send(call(1, 'echo', { text: 'é\u{2028}😀' }))).toBe(true)
    expect(JSON.parse(await running.line())).toMatchObject({ id: 1 })
    expect(running.lines[0]).toContain('é\u{2028}😀')
  })

  it('of one turn are one write, those sent by its promises too', async () => {
    const running = start(fakeLaunch('a'))
    // Only the stream itself knows how often it was written to: a pipe shows its reader no seams.
    const written = vi.spyOn(Socket.prototype, 'write')
    for (let id = 0; id < 64; id += 1) running.process.send(call(id, 'echo'))
    await Promise.resolve()
    running.process.send(call(64, 'echo'))
    await new Promise(setImmediate)
    const writes = written.mock.calls.filter(([frames]) => String(frames).startsWith('{"jsonrpc"'))
    written.mockRestore()
    expect(writes).toHaveLength(1)
    for (let id = 0; id <= 64; id += 1)
      expect(JSON.parse(await running.line())).toMatchObject({ id })
  })

  it('keep their order over many turns', async () => {
    const running = start(fakeLaunch('a'))
    for (let id = 0; id < 200; id += 1) {
      running.process.send(call(id, 'echo'))
      if (id % 7 === 0) await new Promise(setImmediate)
    }
    for (let id = 0; id < 200; id += 1)
      expect(JSON.parse(await running.line())).toMatchObject({ id })
  })

  it('are refused once too much waits for a child that does not read', async () => {
    const running = start(program('setInterval(() => {}, 1000)'))
    const frame = 'x'.repeat(1024 * 1024)
    let taken = 0
    while (running.process.send(frame)) taken += 1
    expect(taken).toBe(Math.floor(QUEUE_MAX_BYTES / (frame.length + 1)))
    await new Promise(setImmediate)
    expect(running.process.send(frame.repeat(2))).toBe(false)
  })

  it('are taken again when the child has read them', async () => {
    const gate = join(folder, 'gate')
    const running = start(
      program(`
        const fs = require('node:fs')
        const watcher = fs.watch(${JSON.stringify(folder)}, () => {
          watcher.close()
          let bytes = 0
          process.stdin.on('data', (c) => { bytes += c.length; if (bytes >= 60 * 1024 * 1024) process.stdout.write('read\\n') })
        })
        process.stdout.write('ready\\n')`),
    )
    expect(await running.line()).toBe('ready')
    const frame = 'x'.repeat(60 * 1024 * 1024)
    expect(running.process.send(frame)).toBe(true)
    expect(running.process.send(frame)).toBe(false)
    writeFileSync(gate, '')
    expect(await running.line()).toBe('read')
    await new Promise(setImmediate)
    expect(running.process.send(frame)).toBe(true)
  })

  it('over the cap are dropped and the next one is read', async () => {
    const running = start(fakeLaunch('a', ['--tools', 'huge,echo']), undefined, {
      maxLineBytes: 1024 * 1024,
    })
    running.process.send(call(1, 'huge'))
    running.process.send(call(2, 'echo'))
    expect(JSON.parse(await running.line())).toMatchObject({ id: 2 })
    expect(running.tooLong).toHaveLength(1)
    expect(running.tooLong[0]).toBeGreaterThan(12 * 1024 * 1024)
  })

  it('of 12 MB pass under the ordinary cap', async () => {
    const running = start(fakeLaunch('a', ['--tools', 'huge']))
    running.process.send(call(1, 'huge'))
    expect((await running.line()).length).toBeGreaterThan(12 * 1024 * 1024)
  })
})

describe('the end', () => {
  it.each([
    ['crash', { code: 7, signal: null }],
    ['kill', { code: null, signal: 'SIGKILL' }],
    ['half', { code: 0, signal: null }],
  ])('by %s is reported once, and half a frame is no line', async (tool, exit) => {
    const running = start(fakeLaunch('a', ['--tools', tool]))
    running.process.send(call(1, tool))
    expect(await running.exit).toEqual(exit)
    await running.process.stop()
    expect(running.exits).toHaveLength(1)
    expect(running.lines).toEqual([])
    expect(running.process.send(call(2, tool))).toBe(false)
  })

  it('comes after the last answer', async () => {
    const running = start(fakeLaunch('a', ['--tools', 'answer_then_crash']))
    running.process.send(call(1, 'answer_then_crash'))
    await running.exit
    expect(running.lines).toHaveLength(1)
  })

  it('comes after all that was written, however much that is', async () => {
    const running = start(
      program(
        `process.stdout.write(('y'.repeat(99) + '\\n').repeat(50000), () => process.exit(4))`,
      ),
    )
    expect(await running.exit).toEqual({ code: 4, signal: null })
    expect(running.lines).toHaveLength(50_000)
  })

  it('on start is an exit with what it said', async () => {
    const running = start(fakeLaunch('a', ['--start', 'crash']))
    expect(await running.exit).toEqual({ code: 3, signal: null })
    expect(running.stderr).toEqual([{ text: 'the fake crashes on start', dropped: 0 }])
  })

  it('of a child while frames are sent to it hurts nobody', async () => {
    const running = start(fakeLaunch('a', ['--start', 'crash']))
    const frame = 'x'.repeat(100_000)
    const alive = (): boolean => running.exits.length === 0
    while (alive()) {
      running.process.send(frame)
      await new Promise(setImmediate)
    }
    expect(running.exits).toHaveLength(1)
  })

  it('of its stdin ends the child: it could not be asked any more', async () => {
    const clock = fakeClock('2026-11-24T10:00:00Z')
    const running = start(
      program(
        `require('node:fs').closeSync(0); setInterval(() => {}, 1000); process.stdout.write('closed\\n')`,
      ),
      undefined,
      { timers: clock },
    )
    await running.line()
    while (running.process.send('x'.repeat(100_000))) await new Promise(setImmediate)
    clock.advance(1000)
    expect(await running.exit).toEqual({ code: null, signal: 'SIGTERM' })
    clock.advance(25)
  })

  it('of its stdout ends the child: it could not answer any more', async () => {
    const running = start(fakeLaunch('a', ['--tools', 'close_stdout']))
    running.process.send(call(1, 'close_stdout'))
    expect(await running.exit).toEqual({ code: 0, signal: null })
  })
})

describe('a command that cannot be started is an exit with a remedy', () => {
  const none: LaunchLine = { server: 'a', command: 'chaperone-no-such-command', args: [], env: {} }

  it('when there is none', async () => {
    const running = start(none)
    expect(running.process.pid).toBeUndefined()
    expect(running.process.send('x')).toBe(false)
    expect(running.exits).toEqual([])
    expect(await running.exit).toEqual({
      code: null,
      signal: null,
      error:
        'cannot start `chaperone-no-such-command`: no such command; name its path, or put it on the PATH',
    })
    await running.process.stop()
    expect(running.exits).toHaveLength(1)
  })

  it('when it may not be executed', async () => {
    const command = join(folder, 'plain.txt')
    writeFileSync(command, 'text', { mode: 0o644 })
    expect((await start({ ...none, command }).exit).error).toBe(
      `cannot start \`${command}\`: it may not be executed; check its permissions`,
    )
  })

  it('when its folder is missing', async () => {
    const cwd = join(folder, 'gone')
    expect((await start(program('', { cwd })).exit).error).toBe(
      `cannot start \`${process.execPath}\`: its folder \`${cwd}\` does not exist`,
    )
  })

  it.each([{ command: '' }, { command: 'a\0b' }, { args: ['a\0b'] }, { env: { A: 'a\0b' } }])(
    'when spawn itself refuses it: %j',
    async (more) => {
      const running = start({ ...none, ...more })
      expect((await running.exit).error).toMatch(/^cannot start `/)
      await running.process.stop()
      expect(running.exits).toHaveLength(1)
    },
  )
})

describe('the environment', () => {
  it('is an allow-list and the launch line, never the whole of the guard', async () => {
    const secret = randomUUID()
    const file = join(folder, 'env')
    const launch = fakeLaunch('a', ['--env', file])
    const running = start(
      { ...launch, env: { OWN: 'given', LANG: 'own' } },
      { ...process.env, PLANTED_SECRET: secret, NODE_OPTIONS: '', LC_ALL: 'C', LANG: 'base' },
    )
    running.process.send(call(1, 'echo'))
    await running.line()
    const text = readFileSync(file, 'utf8')
    expect(text).not.toContain(secret)
    const seen = JSON.parse(text) as Record<string, string>
    expect(seen).toMatchObject({
      OWN: 'given',
      LANG: 'own',
      LC_ALL: 'C',
      PATH: process.env['PATH'],
    })
    expect(seen).not.toHaveProperty('NODE_OPTIONS')
  })

  it('and arguments pass through no shell', async () => {
    const args = ['$HOME', '`id`', '; echo x', '*', '"', "'", '&&', '']
    const running = start(
      program('process.stdout.write(JSON.stringify(process.argv.slice(1)) + "\\n")', {
        args: [
          '-e',
          'process.stdout.write(JSON.stringify(process.argv.slice(1)) + "\\n")',
          ...args,
        ],
      }),
    )
    expect(JSON.parse(await running.line())).toEqual(args)
  })
})

describe('stop', () => {
  it('is the end of stdin to a server that heeds it: no signal', async () => {
    const clock = fakeClock('2026-11-24T10:00:00Z')
    const running = start(fakeLaunch('a'), undefined, { timers: clock })
    running.process.send(call(1, 'echo'))
    await running.line()
    await running.process.stop()
    expect(running.exits).toEqual([{ code: 0, signal: null }])
  })

  it('delivers what was sent before it', async () => {
    const running = start(
      program(
        `let all = ''; process.stdin.on('data', (c) => (all += c)).on('end', () => process.stdout.write(all))`,
      ),
    )
    running.process.send('last words')
    await running.process.stop()
    expect(running.lines).toEqual(['last words'])
  })

  it('is SIGTERM after the grace, and SIGKILL after as long again', async () => {
    const clock = fakeClock('2026-11-24T10:00:00Z')
    const running = start(fakeLaunch('a', ['--ignore-eof', '--ignore-sigterm']), undefined, {
      timers: clock,
    })
    running.process.send(call(1, 'echo'))
    await running.line()
    const stopped = running.process.stop(500)
    expect(running.process.stop()).toBe(stopped)
    expect(running.process.send('x')).toBe(false)
    clock.advance(499)
    clock.advance(1)
    await running.said('SIGTERM ignored')
    expect(running.exits).toEqual([])
    while (running.exits.length === 0) {
      clock.advance(25)
      await new Promise(setImmediate)
    }
    await stopped
    expect(running.exits).toEqual([{ code: null, signal: 'SIGKILL' }])
  })

  it('of a child that heeds SIGTERM needs no more', async () => {
    const clock = fakeClock('2026-11-24T10:00:00Z')
    const running = start(fakeLaunch('a', ['--ignore-eof']), undefined, { timers: clock })
    running.process.send(call(1, 'echo'))
    await running.line()
    const stopped = running.process.stop(500)
    clock.advance(500)
    await running.exit
    clock.advance(25)
    await stopped
    expect(running.exits).toEqual([{ code: null, signal: 'SIGTERM' }])
  })

  it.skipIf(process.platform === 'win32')(
    'ends what the child has started (no process groups on Windows)',
    async () => {
      const file = join(folder, 'grandchild')
      const running = start(fakeLaunch('a', ['--grandchild', file]))
      const pid = Number(await fileText(file))
      expect(lives(pid)).toBe(true)
      await running.process.stop(100)
      await death(pid)
      expect(running.exits).toHaveLength(1)
    },
  )

  it.skipIf(process.platform === 'win32')(
    'is what a crash is for a grandchild that holds the pipes (no process groups on Windows)',
    async () => {
      const clock = fakeClock('2026-11-24T10:00:00Z')
      const file = join(folder, 'grandchild')
      const running = start(
        fakeLaunch('a', ['--grandchild', file, '--tools', 'crash']),
        undefined,
        {
          timers: clock,
        },
      )
      const pid = Number(await fileText(file))
      running.process.send(call(1, 'crash'))
      while (running.exits.length === 0) {
        clock.advance(25)
        await new Promise(setImmediate)
      }
      expect(running.exits).toEqual([{ code: 7, signal: null }])
      await running.process.stop()
      await death(pid)
    },
  )
})

describe('stderr', () => {
  it('is lines, and a flood of them is counted', async () => {
    const clock = fakeClock('2026-11-24T10:00:00Z')
    const running = start(fakeLaunch('a', ['--tools', 'flood_stderr']), undefined, {
      timers: clock,
    })
    running.process.send(call(1, 'flood_stderr', { lines: 100_000 }))
    await running.line()
    await running.process.stop()
    expect(running.stderr).toHaveLength(201)
    expect(running.stderr[0]?.text).toMatch(/^flood 1 x+$/)
    expect(running.stderr.at(-1)?.dropped).toBe(99_800)
  })
})
