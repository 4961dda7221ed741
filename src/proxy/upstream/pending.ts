/** The requests an upstream owes an answer to: each is answered, times out, is cancelled or is lost, once. */
import { GuardError } from '../../model/error.ts'
import type { Json, JsonObject } from '../../model/json.ts'
import type { Clock, Timers } from '../../model/port.ts'
import type { ProgressToken } from '../envelope.ts'
import type { Errand } from '../errand.ts'
import { Slots } from './slots.ts'

/** An answer as it came: the text byte for byte, and the same parsed. */
export interface RawAnswer {
  readonly part: 'result' | 'error'
  readonly text: string
  readonly value: JsonObject
}

/** What a waiting request wants to hear of progress. */
export interface ProgressListener {
  readonly token: ProgressToken
  readonly hear: (params: JsonObject) => void
}

interface Waiting {
  readonly id: number
  readonly resolve: (answer: RawAnswer | 'cancelled') => void
  readonly reject: (error: GuardError) => void
  progress: ProgressListener | undefined
  errand: Errand | undefined
  readonly onTimeout: () => void
  readonly timeoutMs: number
  deadline: number
}

export interface PendingOptions {
  readonly clock: Clock
  readonly timers: Timers
  readonly server: string
}

export interface WaitOptions {
  readonly timeoutMs: number
  readonly progress?: ProgressListener | undefined
  readonly errand?: Errand | undefined
  /** Called when the deadline passes, to tell the upstream. */
  readonly onTimeout: () => void
}

/** One table for one life of an upstream process; ids grow and are never reused. */
export class Pending {
  readonly #waiting = new Slots<Waiting>()
  /** What has no deadline, such as a subscription, would hold a slot for ever. */
  readonly #endless = new Map<number, Waiting>()
  readonly #options: PendingOptions
  #nextId = 1
  #sweep: { readonly at: number; readonly stop: () => void } | undefined

  constructor(options: PendingOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#waiting.size + this.#endless.size
  }

  nextId(): number {
    const id = this.#nextId
    this.#nextId += 1
    return id
  }

  wait(id: number, options: WaitOptions): Promise<RawAnswer | 'cancelled'> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        id,
        resolve,
        reject,
        progress: options.progress,
        errand: options.errand,
        onTimeout: options.onTimeout,
        timeoutMs: options.timeoutMs,
        deadline: this.#options.clock.monotonic() + options.timeoutMs,
      }
      if (Number.isFinite(options.timeoutMs)) this.#waiting.set(waiting)
      else this.#endless.set(id, waiting)
      this.#watch(options.timeoutMs)
    })
  }

  /** False when nobody waits for this id: an answer never asked for, given twice, or too late. */
  answer(id: Json, answer: RawAnswer): boolean {
    const waiting = this.#take(id)
    waiting?.resolve(answer)
    return waiting !== undefined
  }

  cancel(id: number): boolean {
    const waiting = this.#take(id)
    waiting?.resolve('cancelled')
    return waiting !== undefined
  }

  /** An answer that came but cannot be handed on (too long, garbled). */
  spoil(id: Json, error: GuardError): boolean {
    const waiting = this.#take(id)
    waiting?.reject(error)
    return waiting !== undefined
  }

  /** Whether somebody still waits for this answer. */
  awaits(id: number): boolean {
    return this.#waiting.get(id) !== undefined || this.#endless.has(id)
  }

  /** On whose behalf this request is under way; undefined for one of the guard's own, or none. */
  errandOf(id: number): Errand | undefined {
    return this.#waiting.get(id)?.errand
  }

  /** The only request under way of which this holds; undefined where there is none, or several. */
  only(holds: (errand: Errand) => boolean): number | undefined {
    let found: number | undefined
    for (const { id, errand } of this.#waiting.all()) {
      if (!errand || !holds(errand)) continue
      if (found !== undefined) return undefined
      found = id
    }
    return found
  }

  /** All on whose behalf requests are under way. */
  errands(): readonly Errand[] {
    return this.#waiting.all().flatMap(({ errand }) => errand ?? [])
  }

  /** Whether this holds of any request under way. */
  some(holds: (errand: Errand) => boolean): boolean {
    return this.#waiting.all().some(({ errand }) => errand !== undefined && holds(errand))
  }

  /** Another request of the agent's goes on with this one. */
  reassign(id: number, errand: Errand, progress: ProgressListener | undefined): void {
    const waiting = this.#waiting.get(id)
    if (!waiting) return
    waiting.errand = errand
    waiting.progress = progress
  }

  /** Its deadline stands still: somebody is asked something on its account, and takes the time that people take. */
  hold(id: number): void {
    const waiting = this.#waiting.get(id)
    if (waiting) waiting.deadline = Number.POSITIVE_INFINITY
  }

  /** The time that the call may take begins anew. */
  goOn(id: number): void {
    const waiting = this.#waiting.get(id)
    if (!waiting) return
    waiting.deadline = this.#options.clock.monotonic() + waiting.timeoutMs
    this.#watch(waiting.timeoutMs)
  }

  /** Hands progress to whoever waits for it; progress also extends the deadline. False for an unknown token. */
  progress(token: Json, params: JsonObject): boolean {
    const waiting = typeof token === 'number' ? this.#waiting.get(token) : undefined
    if (!waiting?.progress) return false
    waiting.deadline = this.#options.clock.monotonic() + waiting.timeoutMs
    waiting.progress.hear({ ...params, progressToken: waiting.progress.token })
    return true
  }

  /** The process ended: what became of these is not known. */
  lose(detail: string): void {
    const lost = [...this.#waiting.all(), ...this.#endless.values()]
    this.#endless.clear()
    this.#sweep?.stop()
    this.#sweep = undefined
    for (const { id, reject } of lost) {
      this.#waiting.take(id)
      reject(new GuardError('ERR_UPSTREAM_LOST', detail))
    }
  }

  #take(id: Json): Waiting | undefined {
    if (typeof id !== 'number') return undefined
    const waiting = this.#waiting.take(id) ?? this.#endless.get(id)
    this.#endless.delete(id)
    return waiting
  }

  /** One timer for all: it wakes when the next deadline may have passed, however many wait. */
  #watch(ms: number): void {
    if (!Number.isFinite(ms)) return
    const at = this.#options.clock.monotonic() + ms
    if (this.#sweep && this.#sweep.at <= at) return
    this.#sweep?.stop()
    this.#sweep = { at, stop: this.#options.timers.after(Math.max(1, ms), () => this.#expire()) }
  }

  #expire(): void {
    this.#sweep = undefined
    const now = this.#options.clock.monotonic()
    let next = Number.POSITIVE_INFINITY
    for (const waiting of this.#waiting.all()) {
      if (waiting.deadline > now) {
        next = Math.min(next, waiting.deadline - now)
        continue
      }
      this.#waiting.take(waiting.id)
      waiting.onTimeout()
      const detail = `\`${this.#options.server}\` did not answer within ${waiting.timeoutMs} ms`
      waiting.reject(new GuardError('ERR_UPSTREAM_TIMEOUT', detail))
    }
    if (Number.isFinite(next)) this.#watch(next)
  }
}
