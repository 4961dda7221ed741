/**
 * The guard's own files are out of bounds (design: the documents a person writes): whoever can write the mandate, the
 * upstreams, the policies, the lock, the settings or the state decides what is permitted.
 */
import { dirname, extname, join, relative, sep } from 'node:path'
import { type Problem, Problems } from '../model/document.ts'
import type { Mandate } from '../model/mandate.ts'
import { lockPlaces } from './lock.ts'
import type { RealPath } from './launch.ts'
import type { Upstream } from './mcp-json.ts'
import { POLICIES } from './policies-place.ts'
import { reachableRoots, runsPrograms, writableRoots, type Root } from './writable.ts'

/** A file or folder that says what is permitted, or keeps the record of it. */
export interface OwnFile {
  readonly path: string
  /** In words: `the mandate`. */
  readonly what: string
  /** The endings that matter in it; absent: whatever it holds does. */
  readonly endings?: readonly string[]
}

/** What the agent must never read, even where it writes nothing. */
export interface OwnSecret extends OwnFile {
  /** Others lent it to the guard: nobody may permit that it is read. */
  readonly lent?: true
}

export interface OwnFilesGiven {
  /** Absolute paths, all of them. */
  readonly mandate: string
  readonly roles: readonly string[]
  readonly upstreams: string
  readonly stateDir: string
  readonly logFile?: string
  /** Others that this guard was started with. */
  readonly also?: readonly OwnFile[]
  /** Where the lock file was said to be. */
  readonly lock?: string
  /** The folder of policies that is in force: whatever it holds may decide. */
  readonly policies?: string
}

const DOCUMENT = ['yaml', 'yml', 'json', 'jsonc']

/** One document. */
export function ownFile(path: string, what: string): OwnFile {
  return { path, what, endings: [ending(path)] }
}

/** What is out of bounds for these documents. The settings and the lock count before they exist: an agent could make them. */
export function ownFiles(given: OwnFilesGiven): readonly OwnFile[] {
  const beside = dirname(given.mandate)
  const inForce = given.policies === undefined ? [] : [given.policies]
  // One that nobody made yet could be made.
  const folders = [...inForce, join(beside, POLICIES), ...given.roles.map(dirname)]
  const outermost = folders.filter(
    (folder) => !folders.some((other) => inside(folder, other, true)),
  )
  const others = given.also ?? []
  const own = [
    ownFile(given.mandate, 'the mandate'),
    ownFile(given.upstreams, 'the upstreams'),
    ownFile(join(beside, 'chaperone.yaml'), 'the settings'),
    ...[...locksOf(given)].map((path) => ownFile(path, 'the lock')),
    ...[...new Set(outermost)].map((path) => ({
      path,
      what: 'the policies',
      ...(path !== given.policies && { endings: DOCUMENT }),
    })),
    { path: given.stateDir, what: 'the state' },
    ...(given.logFile === undefined ? [] : [ownFile(given.logFile, 'the operational log')]),
  ]
  const known = new Set(own.map(({ path }) => path))
  return [...own, ...others.filter(({ path }) => !known.has(path))]
}

/** Wherever one would be found, and where it was said to be. */
function locksOf({ mandate, upstreams, lock }: OwnFilesGiven): ReadonlySet<string> {
  const found = lockPlaces({ mandate, upstreams })
  return new Set(lock === undefined ? found : [lock, ...found])
}

/** How paths compare on this machine: injected, so that every platform can be tested on any. */
export interface Disk {
  readonly realpath: RealPath
  /** True where `A` and `a` are one file (macOS, Windows). */
  readonly ignoreCase: boolean
}

/**
 * An error for each folder that the agent could write and that holds, or is held by, one of the guard's own files.
 * `allowed` names own files, or such folders, that may be written all the same.
 */
export function refuseWritable(
  own: readonly OwnFile[],
  authority: Authority,
  allowed: readonly string[],
  disk: Disk,
): readonly Problem[] {
  const problems = new Problems()
  const isLifted = liftedBy(allowed, disk)
  const exposed = own.filter((file) => !isLifted(file.path))
  const roots = writableRoots(authority.mandate, authority.upstreams)
  for (const { root, same, held } of reaching(roots, exposed, disk))
    if (!isLifted(root.path)) report(root, same, held, problems)
  for (const grant of runsPrograms(authority.mandate)) {
    problems.warning(
      grant,
      'runs_programs',
      `\`${grant.server}/${grant.name}\` runs programs, and a program can write whatever its user can: the guard's own files too`,
      'run its upstream as another user, or in a container',
    )
  }
  return problems.list
}

/**
 * An error for each folder through which the agent could read what it must never see: whoever reads the keys of the record
 * can sign another one, or open what is sealed. `allowed` as above; nothing lifts what is lent.
 */
export function refuseReadable(
  secrets: readonly OwnSecret[],
  authority: Authority,
  allowed: readonly string[],
  disk: Disk,
): readonly Problem[] {
  const problems = new Problems()
  const isLifted = liftedBy(allowed, disk)
  const exposed = secrets.filter(({ lent, path }) => lent || !isLifted(path))
  const roots = reachableRoots(authority.mandate, authority.upstreams)
  for (const { root, same, held: reached } of reaching(roots, exposed, disk)) {
    const held = isLifted(root.path) ? reached.filter(({ lent }) => lent) : reached
    if (held.length === 0) continue
    const byName = held.some(({ lent }) => lent)
      ? ''
      : `, or permit it by name: --allow-writable ${liftOf(root, held)}`
    problems.error(
      root,
      'own_secrets_readable',
      `the agent could read what it must never see by \`${root.tool}\`${alsoBy(root, same)}: ${root.named} reaches ${named(held)}`,
      `keep the state elsewhere (\`--state-dir\`), or narrow \`${root.tool}\`${byName}`,
    )
  }
  return problems.list
}

/** Whether a path was permitted by name. */
function liftedBy(allowed: readonly string[], disk: Disk): (path: string) => boolean {
  const lifted = new Set(allowed.flatMap((path) => spellings(path, disk)))
  return (path) => spellings(path, disk).some((spelling) => lifted.has(spelling))
}

/** What has to be named to lift it: the only file, or else the folder. */
function liftOf(root: Root, held: readonly OwnFile[]): string {
  return (held.length === 1 ? held[0]?.path : undefined) ?? root.path
}

interface Authority {
  readonly mandate: Mandate
  readonly upstreams: readonly Upstream[]
}

interface Reach<File> {
  readonly root: Root
  readonly same: readonly Root[]
  readonly held: readonly File[]
}

/** One for each folder that reaches any of the files, however many grants lead to it. */
function reaching<File extends OwnFile>(
  roots: readonly Root[],
  files: readonly File[],
  disk: Disk,
): readonly Reach<File>[] {
  return [...Map.groupBy(roots, rootKey).values()].flatMap(([root, ...same]) => {
    const held = root ? files.filter((file) => meets(file, root, disk)) : []
    return root && held.length > 0 ? [{ root, same, held }] : []
  })
}

function rootKey(root: Root): string {
  return JSON.stringify([root.path, root.endings, root.beginning])
}

function report(
  root: Root,
  same: readonly Root[],
  held: readonly OwnFile[],
  problems: Problems,
): void {
  const narrow = root.unclassified
    ? `say \`effect: read\` if \`${root.tool}\` only reads`
    : `narrow \`${root.tool}\``
  problems.error(
    root,
    'own_files_writable',
    `the agent could write the guard's own files by \`${root.tool}\`${alsoBy(root, same)}: ${root.named} reaches ${named(held)}`,
    `keep them where no tool can write, ${narrow}, or permit it by name: --allow-writable ${liftOf(root, held)}`,
  )
}

function alsoBy(root: Root, same: readonly Root[]): string {
  const others = new Set(same.map((other) => other.tool))
  others.delete(root.tool)
  return others.size === 0 ? '' : ` and ${others.size} more`
}

function named(held: readonly OwnFile[]): string {
  return held.map(({ what, path }) => `${what} \`${path}\``).join(', ')
}

/** True when the own file lies at or under the root, or the root under an own folder, and their endings allow it. */
function meets(file: OwnFile, root: Root, disk: Disk): boolean {
  const apart =
    root.endings !== undefined &&
    file.endings !== undefined &&
    !file.endings.some((one) => root.endings?.includes(one) === true)
  if (apart) return false
  const own = spellings(file.path, disk)
  return spellings(root.path, disk).some((folder) =>
    own.some((path) => touches(path, folder, root)),
  )
}

function touches(own: string, folder: string, { beginning }: Root): boolean {
  if (beginning !== undefined) {
    const begins = join(folder, beginning)
    return own.startsWith(begins) || inside(begins, own, true)
  }
  return inside(own, folder, false) || inside(folder, own, false)
}

/** True when a path lies in a folder, or (unless `strictly`) is that folder. */
function inside(path: string, folder: string, strictly: boolean): boolean {
  if (path === folder) return !strictly
  return path.startsWith(folder.endsWith(sep) ? folder : folder + sep)
}

function ending(path: string): string {
  return extname(path).slice(1).toLowerCase()
}

/** The path as written and with its links resolved: through either of the two it could be reached. */
function spellings(path: string, disk: Disk): readonly string[] {
  return [path, real(path, disk)].map((spelling) =>
    disk.ignoreCase ? spelling.normalize('NFC').toLowerCase() : spelling,
  )
}

/** The path with links resolved as far as it exists. */
function real(path: string, disk: Disk): string {
  let known = path
  let found = disk.realpath(known)
  while (found === undefined && dirname(known) !== known) {
    known = dirname(known)
    found = disk.realpath(known)
  }
  return join(found ?? known, relative(known, path))
}
