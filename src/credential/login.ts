/**
 * A login at one upstream: what it wants is found out, the person is sent to its authorization server, and what comes back is
 * kept (MCP 2026-07-28, Authorization Flow Steps). What is a doubt on the way ends it before anything is asked for.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { GuardError } from '../model/error.ts'
import type { Challenge, LoginSettings } from '../model/login.ts'
import type { Clock, Fetch, Timers } from '../model/port.ts'
import { scopesToAsk } from './asked.ts'
import { openCallback, type Callback } from './callback.ts'
import { clientToBe, comingBackTo, portFor } from './client.ts'
import { endOf, type Granted } from './grant.ts'
import { optional, withClient, type Client, type Kept, type Login } from './kept.ts'
import type { LoginFile } from './login-file.ts'
import type { Authority } from './oauth/discover.ts'
import { loggedIn, notLoggedIn } from './page.ts'
import { fetchFor } from './where.ts'

export interface LoginOptions {
  readonly file: LoginFile
  /** The address of the upstream. */
  readonly url: string
  readonly settings: LoginSettings | undefined
  readonly fetch: Fetch
  readonly clock: Clock
  readonly timers: Timers
  /**
   * Asks the upstream what an agent asks first, with what is kept for it; true when it refuses for want of a credential.
   *
   * @throws GuardError when it cannot be asked
   */
  readonly isRefused: () => Promise<boolean>
  /** Sends the person to this address. */
  readonly show: (url: string) => void
  readonly signal?: AbortSignal | undefined
}

/** What came of it; `nothing`: the upstream takes what it is shown, and wants no more. */
export type LoginOutcome =
  | { readonly kind: 'nothing'; readonly login: Login | undefined }
  | {
      readonly kind: 'logged_in'
      readonly login: Login
      /** Asked for and not granted. */
      readonly withheld: readonly string[]
    }

/** How long the person may take. */
const LIMIT_MS = 5 * 60_000
/** How a guard can show who it is at a token endpoint; of others nothing is kept. */
const METHODS: ReadonlySet<string> = new Set(['client_secret_basic', 'client_secret_post', 'none'])

/** @throws GuardError ERR_LOGIN_REFUSED when it comes to nothing, ERR_LOGIN_FAILED when somebody could not be asked */
export async function logIn(options: LoginOptions): Promise<LoginOutcome> {
  const { file, settings, url } = options
  const earlier = file.challenge()
  const refused = await options.isRefused()
  const kept = file.read()
  const challenge = both(earlier, file.challenge())
  if (!refused && !challenge) return { kind: 'nothing', login: kept?.login }
  const { authorityFor } = await import('./oauth/discover.ts')
  const authority = await authorityFor(challenge ?? {}, {
    server: file.place.server,
    upstream: new URL(url),
    fetch: fetchFor(url, options.fetch),
    trusted: settings?.issuer,
    before: kept?.login?.issuer,
  })
  const { issuer, suggested, metadata } = authority
  const before = kept?.login?.issuer === issuer ? kept.login : undefined
  const scopes = scopesToAsk({
    set: settings?.scopes,
    challenged: challenge?.scopes,
    suggested,
    granted: before?.scopes ?? [],
    offered: metadata.scopes_supported,
  })
  mustReach(challenge?.scopes, settings?.scopes, before, refused)
  const attempt: Attempt = { options, authority, scopes }
  const login = await withCallback(attempt, kept)
  return { kind: 'logged_in', login, withheld: scopes.filter((one) => !login.scopes.includes(one)) }
}

/** What a guard was refused for and what this command was: neither is given up for the other. Undefined once it is settled. */
function both(earlier: Challenge | undefined, now: Challenge | undefined): Challenge | undefined {
  const scopes = [...(earlier?.scopes ?? []), ...(now?.scopes ?? [])]
  return now && { ...now, ...(scopes.length > 0 && { scopes: [...new Set(scopes)] }) }
}

/** What mcp.json leaves out is not asked for, and nothing comes of asking for the rest once more. */
function mustReach(
  challenged: readonly string[] | undefined,
  set: readonly string[] | undefined,
  before: Login | undefined,
  refused: boolean,
): void {
  const left = challenged?.filter((scope) => set?.includes(scope) === false) ?? []
  const [missing] = left
  if (missing === undefined || refused || !before) return
  if (set?.every((scope) => before.scopes.includes(scope)) !== true) return
  const why = `the upstream wants \`${missing}\`, which \`oauth.scopes\` leaves out`
  throw new GuardError('ERR_LOGIN_REFUSED', `${why} (add it in mcp.json)`)
}

interface Attempt {
  readonly options: LoginOptions
  readonly authority: Authority
  readonly scopes: readonly string[]
}

/** Listens first: where the browser comes back to is part of who is registered. */
async function withCallback(attempt: Attempt, kept: Kept | undefined): Promise<Login> {
  const { options, authority } = attempt
  const { settings, clock } = options
  const known = clientToBe(authority, { settings, kept, now: clock.now() })
  const { port, isFixed } = portFor(known, settings)
  const callback = (await openCallback(port)) ?? (isFixed ? undefined : await openCallback(0))
  if (!callback) {
    const remedy = 'end what listens there, or say another `oauth.callbackPort`'
    throw new GuardError('ERR_LOGIN_FAILED', `port ${port} of this machine is taken (${remedy})`)
  }
  try {
    const { redirectUri } = callback
    const client =
      comingBackTo(known, redirectUri) ?? (await registered(attempt, redirectUri, kept))
    return await throughBrowser(attempt, client, callback)
  } finally {
    await callback.close()
  }
}

/** Kept at once, unless the login before is another client's: that one is still renewed, should this come to nothing. */
async function registered(
  { options, authority }: Attempt,
  redirectUri: string,
  kept: Kept | undefined,
): Promise<Client> {
  const { register } = await import('./oauth/register.ts')
  const { file, timers, url, fetch } = options
  const client = await register(authority, redirectUri, fetchFor(url, fetch))
  if (kept?.login?.issuer !== authority.issuer) await keep(file, timers, client)
  return client
}

async function throughBrowser(
  attempt: Attempt,
  client: Client,
  callback: Callback,
): Promise<Login> {
  const { options, authority, scopes } = attempt
  const { file, timers, signal, url, show } = options
  const { authorizationRequest } = await import('./oauth/authorize.ts')
  const { redirectUri } = callback
  const state = randomBytes(32).toString('base64url')
  const asked = { client, redirectUri, scopes, state }
  const request = await authorizationRequest(authority, asked, new URL(url))
  const waiting = callback.wait({ state, limitMs: LIMIT_MS, timers, signal })
  show(request.url.href)
  const arrival = await waiting
  const { server } = file.place
  try {
    const { verifier } = request
    const { parameters } = arrival
    const granted = await redeemed(attempt, { client, verifier, redirectUri, parameters })
    const login = loginOf(attempt, client, granted)
    await keep(file, timers, client, login)
    await arrival.answer(loggedIn(server))
    return login
  } catch (error) {
    await arrival.answer(notLoggedIn(server))
    throw error
  }
}

interface Answered {
  readonly client: Client
  readonly parameters: URLSearchParams
  readonly verifier: string
  readonly redirectUri: string
}

async function redeemed(
  { options, authority }: Attempt,
  { parameters, ...asked }: Answered,
): Promise<Granted> {
  const { readReturned } = await import('./oauth/authorize.ts')
  const { redeem } = await import('./oauth/token.ts')
  const { isUnknownClient } = await import('./oauth/said.ts')
  const { file, timers, url, fetch } = options
  const { code, iss } = readReturned(authority, parameters)
  try {
    return await redeem(authority, { ...asked, code, iss }, fetchFor(url, fetch))
  } catch (error) {
    // It is registered anew the next time.
    if (isUnknownClient(error)) await forget(file, timers, asked.client)
    throw error
  }
}

function loginOf({ options, authority, scopes }: Attempt, client: Client, granted: Granted): Login {
  const { metadata, issuer, resource, revocationEndpoint } = authority
  const now = options.clock.now()
  return {
    id: randomUUID(),
    issuer,
    clientId: client.clientId,
    scopes: granted.scopes ?? scopes,
    accessToken: granted.accessToken,
    obtainedAt: now,
    tokenEndpoint: metadata.token_endpoint,
    ...optional('resource', resource),
    ...optional('refreshToken', granted.refreshToken),
    ...optional('endsAt', endOf(granted, now)),
    ...optional(
      'tokenMethods',
      metadata.token_endpoint_auth_methods_supported?.filter((one) => METHODS.has(one)),
    ),
    ...optional('revocationEndpoint', revocationEndpoint),
  }
}

/** Beside what a guard renews at this moment. With a login, what was wanted is given. */
async function keep(file: LoginFile, timers: Timers, client: Client, login?: Login): Promise<void> {
  await file.alone(timers, () => {
    const kept = file.read()
    const next = login ?? kept?.login
    const clients = withClient(kept?.clients ?? [], asKept(client))
    file.write({ ...file.place, clients, ...optional('login', next) })
    if (login) file.forgetChallenge()
    return Promise.resolve()
  })
}

/** A secret that stands in mcp.json stands nowhere else. */
function asKept({ clientSecret, ...client }: Client): Client {
  return client.by === 'configured'
    ? client
    : { ...client, ...optional('clientSecret', clientSecret) }
}

async function forget(file: LoginFile, timers: Timers, client: Client): Promise<void> {
  await file.alone(timers, () => {
    const kept = file.read()
    const clients = kept?.clients.filter(({ clientId }) => clientId !== client.clientId)
    if (kept && clients) file.write({ ...kept, clients })
    return Promise.resolve()
  })
}
