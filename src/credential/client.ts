/** As which client a login is made: one that mcp.json names, one that a document describes, or one that is registered. */
import { GuardError } from '../model/error.ts'
import type { LoginSettings } from '../model/login.ts'
import { optional, type Client, type Kept } from './kept.ts'
import type { Authority } from './oauth/discover.ts'

interface Choice {
  readonly settings: LoginSettings | undefined
  readonly kept: Kept | undefined
  readonly now: number
}

/**
 * In this order (MCP 2026-07-28, Client Registration). Undefined: it has to be registered.
 *
 * @throws GuardError ERR_LOGIN_REFUSED where there is no client, or it is another authorization server's
 */
export function clientToBe(
  { issuer, metadata }: Pick<Authority, 'issuer' | 'metadata'>,
  { settings, kept, now }: Choice,
): Client | undefined {
  if (settings?.clientId !== undefined) {
    mustBelong(settings, issuer, kept)
    const { clientId, clientSecret } = settings
    return { issuer, by: 'configured', clientId, ...optional('clientSecret', clientSecret) }
  }
  const { clientMetadataUrl } = settings ?? {}
  if (clientMetadataUrl !== undefined && metadata.client_id_metadata_document_supported === true)
    return { issuer, by: 'document', clientId: clientMetadataUrl }
  const known = kept?.clients.find((client) => client.issuer === issuer)
  if (known?.by === 'registered' && (known.secretEndsAt ?? Number.POSITIVE_INFINITY) > now)
    return known
  if (metadata.registration_endpoint !== undefined) return undefined
  const remedy = 'register one there by hand, and write its `clientId` into `oauth` in mcp.json'
  throw new GuardError('ERR_LOGIN_REFUSED', `${issuer} registers no clients by itself (${remedy})`)
}

/** An id that mcp.json names belongs to whom it was first shown, until mcp.json says to whom. */
function mustBelong(
  { clientId, issuer: trusted }: LoginSettings,
  issuer: string,
  kept: Kept | undefined,
): void {
  if (trusted === issuer) return
  const other = kept?.clients.find(
    (client) =>
      client.by === 'configured' && client.clientId === clientId && client.issuer !== issuer,
  )
  if (!other) return
  const why = `the \`clientId\` in mcp.json is one of ${other.issuer}, and the upstream now names ${issuer}`
  const remedy = 'where that is meant, write it into `oauth.issuer`'
  throw new GuardError('ERR_LOGIN_REFUSED', `${why} (${remedy})`)
}

/** Where to wait for the browser; `isFixed`: nowhere else. 0: at any port. */
export function portFor(
  client: Client | undefined,
  settings: LoginSettings | undefined,
): { readonly port: number; readonly isFixed: boolean } {
  const { callbackPort } = settings ?? {}
  if (callbackPort !== undefined) return { port: callbackPort, isFixed: true }
  const { redirectUri } = client ?? {}
  const port = redirectUri === undefined ? '' : new URL(redirectUri).port
  return { port: Number(port), isFixed: false }
}

/**
 * The client, if its browser may come back to this address. Not every authorization server lets the port be another than the one
 * that was registered, as RFC 8252 §7.3 wants it.
 */
export function comingBackTo(client: Client | undefined, redirectUri: string): Client | undefined {
  const isOther = client?.by === 'registered' && client.redirectUri !== redirectUri
  return isOther ? undefined : client
}
