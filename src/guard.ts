/** The composition root: settings in, a wired guard out. The only file that knows every part. */
import type { Readable, Writable } from 'node:stream'
import { lenderEvents, lent } from './credential/lend.ts'
import { follow } from './guard/following.ts'
import { connect } from './guard/offline.ts'
import { type Tasks, tasksOf } from './guard/tasks.ts'
import { type CallId, callId } from './model/id.ts'
import type { JsonObject } from './model/json.ts'
import type { Lock } from './model/lock.ts'
import type { AuditLog, StateStore } from './model/port.ts'
import type { EventName } from './model/record.ts'
import type { WebhookEntry } from './model/webhook.ts'
import type { TimeKeeper } from './pipeline/port.ts'
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
import { answerFrame } from './proxy/protocol.ts'
import { type Outlet, Session } from './proxy/session.ts'
import { REQUEST_LIMITS } from './proxy/strict.ts'
import { fetchWith } from './proxy/upstream/http/fetch.ts'
import { restrictedFor } from './state/restricted.ts'
import { webhooks } from './webhook/webhooks.ts'

export type { LoginOutcome } from './credential/login.ts'
export type { LogoutOutcome } from './credential/logout.ts'
export type { GuardedUpstream } from './proxy/front.ts'
export {
  checkCedarPolicies,
  logInAt,
  type LoginPlace,
  logOutAt,
  openPolicyEngine,
  probeUpstreams,
} from './guard/offline.ts'

/** How upstreams are reached and the patience of an opening have working defaults. */
type House = Omit<HouseOptions, 'start' | 'openingMs' | 'pins' | 'budgets'> &
  Partial<Pick<HouseOptions, 'start' | 'openingMs'>> & {
    /** Whom `notify` duties tell, by name. */
    readonly webhooks?: ReadonlyMap<string, WebhookEntry>
    /** What is approved; without it, definitions are pinned as they are first seen. */
    readonly lock?: Lock
    /** Where `chaperone login` keeps what upstreams are shown; absent: they are shown their entries' headers alone. */
    readonly stateDir?: string
    /** What it shares with other guards of this machine. Whoever opened it closes it when the guard has stopped. */
    readonly store: StateStore
    /** The folder of its log: whoever comes after it finds there what became of its calls. */
    readonly record: string
    /** The run of a mandate that agents go on with; absent: the usual one. */
    readonly taskId?: string
  }

/** What a guard is made of. */
export type GuardOptions = House & Omit<Assignment, 'task' | 'restricted'>

export interface Guard {
  /** Serves one agent; resolves when it has gone and everything is settled and stopped. */
  serveStdio(input: Readable, output: Writable): Promise<void>
  /** Calls off what is under way, ends the upstreams, closes the record. Safe to call twice. */
  stop(reason: string): Promise<void>
}

const OPENING_MS = 10_000
/** How long what was called off may take to be settled. */
const SETTLE_MS = 2000

/**
 * Starts the upstream processes at once, so that their start-up runs beside whatever the agent does first.
 *
 * @throws GuardError ERR_STATE_UNUSABLE when the store cannot be read or written
 */
export function createGuard(given: GuardOptions): Guard {
  const options = housed(given)
  recordPosture(options)
  const wire = { send: (_frame: string): void => undefined }
  const session = new Session(lines((frame) => wire.send(frame)))
  const time = timeOf(options)
  const newCallId = callIds(options.instance)
  const tasks = tasksOf(options, (event, facts) => void note(options, event, facts))
  const task = tasks.of(options)
  const restricted = restrictedTo(options, options)
  const following = follow(options, [options], time)
  const { changes } = following
  const log = following.reviewed(options)
  const own = { task, restricted, standing: session, time, newCallId, changes, log }
  const front = createFront({ ...options, ...own })
  following.start()
  for (const link of front.links) link.launch()
  let stopping: Promise<void> | undefined
  const stop = (reason: string): Promise<void> => {
    front.goDown()
    stopping ??= shutDown({ front, session }, options, reason).finally(() => {
      tasks.close()
      following.stop()
    })
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
): T & Pick<HouseOptions, 'start' | 'openingMs' | 'pins' | 'budgets'> {
  const upstreams = withLogins(given)
  const { clock, timers, webhooks: hooks } = given
  const notifier = hooks && webhooks(hooks, { fetch: fetchWith(timers), clock, timers })
  const pins = new Pins(given.lock)
  const budgets = given.store
  return { start: connect, openingMs: OPENING_MS, notifier, ...given, upstreams, pins, budgets }
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
    readonly admissions: readonly Omit<Admission, 'task' | 'restricted'>[]
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

/**
 * A guard for any number of agents, each under the mandate that its authorization stands for.
 *
 * @throws GuardError ERR_STATE_UNUSABLE when the store cannot be read or written
 */
export async function createHttpGuard(given: HttpGuardOptions): Promise<HttpGuard> {
  // A guard on stdio starts without what only this one needs.
  const [{ Listener }, { Posts }] = await Promise.all([
    import('./proxy/downstream/http/listener.ts'),
    import('./proxy/downstream/http/posts.ts'),
  ])
  const options = housed(given)
  const { instance } = options
  recordPosture(options)
  const time = timeOf(options)
  const newCallId = callIds(instance)
  const following = follow(options, options.admissions, time)
  const house = { ...options, changes: following.changes }
  const tasks = tasksOf(options, (event, facts) => void note(options, event, facts))
  const admissions = withTasks(options, tasks).map((one) => ({
    ...one,
    log: following.reviewed(one),
  }))
  const posts = new Posts({ house, admissions, time, newCallId })
  following.start()
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
      stopping ??= listener
        .stop()
        .then(() => closeRecord(options, reason))
        .finally(() => {
          tasks.close()
          following.stop()
        })
      return stopping
    },
  }
}

function withTasks(options: HttpGuardOptions, tasks: Tasks): readonly Admission[] {
  return options.admissions.map((one) => ({
    ...one,
    task: tasks.of(one),
    restricted: restrictedTo(one, options),
  }))
}

type Acting = Pick<Assignment, 'mandate' | 'principal'>

/** What is taken back counts under the name of a mandate: whoever edits it sheds nothing. */
function restrictedTo(
  { mandate, principal }: Acting,
  { store, clock }: Pick<House, 'store' | 'clock'>,
): Assignment['restricted'] {
  return restrictedFor(store, clock, { mandate: mandate.mandate.name, agent: principal?.agent })
}

/** What another guard has seen of the time counts, too. */
function timeOf({ clock, store }: Pick<House, 'clock' | 'store'>): TimeKeeper {
  return timeKeeper(
    clock,
    () => store.latest(),
    () => store.resets(),
  )
}

/** The upstreams with what they are shown of logins. */
function withLogins(house: Noting & House): readonly GuardedUpstream[] {
  const { clock, operational, stateDir, timers, upstreams } = house
  const events = lenderEvents(operational, (event, facts) => void note(house, event, facts))
  return lent(upstreams, { stateDir, clock, timers, fetchWith, events })
}

type Noting = { readonly log: AuditLog } & Pick<HouseOptions, 'clock' | 'operational'>

/** Puts on record what holds up nobody. */
function note(
  { log, clock, operational }: Noting,
  event: EventName,
  facts: JsonObject,
): Promise<void> {
  return log
    .append({ type: 'event', at: clock.now(), event, facts })
    .then(ignore, (error: unknown) =>
      operational.error({ error: messageOf(error) }, 'an event could not be recorded'),
    )
}

function recordPosture(house: Noting & Pick<HouseOptions, 'posture'>): void {
  house.posture.onChange(({ risk, why, until }) => {
    const end = until === undefined ? {} : { until: new Date(until).toISOString() }
    void note(house, 'risk_changed', { risk, ...(why !== undefined && { why }), ...end })
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
    void note(house, 'request_turned_away', facts)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function ignore(): void {
  return undefined
}
