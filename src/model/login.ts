/** A login at an upstream that wants OAuth: what the operator says of it, and what the upstream does. */

/** The folder of the state folder in which logins are kept, and how the name of each file ends. */
export const LOGINS = 'credentials'
export const LOGIN_ENDING = '.json'

/** What `mcp.json` says of logins at one upstream. What is left out is found out from the upstream itself. */
export interface LoginSettings {
  /** A client that was registered with the authorization server beforehand. */
  readonly clientId?: string
  readonly clientSecret?: string
  /** A document that describes the client, at a URL that is then its id (Client ID Metadata Documents). */
  readonly clientMetadataUrl?: string
  /** Asked for in place of what the upstream suggests. */
  readonly scopes?: readonly string[]
  /** Where the browser is sent back to; absent: a port that is free. */
  readonly callbackPort?: number
  /** The only authorization server at which a login is made, as it writes itself. */
  readonly issuer?: string
}

/** True where an entry itself says what its server is shown: no login is sent then. */
export function hasAuthorization(headers: Readonly<Record<string, string>>): boolean {
  return Object.keys(headers).some((name) => name.toLowerCase() === 'authorization')
}

/** What an upstream says when it refuses (RFC 6750 §3, RFC 9728 §5.1), checked and bounded. */
export interface Challenge {
  /** Where its metadata is. */
  readonly metadataUrl?: string
  readonly scopes?: readonly string[]
  /** `invalid_token`, `insufficient_scope`. */
  readonly error?: string
}
