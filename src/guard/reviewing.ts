/** The reviews of a mandate, joined to what goes on record under it, and to time. */
import { observed, type Seen } from '../audit/observe.ts'
import type {
  AuditLog,
  Clock,
  Notifier,
  OperationalLog,
  StateStore,
  Timers,
} from '../model/port.ts'
import type { Mandate } from '../model/mandate.ts'
import { Reviewer } from '../state/review.ts'

export interface Reviewing {
  /** The record as whoever acts writes it. */
  readonly log: AuditLog
  readonly stop: () => void
}

/** How often time is looked at. */
const TICK_MS = 60_000

export function reviewing(
  { name, review }: Pick<Mandate, 'name' | 'review'>,
  parts: {
    readonly log: AuditLog
    readonly store: StateStore
    readonly clock: Clock
    readonly timers: Timers
    readonly operational: OperationalLog
    readonly notifier?: Notifier | undefined
  },
): Reviewing {
  const { log, clock, timers, operational } = parts
  if (!review || review.length === 0) return { log, stop: () => undefined }
  const reviewer = new Reviewer({
    ...parts,
    mandate: name,
    triggers: review,
    record: (facts) =>
      void log
        .append({ type: 'event', at: clock.now(), event: 'review_triggered', facts })
        .catch((error: unknown) =>
          operational.error({ error: String(error) }, 'a review could not be recorded'),
        ),
  })
  let cancel = (): void => undefined
  const tick = (): void => {
    cancel = timers.after(TICK_MS, tick)
    reviewer.tick()
  }
  tick()
  // What could not be written was refused for that, and is no cause.
  const hear = ({ entry, receipt }: Seen): void => {
    if (receipt) reviewer.hear(entry)
  }
  return { log: observed(log, [hear]), stop: () => cancel() }
}
