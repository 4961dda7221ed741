/** What an authorization server grants, as it becomes part of a login. */
import { optional, type Client, type Kept, type Login } from './kept.ts'
import type { LoginSettings } from '../model/login.ts'

export interface Granted {
  readonly accessToken: string
  readonly refreshToken?: string
  /** Absent where it is what was asked for (RFC 6749 §5.1). */
  readonly scopes?: readonly string[]
  readonly lifetimeMs?: number
}

/** How long before its end a token is renewed, and never later than half of its life before. */
const EARLY_MS = 30_000

/** When a token is to be renewed. */
export function renewalDue({ obtainedAt, endsAt }: Login): number {
  if (endsAt === undefined) return Number.POSITIVE_INFINITY
  return endsAt - Math.min(EARLY_MS, (endsAt - obtainedAt) / 2)
}

/** The same login with another token. A refresh token that was not replaced is still good (RFC 6749 §6). */
export function renewed({ endsAt: _ended, ...login }: Login, granted: Granted, now: number): Login {
  return {
    ...login,
    accessToken: granted.accessToken,
    ...optional('refreshToken', granted.refreshToken ?? login.refreshToken),
    scopes: granted.scopes ?? login.scopes,
    obtainedAt: now,
    ...optional('endsAt', endOf(granted, now)),
  }
}

export function endOf({ lifetimeMs }: Granted, now: number): number | undefined {
  return lifetimeMs === undefined ? undefined : now + lifetimeMs
}

/** As whom a login was made; undefined where the guard is that client no longer. */
export function clientOf(
  { clients, login }: Kept,
  settings: LoginSettings | undefined,
): Client | undefined {
  const client = clients.find(({ issuer }) => issuer === login?.issuer)
  if (!login || client?.clientId !== login.clientId) return undefined
  if (client.by !== 'configured') return client
  if (settings?.clientId !== client.clientId) return undefined
  return { ...client, ...optional('clientSecret', settings.clientSecret) }
}
