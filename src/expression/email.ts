/** E-mail addresses: the plain `local@domain` of RFC 5321, and nothing that a mail program reads more into. */
import type { Problems } from '../model/document.ts'
import type { Json } from '../model/json.ts'
import { parseAddress } from './address.ts'
import { clause, type ClauseParser, TAKES, textSteps } from './clause.ts'
import { hostsOf, readHost } from './host.ts'
import { listed, membersOf, type PlacedText, textsOf } from './reader.ts'

export interface Email {
  /** As written: who receives the mail decides whether case matters in it. */
  readonly local: string
  /** In lower case. */
  readonly domain: string
}

/**
 * The dot-atoms (RFC 5322) that people have: letters, digits and `_ + ' -`. The other characters are read as something
 * else by some mail program: `%` and `!` as routes, `=?…?=` as an encoded word, `|` and `/` as a command or a file, `&` as
 * an encoding, a leading `-` as an option.
 */
const LOCAL = /^[A-Za-z0-9_](?:[A-Za-z0-9_+'-]*)(?:\.[A-Za-z0-9_+'-]+)*$/

/**
 * Reads one address: no display name, group, comment, quoting, white space, percent or bang routes, address
 * literals, nor letters outside ASCII.
 */
export function readEmail(text: string): Email | undefined {
  const at = text.indexOf('@')
  if (at < 1 || at > 64 || text.length > 254) return undefined
  const local = text.slice(0, at)
  const domain = readHost(text.slice(at + 1))
  if (domain === undefined || !LOCAL.test(local)) return undefined
  return isAddress(domain) ? undefined : { local, domain }
}

/** Of a host that was read: only an address ends in a digit without being a name, or in a bracket. */
function isAddress(host: string): boolean {
  const last = host.charCodeAt(host.length - 1)
  if (last > NINE && last !== BRACKET) return false
  return host.startsWith('[') || parseAddress(host) !== undefined
}

const NINE = 0x39
const BRACKET = 0x5d

/** `email: { domain: [acme.example], address: [bob@acme.example] }`; given both, both must hold. */
export const email: ClauseParser = (node, { problems }) => {
  const members = membersOf(node, ['domain', 'address'], problems)
  if (!members) return undefined
  const domainNode = members.get('domain')
  const addressNode = members.get('address')
  const domainTexts = domainNode && textsOf(domainNode, problems)
  const addressTexts = addressNode && textsOf(addressNode, problems)
  const domains = domainTexts && hostsOf(domainTexts, problems)
  const addresses = addressTexts && addressesOf(addressTexts, problems)
  if ((domainNode && !domains) || (addressNode && !addresses)) return undefined
  const outside = addressTexts?.find(
    ({ text }) => domains && !domains.includes(readEmail(text)?.domain ?? ''),
  )
  if (outside) {
    problems.error(
      outside.node,
      'impossible_value',
      `\`${outside.text}\` lies in none of the domains listed beside it`,
      'name its domain too, or remove `domain`: given both, both must hold',
    )
    return undefined
  }
  const ofDomain = domains ? ` at ${domains.describe}` : ''
  const ofAddress = addressTexts ? ` ${listed(addressTexts.map((item) => item.text))}` : ''
  const holds = (value: Json): boolean => {
    const found = typeof value === 'string' ? readEmail(value) : undefined
    if (!found) return false
    if (domains && !domains.includes(found.domain)) return false
    return !addresses || addresses.has(`${found.local}@${found.domain}`)
  }
  const describe = `is the e-mail address${ofAddress}${ofDomain}`
  return { ...clause('email', describe, TAKES.text, holds), cost: textSteps(40, 8) }
}

function addressesOf(
  texts: readonly PlacedText[],
  problems: Problems,
): ReadonlySet<string> | undefined {
  const all = new Set<string>()
  for (const { text, node } of texts) {
    const found = readEmail(text)
    if (found) all.add(`${found.local}@${found.domain}`)
    else
      problems.error(
        node,
        'invalid_address',
        `\`${text}\` is no plain e-mail address`,
        'write it like `bob@acme.example`, without a name around it',
      )
  }
  return all.size < texts.length ? undefined : all
}
