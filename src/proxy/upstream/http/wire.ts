/**
 * What one connection has under way over HTTP, bounded: so many calls at once and so many that wait, and apart from them
 * streams that stay open and what has to get through whatever the calls do.
 */
import { QUEUE_MAX_BYTES } from '../process.ts'
import type { Exchange, ExchangeEvents, Outgoing, Pool } from './exchange.ts'

/**
 * `call`: answered in its time. `stream`: open for as long as it likes. `aside`: notifications, answers to the upstream's
 * own questions, the end of a session: a call may be waiting for one of these.
 */
export type Rank = 'call' | 'stream' | 'aside'

/** Under way at once. */
export const MOST: Readonly<Record<Rank, number>> = { call: 128, stream: 256, aside: 64 }
/** What waits for one of those to end; a stream does not wait. */
export const MOST_WAITING = 1024

interface Waiting {
  readonly outgoing: Outgoing
  readonly events: ExchangeEvents
  exchange: Exchange | undefined
  isOver: boolean
}

interface Lane {
  readonly most: number
  underWay: number
  readonly waiting: Set<Waiting>
}

function lane(most: number): Lane {
  return { most, underWay: 0, waiting: new Set() }
}

export class Wire {
  readonly #load: () => Promise<Pool>
  #pool: Pool | undefined
  #loading = false
  #isClosed = false
  #waitingBytes = 0
  readonly #lanes: Readonly<Record<Rank, Lane>> = {
    call: lane(MOST.call),
    stream: lane(MOST.stream),
    aside: lane(MOST.aside),
  }

  /** The pool is loaded at once, beside whatever else starts; what is sent before it is there waits for it. */
  constructor(load: () => Promise<Pool>) {
    this.#load = load
    this.#open()
  }

  /** Undefined when too much is under way. */
  send(outgoing: Outgoing, rank: Rank, events: ExchangeEvents): Exchange | undefined {
    const lane = this.#lanes[rank]
    const mustWait = lane.underWay >= lane.most
    if (this.#isClosed || (mustWait && rank === 'stream')) return undefined
    const bytes = outgoing.body?.length ?? 0
    if (lane.waiting.size >= MOST_WAITING || this.#waitingBytes + bytes > QUEUE_MAX_BYTES)
      return undefined
    const one: Waiting = { outgoing, events, exchange: undefined, isOver: false }
    if (this.#pool && !mustWait) {
      this.#start(this.#pool, one, lane)
    } else {
      lane.waiting.add(one)
      this.#waitingBytes += bytes
      if (!this.#pool) this.#open()
    }
    return { abort: () => this.#abort(one, lane) }
  }

  /** Ends everything at once; nobody is told. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const { waiting } of Object.values(this.#lanes)) waiting.clear()
    await this.#pool?.close()
  }

  #open(): void {
    if (this.#loading) return
    this.#loading = true
    this.#load().then(
      (pool) => {
        if (this.#isClosed) {
          void pool.close()
          return
        }
        this.#pool = pool
        for (const lane of Object.values(this.#lanes)) this.#next(lane, pool)
      },
      (error: unknown) => {
        this.#loading = false
        const waiting = Object.values(this.#lanes).flatMap((lane) => [...lane.waiting])
        for (const { waiting: all } of Object.values(this.#lanes)) all.clear()
        this.#waitingBytes = 0
        for (const one of waiting) if (!one.isOver) one.events.onBroken(error)
      },
    )
  }

  #start(pool: Pool, one: Waiting, lane: Lane): void {
    const { outgoing, events } = one
    lane.underWay += 1
    const over = (): void => {
      one.isOver = true
      lane.underWay -= 1
      this.#next(lane, pool)
    }
    one.exchange = pool.send(outgoing, {
      onLeaving: () => events.onLeaving(),
      onHead: (status, headers) => events.onHead(status, headers),
      onData: (chunk) => events.onData(chunk),
      onEnd: () => {
        over()
        events.onEnd()
      },
      onBroken: (error) => {
        over()
        if (!this.#isClosed) events.onBroken(error)
      },
    })
  }

  #next(lane: Lane, pool: Pool): void {
    for (const one of lane.waiting) {
      if (this.#isClosed || lane.underWay >= lane.most) return
      lane.waiting.delete(one)
      this.#waitingBytes -= one.outgoing.body?.length ?? 0
      this.#start(pool, one, lane)
    }
  }

  #abort(one: Waiting, lane: Lane): void {
    if (one.isOver) return
    one.isOver = true
    if (lane.waiting.delete(one)) {
      this.#waitingBytes -= one.outgoing.body?.length ?? 0
      return
    }
    lane.underWay -= 1
    one.exchange?.abort()
    if (this.#pool) this.#next(lane, this.#pool)
  }
}
