/**
 * Who may speak to an HTTP listener at all, by what stands in the head of a request: looked at before its body is read,
 * on every path alike (MCP, Streamable HTTP, Security; DNS rebinding).
 */
import type { IncomingMessage } from 'node:http'
import { hostNamed, LOOPBACK_NAMES } from '../../../model/host-header.ts'

export interface GateRules {
  /** Host names under which the listener is reached beside the loopback ones, in lower case. */
  readonly hosts: ReadonlySet<string>
  /** Web origins that may use it, as browsers write them. */
  readonly origins: ReadonlySet<string>
  /** Listening on this machine alone: its names for itself, and pages that it serves itself, are welcome. */
  readonly loopback: boolean
}

/** A refusal in the words of HTTP. */
export interface HttpRefusal {
  readonly status: number
  /** From a closed set: never holds what was sent. */
  readonly why: string
  readonly headers?: Readonly<Record<string, string>>
  /** Of the error of JSON-RPC beside it; that of an invalid request unless said. */
  readonly code?: number
}

export type Path = '/mcp' | '/healthz' | '/readyz'
const PATHS: readonly Path[] = ['/mcp', '/healthz', '/readyz']

/** The path that a request is for; or why it may not be made. */
export function gate(request: IncomingMessage, rules: GateRules): Path | HttpRefusal {
  const fault = originFault(request, rules)
  if (fault !== undefined) return { status: 403, why: fault }
  const target = targetOf(request)
  const path = PATHS.find((known) => known === target)
  // Whoever looks after the process knows it by an address of its own; what it hears there is no secret.
  if (path === '/healthz' || path === '/readyz') return path
  const host = hostFault(request, rules)
  if (host !== undefined) return { status: 403, why: host }
  return path ?? { status: 404, why: 'there is nothing at this path' }
}

/** RFC 9112 section 3.2.2: a target may be a whole address, and then names the host that `Host` names. */
function targetOf({ url = '', headers }: IncomingMessage): string {
  const [, host, path] = /^http:\/\/([^/?#@]{1,255})(\/[^?#]*)$/i.exec(url) ?? []
  return host !== undefined && path !== undefined && host === headers.host ? path : url
}

function hostFault({ headers, rawHeaders }: IncomingMessage, rules: GateRules): string | undefined {
  const { host } = headers
  if (host === undefined || count(rawHeaders, 'host') !== 1) return 'one `Host` header is due'
  const name = hostNamed(host)
  if (name === undefined) return 'the `Host` header is no host'
  const known = rules.hosts.has(name) || (rules.loopback && LOOPBACK_NAMES.has(name))
  return known ? undefined : 'the `Host` header names another host'
}

/** A browser says where its page came from; other clients say nothing. */
function originFault(
  { headers, rawHeaders }: IncomingMessage,
  rules: GateRules,
): string | undefined {
  const { origin } = headers
  if (origin === undefined) return undefined
  if (count(rawHeaders, 'origin') !== 1) return 'there are two `Origin` headers'
  if (rules.origins.has(origin)) return undefined
  const url = URL.canParse(origin) ? new URL(origin) : undefined
  // What a browser would not write is not understood.
  if (url?.origin !== origin || !/^https?:$/.test(url.protocol)) return 'the origin is not known'
  const own = rules.loopback && LOOPBACK_NAMES.has(url.hostname)
  return own ? undefined : 'pages of this origin may not use the guard'
}

function count(rawHeaders: readonly string[], name: string): number {
  let found = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const raw = rawHeaders[at]
    if (raw?.length === name.length && raw.toLowerCase() === name) found += 1
  }
  return found
}

const BEARER = /^bearer ([\w.~+/-]{1,512}={0,2})$/i

/** The key that a request presents: undefined where it presents nothing, empty where that is no key (RFC 6750 section 2.1). */
export function presentedKey({ headers, rawHeaders }: IncomingMessage): string | undefined {
  if (headers.authorization === undefined) return undefined
  const once = count(rawHeaders, 'authorization') === 1
  return (once && BEARER.exec(headers.authorization)?.[1]) || ''
}

/** What is wrong with the form in which a message comes or its answer is wanted. */
export function formFault(request: IncomingMessage, maxBytes: number): HttpRefusal | undefined {
  const { headers } = request
  const type = headers['content-type'] ?? ''
  if (!/^application\/json *(?:; *charset="?utf-8"? *)?$/i.test(type))
    return { status: 415, why: 'a message is `application/json` in UTF-8' }
  const coded = !/^(?:identity)?$/i.test(headers['content-encoding'] ?? '')
  if (coded || !/^(?:chunked)?$/i.test(headers['transfer-encoding'] ?? ''))
    return { status: 415, why: 'a message is not compressed' }
  if (!acceptsBoth(headers.accept))
    return {
      status: 406,
      why: 'answers are `application/json` or `text/event-stream`: accept both',
    }
  if (Number(headers['content-length'] ?? 0) > maxBytes) return TOO_LARGE
  return undefined
}

export const TOO_LARGE: HttpRefusal = {
  status: 413,
  why: 'the message is too large',
  headers: { connection: 'close' },
}

/** What was found out about values of `Accept`: each client says the same with every request. */
const known = new Map<string | undefined, boolean>()
const MOST_KNOWN = 64
const LONGEST_KNOWN = 256

function acceptsBoth(accept: string | undefined): boolean {
  const before = known.get(accept)
  if (before !== undefined) return before
  const both = accepts(accept, 'application/json') && accepts(accept, 'text/event-stream')
  if (known.size < MOST_KNOWN && (accept?.length ?? 0) <= LONGEST_KNOWN) known.set(accept, both)
  return both
}

/** RFC 9110 section 12.5.1; a quality of 0 takes a type back. */
export function accepts(accept: string | undefined, type: string): boolean {
  if (accept === undefined) return true
  const [major = ''] = type.split('/')
  return accept.split(',').some((item) => {
    const [range = '', ...parameters] = item.split(';').map((part) => part.trim().toLowerCase())
    if (parameters.some((one) => /^q=0(?:\.0{0,3})?$/.test(one))) return false
    return range === type || range === `${major}/*` || range === '*/*'
  })
}
