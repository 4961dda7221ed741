/** Reads a folder of policies as one state of it: what changes while it is read is read again. */
import { join, posix } from 'node:path'
import { MAX_BYTES } from '../document/text.ts'
import { digestOf } from '../model/digest.ts'
import { type Place, type Problem, Problems } from '../model/document.ts'
import type { Sha256 } from '../model/id.ts'
import {
  OUTSIDE,
  type PolicyDisk,
  policyDisk,
  type PolicyEntry,
  type PolicyTree,
  reasonOf,
  walkPolicies,
} from './policy-folder.ts'

export type PolicyKind = 'policy' | 'engines' | 'role' | 'test' | 'bundle'

export interface PolicyFile {
  /** As people know it: the links of the folder are not resolved. */
  readonly path: string
  /** In the folder, with `/`. */
  readonly relative: string
  readonly kind: PolicyKind
  readonly bytes: Uint8Array
  readonly digest: Sha256
}

export interface PolicyFiles {
  readonly folder: string
  /** Policies, `engines.yaml`, roles and tests, by their paths. Empty where there is an error. */
  readonly files: readonly PolicyFile[]
  /** Of the folder as it was read: what a watch compares with. */
  readonly signature: string
  readonly problems: readonly Problem[]
  /**
   * A file that `engines.yaml` names; undefined when a problem was reported. Only what lies in the folder, and is still as
   * it was when the rest was read.
   */
  read(relative: string, at: { readonly place: Place }, problems: Problems): PolicyFile | undefined
}

/** True for what a revision is made of. */
export function decides({ kind }: Pick<PolicyFile, 'kind'>): boolean {
  return kind === 'policy' || kind === 'engines' || kind === 'bundle'
}

/** The text of a document; undefined when it was reported that it is none. */
export function policyText(file: PolicyFile, problems: Problems): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(file.bytes)
  } catch {
    const place = { file: file.path, line: 1, column: 1 }
    problems.error({ place }, 'encoding', 'it is not UTF-8', 'save it as UTF-8')
    return undefined
  }
}

const ATTEMPTS = 5
const LARGEST_BUNDLE = 64 * 1024 * 1024

/** Whatever stands in the way is a problem, never a fault. */
export function readPolicyFiles(folder: string, disk: PolicyDisk = policyDisk): PolicyFiles {
  let why = 'it changes all the time'
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    try {
      const tree = walkPolicies(folder, disk)
      const problems = new Problems()
      const files = filesOf({ folder, tree, disk }, problems)
      if (walkPolicies(folder, disk).signature !== tree.signature) continue
      const { signature } = tree
      return {
        folder,
        files: problems.bad ? [] : files,
        signature,
        problems: problems.list,
        read: (relative, at, found) => bundleOf({ folder, tree, disk }, relative, { at, found }),
      }
    } catch (error) {
      why = reasonOf(error)
    }
  }
  return unreadable(folder, why)
}

function unreadable(folder: string, why: string): PolicyFiles {
  const problem: Problem = {
    id: 'unreadable_policies',
    level: 'error',
    message: `cannot read the policies in \`${folder}\`: ${why}`,
    remedy: 'see that the folder is there, and readable for the user who runs the guard',
  }
  return {
    folder,
    files: [],
    signature: `no signature: ${why}`,
    problems: [problem],
    read: () => undefined,
  }
}

interface Within {
  readonly folder: string
  readonly tree: PolicyTree
  readonly disk: PolicyDisk
}

const DOCUMENT = /\.(?:ya?ml|json)$/i
const TEST = /\.test\.(?:ya?ml|json)$/i

/** Undefined for what is no document, or is one that says nothing to a guard. */
function kindOf(relative: string): PolicyKind | undefined {
  if (!DOCUMENT.test(relative)) return undefined
  const { dir, base } = posix.parse(relative)
  if (dir !== '' && dir !== 'roles') return undefined
  if (TEST.test(base)) return 'test'
  if (dir === 'roles') return 'role'
  if (base === 'controls.yaml') return undefined
  return base === 'engines.yaml' ? 'engines' : 'policy'
}

function filesOf(within: Within, problems: Problems): readonly PolicyFile[] {
  const { folder, tree } = within
  const found = [...tree.entries].toSorted(([a], [b]) => (a < b ? -1 : 1))
  return found.flatMap(([relative, entry]) => {
    const kind = kindOf(relative)
    if (kind === undefined && typeof entry !== 'string')
      noteUnread(relative, entry, within, problems)
    // A folder may be called what it likes.
    if (kind === undefined || (typeof entry !== 'string' && entry.stat.kind === 'folder')) return []
    const path = join(folder, relative)
    const bytes = bytesOf(entry, MAX_BYTES, within)
    if (typeof bytes !== 'string') return [{ path, relative, kind, bytes, digest: digestOf(bytes) }]
    // Neither roles nor tests forbid anything: whoever needs them says what is wrong with them.
    const level = kind === 'policy' || kind === 'engines' ? 'error' : 'warning'
    const message = `cannot read \`${path}\`: ${bytes}`
    problems.add({ id: 'unreadable_policy', level, message, remedy: 'mend or remove it' })
    return []
  })
}

/** Who puts a policy where it is not read is told so. */
function noteUnread(
  relative: string,
  entry: PolicyEntry,
  within: Within,
  problems: Problems,
): void {
  if (!DOCUMENT.test(relative) || TEST.test(relative) || entry.stat.kind !== 'file') return
  const bytes = bytesOf(entry, MAX_BYTES, within)
  if (
    typeof bytes === 'string' ||
    !/^(?:policy|rules|engines):/m.test(Buffer.from(bytes).toString())
  )
    return
  const message = `\`${join(within.folder, relative)}\` looks like a policy, and is not read`
  const remedy = 'put it into the folder itself, under a name of its own'
  problems.add({ id: 'not_read', level: 'warning', message, remedy })
}

/** A text says what is wrong. */
function bytesOf(
  entry: PolicyEntry | string | undefined,
  most: number,
  { disk }: Within,
): Uint8Array | string {
  if (entry === undefined) return 'no such file'
  if (typeof entry === 'string') return entry
  if (entry.stat.kind !== 'file') return 'it is not a regular file'
  if (entry.stat.size > most) return `it is larger than ${most} bytes`
  try {
    const bytes = disk.read(entry.real)
    const changed = disk.stat(entry.real).stamp !== entry.stat.stamp
    return changed || bytes.length !== entry.stat.size ? 'it changed while it was read' : bytes
  } catch (error) {
    return reasonOf(error)
  }
}

function bundleOf(
  within: Within,
  relative: string,
  { at, found }: { readonly at: { readonly place: Place }; readonly found: Problems },
): PolicyFile | undefined {
  const { folder, tree } = within
  const name = posix.normalize(relative)
  const leaves = posix.isAbsolute(name) || name === '..' || name.startsWith('../')
  const path = join(folder, name)
  const entry = tree.entries.get(name)
  const bytes = leaves ? OUTSIDE : bytesOf(entry, LARGEST_BUNDLE, within)
  if (typeof bytes !== 'string')
    return { path, relative: name, kind: 'bundle', bytes, digest: digestOf(bytes) }
  const remedy = 'name a file in the folder of the policies'
  found.error(at, 'unreadable_bundle', `cannot read \`${relative}\`: ${bytes}`, remedy)
  return undefined
}
