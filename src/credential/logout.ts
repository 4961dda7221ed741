/** Ends a login: its tokens are taken back where they were given, and nothing of it is left here. */
import type { LoginSettings } from '../model/login.ts'
import type { Fetch, Timers } from '../model/port.ts'
import { clientOf } from './grant.ts'
import type { Kept, Login } from './kept.ts'
import type { LoginFile } from './login-file.ts'
import { fetchFor } from './where.ts'

export interface LogoutOptions {
  readonly file: LoginFile
  readonly url: string
  readonly settings: LoginSettings | undefined
  readonly fetch: Fetch
  readonly timers: Timers
  /** Until the tokens are taken back, it can be left as it was. */
  readonly signal?: AbortSignal | undefined
}

export type LogoutOutcome =
  | { readonly kind: 'nothing' }
  | {
      readonly kind: 'logged_out'
      readonly login: Login
      /** Why its tokens may still be taken; undefined where they were taken back. */
      readonly unrevoked: string | undefined
    }

/**
 * What is kept here goes in any case. Beside nobody who renews: a token that is being renewed would outlive the logout.
 *
 * @throws GuardError ERR_LOGIN_FAILED for a file that cannot be read or locked
 */
export function logOut(options: LogoutOptions): Promise<LogoutOutcome> {
  const { file, timers, signal } = options
  if (file.stamp() === undefined) {
    file.remove()
    return Promise.resolve({ kind: 'nothing' })
  }
  return file.alone(
    timers,
    async () => {
      const kept = file.read()
      const login = kept?.login
      const unrevoked = kept && login ? await leftOver(kept, login, options) : undefined
      file.remove()
      return login ? { kind: 'logged_out', login, unrevoked } : { kind: 'nothing' }
    },
    signal,
  )
}

async function leftOver(
  kept: Kept,
  login: Login,
  { url, settings, fetch }: LogoutOptions,
): Promise<string | undefined> {
  if (login.revocationEndpoint === undefined) return 'its authorization server takes none back'
  const client = clientOf(kept, settings)
  if (!client) return 'it was made as another client than mcp.json names now'
  try {
    const { revoke } = await import('./oauth/revoke.ts')
    await revoke(login, client, fetchFor(url, fetch))
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
