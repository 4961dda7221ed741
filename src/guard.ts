/** The composition root: settings in, a wired guard out. The only file that knows every part. */
import type { Readable, Writable } from 'node:stream'
import { systemClock, systemTimers } from './config/system.ts'
import { version } from './config/version.ts'
import { callId } from './model/id.ts'
import type { OperationalLog } from './model/port.ts'
import { timeKeeper } from './pipeline/time.ts'
import { stdioDownstream } from './proxy/downstream/stdio.ts'
import {
  createFront,
  type Assignment,
  type Front,
  type GuardedUpstream,
  type HouseOptions,
} from './proxy/front.ts'
import { probe, type Probed } from './proxy/probe.ts'
import { answerFrame, CODE, errorText, type Self } from './proxy/protocol.ts'
import { type Outlet, Session } from './proxy/session.ts'
import { REQUEST_LIMITS } from './proxy/strict.ts'
import type { Connect } from './proxy/upstream/connection.ts'
import { Link, type LinkEvents } from './proxy/upstream/link.ts'
import { connectHttp } from './proxy/upstream/http/connection.ts'
import { startProcess } from './proxy/upstream/process.ts'

export type { GuardedUpstream } from './proxy/front.ts'

/** What a guard is made of; how upstreams are reached and the patience of an opening have working defaults. */
export type GuardOptions = Omit<HouseOptions, 'start' | 'openingMs'> &
  Assignment &
  Partial<Pick<HouseOptions, 'start' | 'openingMs'>>

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
  const options = { start: connect, openingMs: OPENING_MS, ...given }
  const wire = { send: (_frame: string): void => undefined }
  const session = new Session(lines((frame) => wire.send(frame)))
  let calls = 0
  const newCallId = () => {
    calls += 1
    return callId(`${options.instance}-${calls}`)
  }
  const time = timeKeeper(options.clock)
  const front = createFront({ ...options, standing: session, time, newCallId })
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

async function shutDown(
  { front, session }: { readonly front: Front; readonly session: Session },
  options: GuardOptions,
  reason: string,
): Promise<void> {
  const { log, clock, operational } = options
  front.relay.hangUp(session)
  await front.stop(SETTLE_MS)
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
    onPaused: ignore,
    onMissed: ignore,
  }
  const links = given.upstreams.map(
    (upstream) =>
      new Link({
        upstream,
        self,
        clock: systemClock,
        timers: systemTimers,
        operational: SILENT,
        events: quiet,
        start: connect,
        startTimeoutMs: given.settings.startTimeoutMs,
        callTimeoutMs: given.settings.startTimeoutMs,
      }),
  )
  given.signal?.addEventListener('abort', () => links.forEach((one) => void one.stop()), {
    once: true,
  })
  return probe(links, self)
}
