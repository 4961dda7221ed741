/** The way out: a judged call becomes a request of the upstream's own era and names, and its answer comes back whole. */
import type { CompiledMandate } from '../model/authority.ts'
import type { UpstreamRequest } from '../model/call.ts'
import { GuardError } from '../model/error.ts'
import { isObject, member, type Json, type JsonObject } from '../model/json.ts'
import type { UpstreamAnswer } from '../model/port.ts'
import type { Departure, ForwardPort } from '../pipeline/port.ts'
import { asksForSecrets } from './elicitation.ts'
import { bridgedResult, nextMeta, progressToken, type Dress } from './envelope.ts'
import { META, notificationFrame, type Self } from './protocol.ts'
import { CAPABILITY, type Session } from './session.ts'
import type { Agreement, Wish } from './upstream/handshake.ts'
import type { Link } from './upstream/link.ts'
import type { ProgressListener, RawAnswer } from './upstream/pending.ts'

/** `cancelled`: nothing left. `called_off`: it had left, and the upstream was told. */
type Called = 'cancelled' | 'called_off'

export interface DepartureOptions {
  readonly links: ReadonlyMap<string, Link>
  readonly session: Session
  readonly self: Self
  readonly mandate: CompiledMandate
  readonly wish: (server: string) => Wish
  readonly sendToAgent: (frame: string) => void
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
  return link
    .connect(options.wish(link.server))
    .then((agreed) => depart(departure, { link, agreement: agreed }, options))
}

function depart(
  departure: Departure,
  { link, agreement }: { readonly link: Link; readonly agreement: Agreement },
  options: DepartureOptions,
): Promise<UpstreamAnswer | Called> {
  if (departure.cancelled.aborted) return Promise.resolve('cancelled')
  const { inputResponses, requestState } = departure.params
  const answersBack = inputResponses !== undefined || requestState !== undefined
  if (agreement.era === 'legacy' && answersBack) {
    throw new GuardError(
      'ERR_UPSTREAM_DOWN',
      `\`${link.server}\` is of another era: it never asked back`,
    )
  }
  if (agreement.era === 'modern' && departure.method === 'resources/subscribe') {
    const why = `\`${link.server}\` is of another era: subscriptions do not cross eras`
    throw new GuardError('ERR_UPSTREAM_DOWN', why)
  }
  const plain = agreement.era === 'legacy' && departure.params['_meta'] === undefined
  const hop = plain ? undefined : hopOf(departure, link, agreement, options)
  const sent = link.send(departure.method, (id) => paramsText(departure, hop?.(id)), {
    progress: plain ? undefined : progressTo(departure, options),
  })
  departure.cancelled.onAbort(() => link.cancel(sent.id))
  const capabilities = (): JsonObject => offeredTo(departure, link, options)
  return sent.answer.then((raw) =>
    raw === 'cancelled' ? 'called_off' : answered(raw, { departure, agreement, capabilities }),
  )
}

/** The `_meta` of the next hop, once the id of the request is known. */
function hopOf(
  departure: Departure,
  link: Link,
  agreement: Agreement,
  options: DepartureOptions,
): (id: number) => JsonObject | undefined {
  const dress: Dress = { era: agreement.era, version: agreement.version, self: options.self }
  const capabilities = offeredTo(departure, link, options)
  const wanted = progressToken(departure.params) !== undefined
  return (id) =>
    nextMeta(departure.params, dress, { ...(wanted ? { token: id } : {}), capabilities })
}

function progressTo(
  { params }: Departure,
  { sendToAgent }: DepartureOptions,
): ProgressListener | undefined {
  const token = progressToken(params)
  if (token === undefined) return undefined
  return {
    token,
    hear: (heard) => sendToAgent(notificationFrame('notifications/progress', heard)),
  }
}

/** What of the agent's capabilities this upstream is told of. */
function offeredTo(departure: Departure, link: Link, options: DepartureOptions): JsonObject {
  const declared = declaredBy(departure, options.session)
  return options.session.offered(declared, (kind) =>
    options.mandate.permitsRequest(link.server, kind),
  )
}

/** A modern agent says with every request what it can be asked for; a legacy one said so once. */
function declaredBy({ era, params }: Departure, session: Session): JsonObject {
  if (era === 'legacy') return session.capabilities
  const meta = member(params, '_meta')
  const declared = isObject(meta) ? meta[META.capabilities] : undefined
  return isObject(declared) ? declared : {}
}

/** The judged values, written anew; nothing of the original bytes is passed on. */
function paramsText(departure: Departure, meta: JsonObject | undefined): string {
  const { params, call } = departure
  if (meta === undefined && departure.method === 'tools/call' && call.resource.kind === 'tool') {
    const name = JSON.stringify(call.resource.name)
    const args = params['arguments']
    // The commonest request by far, without a copy; retry members exist only in the modern era, which has a meta.
    return args === undefined
      ? `{"name":${name}}`
      : `{"name":${name},"arguments":${JSON.stringify(args)}}`
  }
  const next: Record<string, Json> = {}
  for (const [key, value] of Object.entries(params)) {
    if (key !== '_meta') next[key] = value
  }
  rename(next, departure)
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

interface Way {
  readonly departure: Departure
  readonly agreement: Agreement
  /** What the upstream was told it may ask for. */
  readonly capabilities: () => JsonObject
}

function answered(raw: RawAnswer, { departure, agreement, capabilities }: Way): UpstreamAnswer {
  if (raw.part === 'error') {
    // An error can ask as well: for a visit to an address of the upstream's choosing.
    const asks = raw.value['code'] === URL_ELICITATION ? { asks: UNKNOWN_ASK } : {}
    return { kind: 'error', text: raw.text, outcome: 'error', ...asks }
  }
  const type = raw.value['resultType']
  if (type !== undefined && type !== 'complete') {
    // An answer that asks back exists between two modern ends only; elsewhere nothing of it is handed on.
    const mutual = departure.era === 'modern' && agreement.era === 'modern'
    const asks =
      mutual && type === 'input_required' ? asksOf(raw.value, capabilities()) : UNKNOWN_ASK
    return { kind: 'result', text: raw.text, outcome: 'input_required', asks }
  }
  const text = bridgedResult(raw.text, raw.value, departure.method, departure.era)
  return {
    kind: 'result',
    text,
    outcome: raw.value['isError'] === true ? 'tool_error' : 'complete',
  }
}

/** MCP 2025-11-25: URL elicitation required. */
const URL_ELICITATION = -32_042
const UNKNOWN_ASK = ['unknown'] as const
const KINDS: ReadonlyMap<Json | undefined, UpstreamRequest> = new Map([
  ['elicitation/create', 'elicitation'],
  ['sampling/createMessage', 'sampling'],
  ['roots/list', 'roots'],
])

/** What an `input_required` result asks for; what the agent did not declare, or a secret, counts as unknown. */
function asksOf(
  value: JsonObject,
  capabilities: JsonObject,
): readonly (UpstreamRequest | 'unknown')[] {
  const requests = value['inputRequests']
  if (requests === undefined) return []
  if (!isObject(requests)) return UNKNOWN_ASK
  return Object.values(requests).map((request) => {
    if (!isObject(request)) return 'unknown'
    const kind = KINDS.get(request['method'])
    if (kind === undefined || !isObject(capabilities[CAPABILITY[kind]])) return 'unknown'
    return kind === 'elicitation' && asksForSecrets(request['params']) ? 'unknown' : kind
  })
}
