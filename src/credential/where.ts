/**
 * Where a login may lead. Metadata names addresses, and whoever writes it could name any: what is not behind TLS, or what
 * listens on the operator's own machine (MCP 2026-07-28, Communication Security; RFC 9728 §7.7).
 */
import { GuardError } from '../model/error.ts'
import { isLoopbackHost } from '../model/loopback.ts'
import type { Fetch } from '../model/port.ts'

/** @throws GuardError ERR_LOGIN_REFUSED for an address that is not gone to on account of this upstream */
export function mayLeadTo(target: string | URL, upstream: URL): URL {
  const url = new URL(target)
  const why = refusal(url, upstream)
  if (why === undefined) return url
  // Nothing of its path or query: they may be anybody's.
  const where = /^[\w.:[\]-]{1,255}$/.test(url.host) ? ` ${url.host}` : ''
  throw new GuardError('ERR_LOGIN_REFUSED', `the login leads to${where}, which ${why}`)
}

/**
 * Whatever else reaches this machine: the unspecified address, and IPv4 in IPv6, as a parser of URLs writes them. And what is
 * reached on this link alone, where machines in a cloud keep what they are lent.
 */
const NEAR =
  /^(?:0\.0\.0\.0|\[::\]|\[::ffff:(?:7f[\da-f]{2}:[\da-f]{1,4}|0:0|a9fe:[\da-f]{1,4})\]|169\.254\.\d+\.\d+|\[fe[89ab][\da-f]:[\da-f:]*\])$/

function refusal(url: URL, upstream: URL): string | undefined {
  const { protocol, hostname } = url
  if (protocol !== 'https:' && protocol !== 'http:') return 'is no address of the web'
  if (url.username !== '' || url.password !== '') return 'is an address with a password in it'
  const local = isLoopbackHost(upstream.hostname)
  if ((isLoopbackHost(hostname) && !local) || NEAR.test(hostname)) return 'is this machine'
  if (protocol === 'https:') return undefined
  if (upstream.protocol !== 'http:' || local !== isLoopbackHost(hostname))
    return 'is not reached over https'
  return undefined
}

/** Asks nobody to whom a login at this upstream may not lead. */
export function fetchFor(upstream: string, fetch: Fetch): Fetch {
  return async (url, init) => fetch(mayLeadTo(url, new URL(upstream)), init)
}
