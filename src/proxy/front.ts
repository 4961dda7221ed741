/** Joins the parts that speak MCP for one agent: session, upstream links, catalog, line and relay. */
import type { CompiledMandate } from '../model/authority.ts'
import type { Environment, Principal, RiskPosture, UpstreamRequest } from '../model/call.ts'
import type { DenyReason } from '../model/decision.ts'
import { callId } from '../model/id.ts'
import type { JsonObject } from '../model/json.ts'
import type { Grant } from '../model/mandate.ts'
import type { AuditLog, Clock, OperationalLog, Timers } from '../model/port.ts'
import type { EventName } from '../model/record.ts'
import { standing } from '../pipeline/bind.ts'
import type { LinePorts, TimeKeeper } from '../pipeline/port.ts'
import { timeKeeper } from '../pipeline/time.ts'
import { Asks } from './asks.ts'
import { Catalog, type CatalogEvents } from './catalog.ts'
import { departures } from './departure.ts'
import { Locals } from './local.ts'
import { Notices, type NoticeOptions } from './notice.ts'
import type { Self } from './protocol.ts'
import { Relay } from './relay.ts'
import { Session } from './session.ts'
import { hearChanges } from './upstream/changes.ts'
import type { Wish } from './upstream/handshake.ts'
import type { Connect, UpstreamDefinition } from './upstream/connection.ts'
import { Link, type LinkEvents } from './upstream/link.ts'

/** An upstream to guard: how it is reached, and how long a call to it may take. */
export type GuardedUpstream = UpstreamDefinition & { readonly timeoutMs?: number }

export interface FrontOptions {
  readonly mandate: CompiledMandate
  readonly upstreams: readonly GuardedUpstream[]
  readonly principal: Principal | undefined
  readonly environment: Environment
  readonly risk: RiskPosture
  readonly log: AuditLog
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
}

/** What the guard holds of it. */
export interface Front {
  readonly relay: Relay
  readonly links: readonly Link[]
  /** Where frames for the agent go; nowhere until it is connected. */
  connect(send: (frame: string) => void): void
  /** From now on nothing new leaves. */
  goDown(): void
}

export function createFront(options: FrontOptions): Front {
  const { mandate, self, timers, operational, log } = options
  const session = new Session()
  const time = timeKeeper(options.clock)
  const record = recorder(log, operational, time)
  const state = { down: false, send: (_frame: string): void => undefined }
  const sendToAgent = (frame: string): void => state.send(frame)
  const wish = (server: string): Wish => wishOf(server, session, mandate)
  const parts: Parts = {}
  const events = linkEvents(parts, { record, operational, self })
  const links = options.upstreams.map((upstream) => linkTo(upstream, options, events))
  const catalog = new Catalog({
    links,
    mandate,
    self,
    wish,
    events: catalogEvents(record, operational),
    timers,
    openingMs: options.openingMs,
  })
  parts.catalog = catalog
  const byName = new Map(links.map((link) => [link.server, link]))
  const upstreams = departures({ links: byName, session, self, mandate, wish, sendToAgent })
  const ports = linePorts(options, { time, catalog, upstreams, stopping: () => state.down })
  const unbound = (): DenyReason | undefined => standing(ports)?.reason
  const asks = new Asks({ session, mandate, log, time, operational, unbound, sendToAgent })
  parts.asks = asks
  parts.notices = noticesOf(
    { session, catalog, asks, operational, timers, sendToAgent },
    mandate,
    byName,
  )
  const { openingMs } = options
  const locals = new Locals({
    session,
    self,
    mandate,
    catalog,
    links,
    timers,
    operational,
    sendToAgent,
    openingMs,
  })
  return {
    relay: new Relay({ session, ports, catalog, asks, locals, sendToAgent }),
    links,
    connect: (send) => {
      state.send = send
    },
    goDown: () => {
      state.down = true
    },
  }
}

type Told = 'session' | 'catalog' | 'asks' | 'operational' | 'timers' | 'sendToAgent'

function noticesOf(
  given: Pick<NoticeOptions, Told>,
  { mandate }: CompiledMandate,
  links: ReadonlyMap<string, Link>,
): Notices {
  return new Notices({
    ...given,
    mandate: { names: (server) => mandate.grants.some((grant) => grantNames(grant, server)) },
    onUnknown: (server) => links.get(server)?.noteGarbage('a notification of no known kind'),
    eraOf: (server) => links.get(server)?.agreement?.era,
  })
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

/** In the agent's own era, with what it can be asked for as far as the mandate permits this upstream to ask. */
function wishOf(server: string, session: Session, mandate: CompiledMandate): Wish {
  const permits = (kind: UpstreamRequest): boolean => mandate.permitsRequest(server, kind)
  return {
    era: session.era,
    ...(session.version === undefined ? {} : { version: session.version }),
    capabilities: session.offered(session.capabilities, permits),
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
  {
    record,
    operational,
    self,
  }: { readonly record: Record; readonly operational: OperationalLog; readonly self: Self },
): LinkEvents {
  return {
    onState: (link, state, facts) => {
      record(`upstream_${state}`, { server: link.server, ...facts })
      if (state === 'ready') {
        hearChanges(link, self)
        parts.notices?.cameUp(link.server)
      }
      if (state !== 'exited') return
      parts.catalog?.forget(link.server)
      parts.asks?.dropped(link.server)
    },
    onNotification: ({ server }, { method, params }) =>
      parts.notices?.receive(server, method, params),
    onPaused: () => undefined,
    onRequest: (link, request) => void parts.asks?.receive(link, request),
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

/** Hidden tools that are told of in one run. */
const MOST_HIDDEN_SAID = 1000

function catalogEvents(record: Record, operational: OperationalLog): CatalogEvents {
  const said = new Set<string>()
  return {
    onPinned: (server, facts) => record('catalog_pinned', { server, ...facts }),
    onChanged: (server, facts) => {
      operational.warn(
        { server, ...facts },
        'tool definitions changed since they were first seen; the tools are hidden',
      )
      record('catalog_changed', { server, ...facts })
    },
    onUnmatched: (why) => {
      operational.warn({ why }, 'a grant names what no upstream has')
      record('tool_hidden', { why })
    },
    onHidden: (server, tool, why) => {
      // Once for each, however often the list is fetched, and not without end.
      const key = `${server}\n${tool}\n${why}`
      if (said.has(key) || said.size >= MOST_HIDDEN_SAID) return
      said.add(key)
      operational.warn({ server, tool, why }, 'a tool is hidden')
      record('tool_hidden', { server, tool, why })
    },
  }
}

function linePorts(
  options: FrontOptions,
  joined: Pick<LinePorts, 'time' | 'catalog' | 'upstreams' | 'stopping'>,
): LinePorts {
  const { clock, log, operational, principal, mandate, environment, risk, instance } = options
  let calls = 0
  return {
    ...joined,
    clock,
    log,
    operational,
    principal,
    mandate,
    environment,
    risk,
    session: { id: instance, labels: [] },
    maxAnswerBytes: options.maxAnswerBytes,
    newCallId: () => {
      calls += 1
      return callId(`${instance}-${calls}`)
    },
  }
}
