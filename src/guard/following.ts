/** What a guard shares with the others of its machine while it runs: that it is there, what is taken back, what is reviewed. */
import type { CompiledMandate } from '../model/authority.ts'
import type {
  AuditLog,
  Clock,
  Notifier,
  OperationalLog,
  RunningGuard,
  StateStore,
  Timers,
} from '../model/port.ts'
import type { TimeKeeper } from '../pipeline/port.ts'
import { Presence } from '../state/presence.ts'
import { followRestrictions } from '../state/restriction-follow.ts'
import type { RestrictionWatch } from '../state/restriction-watch.ts'
import { Reviews } from './reviewing.ts'

/** What is known of the guard. */
export interface Followed {
  readonly store: StateStore
  readonly clock: Clock
  readonly timers: Timers
  readonly operational: OperationalLog
  readonly notifier?: Notifier | undefined
  /** Of the guard itself. */
  readonly log: AuditLog
  readonly instance: string
  /** The folder of its log. */
  readonly record: string
  readonly upstreams: readonly { readonly server: string }[]
}

interface Acting {
  readonly mandate: CompiledMandate
}

export interface Following {
  /** For the fronts, which say whom to tell before `start`. */
  readonly changes: RestrictionWatch
  /** The record of whoever acts, with the reviews of its mandate. */
  reviewed(acting: Acting & { readonly log: AuditLog }): AuditLog
  start(): void
  /** From now on this guard is one that nobody waits for. */
  stop(): void
}

/** @throws GuardError ERR_STATE_UNUSABLE when it cannot be said that this guard runs */
export function follow(house: Followed, acting: readonly Acting[], time: TimeKeeper): Following {
  const served = servedBy(house, acting)
  const presence = presenceOf(house, served, time)
  presence.start()
  const reviews = new Reviews(
    house,
    acting.map(({ mandate }) => mandate.mandate),
  )
  const changes = followRestrictions({
    ...house,
    self: served,
    record: (event, facts) => note(house, event, facts),
    onSeen: (revision, at) => presence.saw(revision, at),
  })
  return {
    changes,
    reviewed: ({ mandate, log }) => reviews.heard(mandate.mandate, log),
    start: () => changes.start(),
    stop: () => {
      reviews.stop()
      changes.close()
      presence.stop()
    },
  }
}

type Served = Pick<RunningGuard, 'mandates' | 'upstreams'>

function servedBy({ upstreams }: Followed, acting: readonly Acting[]): Served {
  const mandates = acting.map(({ mandate: { mandate } }) => {
    const { name, digest, agent } = mandate
    return { name, digest, agent }
  })
  return { mandates, upstreams: upstreams.map(({ server }) => server) }
}

function presenceOf(house: Followed, served: Served, time: TimeKeeper): Presence {
  const { store, timers, instance, record, operational } = house
  const startedAt = time.read().at
  return new Presence({
    store,
    timers,
    now: () => time.read().at,
    self: { instance, pid: process.pid, startedAt, log: record, ...served },
    onTrouble: (error) => operational.error(because(error), 'the store cannot be reached'),
  })
}

async function note(
  { log, clock, operational }: Followed,
  event: 'restricted' | 'lifted',
  facts: Parameters<OperationalLog['warn']>[0],
): Promise<void> {
  operational.warn({ event, ...facts }, 'what is taken back changed')
  try {
    await log.append({ type: 'event', at: clock.now(), event, facts })
  } catch (error) {
    operational.error(because(error), 'an event could not be recorded')
  }
}

function because(error: unknown): { readonly error: string } {
  return { error: error instanceof Error ? error.message : String(error) }
}
