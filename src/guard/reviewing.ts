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

interface Parts {
  readonly store: StateStore
  readonly clock: Clock
  readonly timers: Timers
  readonly operational: OperationalLog
  readonly notifier?: Notifier | undefined
}

type Reviewed = Pick<Mandate, 'name' | 'review'>

/** How often time is looked at. */
const TICK_MS = 60_000

/** All reviews of one guard. Whoever acts under one mandate, by whatever key, is heard by one reviewer. */
export class Reviews {
  readonly #parts: Parts
  readonly #reviewers = new Map<string, Reviewer>()
  readonly #needed: boolean
  #cancel = (): void => undefined

  /** `all`: the mandates of the guard. */
  constructor(parts: Parts, all: readonly Reviewed[]) {
    this.#parts = parts
    this.#needed = all.some(({ review = [] }) => review.length > 0)
    if (this.#needed) this.#after()
  }

  /** The record as whoever acts under the mandate writes it. */
  heard(mandate: Reviewed, log: AuditLog): AuditLog {
    if (!this.#needed) return log
    const own = this.#reviewerOf(mandate, log)
    const hear = ({ entry, receipt }: Seen): void => {
      // Definitions are those of the guard, and a change is told once: it is everybody's, whoever saw it.
      if (isChange(entry)) for (const reviewer of this.#reviewers.values()) reviewer.hear(entry)
      // What could not be written was refused for that, and is no cause.
      else if (receipt) own?.hear(entry)
    }
    return observed(log, [hear])
  }

  stop(): void {
    this.#cancel()
  }

  #reviewerOf({ name, review = [] }: Reviewed, log: AuditLog): Reviewer | undefined {
    if (review.length === 0) return undefined
    const key = JSON.stringify([name, review])
    const known = this.#reviewers.get(key)
    if (known) return known
    const { clock, operational } = this.#parts
    const reviewer = new Reviewer({
      ...this.#parts,
      mandate: name,
      triggers: review,
      record: (facts) =>
        void log
          .append({ type: 'event', at: clock.now(), event: 'review_triggered', facts })
          .catch((error: unknown) =>
            operational.error({ error: String(error) }, 'a review could not be recorded'),
          ),
    })
    this.#reviewers.set(key, reviewer)
    reviewer.tick()
    return reviewer
  }

  #after(): void {
    this.#cancel = this.#parts.timers.after(TICK_MS, () => {
      this.#after()
      for (const reviewer of this.#reviewers.values()) reviewer.tick()
    })
  }
}

function isChange(entry: Seen['entry']): boolean {
  return entry.type === 'event' && entry.event === 'catalog_changed'
}
