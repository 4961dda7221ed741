/** The checkpoints of one log: written as they are signed, and the latest of them found again. */
import { join } from 'node:path'
import { AppendFile } from './append-file.ts'
import { type Disk, readFrom, readWhole, writeWhole } from './disk.ts'
import { type Checkpoint, opened, type Verifier } from './note.ts'

export const LATEST = 'checkpoint'
const FILE = /^checkpoints-(0|[1-9]\d{0,15})$/
/** No note is as long. */
const LONGEST_NOTE = 8192

export function checkpointsFileName(firstSeq: number): string {
  return `checkpoints-${firstSeq}`
}

export interface CheckpointPlace {
  readonly disk: Disk
  readonly dir: string
}

export class Checkpoints {
  readonly #place: CheckpointPlace
  #file: { readonly first: number; readonly notes: AppendFile } | undefined

  constructor(place: CheckpointPlace) {
    this.#place = place
  }

  /** `first`: of the file that the note goes into. @throws what the disk throws */
  put(first: number, note: string): void {
    const { disk, dir } = this.#place
    this.#fileOf(first).append(Buffer.from(`${note}\n`))
    writeWhole(disk, join(dir, LATEST), Buffer.from(note))
  }

  close(): void {
    this.#file?.notes.close()
    this.#file = undefined
  }

  #fileOf(first: number): AppendFile {
    if (this.#file?.first === first) return this.#file.notes
    const { disk, dir } = this.#place
    const path = join(dir, checkpointsFileName(first))
    const notes = new AppendFile(disk, path, disk.exists(path) ? 'existing' : 'new')
    const { end } = lastNote(disk, notes)
    if (end < notes.size) notes.cut(end)
    this.close()
    this.#file = { first, notes }
    return notes
  }
}

/** What the log itself says of its latest checkpoint: none, one, or one that this key did not sign. */
export type Latest = Checkpoint | 'none' | 'unsigned'

export function latestCheckpoint(place: CheckpointPlace, verifier: Verifier): Latest {
  const { disk, dir } = place
  const kept = keptCheckpoint(place, verifier)
  const bytes = readWhole(disk, join(dir, LATEST), LONGEST_NOTE)
  // A power cut may leave it empty: it is a copy, and what it was copied from decides.
  const copy = bytes && opened(Buffer.from(bytes).toString(), verifier)
  if (kept === 'unsigned' || !copy) return kept
  return kept === 'none' || copy.size > kept.size ? copy : kept
}

function keptCheckpoint({ disk, dir }: CheckpointPlace, verifier: Verifier): Latest {
  const firsts = disk
    .list(dir)
    .flatMap((name) => FILE.exec(name)?.[1] ?? [])
    .map(Number)
    .toSorted((a, b) => b - a)
  for (const first of firsts) {
    const file = new AppendFile(disk, join(dir, checkpointsFileName(first)), 'existing')
    try {
      const { note } = lastNote(disk, file)
      if (note !== undefined) return opened(note, verifier) ?? 'unsigned'
    } finally {
      file.close()
    }
  }
  return 'none'
}

const END = '\n\n'

/** The last note that is there to its end, and where it ends. Notes and the empty lines in them alternate. */
function lastNote(
  disk: Disk,
  { file, size }: AppendFile,
): { readonly note?: string; readonly end: number } {
  const from = Math.max(0, size - 2 * LONGEST_NOTE)
  const text = Buffer.from(readFrom(disk, file, from, size - from)).toString('latin1')
  const signature = text.lastIndexOf(`${END}\u00e2\u0080\u0094 `)
  for (let at = signature; at >= 0; at = text.lastIndexOf(`${END}\u00e2\u0080\u0094 `, at - 1)) {
    const end = text.indexOf(END, at + 2)
    if (end < 0) continue
    const before = text.lastIndexOf(END, at - 1)
    const start = before < 0 ? 0 : before + 2
    const note = Buffer.from(text.slice(start, end + 1), 'latin1').toString('utf8')
    return { note, end: from + end + 2 }
  }
  return { end: from === 0 ? 0 : size }
}
