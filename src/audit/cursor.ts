/** Reads one log, file after file, as entries and as the damage that stands between them. */
import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { GuardError } from '../model/error.ts'
import { isObject, type JsonObject } from '../model/json.ts'
import type { Sha256 } from '../model/id.ts'
import type { Entry } from '../model/record.ts'
import { leafHash, NO_ENTRY } from './digest.ts'
import { LineScanner, type Line } from './scan.ts'
import { argsCommitted, Slots } from './slots.ts'
import { logFiles, type LogFile } from './tail.ts'
import { type Content, type Opened, unsealed } from './unseal.ts'

export interface EntryItem {
  readonly kind: 'entry'
  /** The folder of the log, by its own name. */
  readonly log: string
  readonly folder: string
  /** With whatever was sealed of it, where that could be opened. */
  readonly entry: Entry
  readonly content: Content
  /** Are these the arguments that it was written about? Absent where nobody can tell any more. */
  readonly commits?: (args: JsonObject) => boolean
  /** As it stands in the file. */
  readonly line: string
  /** The name of the file, and where in it the line begins. */
  readonly file: string
  readonly offset: number
  /** Orders the entries of several logs; within one it never goes back, whatever its clock did. */
  readonly time: string
}

export interface Damage {
  readonly kind: 'damage'
  readonly log: string
  readonly file: string
  /** Counts from 1. */
  readonly line: number
  readonly problem: 'torn' | 'not_an_entry' | 'out_of_sequence' | 'altered' | 'unreadable'
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

/** The latest format that is known here. */
const NEWEST = 2

const ALTERED = 'the entry does not follow the one before: the record was altered'

/** Where a log is read on: what stood before was read, and is what it was. */
export interface CursorStart {
  readonly file: string
  readonly offset: number
  /** The number of the line that begins there. */
  readonly line: number
  readonly seq: number
  readonly leaf: Sha256 | undefined
  readonly time: string
}

export interface CursorOptions {
  /** False: what is sealed stays so. Default true. */
  readonly opens?: boolean
  readonly start?: CursorStart
}

export class LogCursor {
  readonly #folder: string
  readonly #slots: Slots | undefined
  #start: CursorStart | undefined
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

  constructor(folder: string, { opens = true, start }: CursorOptions = {}) {
    this.#folder = folder
    this.#log = basename(folder)
    this.#slots = opens ? new Slots(folder) : undefined
    this.#start = start
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

  /** Where the next line begins, once everything was taken; undefined before anything was read. */
  get position(): CursorStart | undefined {
    const file = this.#files[this.#index]?.name
    const { offset = 0, number = 1 } = this.#scanner ?? {}
    if (file === undefined || this.#seq === undefined) return undefined
    const [seq, leaf, time] = [this.#seq, this.#leaf, this.#time]
    return { file, offset, line: number, seq, leaf, time }
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
    if (this.#start) return this.#resume(this.#start)
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

  #resume({ file, offset, line, seq, leaf, time }: CursorStart): boolean {
    this.#start = undefined
    this.#index = this.#files.findIndex(({ name }) => name === file)
    if (this.#index < 0) throw new Error(`\`${file}\` is not there any more`)
    this.#scanner = new LineScanner(join(this.#folder, file), { offset, number: line })
    this.#seq = seq
    this.#leaf = leaf
    this.#time = time
    return true
  }

  #readAll(lines: readonly Line[]): void {
    if (!this.head) {
      this.#items = []
      this.#taken = 0
    }
    for (const line of lines) this.#read(line)
  }

  #read({ text, number, offset }: Line): void {
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
    } else if (before !== undefined && entry.v <= NEWEST && entry['prev'] !== before) {
      this.#items.push(this.#damage(number, 'altered', ALTERED))
    }
    const [log, folder, time] = [this.#log, this.#folder, this.#time]
    const { commits, ...opened } = this.#opened(entry)
    if (opened.content === 'unreadable') {
      const message = `what is sealed of entry ${entry.seq} cannot be opened: it or its key was altered`
      this.#items.push(this.#damage(number, 'unreadable', message))
    }
    const file = this.#files[this.#index]?.name ?? ''
    const item: EntryItem = {
      kind: 'entry',
      log,
      folder,
      ...opened,
      line: text,
      file,
      offset,
      time,
      ...(commits && { commits }),
    }
    this.#items.push(item)
  }

  #opened(entry: Entry): Opened & Pick<EntryItem, 'commits'> {
    if (entry.v === 1 || !this.#slots) return { entry, content: 'none' }
    const slot = this.#slots.of(this.#files[this.#index]?.firstSeq ?? 0, entry.seq)
    const commits = argsCommitted(entry, slot)
    return { ...unsealed(entry, slot), ...(commits && { commits }) }
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

/** Undefined where the line is no entry of a record. */
export function entryOf(text: string): Entry | undefined {
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
