/** How a log goes on: its files as they stand, and the tree that they make, which has to lead to its last checkpoint. */
import { hash } from 'node:crypto'
import { join } from 'node:path'
import { hashed, type Sha256 } from '../model/id.ts'
import { isObject } from '../model/json.ts'
import { checkpointsFileName, latestCheckpoint } from './checkpoints.ts'
import { NO_ENTRY } from './digest.ts'
import { readWhole } from './disk.ts'
import { LONGEST_ENTRY } from './entry.ts'
import { eachLine } from './lines.ts'
import { type Checkpoint, ORIGIN, type Verifier } from './note.ts'
import { keysFileName, Segment, type SegmentPlace } from './segment.ts'
import { type LogFile, logFiles, notALog, readTail, type Tail } from './tail.ts'
import { Frontier } from './tree.ts'

export const FRONTIER = 'frontier.json'
const LARGEST_CACHE = 16 * 1024
/** A log of one file up to so many bytes is hashed anew each time: in milliseconds, and every change in it is found. */
const HASHED_ANEW = 4 * 1024 * 1024

export interface Resumed {
  readonly segment: Segment
  readonly tail: Tail
  readonly tree: Frontier
  /** The size of its last checkpoint; undefined where there is none, or nobody asked. */
  readonly signed: number | undefined
  /** Files that a guard which was killed may not have brought to the disk, but for the last one's; what comes first is first. */
  readonly unsynced: readonly string[]
}

/**
 * Opens the last file of a log, or the first one where there is none.
 *
 * @throws GuardError ERR_AUDIT_READ when what stands there is not this log, or not all of it; and what the disk throws.
 */
export function resume(place: SegmentPlace, log: string, verifier?: Verifier): Resumed {
  const files = logFiles(place.disk.list(place.dir))
  const last = files.at(-1)
  const firstSeq = last?.firstSeq ?? 0
  const segment = openSegment(place, firstSeq, last !== undefined)
  try {
    const { path, file } = segment.lines
    const tail = readTail(place.disk, file, { path, log, firstSeq }, () =>
      tailBefore(place, files, log),
    )
    const written = { files, tail, log }
    const checkpoint = verifier && checkpointOf(place, written, verifier)
    const tree = treeOf(place, written, checkpoint)
    const signed = checkpoint?.size
    return { segment, tail, tree, signed, unsynced: unsynced(place, files, signed ?? 0) }
  } catch (error) {
    segment.close()
    throw error
  }
}

/** Only what the disk has is signed, so what is not signed may not be there; and the checkpoints themselves may not. */
function unsynced(
  { disk, dir }: SegmentPlace,
  files: readonly LogFile[],
  signed: number,
): readonly string[] {
  const own = files.filter((_, index) => {
    const next = files[index + 1]
    return next === undefined || next.firstSeq > signed || index === files.length - 2
  })
  return own
    .flatMap(({ name, firstSeq }, index) => [
      ...(index < own.length - 1 ? [keysFileName(firstSeq), name] : []),
      checkpointsFileName(firstSeq),
    ])
    .map((name) => join(dir, name))
    .filter((path) => disk.exists(path))
}

function openSegment(place: SegmentPlace, first: number, there: boolean): Segment {
  if (!there) return new Segment(place, first, 'new')
  return new Segment(place, first, 'existing')
}

function tailBefore(place: SegmentPlace, files: readonly LogFile[], log: string): Tail {
  const before = files.at(-2)
  if (!before) return { seq: 0, prev: NO_ENTRY, size: 0, torn: new Uint8Array() }
  const segment = new Segment(place, before.firstSeq, 'existing')
  try {
    const { path, file } = segment.lines
    return readTail(place.disk, file, { path, log, firstSeq: before.firstSeq })
  } finally {
    segment.close()
  }
}

interface Written {
  readonly files: readonly LogFile[]
  readonly tail: Tail
  readonly log: string
}

/** Undefined where there is none, which is so of a log that was never begun. */
function checkpointOf(
  place: SegmentPlace,
  { tail, log }: Written,
  verifier: Verifier,
): Checkpoint | undefined {
  const { dir } = place
  const latest = latestCheckpoint(place, verifier)
  if (latest === 'unsigned')
    throw notALog(dir, 'its last checkpoint is not signed with the key of this guard')
  if (latest === 'none') {
    if (tail.seq === 0) return undefined
    throw notALog(dir, `it has ${tail.seq} entries and no checkpoint, and a log is begun with one`)
  }
  if (latest.origin !== `${ORIGIN}${log}`)
    throw notALog(dir, 'its last checkpoint is that of another log')
  if (latest.size > tail.seq)
    throw notALog(dir, `it has ${tail.seq} entries, and its last checkpoint says ${latest.size}`)
  return latest
}

function treeOf(place: SegmentPlace, written: Written, checkpoint?: Checkpoint): Frontier {
  const { files, tail } = written
  const long = files.length > 1 || tail.size > HASHED_ANEW
  const known = checkpoint && long ? cached(place, checkpoint) : undefined
  return (known && grown(place, written, known)) ?? hashedAnew(place, written, checkpoint)
}

interface Cached {
  readonly tree: Frontier
  /** Of its last entry. */
  readonly leaf: Sha256
  readonly file: string
  readonly offset: number
}

/** What the last guard remembered, where it gives the root that was signed. */
function cached({ disk, dir }: SegmentPlace, checkpoint: Checkpoint): Cached | undefined {
  const said = parsed(readWhole(disk, join(dir, FRONTIER), LARGEST_CACHE))
  if (!isObject(said)) return undefined
  const { size, hashes, file, offset, leaf } = said
  if (size !== checkpoint.size || size === 0 || !Array.isArray(hashes)) return undefined
  if (typeof file !== 'string' || typeof offset !== 'number') return undefined
  if (typeof leaf !== 'string') return undefined
  const tree = Frontier.of(
    size,
    hashes.filter((one) => typeof one === 'string'),
  )
  return tree?.root().equals(checkpoint.root) === true
    ? { tree, file, offset, leaf: hashed(leaf) }
    : undefined
}

function parsed(bytes: Uint8Array | undefined): unknown {
  try {
    const value: unknown = bytes && JSON.parse(Buffer.from(bytes).toString())
    return value
  } catch {
    return undefined
  }
}

/** Adds what was written after it; undefined where that does not follow. */
function grown(place: SegmentPlace, written: Written, known: Cached): Frontier | undefined {
  const at = written.files.findIndex(({ name }) => name === known.file)
  if (at < 0 || !Number.isSafeInteger(known.offset) || known.offset < 0) return undefined
  const { tree } = known
  const reading = new Reading(tree, written, tree.size - 1)
  reading.first = known.leaf
  const fits = reading.files(place, at, known.offset)
  return fits && reading.first === undefined && tree.size === written.tail.seq ? tree : undefined
}

function hashedAnew(place: SegmentPlace, written: Written, checkpoint?: Checkpoint): Frontier {
  const tree = new Frontier()
  const reading = new Reading(tree, written, 0)
  const wrong = (why: string): Error => notALog(place.dir, why)
  if (written.files.length > 0 && written.files[0]?.firstSeq !== 0)
    throw wrong('its first file is missing')
  let rooted = checkpoint === undefined || checkpoint.size === 0
  reading.after = () => {
    if (tree.size !== checkpoint?.size) return
    rooted = tree.root().equals(checkpoint.root)
    if (!rooted) throw wrong(`its first ${tree.size} entries are not those of its last checkpoint`)
  }
  if (!reading.files(place, 0, 0) || tree.size !== written.tail.seq)
    throw wrong('its entries do not follow each other')
  if (!rooted) throw wrong('it has fewer entries than its last checkpoint says')
  return tree
}

/** Reads entry after entry into a tree. The first one may be there already: then it only says what the next one follows. */
class Reading {
  after: () => void = () => undefined
  /** What the first entry has to be. */
  first: Sha256 | undefined
  readonly #tree: Frontier
  readonly #written: Written
  readonly #scratch = Buffer.alloc(1 + LONGEST_ENTRY)
  #seq: number
  #prev: Sha256 | undefined

  constructor(tree: Frontier, written: Written, from: number) {
    this.#tree = tree
    this.#written = written
    this.#seq = from
    this.#prev = from === 0 ? NO_ENTRY : undefined
  }

  /** False where they do not follow each other. */
  files({ disk, dir }: SegmentPlace, at: number, offset: number): boolean {
    const { files, tail } = this.#written
    return files.slice(at).every(({ name, firstSeq }, index) => {
      if (index > 0 && firstSeq !== this.#seq) return false
      const whole = at + index === files.length - 1 ? tail.size : undefined
      const part = { from: index === 0 ? offset : 0, to: whole }
      return eachLine(disk, join(dir, name), part, (line) => this.#take(line))
    })
  }

  #take(line: Buffer): boolean {
    if (line.length > LONGEST_ENTRY) return false
    const follows =
      line.includes(`"seq":${this.#seq},`) &&
      (this.#prev === undefined || line.includes(`"prev":"${this.#prev}"`))
    if (!follows) return false
    line.copy(this.#scratch, 1)
    this.#prev = hashed(hash('sha256', this.#scratch.subarray(0, 1 + line.length), 'hex'))
    if (this.first !== undefined && this.#prev !== this.first) return false
    this.first = undefined
    this.#seq += 1
    if (this.#seq <= this.#tree.size) return true
    this.#tree.add(this.#prev)
    this.after()
    return true
  }
}

/** What `frontier.json` says; `last`: where the last entry of the tree stands, and its leaf hash. */
export function frontierText(tree: Pick<Frontier, 'size' | 'hashes'>, last: Last): string {
  const { file, offset, leaf } = last
  return JSON.stringify({ size: tree.size, hashes: tree.hashes(), file, offset, leaf })
}

export interface Last {
  readonly file: string
  readonly offset: number
  readonly leaf: Sha256
}
