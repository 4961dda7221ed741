/** Parts of an entry that repeat from one to the next: each is written once and used again while it says the same. */
import type { CallContext } from '../model/call.ts'
import { canonical, type Json } from '../model/json.ts'
import type { Acting, RequestFacts } from '../model/record.ts'
import { withoutSecrets } from '../model/secret-shape.ts'

/** Longest method or server, and longest name or URI, in UTF-16 code units. */
export const LONGEST_WORD = 256
export const LONGEST_NAME = 2048
const REMEMBERED_REQUESTS = 512

/** Who acts: the agent of the head, or whom the call names instead; undefined where there is neither. */
export function principalWriter(
  head: Partial<Acting>,
): (of?: CallContext['principal']) => string | undefined {
  const { agent: name, assurance: known } = head
  const own =
    name === undefined || known === undefined
      ? undefined
      : canonical({ agent: name, assurance: known })
  return (of) => {
    if (of === undefined) return own
    const { agent, assurance, onBehalfOf } = of
    if (onBehalfOf === undefined && agent === head.agent && assurance === head.assurance) return own
    const who = { agent, assurance }
    return canonical(onBehalfOf === undefined ? who : { ...who, on_behalf_of: onBehalfOf })
  }
}

/** What a decision could read beside the request. */
export function stateWriter(): (call: CallContext) => string {
  let last: CallContext | undefined
  let text = ''
  return (call) => {
    const { environment, risk, session } = call
    const same = last?.session === session && last.environment === environment && last.risk === risk
    if (!same) text = canonical({ environment, risk, labels: session.labels, task: session.id })
    last = call
    return text
  }
}

interface WrittenRequest {
  readonly request: RequestFacts
  readonly text: string
}

/** Requests for a tool repeat, and what is on record of them does not depend on their arguments. */
export function requestWriter(): (request: RequestFacts, erased: string[]) => string {
  const known = new Map<string, WrittenRequest>()
  return (request, erased) => {
    const { definition } = request
    if (definition === undefined) return traced(request, requestText(request, erased), erased)
    const found = known.get(definition)
    if (found !== undefined && sameRequest(found.request, request))
      return traced(request, found.text, erased)
    const before = erased.length
    const text = requestText(request, erased)
    if (erased.length > before) return traced(request, text, erased)
    if (known.size >= REMEMBERED_REQUESTS) known.clear()
    known.set(definition, { request, text })
    return traced(request, text, erased)
  }
}

/** W3C Trace Context, section 3.2: of anything else that an agent puts there nothing is said. */
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/

/** Of every request its own; the last of its members in canonical order. */
function traced({ traceparent }: RequestFacts, text: string, erased: string[]): string {
  if (traceparent === undefined) return text
  if (TRACEPARENT.test(traceparent)) return `${text.slice(0, -1)},"traceparent":"${traceparent}"}`
  erased.push('request.traceparent')
  return text
}

const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*:/

/** The URI that a request is about, which is an argument and not the name of anything; undefined where there is none. */
export function uriOf({ method, name }: RequestFacts): string | undefined {
  if (name === undefined || method.startsWith('tools/') || method.startsWith('prompts/'))
    return undefined
  return method.startsWith('resources/') || SCHEME.test(name) ? name : undefined
}

function sameRequest(a: RequestFacts, b: RequestFacts): boolean {
  return (
    a.name === b.name &&
    a.server === b.server &&
    a.method === b.method &&
    a.era === b.era &&
    a.effects === b.effects &&
    a.continues === b.continues
  )
}

function requestText(request: RequestFacts, erased: string[]): string {
  const { era, method, server, name, definition, effects } = request
  const members: Record<string, Json> = { era }
  members['method'] = worded(method, { path: 'request.method', longest: LONGEST_WORD }, erased)
  if (server !== undefined)
    members['server'] = worded(server, { path: 'request.server', longest: LONGEST_WORD }, erased)
  if (name !== undefined && uriOf(request) === undefined)
    members['name'] = worded(name, { path: 'request.name', longest: LONGEST_NAME }, erased)
  if (definition !== undefined) members['definition'] = definition
  if (effects !== undefined) members['effects'] = effects
  if (request.continues !== undefined) members['continues'] = request.continues
  return canonical(members)
}

function worded(
  text: string,
  as: { readonly path: string; readonly longest: number },
  erased: string[],
): string {
  const shown = withoutSecrets(cutText(text, as.longest))
  if (shown !== text) erased.push(as.path)
  return shown
}

/** RFC 3339 in UTC with milliseconds. The second is written once for all entries of it. */
export function timeWriter(): (at: number) => string {
  let second = Number.NaN
  let prefix = ''
  return (at) => {
    const whole = Math.floor(at / 1000)
    if (whole !== second) {
      const text = new Date(whole * 1000).toISOString()
      if (text.length !== '2026-01-01T00:00:00.000Z'.length)
        throw new RangeError('RFC 3339 has years of four digits')
      prefix = text.slice(0, 20)
      second = whole
    }
    const ms = at - whole * 1000
    return `${prefix}${ms < 10 ? '00' : ms < 100 ? '0' : ''}${ms}Z`
  }
}

/** As JSON text, well-formed whatever the text is. */
export function quoted(text: string): string {
  return JSON.stringify(text)
}

/** @throws RangeError for a number that is not finite, which JSON cannot say. */
export function numeral(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError('JSON has no number that is not finite')
  return String(value)
}

/** A number of thousandths as JSON prints it; whole numbers print many times faster than fractions do. */
export function thousandths(value: number): string {
  const all = Math.round(value * 1000)
  const whole = Math.trunc(all / 1000)
  const rest = all - whole * 1000
  if (rest <= 0 || !Number.isSafeInteger(all)) return numeral(all / 1000)
  const digits = rest % 100 === 0 ? rest / 100 : rest % 10 === 0 ? rest / 10 : rest
  const zeros = rest < 10 ? '00' : rest < 100 ? '0' : ''
  return `${whole}.${zeros}${digits}`
}

/** Never ends in half a surrogate pair. */
export function cutText(text: string, longest: number): string {
  if (text.length <= longest) return text
  const last = text.charCodeAt(longest - 1)
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? longest - 1 : longest)
}
