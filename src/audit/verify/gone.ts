/** Records whose content cannot be read any more, and what is on record of why: what nobody put on record was destroyed. */
import { isList, isObject, type JsonObject, member } from '../../model/json.ts'

/** Of a log, more of them than this are counted only, and then not one of them is explained. */
const MOST = 100_000
const SHOWN = 8

/** A record that somebody said was erased. */
interface Erased {
  readonly log: string
  readonly seq: number
}

/** What one log shows of it. */
export class Gone {
  readonly #seqs: number[] = []
  readonly #erased: Erased[] = []
  /** From a record up to, but not with, another: a crash took their keys. */
  readonly #lost: (readonly [from: number, to: number])[] = []
  #count = 0

  get count(): number {
    return this.#count
  }

  add(seq: number): void {
    this.#count += 1
    if (this.#seqs.length < MOST) this.#seqs.push(seq)
  }

  /** Takes what an entry says of erasures, or of keys that were lost. */
  note(entry: JsonObject, seq: number): void {
    const event = member(entry, 'event')
    const facts = member(entry, 'facts')
    if (!isObject(facts)) return
    if (event === 'log_recovered') {
      const lost = member(facts, 'keys_lost')
      if (typeof lost === 'number' && lost > 0) this.#lost.push([seq - lost, seq])
    } else if (event === 'record_erased') {
      const records = member(facts, 'records')
      for (const one of isList(records) ? records : []) {
        const [log, number] = isObject(one) ? [member(one, 'log'), member(one, 'seq')] : []
        if (typeof log === 'string' && typeof number === 'number')
          this.#erased.push({ log, seq: number })
      }
    }
  }

  get erased(): readonly Erased[] {
    return this.#erased
  }

  /** In their order; undefined where there are more than can be told. */
  unexplained(erased: ReadonlySet<number>): readonly number[] | undefined {
    if (this.#count > MOST) return undefined
    return this.#seqs.filter(
      (seq) => !erased.has(seq) && !this.#lost.some(([from, to]) => seq >= from && seq < to),
    )
  }
}

/** Of logs that are all there are: what was erased of one may be on record in another. */
export function destroyed(
  logs: readonly { readonly log: string; readonly gone: Gone }[],
): readonly { readonly log: string; readonly message: string }[] {
  const said = Map.groupBy(
    logs.flatMap(({ gone }) => gone.erased),
    ({ log }) => log,
  )
  return logs.flatMap(({ log, gone }) => {
    const erased = new Set(said.get(log)?.map(({ seq }) => seq))
    const seqs = gone.unexplained(erased)
    if (seqs?.length === 0) return []
    const which =
      seqs === undefined
        ? `${gone.count} records`
        : `record${seqs.length === 1 ? '' : 's'} ${seqs.slice(0, SHOWN).join(', ')}`
    const more = seqs && seqs.length > SHOWN ? ` and ${seqs.length - SHOWN} more` : ''
    const message = `of the log \`${log}\` the keys of ${which}${more} were overwritten, and no erasure is on record`
    return [{ log, message }]
  })
}
