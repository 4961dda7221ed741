/** Many wait for the disk together: one wait is under way at a time, and whoever comes meanwhile shares the next. */

export interface Waiter {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export class GroupCommit {
  readonly #sync: () => Promise<void>
  #waiting: Waiter[] = []
  #underWay = false
  #failed: { readonly error: unknown } | undefined

  /** `sync` resolves once everything that was written before it was called is on the disk. */
  constructor(sync: () => Promise<void>) {
    this.#sync = sync
  }

  /** All that is written by now is on the disk when these resolve. After one failure nothing ever does again. */
  add(waiters: readonly Waiter[]): void {
    if (waiters.length === 0) return
    this.#waiting.push(...waiters)
    if (this.#failed) this.#refuse(this.#failed.error)
    else if (!this.#underWay) this.#begin()
  }

  wait(): Promise<void> {
    return new Promise((resolve, reject) => this.add([{ resolve, reject }]))
  }

  #begin(): void {
    const taken = this.#waiting
    this.#waiting = []
    this.#underWay = true
    this.#synced().then(
      () => {
        this.#underWay = false
        for (const { resolve } of taken) resolve()
        if (this.#waiting.length > 0 && !this.#underWay) this.#begin()
      },
      (error: unknown) => {
        // What the system could not write it may have forgotten: a second try that succeeds says nothing.
        this.#failed = { error }
        for (const { reject } of taken) reject(error)
        this.#refuse(error)
      },
    )
  }

  async #synced(): Promise<void> {
    await this.#sync()
  }

  #refuse(error: unknown): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const { reject } of waiting) reject(error)
  }
}
