/** Takes tokens back where they were given (RFC 7009). */
import { selectClientAuthMethod } from '@modelcontextprotocol/client'
import { GuardError } from '../../model/error.ts'
import type { Fetch } from '../../model/port.ts'
import type { Client, Login } from '../kept.ts'
import { troubleWith } from './said.ts'
import { informationOf } from './token.ts'

/**
 * The refresh token first: with it goes what came of it, or at least nothing comes of it any more.
 *
 * @throws GuardError ERR_LOGIN_FAILED when the server does not say that it has done so
 */
export async function revoke(login: Login, client: Client, fetch: Fetch): Promise<void> {
  const { refreshToken, accessToken } = login
  if (refreshToken !== undefined)
    await revokeOne({ login, client, fetch }, refreshToken, 'refresh_token')
  await revokeOne({ login, client, fetch }, accessToken, 'access_token')
}

interface Revoking {
  readonly login: Login
  readonly client: Client
  readonly fetch: Fetch
}

async function revokeOne(
  { login, client, fetch }: Revoking,
  token: string,
  hint: 'refresh_token' | 'access_token',
): Promise<void> {
  const { revocationEndpoint: endpoint = '', tokenMethods = [] } = login
  const form = new URLSearchParams({ token, token_type_hint: hint })
  const headers = new Headers({ 'content-type': 'application/x-www-form-urlencoded' })
  const { clientId, clientSecret = '' } = client
  const method = selectClientAuthMethod(informationOf(client), [...tokenMethods])
  if (method === 'client_secret_basic') {
    headers.set('authorization', `Basic ${btoa(`${clientId}:${clientSecret}`)}`)
  } else {
    form.set('client_id', clientId)
    if (method === 'client_secret_post') form.set('client_secret', clientSecret)
  }
  let status: number
  try {
    ;({ status } = await fetch(endpoint, { method: 'POST', headers, body: form }))
  } catch (error) {
    throw troubleWith('revoking', error)
  }
  if (status === 200) return
  throw new GuardError('ERR_LOGIN_FAILED', `it was answered with HTTP ${status}`)
}
