/**
 * Finds out where a login is made: the upstream's own metadata names its authorization server (RFC 9728), and that server's
 * metadata says where its endpoints are (RFC 8414, OpenID Connect Discovery 1.0).
 */
import {
  checkResourceAllowed,
  discoverAuthorizationServerMetadata,
  discoverOAuthProtectedResourceMetadata,
  type AuthorizationServerMetadata,
} from '@modelcontextprotocol/client'
import { GuardError } from '../../model/error.ts'
import { isObject, member } from '../../model/json.ts'
import type { Challenge } from '../../model/login.ts'
import type { Fetch } from '../../model/port.ts'
import { isScope, MOST_SCOPES } from '../../model/scope.ts'
import { isWebUrl } from '../challenge.ts'
import { optional } from '../kept.ts'
import { mayLeadTo } from '../where.ts'
import { troubleWith } from './said.ts'

/** Who gives tokens for an upstream, and what for. */
export interface Authority {
  readonly issuer: string
  readonly metadata: AuthorizationServerMetadata
  /** What a token is for (RFC 8707), as the upstream's metadata writes it; absent where it has none. */
  readonly resource?: string
  /** What the upstream suggests to ask for where it does not say what it wants. */
  readonly suggested: readonly string[]
  readonly revocationEndpoint?: string
}

/** A walk from an upstream to its authorization server. */
export interface Walk {
  readonly server: string
  readonly upstream: URL
  /** Leads nowhere that the upstream may not lead to. */
  readonly fetch: Fetch
  /** The only issuer that is trusted, where the operator names one. */
  readonly trusted: string | undefined
  /** That of the login before: gone to again where the upstream still names it. */
  readonly before: string | undefined
}

/**
 * Nothing is remembered of an earlier walk: an upstream may have moved to another authorization server (MCP 2026-07-28,
 * Authorization Server Binding).
 *
 * @throws GuardError ERR_LOGIN_REFUSED for metadata that no login may be made on, ERR_LOGIN_FAILED where none comes
 */
export async function authorityFor(challenge: Challenge, walk: Walk): Promise<Authority> {
  const { server } = walk
  try {
    const found = await resourceOf(challenge, walk)
    const issuer = issuerOf(found?.servers ?? [], walk)
    const described = await metadataOf(issuer, walk)
    mustCover(found?.resource, walk)
    checkMetadata(described, walk)
    const { metadata } = described
    return {
      ...described,
      issuer: metadata.issuer,
      suggested: found?.suggested ?? [],
      ...optional('resource', found?.resource),
    }
  } catch (error) {
    throw troubleWith(`finding out where to log in at \`${server}\``, error)
  }
}

interface Resource {
  readonly resource: string
  readonly servers: readonly string[]
  readonly suggested: readonly string[]
}

/** Undefined where the upstream has no metadata, and says of none. */
async function resourceOf(
  { metadataUrl }: Challenge,
  { server, upstream, fetch }: Walk,
): Promise<Resource | undefined> {
  let isThere = metadataUrl !== undefined
  const noting: Fetch = async (url, init) => {
    const response = await fetch(url, init)
    if (response.status < 400 || response.status >= 500) isThere = true
    return response
  }
  const given = metadataUrl === undefined ? {} : { resourceMetadataUrl: metadataUrl }
  let found: Awaited<ReturnType<typeof discoverOAuthProtectedResourceMetadata>>
  try {
    found = await discoverOAuthProtectedResourceMetadata(upstream, given, noting)
  } catch (error) {
    if (isThere || error instanceof GuardError) throw error
    return undefined
  }
  const { resource, authorization_servers: servers = [], scopes_supported: scopes = [] } = found
  if (scopes.length > MOST_SCOPES) {
    const remedy = 'write those that are needed into `oauth.scopes`'
    throw refused(`\`${server}\` suggests more than ${MOST_SCOPES} scopes (${remedy})`)
  }
  return { resource, servers, suggested: scopes.filter(isScope) }
}

/** RFC 3986 knows no other characters: what is shown of it cannot draw on a terminal. */
const PLAIN = /^[!-~]*$/

function isPlainUrl(text: string): boolean {
  return PLAIN.test(text) && isWebUrl(text)
}

/** RFC 9728 §3.3; a resource may stand for all that is below its path (MCP 2026-07-28, Canonical Server URI). */
function mustCover(resource: string | undefined, { server, upstream }: Walk): void {
  if (resource === undefined) return
  const isGood = isPlainUrl(resource) && !resource.includes('#')
  const [requestedResource, configuredResource] = [upstream, resource]
  if (isGood && checkResourceAllowed({ requestedResource, configuredResource })) return
  const why = 'says in its metadata that it is another resource than its address in mcp.json'
  throw refused(`\`${server}\` ${why}`)
}

/** Undefined where the metadata names nobody. */
function issuerOf(
  servers: readonly string[],
  { server, trusted, before }: Walk,
): string | undefined {
  if (trusted !== undefined && servers.length > 0 && !servers.includes(trusted)) {
    const remedy = 'correct `oauth.issuer`, if that is meant'
    throw refused(`\`${server}\` does not name the issuer that mcp.json trusts (${remedy})`)
  }
  const again = servers.find((issuer) => issuer === before)
  return trusted ?? again ?? servers[0]
}

interface Described {
  readonly metadata: AuthorizationServerMetadata
  /** RFC 7009; what the SDK makes of OpenID Connect metadata does not have it. */
  readonly revocationEndpoint?: string
}

/** Where nobody is named, the upstream is its own authorization server, as in MCP 2025-03-26. */
async function metadataOf(
  issuer: string | undefined,
  { server, upstream, fetch }: Walk,
): Promise<Described> {
  const asked = issuer ?? `${upstream.origin}/`
  if (!isPlainUrl(asked)) throw refused(`\`${server}\` names an issuer that is no address`)
  let last: Response | undefined
  const noting: Fetch = async (url, init) => {
    const response = await fetch(url, init)
    last = response.clone()
    return response
  }
  const metadata = await discoverAuthorizationServerMetadata(asked, { fetchFn: noting })
  if (!metadata) {
    const what =
      issuer === undefined ? 'says nowhere how to log in' : 'names an issuer without metadata'
    throw new GuardError('ERR_LOGIN_FAILED', `\`${server}\` ${what}`)
  }
  // The SDK takes a slash at the end for nothing (RFC 8414 §3.3: identical).
  if (issuer !== undefined && metadata.issuer !== issuer)
    throw refused('the metadata of the issuer is that of another one')
  const whole: unknown = await last?.json()
  const endpoint = isObject(whole) ? member(whole, 'revocation_endpoint') : undefined
  return { metadata, ...(typeof endpoint === 'string' && { revocationEndpoint: endpoint }) }
}

/** No endpoint is used before all of them are known to be ones that may be. */
function checkMetadata({ metadata, revocationEndpoint }: Described, { upstream }: Walk): void {
  const endpoints = [
    metadata.authorization_endpoint,
    metadata.token_endpoint,
    metadata.registration_endpoint,
    revocationEndpoint,
  ]
  for (const endpoint of endpoints) {
    if (endpoint === undefined) continue
    if (!isPlainUrl(endpoint))
      throw refused('an endpoint of the authorization server is no address')
    mayLeadTo(endpoint, upstream)
  }
  if (!metadata.response_types_supported.includes('code'))
    throw refused('the authorization server gives no codes, and there is no other way here')
  // Absent means that there is none (MCP 2026-07-28, Authorization Code Protection).
  if (metadata.code_challenge_methods_supported?.includes('S256') !== true)
    throw refused('the authorization server does not say that it supports PKCE with S256')
}

function refused(why: string): GuardError {
  return new GuardError('ERR_LOGIN_REFUSED', why)
}
