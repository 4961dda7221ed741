/** What went wrong at an authorization server, in words of the guard: what others wrote is cut, masked, and never an answer whole. */
import {
  InsecureTokenEndpointError,
  IssuerMismatchError,
  OAuthError,
  RegistrationRejectedError,
} from '@modelcontextprotocol/client'
import { GuardError } from '../../model/error.ts'
import { isObject, member } from '../../model/json.ts'
import { withoutSecrets } from '../../model/secret-shape.ts'

const LONGEST = 200
/** RFC 6749 §5.2 knows no other characters in it. */
const NOT_SAID = /[^ -~]/g
const CODE = /^[a-z][a-z0-9_]{0,63}$/
/** It will not be otherwise another time (RFC 6749 §4.1.2.1, §5.2; RFC 7591 §3.2.2; RFC 8707 §2). Anything else may. */
const FINAL: ReadonlySet<string> = new Set([
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'unsupported_response_type',
  'invalid_scope',
  'access_denied',
  'invalid_redirect_uri',
  'invalid_client_metadata',
  'invalid_target',
])

/** `what` failed; `secrets` were sent, and may come back in what is said of it. */
export function troubleWith(
  what: string,
  error: unknown,
  secrets: readonly (string | undefined)[] = [],
): GuardError {
  if (error instanceof GuardError) return error
  if (error instanceof IssuerMismatchError)
    return refused(`${what} failed: its issuer is another than the one that was asked`, error)
  if (error instanceof InsecureTokenEndpointError)
    return refused(`${what} failed: the token endpoint is not reached over https`, error)
  if (error instanceof OAuthError) {
    const passing = !FINAL.has(error.code)
    const said = `${what} failed${wordsOf(error.code, passing ? '' : error.message, secrets)}`
    return passing
      ? new GuardError('ERR_LOGIN_FAILED', said, { cause: error })
      : refused(said, error)
  }
  if (error instanceof RegistrationRejectedError) {
    const [code, description] = registrationError(error.body)
    const said = `${what} failed (HTTP ${error.status})${wordsOf(code, description, secrets)}`
    return refused(said, error)
  }
  const why = `${what} failed: what came is not what the standard says`
  return new GuardError('ERR_LOGIN_FAILED', why, { cause: error })
}

/** True where it failed because the authorization server does not know the guard as this client. */
export function isUnknownClient(error: unknown): boolean {
  const cause = error instanceof GuardError ? error.cause : undefined
  return cause instanceof OAuthError && UNKNOWN.has(cause.code)
}

const UNKNOWN: ReadonlySet<string> = new Set(['invalid_client', 'unauthorized_client'])

/** `: code, "words"`, as far as both are what they should be. */
export function wordsOf(
  code: string,
  description: string,
  secrets: readonly (string | undefined)[],
): string {
  const named = CODE.test(code) ? `: ${code}` : ''
  if (description === '' || description === code) return named
  let text = description
  for (const secret of secrets)
    if (secret !== undefined && secret !== '') text = text.replaceAll(secret, '***')
  const shown = withoutSecrets(text.slice(0, LONGEST)).replaceAll(NOT_SAID, '?')
  return `${named}${named === '' ? ':' : ','} "${shown}"`
}

function registrationError(body: string): readonly [code: string, description: string] {
  try {
    const value: unknown = JSON.parse(body)
    const [code, description] = isObject(value)
      ? [member(value, 'error'), member(value, 'error_description')]
      : []
    return [
      typeof code === 'string' ? code : '',
      typeof description === 'string' ? description : '',
    ]
  } catch {
    // A page for people.
    return ['', '']
  }
}

function refused(why: string, cause: unknown): GuardError {
  return new GuardError('ERR_LOGIN_REFUSED', why, { cause })
}
