/** Starts targets and their upstream, each in its own process, and waits until they answer. */
import { createServer, type AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { pidOf, start, stop, type Child, type LaunchLine } from '../child.ts'
import { open } from '../client.ts'
import { proveGuarded } from '../prove.ts'
import { CHAPERONE } from '../target.ts'
import type { Caller } from '../turns.ts'
import { HttpClient } from './client.ts'
import type { Era } from './request.ts'
import { upstreamLine, writeMcpJson, type HttpTarget, type Upstream } from './target.ts'

/** A target that has not listed its tool after this long does not run. */
const PATIENCE_MS = 20_000
/** Between two knocks at a door that is still closed. */
const KNOCK_MS = 2

export interface Opened {
  readonly caller: Caller
  /** Over HTTP only: the client that makes the calls. */
  readonly client?: HttpClient
  readonly port: number
  readonly tools: readonly string[]
  /** Milliseconds from the spawn to the answer to the first `tools/list` that has the tool. */
  readonly firstListMs: number
}

/** @throws Error when the process does not start or does not answer; it is ended then. */
export async function openTarget(
  target: HttpTarget,
  era: Era,
  upstream: Upstream,
): Promise<Opened> {
  const port = await freePort()
  if (target.front === 'stdio') {
    const { client, tools, firstListMs } = await open(target.line(port, upstream))
    return { caller: client, port, tools, firstListMs }
  }
  const began = performance.now()
  const running = new Running(target.line(port, upstream))
  const client = new HttpClient({ port, era, tool: target.tool })
  try {
    const tools = await running.answering(async () => {
      const listed = await client.handshake()
      if (!listed.includes(target.tool)) throw new Error(`its list has no \`${target.tool}\``)
      return listed
    })
    const firstListMs = performance.now() - began
    return { caller: caller(running, client, upstream), client, port, tools, firstListMs }
  } catch (error) {
    client.close()
    await running.stop()
    throw error
  }
}

/** The same, and a guard has shown that it guards. */
export async function openProven(
  target: HttpTarget,
  era: Era,
  upstream: Upstream,
): Promise<Opened> {
  const opened = await openTarget(target, era, upstream)
  try {
    if (target.name.startsWith(CHAPERONE) && opened.client) {
      await proveGuarded(opened.client, opened.tools)
    }
  } catch (error) {
    await opened.caller.stop()
    throw error
  }
  return opened
}

function caller(running: Running, client: HttpClient, upstream: Upstream): Caller {
  return {
    pid: running.pid,
    helpers: [upstream.pid],
    get checked() {
      return client.checked
    },
    ready: (inFlight) => running.watched(client.ready(inFlight)),
    calls: (count, inFlight) => running.watched(client.calls(count, inFlight)),
    stop: () => {
      client.close()
      return running.stop()
    },
  }
}

/** The upstream that all targets of a section share. */
export async function openUpstream(
  name: 'http-upstream' | 'http-hostile',
  folder: string,
): Promise<Upstream & { stop(): Promise<void> }> {
  const port = await freePort()
  const running = new Running(upstreamLine(name, port))
  const client = new HttpClient({ port, era: 'modern', tool: 'approve' })
  await running.answering(() => client.handshake())
  return {
    port,
    pid: running.pid,
    mcpJson: writeMcpJson(folder, port),
    stop: () => running.stop(),
  }
}

/** A process that is spoken to over the network: what it prints is kept for when it fails. */
class Running {
  readonly pid: number
  readonly #child: Child
  #said = ''
  #ended: Error | undefined
  #onEnd = (): void => undefined

  constructor(line: LaunchLine) {
    this.#child = start(line)
    this.pid = pidOf(this.#child)
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding('utf8')
      stream.on('data', (chunk: string) => {
        this.#said = (this.#said + chunk).slice(-2_000)
      })
    }
    this.#child.on('close', (code) => {
      const said = this.#said.trim()
      this.#ended = new Error(
        `the process ended (code ${code})${said === '' ? '' : `, saying:\n${said}`}`,
      )
      this.#onEnd()
    })
  }

  /** Knocks until it answers. @throws Error when it ends, or does not answer in time. */
  async answering<T>(knock: () => Promise<T>): Promise<T> {
    const began = performance.now()
    for (;;) {
      try {
        return await knock()
      } catch (error) {
        if (this.#ended !== undefined) throw this.#ended
        if (performance.now() - began > PATIENCE_MS) {
          const why = error instanceof Error ? error.message : String(error)
          throw new Error(`no answer within ${PATIENCE_MS / 1000} s: ${why}`, { cause: error })
        }
        await pause(KNOCK_MS)
      }
    }
  }

  /** The end of the process says more than the end of a connection. */
  async watched<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      if (this.#ended === undefined) await this.#endOr(200)
      throw this.#ended ?? error
    }
  }

  async #endOr(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#onEnd = resolve
      setTimeout(resolve, ms).unref()
    })
  }

  /** A server does not end with its input: it is asked to. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    await stop(this.#child)
  }
}

/** A port that nobody listens on: the system has just lent it out. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}
