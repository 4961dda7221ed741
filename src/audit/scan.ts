/** Reads the lines of one log file as they stand, a piece at a time, and goes on where it stopped when there are more. */
import { open, stat, type FileHandle } from 'node:fs/promises'
import { LONGEST_ENTRY } from './entry.ts'

const PIECE = 64 * 1024
const NEWLINE = 0x0a

/** `text` is undefined where the line is longer than an entry can be; its bytes are skipped. */
export interface Line {
  /** Counts from 1. */
  readonly number: number
  readonly text: string | undefined
  /** Where in the file it begins, and its bytes without its end. */
  readonly offset: number
  readonly length: number
}

/** The line to begin with. */
export interface LineStart {
  readonly offset: number
  readonly number: number
}

/** A pipe would be waited for without end. */
async function opened(path: string): Promise<FileHandle> {
  if (!(await stat(path)).isFile()) throw new Error(`\`${path}\` is no regular file`)
  return open(path, 'r')
}

/** Never holds more than an entry and a piece of the file, and nothing at all once it came to the end. */
export class LineScanner {
  readonly #path: string
  #handle: FileHandle | undefined
  #piece = Buffer.alloc(0)
  /** Where in the file the next line begins; a line without an end is read again, it may have been replaced. */
  #from = 0
  #number = 1
  #skipping = false
  #rest = 0

  constructor(path: string, { offset, number }: LineStart = { offset: 0, number: 1 }) {
    this.#path = path
    this.#from = offset
    this.#number = number
  }

  /** Bytes behind the last line end, as of the last reading. */
  get rest(): number {
    return this.#rest
  }

  /** Where in the file they begin. */
  get offset(): number {
    return this.#from
  }

  /** The number of the line that those bytes begin. */
  get number(): number {
    return this.#number
  }

  /**
   * The next lines that have an end; none when there is no further one yet.
   *
   * @throws what the system says when the file cannot be read.
   */
  async next(): Promise<readonly Line[]> {
    this.#handle ??= await opened(this.#path)
    if (this.#piece.length === 0) this.#piece = Buffer.alloc(PIECE + LONGEST_ENTRY + 1)
    for (;;) {
      const { bytesRead } = await this.#handle.read(this.#piece, 0, this.#piece.length, this.#from)
      this.#rest = bytesRead
      const end = this.#piece.subarray(0, bytesRead).lastIndexOf(NEWLINE) + 1
      if (end > 0) return this.#lines(end, bytesRead)
      if (bytesRead < this.#piece.length) break
      this.#skipping = true
      this.#from += bytesRead
    }
    await this.close()
    return []
  }

  /** Lets go of the file; a later `next` goes on at the same place. */
  async close(): Promise<void> {
    await this.#handle?.close()
    this.#handle = undefined
    this.#piece = Buffer.alloc(0)
  }

  #lines(end: number, bytesRead: number): readonly Line[] {
    const base = this.#from
    this.#from += end
    this.#rest = bytesRead - end
    const lines: Line[] = []
    for (let start = 0; start < end;) {
      const stop = this.#piece.indexOf(NEWLINE, start)
      const tooLong = this.#skipping || stop - start > LONGEST_ENTRY
      // Each line is decoded by itself: a part of a larger text would keep all of it in memory.
      const text = tooLong ? undefined : this.#piece.toString('utf8', start, stop)
      const place = { offset: base + start, length: stop - start }
      lines.push({ number: this.#number, text, ...place })
      this.#skipping = false
      this.#number += 1
      start = stop + 1
    }
    return lines
  }
}
