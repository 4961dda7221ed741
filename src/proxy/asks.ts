/**
 * Requests from an upstream to the agent's client (elicitation, sampling, roots): upstream output. They pass where the
 * mandate's `requests` permits them and the client can be asked; otherwise they are declined, on record.
 */
import type { CompiledMandate } from '../model/authority.ts'
import type { DenyReason } from '../model/decision.ts'
import { isObject, type Json, type JsonObject } from '../model/json.ts'
import type { AuditLog, OperationalLog, Timers } from '../model/port.ts'
import type { LetOut } from '../pipeline/again.ts'
import type { TimeKeeper } from '../pipeline/port.ts'
import type { Errand } from './errand.ts'
import type { Overhear } from './overhear.ts'
import type { Parking } from './parking.ts'
import { CODE, errorText, notificationFrame, requestFrame, type RequestId } from './protocol.ts'
import { declares, isImproper, kindOf, onward } from './question.ts'
import type { Session } from './session.ts'
import type { Link, UpstreamRequestLine } from './upstream/link.ts'

export interface AskOptions {
  /** The one agent of this front, where there is only one and it stays. */
  readonly standing: Session | undefined
  readonly mandate: CompiledMandate
  readonly parking: Parking
  readonly overhear: Overhear
  readonly log: AuditLog
  readonly time: TimeKeeper
  readonly timers: Timers
  readonly operational: OperationalLog
  /** Why the mandate does not bind here and now; undefined while it does. */
  readonly unbound: () => DenyReason | undefined
  /** Why nothing of this upstream is to be used now; undefined where it may be. */
  readonly taken: (server: string) => DenyReason | undefined
  /** Why a call that is under way would not be let out now; undefined where it would. */
  readonly refusedNow: (letOut: LetOut) => DenyReason | undefined
}

/** One thing to be asked of a legacy agent. */
export interface Question {
  readonly server: string
  readonly method: string
  /** JSON text, ready to be sent; absent where the upstream gave none. */
  readonly params: string | undefined
  /** The agent's request on whose account it is asked. */
  readonly about?: RequestId | undefined
  /** The upstream's own id of it, so that it can be taken back. */
  readonly upstreamId?: RequestId
}

/** What came of a question: the client's answer, or none in time, or nobody who still wants to know. */
export type Reply =
  | { readonly part: 'result' | 'error'; readonly value: JsonObject }
  | { readonly part: 'late' | 'withdrawn' }

/** Declined requests of one kind that are recorded one by one. */
const DECLINED_TOLD = 64
const LONGEST_METHOD = 128
/** How long a person may think about a question. */
const ASK_MS = 10 * 60_000

interface Waiting {
  readonly session: Session
  readonly question: Question
  readonly resolve: (reply: Reply) => void
  readonly stop: () => void
}

export class Asks {
  readonly #options: AskOptions
  readonly #waiting = new Map<number, Waiting>()
  readonly #declined = new Map<string, number>()
  #nextId = 1

  constructor(options: AskOptions) {
    this.#options = options
  }

  /** A request from an upstream: passed on under an id of the guard's own, or declined. */
  async receive(link: Link, request: UpstreamRequestLine, about?: number): Promise<void> {
    if (request.method === 'ping') {
      link.reply(request.id, 'result', '{}')
      return
    }
    const call = about ?? this.#callOf(link, request)
    const errand = call === undefined ? undefined : link.errandOf(call)
    // Where it cannot be told which call it is, it may be any; they are known now, and not once it is answered.
    const accounts = call === undefined ? link.errands() : errand ? [errand] : []
    const reason = this.#refusal(link, request, errand) ?? unasked(request, accounts)
    const passes = await this.#recorded(link.server, request.method, reason)
    const heard = reason === undefined && passes ? this.#heard(link, request) : undefined
    if (!heard) {
      this.#decline(link, request)
      return
    }
    const { standing, parking } = this.#options
    if (standing?.era === 'legacy')
      await this.#passOn(link, heard, { standing, call, errand, accounts })
    else if (call === undefined || !parking.ask(link, call, heard)) this.#decline(link, request)
  }

  /** As the agent may hear it; undefined where it may not. */
  #heard({ server }: Link, request: UpstreamRequestLine): UpstreamRequestLine | undefined {
    const text = this.#options.overhear.text(server, request.text ?? '{}')
    if (text === undefined) return undefined
    return request.text === undefined ? request : { ...request, text }
  }

  /** Asks a legacy agent. */
  ask(session: Session, question: Question): Promise<Reply> {
    const id = this.#nextId
    this.#nextId += 1
    return new Promise((resolve) => {
      const stop = this.#options.timers.after(ASK_MS, () => this.#takeBack(id, 'late'))
      this.#waiting.set(id, { session, question, resolve, stop })
      session.outlet.say(requestFrame(id, question.method, question.params), question.about)
    })
  }

  /** The client's answer to one of these requests. False when this client was not asked that. */
  answer(message: JsonObject, session: Session): boolean {
    const { id, error, result } = message
    const waiting = typeof id === 'number' ? this.#waiting.get(id) : undefined
    if (typeof id !== 'number' || waiting?.session !== session) return false
    this.#waiting.delete(id)
    waiting.stop()
    waiting.resolve(
      isObject(error)
        ? { part: 'error', value: error }
        : { part: 'result', value: isObject(result) ? result : {} },
    )
    return true
  }

  /** The upstream takes its request back. */
  withdrawn(server: string, upstreamId: Json | undefined): void {
    this.#options.parking.withdrawn(server, upstreamId)
    for (const [id, { question }] of this.#waiting) {
      if (question.server === server && question.upstreamId === upstreamId)
        this.#takeBack(id, 'withdrawn')
    }
  }

  /** The upstream ended: nobody is left to answer to. */
  dropped(server: string): void {
    for (const [id, { question }] of this.#waiting)
      if (question.server === server) this.#takeBack(id, 'withdrawn')
  }

  /** Nobody is to be asked such a thing any more: its upstream hears that nobody answered. */
  callOff(covers: (question: Question, session: Session) => boolean): void {
    for (const [id, { question, session }] of this.#waiting)
      if (covers(question, session)) this.#takeBack(id, 'late')
  }

  #takeBack(id: number, part: 'late' | 'withdrawn'): void {
    const waiting = this.#waiting.get(id)
    if (!waiting) return
    this.#waiting.delete(id)
    waiting.stop()
    const cancelled = notificationFrame('notifications/cancelled', { requestId: id })
    waiting.session.outlet.say(cancelled, waiting.question.about)
    waiting.resolve({ part })
  }

  /** Where the carrier does not tell: the only call under way on whose account it can be asked. */
  #callOf(link: Link, { method, params }: UpstreamRequestLine): number | undefined {
    const kind = kindOf(method)
    if (kind === undefined) return undefined
    return link.only(({ declared }) => declares(declared, kind, params))
  }

  async #passOn(
    link: Link,
    request: UpstreamRequestLine,
    to: {
      readonly standing: Session
      readonly call: number | undefined
      readonly errand: Errand | undefined
      readonly accounts: readonly Errand[]
    },
  ): Promise<void> {
    const { standing, call, errand, accounts } = to
    if (call !== undefined) link.hold(call)
    const reply = await this.ask(standing, {
      server: link.server,
      method: request.method,
      params: onward(request.text),
      about: errand?.request,
      upstreamId: request.id,
    })
    if (call !== undefined) link.goOn(call)
    if (reply.part === 'late') this.#decline(link, request)
    else if (reply.part === 'result' || reply.part === 'error') {
      const reason = this.#unanswerable(link, accounts)
      if (reason === undefined) link.reply(request.id, reply.part, JSON.stringify(reply.value))
      else {
        await this.#recorded(link.server, request.method, reason)
        this.#decline(link, request)
      }
    }
  }

  /** Why an answer does not leave: of the calls on whose account it was asked for, each has to be one that would leave now. */
  #unanswerable(link: Link, accounts: readonly Errand[]): DenyReason | undefined {
    const { unbound, refusedNow, taken } = this.#options
    if (accounts.length === 0) return unbound() ?? taken(link.server)
    const underWay = new Set(link.errands())
    const left = accounts.filter((errand) => underWay.has(errand))
    if (left.length === 0) return 'request_not_permitted'
    for (const { letOut } of left) {
      const reason = refusedNow(letOut)
      if (reason !== undefined) return reason
    }
    return undefined
  }

  #decline(link: Link, { id, method }: UpstreamRequestLine): void {
    const text =
      kindOf(method) === undefined
        ? errorText(CODE.methodNotFound, 'Method not found')
        : errorText(CODE.denied, 'Declined: the mandate does not permit this request')
    link.reply(id, 'error', text)
  }

  #refusal(
    link: Link,
    { method, params }: UpstreamRequestLine,
    errand: Errand | undefined,
  ): DenyReason | undefined {
    const { standing, mandate } = this.#options
    const kind = kindOf(method)
    if (kind === undefined) return 'unsupported'
    const unbound = this.#options.unbound()
    if (unbound !== undefined) return unbound
    const taken = this.#options.taken(link.server)
    if (taken !== undefined) return taken
    if (!mandate.permitsRequest(link.server, kind)) return 'request_not_permitted'
    const declared = standing?.era === 'legacy' ? standing.capabilities : errand?.declared
    // Between modern ends a question comes as an answer, never as a request.
    if (declared === undefined || link.agreement?.era !== 'legacy') return 'unsupported'
    if (!declares(declared, kind, params)) return 'unsupported'
    return isImproper(kind, params) ? 'request_not_permitted' : undefined
  }

  /** Told each time at first and then at every power of two: a flood cannot fill the record. */
  async #recorded(
    server: string,
    method: string,
    reason: DenyReason | undefined,
  ): Promise<boolean> {
    if (reason === undefined) return this.record(server, method, undefined)
    const key = `${server}\n${reason}`
    const count = (this.#declined.get(key) ?? 0) + 1
    this.#declined.set(key, count)
    if (count > DECLINED_TOLD && (count & (count - 1)) !== 0) return false
    return this.record(server, method.slice(0, LONGEST_METHOD), reason)
  }

  /** Puts on record that an upstream asked; false when that could not be written, and then nothing is passed on. */
  async record(server: string, method: string, reason: DenyReason | undefined): Promise<boolean> {
    const { log, time, operational } = this.#options
    if (reason !== undefined)
      operational.warn({ server, method, reason }, 'a request from an upstream was declined')
    try {
      const at = time.read().at
      const body = { type: 'upstream_request', at, server, method } as const
      await log.append(
        reason === undefined
          ? { ...body, verdict: 'passed' }
          : { ...body, verdict: 'declined', reason },
      )
      return true
    } catch (error) {
      operational.error(
        { server, method, error: error instanceof Error ? error.message : String(error) },
        'a request from an upstream could not be recorded',
      )
      return false
    }
  }
}

/** On account of no call nobody is asked for words; where an agent works is no secret of a call. */
function unasked(
  { method }: UpstreamRequestLine,
  accounts: readonly Errand[],
): DenyReason | undefined {
  return accounts.length === 0 && kindOf(method) !== 'roots' ? 'request_not_permitted' : undefined
}
