/** Reads an entry of `mcp.json` for a server that is reached by URL: its address, and the headers that go with it. */
import type { DocEntry, DocMap, DocNode, Place } from '../model/document.ts'
import { hasAuthorization, type LoginSettings } from '../model/login.ts'
import { isLoopbackHost } from '../model/loopback.ts'
import { isSecretName } from '../model/secret-name.ts'
import { withoutSecrets } from '../model/secret-shape.ts'
import {
  find,
  readSwitch,
  readText,
  secretInClear,
  warnSecret,
  wrongType,
  type Reading,
} from './entry-member.ts'
import { readOauth } from './oauth-entry.ts'

/** `auto`: Streamable HTTP, and HTTP+SSE where nothing newer is spoken. */
export type Transport = 'auto' | 'streamable' | 'sse'

export interface ReadAddress {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly transport: Transport
  readonly oauth?: LoginSettings
}

/** The names under which clients keep an address. */
export const ADDRESS_MEMBERS: readonly string[] = ['url', 'serverUrl', 'httpUrl']

/** What clients call the transports. */
export const TRANSPORTS: ReadonlyMap<unknown, Transport> = new Map<unknown, Transport>([
  [undefined, 'auto'],
  ['http', 'auto'],
  ['streamable-http', 'streamable'],
  ['streamableHttp', 'streamable'],
  ['streamable_http', 'streamable'],
  ['sse', 'sse'],
])

/** Undefined when an error was reported. */
export function readAddress(
  node: DocMap,
  place: Place,
  transport: Transport,
  reading: Reading,
): ReadAddress | undefined {
  const [found, second] = node.entries.filter(({ key }) => ADDRESS_MEMBERS.includes(key))
  const { problems, server } = reading
  if (!found) {
    const message = `the server \`${server}\` has no \`url\``
    problems.error({ place }, 'missing_url', message, 'add `url`, the address it is reached at')
    return undefined
  }
  if (second) {
    const message = `the server \`${server}\` has both \`${found.key}\` and \`${second.key}\``
    problems.error({ place: second.keyPlace }, 'two_addresses', message, 'keep one of the two')
    return undefined
  }
  const insecure = readSwitch(node, 'insecure', reading)
  const url = readUrl(found, insecure === true, reading)
  const headers = readHeaders(node, reading)
  const oauth = readOauth(node, reading)
  if (insecure === undefined || url === undefined || !headers || oauth === null) return undefined
  if (oauth && hasAuthorization(headers)) warnHeaderWins(node, reading)
  return { url, headers, transport, ...(oauth && { oauth }) }
}

function warnHeaderWins(node: DocMap, { problems, server }: Reading): void {
  const at = node.entries.find(({ key }) => key === 'oauth')
  const message = `\`${server}\` has both \`oauth\` and an \`Authorization\` header: the header is sent, and no login`
  problems.warning(
    { place: at?.keyPlace ?? node.place },
    'header_wins',
    message,
    'keep one of the two',
  )
}

const HTTP = /^https?:$/
/** What a parser of URLs would drop, or take for something else. */
const ODD = /[\s\p{C}\\]/u
/** Names and IPv4 addresses, or an IPv6 address in brackets, as a parser writes them. */
const HOST = /^(?:[a-z0-9_](?:[a-z0-9._-]{0,252}[a-z0-9_.])?|\[[0-9a-f:.]+\])$/

/** What is wrong with an address, and what to do about it. */
type Wrong = readonly [id: string, what: string, remedy: string]

/** Never shows the address itself: it may hold a secret. */
function readUrl(
  { key, value: node }: DocEntry,
  insecure: boolean,
  reading: Reading,
): string | undefined {
  const text = readText(node, key, reading)
  if (text === undefined) return undefined
  const wrong = urlProblem(text, insecure)
  if (wrong) {
    const [id, what, remedy] = wrong
    reading.problems.error(node, id, `\`${key}\` of \`${reading.server}\` ${what}`, remedy)
    return undefined
  }
  if (node.kind === 'scalar' && node.value === text && withoutSecrets(text) !== text)
    secretInClear(node, key, reading, 'NAME')
  return new URL(text).href
}

function urlProblem(text: string, insecure: boolean): Wrong | undefined {
  const example = 'write it as https://host/path'
  if (ODD.test(text))
    return ['url_syntax', 'holds a space, a backslash or a hidden character', example]
  if (!URL.canParse(text)) return ['url_syntax', 'is no URL', example]
  const url = new URL(text)
  if (!HTTP.test(url.protocol))
    return ['url_scheme', 'is not reached over HTTP', 'begin it with https://']
  if (!HOST.test(url.hostname)) return ['url_syntax', 'names no host', example]
  if (url.username !== '' || url.password !== '')
    return [
      'url_credentials',
      'holds a user or a password',
      'send credentials in `headers`, as "${NAME}"',
    ]
  if (text.includes('#'))
    return [
      'url_fragment',
      'holds a fragment, which is never sent',
      'leave out the `#` and what follows',
    ]
  if (url.protocol === 'http:' && !isLoopbackHost(url.hostname) && !insecure)
    return [
      'insecure_url',
      'is plain HTTP to another machine: everybody on the way could read and change what is sent',
      'use https://, or say `"insecure": true` where that is meant',
    ]
  return undefined
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/
/** What the guard, or HTTP itself, says with every request. */
const OWN: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'last-event-id',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
/** Latin-1 without control characters (RFC 9110 §5.5). */
const VALUE = /^[\t\u0020-\u007e\u0080-\u00ff]*$/

function readHeaders(node: DocMap, reading: Reading): Readonly<Record<string, string>> | undefined {
  const value = find(node, 'headers')
  if (!value) return {}
  if (value.kind !== 'map') {
    wrongType(value, 'headers', 'a map of texts', reading)
    return undefined
  }
  const names = new Set<string>()
  const pairs = value.entries.map((entry): readonly [string, string] | undefined => {
    const isNew = !names.has(entry.key.toLowerCase())
    names.add(entry.key.toLowerCase())
    const text = isNew ? readHeader(entry, reading) : twice(entry, reading)
    return text === undefined ? undefined : [entry.key, text]
  })
  const good = pairs.filter((pair) => pair !== undefined)
  return good.length === pairs.length ? Object.fromEntries(good) : undefined
}

function twice({ key, keyPlace: place }: DocEntry, { problems, server }: Reading): undefined {
  const message = `the header \`${key}\` of \`${server}\` stands there twice`
  problems.error({ place }, 'header_name', message, 'keep one of the two')
  return undefined
}

function readHeader(
  { key, keyPlace: place, value: node }: DocEntry,
  reading: Reading,
): string | undefined {
  const { problems, server } = reading
  if (!TOKEN.test(key)) {
    const message = `\`${key}\` of \`${server}\` is no name for a header`
    problems.error({ place }, 'header_name', message, 'use letters, digits and `-`')
    return undefined
  }
  const name = key.toLowerCase()
  if (OWN.has(name) || name.startsWith('mcp-')) {
    const message = `the header \`${key}\` is not for mcp.json to say: it belongs to the protocol`
    problems.error({ place }, 'header_name', message, 'remove it')
    return undefined
  }
  const text = readText(node, `headers.${key}`, reading)
  if (text === undefined) return undefined
  if (!VALUE.test(text)) {
    problems.error(
      node,
      'header_value',
      `the header \`${key}\` of \`${server}\` holds a line break or another character that no header can`,
      'correct it here, or in the variable that it comes from',
    )
    return undefined
  }
  warnSecretHeader(key, node, reading)
  return text
}

/** A header of such a name is a secret whatever it looks like. */
function warnSecretHeader(key: string, node: DocNode, reading: Reading): void {
  const written = node.kind === 'scalar' && typeof node.value === 'string' ? node.value : ''
  if (isSecretName(key) && written !== '' && !written.includes('${'))
    secretInClear(node, `headers.${key}`, reading, 'NAME')
  else warnSecret(node, `headers.${key}`, reading)
}
