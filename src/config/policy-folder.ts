/** A folder of policies as it lies on the disk: what is in it, and a signature that differs whenever anything of it does. */
import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { join, sep } from 'node:path'
import { digestOf } from '../model/digest.ts'

/** What the readers ask of a disk; all of it synchronous, throwing what the system says. */
export interface PolicyDisk {
  realpath(path: string): string
  list(folder: string): readonly string[]
  /** Links are followed. */
  stat(path: string): PolicyStat
  read(path: string): Uint8Array
}

export interface PolicyStat {
  readonly kind: 'file' | 'folder' | 'other'
  readonly size: number
  /** Tells it from what it was, or from another that took its name. */
  readonly stamp: string
}

export const policyDisk: PolicyDisk = {
  realpath: (path) => realpathSync(path),
  list: (folder) => readdirSync(folder),
  stat: (path) => {
    const found = statSync(path, { bigint: true })
    const { dev, ino, size, mtimeNs, ctimeNs } = found
    return {
      kind: found.isFile() ? 'file' : found.isDirectory() ? 'folder' : 'other',
      size: Number(size),
      stamp: [dev, ino, size, mtimeNs, ctimeNs].join(' '),
    }
  },
  read: (path) => readFileSync(path),
}

/** One thing in the folder. */
export interface PolicyEntry {
  /** With its links resolved; the folder may be another by the time that it is read. */
  readonly real: string
  readonly stat: PolicyStat
}

export interface PolicyTree {
  /** By the path in the folder, with `/`; a text where it is out of reach: why. */
  readonly entries: ReadonlyMap<string, PolicyEntry | string>
  /** The folder with its links resolved. */
  readonly root: string
  readonly signature: string
}

export const OUTSIDE = 'it leads out of the folder of the policies'

const DEEPEST = 8
const MOST = 10_000

/**
 * Walks the folder as it stands. What begins with a dot is left out: editors and volumes keep their own things there.
 *
 * @throws Error where the folder itself cannot be read, or holds too much
 */
export function walkPolicies(folder: string, disk: PolicyDisk): PolicyTree {
  const root = disk.realpath(folder)
  const entries = new Map<string, PolicyEntry | string>()
  walk({ path: root, relative: '', depth: 0 }, { root, disk, entries, folders: new Set([root]) })
  const lines = [...entries].map(([relative, found]) =>
    JSON.stringify([relative, typeof found === 'string' ? found : [found.real, found.stat.stamp]]),
  )
  return { entries, root, signature: digestOf([root, ...lines.toSorted()].join('\n')) }
}

/** Differs whenever anything in the folder does; what cannot be walked has one, too. */
export function policySignature(folder: string, disk: PolicyDisk = policyDisk): string {
  try {
    return walkPolicies(folder, disk).signature
  } catch (error) {
    return `no signature: ${reasonOf(error)}`
  }
}

interface Walk {
  readonly root: string
  readonly disk: PolicyDisk
  readonly entries: Map<string, PolicyEntry | string>
  /** Those that were walked, so that links in a circle end. */
  readonly folders: Set<string>
}

function walk(
  at: { readonly path: string; readonly relative: string; readonly depth: number },
  state: Walk,
): void {
  for (const name of state.disk.list(at.path)) {
    if (name.startsWith('.')) continue
    const relative = at.relative === '' ? name : `${at.relative}/${name}`
    const found = entryAt(join(at.path, name), state)
    state.entries.set(relative, found)
    if (state.entries.size > MOST) throw new Error(`it holds more than ${MOST} things`)
    if (typeof found === 'string' || found.stat.kind !== 'folder') continue
    if (state.folders.has(found.real)) continue
    if (at.depth >= DEEPEST) throw new Error(`it is more than ${DEEPEST} folders deep`)
    state.folders.add(found.real)
    walk({ path: found.real, relative, depth: at.depth + 1 }, state)
  }
}

function entryAt(path: string, { root, disk }: Walk): PolicyEntry | string {
  try {
    const real = disk.realpath(path)
    if (!isWithin(real, root)) return OUTSIDE
    return { real, stat: disk.stat(real) }
  } catch (error) {
    return reasonOf(error)
  }
}

function isWithin(path: string, folder: string): boolean {
  return path.startsWith(folder.endsWith(sep) ? folder : folder + sep)
}

/** In words where the system has only a code. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error ? String(error.code) : error.message
  return REASONS.get(code) ?? code
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'no such file or folder'],
  ['ENOTDIR', 'it is no folder'],
  ['EACCES', 'permission denied'],
  ['EPERM', 'permission denied'],
  ['ELOOP', 'its links lead in a circle'],
])
