/** Goes through the lines of a file as bytes: fast, in bounded memory, and only as far as the file went when it began. */
import { isUtf8 } from 'node:buffer'
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'

const NEWLINE = 0x0a
const PIECE = 1024 * 1024
/** Bytes of an entry, as the log's form allows them. */
export const LONGEST_LINE = 65_535

/** A line: `bytes` from `begin` to `end`, with one byte of room before it. Valid until the next one. */
export interface RawLine {
  readonly bytes: Buffer
  readonly begin: number
  readonly end: number
  readonly number: number
  readonly utf8: boolean
  readonly tooLong: boolean
}

export interface Rest {
  /** Bytes behind the last line end. */
  readonly torn: number
  /** Lines that were there, the torn one not counted. */
  readonly lines: number
  readonly size: number
}

/** @throws what the system says, and for what is no regular file. */
export async function eachLine(
  path: string,
  take: (line: RawLine) => void,
  signal?: AbortSignal,
): Promise<Rest> {
  if (!statSync(path).isFile()) throw new Error(`\`${path}\` is no regular file`)
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    // Its first byte is the room before the first line.
    const bytes = Buffer.alloc(1 + PIECE + LONGEST_LINE + 1)
    let [from, kept, number, skipping] = [0, 0, 1, false]
    while (from < size) {
      const most = Math.min(PIECE, size - from)
      const got = readSync(file, bytes, 1 + kept, most, from)
      if (got === 0) break
      from += got
      const end = 1 + kept + got
      // Where a piece ends in the middle of a letter, its lines are looked at one by one.
      const utf8 = isUtf8(bytes.subarray(1, end))
      let begin = 1
      for (let stop = bytes.indexOf(NEWLINE, 1 + kept); stop >= 0 && stop < end;) {
        const tooLong = skipping || stop - begin > LONGEST_LINE
        const sound = utf8 || isUtf8(bytes.subarray(begin, stop))
        take({ bytes, begin, end: stop, number, utf8: sound, tooLong })
        skipping = false
        number += 1
        begin = stop + 1
        stop = bytes.indexOf(NEWLINE, begin)
      }
      kept = end - begin
      if (kept > LONGEST_LINE) {
        skipping = true
        kept = 0
      } else bytes.copyWithin(1, begin, end)
      await setImmediate()
      signal?.throwIfAborted()
    }
    return { torn: skipping ? LONGEST_LINE : kept, lines: number - 1, size }
  } finally {
    closeSync(file)
  }
}

/** The first line of a file, where it is whole and not too long. */
export function firstLine(path: string): string | undefined {
  if (!statSync(path).isFile()) return undefined
  const file = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(LONGEST_LINE + 1)
    const got = readSync(file, bytes, 0, bytes.length, 0)
    const end = bytes.subarray(0, got).indexOf(NEWLINE)
    return end < 0 ? undefined : bytes.toString('utf8', 0, end)
  } finally {
    closeSync(file)
  }
}
