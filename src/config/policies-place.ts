/** Where the policies are that a guard is under. */
import { lstatSync, realpathSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Problem, Problems } from '../model/document.ts'

export const POLICIES = 'policies'

export interface BesideWhat {
  readonly mandate?: string
  readonly upstreams: string
  readonly settings?: string
}

/** Where policies that nobody names are looked for: beside the mandate, the upstreams and the settings. */
export function policyPlaces({ mandate, upstreams, settings }: BesideWhat): readonly string[] {
  const files = [mandate, upstreams, settings].filter((file) => file !== undefined)
  return [...new Set(files.map((file) => join(dirname(file), POLICIES)))]
}

/** The folder that was named, or the one that is found; undefined where there is none, or a problem was reported. */
export function findPolicies(
  beside: BesideWhat,
  named: string | undefined,
  problems: Problems,
): string | undefined {
  const places = named === undefined ? policyPlaces(beside).filter(isThere) : [named]
  const folders = new Map<string, string>()
  for (const place of places) {
    const found = folderAt(place)
    if (typeof found === 'string') folders.set(found, folders.get(found) ?? place)
    else problems.add(found)
  }
  const [folder, second] = folders.values()
  if (folder === undefined || second === undefined) return folder
  problems.add(twoPolicies(folder, second))
  return undefined
}

/** Nobody can say which of the two counts. */
export function twoPolicies(folder: string, second: string): Problem {
  return {
    id: 'two_policies',
    level: 'error',
    message: `there are two folders of policies, \`${folder}\` and \`${second}\``,
    remedy: 'name one with --policies',
  }
}

/** A link that leads nowhere is there: somebody meant policies to be in force. */
function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined
  } catch {
    return true
  }
}

/** Its real path. */
function folderAt(path: string): string | Problem {
  try {
    if (statSync(path).isDirectory()) return realpathSync(path)
    return bad(`\`${path}\` is no folder`)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    return bad(
      code === 'ENOENT' || code === 'ENOTDIR'
        ? `there is no folder \`${path}\``
        : `\`${path}\` cannot be read: ${code.toLowerCase()}`,
    )
  }
}

function bad(message: string): Problem {
  const remedy = 'put the policies there, or name another folder with --policies'
  return { id: 'no_policies', level: 'error', message, remedy }
}
