/** Puts entries into the index as the rows that they are read as. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { EntryItem } from '../cursor.ts'
import { type RowKind, rowOf, shortId } from '../row.ts'
import { WORD, type WordKind } from './schema.ts'

export const KINDS: readonly RowKind[] = [
  'call',
  'refusal',
  'upstream_request',
  'list',
  'event',
  'other',
]

/** What waits for its outcome, before it is put in without. */
const MOST_WAITING = 10_000

export class RowWriter {
  readonly #insert: StatementSync
  readonly #settle: StatementSync
  readonly #open: StatementSync
  readonly #word: StatementSync
  readonly #newWord: StatementSync
  readonly #file: StatementSync
  readonly #newFile: StatementSync
  readonly #words = new Map<string, number>()
  readonly #files = new Map<string, number>()
  readonly #waiting = new Map<string, EntryItem>()

  constructor(db: DatabaseSync) {
    const columns =
      'seq, file, offset, size, time, ts, kind, target, effects, agent, mandate, verdict, result, reason, rules, sealed, short, seq2, file2, offset2, size2, time2'
    const marks = columns.replaceAll(/\w+/g, '?')
    this.#insert = db.prepare(`INSERT OR REPLACE INTO row (${columns}) VALUES (${marks})`)
    this.#settle = db.prepare(
      'UPDATE row SET verdict = ?, result = ?, reason = ?, seq2 = ?, file2 = ?, offset2 = ?, size2 = ?, time2 = ? WHERE seq = ?',
    )
    this.#open = db.prepare(
      'SELECT seq FROM row WHERE short = ? AND kind = 0 AND seq2 IS NULL ORDER BY seq DESC LIMIT 1',
    )
    this.#word = db.prepare('SELECT id FROM word WHERE kind = ? AND text = ?')
    this.#newWord = db.prepare('INSERT INTO word (kind, text) VALUES (?, ?)')
    this.#file = db.prepare('SELECT id FROM file WHERE name = ?')
    this.#newFile = db.prepare('INSERT INTO file (name) VALUES (?)')
  }

  add(item: EntryItem): void {
    const { type, call } = item.entry
    const id = typeof call === 'string' ? call : ''
    if (type === 'intent') {
      const before = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (before) this.#put([before])
      this.#waiting.set(id, item)
      if (this.#waiting.size > MOST_WAITING) this.flush()
      return
    }
    if (type !== 'outcome') {
      this.#put([item])
      return
    }
    const begun = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (begun) this.#put([begun, item])
    else if (!this.#settled(id, item)) this.#put([item])
  }

  /** Calls that have no outcome yet get it later. */
  flush(): void {
    for (const item of this.#waiting.values()) this.#put([item])
    this.#waiting.clear()
  }

  #settled(call: string, outcome: EntryItem): boolean {
    const found = call === '' ? undefined : this.#open.get(shortId(call))
    const seq = found?.['seq']
    if (typeof seq !== 'number') return false
    // Whatever the intent says of the call stays; only what came of it is new.
    const intent: EntryItem = { ...outcome, entry: { ...outcome.entry, type: 'intent' } }
    const row = rowOf([intent, outcome])
    if (!row) return false
    this.#settle.run(
      this.#wordOf('verdict', row.verdict),
      this.#wordOf('result', row.result),
      this.#wordOf('reason', row.reason),
      ...this.#placeOf(outcome),
      seq,
    )
    return true
  }

  #put(items: readonly [EntryItem, EntryItem?]): void {
    const [first, outcome] = items
    const row = rowOf(outcome ? [first, outcome] : [first])
    if (!row) return
    this.#insert.run(
      ...this.#placeOf(first),
      Date.parse(row.ts),
      KINDS.indexOf(row.kind),
      this.#wordOf('target', JSON.stringify([row.server ?? null, row.name])),
      this.#wordOf('effects', JSON.stringify(row.effects)),
      this.#wordOf('agent', row.agent),
      this.#wordOf('mandate', row.mandate),
      this.#wordOf('verdict', row.verdict),
      this.#wordOf('result', row.result),
      this.#wordOf('reason', row.reason),
      this.#wordOf('rules', JSON.stringify([row.rules, row.shadow])),
      hidesName(first) ? 1 : 0,
      row.call === undefined ? null : shortId(row.call),
      ...(outcome ? this.#placeOf(outcome) : [null, null, null, null, null]),
    )
  }

  #placeOf({ entry, file, offset, line, time }: EntryItem): readonly number[] {
    return [entry.seq, this.#fileOf(file), offset, Buffer.byteLength(line), Date.parse(time)]
  }

  #fileOf(name: string): number {
    const known = this.#files.get(name)
    if (known !== undefined) return known
    const found = this.#file.get(name)?.['id']
    const id = typeof found === 'number' ? found : Number(this.#newFile.run(name).lastInsertRowid)
    this.#files.set(name, id)
    return id
  }

  #wordOf(kind: WordKind, text: string): number
  #wordOf(kind: WordKind, text: string | undefined): number | null
  #wordOf(kind: WordKind, text: string | undefined): number | null {
    if (text === undefined) return null
    const key = `${kind} ${text}`
    const known = this.#words.get(key)
    if (known !== undefined) return known
    const found = this.#word.get(WORD[kind], text)?.['id']
    const id =
      typeof found === 'number'
        ? found
        : Number(this.#newWord.run(WORD[kind], text).lastInsertRowid)
    if (this.#words.size > MOST_WAITING) this.#words.clear()
    this.#words.set(key, id)
    return id
  }
}

/** What it is about is sealed, and no index may have it. */
function hidesName({ entry }: EntryItem): boolean {
  const { request, sealed } = entry
  return (
    sealed !== undefined &&
    typeof request === 'object' &&
    request !== null &&
    !Object.hasOwn(request, 'name')
  )
}
