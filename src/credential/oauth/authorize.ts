/** The authorization request, and what comes back of it (RFC 6749 §4.1, RFC 7636, RFC 9207). */
import {
  startAuthorization,
  validateAuthorizationResponseIssuer,
} from '@modelcontextprotocol/client'
import { GuardError } from '../../model/error.ts'
import type { Client } from '../kept.ts'
import { mayLeadTo } from '../where.ts'
import type { Authority } from './discover.ts'
import { wordsOf } from './said.ts'
import { informationOf } from './token.ts'

export interface Request {
  readonly client: Client
  readonly redirectUri: string
  readonly scopes: readonly string[]
  readonly state: string
}

/**
 * The address that the browser is sent to, and the secret that proves that its code was asked for here.
 *
 * @throws GuardError ERR_LOGIN_REFUSED
 */
export async function authorizationRequest(
  { issuer, metadata, resource }: Authority,
  { client, redirectUri, scopes, state }: Request,
  upstream: URL,
): Promise<{ readonly url: URL; readonly verifier: string }> {
  const { authorizationUrl, codeVerifier } = await startAuthorization(issuer, {
    metadata,
    clientInformation: informationOf(client),
    redirectUrl: redirectUri,
    state,
    ...(scopes.length > 0 && { scope: scopes.join(' ') }),
    ...(resource !== undefined && { resource }),
  })
  return { url: mayLeadTo(authorizationUrl, upstream), verifier: codeVerifier }
}

/** What the browser brought back, for a request of ours. */
export interface Returned {
  readonly code: string
  readonly iss: string | undefined
}

const ONCE = ['code', 'iss', 'error', 'error_description']

/**
 * Whose answer it is comes first: an error, too, is only the authorization server's (RFC 9207 §2.4).
 *
 * @throws GuardError ERR_LOGIN_REFUSED for what is no code of this authorization server
 */
export function readReturned({ metadata }: Authority, parameters: URLSearchParams): Returned {
  if (ONCE.some((name) => parameters.getAll(name).length > 1))
    throw new GuardError('ERR_LOGIN_REFUSED', 'the browser came back with two answers at once')
  const iss = parameters.get('iss') ?? undefined
  try {
    validateAuthorizationResponseIssuer({
      iss,
      expectedIssuer: metadata.issuer,
      issParameterSupported: metadata.authorization_response_iss_parameter_supported === true,
    })
  } catch (cause) {
    const why =
      iss === undefined
        ? 'the browser came back without saying from whom, and this authorization server always says so'
        : 'the browser came back from another authorization server than the one that it was sent to'
    throw new GuardError('ERR_LOGIN_REFUSED', why, { cause })
  }
  const error = parameters.get('error')
  if (error !== null) {
    const words = wordsOf(error, parameters.get('error_description') ?? '', [])
    throw new GuardError('ERR_LOGIN_REFUSED', `the authorization server said no${words}`)
  }
  const code = parameters.get('code') ?? ''
  if (code === '') throw new GuardError('ERR_LOGIN_REFUSED', 'the browser came back without a code')
  return { code, iss }
}
