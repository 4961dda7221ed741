/**
 * Message in → line → message out. Every message from an agent is parsed once, strictly; what is acted on goes down the
 * line, lists come from the compiled mandate's view of the catalog, and the rest the guard answers itself.
 */
import { isObject, type JsonObject } from '../model/json.ts'
import type { Era, RequestFacts } from '../model/record.ts'
import { isRefusal, refusal, type Refusal } from '../model/verdict.ts'
import { standing } from '../pipeline/bind.ts'
import { recordRefusal, takeCall, type Concluded } from '../pipeline/line.ts'
import { methodRow, type Way } from '../pipeline/method.ts'
import type { Continuation, HeaderMirror, Inbound, LinePorts } from '../pipeline/port.ts'
import { told } from '../pipeline/refusal.ts'
import type { Asks } from './asks.ts'
import type { Audience } from './audience.ts'
import type { Bridge } from './bridge.ts'
import type { Catalog } from './catalog.ts'
import type { Locals } from './local.ts'
import { LISTS, type ListMethod } from './offer.ts'
import type { Overhear } from './overhear.ts'
import type { Parking } from './parking.ts'
import { CODE, eraOf, errorText, META, MODERN_VERSIONS, type RequestId } from './protocol.ts'
import { type Session, Underway } from './session.ts'
import { parseMessage } from './strict.ts'
import type { Link } from './upstream/link.ts'
import type { Watch } from './watch.ts'

export interface RelayOptions {
  readonly ports: LinePorts
  readonly catalog: Catalog
  readonly asks: Asks
  readonly locals: Locals
  readonly bridge: Bridge
  readonly parking: Parking
  readonly overhear: Overhear
  readonly audience: Audience
  readonly watch: Watch
  readonly links: readonly Link[]
}

/** What the carrier of a message has found out about it already. */
export interface Carried {
  /** The era, where headers say it, too. */
  readonly era?: Era
  readonly mirror?: HeaderMirror
}

/** A request from the agent, told apart and not yet decided. */
interface Incoming extends Carried {
  readonly underway: Underway
  readonly method: string
  readonly params: JsonObject
  readonly era: Era
  readonly continuation?: Continuation
}

const NO_PARAMS: JsonObject = {}
const PLAIN: Carried = {}
/** What one agent may have under way at once; each holds its arguments. */
const MOST_IN_FLIGHT = 10_000
/** How long a list may stay with a modern client: revocation lives at call time, never in the list. */
const LIST_TTL_MS = 5000

export class Relay {
  readonly #options: RelayOptions
  /** Everything that waits for an answer. */
  #underWay = 0
  readonly #calls = new Set<Underway>()
  #whenIdle: (() => void) | undefined

  constructor(options: RelayOptions) {
    this.#options = options
  }

  /** One line from the agent, without its newline. */
  receive(line: Uint8Array, session: Session): void {
    const parsed = parseMessage(line)
    if (parsed.ok) this.take(parsed.value, session)
    else this.malformed(session, parsed.why, { code: parsed.code, id: parsed.id ?? null })
  }

  /** One message from the agent, parsed strictly. False for an answer to no request, which nobody can be told of. */
  take(message: JsonObject, session: Session, carried: Carried = PLAIN): boolean {
    const { method, id } = message
    if (typeof method !== 'string') {
      const known = this.#options.asks.answer(message, session)
      if (!known) this.malformed(session, 'an answer to no request')
      return known
    }
    const params = isObject(message['params']) ? message['params'] : NO_PARAMS
    if (typeof id === 'string' || typeof id === 'number')
      this.#request(new Underway(session, id), { method, params }, carried)
    else this.#notification(session, method, params)
    return true
  }

  /** A line over the size limit: it was dropped unread, so nobody can be answered. */
  tooLong(bytes: number, session: Session): void {
    const why = `a message of ${bytes} bytes is over the limit`
    this.malformed(session, why, { code: CODE.invalidRequest, id: null })
  }

  /** What is no message is on record, and answered where an answer is due. */
  malformed(
    session: Session,
    why: string,
    answer?: { readonly code: number; readonly id: RequestId | null },
  ): void {
    void this.#record(session, refusal('admit', 'malformed', why), '')
    if (!answer) return
    const text = answer.code === CODE.parse ? 'Parse error' : 'Invalid request'
    session.outlet.answer(answer.id, 'error', errorText(answer.code, text), answer.code)
  }

  /** A message that its carrier refused; whoever carries it answers. */
  refused(session: Session, why: Refusal, method: string): void {
    void this.#record(session, why, method)
  }

  /** The agent went away: what it waits for is called off. */
  hangUp(session: Session): void {
    for (const underway of session.inflight.values()) underway.abort()
    this.#options.audience.remove(session)
    const watched = this.#options.watch.left(session, undefined, this.#options.links)
    watched.catch((error: unknown) => this.#fault('resources/unsubscribe', error))
  }

  /** The guard stops: what is under way is called off, and answered. */
  callOff(session: Session): void {
    for (const underway of session.inflight.values()) underway.callOff()
  }

  /** The agent takes one request back. */
  cancel(session: Session, id: RequestId): void {
    if (session.listening.delete(id)) {
      const watched = this.#options.watch.left(session, id, this.#options.links)
      watched.catch((error: unknown) => this.#fault('resources/unsubscribe', error))
    }
    session.inflight.get(id)?.abort()
  }

  /** Calls that go down the line. */
  calls(): Iterable<Underway> {
    return this.#calls
  }

  /** Resolves when every call under way has been concluded and recorded. */
  settled(): Promise<void> {
    if (this.#underWay === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#whenIdle = resolve
    })
  }

  #request(
    underway: Underway,
    { method, params }: { readonly method: string; readonly params: JsonObject },
    carried: Carried,
  ): void {
    const { session, id } = underway
    const era = eraOf(method, params, carried.era)
    if (era === 'incomplete') {
      this.#unfit(underway, CODE.invalidParams, 'per-request metadata is not whole')
      return
    }
    if (era === 'modern' && !this.#speaks(underway, params)) return
    const request = { era, method }
    const row = methodRow(method, era)
    const why = row?.kind === 'request' ? this.#crowded(session, id) : NO_ROW
    if (row?.kind !== 'request' || why !== undefined) {
      void this.#refuse(underway, why ?? NO_ROW, request)
      return
    }
    if (era === 'modern') session.era = 'modern'
    session.opened ||= era === 'modern'
    // A call is bound in its own line; for the rest the table says whether the mandate has to bind.
    const binds = row.way !== 'decided' && row.stages.includes('bind')
    const unbound = binds ? standing(this.#options.ports) : undefined
    if (unbound) {
      void this.#refuse(underway, unbound, request)
      return
    }
    const incoming = this.#continued({ ...carried, underway, method, params, era }, row.way)
    if (isRefusal(incoming)) void this.#refuse(underway, incoming, request)
    else this.#take(incoming, row.way)
  }

  /** A retry parts into the request that is judged anew and the answers that it brings. */
  #continued(incoming: Incoming, way: Way): Incoming | Refusal {
    const { era, params } = incoming
    if (era === 'legacy' || way !== 'decided') return incoming
    if (params['inputResponses'] === undefined && params['requestState'] === undefined)
      return incoming
    return this.#options.bridge.continued(incoming)
  }

  #crowded(session: Session, id: RequestId): Refusal | undefined {
    if (session.inflight.has(id) || session.listening.has(id))
      return refusal('admit', 'malformed', 'the id of a request that is under way')
    if (session.inflight.size >= MOST_IN_FLIGHT)
      return refusal('admit', 'malformed', 'too many requests are under way')
    return undefined
  }

  /** Under way until it is answered; MCP, Cancellation: a cancelled request gets no answer. */
  #take(incoming: Incoming, way: Way): void {
    const { underway } = incoming
    const { session, id } = underway
    session.inflight.set(id, underway)
    this.#underWay += 1
    const done = (answer: () => void): void => {
      session.inflight.delete(id)
      underway.release()
      if (underway.answered) answer()
      else session.outlet.drop(id)
      this.#underWay -= 1
      if (this.#underWay === 0) this.#whenIdle?.()
    }
    if (way === 'decided') this.#decided(incoming, done)
    else void (way === 'listed' ? this.#listed(incoming) : this.#local(incoming)).then(done)
  }

  /** MCP 2026-07-28, Protocol Version Negotiation: a version that is not spoken is refused by name. */
  #speaks(underway: Underway, params: JsonObject): boolean {
    const meta = params['_meta']
    const requested = isObject(meta) ? meta[META.version] : undefined
    if (typeof requested === 'string' && MODERN_VERSIONS.some((version) => version === requested))
      return true
    this.#unfit(underway, CODE.unsupportedVersion, 'Unsupported protocol version', {
      supported: [...MODERN_VERSIONS],
      requested: requested ?? null,
    })
    return false
  }

  #decided(incoming: Incoming, ended: (answer: () => void) => void): void {
    const { underway } = incoming
    this.#calls.add(underway)
    const done = (answer: () => void): void => {
      this.#calls.delete(underway)
      ended(answer)
    }
    void takeCall(inboundOf(incoming), this.#options.ports).then((concluded) => {
      if ('answer' in concluded && concluded.answer.outcome === 'input_required') {
        void this.#askedBack(incoming, concluded).then((last) =>
          done(() => this.#conclude(incoming, last)),
        )
      } else done(() => this.#conclude(incoming, concluded))
    })
  }

  /** A modern agent is handed the question; a legacy one is asked by the guard, and its call decided again with the answer. */
  #askedBack(incoming: Incoming, concluded: Concluded): Promise<Concluded> {
    if (incoming.era === 'modern') return Promise.resolve(concluded)
    const { bridge, ports } = this.#options
    return bridge.ask(incoming.underway, concluded, (continuation) =>
      takeCall({ ...inboundOf(incoming), continuation }, ports),
    )
  }

  #conclude({ underway, method, params, era }: Incoming, concluded: Concluded): void {
    const { session, id } = underway
    if (!('answer' in concluded)) {
      if (concluded.call) this.#options.parking.refuse(concluded.call.id)
      this.#tell(underway, concluded.refusal, { era, method, name: nameIn(params) })
      return
    }
    const { kind, text, code } = concluded.answer
    session.outlet.answer(id, kind, text, code)
  }

  async #listed({ underway, method, params, era }: Incoming): Promise<() => void> {
    const text = await this.#listText({ method, params, era })
    if (!isRefusal(text))
      return () => underway.session.outlet.answer(underway.id, 'result', text.text)
    await recordRefusal(text, { request: { era, method } }, this.#options.ports)
    return () => this.#tell(underway, text, { era, method, name: undefined })
  }

  async #listText({
    method,
    params,
    era,
  }: Pick<Incoming, 'method' | 'params' | 'era'>): Promise<Refusal | { readonly text: string }> {
    const { ports, catalog, overhear } = this.#options
    if (!isList(method)) return refusal('admit', 'unsupported')
    if (params['cursor'] !== undefined)
      return refusal('admit', 'malformed', 'a cursor that the guard never gave')
    try {
      const { at } = ports.time.read()
      const { offered, hidden, digest, itemsText, servers } = await catalog.view(method)
      // Fetching may have taken its time: the mandate has to bind when the list is served.
      const unbound = standing(ports)
      if (unbound) return unbound
      // The definitions of tools are approved, or pinned as they were first seen; other lists are what an upstream says now.
      const marked = method === 'tools/list' || [...servers].every((one) => overhear.marks(one))
      if (!marked) return refusal('screen', 'output_refused', 'its labels could not be left')
      await ports.log.append({ type: 'listed', at, era, method, offered, hidden, catalog: digest })
      const head =
        era === 'modern'
          ? `"cacheScope":"private","resultType":"complete","ttlMs":${LIST_TTL_MS},`
          : ''
      return { text: `{${head}"${LISTS[method]}":${itemsText}}` }
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error)
      ports.operational.error({ method, error: detail }, 'a list could not be served')
      return refusal('settle', 'audit_unavailable', detail)
    }
  }

  async #local({ underway, method, params, era }: Incoming): Promise<() => void> {
    const { locals, ports } = this.#options
    const { outlet } = underway.session
    try {
      const answer = await locals.answer(underway, method, params)
      return () => {
        if (answer) outlet.answer(underway.id, answer.part, answer.text, answer.code)
      }
    } catch (fault) {
      this.#fault(method, fault)
      const refused = refusal('admit', 'internal_error')
      await recordRefusal(refused, { request: { era, method } }, ports)
      return () => this.#tell(underway, refused, { era, method, name: undefined })
    }
  }

  #fault(method: string, fault: unknown): void {
    const error = fault instanceof Error ? (fault.stack ?? fault.message) : String(fault)
    this.#options.ports.operational.error({ method, error }, 'a fault in the guard')
  }

  #notification(session: Session, method: string, params: JsonObject): void {
    const { locals, ports } = this.#options
    const row = methodRow(method, session.era)
    if (row?.kind !== 'notification') {
      const why = refusal('admit', 'unsupported', 'a notification in no row of the table')
      void this.#record(session, why, method)
      return
    }
    const unbound = row.stages.includes('bind') ? standing(ports) : undefined
    if (unbound) void this.#record(session, unbound, method)
    else if (method !== 'notifications/cancelled') locals.hear(session, method, params)
    else {
      const id = params['requestId']
      if (typeof id === 'string' || typeof id === 'number') this.cancel(session, id)
    }
  }

  /** A message that cannot be served as it is: answered, and on record. */
  #unfit({ session, id }: Underway, code: number, message: string, data?: JsonObject): void {
    void this.#record(session, refusal('admit', 'malformed', message), '')
    // Whatever is wrong with it in detail: to a carrier that has codes of its own it is a request that is none.
    const carried = code === CODE.invalidParams ? CODE.invalidRequest : code
    session.outlet.answer(id, 'error', errorText(code, message, data), carried)
  }

  async #refuse(underway: Underway, refused: Refusal, request: RequestFacts): Promise<void> {
    await recordRefusal(refused, { request }, this.#options.ports)
    this.#tell(underway, refused, { ...request, name: undefined })
  }

  #record(session: Session, refused: Refusal, method: string): Promise<void> {
    const request = { era: session.era, method }
    return recordRefusal(refused, { request }, this.#options.ports)
  }

  #tell(
    { session, id }: Underway,
    why: Refusal,
    to: { readonly era: Era; readonly method: string; readonly name: string | undefined },
  ): void {
    const { part, text, code } = told(why, to.method, to.era, to.name)
    session.outlet.answer(id, part, text, code)
  }
}

const NO_ROW: Refusal = refusal('admit', 'unsupported', 'a method in no row of the table')

function inboundOf({ underway, method, params, era, continuation, mirror }: Incoming): Inbound {
  return {
    era,
    method,
    params,
    cancelled: underway,
    ...(continuation && { continuation }),
    ...(mirror && { mirror }),
  }
}

function isList(method: string): method is ListMethod {
  return Object.hasOwn(LISTS, method)
}

function nameIn(params: JsonObject): string | undefined {
  const name = params['name'] ?? params['uri']
  return typeof name === 'string' ? name : undefined
}
