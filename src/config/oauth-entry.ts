/** Reads `oauth` in an entry of `mcp.json`: as whom `chaperone login` asks for a token, and for what. */
import { type DocMap, type DocNode, nearest } from '../model/document.ts'
import type { LoginSettings } from '../model/login.ts'
import { isLoopbackHost } from '../model/loopback.ts'
import { isScope, MOST_SCOPES } from '../model/scope.ts'
import { find, readText, secretInClear, wrongType, type Reading } from './entry-member.ts'

/** All that it may say. */
export const OAUTH_MEMBERS = [
  'clientId',
  'clientSecret',
  'clientMetadataUrl',
  'scopes',
  'callbackPort',
  'issuer',
] as const
type Member = (typeof OAUTH_MEMBERS)[number]

/** Undefined where it says nothing; null when an error was reported. */
export function readOauth(node: DocMap, reading: Reading): LoginSettings | undefined | null {
  const value = find(node, 'oauth')
  if (!value) return undefined
  if (value.kind !== 'map') {
    wrongType(value, 'oauth', `a map with ${OAUTH_MEMBERS.join(', ')}`, reading)
    return null
  }
  checkMembers(value, reading)
  const text = (key: Member, problem: Check): string | undefined | null =>
    readChecked(value, key, { problem, reading })
  const clientId = text('clientId', credentialProblem)
  const clientSecret = readSecret(value, reading)
  const clientMetadataUrl = text('clientMetadataUrl', documentProblem)
  const issuer = text('issuer', issuerProblem)
  const scopes = readScopes(value, reading)
  const callbackPort = readPort(value, reading)
  if (clientId === null || clientSecret === null || clientMetadataUrl === null) return null
  if (issuer === null || scopes === null || callbackPort === null) return null
  if (!agree(value, { clientId, clientSecret, clientMetadataUrl }, reading)) return null
  return {
    ...(clientId !== undefined && { clientId }),
    ...(clientSecret !== undefined && { clientSecret }),
    ...(clientMetadataUrl !== undefined && { clientMetadataUrl }),
    ...(scopes !== undefined && { scopes }),
    ...(callbackPort !== undefined && { callbackPort }),
    ...(issuer !== undefined && { issuer }),
  }
}

function checkMembers({ entries }: DocMap, { problems, server }: Reading): void {
  for (const { key, keyPlace: place } of entries) {
    if (OAUTH_MEMBERS.some((known) => known === key)) continue
    const near = nearest(key, OAUTH_MEMBERS)
    const remedy = near === undefined ? 'remove it' : `did you mean \`${near}\`?`
    const message = `\`${key}\` is no member of \`oauth\` that is known here (in \`${server}\`), and is ignored`
    problems.warning({ place }, 'unknown_member', message, remedy)
  }
}

/** What is wrong with a text, and what to do about it. */
type Check = (text: string) => readonly [what: string, remedy: string] | undefined

/** Null when an error was reported. */
function readChecked(
  node: DocMap,
  key: Member,
  { problem, reading }: { readonly problem: Check; readonly reading: Reading },
): string | undefined | null {
  const value = find(node, key)
  if (!value) return undefined
  const text = readText(value, `oauth.${key}`, reading)
  if (text === undefined) return null
  const wrong = problem(text)
  if (!wrong) return text
  const [what, remedy] = wrong
  const message = `\`oauth.${key}\` of \`${reading.server}\` ${what}`
  reading.problems.error(value, 'oauth_member', message, remedy)
  return null
}

/** RFC 6749, appendices A.1 and A.2. */
const CREDENTIAL = /^[\u0020-\u007e]{1,2048}$/
const LONGEST_URL = 2048

function credentialProblem(text: string): ReturnType<Check> {
  if (CREDENTIAL.test(text)) return undefined
  return ['is empty, too long or not plain ASCII', 'write what the authorization server gave you']
}

/** Never shows the secret, nor what a variable held. */
function readSecret(node: DocMap, reading: Reading): string | undefined | null {
  const value = find(node, 'clientSecret')
  if (value && isWritten(value)) secretInClear(value, 'oauth.clientSecret', reading, 'NAME')
  return readChecked(node, 'clientSecret', { problem: credentialProblem, reading })
}

function isWritten(node: DocNode): boolean {
  return node.kind === 'scalar' && typeof node.value === 'string' && !node.value.includes('${')
}

/** MCP 2026-07-28, Client Registration: `https`, and a path. */
function documentProblem(text: string): ReturnType<Check> {
  const url = parsed(text)
  if (url?.protocol === 'https:' && url.pathname !== '/' && url.hash === '') return undefined
  return ['is no address of a document', 'write it as https://host/client.json']
}

/** RFC 8414 §2: a URL without query and fragment. */
function issuerProblem(text: string): ReturnType<Check> {
  const url = parsed(text)
  const safe = url && (url.protocol === 'https:' || isLocal(url))
  if (safe && url.search === '' && url.hash === '') return undefined
  return ['is no issuer', 'write it as the authorization server does: https://host']
}

function isLocal({ protocol, hostname }: URL): boolean {
  return protocol === 'http:' && isLoopbackHost(hostname)
}

function parsed(text: string): URL | undefined {
  if (text.length > LONGEST_URL || /[\s\p{C}\\]/u.test(text) || !URL.canParse(text))
    return undefined
  const url = new URL(text)
  return url.username === '' && url.password === '' ? url : undefined
}

function readScopes(node: DocMap, reading: Reading): readonly string[] | undefined | null {
  const value = find(node, 'scopes')
  if (!value) return undefined
  if (value.kind !== 'list') {
    wrongType(value, 'oauth.scopes', 'a list of texts', reading)
    return null
  }
  const { problems, server } = reading
  const scopes = new Set<string>()
  for (const [index, item] of value.items.entries()) {
    const text = readText(item, `oauth.scopes[${index}]`, reading)
    if (text === undefined) return null
    if (!isScope(text)) {
      const message = `\`oauth.scopes[${index}]\` of \`${server}\` is no scope`
      problems.error(item, 'oauth_member', message, 'write one scope in each place of the list')
      return null
    }
    scopes.add(text)
  }
  if (scopes.size <= MOST_SCOPES) return [...scopes]
  const message = `\`oauth.scopes\` of \`${server}\` has more than ${MOST_SCOPES} scopes`
  problems.error(value, 'oauth_member', message, 'name fewer')
  return null
}

const HIGHEST_PORT = 65_535

function readPort(node: DocMap, reading: Reading): number | undefined | null {
  const value = find(node, 'callbackPort')
  if (!value) return undefined
  const port = value.kind === 'scalar' ? value.value : undefined
  if (typeof port === 'number' && Number.isInteger(port) && port > 0 && port <= HIGHEST_PORT)
    return port
  wrongType(value, 'oauth.callbackPort', `a number from 1 to ${HIGHEST_PORT}`, reading)
  return null
}

/** False when an error was reported. */
function agree(
  node: DocMap,
  { clientId, clientSecret, clientMetadataUrl }: LoginSettings | UndefinedMembers,
  { problems, server }: Reading,
): boolean {
  if (clientId === undefined && clientSecret !== undefined) {
    const message = `\`oauth\` of \`${server}\` has a \`clientSecret\` and no \`clientId\``
    problems.error(node, 'oauth_member', message, 'add the `clientId` that it belongs to')
    return false
  }
  if (clientId !== undefined && clientMetadataUrl !== undefined) {
    const message = `\`oauth\` of \`${server}\` has both \`clientId\` and \`clientMetadataUrl\`: the \`clientId\` is used`
    problems.warning(node, 'two_clients', message, 'keep one of the two')
  }
  return true
}

type UndefinedMembers = { readonly [K in Member]?: LoginSettings[K] | undefined }
