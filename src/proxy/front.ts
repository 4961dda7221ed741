/** Joins the parts that speak MCP for agents under one mandate: upstream links, catalog, line and relay. */
import type { CompiledMandate } from '../model/authority.ts'
import type { Environment, Principal, UpstreamRequest } from '../model/call.ts'
import type { DenyReason } from '../model/decision.ts'
import type { CallId } from '../model/id.ts'
import { isObject, type JsonObject } from '../model/json.ts'
import type { Grant } from '../model/mandate.ts'
import type {
  AuditLog,
  Clock,
  Notifier,
  OperationalLog,
  PosturePort,
  Timers,
} from '../model/port.ts'
import type { EventName } from '../model/record.ts'
import { type AgainPorts, type LetOut, refusedNow } from '../pipeline/again.ts'
import { standing as standingOf } from '../pipeline/bind.ts'
import { takeCall } from '../pipeline/line.ts'
import type { BudgetsPort, LinePorts, TaskPort, TimeKeeper } from '../pipeline/port.ts'
import { Asks } from './asks.ts'
import { Audience } from './audience.ts'
import { Bridge } from './bridge.ts'
import { onRecord } from './catalog-register.ts'
import { Catalog } from './catalog.ts'
import { departures } from './departure.ts'
import { asDecided } from './dispatch.ts'
import { Flood } from './flood.ts'
import { Levels, setLevel } from './level.ts'
import { Locals } from './local.ts'
import { Notices } from './notice.ts'
import { Overhear } from './overhear.ts'
import { Parking } from './parking.ts'
import type { Pins } from './pins.ts'
import type { Self } from './protocol.ts'
import { Relay } from './relay.ts'
import { Seal } from './seal.ts'
import { offered, offeredForAnyone, type Session, type Underway } from './session.ts'
import { Hearing } from './upstream/changes.ts'
import type { Connect, UpstreamDefinition } from './upstream/connection.ts'
import type { Wish } from './upstream/handshake.ts'
import { Link, type LinkEvents } from './upstream/link.ts'
import { type Changes, type Restricted, TakenBack, takenNow, unlessTaken } from './taken-back.ts'
import { Watch } from './watch.ts'

/** An upstream to guard: how it is reached, and how long a call to it may take. */
export type GuardedUpstream = UpstreamDefinition & { readonly timeoutMs?: number }

/** What all fronts of a guard have in common. */
export interface HouseOptions {
  readonly upstreams: readonly GuardedUpstream[]
  readonly environment: Environment
  readonly posture: PosturePort
  readonly operational: OperationalLog
  readonly clock: Clock
  readonly timers: Timers
  readonly start: Connect
  readonly self: Self
  /** Names this guard's log and, with a counter, its calls. */
  readonly instance: string
  readonly startTimeoutMs: number
  readonly callTimeoutMs: number
  readonly maxAnswerBytes: number
  /** How long an opening waits for upstreams that start slowly. */
  readonly openingMs: number
  /** External policy engines by their id; absent where policies name none. */
  readonly engines?: LinePorts['engines']
  readonly budgets: BudgetsPort
  /** Says when something is taken back, or lifted; absent: nobody says so, and only what comes next is refused. */
  readonly changes?: Changes
  /** What definitions have to be. */
  readonly pins: Pins
  /** Who is told of calls where a policy asks for it. */
  readonly notifier?: Notifier | undefined
}

/** Who acts under which mandate, and where that is put on record. */
export interface Assignment {
  readonly mandate: CompiledMandate
  readonly principal: Principal | undefined
  readonly log: AuditLog
  /** Of all that is done under this mandate by whoever acts: a new connection does not begin anew. */
  readonly task: TaskPort
  /** What is taken back of it. */
  readonly restricted: Restricted
}

export interface FrontOptions extends HouseOptions, Assignment {
  /** The one agent of this front, where there is only one and it stays. */
  readonly standing: Session | undefined
  readonly time: TimeKeeper
  readonly newCallId: () => CallId
}

/** What the guard holds of it. */
export interface Front {
  readonly relay: Relay
  readonly links: readonly Link[]
  /** From now on nothing new leaves, and subscriptions end. */
  goDown(): void
  /** Resolves when nothing is under way, or so long has passed. */
  settled(patienceMs: number): Promise<void>
  /** Lets what is under way be settled for so long, and ends the upstreams. */
  stop(patienceMs: number): Promise<void>
}

export function createFront(options: FrontOptions): Front {
  const { mandate, self, timers, operational, log, standing, time, openingMs, pins } = options
  const state = { down: false }
  const record = recorder(log, operational, time)
  const parts: Parts = { standing }
  const events = linkEvents(parts, { record, operational })
  const links = options.upstreams.map((upstream) => linkTo(upstream, options, events))
  const wish = (server: string): Wish => wishOf(server, standing, mandate)
  const overhear = new Overhear(options)
  const catalog = new Catalog({
    ...options,
    links,
    wish,
    overhear,
    ...onRecord({ log, record, operational, pins }),
  })
  const hearing = new Hearing(self, timers)
  const stopping = (): boolean => state.down
  const judge = judgeOf({ ...options, stopping })
  const watch = new Watch(hearing, overhear, judge.permitted)
  const seal = new Seal(options.clock)
  const parking = new Parking(seal, timers)
  const audience = new Audience()
  const byName = new Map(links.map((link) => [link.server, link]))
  const flood = floodOf(options, record)
  const levels = new Levels()
  const { restricted } = options
  const heard = { self, mandate, parking, watch, overhear, restricted, taken: judge.taken }
  const way = { ...heard, unbound: judge.unbound, links: byName, wish, seal, levels, flood }
  const upstreams = unlessTaken(asDecided(departures(way), catalog), restricted)
  const ports = linePorts(options, { catalog, upstreams, stopping })
  const asks = new Asks({ ...heard, ...judge, standing, log, time, timers, operational })
  const common = { standing, audience, catalog, asks, watch, hearing, operational, timers, links }
  const notices = new Notices({ ...common, ...heard, flood, mandate: naming(mandate) })
  Object.assign(parts, { notices, asks, catalog })
  const unhear = followPolicies(options, notices)
  const subscribe = (underway: Underway, uri: string): Promise<boolean> =>
    subscribed(underway, uri, ports)
  const locals = new Locals({ ...common, self, mandate, openingMs, subscribe })
  const bridge = new Bridge(seal, asks)
  const relay = new Relay({ ...common, ports, locals, bridge, parking, overhear })
  const takenBack = new TakenBack({ ...common, ...heard, notices, relay })
  const unfollow = options.changes?.onChange(() => takenBack.effect())
  const unhears = [unhear, unfollow]
  return whole({ relay, links, audience, parking, timers, state, unhears })
}

interface Whole {
  readonly relay: Relay
  readonly links: readonly Link[]
  readonly audience: Audience
  readonly parking: Parking
  readonly timers: Timers
  readonly state: { down: boolean }
  readonly unhears: readonly Unhear[]
}

function whole({ relay, links, audience, parking, timers, state, unhears }: Whole): Front {
  const settled = (patienceMs: number): Promise<void> =>
    Promise.race([relay.settled(), patience(timers, patienceMs)])
  const goDown = (): void => {
    state.down = true
    audience.dismiss()
  }
  return {
    relay,
    links,
    goDown,
    settled,
    stop: async (patienceMs) => {
      goDown()
      for (const unhear of unhears) unhear?.()
      parking.clear()
      await settled(patienceMs)
      await Promise.all(links.map((link) => link.stop()))
    },
  }
}

/** What binds, and what would be let out, at the moment of asking. */
function judgeOf(ports: AgainPorts): Judge {
  const refused = (letOut: LetOut): DenyReason | undefined => refusedNow(letOut, ports)
  return {
    unbound: () => standingOf(ports)?.reason,
    taken: (server) => takenNow(ports.restricted, server),
    refusedNow: refused,
    permitted: (letOut) => refused(letOut) === undefined,
  }
}

interface Judge {
  readonly unbound: () => DenyReason | undefined
  readonly taken: (server: string) => DenyReason | undefined
  readonly refusedNow: (letOut: LetOut) => DenyReason | undefined
  readonly permitted: (letOut: LetOut) => boolean
}

function patience(timers: Timers, ms: number): Promise<void> {
  return new Promise((resolve) => void timers.after(ms, resolve))
}

/** What policies may ask of the past is kept from now on, and agents hear of what others hide or show. */
function followPolicies({ mandate, task }: FrontOptions, notices: Notices): Unhear {
  task.track(mandate.queries)
  return mandate.onSwap?.(() => {
    task.track(mandate.queries)
    void notices.swapped()
  })
}

type Unhear = (() => void) | undefined

function floodOf({ clock, operational }: FrontOptions, record: Record): Flood {
  return new Flood(clock, (server, kind, dropped) => {
    operational.warn({ server, kind, dropped }, 'an upstream says more than is passed on')
    record('notifications_dropped', { server, kind, dropped })
  })
}

/** A subscription of a modern agent is decided as one that a legacy agent asks for. */
async function subscribed(underway: Underway, uri: string, ports: LinePorts): Promise<boolean> {
  const concluded = await takeCall(
    {
      era: 'modern',
      method: 'resources/subscribe',
      within: 'subscriptions/listen',
      params: { uri },
      cancelled: underway,
    },
    ports,
  )
  return 'answer' in concluded && concluded.answer.outcome === 'complete'
}

/** Whether any grant is about a server. */
function naming({ mandate }: CompiledMandate): { names: (server: string) => boolean } {
  return { names: (server) => mandate.grants.some((one) => grantNames(one, server)) }
}

/** A server pattern with a wildcard may name any server: what it then may do is decided call by call. */
function grantNames({ server: pattern }: Grant, server: string): boolean {
  return pattern === server || /[*?]/.test(pattern)
}

/** The parts that links report to; they need the links first. */
interface Parts {
  notices?: Notices
  asks?: Asks
  catalog?: Catalog
  standing?: Session | undefined
}

type Record = (event: EventName, facts: JsonObject) => void

function recorder(log: AuditLog, operational: OperationalLog, time: TimeKeeper): Record {
  return (event, facts) => {
    log.append({ type: 'event', at: time.read().at, event, facts }).catch((error: unknown) => {
      operational.error(
        { event, error: error instanceof Error ? error.message : String(error) },
        'an event could not be recorded',
      )
    })
  }
}

/**
 * In the agent's own era, with what it can be asked for as far as the mandate permits this upstream to ask. Modern agents
 * say that anew with each request, so a legacy upstream is told what the mandate permits.
 */
function wishOf(server: string, standing: Session | undefined, mandate: CompiledMandate): Wish {
  const permits = (kind: UpstreamRequest): boolean => mandate.permitsRequest(server, kind)
  if (standing?.era !== 'legacy') {
    return { era: 'modern', capabilities: offeredForAnyone(permits) }
  }
  return {
    era: 'legacy',
    ...(standing.version === undefined ? {} : { version: standing.version }),
    capabilities: offered(standing.capabilities, permits),
  }
}

function linkTo(upstream: GuardedUpstream, options: FrontOptions, events: LinkEvents): Link {
  const { self, clock, timers, operational, start, startTimeoutMs } = options
  const callTimeoutMs = upstream.timeoutMs ?? options.callTimeoutMs
  return new Link({
    upstream,
    self,
    clock,
    timers,
    operational,
    events,
    start,
    startTimeoutMs,
    callTimeoutMs,
  })
}

function linkEvents(
  parts: Parts,
  { record, operational }: { readonly record: Record; readonly operational: OperationalLog },
): LinkEvents {
  return {
    onState: (link, state, facts) => {
      record(`upstream_${state}`, { server: link.server, ...facts })
      if (state === 'ready') {
        sayLevel(link, parts.standing)
        parts.notices?.cameUp(link)
      }
      if (state !== 'exited') return
      parts.catalog?.forget(link.server)
      parts.asks?.dropped(link.server)
    },
    onNotification: (link, notification, about) =>
      parts.notices?.receive(link, notification, about),
    onRequest: (link, request, about) => void parts.asks?.receive(link, request, about),
    onPaused: ({ session, request }, retryMs) => session.outlet.pause(request, retryMs),
    onMissed: (link) => parts.notices?.missed(link),
    onGarbage: (server, why, count) => {
      // Told the first time and then at every power of two: a flood cannot fill the record.
      if ((count & (count - 1)) !== 0) return
      operational.warn(
        { server, why, count },
        'an upstream wrote something that is no message for anybody',
      )
      record('upstream_garbage', { server, why, count })
    },
  }
}

/** One that is started again is told what a legacy agent wanted to hear of. */
function sayLevel(link: Link, standing: Session | undefined): void {
  const { agreement } = link
  if (standing?.logLevel === undefined || agreement?.era !== 'legacy') return
  if (isObject(agreement.capabilities['logging'])) void setLevel(link, standing.logLevel)
}

function linePorts(
  options: FrontOptions,
  joined: Pick<LinePorts, 'catalog' | 'upstreams' | 'stopping'>,
): LinePorts {
  const { clock, time, log, operational, principal, mandate, environment, posture, task } = options
  const { budgets, restricted } = options
  return {
    ...joined,
    clock,
    time,
    log,
    operational,
    principal,
    mandate,
    environment,
    posture,
    task,
    budgets,
    restricted,
    notifier: options.notifier,
    engines: options.engines,
    maxAnswerBytes: options.maxAnswerBytes,
    newCallId: options.newCallId,
  }
}
