/** Hosts in URLs that are this machine, whatever is asked to resolve them (RFC 6761 §6.3, RFC 8252 §8.3). */

const LOOPBACK = /^(?:127\.\d+\.\d+\.\d+|\[::1\]|(?:[\w-]+\.)*localhost\.?)$/

/** `hostname` as a parser of URLs writes it. */
export function isLoopbackHost(hostname: string): boolean {
  return LOOPBACK.test(hostname)
}
