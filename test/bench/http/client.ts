/**
 * The client of the bench over HTTP: its own sockets, one call at a time on each, the next as soon as the answer is
 * complete. It checks every answer it gets, because a proxy that drops or garbles calls is fast.
 */
import { argumentsText, isExpected, type Message } from '../call.ts'
import type { Window } from '../client.ts'
import { ask, Connection, isAnswer, parsed } from './connection.ts'
import type { Head, Heard } from './reader.ts'
import { bodyText, headText, LEGACY, requestText, type Era, type Speaker } from './request.ts'

/** No answer for this long: the target hangs, and the bench must not. */
const PATIENCE_MS = 30_000

/** A run of calls: a fixed number of them, a fixed number in flight, each answered call starting the next. */
interface Run {
  readonly first: number
  readonly count: number
  readonly took: Float64Array
  sent: number
  answered: number
  /** Calls whose answer has come and whose connection is free again. */
  ended: number
  readonly watchdog: NodeJS.Timeout
  readonly resolve: () => void
  readonly reject: (why: Error) => void
}

/** One connection and the call on it. */
interface Lane {
  readonly head: string
  connection: Connection | undefined
  /** The call on it; 0 when there is none. */
  id: number
  began: number
  answered: boolean
}

export interface Door {
  readonly port: number
  readonly era: Era
  /** What the target calls the tool. */
  readonly tool: string
}

export class HttpClient {
  /** Answers to calls that were compared with what the upstream says. */
  checked = 0
  readonly #door: Door
  readonly #sessions: Speaker[] = []
  readonly #lanes: Lane[] = []
  #run: Run | undefined
  #nextId = 1

  constructor(door: Door) {
    this.#door = door
  }

  /** The first session's handshake, where the era has one, and the first list of tools. */
  async handshake(): Promise<readonly string[]> {
    await this.join()
    return this.tools()
  }

  /** One more session; the calls are spread over all of them. Of the modern era there is only one speaker. */
  async join(): Promise<Speaker> {
    const speaker = await openSession(this.#door)
    this.#sessions.push(speaker)
    return speaker
  }

  /** From the next window on, nobody but these makes calls. */
  keep(speakers: readonly Speaker[]): void {
    this.#sessions.splice(0, this.#sessions.length, ...speakers)
    this.#closeLanes()
    this.#lanes.length = 0
  }

  async tools(): Promise<readonly string[]> {
    const result = (await this.request('tools/list', {})) as {
      readonly tools: readonly { readonly name: string }[]
    }
    return result.tools.map((tool) => tool.name)
  }

  /** @throws Error when the answer is an error, or none comes. */
  request(method: string, params: object): Promise<unknown> {
    this.#nextId += 1
    return requestAs(this.#speaker(0), this.#nextId, method, params)
  }

  /** Fresh connections, each used once, so that no window begins with what happened between two of them. */
  async ready(inFlight: number): Promise<void> {
    this.#closeLanes()
    await this.#openLanes(inFlight)
    await this.#take(inFlight, inFlight)
  }

  /** @throws Error when one answer is missing or is not what the upstream says. */
  async calls(count: number, inFlight: number): Promise<Window> {
    await this.#openLanes(inFlight)
    const window = await this.#take(count, inFlight)
    // A target closes idle connections when it likes, and would do so at the very moment of a call.
    this.#closeLanes()
    return window
  }

  close(): void {
    this.#fail(new Error('stopped'))
    this.#closeLanes()
  }

  #speaker(index: number): Speaker {
    const speaker = this.#sessions[index % this.#sessions.length]
    if (speaker === undefined) throw new Error('no session was opened')
    return speaker
  }

  async #openLanes(inFlight: number): Promise<void> {
    const opened: Promise<void>[] = []
    for (let index = 0; index < inFlight; index += 1) {
      const lane = this.#lanes[index] ?? this.#addLane(index)
      lane.connection ??= this.#connect(lane)
      opened.push(lane.connection.opened)
    }
    await Promise.all(opened)
  }

  #addLane(index: number): Lane {
    const head = headText(this.#speaker(index), 'tools/call', this.#door.tool)
    const lane: Lane = { head, connection: undefined, id: 0, began: 0, answered: false }
    this.#lanes.push(lane)
    return lane
  }

  #connect(lane: Lane): Connection {
    const heard: Heard = {
      event: (data) => this.#onMessage(lane, data),
      answer: (head, body) => this.#onAnswer(lane, head, body),
    }
    return new Connection(this.#door.port, heard, (why) => {
      lane.connection = undefined
      if (lane.id !== 0) this.#fail(why)
    })
  }

  #closeLanes(): void {
    for (const lane of this.#lanes) {
      lane.connection?.close()
      lane.connection = undefined
      lane.id = 0
    }
  }

  async #take(count: number, inFlight: number): Promise<Window> {
    const took = new Float64Array(count)
    const first = this.#nextId + 1
    this.#nextId += count
    let began = 0
    await new Promise<void>((resolve, reject) => {
      const watchdog = setTimeout(() => {
        this.#fail(new Error(`no answer for ${PATIENCE_MS / 1000} s`))
      }, PATIENCE_MS)
      const none = { sent: 0, answered: 0, ended: 0 }
      this.#run = { first, count, took, ...none, watchdog, resolve, reject }
      began = performance.now()
      for (const lane of this.#lanes.slice(0, inFlight)) this.#next(this.#run, lane)
    })
    const elapsedMs = performance.now() - began
    return { calls: count, inFlight, elapsedMs, sortedUs: took.sort() }
  }

  #next(run: Run, lane: Lane): void {
    lane.id = 0
    if (run.sent === run.count) return
    const id = run.first + run.sent
    run.sent += 1
    lane.id = id
    lane.answered = false
    const { era, tool } = this.#door
    const params = `"name":"${tool}","arguments":${argumentsText(id)}`
    const body = bodyText(era, id, 'tools/call', params)
    lane.connection ??= this.#connect(lane)
    lane.began = performance.now()
    lane.connection.send(`${lane.head}${body.length}\r\n\r\n${body}`)
  }

  #onMessage(lane: Lane, text: string): void {
    const run = this.#run
    const message = parsed(text)
    if (run === undefined) return
    if (message === undefined) this.#fail(new Error(`not JSON: ${text.slice(0, 200)}`))
    else if (isAnswer(message)) this.#onReply(run, lane, message)
  }

  /** The call is answered; its connection is not free before the end of the stream that it came on. */
  #onReply(run: Run, lane: Lane, message: Message): void {
    if (message.id !== lane.id) {
      this.#fail(new Error(`an answer nobody asked for: ${JSON.stringify(message)}`))
    } else if (lane.answered) {
      this.#fail(new Error(`call ${lane.id} was answered twice`))
    } else if (!isExpected(message)) {
      this.#fail(new Error(`a wrong answer: ${JSON.stringify(message)}`))
    } else {
      run.took[run.answered] = (performance.now() - lane.began) * 1000
      run.answered += 1
      this.checked += 1
      lane.answered = true
      run.watchdog.refresh()
    }
  }

  #onAnswer(lane: Lane, head: Head, body: string): void {
    if (head.status !== 200) {
      this.#fail(new Error(`HTTP ${head.status} to a call: ${body.slice(0, 200)}`))
      return
    }
    if (!head.stream) this.#onMessage(lane, body)
    const run = this.#run
    if (run === undefined) return
    if (!lane.answered) {
      this.#fail(new Error(`the answer to call ${lane.id} ended without a message for it`))
      return
    }
    run.ended += 1
    if (run.ended === run.count) {
      this.#run = undefined
      clearTimeout(run.watchdog)
      lane.id = 0
      run.resolve()
      return
    }
    if (/\r\nconnection: *close/i.test(head.lines)) {
      lane.connection?.close()
      lane.connection = undefined
    }
    this.#next(run, lane)
  }

  #fail(why: Error): void {
    const run = this.#run
    this.#run = undefined
    if (run === undefined) return
    clearTimeout(run.watchdog)
    run.reject(why)
  }
}

/** Legacy: `initialize` and what follows it. Modern: nothing, the first request is like any other. */
export async function openSession({ port, era }: Pick<Door, 'port' | 'era'>): Promise<Speaker> {
  if (era === 'modern') return { era, port }
  const params = {
    protocolVersion: LEGACY,
    capabilities: {},
    clientInfo: { name: 'bench', version: '1.0.0' },
  }
  const { head, message, body } = await ask(
    port,
    requestText({ era, port }, 1, 'initialize', params),
  )
  const result = message?.result as { readonly protocolVersion?: unknown } | undefined
  if (typeof result?.protocolVersion !== 'string') {
    throw new Error(`\`initialize\` was answered with HTTP ${head.status}: ${body.slice(0, 200)}`)
  }
  const session = /\r\nmcp-session-id: *(\S+)/i.exec(head.lines)?.[1]
  const speaker = {
    era,
    port,
    version: result.protocolVersion,
    ...(session !== undefined && { session }),
  }
  await ask(port, requestText(speaker, undefined, 'notifications/initialized', {}))
  return speaker
}

/** @throws Error when the answer is an error, or none comes. */
export async function requestAs(
  speaker: Speaker,
  id: number,
  method: string,
  params: object,
): Promise<unknown> {
  const { head, message, body } = await ask(speaker.port, requestText(speaker, id, method, params))
  if (message?.result === undefined || message.id !== id) {
    const said = message === undefined ? body.slice(0, 200) : JSON.stringify(message)
    throw new Error(`\`${method}\` was answered with HTTP ${head.status}: ${said}`)
  }
  return message.result
}
