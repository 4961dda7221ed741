/** Follows the numbers and the names from one record to the next, and says which record is wrong. */
import type { ReadEntry } from './entry.ts'
import type { Finding, FindingKind, Findings } from './finding.ts'

export interface Place {
  readonly file: string
  readonly line: number
}

/** What the first record of a log names. */
const NOTHING = '0'.repeat(64)

interface Gap {
  readonly from: number
  readonly to: number
  readonly finding: Finding
}

export class ChainCheck {
  readonly #log: string
  readonly #findings: Findings
  /** The number that the next record must have. */
  #next = 0
  /** The leaf hash that it must name; undefined where nobody knows. */
  #leaf: string | undefined = NOTHING
  #place: Place
  #gap: Gap | undefined
  /** The record whose own link was found broken. */
  #broken = -1

  constructor(log: string, findings: Findings, first: Place) {
    this.#log = log
    this.#findings = findings
    this.#place = first
  }

  get next(): number {
    return this.#next
  }

  /** Files say by their names which record they begin with. */
  expectFile(firstSeq: number, place: Place): void {
    this.#place = place
    if (firstSeq > this.#next) this.#jump(firstSeq, place)
    else if (firstSeq < this.#next) {
      const message = `its name says that it begins with record ${firstSeq}, and record ${this.#next} comes next`
      this.tell('out_of_order', place, message, firstSeq)
    }
  }

  /** True where the record is the next one of its log, so that its leaf stands in the tree. */
  follow(read: ReadEntry, leaf: string, place: Place): boolean {
    const { seq, prev } = read
    const before = this.#place
    this.#place = place
    if (seq < this.#next) {
      this.#again(seq, place)
      return false
    }
    if (seq > this.#next) this.#jump(seq, place)
    else if (this.#leaf !== undefined && prev !== this.#leaf) this.#mismatch(seq, place, before)
    this.#next = seq + 1
    this.#leaf = leaf
    return true
  }

  /** A line that is no record stands where one should. */
  skip(leaf: string, place: Place): void {
    this.#place = place
    this.#next += 1
    this.#leaf = leaf
  }

  tell(kind: FindingKind, place: Place, message: string, seq: number = this.#next): void {
    this.#findings.add({ kind, log: this.#log, ...place, seq, message })
  }

  /** Of two records in a row that do not fit, the one between is the one that was altered. */
  #mismatch(seq: number, place: Place, before: Place): void {
    const wrong = seq - 1
    const both = this.#broken === wrong
    this.#broken = seq
    if (this.#findings.names(wrong) && !both) return
    const message =
      seq === 0
        ? 'record 0 names a record before it, and there can be none'
        : `record ${wrong} is not the one that record ${seq} names as the one before it`
    const finding: Finding = {
      kind: 'altered',
      log: this.#log,
      ...(seq === 0 ? place : before),
      seq: Math.max(wrong, 0),
      message,
    }
    if (both) this.#findings.instead(finding)
    else this.#findings.add(finding)
  }

  #jump(seq: number, place: Place): void {
    const [from, to] = [this.#next, seq - 1]
    const message =
      from === to
        ? `record ${from} is missing: record ${seq} stands where it should`
        : `records ${from} to ${to} are missing: record ${seq} stands where record ${from} should`
    const range = from === to ? {} : { to }
    const finding: Finding = {
      kind: 'missing',
      log: this.#log,
      ...place,
      seq: from,
      ...range,
      message,
    }
    this.#findings.add(finding)
    this.#gap = { from, to, finding }
    this.#next = seq
    this.#leaf = undefined
  }

  /** A number that was there, or one that came too late. */
  #again(seq: number, place: Place): void {
    const gap = this.#gap
    // Whatever record comes next, it need not name this one.
    this.#leaf = seq === this.#next - 1 ? this.#leaf : undefined
    if (gap && seq >= gap.from && seq <= gap.to) {
      const message = `record ${seq} stands behind record ${this.#next - 1}`
      const late: Finding = { kind: 'out_of_order', log: this.#log, ...place, seq, message }
      this.#gap = undefined
      this.#leaf = undefined
      if (gap.from === gap.to) this.#findings.instead(late)
      else this.#findings.add(late)
      return
    }
    const message = `record ${seq} stands there a second time, where record ${this.#next} should`
    this.tell('inserted', place, message, seq)
  }
}
