/** Registers the guard with an authorization server that does not know it yet (RFC 7591). */
import { registerClient } from '@modelcontextprotocol/client'
import { GuardError } from '../../model/error.ts'
import type { Fetch } from '../../model/port.ts'
import { optional, type Client } from '../kept.ts'
import type { Authority } from './discover.ts'
import { troubleWith } from './said.ts'

/** How the guard can show who it is, the best first: a program on somebody's machine keeps no secret (RFC 8252 §8.4). */
const METHODS = ['none', 'client_secret_basic', 'client_secret_post']
const LONGEST = 2048

/**
 * Without scopes: a later login may need others.
 *
 * @throws GuardError ERR_LOGIN_REFUSED, ERR_LOGIN_FAILED
 */
export async function register(
  { issuer, metadata }: Authority,
  redirectUri: string,
  fetch: Fetch,
): Promise<Client> {
  const known = metadata.token_endpoint_auth_methods_supported
  const method = METHODS.find((one) => known?.includes(one) === true)
  if (known && method === undefined)
    throw refused(
      'the authorization server wants its clients to prove who they are in no way known here',
    )
  const clientMetadata = {
    client_name: 'Chaperone',
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    application_type: 'native',
    ...(method !== undefined && { token_endpoint_auth_method: method }),
  }
  try {
    const given = await registerClient(issuer, { metadata, clientMetadata, fetchFn: fetch })
    const { client_id: clientId, client_secret: clientSecret } = given
    const agreed = given.token_endpoint_auth_method
    if (tooLong(clientId) || clientId === '' || tooLong(clientSecret ?? ''))
      throw refused('the authorization server gave a client id or secret that nobody can keep')
    if (agreed !== undefined && !METHODS.includes(agreed))
      throw refused('the authorization server registered the guard for a way that it does not know')
    return {
      issuer,
      by: 'registered',
      clientId,
      redirectUri,
      ...optional('clientSecret', clientSecret),
      ...optional('method', agreed),
      ...optional('secretEndsAt', endOf(given.client_secret_expires_at)),
    }
  } catch (error) {
    throw troubleWith('registering at the authorization server', error)
  }
}

function tooLong(text: string): boolean {
  return text.length > LONGEST
}

/** 0: never (RFC 7591 §3.2.1). */
function endOf(seconds: number | undefined): number | undefined {
  const at = Math.floor((seconds ?? 0) * 1000)
  return Number.isSafeInteger(at) && at > 0 ? at : undefined
}

function refused(why: string): GuardError {
  return new GuardError('ERR_LOGIN_REFUSED', why)
}
