/** Joins the upstreams of a guard with the logins that were made for them. */
import type { JsonObject } from '../model/json.ts'
import { hasAuthorization, type LoginSettings } from '../model/login.ts'
import type { Clock, Credential, Fetch, OperationalLog, Timers } from '../model/port.ts'
import type { EventName } from '../model/record.ts'
import { Lender, type LenderEvents } from './lender.ts'
import { LoginFile } from './login-file.ts'
import { fetchFor } from './where.ts'

const HEADER_WINS =
  'its entry in mcp.json has an Authorization header, which is sent in place of it'

/** As far as an upstream matters here: one that is started by a command has no address. */
export interface Lendable {
  readonly server: string
  readonly url?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly oauth?: LoginSettings
}

export interface LendingOptions {
  /** Undefined: nothing is kept anywhere, and nothing lent. */
  readonly stateDir: string | undefined
  readonly clock: Clock
  readonly timers: Timers
  readonly fetchWith: (timers: Timers) => Fetch
  readonly events: LenderEvents
}

/** The same upstreams; each that is reached by URL has what it is shown, unless a header of its entry says that. */
export function lent<T extends Lendable>(
  upstreams: readonly T[],
  { stateDir, clock, timers, fetchWith, events }: LendingOptions,
): readonly (T & { readonly credential?: Credential })[] {
  return upstreams.map((upstream) => {
    const { server, url, headers = {}, oauth: settings } = upstream
    if (stateDir === undefined || url === undefined) return upstream
    const file = new LoginFile(stateDir, { server, url })
    if (hasAuthorization(headers)) {
      if (file.stamp() !== undefined) events.onTrouble(server, HEADER_WINS)
      return upstream
    }
    const fetch = fetchFor(url, fetchWith(timers))
    const credential = new Lender({
      file,
      settings,
      // Loaded with the first token that is renewed.
      renew: async (login, client) =>
        (await import('./oauth/token.ts')).renew(login, client, fetch),
      clock,
      timers,
      events,
    })
    return { ...upstream, credential }
  })
}

/** What becomes of logins, for the record and the operational log. */
export function lenderEvents(
  operational: OperationalLog,
  record: (event: EventName, facts: JsonObject) => void,
): LenderEvents {
  const refusals = new Map<string, number>()
  return {
    onRefused: (server, facts) => {
      // Told the first time and then at every power of two: an agent that goes on calling fills nothing.
      const count = (refusals.get(server) ?? 0) + 1
      refusals.set(server, count)
      if ((count & (count - 1)) === 0) record('credential_refused', { server, ...facts, count })
    },
    onRenewed: (server, facts) => {
      refusals.delete(server)
      record('credential_renewed', { server, ...facts })
    },
    onTrouble: (server, why) => operational.error({ server, why }, 'a login cannot be used'),
  }
}
