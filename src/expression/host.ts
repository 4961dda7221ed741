/** Host names as DNS and URLs carry them (RFC 1123, LDH labels), and the lists of them that a mandate permits. */
import type { Problems } from '../model/document.ts'
import type { Json } from '../model/json.ts'
import { parseAddress } from './address.ts'
import { clause, type ClauseParser, TAKES, textSteps } from './clause.ts'
import { listed, type PlacedText, textsOf } from './reader.ts'

export interface HostList {
  readonly describe: string
  /** `host` is in lower case, as `readHost` gives it. */
  readonly includes: (host: string) => boolean
}

const NAME = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
/** Already in lower case, and no address: its last label begins with a letter. Most hosts are read by this and no other. */
const PLAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/
/** A last label that URL parsers take for part of a number: `127.1`, `0x7f`, `1.2.3.4`. */
const NUMERIC = /(?:^|\.)(?:\d+|0x[0-9a-f]*)$/

/**
 * The host in lower case: a name without a trailing dot, a canonical IPv4 address, or a canonical IPv6 address in
 * brackets. Every other spelling is undefined.
 */
export function readHost(text: string): string | undefined {
  if (text.length > 253) return undefined
  if (PLAIN.test(text)) return text
  if (text.startsWith('['))
    return text.endsWith(']') && parseAddress(text.slice(1, -1))?.version === 6 ? text : undefined
  const host = text.toLowerCase()
  // Lower case maps some letters outside ASCII into it: the Kelvin sign becomes k.
  if (host.length !== text.length || !/^[!-~]+$/.test(text) || !NAME.test(host)) return undefined
  if (NUMERIC.test(host)) return parseAddress(host)?.version === 4 ? host : undefined
  return host
}

/** Reads a list of hosts; `*.acme.example` stands for every name below acme.example, not for itself. */
export function hostsOf(texts: readonly PlacedText[], problems: Problems): HostList | undefined {
  const exact = new Set<string>()
  const below: string[] = []
  let good = true
  for (const { text, node } of texts) {
    const wild = text.startsWith('*.')
    const host = readHost(wild ? text.slice(2) : text)
    if (host === undefined || (wild && parseAddress(host))) {
      problems.error(
        node,
        'invalid_host',
        `\`${text}\` is no host name`,
        'write `api.example.com` or `*.example.com`: no port, no trailing dot, other scripts in punycode',
      )
      good = false
    } else if (wild) below.push(`.${host}`)
    else exact.add(host)
  }
  if (!good) return undefined
  const describe = listed(texts.map((item) => item.text))
  if (below.length === 0) return { describe, includes: (host) => exact.has(host) }
  const isBelow = (host: string): boolean => {
    for (const end of below) if (host.endsWith(end)) return true
    return false
  }
  return { describe, includes: (host) => exact.has(host) || isBelow(host) }
}

/** `host: api.example.com`, or a list. */
export const host: ClauseParser = (node, { problems }) => {
  const texts = textsOf(node, problems)
  const hosts = texts && hostsOf(texts, problems)
  if (!hosts) return undefined
  const holds = (value: Json): boolean => {
    const found = typeof value === 'string' ? readHost(value) : undefined
    return found !== undefined && hosts.includes(found)
  }
  const describe = `is the host ${hosts.describe}`
  return { ...clause('host', describe, TAKES.text, holds), cost: textSteps(40, 8) }
}
