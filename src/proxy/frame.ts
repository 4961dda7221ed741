/**
 * Cuts a byte stream into lines (MCP stdio: one message a line). Memory stays below twice the cap
 * whatever the other side sends.
 */

export interface LineReader {
  push(chunk: Buffer): void
  /** The stream has ended: an unfinished line is dropped, never delivered. */
  end(): void
}

/** The first and last bytes (up to 256 each) of a line dropped for its length, to tell whose it was. */
export interface CutLine {
  readonly head: Buffer
  readonly tail: Buffer
}

export interface LineReaderOptions {
  /** Longest line in bytes, its newline or CRLF not counted. */
  readonly maxBytes: number
  /** One line without its newline or CRLF; empty lines are skipped. The buffer is the callee's to keep. */
  readonly onLine: (line: Buffer) => void
  /** A line over the cap has ended, or the stream has: how many bytes of it were dropped. */
  readonly onTooLong: (dropped: number, cut: CutLine) => void
}

const NEWLINE = 10
const CARRIAGE_RETURN = 13
const FIRST_CAPACITY = 4096
const END_BYTES = 256
const NOTHING = Buffer.alloc(0)

/**
 * However the stream is split into chunks, the same lines come out. The callbacks must not throw, and
 * nobody may write to a chunk after pushing it.
 */
export function lineReader(options: LineReaderOptions): LineReader {
  // A line of exactly the cap may still be followed by the carriage return of its CRLF.
  const held = heldLine(options.maxBytes + 1)
  let dropping: DroppedLine | undefined

  const drop = (part: Buffer): DroppedLine => {
    dropping ??= droppedLine()
    dropping.add(part)
    return dropping
  }

  const hold = (part: Buffer): void => {
    if (dropping === undefined) {
      if (held.add(part)) return
      drop(held.take())
    }
    drop(part)
  }

  const endDropped = (line: DroppedLine): void => {
    dropping = undefined
    options.onTooLong(line.bytes(), line.cut())
  }

  const finish = (line: Buffer): void => {
    const bytes = line.at(-1) === CARRIAGE_RETURN ? line.length - 1 : line.length
    if (bytes > options.maxBytes) endDropped(drop(line))
    else if (bytes > 0) options.onLine(bytes === line.length ? line : line.subarray(0, bytes))
  }

  return {
    push: (chunk) => {
      let start = 0
      for (;;) {
        const newline = chunk.indexOf(NEWLINE, start)
        if (newline === -1) break
        const part = chunk.subarray(start, newline)
        start = newline + 1
        if (dropping !== undefined) endDropped(drop(part))
        else if (held.isEmpty()) finish(part)
        else if (held.add(part)) finish(held.take())
        else {
          drop(held.take())
          endDropped(drop(part))
        }
      }
      if (start < chunk.length) hold(chunk.subarray(start))
    },
    end: () => {
      held.take()
      if (dropping !== undefined) endDropped(dropping)
    },
  }
}

interface HeldLine {
  isEmpty(): boolean
  /** False, and nothing added, when the line would grow beyond its room. */
  add(part: Buffer): boolean
  /** What was held; it is forgotten here. */
  take(): Buffer
}

/** The beginning of a line whose end has not arrived. */
function heldLine(room: number): HeldLine {
  let bytes = NOTHING
  let length = 0
  return {
    isEmpty: () => length === 0,
    add: (part) => {
      const needed = length + part.length
      if (needed > room) return false
      if (needed > bytes.length) {
        const more = Buffer.allocUnsafe(
          Math.min(room, Math.max(FIRST_CAPACITY, 2 * bytes.length, needed)),
        )
        bytes.copy(more, 0, 0, length)
        bytes = more
      }
      part.copy(bytes, length)
      length = needed
      return true
    },
    take: () => {
      const line = bytes.subarray(0, length)
      bytes = NOTHING
      length = 0
      return line
    },
  }
}

interface DroppedLine {
  add(part: Buffer): void
  bytes(): number
  cut(): CutLine
}

/** Counts what is thrown away and keeps its two ends. */
function droppedLine(): DroppedLine {
  const head = Buffer.alloc(END_BYTES)
  const tail = Buffer.alloc(END_BYTES)
  let bytes = 0
  return {
    add: (part) => {
      if (bytes < END_BYTES) part.copy(head, bytes)
      const fresh = Math.min(part.length, END_BYTES)
      tail.copyWithin(0, fresh)
      part.copy(tail, END_BYTES - fresh, part.length - fresh)
      bytes += part.length
    },
    bytes: () => bytes,
    cut: () => ({
      head: head.subarray(0, Math.min(bytes, END_BYTES)),
      tail: tail.subarray(END_BYTES - Math.min(bytes, END_BYTES)),
    }),
  }
}
