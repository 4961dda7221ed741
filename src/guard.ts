/** The composition root: settings in, a wired guard out. The only file that knows every part. */
import type { Readable, Writable } from 'node:stream'
import { systemClock, systemTimers } from './config/system.ts'
import { version } from './config/version.ts'
import type { CompiledMandate } from './model/authority.ts'
import type { Environment, Principal, RiskPosture, UpstreamRequest } from './model/call.ts'
import { callId } from './model/id.ts'
import type { JsonObject } from './model/json.ts'
import type { AuditLog, Clock, OperationalLog, Timers } from './model/port.ts'
import type { EventName } from './model/record.ts'
import type { LinePorts } from './pipeline/port.ts'
import { timeKeeper } from './pipeline/time.ts'
import { Asks } from './proxy/asks.ts'
import { Catalog } from './proxy/catalog.ts'
import { departures } from './proxy/departure.ts'
import { stdioDownstream } from './proxy/downstream/stdio.ts'
import { Locals } from './proxy/local.ts'
import { Notices } from './proxy/notice.ts'
import { probe, type Probed } from './proxy/probe.ts'
import { CODE, errorText, type Self } from './proxy/protocol.ts'
import { Relay } from './proxy/relay.ts'
import { Session } from './proxy/session.ts'
import { REQUEST_LIMITS } from './proxy/strict.ts'
import { hearChanges } from './proxy/upstream/changes.ts'
import type { Wish } from './proxy/upstream/handshake.ts'
import { Link, type LinkEvents, type StartProcess } from './proxy/upstream/link.ts'
import { startProcess, type LaunchLine } from './proxy/upstream/process.ts'

/** An upstream to guard: how it is started, and how long a call to it may take. */
export interface GuardedUpstream extends LaunchLine {
  readonly timeoutMs?: number
}

export interface GuardOptions {
  readonly mandate: CompiledMandate
  readonly upstreams: readonly GuardedUpstream[]
  readonly principal: Principal | undefined
  readonly environment: Environment
  readonly risk: RiskPosture
  readonly log: AuditLog
  readonly operational: OperationalLog
  readonly clock: Clock
  readonly timers: Timers
  /** How a child process is started; the real one unless a test hands in another. */
  readonly start?: StartProcess
  readonly self: Self
  /** Names this guard's log and, with a counter, its calls. */
  readonly instance: string
  readonly startTimeoutMs: number
  readonly callTimeoutMs: number
  readonly maxAnswerBytes: number
  /** How long an opening waits for upstreams that start slowly. */
  readonly openingMs?: number
}

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
export function createGuard(options: GuardOptions): Guard {
  const wiring = wire(options)
  for (const link of wiring.links) link.launch()
  let stopping: Promise<void> | undefined
  const stop = (reason: string): Promise<void> => {
    wiring.goDown()
    stopping ??= shutDown(wiring, options, reason)
    return stopping
  }
  return { stop, serveStdio: (input, output) => serve({ input, output, wiring, stop }) }
}

/** The parts of one guard, joined. */
interface Wiring {
  readonly relay: Relay
  readonly session: Session
  readonly links: readonly Link[]
  /** Where frames for the agent go; nowhere until it is connected. */
  connect(send: (frame: string) => void): void
  goDown(): void
}

function wire(options: GuardOptions): Wiring {
  const { mandate, self, timers, operational } = options
  const session = new Session()
  const time = timeKeeper(options.clock)
  const parts: { notices?: Notices; asks?: Asks; catalog?: Catalog } = {}
  let send = (_frame: string): void => undefined
  let down = false
  let calls = 0
  const sendToAgent = (frame: string): void => send(frame)
  const record = (event: EventName, facts: JsonObject): void => {
    options.log
      .append({ type: 'event', at: time.read().at, event, facts })
      .catch((error: unknown) => {
        operational.error(
          { event, error: error instanceof Error ? error.message : String(error) },
          'an event could not be recorded',
        )
      })
  }
  const links = options.upstreams.map((launch) =>
    link(launch, options, linkEvents({ parts, record, operational, self })),
  )
  const wish = (server: string): Wish => ({
    era: session.era,
    ...(session.version === undefined ? {} : { version: session.version }),
    capabilities: session.offered(session.capabilities, (kind: UpstreamRequest) =>
      mandate.permitsRequest(server, kind),
    ),
  })
  const catalog = new Catalog({
    links,
    mandate,
    self,
    operational,
    wish,
    events: {
      onPinned: (server, facts) => record('catalog_pinned', { server, ...facts }),
      onChanged: (server, facts) => {
        operational.warn(
          { server, ...facts },
          'tool definitions changed since they were first seen; the tools are hidden',
        )
        record('catalog_changed', { server, ...facts })
      },
      onHidden: (server, tool, why) => {
        operational.warn({ server, tool, why }, 'a tool is hidden')
        record('tool_hidden', { server, tool, why })
      },
    },
  })
  const asks = new Asks({ session, mandate, log: options.log, time, operational, sendToAgent })
  Object.assign(parts, {
    catalog,
    asks,
    notices: new Notices({ session, catalog, asks, mandate, operational, sendToAgent }),
  })
  const ports: LinePorts = {
    clock: options.clock,
    time,
    log: options.log,
    operational,
    principal: options.principal,
    mandate,
    environment: options.environment,
    risk: options.risk,
    session: { id: options.instance, labels: [] },
    catalog,
    upstreams: departures({
      links: new Map(links.map((one) => [one.server, one])),
      session,
      self,
      mandate,
      wish,
      sendToAgent,
    }),
    maxAnswerBytes: options.maxAnswerBytes,
    newCallId: () => {
      calls += 1
      return callId(`${options.instance}-${calls}`)
    },
    stopping: () => down,
  }
  const locals = new Locals({
    session,
    self,
    mandate,
    catalog,
    links,
    timers,
    operational,
    sendToAgent,
    openingMs: options.openingMs ?? OPENING_MS,
  })
  return {
    relay: new Relay({ session, ports, catalog, asks, locals, sendToAgent }),
    session,
    links,
    connect: (to) => {
      send = to
    },
    goDown: () => {
      down = true
    },
  }
}

function link(launch: GuardedUpstream, options: GuardOptions, events: LinkEvents): Link {
  const { self, clock, timers, operational, startTimeoutMs } = options
  const start = options.start ?? startProcess
  const callTimeoutMs = launch.timeoutMs ?? options.callTimeoutMs
  return new Link({
    launch,
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

/** Garbage is recorded the first time and then at every power of two: a flood cannot fill the record. */
function linkEvents({
  parts,
  record,
  operational,
  self,
}: {
  readonly parts: { readonly notices?: Notices; readonly asks?: Asks; readonly catalog?: Catalog }
  readonly record: (event: EventName, facts: JsonObject) => void
  readonly operational: OperationalLog
  readonly self: Self
}): LinkEvents {
  return {
    onState: (link, state, facts) => {
      record(`upstream_${state}`, { server: link.server, ...facts })
      if (state === 'ready') hearChanges(link, self)
      if (state === 'exited') {
        parts.catalog?.forget(link.server)
        parts.asks?.dropped(link.server)
      }
    },
    onNotification: (server, method, params) => parts.notices?.receive(server, method, params),
    onRequest: (link, request) => void parts.asks?.receive(link, request),
    onGarbage: (server, why, count) => {
      if ((count & (count - 1)) !== 0) return
      operational.warn(
        { server, why, count },
        'an upstream wrote something that is no message for anybody',
      )
      record('upstream_garbage', { server, why, count })
    },
  }
}

async function serve({
  input,
  output,
  wiring,
  stop,
}: {
  readonly input: Readable
  readonly output: Writable
  readonly wiring: Wiring
  readonly stop: (reason: string) => Promise<void>
}): Promise<void> {
  const { relay } = wiring
  await new Promise<void>((resolve) => {
    const downstream = stdioDownstream({
      input,
      output,
      maxBytes: REQUEST_LIMITS.maxBytes,
      onLine: (line) => relay.receive(line),
      onTooLong: (bytes) => relay.tooLong(bytes),
      onEnd: resolve,
    })
    wiring.connect((frame) => downstream.send(frame))
  })
  await stop('the agent closed its connection')
}

async function shutDown(wiring: Wiring, options: GuardOptions, reason: string): Promise<void> {
  const { timers, log, clock, operational } = options
  wiring.relay.hangUp()
  await Promise.race([
    wiring.relay.settled(),
    new Promise<void>((resolve) => void timers.after(SETTLE_MS, resolve)),
  ])
  await Promise.all(wiring.links.map((one) => one.stop()))
  try {
    await log.append({ type: 'event', at: clock.now(), event: 'guard_stopped', facts: { reason } })
    await log.close()
  } catch (error) {
    operational.error(
      { error: error instanceof Error ? error.message : String(error) },
      'the record could not be closed',
    )
  }
}

const SILENT: OperationalLog = { debug: ignore, info: ignore, warn: ignore, error: ignore }

function ignore(): void {
  return undefined
}

/** What the upstreams offer; they are started, asked for their lists and ended. An abort ends them at once. */
export async function probeUpstreams(given: {
  readonly upstreams: readonly GuardedUpstream[]
  readonly settings: { readonly startTimeoutMs: number; readonly callTimeoutMs: number }
  readonly signal?: AbortSignal
}): Promise<Probed> {
  const self: Self = { name: 'chaperone', version: version() }
  const quiet: LinkEvents = {
    onState: ignore,
    onNotification: ignore,
    onRequest: (link, request) =>
      link.reply(request.id, 'error', errorText(CODE.methodNotFound, 'Method not found')),
    onGarbage: ignore,
  }
  const links = given.upstreams.map(
    (launch) =>
      new Link({
        launch,
        self,
        clock: systemClock,
        timers: systemTimers,
        operational: SILENT,
        events: quiet,
        start: startProcess,
        startTimeoutMs: given.settings.startTimeoutMs,
        callTimeoutMs: given.settings.startTimeoutMs,
      }),
  )
  given.signal?.addEventListener('abort', () => links.forEach((one) => void one.stop()), {
    once: true,
  })
  return probe(links, self)
}
