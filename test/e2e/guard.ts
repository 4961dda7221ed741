/** The real guard as a process, and a client on raw JSON lines: frames out as they are, frames in with their bytes kept. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { type Entry, type Folder, newFolder, type Setup } from './folder.ts'

/** One line of the guard's stdout. */
export interface Frame {
  /** The line, byte for byte. */
  readonly text: string
  readonly id?: string | number | null
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly result?: ToolResult
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown }
}

/** A result, with the members that tests look at most. */
export interface ToolResult {
  readonly [member: string]: unknown
  readonly content?: readonly { readonly type: string; readonly text?: string }[]
  readonly isError?: boolean
  readonly tools?: readonly { readonly name: string }[]
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** How long a test waits for anything before it fails; nothing ever takes this long when it works. */
const PATIENCE_MS = 40_000
/** How long where a test is known to wait in vain. */
export const LITTLE_PATIENCE_MS = 2000
const POLL_MS = 10

export interface Launching {
  /** A command that starts the guard. */
  readonly wrap?: readonly string[]
  /** False: the client never looks at the guard's stderr. */
  readonly readStderr?: boolean
}

/** A client on raw JSON, however it reaches the guard. */
export abstract class RawGuard {
  readonly folder: Folder
  /** Everything the guard sent, in order. */
  readonly frames: Frame[] = []
  /** What it sent that is no JSON-RPC 2.0 message; a guard sends none. */
  readonly junk: string[] = []
  /** Its operational log. */
  stderr = ''
  patienceMs: number = PATIENCE_MS
  #ended = false
  #rest = ''
  #nextId = 1
  readonly #onChange = new Set<() => void>()

  constructor(folder: Folder) {
    this.folder = folder
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Sends one frame: text as it is, anything else as JSON. */
  send(frame: string | object): void {
    this.write(`${typeof frame === 'string' ? frame : JSON.stringify(frame)}\n`)
  }

  /** Sends bytes as they are; a frame ends with its line. */
  abstract write(bytes: string | Uint8Array): void

  /** The same, and waits until the guard has taken them. */
  abstract push(bytes: string | Uint8Array): Promise<void>

  /** Waits until whatever is answered at once has been. */
  answered(): Promise<void> {
    return Promise.resolve()
  }

  /** Ends the guard as its client does; resolves when it has ended. */
  abstract close(): Promise<Exit>

  /** Sends a request under an id of its own (or the one given) and waits for its answer. */
  request(method: string, params?: object, id: string | number = this.newId()): Promise<Frame> {
    this.send({ jsonrpc: '2.0', id, method, ...(params === undefined ? {} : { params }) })
    return this.answer(id)
  }

  call(name: string, args?: object, id?: string | number): Promise<Frame> {
    return this.request('tools/call', args === undefined ? { name } : { name, arguments: args }, id)
  }

  notify(method: string, params?: object): void {
    this.send({ jsonrpc: '2.0', method, ...(params === undefined ? {} : { params }) })
  }

  newId(): number {
    const id = this.#nextId
    this.#nextId += 1
    return id
  }

  /** The answer with this id, whether it has come already or not. */
  answer(id: string | number | null): Promise<Frame> {
    return this.frame(
      (frame) => frame.method === undefined && frame.id === id,
      `an answer to ${JSON.stringify(id)}`,
    )
  }

  /** The first frame of which this is true. */
  frame(wanted: (frame: Frame) => boolean, what = 'a frame'): Promise<Frame> {
    return this.#until(() => this.frames.find(wanted), what)
  }

  /** The first frame after the first `mark` frames of which this is true. */
  since(mark: number, wanted: (frame: Frame) => boolean, what = 'a frame'): Promise<Frame> {
    return this.#until(() => this.frames.slice(mark).find(wanted), what)
  }

  notification(method: string): Promise<Frame> {
    return this.frame((frame) => frame.method === method, method)
  }

  /** The first line of the operational log that matches. */
  logged(pattern: RegExp): Promise<string> {
    return this.#until(
      () => this.stderr.split('\n').find((line) => pattern.test(line)),
      String(pattern),
    )
  }

  /** The first entry of the record of which this is true. */
  entry(wanted: (entry: Entry) => boolean, what = 'an entry'): Promise<Entry> {
    return this.#until(() => this.folder.record().find(wanted), what, true)
  }

  event(name: string): Promise<Entry> {
    return this.entry((entry) => entry['event'] === name, `an event ${name}`)
  }

  /** Opens the connection in the legacy era. */
  async open(capabilities: object = {}): Promise<Frame> {
    const answer = await this.request('initialize', {
      protocolVersion: '2025-11-25',
      capabilities,
      clientInfo: { name: 'raw', version: '1' },
    })
    this.notify('notifications/initialized')
    return answer
  }

  /** Waits until the guard has dealt with everything sent so far: a ping is answered in order, on stdio. */
  async settled(): Promise<void> {
    await this.request('ping')
  }

  protected hear(text: string): void {
    const lines = `${this.#rest}${text}`.split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.hears(line)
  }

  /** Takes one message of the guard. */
  protected hears(line: string): void {
    const frame = readFrame(line)
    if (frame) this.frames.push(frame)
    else this.junk.push(line)
    this.changed()
  }

  protected hasEnded(): void {
    this.#ended = true
    this.changed()
  }

  protected changed(): void {
    for (const look of this.#onChange) look()
  }

  /** Looks again at every sign of life; gives up with everything it knows. */
  #until<T>(find: () => T | undefined, what: string, onDisk = false): Promise<T> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        clearTimeout(timer)
        this.#onChange.delete(look)
        clearInterval(poll)
      }
      const fail = (why: string): void => {
        stop()
        reject(new Error(`${why} for ${what}\n${this.#known()}`))
      }
      const look = (): void => {
        const found = find()
        if (found !== undefined) {
          stop()
          resolve(found)
        } else if (this.#ended) fail('the guard ended while a test waited')
      }
      const timer = setTimeout(() => fail('waited too long'), this.patienceMs)
      // A file tells nobody that it has grown, not on every system.
      const poll = onDisk ? setInterval(look, POLL_MS) : undefined
      this.#onChange.add(look)
      look()
    })
  }

  #known(): string {
    const frames = this.frames.slice(-10).map(({ text }) => text.slice(0, 400))
    return [`stdout:`, ...frames, ...this.junk, 'stderr:', this.stderr.slice(-4000)].join('\n')
  }
}

/** On stdio, as a process of its own. */
export class GuardProcess extends RawGuard {
  readonly child: ChildProcessWithoutNullStreams
  readonly exited: Promise<Exit>

  constructor(folder: Folder, { wrap = [], readStderr = true }: Launching = {}) {
    super(folder)
    const { launch } = folder
    const [command = '', ...args] = [...wrap, launch.command, ...launch.args]
    this.child = spawn(command, args, {
      cwd: launch.cwd,
      env: { ...process.env, ...launch.env },
      stdio: 'pipe',
    })
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => this.hear(text))
    if (readStderr) {
      this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
        this.stderr += text
        this.changed()
      })
    }
    // A guard that has ended takes nothing more; whoever waits for an answer says so.
    this.child.stdin.on('error', () => undefined)
    this.exited = new Promise((resolve) => {
      this.child.on('close', (code, signal) => {
        resolve({ code, signal })
        this.hasEnded()
      })
    })
  }

  write(bytes: string | Uint8Array): void {
    this.child.stdin.write(bytes)
  }

  push(bytes: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.child.stdin.write(bytes, () => resolve())
    })
  }

  /** Ends the guard as a client does, by closing its stdin; resolves when it has ended. */
  close(): Promise<Exit> {
    this.child.stdin.end()
    return this.end()
  }

  /** Resolves when the guard has ended; it is killed when it does not end. */
  async end(): Promise<Exit> {
    const timer = setTimeout(() => this.child.kill('SIGKILL'), PATIENCE_MS)
    const exit = await this.exited
    clearTimeout(timer)
    return exit
  }
}

function readFrame(text: string): Frame | undefined {
  try {
    const message = JSON.parse(text) as Frame & { readonly jsonrpc?: unknown }
    return message.jsonrpc === '2.0' ? { ...message, text } : undefined
  } catch {
    return undefined
  }
}

/** The JSON text of a frame's result or error, byte for byte. The guard writes `result` or `error` last. */
export function payload({ text }: Frame): string {
  const at = /^\{"jsonrpc":"2\.0","id":(?:null|-?\d+|"(?:[^"\\]|\\.)*"),"(?:result|error)":/.exec(
    text,
  )
  if (!at) throw new Error(`no answer: ${text.slice(0, 200)}`)
  return text.slice(at[0].length, -1)
}

/** The reason of a denial: in `_meta` of a tool result, in `data` of an error. */
export function reasonOf({ result, error }: Frame): unknown {
  if (error) return (error.data as { readonly reason?: unknown } | undefined)?.reason
  const meta = result?.['_meta'] as { readonly [name: string]: unknown } | undefined
  return meta?.['dev.chaperone/reason']
}

/** The guards and folders of one test file; whatever a test leaves behind is ended and removed. */
export class GuardPool {
  readonly #guards: RawGuard[] = []
  readonly #folders: Folder[] = []

  folder(setup: Setup | ((path: string) => Setup)): Folder {
    const folder = newFolder(setup)
    this.#folders.push(folder)
    return folder
  }

  start(setup: Setup | ((path: string) => Setup)): GuardProcess {
    return this.launch(this.folder(setup))
  }

  /** Starts a guard in a folder that is there already. */
  launch(folder: Folder, how: Launching = {}): GuardProcess {
    const guard = new GuardProcess(folder, how)
    this.#guards.push(guard)
    return guard
  }

  /** Takes care of a guard that somebody else has started. */
  keep<T extends RawGuard>(guard: T): T {
    this.#guards.push(guard)
    return guard
  }

  /** Ends every guard and removes every folder. Rejects when a guard wrote anything but protocol or left a child behind. */
  async close(): Promise<void> {
    const faults: string[] = []
    for (const guard of this.#guards) {
      if (!guard.ended) await guard.close()
      if (guard.junk.length > 0) faults.push(`not protocol on stdout: ${guard.junk.join('\n')}`)
    }
    for (const folder of this.#folders) {
      for (const pid of pidsOf(folder)) {
        if (isAlive(pid)) faults.push(`the upstream with pid ${pid} outlived its guard`)
      }
      folder.remove()
    }
    if (faults.length > 0) throw new Error(faults.join('\n'))
  }
}

/** The process ids of the upstreams that a record, whole or broken, says were started. */
export function pidsOf(folder: Folder): readonly number[] {
  const started = /^\{"event":"upstream_started","facts":\{"pid":(\d+)/gm
  return [...folder.recordText().matchAll(started)].map(([, pid]) => Number(pid))
}

/** False for a process that has ended and only waits for its parent to look. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch (error) {
    // Where there is no /proc, a signal that could be sent is all there is to know.
    return (
      error instanceof Error &&
      'code' in error &&
      error.code === 'ENOENT' &&
      !existsSync('/proc/self')
    )
  }
}
