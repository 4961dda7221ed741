/**
 * A modern agent in front of a legacy upstream: the upstream asks in the middle of a call, and the agent can only be asked
 * by an answer. The call stays under way upstream, and waits; the agent's retry goes on with it.
 */
import type { CallContext } from '../model/call.ts'
import type { CallId } from '../model/id.ts'
import type { Json } from '../model/json.ts'
import type { Timers, UpstreamAnswer } from '../model/port.ts'
import type { Continuation } from '../pipeline/port.ts'
import { CODE, errorText, type RequestId } from './protocol.ts'
import { kindOf, onward } from './question.ts'
import type { Retried, Seal } from './seal.ts'
import type { Link, UpstreamRequestLine } from './upstream/link.ts'
import type { RawAnswer } from './upstream/pending.ts'

/** `called_off`: the call had left, and the upstream was told. */
export type Waited = UpstreamAnswer | 'called_off'

/** A call that may be asked back. */
export interface Watched {
  readonly link: Link
  /** The id of its request upstream. */
  readonly id: number
  readonly raw: Promise<RawAnswer | 'cancelled'>
}

/** One leg of it: from the agent's request to what it is answered. */
export interface Leg {
  readonly call: CallId
  readonly request: Retried
  readonly finish: (raw: RawAnswer | 'cancelled') => Waited
}

/** A call that waits for its agent is called off after this. */
const PARK_MS = 10 * 60_000
const MOST_PARKED = 256
/** What its upstream may ask before it is answered once. */
const MOST_QUESTIONS = 16
const KEY = 'question'

interface Call extends Watched {
  readonly ticket: string
  readonly questions: UpstreamRequestLine[]
  /** Set while a leg is on. */
  leg: { readonly of: Leg; readonly resolve: (answer: Waited) => void } | undefined
  /** Set while it waits for its agent: ends the waiting. */
  stop: (() => void) | undefined
  /** The call of the agent's that was answered with a question last. */
  asked: CallId | undefined
  /** True once the upstream has answered, or ended: its ids mean nothing then. */
  over: boolean
}

export class Parking {
  readonly #calls = new Map<string, Call>()
  readonly #seal: Seal
  readonly #timers: Timers
  #tickets = 0

  constructor(seal: Seal, timers: Timers) {
    this.#seal = seal
    this.#timers = timers
  }

  /** The answer, or the question that comes before it. */
  watch(watched: Watched, leg: Leg): Promise<Waited> {
    this.#tickets += 1
    const call: Call = {
      ...watched,
      ticket: String(this.#tickets),
      questions: [],
      leg: undefined,
      stop: undefined,
      asked: undefined,
      over: false,
    }
    this.#calls.set(call.ticket, call)
    const over = (): void => {
      call.over = true
    }
    watched.raw.then(over, over)
    return this.#lead(call, leg)
  }

  /** A question of an upstream on account of one of these calls. False when nobody can be asked on its account. */
  ask(link: Link, id: number, request: UpstreamRequestLine): boolean {
    const call = this.#find(link, id)
    const parked = [...this.#calls.values()].filter(({ stop }) => stop !== undefined).length
    if (!call || call.questions.length >= MOST_QUESTIONS || parked >= MOST_PARKED) return false
    call.questions.push(request)
    this.#putQuestion(call)
    return true
  }

  /** Goes on with a parked call; undefined when it is not there any more. */
  resume(
    ticket: string,
    link: Link,
    continuation: Continuation,
    leg: Leg,
  ): Promise<Waited> | undefined {
    const call = this.#calls.get(ticket)
    if (call?.link !== link || !call.stop) return undefined
    call.stop()
    call.stop = undefined
    const leading = this.#lead(call, leg)
    if (call.over) return leading
    link.goOn(call.id)
    const [question] = call.questions
    const response = continuation.inputResponses?.[KEY]
    if (question && response !== undefined) {
      call.questions.shift()
      link.reply(question.id, 'result', JSON.stringify(response))
    }
    // What was not answered is asked again.
    this.#putQuestion(call)
    return leading
  }

  /** The id upstream of a call that waits for its agent; undefined when it is over, or not there. */
  idOf(ticket: string): number | undefined {
    const call = this.#calls.get(ticket)
    return call?.over === false ? call.id : undefined
  }

  /** What was to be asked on account of this call is refused: it cannot go on. */
  refuse(callId: CallId): void {
    for (const call of this.#calls.values()) {
      if (call.stop && call.asked === callId) this.#giveUp(call)
    }
  }

  /** What waits on account of such a call is called off. */
  callOff(covers: (call: CallContext) => boolean): void {
    for (const call of this.#calls.values()) {
      const letOut = call.link.errandOf(call.id)?.letOut
      if (call.stop && (!letOut || covers(letOut.call))) this.#giveUp(call)
    }
  }

  /** The upstream takes a question back. */
  withdrawn(server: string, id: Json | undefined): void {
    for (const call of this.#calls.values()) {
      const at = call.questions.findIndex((question) => question.id === id)
      if (call.link.server === server && at !== -1) call.questions.splice(at, 1)
    }
  }

  /** Calls off everything that waits. */
  clear(): void {
    for (const call of this.#calls.values()) if (call.stop) this.#giveUp(call)
  }

  #lead(call: Call, of: Leg): Promise<Waited> {
    return new Promise((resolve, reject) => {
      call.leg = { of, resolve }
      const ends = (): boolean => {
        // While it waits for its agent, the leg that comes next hears of it.
        if (call.leg?.of !== of) return false
        this.#forget(call)
        return true
      }
      call.raw.then(
        (raw) => {
          if (ends()) resolve(of.finish(raw))
        },
        (error: unknown) => {
          if (ends()) reject(error instanceof Error ? error : new Error(String(error)))
        },
      )
    })
  }

  #putQuestion(call: Call): void {
    const [question] = call.questions
    const { leg } = call
    if (!question || !leg) return
    call.leg = undefined
    call.asked = leg.of.call
    call.link.hold(call.id)
    call.stop = this.#timers.after(PARK_MS, () => this.#giveUp(call))
    leg.resolve(this.#asAnswer(call, question, leg.of))
  }

  #asAnswer(call: Call, { method, text }: UpstreamRequestLine, leg: Leg): UpstreamAnswer {
    const { ticket, link } = call
    const state = { server: link.server, call: leg.call, keys: [KEY], ticket }
    const sealed = this.#seal.close(state, leg.request)
    const params = onward(text)
    const tail = params === undefined ? '' : `,"params":${params}`
    const asked = `{"method":${JSON.stringify(method)}${tail}}`
    const kind = kindOf(method)
    return {
      kind: 'result',
      text: `{"resultType":"input_required","inputRequests":{"${KEY}":${asked}},"requestState":"${sealed}"}`,
      outcome: 'input_required',
      asks: [kind ?? 'unknown'],
    }
  }

  #giveUp(call: Call): void {
    this.#forget(call)
    if (call.over) return
    for (const { id } of call.questions) declined(call.link, id)
    call.link.cancel(call.id)
  }

  #forget(call: Call): void {
    call.stop?.()
    call.stop = undefined
    this.#calls.delete(call.ticket)
  }

  #find(link: Link, id: number): Call | undefined {
    for (const call of this.#calls.values()) if (call.link === link && call.id === id) return call
    return undefined
  }
}

function declined(link: Link, id: RequestId): void {
  link.reply(id, 'error', errorText(CODE.denied, 'Declined: nobody answered'))
}
