/** Reads one log, file after file, as entries and as the damage that stands between them. */
import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { GuardError } from '../model/error.ts'
import { isObject } from '../model/json.ts'
import type { Sha256 } from '../model/id.ts'
import type { Entry } from '../model/record.ts'
import { leafHash, NO_ENTRY } from './digest.ts'
import { LineScanner, type Line } from './scan.ts'
import { logFiles, type LogFile } from './tail.ts'

export interface EntryItem {
  readonly kind: 'entry'
  /** The folder of the log, by its own name. */
  readonly log: string
  readonly folder: string
  readonly entry: Entry
  /** As it stands in the file. */
  readonly line: string
  /** Orders the entries of several logs; within one it never goes back, whatever its clock did. */
  readonly time: string
}

export interface Damage {
  readonly kind: 'damage'
  readonly log: string
  readonly file: string
  /** Counts from 1. */
  readonly line: number
  readonly problem: 'torn' | 'not_an_entry' | 'out_of_sequence' | 'altered'
  readonly message: string
  readonly time: string
}

export type Item = EntryItem | Damage

/** The order of a record: by time, and within one log by number whatever its clock did. */
export function byTime(a: EntryItem, b: EntryItem): number {
  if (a.time !== b.time) return a.time < b.time ? -1 : 1
  if (a.log !== b.log) return a.log < b.log ? -1 : 1
  return a.entry.seq - b.entry.seq
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

const ALTERED = 'the entry does not follow the one before: the record was altered'

export class LogCursor {
  readonly #folder: string
  readonly #log: string
  #files: readonly LogFile[] = []
  #index = 0
  #scanner: LineScanner | undefined
  #items: Item[] = []
  #taken = 0
  #time = ''
  #seq: number | undefined
  /** The leaf hash that the next entry has to name; undefined where nobody knows it. */
  #leaf: Sha256 | undefined

  constructor(folder: string) {
    this.#folder = folder
    this.#log = basename(folder)
  }

  get folder(): string {
    return this.#folder
  }

  /** The next item, not taken; undefined until `fill` finds one. */
  get head(): Item | undefined {
    return this.#items[this.#taken]
  }

  take(): Item | undefined {
    const item = this.head
    if (item) this.#taken += 1
    return item
  }

  /**
   * Reads on when everything was taken. False when there is nothing more for now.
   *
   * @throws GuardError ERR_AUDIT_READ
   */
  async fill(): Promise<boolean> {
    if (this.head) return true
    try {
      do {
        const lines = (await this.#scanner?.next()) ?? []
        if (lines.length > 0) this.#readAll(lines)
      } while (!this.head && (await this.#nextFile()))
      return this.head !== undefined
    } catch (cause) {
      throw unreadable(this.#folder, cause)
    }
  }

  /** What stands behind the last line end, once nothing more is to come. */
  unfinished(): Damage | undefined {
    const { rest = 0, number = 1 } = this.#scanner ?? {}
    if (rest === 0) return undefined
    return this.#damage(number, 'torn', `torn: ${rest} bytes without a line end`)
  }

  async close(): Promise<void> {
    await this.#scanner?.close()
  }

  async #nextFile(): Promise<boolean> {
    this.#files = logFiles(await readdir(this.#folder))
    const next = this.#files[this.#scanner === undefined ? this.#index : this.#index + 1]
    if (!next) return false
    const torn = this.unfinished()
    if (this.#scanner !== undefined) this.#index += 1
    if (this.#seq === undefined && next.firstSeq === 0) this.#leaf = NO_ENTRY
    this.#seq ??= next.firstSeq
    this.#scanner = new LineScanner(join(this.#folder, next.name))
    this.#items = torn ? [torn] : []
    this.#taken = 0
    return true
  }

  #readAll(lines: readonly Line[]): void {
    if (!this.head) {
      this.#items = []
      this.#taken = 0
    }
    for (const line of lines) this.#read(line)
  }

  #read({ text, number }: Line): void {
    const entry = text === undefined ? undefined : entryOf(text)
    if (text === undefined || !entry) {
      this.#leaf = undefined
      const message = text === undefined ? 'longer than an entry can be' : 'no entry of a record'
      this.#items.push(this.#damage(number, 'not_an_entry', message))
      return
    }
    if (entry.ts > this.#time) this.#time = entry.ts
    const expected = this.#seq ?? entry.seq
    const before = this.#leaf
    this.#seq = entry.seq + 1
    this.#leaf = leafHash(text)
    if (entry.seq !== expected) {
      const message = `entry ${entry.seq} stands where ${expected} should`
      this.#items.push(this.#damage(number, 'out_of_sequence', message))
    } else if (before !== undefined && entry.v === 1 && entry['prev'] !== before) {
      this.#items.push(this.#damage(number, 'altered', ALTERED))
    }
    const [log, folder, time] = [this.#log, this.#folder, this.#time]
    this.#items.push({ kind: 'entry', log, folder, entry, line: text, time })
  }

  #damage(line: number, problem: Damage['problem'], message: string): Damage {
    const name = this.#files[this.#index]?.name ?? ''
    const file = join(this.#folder, name)
    return { kind: 'damage', log: this.#log, file, line, problem, message, time: this.#time }
  }
}

export function unreadable(where: string, cause: unknown): GuardError {
  if (cause instanceof GuardError) return cause
  const why = cause instanceof Error ? cause.message : String(cause)
  return new GuardError('ERR_AUDIT_READ', `the record \`${where}\` cannot be read: ${why}`, {
    cause,
  })
}

function entryOf(text: string): Entry | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isEntry(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** Members and types that this version does not know are kept: an old reader shows a newer log. */
function isEntry(value: unknown): value is Entry {
  if (!isObject(value)) return false
  const { v, seq, ts, type } = value
  if (typeof v !== 'number' || typeof type !== 'string') return false
  if (typeof ts !== 'string' || !TIME.test(ts)) return false
  return typeof seq === 'number' && Number.isSafeInteger(seq) && seq >= 0
}
