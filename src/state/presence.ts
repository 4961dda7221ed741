/** Says to the other guards of the machine, and to whoever takes something back, that this one runs, and what it has seen. */
import type { Instant } from '../model/id.ts'
import type { StateStore, Timers } from '../model/port.ts'
import type { Instance } from '../model/state.ts'

/** Whoever is silent for much longer is taken to be gone. */
const BEAT_MS = 5000

export interface PresenceOptions {
  readonly store: Pick<StateStore, 'register' | 'heartbeat' | 'unregister'>
  /** As calls are told it: it never goes back by itself. */
  readonly now: () => Instant
  readonly timers: Timers
  readonly self: Parameters<StateStore['register']>[0]
  /** Told once for each time that the store cannot be written. */
  readonly onTrouble: (error: unknown) => void
}

export class Presence {
  readonly #options: PresenceOptions
  #seen: Pick<Instance, 'seen' | 'seenAt'> = { seen: 0 }
  #cancel: (() => void) | undefined
  #troubled = false

  constructor(options: PresenceOptions) {
    this.#options = options
  }

  /** @throws GuardError ERR_STATE_UNUSABLE */
  start(): void {
    const { store, self } = this.#options
    store.register(self)
    this.#later()
  }

  /** What was taken back up to this revision has taken effect: whoever waits for that is told at once. */
  saw(revision: number, at: Instant): void {
    this.#seen = { seen: revision, seenAt: at }
    if (this.#cancel) this.#beat()
  }

  /** The last time that it saw stays known: a mandate that ended by then has ended for the next guard, too. */
  stop(): void {
    if (!this.#cancel) return
    this.#cancel()
    this.#cancel = undefined
    this.#beat()
    const { store, self } = this.#options
    this.#tried(() => store.unregister(self.instance))
  }

  #later(): void {
    this.#cancel = this.#options.timers.after(BEAT_MS, () => {
      this.#beat()
      this.#later()
    })
  }

  #beat(): void {
    const { store, now, self } = this.#options
    const { seen, seenAt } = this.#seen
    this.#tried(() => store.heartbeat(self.instance, now(), seen, seenAt))
  }

  /** A guard goes on without having said so: its calls ask the store themselves. */
  #tried(action: () => void): void {
    try {
      action()
      this.#troubled = false
    } catch (error) {
      if (!this.#troubled) this.#options.onTrouble(error)
      this.#troubled = true
    }
  }
}
