/** Folders that hold a log of the same name: one is a copy of the other, or they went on apart. */
import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { eachLine } from './lines.ts'
import type { LogReport } from './log.ts'
import { auditFiles } from './names.ts'
import { leafHashAt } from './tree.ts'

const HASH_BYTES = 32
const PIECE = 4096

export interface Fork {
  readonly log: string
  readonly folders: readonly [string, string]
  /** The first record that is not the same in both. */
  readonly seq: number
  readonly message: string
}

export interface Twins {
  readonly forks: readonly Fork[]
  /** What is no fault and should be known. */
  readonly notes: readonly string[]
}

/** @throws what the system says when the files cannot be read */
export async function twinsAmong(
  reports: readonly LogReport[],
  signal?: AbortSignal,
): Promise<Twins> {
  const byName = Map.groupBy(reports, ({ log }) => log)
  const forks: Fork[] = []
  const notes: string[] = []
  for (const [log, own] of byName) {
    const [longest, ...others] = own.toSorted((a, b) => b.records - a.records)
    if (!longest) continue
    notes.push(...own.flatMap(({ folder }) => renamed(log, folder)))
    if (others.length === 0) continue
    const leaves = await leavesOf(longest.folder, signal)
    for (const { folder } of others) {
      const { seq, count } = await partAt(folder, leaves, signal)
      const [one, two] = [basename(longest.folder), basename(folder)]
      if (seq === undefined) {
        const size = `${count} record${count === 1 ? '' : 's'}`
        notes.push(`\`${two}\` is a copy of the log \`${log}\` in \`${one}\`: its first ${size}`)
        continue
      }
      const message = `fork: \`${one}\` and \`${two}\` are both the log \`${log}\`, and they part at record ${seq}`
      forks.push({ log, folders: [longest.folder, folder], seq, message })
    }
  }
  return { forks, notes }
}

function renamed(log: string, folder: string): readonly string[] {
  const name = basename(folder)
  return name === log ? [] : [`the folder \`${name}\` holds the log \`${log}\``]
}

/** Leaf hashes one after the other, in pieces. */
type Leaves = readonly Buffer[]

async function leavesOf(folder: string, signal?: AbortSignal): Promise<Leaves> {
  const pieces: Buffer[] = []
  await eachLeaf(
    folder,
    (leaf, at) => {
      if (at % PIECE === 0) pieces.push(Buffer.alloc(PIECE * HASH_BYTES))
      pieces.at(-1)?.write(leaf, (at % PIECE) * HASH_BYTES, 'hex')
    },
    signal,
  )
  return pieces
}

/** Where the records in this folder are others; undefined where they are the first `count` of them. */
async function partAt(
  folder: string,
  leaves: Leaves,
  signal?: AbortSignal,
): Promise<{ readonly seq: number | undefined; readonly count: number }> {
  let seq: number | undefined
  const count = await eachLeaf(
    folder,
    (leaf, at) => {
      if (seq !== undefined) return
      const begin = (at % PIECE) * HASH_BYTES
      const piece = leaves[Math.floor(at / PIECE)]
      if (piece?.toString('hex', begin, begin + HASH_BYTES) !== leaf) seq = at
    },
    signal,
  )
  return { seq, count }
}

async function eachLeaf(
  folder: string,
  take: (leaf: string, at: number) => void,
  signal?: AbortSignal,
): Promise<number> {
  let at = 0
  for (const { name } of auditFiles(readdirSync(folder))) {
    await eachLine(
      join(folder, name),
      ({ bytes, begin, end }) => {
        take(leafHashAt(bytes, begin, end), at)
        at += 1
      },
      signal,
    )
  }
  return at
}
