/** One file of entries, and beside it the one with their keys. */
import { join } from 'node:path'
import { AppendFile, type Look } from './append-file.ts'
import { KEY_BYTES } from './digest.ts'
import type { Disk } from './disk.ts'
import { logFileName } from './tail.ts'

export function keysFileName(firstSeq: number): string {
  return `keys-${firstSeq}.bin`
}

export interface SegmentPlace {
  readonly disk: Disk
  readonly dir: string
  readonly look?: Look
}

export class Segment {
  /** The number of its first entry. */
  readonly first: number
  readonly lines: AppendFile
  readonly keys: AppendFile

  /** @throws what the disk throws. */
  constructor({ disk, dir, look }: SegmentPlace, first: number, which: 'new' | 'existing') {
    this.first = first
    const path = join(dir, keysFileName(first))
    // The keys come first: entries without them cannot be read, keys without entries open nothing and are cut off later.
    this.keys = new AppendFile(disk, path, disk.exists(path) ? 'existing' : 'new', look)
    try {
      this.lines = new AppendFile(disk, join(dir, logFileName(first)), which, look)
    } catch (error) {
      this.keys.close()
      throw error
    }
  }

  /** @throws Error when the entries are not there afterwards; then none of them is, nor their keys. */
  append(keys: Uint8Array, lines: Uint8Array): void {
    this.check()
    const { size } = this.keys
    this.keys.append(keys)
    try {
      this.lines.append(lines)
    } catch (error) {
      this.keys.takeBack(size)
      throw error
    }
  }

  /**
   * Makes the keys as many as there are entries before `next`. Those that are too many belong to an entry that was not
   * written to its end; those that are missing are lost, and with them what they sealed. Returns how many are.
   */
  fitKeys(next: number): number {
    const size = (next - this.first) * KEY_BYTES
    if (this.keys.size > size) this.keys.cut(size)
    const missing = size - this.keys.size
    if (missing === 0) return 0
    this.keys.append(new Uint8Array(missing))
    return Math.ceil(missing / KEY_BYTES)
  }

  /** @throws Error where nothing can be appended; each of the two is asked, so that each finds out what it lost. */
  check(): void {
    try {
      this.lines.check()
    } finally {
      this.keys.check()
    }
  }

  async sync(): Promise<void> {
    await Promise.all([this.keys.sync(), this.lines.sync()])
  }

  close(): void {
    this.lines.close()
    this.keys.close()
  }
}
