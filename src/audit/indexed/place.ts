/** Reads single entries of a log by where they stand. */
import { closeSync, openSync, readSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { EntryItem } from '../cursor.ts'
import { entryOf } from '../cursor.ts'
import { leafHash } from '../digest.ts'
import { argsCommitted, Slots } from '../slots.ts'
import { logFiles } from '../tail.ts'
import { unsealed } from '../unseal.ts'

export interface Place {
  readonly file: string
  readonly offset: number
  /** In bytes, without the line end. */
  readonly size: number
}

export interface StandingEntry {
  readonly item: EntryItem
  readonly leaf: string
  readonly bytes: Buffer
}

/** Keeps a file open between two reads of it. */
export class EntryReader {
  readonly #folder: string
  readonly #slots: Slots
  #name = ''
  #file: number | undefined

  constructor(folder: string) {
    this.#folder = folder
    this.#slots = new Slots(folder)
  }

  /** Undefined where no entry stands there. `time`: by which it is ordered among those of other logs. */
  read({ file, offset, size }: Place, time: string): StandingEntry | undefined {
    const bytes = this.bytes({ file, offset, size })
    const line = bytes.toString('utf8')
    const entry = entryOf(line)
    if (!entry || bytes.length !== size) return undefined
    const firstSeq = logFiles([file])[0]?.firstSeq ?? 0
    const slot = entry.v === 1 ? undefined : this.#slots.of(firstSeq, entry.seq)
    const commits = argsCommitted(entry, slot)
    const opened = entry.v === 1 ? { entry, content: 'none' as const } : unsealed(entry, slot)
    const item: EntryItem = {
      kind: 'entry',
      log: basename(this.#folder),
      folder: this.#folder,
      ...opened,
      line,
      file,
      offset,
      time,
      ...(commits && { commits }),
    }
    return { item, leaf: leafHash(line), bytes }
  }

  /** @throws what the system says */
  bytes({ file, offset, size }: Place): Buffer {
    if (this.#name !== file) {
      this.close()
      this.#file = openSync(join(this.#folder, file), 'r')
      this.#name = file
    }
    const bytes = Buffer.alloc(size)
    return bytes.subarray(0, readSync(this.#file ?? -1, bytes, 0, size, offset))
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
    this.#name = ''
  }
}
