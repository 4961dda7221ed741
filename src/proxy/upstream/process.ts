/**
 * One child process of an upstream: start, lines in and out, stderr, end. Knows nothing of MCP.
 *
 * On POSIX the child leads a process group of its own, which ends with it: launchers such as `npx` leave
 * grandchildren otherwise. It follows that a Ctrl-C in the terminal does not reach it: whoever started it
 * stops it. When the guard itself is killed, the child reads the end of its stdin, on which MCP servers end.
 */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { Timers } from '../../model/port.ts'
import { lineReader, type CutLine } from '../frame.ts'
import { childEnvironment } from './environment.ts'
import { processGroup, type ProcessGroup } from './group.ts'
import { stderrReader } from './stderr.ts'

/** How to start an upstream, as `mcp.json` says it. */
export interface LaunchLine {
  readonly server: string
  readonly command: string
  readonly args: readonly string[]
  /** Given to the child on top of what a program needs to start. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd?: string
}

/** How a process ended. `error` says why it could not be started, `lost` what ended that is no process. */
export interface Exit {
  readonly code: number | null
  readonly signal: string | null
  readonly error?: string
  readonly lost?: string
}

/** None of these may throw; none is called before `startProcess` has returned. */
export interface UpstreamEvents {
  /** One line of the child's stdout, without its newline. */
  onLine(line: Buffer): void
  /** One line of the child's stderr, cut and escaped; or, with their number, word of lines that were dropped. */
  onStderr(text: string, dropped: number): void
  /** A line of stdout was over the cap and was dropped. */
  onTooLong(bytes: number, cut: CutLine): void
  /** Exactly once, after the last line. */
  onExit(exit: Exit): void
}

export interface UpstreamProcess {
  readonly pid: number | undefined
  /** Sends one frame (without newline); false when it cannot be taken: ended, or too much is queued. */
  send(frame: string): boolean
  /**
   * Closes stdin; after `graceMs` (default 1,000) ends the whole process group with SIGTERM, after as long again
   * with SIGKILL. Resolves when the child is gone and reported.
   */
  stop(graceMs?: number): Promise<void>
}

export interface ProcessOptions {
  readonly timers?: Timers
  /** Longest line of stdout, in bytes. */
  readonly maxLineBytes?: number
}

/** Longest line that an upstream may answer with, in bytes. */
export const ANSWER_MAX_BYTES: number = 32 * 1024 * 1024
/** What may wait for a child that does not read, in bytes. */
export const QUEUE_MAX_BYTES: number = 64 * 1024 * 1024
const GRACE_MS = 1000

/** Never throws: a command that cannot be started is an `onExit` with its error. */
export function startProcess(
  launch: LaunchLine,
  events: UpstreamEvents,
  base: NodeJS.ProcessEnv = process.env,
  options: ProcessOptions = {},
): UpstreamProcess {
  const ended = Promise.withResolvers<void>()
  const fail = (error: unknown): void => {
    events.onExit({ code: null, signal: null, error: startError(launch, error) })
    ended.resolve()
  }
  try {
    const child = spawn(launch.command, launch.args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      shell: false,
      detached: process.platform !== 'win32',
      windowsHide: true,
      env: childEnvironment(launch.env, base),
      ...(launch.cwd === undefined ? {} : { cwd: launch.cwd }),
    })
    if (child.pid !== undefined) return new Child(child, child.pid, events, options)
    child.once('error', fail)
  } catch (error) {
    // A NUL in an argument, an empty command: spawn refuses these at once.
    setImmediate(() => fail(error))
  }
  return { pid: undefined, send: () => false, stop: () => ended.promise }
}

class Child implements UpstreamProcess {
  readonly pid: number
  readonly #child: ChildProcessWithoutNullStreams
  readonly #events: UpstreamEvents
  readonly #timers: Timers
  readonly #group: ProcessGroup
  readonly #reported = Promise.withResolvers<void>()
  readonly #endOfOutput: () => void
  #exit: Exit | undefined
  #isReported = false
  #groupEnded: Promise<void> | undefined
  #stopping: Promise<void> | undefined
  /** Frames of this turn, not yet handed to the stream. */
  #frames = ''
  #framesBytes = 0
  /** Bytes of all frames that the system has not taken. */
  #queued = 0

  constructor(
    child: ChildProcessWithoutNullStreams,
    pid: number,
    events: UpstreamEvents,
    options: ProcessOptions,
  ) {
    this.pid = pid
    this.#child = child
    this.#events = events
    this.#timers = options.timers ?? realTimers
    this.#group = processGroup(child, pid, this.#timers)
    const lines = lineReader({
      maxBytes: options.maxLineBytes ?? ANSWER_MAX_BYTES,
      onLine: (line) => events.onLine(line),
      onTooLong: (bytes, cut) => events.onTooLong(bytes, cut),
    })
    const stderr = stderrReader(this.#timers, (text, dropped) => events.onStderr(text, dropped))
    this.#endOfOutput = () => {
      lines.end()
      stderr.end()
    }
    child.stdout.on('data', (chunk: Buffer) => lines.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
    // A child that closes a pipe can no longer be spoken with: it is ended, and its exit tells the rest.
    child.stdin.on('error', () => void this.stop())
    child.stdout.on('error', () => void this.stop())
    child.stdout.once('end', () => void this.stop())
    child.stderr.on('error', () => undefined)
    // It did start: this is word of a signal that could not be sent.
    child.on('error', () => undefined)
    child.once('exit', (code, signal) => this.#onExit({ code, signal }))
    child.once('close', () => this.#report())
  }

  send(frame: string): boolean {
    if (this.#exit !== undefined || this.#stopping !== undefined) return false
    const bytes = Buffer.byteLength(frame) + 1
    if (this.#queued + bytes > QUEUE_MAX_BYTES) return false
    // One write for all that is sent in one turn: after the promises of this turn, before any other work.
    if (this.#framesBytes === 0) process.nextTick(() => this.#flush())
    this.#frames += `${frame}\n`
    this.#framesBytes += bytes
    this.#queued += bytes
    return true
  }

  stop(graceMs: number = GRACE_MS): Promise<void> {
    this.#stopping ??= this.#stop(graceMs)
    return this.#stopping
  }

  #flush(): void {
    const bytes = this.#framesBytes
    if (bytes === 0) return
    const frames = this.#frames
    this.#frames = ''
    this.#framesBytes = 0
    this.#child.stdin.write(frames, () => {
      this.#queued -= bytes
    })
  }

  async #stop(graceMs: number): Promise<void> {
    if (this.#exit === undefined) {
      this.#flush()
      this.#child.stdin.end()
      const takeBack = this.#timers.after(graceMs, () => {
        this.#groupEnded ??= this.#group.end(graceMs)
      })
      await this.#reported.promise
      takeBack()
    }
    await this.#reported.promise
    await this.#groupEnded
  }

  /**
   * What the child wrote last is read until its pipes close. Whoever else holds them open ends with the group; and who
   * left the group holds up the report no longer than the grace.
   */
  #onExit(exit: Exit): void {
    this.#exit = exit
    this.#groupEnded ??= this.#group.end(GRACE_MS)
    void this.#groupEnded.then(() => this.#timers.after(GRACE_MS, () => this.#report()))
  }

  #report(): void {
    if (this.#isReported || this.#exit === undefined) return
    this.#isReported = true
    this.#endOfOutput()
    this.#child.stdin.destroy()
    this.#child.stdout.destroy()
    this.#child.stderr.destroy()
    this.#events.onExit(this.#exit)
    this.#reported.resolve()
  }
}

const realTimers: Timers = {
  after: (ms, action) => {
    const timer = setTimeout(action, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
}

/** What a person can do about a command that does not start. */
function startError(launch: LaunchLine, error: unknown): string {
  const what = `cannot start \`${launch.command}\``
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (launch.cwd !== undefined && code === 'ENOENT' && !existsSync(launch.cwd)) {
    return `${what}: its folder \`${launch.cwd}\` does not exist`
  }
  if (code === 'ENOENT') return `${what}: no such command; name its path, or put it on the PATH`
  if (code === 'EACCES') return `${what}: it may not be executed; check its permissions`
  return `${what}: ${error instanceof Error ? error.message : String(error)}`
}
