/** An upstream's stderr as lines for the operational log: cut, escaped and limited, so that a flood fills nothing. */
import type { Timers } from '../../model/port.ts'

/** So many lines in so many milliseconds; the rest of the window is counted and dropped. */
export const STDERR_LINES = 200
export const STDERR_WINDOW_MS = 10_000
/** Longest line in UTF-16 code units, the mark of a cut included. */
export const STDERR_LENGTH = 2000

export interface StderrReader {
  push(chunk: Buffer): void
  /** The stream has ended: an unfinished line and what was dropped are reported. */
  end(): void
}

/** Reports each line with 0, and the number of lines dropped in a window with a text of its own. */
export function stderrReader(
  timers: Timers,
  report: (text: string, dropped: number) => void,
): StderrReader {
  // No character takes more bytes: what does not fit would be cut off anyway.
  const held = Buffer.alloc(STDERR_LENGTH * 4)
  let length = 0
  let reported = 0
  let dropped = 0
  let stopWindow: (() => void) | undefined

  const endWindow = (): void => {
    stopWindow = undefined
    reported = 0
    if (dropped === 0) return
    const count = dropped
    dropped = 0
    report('more lines than the limit: the rest was dropped', count)
  }

  const finish = (): void => {
    const text = printable(held.toString('utf8', 0, length))
    length = 0
    if (text === '') return
    stopWindow ??= timers.after(STDERR_WINDOW_MS, endWindow)
    reported += 1
    report(text, 0)
  }

  const finishOrDrop = (): void => {
    if (reported < STDERR_LINES) finish()
    else {
      dropped += 1
      length = 0
    }
  }

  return {
    push: (chunk) => {
      let start = 0
      for (;;) {
        const newline = chunk.indexOf(10, start)
        if (newline === -1) break
        length += chunk.copy(held, length, start, newline)
        finishOrDrop()
        start = newline + 1
      }
      length += chunk.copy(held, length, start)
    },
    end: () => {
      if (length > 0) finishOrDrop()
      stopWindow?.()
      endWindow()
    },
  }
}

/** Control, format and bidirectional characters: what could move a terminal's cursor or hide text. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

function printable(text: string): string {
  const line = text
    .slice(0, STDERR_LENGTH + 1)
    .trimEnd()
    .replaceAll(UNPRINTABLE, (unit) =>
      unit === '\t' ? ' ' : `\\u{${(unit.codePointAt(0) ?? 0).toString(16)}}`,
    )
  return (
    line.length > STDERR_LENGTH ? `${line.slice(0, STDERR_LENGTH - 1)}…` : line
  ).toWellFormed()
}
