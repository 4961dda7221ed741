/** The way out: a judged call becomes a request of the upstream's own era and names, and its answer comes back whole. */
import type { CompiledMandate } from '../model/authority.ts'
import type { UpstreamRequest } from '../model/call.ts'
import type { DenyReason } from '../model/decision.ts'
import { GuardError } from '../model/error.ts'
import { isObject, member, type Json, type JsonObject } from '../model/json.ts'
import type { UpstreamAnswer } from '../model/port.ts'
import type { Departure, ForwardPort, RestrictedPort } from '../pipeline/port.ts'
import { REASON_META } from '../pipeline/refusal.ts'
import { bridgedError, bridgedResult, nextMeta, progressToken, type Dress } from './envelope.ts'
import type { Errand } from './errand.ts'
import { withoutMember } from './exact.ts'
import { type Exact, parseExact, printExact } from '../model/exact.ts'
import type { Levels } from './level.ts'
import { mirrored, mirrorOf } from './mirror.ts'
import type { Overhear } from './overhear.ts'
import type { Parking } from './parking.ts'
import { LOG_LEVELS, META, notificationFrame, type Self } from './protocol.ts'
import { declares, isImproper, kindOf } from './question.ts'
import type { Seal } from './seal.ts'
import { offered, Underway } from './session.ts'
import type { Agreement, Wish } from './upstream/handshake.ts'
import type { Flood } from './flood.ts'
import type { Link } from './upstream/link.ts'
import type { ProgressListener, RawAnswer } from './upstream/pending.ts'
import type { SendOptions } from './upstream/sending.ts'
import { takenNow } from './taken-back.ts'
import type { Watch } from './watch.ts'

/** `cancelled`: nothing left. `called_off`: it had left, and the upstream was told. */
export type Called = 'cancelled' | 'called_off'

export interface DepartureOptions {
  readonly links: ReadonlyMap<string, Link>
  readonly self: Self
  readonly mandate: CompiledMandate
  readonly wish: (server: string) => Wish
  readonly parking: Parking
  readonly watch: Watch
  readonly levels: Levels
  readonly seal: Seal
  readonly flood: Flood
  readonly overhear: Overhear
  readonly restricted: RestrictedPort
  /** Why the mandate does not bind at this moment. */
  readonly unbound: () => DenyReason | undefined
}

/** A departure with everything that is known about its way. */
export interface Way {
  readonly departure: Departure
  readonly underway: Underway
  readonly link: Link
  readonly agreement: Agreement
  readonly errand: Errand
  /** What the upstream is told that it may ask for. */
  readonly capabilities: () => JsonObject
}

export function departures(options: DepartureOptions): ForwardPort {
  return { forward: (departure) => forward(departure, options) }
}

function forward(
  departure: Departure,
  options: DepartureOptions,
): Promise<UpstreamAnswer | Called> {
  const link = options.links.get(departure.server)
  if (!link) throw new GuardError('ERR_UPSTREAM_DOWN', `no upstream \`${departure.server}\``)
  const { agreement } = link
  if (agreement) return depart(departure, { link, agreement }, options)
  const departed = link.connect(options.wish(link.server)).then((agreed) => {
    // Starting takes its time: the mandate may have ended meanwhile.
    const { cancelled } = departure
    const why = cancelled.aborted ? undefined : options.unbound()
    if (why !== undefined && cancelled instanceof Underway) cancelled.callOff(why)
    return depart(departure, { link, agreement: agreed }, options)
  })
  // Nobody waits for an upstream that starts on account of a call that was called off meanwhile: it does not leave.
  const calledOff = new Promise<Called>((resolve) => {
    departure.cancelled.onAbort(() => resolve('cancelled'))
  })
  return Promise.race([departed, calledOff])
}

function depart(
  departure: Departure,
  { link, agreement }: { readonly link: Link; readonly agreement: Agreement },
  options: DepartureOptions,
): Promise<UpstreamAnswer | Called> {
  const { cancelled, continuation } = departure
  // Whoever waits for an answer made this signal; the line carries it and knows no more of it.
  if (!(cancelled instanceof Underway)) throw new TypeError('a departure of nobody')
  const taken = cancelled.aborted
    ? undefined
    : takenNow(options.restricted, departure.call.resource)
  if (taken !== undefined) cancelled.callOff(taken)
  if (cancelled.aborted) return Promise.resolve('cancelled')
  const errand = errandOf(departure, cancelled)
  const capabilities = (): JsonObject =>
    offered(errand.declared, (kind) => options.mandate.permitsRequest(link.server, kind))
  const way = { departure, underway: cancelled, link, agreement, errand, capabilities }
  if (departure.method === 'resources/subscribe') return options.watch.subscribe(way)
  if (continuation?.ticket !== undefined) return goOn(continuation.ticket, way, options)
  if (agreement.era === 'legacy' && continuation) {
    throw new GuardError(
      'ERR_UPSTREAM_DOWN',
      `\`${link.server}\` is of another era: it never asked back`,
    )
  }
  if (agreement.era === 'legacy') options.levels.ask(link, agreement, errand)
  return send(way, options)
}

function send(way: Way, options: DepartureOptions): Promise<UpstreamAnswer | Called> {
  const { departure, underway, link, agreement, errand } = way
  const plain = agreement.era === 'legacy' && departure.params['_meta'] === undefined
  const hop = plain ? undefined : hopOf(way, options)
  const sent = link.send(departure.method, (id) => paramsText(departure, hop?.(id)), {
    progress: plain ? undefined : progressTo(way, options),
    errand,
    mirror: link.mirrors ? mirrorOn(departure) : undefined,
  })
  underway.onAbort(() => link.cancel(sent.id))
  const finish = (raw: RawAnswer | 'cancelled'): UpstreamAnswer | 'called_off' =>
    raw === 'cancelled' ? 'called_off' : answered(raw, way, options)
  // Only an agent that is answered a question by a result needs its call to wait meanwhile.
  const mayWait = departure.era === 'modern' && agreement.era === 'legacy'
  if (!mayWait || Object.keys(way.capabilities()).length === 0) return sent.answer.then(finish)
  const leg = { call: departure.call.id, request: departure, finish }
  return options.parking.watch({ link, id: sent.id, raw: sent.answer }, leg)
}

/** The retry of a call that waits: nothing is sent anew, but for the answer to its question. */
function goOn(
  ticket: string,
  way: Way,
  options: DepartureOptions,
): Promise<UpstreamAnswer | Called> {
  const { parking } = options
  const { departure, underway, link, errand } = way
  const id = parking.idOf(ticket)
  if (id !== undefined) {
    link.reassign(id, errand, progressTo(way, options))
    underway.onAbort(() => link.cancel(id))
  }
  const leg = {
    call: departure.call.id,
    request: departure,
    finish: (raw: RawAnswer | 'cancelled'): UpstreamAnswer | 'called_off' =>
      raw === 'cancelled' ? 'called_off' : answered(raw, way, options),
  }
  const going = parking.resume(ticket, link, departure.continuation ?? {}, leg)
  if (going) return going
  throw new GuardError('ERR_UPSTREAM_LOST', `the call at \`${link.server}\` waits no longer`)
}

const PROGRESS = 'notifications/progress'

function errandOf(departure: Departure, { session, id }: Underway): Errand {
  const meta = member(departure.params, '_meta')
  const modern = departure.era === 'modern' && isObject(meta)
  // A modern agent says with every request what it can be asked for; a legacy one said so once.
  const said = modern ? meta[META.capabilities] : session.capabilities
  const level = modern ? meta[META.logLevel] : session.logLevel
  return {
    session,
    request: id,
    letOut: departure,
    declared: isObject(said) ? said : {},
    logLevel: typeof level === 'string' ? LOG_LEVELS.get(level) : undefined,
  }
}

/** The `_meta` of the next hop, once the id of the request is known. */
function hopOf(
  { departure, agreement, capabilities, underway }: Way,
  options: DepartureOptions,
): (id: number) => JsonObject | undefined {
  const dress: Dress = { era: agreement.era, version: agreement.version, self: options.self }
  const wanted = progressToken(departure.params) !== undefined
  const logLevel = departure.era === 'legacy' ? underway.session.logLevel : undefined
  return (id) =>
    nextMeta(departure.params, dress, {
      ...(wanted ? { token: id } : {}),
      ...(logLevel === undefined ? {} : { logLevel }),
      capabilities: capabilities(),
    })
}

function progressTo(
  { departure, underway, link }: Way,
  { flood, overhear }: DepartureOptions,
): ProgressListener | undefined {
  const token = progressToken(departure.params)
  if (token === undefined) return undefined
  return {
    token,
    hear: (heard) => {
      if (!flood.admits(link.server, PROGRESS)) return
      const shown = overhear.params(link.server, heard, 'progressToken')
      if (shown) underway.session.outlet.say(notificationFrame(PROGRESS, shown), underway.id)
    },
  }
}

/** What of the request stands in headers as well, where the upstream is spoken to over HTTP in the modern era. */
function mirrorOn({ method, call, params, tool }: Departure): SendOptions['mirror'] {
  const { resource } = call
  switch (method) {
    case 'tools/call':
    case 'prompts/get':
    case 'resources/read': {
      const name = resource.kind === 'resource' ? resource.uri : resource.name
      const mirror = tool && mirrorOf(tool)
      const args = params['arguments']
      return mirror?.kind === 'mirror' && isObject(args)
        ? { name, params: mirrored(mirror.args, args) }
        : { name }
    }
    default:
      return undefined
  }
}

/** The judged values, written anew; nothing of the original bytes is passed on. */
function paramsText(departure: Departure, meta: JsonObject | undefined): string {
  const { params, call, continuation } = departure
  if (departure.method === 'tools/call' && call.resource.kind === 'tool' && !continuation) {
    // The commonest request by far, without a copy.
    const args = params['arguments']
    const name = `"name":${JSON.stringify(call.resource.name)}`
    const withArgs = args === undefined ? name : `${name},"arguments":${JSON.stringify(args)}`
    return meta === undefined ? `{${withArgs}}` : `{${withArgs},"_meta":${JSON.stringify(meta)}}`
  }
  const next: Record<string, Json> = {}
  for (const [key, value] of Object.entries(params)) {
    if (key !== '_meta') next[key] = value
  }
  rename(next, departure)
  const { inputResponses, requestState } = continuation ?? {}
  if (inputResponses) next['inputResponses'] = inputResponses
  if (requestState !== undefined) next['requestState'] = requestState
  if (meta) next['_meta'] = meta
  return JSON.stringify(next)
}

/** The agent's name for a tool or prompt becomes the upstream's own. */
function rename(params: Record<string, Json>, { call, method }: Departure): void {
  const { resource } = call
  if (resource.kind === 'resource') return
  if (method === 'completion/complete') {
    const ref = params['ref']
    if (isObject(ref)) params['ref'] = { ...ref, name: resource.name }
    return
  }
  params['name'] = resource.name
}

/** MCP 2025-11-25: URL elicitation required. */
const URL_ELICITATION = -32_042
const UNKNOWN_ASK = ['unknown'] as const

function answered(raw: RawAnswer, way: Way, options: DepartureOptions): UpstreamAnswer {
  const { departure, agreement } = way
  if (raw.part === 'error') {
    // An error can ask as well: for a visit to an address of the upstream's choosing.
    const asks = raw.value['code'] === URL_ELICITATION ? { asks: UNKNOWN_ASK } : {}
    const crossing = { from: agreement.era, to: departure.era, uri: uriRead(departure) }
    const { text, code } = bridgedError(raw.text, raw.value, crossing)
    return { kind: 'error', text, code, outcome: 'error', ...asks }
  }
  const type = raw.value['resultType']
  if (type !== undefined && type !== 'complete') return question(raw, way, options)
  const text = bridgedResult(raw.text, raw.value, departure.method, departure.era)
  return {
    kind: 'result',
    text: text.includes(REASON_META) ? withoutMember(text, '_meta', REASON_META) : text,
    outcome: raw.value['isError'] === true ? 'tool_error' : 'complete',
  }
}

function uriRead({ method, call: { resource } }: Departure): string | undefined {
  return method === 'resources/read' && resource.kind === 'resource' ? resource.uri : undefined
}

/**
 * An answer that asks back. A modern agent keeps the upstream's state under the guard's seal; a legacy one never sees it,
 * as the guard asks in its stead.
 */
function question(raw: RawAnswer, way: Way, options: DepartureOptions): UpstreamAnswer {
  const { seal } = options
  const { departure, agreement, link } = way
  const known = agreement.era === 'modern' && raw.value['resultType'] === 'input_required'
  const asks = known ? asksOf(raw.value, way) : UNKNOWN_ASK
  const whole = parseExact(raw.text)
  const exact = isRecord(whole) ? whole : {}
  const inputRequests = heardOf(exact['inputRequests'], link, options)
  const state = member(raw.value, 'requestState')
  const keys = isObject(raw.value['inputRequests']) ? Object.keys(raw.value['inputRequests']) : []
  const own = {
    server: link.server,
    call: departure.call.id,
    keys,
    ...(typeof state === 'string' ? { state } : {}),
  }
  const kept = departure.era === 'legacy' ? state : seal.close(own, departure)
  const text = printExact({
    resultType: 'input_required',
    ...(inputRequests === undefined ? {} : { inputRequests }),
    ...(typeof state === 'string' ? { requestState: kept } : {}),
  })
  return { kind: 'result', text, outcome: 'input_required', asks }
}

/** What it asks for, as the agent may hear it. @throws GuardError ERR_UPSTREAM_UNUSABLE where it may not */
function heardOf(requests: Exact, { server }: Link, { overhear }: DepartureOptions): Exact {
  const shown = overhear.text(server, printExact(requests ?? {}))
  if (shown === undefined)
    throw new GuardError('ERR_UPSTREAM_UNUSABLE', `what \`${server}\` asks for may not be shown`)
  return requests === undefined ? undefined : parseExact(shown)
}

/** What an `input_required` result asks for; what the agent cannot be asked, or must not be, counts as unknown. */
function asksOf(
  value: JsonObject,
  { errand, capabilities }: Way,
): readonly (UpstreamRequest | 'unknown')[] {
  const requests = value['inputRequests']
  if (requests === undefined) return []
  if (!isObject(requests)) return UNKNOWN_ASK
  const allowed = capabilities()
  return Object.values(requests).map((request) => {
    const kind = isObject(request) ? kindOf(request['method']) : undefined
    if (kind === undefined || !isObject(request)) return 'unknown'
    const params = request['params']
    if (!Object.hasOwn(allowed, kind) || !declares(errand.declared, kind, params)) return 'unknown'
    return isImproper(kind, params) ? 'unknown' : kind
  })
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
