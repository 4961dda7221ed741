/** When something happened: how often in all, and how often since a moment, as long as that is still remembered. */

/** Moments that are remembered of one thing. Beyond that the oldest quarter is let go of. */
const MOST = 20_000

const NOTHING: WrittenTally = { times: [], total: 0 }

/** A tally as it is written down. */
export interface WrittenTally {
  readonly times: readonly number[]
  readonly total: number
  /** Absent: all is remembered. */
  readonly forgottenTo?: number
}

export class Tally {
  /** In order of time, whatever the order in which they came. */
  #times: number[]
  #total: number
  /** Of what happened up to here, some is no longer remembered. */
  #forgottenTo: number

  constructor({ times, total, forgottenTo = -Infinity }: WrittenTally = NOTHING) {
    this.#times = [...times]
    this.#total = total
    this.#forgottenTo = forgottenTo
  }

  get written(): WrittenTally {
    const forgottenTo = this.#forgottenTo
    const told = Number.isFinite(forgottenTo) ? { forgottenTo } : {}
    return { times: [...this.#times], total: this.#total, ...told }
  }

  /** Since the beginning. */
  get total(): number {
    return this.#total
  }

  get remembered(): number {
    return this.#times.length
  }

  add(at: number): void {
    this.#total += 1
    if (at <= this.#forgottenTo) return
    const place = this.#after(at)
    // Most come in order; to splice one in makes a list of what is taken out, too.
    if (place === this.#times.length) this.#times.push(at)
    else this.#times.splice(place, 0, at)
    if (this.#times.length > MOST) this.forget(MOST / 4)
  }

  /** One that was added is taken back. */
  remove(at: number): void {
    this.#total -= 1
    const place = this.#after(at) - 1
    if (this.#times[place] === at) this.#times.splice(place, 1)
  }

  /** How many after `start`; what lies after now counts, too. Undefined where some of them may have been let go of. */
  since(start: number): number | undefined {
    return start < this.#forgottenTo ? undefined : this.#times.length - this.#after(start)
  }

  /** Lets go of so many, the oldest first. */
  forget(count: number): void {
    const gone = this.#times.splice(0, count)
    this.#forgottenTo = Math.max(this.#forgottenTo, gone.at(-1) ?? -Infinity)
  }

  /** The place behind all that are not later. */
  #after(at: number): number {
    let low = 0
    let high = this.#times.length
    // Most come in order: then nothing is searched.
    if ((this.#times[high - 1] ?? -Infinity) <= at) return high
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#times[middle] ?? Infinity) <= at) low = middle + 1
      else high = middle
    }
    return low
  }
}
