/**
 * The client of the bench: raw JSON-RPC lines, no SDK, so that it is never the bottleneck. It checks every answer
 * it gets, because a proxy that drops or garbles calls is fast.
 */
import { argumentsText, isExpected, type Message } from './call.ts'
import { pidOf, start, stop, type Child, type LaunchLine } from './child.ts'

/** No answer for this long: the target hangs, and the bench must not. */
const PATIENCE_MS = 30_000
/** Start times are kept by id in a ring: more than any number of calls in flight. */
const RING = 1024

interface Waiting {
  readonly resolve: (result: unknown) => void
  readonly reject: (why: Error) => void
}

/** A run of calls: a fixed number of them, a fixed number in flight, each answered call starting the next. */
interface Run {
  readonly first: number
  readonly count: number
  readonly took: Float64Array
  sent: number
  answered: number
  readonly resolve: () => void
  readonly reject: (why: Error) => void
}

export interface Window {
  readonly calls: number
  readonly inFlight: number
  readonly elapsedMs: number
  /** Latency of each call in µs, sorted. */
  readonly sortedUs: Float64Array
}

export class Client {
  readonly pid: number
  /** Answers to calls that were compared with what the upstream says. */
  checked = 0
  readonly #child: Child
  readonly #waiting = new Map<number, Waiting>()
  readonly #starts = new Float64Array(RING)
  readonly #watchdog: NodeJS.Timeout
  #run: Run | undefined
  #rest = ''
  #stderr = ''
  #nextId = 1
  #broken: Error | undefined

  constructor(line: LaunchLine) {
    this.#child = start(line)
    this.pid = pidOf(this.#child)
    this.#child.stdout.setEncoding('utf8')
    this.#child.stdout.on('data', (chunk: string) => this.#onChunk(chunk))
    this.#child.stderr.setEncoding('utf8')
    this.#child.stderr.on('data', (chunk: string) => {
      this.#stderr = (this.#stderr + chunk).slice(-2_000)
    })
    this.#child.on('close', (code) => {
      const said = this.#stderr.trim()
      this.#fail(
        new Error(`the process ended (code ${code})${said === '' ? '' : `, saying:\n${said}`}`),
      )
    })
    this.#watchdog = setTimeout(() => {
      // Left alone while other targets are measured: nothing is owed.
      if (this.#run === undefined && this.#waiting.size === 0) return
      this.#fail(new Error(`no answer for ${PATIENCE_MS / 1000} s`))
    }, PATIENCE_MS)
    this.#watchdog.unref()
  }

  /** Legacy handshake and the first list of tools. */
  async handshake(): Promise<readonly string[]> {
    await this.request('initialize', {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'bench', version: '1.0.0' },
    })
    this.#write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
    return this.tools()
  }

  async tools(): Promise<readonly string[]> {
    const result = (await this.request('tools/list', {})) as {
      readonly tools: readonly { readonly name: string }[]
    }
    return result.tools.map((tool) => tool.name)
  }

  /** @throws Error when the answer is an error, or none comes. */
  request(method: string, params: object): Promise<unknown> {
    const id = this.#nextId
    this.#nextId += 1
    return new Promise((resolve, reject) => {
      if (this.#broken !== undefined) {
        reject(this.#broken)
        return
      }
      this.#waiting.set(id, { resolve, reject })
      this.#watch()
      this.#write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`)
    })
  }

  /** @throws Error when one answer is missing or is not what the upstream says. */
  async calls(count: number, inFlight: number): Promise<Window> {
    const took = new Float64Array(count)
    let began = 0
    await new Promise<void>((resolve, reject) => {
      if (this.#broken !== undefined) {
        reject(this.#broken)
        return
      }
      this.#run = { first: this.#nextId, count, took, sent: 0, answered: 0, resolve, reject }
      this.#nextId += count
      this.#watch()
      began = performance.now()
      this.#send(this.#run, Math.min(inFlight, count))
    })
    const elapsedMs = performance.now() - began
    return { calls: count, inFlight, elapsedMs, sortedUs: took.sort() }
  }

  async stop(): Promise<void> {
    this.#broken ??= new Error('stopped')
    clearTimeout(this.#watchdog)
    await stop(this.#child)
  }

  /** Unanswered requests keep the watchdog, and so the bench itself, alive. */
  #watch(): void {
    this.#watchdog.ref()
    this.#watchdog.refresh()
  }

  #write(text: string): void {
    this.#child.stdin.write(text)
  }

  /** One write for all of them, as a client that has several things to ask does. */
  #send(run: Run, count: number): void {
    const last = Math.min(run.sent + count, run.count)
    if (last === run.sent) return
    let text = ''
    const now = performance.now()
    for (let index = run.sent; index < last; index += 1) {
      const id = run.first + index
      this.#starts[id % RING] = now
      text += callText(id)
    }
    run.sent = last
    this.#write(text)
  }

  #onChunk(chunk: string): void {
    const now = performance.now()
    const text = this.#rest === '' ? chunk : this.#rest + chunk
    let from = 0
    let answered = 0
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', from)) {
      if (end > from && this.#onLine(text.slice(from, end), now)) answered += 1
      from = end + 1
    }
    this.#rest = from === text.length ? '' : text.slice(from)
    if (answered === 0) return
    this.#watchdog.refresh()
    const run = this.#run
    if (run === undefined) return
    if (run.answered < run.count) {
      this.#send(run, answered)
      return
    }
    this.#run = undefined
    this.#watchdog.unref()
    run.resolve()
  }

  /** True when the line answered a call of the run. */
  #onLine(line: string, now: number): boolean {
    let message: Message
    try {
      message = JSON.parse(line) as Message
    } catch {
      this.#fail(new Error(`not JSON: ${line.slice(0, 200)}`))
      return false
    }
    const { id } = message
    if (typeof id !== 'number' || message.method !== undefined) {
      this.#onAsked(message)
      return false
    }
    const run = this.#run
    if (run !== undefined && id >= run.first && id < run.first + run.sent) {
      return this.#onAnswer(run, message, id, now)
    }
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (this.#waiting.size === 0 && run === undefined) this.#watchdog.unref()
    if (waiting === undefined) this.#fail(new Error(`an answer nobody asked for: ${line}`))
    else if (message.error !== undefined) waiting.reject(new Error(line))
    else waiting.resolve(message.result)
    return false
  }

  #onAnswer(run: Run, message: Message, id: number, now: number): boolean {
    const index = id - run.first
    if (run.took[index] !== 0) {
      this.#fail(new Error(`call ${id} was answered twice`))
      return false
    }
    if (!isExpected(message)) {
      this.#fail(new Error(`a wrong answer: ${JSON.stringify(message)}`))
      return false
    }
    run.took[index] = (now - (this.#starts[id % RING] ?? 0)) * 1000
    run.answered += 1
    this.checked += 1
    return true
  }

  /** A proxy may ping its client; anything else it asks is not supported. Notifications are passed over. */
  #onAsked(message: Message): void {
    if (message.id === undefined) return
    const said =
      message.method === 'ping'
        ? { result: {} }
        : { error: { code: -32601, message: 'method not found' } }
    this.#write(`${JSON.stringify({ jsonrpc: '2.0', id: message.id, ...said })}\n`)
  }

  #fail(why: Error): void {
    this.#broken ??= why
    this.#watchdog.unref()
    for (const waiting of this.#waiting.values()) waiting.reject(this.#broken)
    this.#waiting.clear()
    this.#run?.reject(this.#broken)
    this.#run = undefined
  }
}

function callText(id: number): string {
  return `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"approve","arguments":${argumentsText(id)}}}\n`
}

export interface Opened {
  readonly client: Client
  /** Milliseconds from the spawn to the answer to the first `tools/list`. */
  readonly firstListMs: number
  readonly tools: readonly string[]
}

/** @throws Error when the process does not start or does not answer; it is ended then. */
export async function open(line: LaunchLine): Promise<Opened> {
  const began = performance.now()
  const client = new Client(line)
  try {
    const tools = await client.handshake()
    return { client, firstListMs: performance.now() - began, tools }
  } catch (error) {
    await client.stop()
    throw error
  }
}
