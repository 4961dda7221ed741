/** Reads a record up to a moment, or up to a decision: what stands behind it is not looked at, but for damage that it shows. */
import { MomentFold } from '../audit/moment.ts'
import { type Damage, type EntryItem, type Item, readRecord } from '../audit/read.ts'
import { isCall } from '../audit/row.ts'
import { objectIn, textIn } from '../audit/said.ts'
import type { Instant } from '../model/id.ts'
import { Keepsakes, Library } from './keepsakes.ts'

/** A record as it was at a moment. */
export interface ReadMoment {
  readonly fold: MomentFold
  /** What is kept beside each log, by the log's folder. */
  readonly keepsakes: ReadonlyMap<string, Keepsakes>
  /** Of what was read, by the log's name. */
  readonly damage: ReadonlyMap<string, readonly Damage[]>
}

export interface ReadDecision extends ReadMoment {
  readonly decision: EntryItem
  readonly outcome?: EntryItem
  /** That its content was erased. */
  readonly erasure?: EntryItem
}

class Reading {
  readonly fold = new MomentFold()
  readonly keepsakes = new Map<string, Keepsakes>()
  readonly damage = new Map<string, Damage[]>()
  /** Logs of which the first thing after the moment was seen. */
  readonly #past = new Set<string>()
  readonly #library = new Library()

  before(item: Item): void {
    if (item.kind === 'damage') {
      this.#damaged(item)
      return
    }
    const { folder } = item
    const kept = this.keepsakes.get(folder) ?? new Keepsakes(folder, this.#library)
    this.keepsakes.set(folder, kept)
    kept.note(item)
    this.fold.take(item)
  }

  /** That the last entry before the moment was altered is told where the next one names another. */
  after(item: Item): void {
    if (item.kind === 'damage' && !this.#past.has(item.log) && item.problem !== 'torn')
      this.#damaged(item)
    this.#past.add(item.log)
  }

  #damaged(damage: Damage): void {
    const known = this.damage.get(damage.log) ?? []
    known.push(damage)
    this.damage.set(damage.log, known)
  }

  /** Is there nothing more to be learnt? */
  get over(): boolean {
    return [...this.fold.runs.values()].every((run) => this.#past.has(run.log))
  }
}

/** @throws GuardError ERR_AUDIT_READ */
export async function readMoment(place: string, at: Instant): Promise<ReadMoment> {
  const reading = new Reading()
  const until = new Date(at).toISOString()
  for await (const { items } of readRecord(place)) {
    for (const item of items) {
      if (item.time <= until) reading.before(item)
      else reading.after(item)
    }
    const last = items.at(-1)
    if (last && last.time > until && reading.fold.runs.size > 0 && reading.over) break
  }
  return reading
}

/**
 * Up to the decision about a call, and what became of it; undefined where there is none.
 *
 * @throws GuardError ERR_AUDIT_READ
 */
export async function readDecision(place: string, call: string): Promise<ReadDecision | undefined> {
  const reading = new Reading()
  let decision: EntryItem | undefined
  let outcome: EntryItem | undefined
  const erasures: EntryItem[] = []
  for await (const { items } of readRecord(place)) {
    for (const item of items) {
      const here = !decision && item.kind === 'entry' && isDecision(item, call)
      if (!decision && !here) reading.before(item)
      else if (decision && item.log === decision.log) reading.after(item)
      if (item.kind !== 'entry') continue
      if (here) decision = item
      else if (decision && isOutcomeOf(item, decision)) outcome = item
      // Whoever erased it may have written that into another log, whose clock was behind.
      if (item.entry['event'] === 'record_erased') erasures.push(item)
    }
  }
  if (!decision) return undefined
  const found = decision
  // A log that begins with it says nothing else of whoever made it.
  if (!reading.fold.runs.has(decision.folder)) reading.before(decision)
  const erasure = erasures.find((one) => isErasureOf(one, found))
  return {
    fold: reading.fold,
    keepsakes: reading.keepsakes,
    damage: reading.damage,
    decision,
    ...(outcome && { outcome }),
    ...(erasure && { erasure }),
  }
}

function isDecision({ entry }: EntryItem, call: string): boolean {
  const decides = entry.type === 'intent' || entry.type === 'refusal'
  return decides && typeof entry['call'] === 'string' && isCall(entry['call'], call)
}

function isOutcomeOf({ entry, log }: EntryItem, decision: EntryItem): boolean {
  const same = log === decision.log && entry['call'] === decision.entry['call']
  return same && entry.type === 'outcome'
}

function isErasureOf({ entry, log }: EntryItem, decision: EntryItem): boolean {
  const facts = objectIn(entry, 'facts')
  const call = textIn(facts, 'call')
  if (call !== undefined) return call === decision.entry['call']
  const where = textIn(facts, 'log') ?? textIn(entry, 'log') ?? log
  return where === decision.entry['log'] && facts['seq'] === decision.entry.seq
}
