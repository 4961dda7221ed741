/** Names and addresses of hosts, as settings write them. */
import { isIP } from 'node:net'

/** True for an address or a name that a listener can be bound to. */
export function isHost(text: string): boolean {
  return isIP(text) !== 0 || isName(text.toLowerCase())
}

export function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 65_535
}

/** A host as it stands in a `Host` header, in lower case and without a port. */
export function isName(text: string): boolean {
  const inner = /^\[(.+)\]$/.exec(text)?.[1]
  if (inner !== undefined) return isIP(inner) === 6
  return /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/.test(text)
}

/** A web origin as browsers write it (RFC 6454 section 6.2). */
export function isOrigin(text: string): boolean {
  return /^https?:\/\//.test(text) && URL.canParse(text) && new URL(text).origin === text
}

/** True where only this machine can reach what listens there. */
export function isLoopback(host: string): boolean {
  if (isIP(host) === 4) return host.startsWith('127.')
  return host.toLowerCase() === 'localhost' || host === '::1'
}

/** An address or a name as it stands in a `Host` header. */
export function hostInHeader(host: string): string {
  return host.includes(':') ? `[${host.toLowerCase()}]` : host.toLowerCase()
}
