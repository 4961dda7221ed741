/** What an independent reader finds wrong with a log, and what it can say of one. */

export type FindingKind =
  /** A record is not the one that the next one names, or that was signed. */
  | 'altered'
  | 'missing'
  | 'inserted'
  | 'out_of_order'
  | 'not_an_entry'
  | 'not_canonical'
  | 'wrong_log'
  | 'torn'
  /** Records that were signed or anchored are not there. */
  | 'truncated'
  /** Two signed histories that cannot both be true. */
  | 'forked'
  | 'checkpoint'
  | 'anchor'
  | 'keys'
  | 'content'
  | 'object'

export interface Finding {
  readonly kind: FindingKind
  readonly log: string
  readonly file: string
  /** Counts from 1. */
  readonly line?: number
  /** The record; with `to` all from it up to and with that one: nobody can tell which of them. */
  readonly seq?: number
  readonly to?: number
  readonly message: string
}

/** Of a log, more findings than this are counted only. */
export const MOST_FINDINGS = 100

export class Findings {
  readonly list: Finding[] = []
  #count = 0
  /** Records that are known to be wrong, as far as they matter to the next one. */
  #lastSeq = -1

  get count(): number {
    return this.#count
  }

  add(finding: Finding): void {
    this.#count += 1
    if (this.list.length < MOST_FINDINGS) this.list.push(finding)
    if (finding.to === undefined && finding.seq !== undefined) this.#lastSeq = finding.seq
  }

  /** Puts another in the place of the latest. */
  instead(finding: Finding): void {
    const last = this.list.length - 1
    if (this.#count <= MOST_FINDINGS && last >= 0) this.list[last] = finding
    if (finding.seq !== undefined) this.#lastSeq = finding.seq
  }

  /** Is one in the list about this record alone? */
  has(seq: number): boolean {
    return this.list.some((one) => one.seq === seq && one.to === undefined)
  }

  /** Was the latest about this record? */
  names(seq: number): boolean {
    return this.#lastSeq === seq
  }
}
