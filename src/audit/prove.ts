/** Makes the proof that a decision is on record, from the index of its log and what the log signed last. */
import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { GuardError } from '../model/error.ts'
import { cannotBeHad, LogIndex } from './indexed/log-index.ts'
import type { StandingEntry } from './indexed/place.ts'
import { logFolders } from './read.ts'
import { type Checkpoint, readNotes, signatureFault, type VerifierKey } from './verify/note.ts'
import { proofText, proven, type Proven } from './verify/proof.ts'
import { inclusionPath, rangeRoot } from './verify/tree.ts'

const LATEST = 'checkpoint'

export interface MadeProof {
  readonly text: string
  readonly proven: Proven
}

/**
 * The proof of an intent or a refusal; checked before it is given.
 *
 * @throws GuardError ERR_AUDIT_READ where there is no such decision, nothing is signed of it yet, or the record is not what
 * was signed
 */
export async function proveDecision(
  place: string,
  call: string,
  keys: readonly VerifierKey[],
): Promise<MadeProof> {
  for (const folder of await logFolders(place)) {
    const made = await withIndex(folder, (index) => {
      const found = decisionIn(index, call)
      return found && proofIn(index, found, keys)
    })
    if (made) return made
  }
  throw new GuardError(
    'ERR_AUDIT_READ',
    `no decision \`${call}\` is on record (see \`chaperone log\`)`,
  )
}

/** What a log signed last, where its records are what it signed; `known`: what was published of it before. */
export async function latestChecked(
  folder: string,
  keys: readonly VerifierKey[],
  known: readonly Checkpoint[] = [],
): Promise<Checkpoint> {
  // Read before the records: it cannot be of more of them.
  const latest = latestOf(folder, keys)
  return withIndex(folder, (index) => {
    const subtrees = index.tiles.subtrees()
    for (const { size, root } of [latest, ...known]) {
      if (size > index.size || rangeRoot(0, size, subtrees) !== root) throw notAsSigned(folder)
    }
    // A log is begun with a checkpoint of no records, which is worth nothing elsewhere.
    if (latest.size > 0) return latest
    throw new Unsigned(`nothing is signed of the record \`${folder}\` yet`)
  })
}

/** How a record stands to what its log signed, in words; `good`: it is among what was signed, or not signed yet. */
export async function standingOf(
  folder: string,
  seq: number,
  keys: readonly VerifierKey[],
): Promise<{ readonly text: string; readonly good: boolean }> {
  try {
    const { index, size } = await withIndex(folder, (known) => {
      const entry = known.entry(seq)
      if (!entry) throw notAsSigned(folder)
      return proofIn(known, entry, keys).proven
    })
    return { text: `record ${index}, proven to be among the ${size} that are signed`, good: true }
  } catch (error) {
    if (!(error instanceof GuardError)) throw error
    return { text: error.message, good: error instanceof Unsigned }
  }
}

/** Does a log still lead to what it signed last? In words. */
export async function latestStanding(
  folder: string,
  keys: readonly VerifierKey[],
): Promise<{ readonly text: string; readonly good: boolean }> {
  if (!existsSync(join(folder, LATEST))) {
    const text = `not proven: nothing of \`${basename(folder)}\` is signed`
    return { text, good: true }
  }
  try {
    const { size } = await latestChecked(folder, keys)
    return {
      text: `the first ${size} records of \`${basename(folder)}\` are what was signed`,
      good: true,
    }
  } catch (error) {
    if (!(error instanceof GuardError)) throw error
    return { text: error.message, good: false }
  }
}

/** It is on record, and the next checkpoint comes. */
class Unsigned extends GuardError {
  constructor(why: string) {
    super('ERR_AUDIT_READ', `${why} (a guard signs about once a second, and when it ends)`)
  }
}

/** The index as it lies beside the log, or, where none can, in memory. */
async function withIndex<T>(folder: string, work: (index: LogIndex) => T): Promise<T> {
  for (const where of ['beside', 'memory'] as const) {
    try {
      return await worked(LogIndex.open(folder, where), work)
    } catch (error) {
      if (where === 'memory' || !cannotBeHad(error)) throw error
    }
  }
  throw new GuardError('ERR_AUDIT_READ', `\`${folder}\` cannot be indexed`)
}

async function worked<T>(index: LogIndex, work: (index: LogIndex) => T): Promise<T> {
  try {
    const { damaged } = await index.catchUp()
    if (damaged) throw notAsSigned(index.folder)
    return work(index)
  } finally {
    index.close()
  }
}

function notAsSigned(folder: string): GuardError {
  return new GuardError(
    'ERR_AUDIT_READ',
    `the record \`${folder}\` is not what was signed (\`chaperone audit verify\` says where)`,
  )
}

function decisionIn(index: LogIndex, call: string): StandingEntry | undefined {
  const [row] = index.last({ call, all: true }, 1)
  const item = row?.items[0]
  if (item?.entry.type !== 'intent' && item?.entry.type !== 'refusal') return undefined
  return index.entry(item.entry.seq)
}

function proofIn(
  index: LogIndex,
  { item, bytes }: StandingEntry,
  keys: readonly VerifierKey[],
): MadeProof {
  const { seq } = item.entry
  const { size, root, note } = latestOf(index.folder, keys)
  if (seq >= size) {
    const why = `record ${seq} is not signed yet: ${size} are`
    throw new Unsigned(why)
  }
  const subtrees = index.tiles.subtrees()
  if (size > index.size || rangeRoot(0, size, subtrees) !== root) throw notAsSigned(index.folder)
  const path = inclusionPath(seq, size, subtrees)
  const text = proofText({ entry: bytes, index: seq, path, checkpoint: note })
  const found = proven(text, keys)
  if ('fault' in found) throw notAsSigned(index.folder)
  return { text, proven: found }
}

/** What the log signed last. @throws GuardError ERR_AUDIT_READ */
function latestOf(folder: string, keys: readonly VerifierKey[]): Checkpoint {
  const path = join(folder, LATEST)
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (cause) {
    const why = `nothing is signed of the record \`${folder}\` yet`
    throw new GuardError('ERR_AUDIT_READ', why, { cause })
  }
  const [found] = readNotes(bytes, false)
  const fault =
    found && 'checkpoint' in found ? signatureFault(found.checkpoint.note, keys) : 'it is none'
  if (fault === undefined && found && 'checkpoint' in found) return found.checkpoint
  throw new GuardError(
    'ERR_AUDIT_READ',
    `the checkpoint \`${path}\` proves nothing: ${fault ?? ''}`,
  )
}
