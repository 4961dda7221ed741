/**
 * Message in → line → message out. Every line from the agent is parsed once, strictly; what is acted on goes down the
 * line, lists come from the compiled mandate's view of the catalog, and the rest the guard answers itself.
 */
import { isObject, type JsonObject } from '../model/json.ts'
import type { RequestFacts } from '../model/record.ts'
import { isRefusal, refusal, type Refusal } from '../model/verdict.ts'
import { standing } from '../pipeline/bind.ts'
import { recordRefusal, takeCall, type Concluded } from '../pipeline/line.ts'
import { methodRow, type Way } from '../pipeline/method.ts'
import type { LinePorts } from '../pipeline/port.ts'
import { told } from '../pipeline/refusal.ts'
import type { Asks } from './asks.ts'
import type { Catalog } from './catalog.ts'
import type { Locals } from './local.ts'
import { LISTS, type ListMethod } from './offer.ts'
import {
  answerFrame,
  CODE,
  eraOf,
  errorText,
  META,
  MODERN_VERSIONS,
  type RequestId,
} from './protocol.ts'
import { Cancellation, type Session } from './session.ts'
import { parseMessage } from './strict.ts'

export interface RelayOptions {
  readonly session: Session
  readonly ports: LinePorts
  readonly catalog: Catalog
  readonly asks: Asks
  readonly locals: Locals
  readonly sendToAgent: (frame: string) => void
}

/** A request from the agent, told apart and not yet decided. */
interface Incoming {
  readonly id: RequestId
  readonly method: string
  readonly params: JsonObject
  readonly era: RequestFacts['era']
}

const NO_PARAMS: JsonObject = {}
/** What an agent may have under way at once; each holds its arguments. */
const MOST_IN_FLIGHT = 10_000
/** How long a list may stay with a modern client: revocation lives at call time, never in the list. */
const LIST_TTL_MS = 5000

export class Relay {
  readonly #options: RelayOptions
  #whenIdle: (() => void) | undefined

  constructor(options: RelayOptions) {
    this.#options = options
  }

  /** One line from the agent, without its newline. */
  receive(line: Uint8Array): void {
    const parsed = parseMessage(line)
    if (!parsed.ok) {
      this.#malformed(parsed.why, parsed.code, parsed.id ?? null)
      return
    }
    const message = parsed.value
    const { method, id } = message
    if (typeof method !== 'string') {
      if (!this.#options.asks.answer(message)) this.#malformed('an answer to no request')
      return
    }
    const params = isObject(message['params']) ? message['params'] : NO_PARAMS
    if (typeof id !== 'string' && typeof id !== 'number') {
      this.#notification(method, params)
      return
    }
    this.#request(id, method, params)
  }

  /** A line over the size limit: it was dropped unread, so nobody can be answered. */
  tooLong(bytes: number): void {
    this.#malformed(`a message of ${bytes} bytes is over the limit`, CODE.invalidRequest, null)
  }

  /** The agent went away: what it waits for is called off. */
  hangUp(): void {
    for (const cancellation of this.#options.session.inflight.values()) cancellation.abort()
  }

  /** Resolves when every call under way has been concluded and recorded. */
  settled(): Promise<void> {
    if (this.#options.session.inflight.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#whenIdle = resolve
    })
  }

  #request(id: RequestId, method: string, params: JsonObject): void {
    const { session, ports } = this.#options
    const era = eraOf(method, params)
    if (era === 'incomplete') {
      this.#unfit(id, CODE.invalidParams, 'per-request metadata is not whole')
      return
    }
    if (era === 'modern' && !this.#speaks(id, params)) return
    const request = { era, method }
    const row = methodRow(method, era)
    if (row?.kind !== 'request') {
      void this.#refuse(
        id,
        refusal('admit', 'unsupported', 'a method in no row of the table'),
        request,
      )
      return
    }
    if (session.inflight.has(id) || session.listening.has(id)) {
      void this.#refuse(
        id,
        refusal('admit', 'malformed', 'the id of a request that is under way'),
        request,
      )
      return
    }
    if (session.inflight.size >= MOST_IN_FLIGHT) {
      void this.#refuse(
        id,
        refusal('admit', 'malformed', 'too many requests are under way'),
        request,
      )
      return
    }
    if (era === 'modern') session.era = 'modern'
    session.opened ||= era === 'modern'
    // A call is bound in its own line; for the rest the table says whether the mandate has to bind.
    const unbound =
      row.way !== 'decided' && row.stages.includes('bind') ? standing(ports) : undefined
    if (unbound) void this.#refuse(id, unbound, request)
    else this.#take({ id, method, params, era }, row.way)
  }

  /** Under way until it is answered; MCP, Cancellation: a cancelled request gets no answer. */
  #take(incoming: Incoming, way: Way): void {
    const { session } = this.#options
    const { id } = incoming
    const cancelled = new Cancellation()
    session.inflight.set(id, cancelled)
    const done = (answer: () => void): void => {
      session.inflight.delete(id)
      cancelled.release()
      if (!cancelled.aborted) answer()
      if (session.inflight.size === 0) this.#whenIdle?.()
    }
    if (way === 'decided') this.#decided(incoming, cancelled, done)
    else void (way === 'listed' ? this.#listed(incoming) : this.#local(incoming)).then(done)
  }

  /** MCP 2026-07-28, Protocol Version Negotiation: a version that is not spoken is refused by name. */
  #speaks(id: RequestId, params: JsonObject): boolean {
    const meta = params['_meta']
    const requested = isObject(meta) ? meta[META.version] : undefined
    if (typeof requested === 'string' && MODERN_VERSIONS.some((version) => version === requested))
      return true
    this.#unfit(id, CODE.unsupportedVersion, 'Unsupported protocol version', {
      supported: [...MODERN_VERSIONS],
      requested: requested ?? null,
    })
    return false
  }

  #decided(incoming: Incoming, cancelled: Cancellation, done: (answer: () => void) => void): void {
    const { method, params, era } = incoming
    void takeCall({ era, method, params, cancelled }, this.#options.ports).then((concluded) =>
      done(() => this.#conclude(incoming, concluded)),
    )
  }

  #conclude({ id, method, params, era }: Incoming, concluded: Concluded): void {
    const { session, sendToAgent } = this.#options
    if (!('answer' in concluded)) {
      this.#tell(id, concluded.refusal, { era, method, name: nameIn(params) })
      return
    }
    const { kind, text, outcome } = concluded.answer
    if (
      method === 'resources/subscribe' &&
      outcome === 'complete' &&
      typeof params['uri'] === 'string'
    ) {
      session.subscribed.set(params['uri'], concluded.call.resource.server)
    }
    sendToAgent(answerFrame(id, kind, text))
  }

  async #listed({ id, method, params, era }: Incoming): Promise<() => void> {
    const { ports, sendToAgent } = this.#options
    const text = await this.#listText({ id, method, params, era })
    if (!isRefusal(text)) return () => sendToAgent(answerFrame(id, 'result', text.text))
    await recordRefusal(text, { request: { era, method } }, ports)
    return () => this.#tell(id, text, { era, method, name: undefined })
  }

  async #listText({ method, params, era }: Incoming): Promise<Refusal | { readonly text: string }> {
    const { ports, catalog } = this.#options
    if (!isList(method)) return refusal('admit', 'unsupported')
    if (params['cursor'] !== undefined)
      return refusal('admit', 'malformed', 'a cursor that the guard never gave')
    try {
      const { at } = ports.time.read()
      const { offered, hidden, digest, itemsText } = await catalog.view(method)
      // Fetching may have taken its time: the mandate has to bind when the list is served.
      const unbound = standing(ports)
      if (unbound) return unbound
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

  async #local({ id, method, params, era }: Incoming): Promise<() => void> {
    const { locals, ports, sendToAgent } = this.#options
    try {
      const answer = await locals.answer(id, method, params)
      return () => {
        if (answer !== undefined) sendToAgent(answerFrame(id, answer.part, answer.text))
      }
    } catch (fault) {
      const error = fault instanceof Error ? (fault.stack ?? fault.message) : String(fault)
      ports.operational.error({ method, error }, 'a fault in the guard refused a request')
      const refused = refusal('admit', 'internal_error')
      await recordRefusal(refused, { request: { era, method } }, ports)
      return () => this.#tell(id, refused, { era, method, name: undefined })
    }
  }

  #notification(method: string, params: JsonObject): void {
    const { session, locals } = this.#options
    const row = methodRow(method, session.era)
    if (row?.kind !== 'notification') {
      void this.#record(
        refusal('admit', 'unsupported', 'a notification in no row of the table'),
        method,
      )
      return
    }
    const unbound = row.stages.includes('bind') ? standing(this.#options.ports) : undefined
    if (unbound) void this.#record(unbound, method)
    else if (method === 'notifications/cancelled') this.#cancel(params)
    else locals.hear(method, params)
  }

  #cancel(params: JsonObject): void {
    const { session } = this.#options
    const id = params['requestId']
    if (typeof id !== 'string' && typeof id !== 'number') return
    session.listening.delete(id)
    session.inflight.get(id)?.abort()
  }

  /** A message that cannot be served as it is: answered, and on record. */
  #unfit(id: RequestId, code: number, message: string, data?: JsonObject): void {
    void this.#record(refusal('admit', 'malformed', message), '')
    this.#error(id, code, message, data)
  }

  #malformed(why: string, code: number = CODE.invalidRequest, id?: RequestId | null): void {
    void this.#record(refusal('admit', 'malformed', why), '')
    if (id !== undefined)
      this.#error(id, code, code === CODE.parse ? 'Parse error' : 'Invalid request')
  }

  async #refuse(id: RequestId, refused: Refusal, request: RequestFacts): Promise<void> {
    await recordRefusal(refused, { request }, this.#options.ports)
    this.#tell(id, refused, { ...request, name: undefined })
  }

  #record(refused: Refusal, method: string): Promise<void> {
    const { session, ports } = this.#options
    return recordRefusal(refused, { request: { era: session.era, method } }, ports)
  }

  #tell(
    id: RequestId,
    { reason }: Refusal,
    to: {
      readonly era: RequestFacts['era']
      readonly method: string
      readonly name: string | undefined
    },
  ): void {
    const { part, text } = told(reason, to.method, to.era, to.name)
    this.#options.sendToAgent(answerFrame(id, part, text))
  }

  #error(id: RequestId | null, code: number, message: string, data?: JsonObject): void {
    this.#options.sendToAgent(answerFrame(id, 'error', errorText(code, message, data)))
  }
}

function isList(method: string): method is ListMethod {
  return Object.hasOwn(LISTS, method)
}

function nameIn(params: JsonObject): string | undefined {
  const name = params['name'] ?? params['uri']
  return typeof name === 'string' ? name : undefined
}
