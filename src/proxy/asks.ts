/**
 * Requests from an upstream to the agent's client (elicitation, sampling, roots): upstream output. They pass where
 * the mandate's `requests` permits them and both ends are of the legacy era; otherwise they are declined, on record.
 */
import type { CompiledMandate } from '../model/authority.ts'
import type { UpstreamRequest } from '../model/call.ts'
import type { DenyReason } from '../model/decision.ts'
import { isObject, type JsonObject } from '../model/json.ts'
import type { AuditLog, OperationalLog } from '../model/port.ts'
import type { TimeKeeper } from '../pipeline/port.ts'
import type { UpstreamLine } from './answer.ts'
import { asksForSecrets } from './elicitation.ts'
import { parseExact, printExact } from './exact.ts'
import { CODE, errorText, notificationFrame, requestFrame, type RequestId } from './protocol.ts'
import { CAPABILITY, type Session } from './session.ts'
import type { Link } from './upstream/link.ts'

type Request = Extract<UpstreamLine, { kind: 'request' }>

export interface AskOptions {
  readonly session: Session
  readonly mandate: CompiledMandate
  readonly log: AuditLog
  readonly time: TimeKeeper
  readonly operational: OperationalLog
  /** Why the mandate does not bind here and now; undefined while it does. */
  readonly unbound: () => DenyReason | undefined
  readonly sendToAgent: (frame: string) => void
}

const KIND_OF: ReadonlyMap<string, UpstreamRequest> = new Map([
  ['elicitation/create', 'elicitation'],
  ['sampling/createMessage', 'sampling'],
  ['roots/list', 'roots'],
])

/** Declined requests of one kind that are recorded one by one. */
const DECLINED_TOLD = 64
const LONGEST_METHOD = 128

/**
 * What was judged is what is sent: one value for each name, as the parser took it, without the fields of the hop it came
 * over. Numbers keep their spelling.
 */
function onward(paramsText: string): string {
  const params = parseExact(paramsText)
  if (typeof params !== 'object' || params === null) return '{}'
  return printExact(Object.fromEntries(Object.entries(params).filter(([key]) => key !== '_meta')))
}

interface Waiting {
  readonly link: Link
  readonly upstreamId: RequestId
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
  async receive(link: Link, request: Request): Promise<void> {
    if (request.method === 'ping') {
      link.reply(request.id, 'result', '{}')
      return
    }
    const reason = this.#refusal(link, request)
    const recorded =
      reason === undefined
        ? await this.#record(link.server, request.method, reason)
        : await this.#recordDeclined(link.server, request.method, reason)
    if (reason !== undefined || !recorded) {
      const known = KIND_OF.has(request.method)
      const code = known ? CODE.denied : CODE.methodNotFound
      link.reply(
        request.id,
        'error',
        errorText(
          code,
          known ? 'Declined: the mandate does not permit this request' : 'Method not found',
        ),
      )
      return
    }
    const id = this.#nextId
    this.#nextId += 1
    this.#waiting.set(id, { link, upstreamId: request.id })
    this.#options.sendToAgent(requestFrame(id, request.method, onward(request.text)))
  }

  /** The client's answer to one of these requests. False when there is no such request. */
  answer(message: JsonObject): boolean {
    const { id } = message
    const waiting = typeof id === 'number' ? this.#waiting.get(id) : undefined
    if (!waiting || typeof id !== 'number') return false
    this.#waiting.delete(id)
    const part = message['error'] === undefined ? 'result' : 'error'
    waiting.link.reply(waiting.upstreamId, part, JSON.stringify(message[part]))
    return true
  }

  /** The upstream takes its request back. */
  withdrawn(server: string, params: JsonObject): void {
    for (const [id, waiting] of this.#waiting) {
      if (waiting.link.server !== server || waiting.upstreamId !== params['requestId']) continue
      this.#waiting.delete(id)
      this.#options.sendToAgent(notificationFrame('notifications/cancelled', { requestId: id }))
    }
  }

  /** The upstream ended: nobody is left to answer to. */
  dropped(server: string): void {
    for (const [id, waiting] of this.#waiting) {
      if (waiting.link.server === server) this.#waiting.delete(id)
    }
  }

  #refusal(link: Link, request: Request): DenyReason | undefined {
    const { session, mandate } = this.#options
    const kind = KIND_OF.get(request.method)
    if (kind === undefined) return 'unsupported'
    const unbound = this.#options.unbound()
    if (unbound !== undefined) return unbound
    if (!mandate.permitsRequest(link.server, kind)) return 'request_not_permitted'
    const sameEra = session.era === 'legacy' && link.agreement?.era === 'legacy'
    if (!sameEra || !isObject(session.capabilities[CAPABILITY[kind]])) return 'unsupported'
    return kind === 'elicitation' && asksForSecrets(request.params)
      ? 'request_not_permitted'
      : undefined
  }

  /** Told each time at first and then at every power of two: a flood cannot fill the record. */
  async #recordDeclined(server: string, method: string, reason: DenyReason): Promise<boolean> {
    const key = `${server}\n${reason}`
    const count = (this.#declined.get(key) ?? 0) + 1
    this.#declined.set(key, count)
    if (count > DECLINED_TOLD && (count & (count - 1)) !== 0) return false
    return this.#record(server, method.slice(0, LONGEST_METHOD), reason)
  }

  async #record(server: string, method: string, reason: DenyReason | undefined): Promise<boolean> {
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
