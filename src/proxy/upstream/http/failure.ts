/** What went wrong over HTTP, as a fault of the house: what an operator can act on, and whether the request had left. */
import { type FaultCode, GuardError } from '../../../model/error.ts'
import { headerOf, type ResponseHeaders } from './exchange.ts'

const WORDS: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'refuses the connection'],
  ['ENOTFOUND', 'has a host name that cannot be resolved'],
  ['EAI_AGAIN', 'has a host name that cannot be resolved'],
  ['EHOSTUNREACH', 'cannot be reached over the network'],
  ['ENETUNREACH', 'cannot be reached over the network'],
  ['ETIMEDOUT', 'does not accept a connection in time'],
  ['UND_ERR_CONNECT_TIMEOUT', 'does not accept a connection in time'],
  ['UND_ERR_HEADERS_OVERFLOW', 'answered with more headers than the guard reads'],
  ['UND_ERR_HEADERS_TIMEOUT', 'does not answer in time'],
  ['UND_ERR_BODY_TIMEOUT', 'does not answer in time'],
  ['UND_ERR_INVALID_ARG', 'cannot be asked: a header or the path is not well-formed'],
])

const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_SSL|ERR_TLS/
const CODE = /^[A-Z][A-Z0-9_]{1,63}$/

/** The request did not reach the other end (`left` false), or broke off after it may have; what is known already stays. */
export function brokenOff(server: string, error: unknown, left: boolean): GuardError {
  if (error instanceof GuardError) return error
  const code = codeOf(error)
  const why = `\`${server}\` ${wordsFor(code, left)}${code === undefined ? '' : ` (${code})`}`
  return new GuardError(left ? 'ERR_UPSTREAM_LOST' : 'ERR_UPSTREAM_DOWN', why)
}

function wordsFor(code: string | undefined, left: boolean): string {
  const known = code === undefined ? undefined : WORDS.get(code)
  if (known !== undefined) return known
  if (code !== undefined && CERTIFICATE.test(code)) return 'has a certificate that is not accepted'
  return left ? 'broke the connection off before it had answered' : 'cannot be connected to'
}

/** Codes are Node's and undici's own; whatever else stands in an error may be what the other end wrote. */
function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && CODE.test(code) ? code : undefined
}

/** Statuses that say that the request was not carried out: it is the other end's word alone, and the request had left. */
const NOT_DONE: ReadonlySet<number> = new Set([
  301, 302, 307, 308, 400, 404, 405, 406, 411, 413, 414, 415, 421, 426, 428, 429, 431,
])

export function isDenial(status: number): boolean {
  return status === 401 || status === 403
}

export function denied(server: string, status: number): GuardError {
  return new GuardError(
    'ERR_UPSTREAM_DENIED',
    `\`${server}\` does not take the credentials that it is sent (HTTP ${status})`,
  )
}

/** A status other than success, with nothing in the body that answers the request. */
export function badStatus(server: string, status: number, headers: ResponseHeaders): GuardError {
  if (isDenial(status)) return denied(server, status)
  const code = NOT_DONE.has(status) ? 'ERR_UPSTREAM_REFUSED' : 'ERR_UPSTREAM_LOST'
  return said(code, server, { status, headers })
}

/** The same of what only asks for a way in: no request has left yet. */
export function noWayIn(server: string, status: number, headers: ResponseHeaders): GuardError {
  if (isDenial(status)) return denied(server, status)
  const code = NOT_DONE.has(status) ? 'ERR_UPSTREAM_DOWN' : 'ERR_UPSTREAM_LOST'
  return said(code, server, { status, headers })
}

function said(
  code: FaultCode,
  server: string,
  { status, headers }: { readonly status: number; readonly headers: ResponseHeaders },
): GuardError {
  if (status >= 300 && status < 400)
    return new GuardError(
      code,
      `\`${server}\` redirects${elsewhere(headers)} (HTTP ${status}), and no redirect is followed: name the right address in mcp.json`,
    )
  return new GuardError(code, `\`${server}\` answered with HTTP ${status}`)
}

/** The origin alone: a path or a query may hold what nobody else should see. */
function elsewhere(headers: ResponseHeaders): string {
  const location = headerOf(headers, 'location')
  if (location === undefined || !URL.canParse(location)) return ''
  const { origin } = new URL(location)
  return /^https?:\/\/[\w.:[\]-]{1,255}$/.test(origin) ? ` to ${origin}` : ''
}

/** It was sent, and what came back is no answer. */
export function noAnswer(server: string, what: string): GuardError {
  return new GuardError('ERR_UPSTREAM_LOST', `\`${server}\` ${what}`)
}
