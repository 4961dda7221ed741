/** The token endpoint: a code becomes a token (RFC 6749 §4.1.3, RFC 7636), and a token that ends becomes another (§6). */
import {
  exchangeAuthorization,
  refreshAuthorization,
  type OAuthTokens,
} from '@modelcontextprotocol/client'
import { GuardError } from '../../model/error.ts'
import type { Fetch } from '../../model/port.ts'
import { scopesIn } from '../../model/scope.ts'
import type { Granted } from '../grant.ts'
import { isToken, optional, type Client, type Login } from '../kept.ts'
import type { Authority } from './discover.ts'
import { troubleWith } from './said.ts'

/** A code, with what proves that it was asked for here. */
export interface Redeeming {
  readonly client: Client
  readonly code: string
  readonly iss: string | undefined
  readonly verifier: string
  readonly redirectUri: string
}

/** @throws GuardError ERR_LOGIN_REFUSED, ERR_LOGIN_FAILED */
export async function redeem(
  { issuer, metadata, resource }: Authority,
  { client, code, iss, verifier, redirectUri }: Redeeming,
  fetch: Fetch,
): Promise<Granted> {
  try {
    return granted(
      await exchangeAuthorization(issuer, {
        metadata,
        clientInformation: informationOf(client),
        authorizationCode: code,
        codeVerifier: verifier,
        redirectUri,
        ...(iss !== undefined && { iss }),
        ...(resource !== undefined && { resource }),
        fetchFn: fetch,
      }),
    )
  } catch (error) {
    throw troubleWith('getting a token', error, [code, verifier, client.clientSecret])
  }
}

/** @throws GuardError ERR_LOGIN_REFUSED, ERR_LOGIN_FAILED */
export async function renew(login: Login, client: Client, fetch: Fetch): Promise<Granted> {
  const { refreshToken = '', resource, issuer, tokenEndpoint, tokenMethods } = login
  const metadata = {
    issuer,
    authorization_endpoint: tokenEndpoint,
    token_endpoint: tokenEndpoint,
    response_types_supported: ['code'],
    ...(tokenMethods && { token_endpoint_auth_methods_supported: [...tokenMethods] }),
  }
  try {
    return granted(
      await refreshAuthorization(issuer, {
        metadata,
        clientInformation: informationOf(client),
        refreshToken,
        ...(resource !== undefined && { resource }),
        fetchFn: fetch,
      }),
    )
  } catch (error) {
    throw troubleWith('renewing the token', error, [refreshToken, client.clientSecret])
  }
}

/** As whom the guard shows itself. */
export function informationOf({ clientId, clientSecret, method }: Client): Information {
  return {
    client_id: clientId,
    ...(clientSecret !== undefined && { client_secret: clientSecret }),
    ...(method !== undefined && { token_endpoint_auth_method: method }),
  }
}

export interface Information {
  readonly client_id: string
  readonly client_secret?: string
  readonly token_endpoint_auth_method?: string
}

/** Longer than any token lives that says how long it does. */
const LONGEST_LIFE_S = 10 * 366 * 86_400

/** @throws GuardError ERR_LOGIN_REFUSED for a token that cannot be sent as a bearer's */
export function granted(tokens: OAuthTokens): Granted {
  const { access_token: accessToken, refresh_token: refreshToken, expires_in: seconds } = tokens
  if (tokens.token_type.toLowerCase() !== 'bearer' || !isToken(accessToken)) {
    const why = 'the authorization server gave a token that is no bearer token'
    throw new GuardError('ERR_LOGIN_REFUSED', why)
  }
  const lives = seconds !== undefined && seconds > 0 && seconds <= LONGEST_LIFE_S
  return {
    accessToken,
    ...(refreshToken !== undefined && isToken(refreshToken) && { refreshToken }),
    ...optional('scopes', scopesIn(tokens.scope ?? '')),
    ...(lives && { lifetimeMs: Math.floor(seconds * 1000) }),
  }
}
