/** A login at an upstream that wants OAuth: what the operator says of it. */

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
