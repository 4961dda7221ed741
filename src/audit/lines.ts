/** The lines of a file one after the other, in memory that does not grow with it; for when a guard starts. */
import type { Disk } from './disk.ts'

const PIECE = 1024 * 1024
const NEWLINE = 0x0a

/**
 * Hands over each line that has an end, without it, until one is refused: false then, and where bytes are left over. The line
 * is valid until the next one.
 *
 * @throws what the disk throws.
 */
export function eachLine(
  disk: Disk,
  path: string,
  { from, to }: { readonly from: number; readonly to: number | undefined },
  take: (line: Buffer) => boolean,
): boolean {
  const file = disk.open(path, 'existing')
  try {
    const end = to ?? disk.state(file).size
    const piece = Buffer.alloc(Math.max(1, Math.min(PIECE, end - from)))
    let at = from
    let held = 0
    while (at < end) {
      const room = piece.subarray(held, held + Math.min(piece.length - held, end - at))
      const read = disk.read(file, room, at)
      if (read === 0 || room.length === 0) return false
      at += read
      const filled = piece.subarray(0, held + read)
      const whole = filled.lastIndexOf(NEWLINE) + 1
      if (!takeAll(filled.subarray(0, whole), take)) return false
      filled.copy(piece, 0, whole)
      held = filled.length - whole
    }
    return held === 0
  } finally {
    disk.close(file)
  }
}

function takeAll(lines: Buffer, take: (line: Buffer) => boolean): boolean {
  for (let start = 0; start < lines.length;) {
    const stop = lines.indexOf(NEWLINE, start)
    if (!take(lines.subarray(start, stop))) return false
    start = stop + 1
  }
  return true
}
