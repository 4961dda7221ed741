/** What of a guard is used without one: what upstreams offer, logging in at them, and what policies are held against. */
import { systemClock, systemTimers } from '../config/system.ts'
import { version } from '../config/version.ts'
import type { HttpUpstream } from '../config/upstream-entry.ts'
import { lent } from '../credential/lend.ts'
import { LoginFile } from '../credential/login-file.ts'
import type { LoginOutcome } from '../credential/login.ts'
import type { LogoutOptions, LogoutOutcome } from '../credential/logout.ts'
import type { CedarCheck } from '../engine/cedar-check.ts'
import type { EngineDeps } from '../engine/open.ts'
import type { CompiledMandate } from '../model/authority.ts'
import type { UpstreamRequest } from '../model/call.ts'
import type { Problem } from '../model/document.ts'
import type { EngineConfig } from '../model/engine.ts'
import type { OperationalLog, PolicyEngine } from '../model/port.ts'
import type { GuardedUpstream } from '../proxy/front.ts'
import { probe, refusesAgents, type Probed } from '../proxy/probe.ts'
import { CODE, errorText, type Self } from '../proxy/protocol.ts'
import { offeredForAnyone } from '../proxy/session.ts'
import type { Connect } from '../proxy/upstream/connection.ts'
import { connectHttp } from '../proxy/upstream/http/connection.ts'
import { fetchWith } from '../proxy/upstream/http/fetch.ts'
import { Link, type LinkEvents } from '../proxy/upstream/link.ts'
import { startProcess } from '../proxy/upstream/process.ts'

/** However an upstream is reached. */
export const connect: Connect = (upstream, events) =>
  'command' in upstream
    ? startProcess(upstream, events)
    : connectHttp(upstream, events, systemTimers)

const SILENT: OperationalLog = { debug: ignore, info: ignore, warn: ignore, error: ignore }

function ignore(): void {
  return undefined
}

/** What the upstreams offer; they are started, asked for their lists and ended. An abort ends them at once. */
export async function probeUpstreams(given: {
  readonly mandate?: CompiledMandate
  readonly upstreams: readonly GuardedUpstream[]
  readonly settings: { readonly startTimeoutMs: number; readonly callTimeoutMs: number }
  readonly signal?: AbortSignal
  readonly stateDir?: string
}): Promise<Probed> {
  const links = quietLinks(given.upstreams, given)
  given.signal?.addEventListener('abort', () => links.forEach((one) => void one.stop()), {
    once: true,
  })
  const { mandate } = given
  const permits = (server: string, kind: UpstreamRequest): boolean =>
    mandate?.permitsRequest(server, kind) === true
  return probe(links, self(), (server) => offeredForAnyone((kind) => permits(server, kind)))
}

function self(): Self {
  return { name: 'chaperone', version: version() }
}

const QUIET: LinkEvents = {
  onState: ignore,
  onNotification: ignore,
  onRequest: (link, request) =>
    link.reply(request.id, 'error', errorText(CODE.methodNotFound, 'Method not found')),
  onGarbage: ignore,
  onPaused: ignore,
  onMissed: ignore,
}

/** Links to upstreams while no agent is there: what they say by themselves is nobody's. */
function quietLinks(
  upstreams: readonly GuardedUpstream[],
  {
    settings,
    stateDir,
  }: { readonly settings: { readonly startTimeoutMs: number }; readonly stateDir?: string },
): readonly Link[] {
  const given = lent(upstreams, {
    stateDir,
    clock: systemClock,
    timers: systemTimers,
    fetchWith,
    events: { onRefused: ignore, onRenewed: ignore, onTrouble: ignore },
  })
  return given.map(
    (upstream) =>
      new Link({
        upstream,
        self: self(),
        clock: systemClock,
        timers: systemTimers,
        operational: SILENT,
        events: QUIET,
        start: connect,
        startTimeoutMs: settings.startTimeoutMs,
        callTimeoutMs: settings.startTimeoutMs,
      }),
  )
}

/**
 * Opens an external policy engine; its library is loaded only now.
 *
 * @throws GuardError ERR_CONFIG_INVALID when its package is not installed, or what it decides by does not load
 */
export async function openPolicyEngine(
  config: EngineConfig,
  deps: EngineDeps,
): Promise<PolicyEngine> {
  return (await import('../engine/open.ts')).openEngine(config, deps)
}

/**
 * Holds Cedar policies against the tools that they are about.
 *
 * @throws GuardError ERR_CONFIG_INVALID when the package is not installed
 */
export async function checkCedarPolicies(check: CedarCheck): Promise<readonly Problem[]> {
  return (await import('../engine/cedar-check.ts')).validateCedar(check)
}

/** An upstream to log in at, or out of. */
export interface LoginPlace {
  readonly upstream: HttpUpstream
  /** Where logins are kept. */
  readonly stateDir: string
}

/**
 * Logs in at an upstream, or finds that there is nothing to do: it is asked what agents ask, with what is kept for it.
 *
 * @throws GuardError ERR_LOGIN_REFUSED, ERR_LOGIN_FAILED, ERR_UPSTREAM_DOWN
 */
export async function logInAt(
  given: LoginPlace & {
    readonly settings: { readonly startTimeoutMs: number }
    /** Sends the person to this address. */
    readonly show: (url: string) => void
    readonly signal?: AbortSignal
  },
): Promise<LoginOutcome> {
  const { logIn } = await import('../credential/login.ts')
  const { upstream, show, signal } = given
  return logIn({
    ...loginParts(given),
    clock: systemClock,
    isRefused: async () => {
      const [link] = quietLinks([upstream], given)
      if (!link) return false
      signal?.addEventListener('abort', () => void link.stop(), { once: true })
      return refusesAgents(link, self())
    },
    show,
    signal,
  })
}

/**
 * Ends the login at an upstream, and has its tokens taken back where that can be.
 *
 * @throws GuardError ERR_LOGIN_FAILED
 */
export async function logOutAt(given: LoginPlace, signal?: AbortSignal): Promise<LogoutOutcome> {
  return (await import('../credential/logout.ts')).logOut({ ...loginParts(given), signal })
}

function loginParts({ upstream, stateDir }: LoginPlace): LogoutOptions {
  const { url, oauth: settings } = upstream
  const file = new LoginFile(stateDir, upstream)
  return { file, url, settings, fetch: fetchWith(systemTimers), timers: systemTimers }
}
