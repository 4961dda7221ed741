/** Which scopes a login asks for. */
import { GuardError } from '../model/error.ts'
import { MOST_SCOPES } from '../model/scope.ts'

export interface Wishes {
  /** What the operator wants in place of everything else. */
  readonly set: readonly string[] | undefined
  /** What the upstream wanted when it refused: the last word where it says so (MCP 2026-07-28, Scope Selection Strategy). */
  readonly challenged: readonly string[] | undefined
  /** What its metadata suggests. */
  readonly suggested: readonly string[]
  /** What the login before was good for: another one is to do no less (MCP 2026-07-28, Step-Up Authorization Flow). */
  readonly granted: readonly string[]
  /** What the authorization server lists, where it does. */
  readonly offered: readonly string[] | undefined
}

/** With it, a token can be renewed where that has to be asked for (OpenID Connect Core §11). */
const OFFLINE = 'offline_access'

/**
 * Empty: none are named, and the authorization server decides.
 *
 * @throws GuardError ERR_LOGIN_REFUSED for more than anybody means
 */
export function scopesToAsk({
  set,
  challenged,
  suggested,
  granted,
  offered,
}: Wishes): readonly string[] {
  if (set) return set
  const scopes = new Set([...granted, ...(challenged ?? suggested)])
  if (offered?.includes(OFFLINE) !== true) scopes.delete(OFFLINE)
  else if (scopes.size > 0) scopes.add(OFFLINE)
  if (scopes.size <= MOST_SCOPES) return [...scopes]
  const remedy = 'write those that are needed into `oauth.scopes`'
  throw new GuardError('ERR_LOGIN_REFUSED', `more than ${MOST_SCOPES} scopes are due (${remedy})`)
}
