/**
 * Notices what is taken back, or lifted, by any process, and says so: calls see it by themselves, but what is under way, what
 * agents were shown and what was started has to be told.
 */
import type { Instant } from '../model/id.ts'
import type { Clock, OperationalLog, StateStore, Timers } from '../model/port.ts'
import type { Lifted, Restriction, Restrictions } from '../model/state.ts'
import { counts } from './restricted.ts'

/** What is not as it was a moment ago. */
export interface RestrictionChange {
  readonly added: readonly Restriction[]
  /** Lifted by somebody, replaced, or ended by itself; who and why is known where the store keeps it. */
  readonly ended: readonly {
    readonly restriction: Restriction
    readonly how: 'lifted' | 'over' | 'replaced'
    readonly lifted?: Lifted
  }[]
  /** True from the moment on at which nothing could be looked up. */
  readonly unreadable: boolean
  /** `start`: it was so before this guard began. */
  readonly when: 'start' | 'running'
}

/** Puts a change into effect; what it resolves with is waited for before the change counts as seen. */
export type Listener = (change: RestrictionChange) => Promise<void> | void

export interface RestrictionWatchOptions {
  readonly store: Pick<StateStore, 'restrictions'>
  readonly clock: Pick<Clock, 'now'>
  readonly timers: Timers
  readonly operational: OperationalLog
  /** Everything up to this revision is in effect, and on record. */
  readonly onSeen: (revision: number, at: Instant) => void
  /** Called after what took effect has, to put it on record. */
  readonly onEffect?: Listener
  readonly pollMs?: number
}

/** Calls ask for themselves; this is for what is under way, and a guard that idles should cost next to nothing. */
const POLL_MS = 100

export class RestrictionWatch {
  readonly #options: RestrictionWatchOptions
  readonly #listeners = new Set<Listener>()
  #known: ReadonlyMap<number, Restriction> = new Map()
  #revision = -1
  #unreadable = false
  #stop: (() => void) | undefined
  #closed = false
  /** Something could not be put into effect: nothing is called seen any more. */
  #failed = false
  #working: Promise<void> = Promise.resolve()

  constructor(options: RestrictionWatchOptions) {
    this.#options = options
  }

  /** The returned function ends it. */
  onChange(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** What is in force already is told as well: whoever starts under a revocation is under it from the first moment. */
  start(): void {
    this.#look('start')
  }

  close(): void {
    this.#closed = true
    this.#stop?.()
    this.#listeners.clear()
  }

  /** Resolves when what was noticed so far is in effect. */
  settled(): Promise<void> {
    return this.#working
  }

  /** What takes its time to take effect holds up nothing that is noticed meanwhile; they count as seen in their order. */
  #look(when: RestrictionChange['when'] = 'running'): void {
    if (this.#closed) return
    const { timers, pollMs = POLL_MS } = this.#options
    this.#stop = timers.after(pollMs, () => this.#look())
    const change = this.#change(when)
    if (!change) return
    const before = this.#working
    this.#working = this.#effect(change.view, change.what, before).catch((error: unknown) => {
      this.#failed = true
      this.#trouble(error, 'what was taken back is not in full effect')
    })
  }

  /** Undefined where nothing is to be told. A change that nobody here is about is seen all the same. */
  #change(
    when: RestrictionChange['when'],
  ): { readonly view?: Restrictions; readonly what: RestrictionChange } | undefined {
    const { store, clock } = this.#options
    let view: Restrictions
    try {
      view = store.restrictions()
    } catch (error) {
      if (this.#unreadable) return undefined
      this.#unreadable = true
      this.#trouble(error, 'what was taken back cannot be looked up: nothing is permitted')
      return { what: { added: [], ended: [], unreadable: true, when } }
    }
    const back = this.#unreadable
    this.#unreadable = false
    const now = clock.now()
    const next = new Map(view.all.filter((one) => counts(one, now)).map((one) => [one.id, one]))
    const added = [...next.values()].filter(({ id }) => !this.#known.has(id))
    const ended = [...this.#known.values()]
      .filter(({ id }) => !next.has(id))
      .map((restriction) => endOf(restriction, view, now))
    const same = view.revision === this.#revision
    this.#known = next
    this.#revision = view.revision
    if (!back && same && added.length === 0 && ended.length === 0) return undefined
    return { view, what: { added, ended, unreadable: false, when } }
  }

  async #effect(
    view: Restrictions | undefined,
    change: RestrictionChange,
    before: Promise<void>,
  ): Promise<void> {
    const told = await Promise.allSettled(
      [...this.#listeners].map(async (listener) => listener(change)),
    )
    await before
    await this.#options.onEffect?.(change)
    const failed = told.find((one) => one.status === 'rejected')
    if (failed) throw failed.reason
    if (!view || this.#closed || this.#failed) return
    this.#options.onSeen(view.revision, this.#options.clock.now())
  }

  #trouble(error: unknown, message: string): void {
    const why = error instanceof Error ? error.message : String(error)
    this.#options.operational.error({ error: why }, message)
  }
}

function endOf(
  restriction: Restriction,
  { all, lifted = [] }: Restrictions,
  now: Instant,
): RestrictionChange['ended'][number] {
  const by = lifted.findLast((one) => one.restriction.id === restriction.id)
  if (by) return { restriction, how: 'lifted', lifted: by }
  if (!counts(restriction, now)) return { restriction, how: 'over' }
  const same = JSON.stringify(restriction.target)
  const replaced = all.some(({ target }) => JSON.stringify(target) === same)
  return { restriction, how: replaced ? 'replaced' : 'lifted' }
}
