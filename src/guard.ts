/** The composition root: settings in, a wired guard out. The only file that knows every part. */
import type { Readable, Writable } from 'node:stream'
import { systemClock, systemTimers } from './config/system.ts'
import { version } from './config/version.ts'
import type { HttpUpstream } from './config/upstream-entry.ts'
import type { CedarCheck } from './engine/cedar-check.ts'
import type { EngineDeps } from './engine/open.ts'
import { lenderEvents, lent } from './credential/lend.ts'
import type { LoginOutcome } from './credential/login.ts'
import { LoginFile } from './credential/login-file.ts'
import type { LogoutOptions, LogoutOutcome } from './credential/logout.ts'
import type { CompiledMandate } from './model/authority.ts'
import type { UpstreamRequest } from './model/call.ts'
import type { Problem } from './model/document.ts'
import type { EngineConfig } from './model/engine.ts'
import { type CallId, callId } from './model/id.ts'
import type { JsonObject } from './model/json.ts'
import type { Lock } from './model/lock.ts'
import type { AuditLog, OperationalLog, PolicyEngine } from './model/port.ts'
import type { EventName } from './model/record.ts'
import type { WebhookEntry } from './model/webhook.ts'
import { timeKeeper } from './pipeline/time.ts'
import type { ListenerOptions } from './proxy/downstream/http/listener.ts'
import type { ServerOptions } from './proxy/downstream/http/server.ts'
import type { Admission } from './proxy/downstream/http/posts.ts'
import { stdioDownstream } from './proxy/downstream/stdio.ts'
import {
  createFront,
  type Assignment,
  type Front,
  type GuardedUpstream,
  type HouseOptions,
} from './proxy/front.ts'
import { Pins } from './proxy/pins.ts'
import { probe, refusesAgents, type Probed } from './proxy/probe.ts'
import { answerFrame, CODE, errorText, type Self } from './proxy/protocol.ts'
import { offeredForAnyone, type Outlet, Session } from './proxy/session.ts'
import { REQUEST_LIMITS } from './proxy/strict.ts'
import type { Connect } from './proxy/upstream/connection.ts'
import { Link, type LinkEvents } from './proxy/upstream/link.ts'
import { connectHttp } from './proxy/upstream/http/connection.ts'
import { fetchWith } from './proxy/upstream/http/fetch.ts'
import { startProcess } from './proxy/upstream/process.ts'
import { Task } from './state/task.ts'
import { webhooks } from './webhook/webhooks.ts'

export type { LoginOutcome } from './credential/login.ts'
export type { LogoutOutcome } from './credential/logout.ts'
export type { GuardedUpstream } from './proxy/front.ts'

/** How upstreams are reached and the patience of an opening have working defaults. */
type House = Omit<HouseOptions, 'start' | 'openingMs' | 'pins'> &
  Partial<Pick<HouseOptions, 'start' | 'openingMs'>> & {
    /** Whom `notify` duties tell, by name. */
    readonly webhooks?: ReadonlyMap<string, WebhookEntry>
    /** What is approved; without it, definitions are pinned as they are first seen. */
    readonly lock?: Lock
    /** Where `chaperone login` keeps what upstreams are shown; absent: they are shown their entries' headers alone. */
    readonly stateDir?: string
  }

/** What a guard is made of. */
export type GuardOptions = House & Omit<Assignment, 'task'>

export interface Guard {
  /** Serves one agent; resolves when it has gone and everything is settled and stopped. */
  serveStdio(input: Readable, output: Writable): Promise<void>
  /** Calls off what is under way, ends the upstreams, closes the record. Safe to call twice. */
  stop(reason: string): Promise<void>
}

const OPENING_MS = 10_000
/** How long what was called off may take to be settled. */
const SETTLE_MS = 2000

/** Starts the upstream processes at once, so that their start-up runs beside whatever the agent does first. */
export function createGuard(given: GuardOptions): Guard {
  const options = housed(given)
  recordPosture(options)
  const wire = { send: (_frame: string): void => undefined }
  const session = new Session(lines((frame) => wire.send(frame)))
  const time = timeKeeper(options.clock)
  const newCallId = callIds(options.instance)
  const task = new Task(options.instance)
  const front = createFront({ ...options, task, standing: session, time, newCallId })
  for (const link of front.links) link.launch()
  let stopping: Promise<void> | undefined
  const stop = (reason: string): Promise<void> => {
    front.goDown()
    stopping ??= shutDown({ front, session }, options, reason)
    return stopping
  }
  return {
    stop,
    serveStdio: async (input, output) => {
      await serve(front, session, { input, output, wire })
      await stop('the agent closed its connection')
    },
  }
}

/** On stdio everything goes the same way, one frame a line. */
function lines(send: (frame: string) => void): Outlet {
  return {
    answer: (id, part, text) => send(answerFrame(id, part, text)),
    say: send,
    drop: ignore,
    pause: ignore,
  }
}

/** Resolves when the agent has gone. */
function serve(
  front: Front,
  session: Session,
  {
    input,
    output,
    wire,
  }: {
    readonly input: Readable
    readonly output: Writable
    readonly wire: { send: (frame: string) => void }
  },
): Promise<void> {
  return new Promise((resolve) => {
    const downstream = stdioDownstream({
      input,
      output,
      maxBytes: REQUEST_LIMITS.maxBytes,
      onLine: (line) => front.relay.receive(line, session),
      onTooLong: (bytes) => front.relay.tooLong(bytes, session),
      onEnd: resolve,
    })
    wire.send = (frame) => downstream.send(frame)
  })
}

/** With what has a default; the pins are those of the whole guard. */
function housed<T extends House & { readonly log: AuditLog }>(
  given: T,
): T & Pick<HouseOptions, 'start' | 'openingMs' | 'pins'> {
  const upstreams = withLogins(given)
  const { clock, timers, webhooks: hooks } = given
  const notifier = hooks && webhooks(hooks, { fetch: fetchWith(timers), clock, timers })
  const pins = new Pins(given.lock)
  return { start: connect, openingMs: OPENING_MS, notifier, ...given, upstreams, pins }
}

/** Calls are named after the guard, in the order in which they came. */
function callIds(instance: string): () => CallId {
  let calls = 0
  return () => {
    calls += 1
    return callId(`${instance}-${calls}`)
  }
}

async function shutDown(
  { front, session }: { readonly front: Front; readonly session: Session },
  options: GuardOptions,
  reason: string,
): Promise<void> {
  front.relay.callOff(session)
  await front.stop(SETTLE_MS)
  front.relay.hangUp(session)
  await closeRecord(options, reason)
}

async function closeRecord(
  { log, clock, operational, posture }: Noting & Pick<HouseOptions, 'posture'>,
  reason: string,
): Promise<void> {
  posture.close()
  try {
    await log.append({ type: 'event', at: clock.now(), event: 'guard_stopped', facts: { reason } })
    await log.close()
  } catch (error) {
    operational.error({ error: messageOf(error) }, 'the record could not be closed')
  }
}

/** What a guard over HTTP is made of. */
export type HttpGuardOptions = House &
  Pick<ListenerOptions, 'host' | 'port' | 'rules' | 'maxSessions' | 'sessionIdleMs' | 'ready'> &
  Omit<ServerOptions, 'onRefused'> &
  Pick<ListenerOptions, 'mostReading'> & {
    /** One without a key, or any number of them with one each. */
    readonly admissions: readonly Omit<Admission, 'task'>[]
    /** Of the guard itself; what agents do is recorded under their own mandates. */
    readonly log: AuditLog
  }

export interface HttpGuard {
  /**
   * Resolves with the port once it listens.
   *
   * @throws Error of the system when it cannot
   */
  listen(): Promise<number>
  /** Takes nothing new, lets what is under way finish or calls it off, ends the upstreams, closes the record. */
  stop(reason: string): Promise<void>
}

/** A guard for any number of agents, each under the mandate that its authorization stands for. */
export async function createHttpGuard(given: HttpGuardOptions): Promise<HttpGuard> {
  // A guard on stdio starts without what only this one needs.
  const [{ Listener }, { Posts }] = await Promise.all([
    import('./proxy/downstream/http/listener.ts'),
    import('./proxy/downstream/http/posts.ts'),
  ])
  const options = housed(given)
  const { clock, instance } = options
  const admissions = withTasks(options)
  recordPosture(options)
  const time = timeKeeper(clock)
  const newCallId = callIds(instance)
  const posts = new Posts({ house: options, admissions, time, newCallId })
  const listener = new Listener({ ...options, posts, onRefused: tally(options) })
  let stopping: Promise<void> | undefined
  return {
    listen: async () => {
      const port = await listener.listen()
      posts.launch()
      return port
    },
    stop: (reason) => {
      if (!stopping) options.operational.info({ reason }, 'stopping')
      stopping ??= listener.stop().then(() => closeRecord(options, reason))
      return stopping
    },
  }
}

/** Whoever acts under the same mandate is in the same task, whichever key it presents. */
function withTasks({ admissions, instance }: HttpGuardOptions): readonly Admission[] {
  const tasks = new Map<string, Task>()
  return admissions.map((one) => {
    const who = `${one.mandate.mandate.digest} ${one.principal?.agent ?? ''}`
    const task = tasks.get(who) ?? new Task(`${instance}/${tasks.size + 1}`)
    tasks.set(who, task)
    return { ...one, task }
  })
}

/** The upstreams with what they are shown of logins. */
function withLogins(house: Noting & House): readonly GuardedUpstream[] {
  const { clock, operational, stateDir, timers, upstreams } = house
  const events = lenderEvents(operational, (event, facts) => note(house, event, facts))
  return lent(upstreams, { stateDir, clock, timers, fetchWith, events })
}

type Noting = { readonly log: AuditLog } & Pick<HouseOptions, 'clock' | 'operational'>

/** Puts on record what holds up nobody. */
function note({ log, clock, operational }: Noting, event: EventName, facts: JsonObject): void {
  log
    .append({ type: 'event', at: clock.now(), event, facts })
    .catch((error: unknown) =>
      operational.error({ error: messageOf(error) }, 'an event could not be recorded'),
    )
}

function recordPosture(house: Noting & Pick<HouseOptions, 'posture'>): void {
  house.posture.onChange(({ risk, why, until }) => {
    const end = until === undefined ? {} : { until: new Date(until).toISOString() }
    note(house, 'risk_changed', { risk, ...(why !== undefined && { why }), ...end })
  })
}

/** What was turned away before it was anybody's is told the first time and then at every power of two: a flood fills nothing. */
function tally(house: Noting): ListenerOptions['onRefused'] {
  const counts = new Map<string, number>()
  return (status, why) => {
    const count = (counts.get(why) ?? 0) + 1
    counts.set(why, count)
    if ((count & (count - 1)) !== 0) return
    const facts = { status, why, count }
    house.operational.warn(facts, 'a request was turned away')
    note(house, 'request_turned_away', facts)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** However an upstream is reached. */
const connect: Connect = (upstream, events) =>
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
  return (await import('./engine/open.ts')).openEngine(config, deps)
}

/**
 * Holds Cedar policies against the tools that they are about.
 *
 * @throws GuardError ERR_CONFIG_INVALID when the package is not installed
 */
export async function checkCedarPolicies(check: CedarCheck): Promise<readonly Problem[]> {
  return (await import('./engine/cedar-check.ts')).validateCedar(check)
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
  const { logIn } = await import('./credential/login.ts')
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
  return (await import('./credential/logout.ts')).logOut({ ...loginParts(given), signal })
}

function loginParts({ upstream, stateDir }: LoginPlace): LogoutOptions {
  const { url, oauth: settings } = upstream
  const file = new LoginFile(stateDir, upstream)
  return { file, url, settings, fetch: fetchWith(systemTimers), timers: systemTimers }
}
