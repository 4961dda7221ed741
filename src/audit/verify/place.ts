/** Where logs and their keys lie: below a state folder, in its `log` folder, or as the folder of one log. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { GuardError } from '../../model/error.ts'
import { holdsLog } from './names.ts'
import { looksLikeKey, type VerifierKey, verifierKey } from './note.ts'

const KEY_FILE = 'log.vkey'
const OLD_KEY = /^log-[0-9a-f]{8}\.vkey$/
const LARGEST_KEY = 4096

export interface Logs {
  /** One for each log, by name. */
  readonly folders: readonly string[]
  /** True where these are all logs of a state folder: what is missing among them is missing. */
  readonly all: boolean
}

/** @throws GuardError ERR_AUDIT_READ when there is no log */
export function logsIn(place: string): Logs {
  const names = namesIn(place)
  if (holdsLog(names)) return { folders: [place], all: false }
  const root = names.includes('log') ? join(place, 'log') : place
  const folders = namesIn(root)
    .toSorted()
    .map((name) => join(root, name))
    .filter((folder) => isFolder(folder) && holdsLog(namesIn(folder)))
  return { folders, all: true }
}

/** The keys that lie nearest above the place: the one that signs now first, then those that did before. */
export function keysAt(place: string): readonly VerifierKey[] {
  for (const folder of [place, dirname(place), dirname(dirname(place))]) {
    const names = namesIn(folder).filter((name) => name === KEY_FILE || OLD_KEY.test(name))
    if (!names.includes(KEY_FILE)) continue
    const before = names.filter((name) => name !== KEY_FILE)
    return [KEY_FILE, ...before].map((name) => keyIn(join(folder, name)))
  }
  return []
}

/** `given`: a key itself, or the name of a file with one. @throws GuardError ERR_AUDIT_READ */
export function keyOf(given: string, cwd: string): VerifierKey {
  return looksLikeKey(given) ? verifierKey(given, given) : keyIn(resolve(cwd, given))
}

function keyIn(path: string): VerifierKey {
  return verifierKey(textOf(path, LARGEST_KEY), path)
}

/** @throws GuardError ERR_AUDIT_READ */
export function textOf(path: string, most: number): string {
  try {
    const found = statSync(path)
    if (!found.isFile()) throw new Error('it is no regular file')
    if (found.size > most) throw new Error(`it has more than ${most} bytes`)
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new GuardError('ERR_AUDIT_READ', `\`${path}\` cannot be read: ${why}`, { cause })
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return []
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new GuardError('ERR_AUDIT_READ', `\`${folder}\` cannot be read: ${why}`, { cause })
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}
